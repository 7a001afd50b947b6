"""Who left since the last digest, or the run before, is told in it with what was estimated, and where the review is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from support.figures import figures_by_hand, kept_beside
from support.stored import MODEL, SCORE, opened

from serving.digest.digest_html import html_of, text_of
from serving.digest.managers_file import Managers
from serving.digest.rounds import make_all
from serving.scoring.book_figures import DEPARTURES
from serving.settings import ServiceSettings

BEFORE, DAY, EVA = date(2025, 12, 1), date(2026, 1, 1), "Eva"
GONE = {
    "name": "Gone Ltd",
    "account_manager": EVA,
    "reason": None,
    "returned": False,
    "revenue": 605_000.0,
    "facts": {},
}


def departures(*ends: str) -> Any:
    kept = [GONE | {"ended_on": end} for end in ends]
    made = figures_by_hand()
    said = {"losses": {"first": "2025-01-01", "reason": None}}
    parts = tuple(replace(part, record=part.record | said) for part in made.parts)
    return replace(made, parts=parts, beside=(kept_beside(DEPARTURES, {"A53": kept}),))


@pytest.mark.parametrize(
    ("lang", "ended", "said"),
    [
        ("de", "2025-12-28",
         "am 28.12.2025 gegangen; am 01.12.2025 auf 23 % geschätzt; Jahresumsatz davor: 605.000 €"),
        ("en", "2025-12-28",
         "left on 28 Dec 2025; estimated at 23% on 1 Dec 2025; a year's invoicing before: €605,000"),
        ("de", "2025-11-28", ""),
    ],
)  # fmt: skip
def test_who_left_since_is_told(tmp_path: Path, lang: Any, ended: str, said: str) -> None:
    lost = replace(SCORE, account_id="A53", as_of=BEFORE, churn_probability=0.23)
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        for as_of, figures, rows in ((BEFORE, None, [SCORE, lost]), (DAY, departures(ended), [SCORE])):
            evidence = {row.account_id: {"account": {"account_manager": EVA}} for row in rows}
            scores = [replace(row, as_of=as_of) for row in rows]
            store.write(scores, evidence, MODEL, as_of, SCORE.scored_at, figures=figures)
        settings = ServiceSettings(alerts="", public_url="https://risk.example")
        now = datetime(2026, 1, 7, 9, tzinfo=UTC)
        (made,) = make_all(store.engine, settings, Managers({}), EVA, lang, now).digests
    told = text_of(made.digest).replace("\u00a0", " ")
    assert ("Gone Ltd" in told) == bool(said) and " ".join(said.split()) in " ".join(told.split())
    assert (f"https://risk.example/losses?lang={lang}" in html_of(made.digest)) == bool(said)

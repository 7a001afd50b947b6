"""What a run keeps of each account becomes the estimates of its figures: read back, and none of the unknown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.stored import MODEL, SCORE, opened

from features.figures.estimates import COURSE, LIFETIME, MONTHS
from serving.scoring.kept_estimates import estimates_of
from training.worth.level import Level

OUTLOOK = {
    "monthly": [0.01] * 12, "mean_days": 350.0,
    "lifetime": {"value": 900.0, "low": 1.0, "high": 999.0, "variance": 4.0, "by_level": 2.0, "most": 1000.0},
}  # fmt: skip


def bundle(**models: Any) -> Any:
    kept = {"hazard": object(), "contraction": object()} | models
    return SimpleNamespace(**kept, level=Level(0.2, 4.0, 0), rule=SimpleNamespace(lead_days=7))


def kept(url: str) -> list[Any]:
    """Return what a store gives back of three accounts, of which one is unknown and one has no outlook."""
    names = {"A": "safe", "B": "unknown", "C": "safe"}
    scores = [replace(SCORE, account_id=name, band=band) for name, band in names.items()]
    evidence = {"A": {"outlook": OUTLOOK}, "B": {"outlook": OUTLOOK}, "C": {}}
    with opened(url) as store, store.writing_run(
        MODEL, SCORE.as_of, SCORE.scored_at
    ) as run:  # fmt: skip
        run.add(scores, evidence)
        return list(run.outlooks())


def test_a_run_s_outlooks_are_read_back(database_url: str) -> None:
    found = estimates_of(kept(database_url), SCORE.as_of, bundle())
    frame = pd.concat(found.accounts).set_index("account_id")
    assert (found.as_of, found.lead_days, list(frame.index)) == (SCORE.as_of, 7, ["A", "B", "C"])
    assert frame.loc["A", list(MONTHS)].tolist() == [0.01] * 12
    assert frame.loc["A", list(LIFETIME)].tolist() == [900.0, 4.0, 2.0, 1000.0]
    assert frame.loc[["B", "C"], [*MONTHS, *LIFETIME]].isna().all(axis=None), "too little is known of B, nothing of C"
    # Odds of 3 : 7, one standard deviation of the level up: 0.2 x sqrt(4 / 2).
    odds = 3 / 7 * np.exp(0.2 * 2**0.5)
    assert 1 - 0.7 ** frame.loc["A", "harsher"] == pytest.approx(odds / (1 + odds))
    assert frame.loc["A", "milder"] < 1 < frame.loc["A", "harsher"]


def test_pieces_are_the_whole(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = kept(database_url)
    whole = pd.concat(estimates_of(rows, SCORE.as_of, bundle()).accounts)
    monkeypatch.setattr("serving.scoring.kept_estimates.PIECE", 2)
    pieces = list(estimates_of(rows, SCORE.as_of, bundle()).accounts)
    assert [len(piece) for piece in pieces] == [2, 1]
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), whole)


@pytest.mark.parametrize(
    ("models", "course", "lifetime"),
    [({}, True, True), ({"contraction": None}, True, False), ({"hazard": None}, False, False)],
)
def test_what_the_model_has_no_estimate_of_is_no_column(
    tmp_path: Path, models: dict[str, Any], course: bool, lifetime: bool
) -> None:
    found = estimates_of(kept(f"sqlite:///{tmp_path / 'scores.db'}"), SCORE.as_of, bundle(**models))
    assert (found.has(COURSE), found.has(LIFETIME)) == (course, lifetime) and len(pd.concat(found.accounts)) == 3
    assert list(estimates_of([], SCORE.as_of, bundle(**models)).accounts) == []

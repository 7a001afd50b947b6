"""The glossary: values of a book in the reader's language, with a user's file over ours; unknown values stay."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs
from support.reports import evidence_of, report, score_of

from features.errors import InputError
from features.simulation.ground import words as simulated
from serving.glossary_file import SUBJECTS, parse_entries
from serving.settings import ServiceSettings
from serving.words.formats import LANGS
from serving.words.glossary import glossary

ROOT = Path(__file__).parents[3]
OURS = (ROOT / "serving/words/locales/glossary.toml").read_text(encoding="utf-8")
WRONG = """
[role]
purchasing = "Einkauf"
it = { fr = "TI", de = " " }
IT = { de = "IT" }
[colour]
red = { de = "rot" }
"""


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    glossary.cache_clear()
    yield
    glossary.cache_clear()


def test_every_value_of_the_simulated_book_is_known() -> None:
    values = {
        "segment": simulated.SEGMENTS, "industry": simulated.INDUSTRIES, "role": simulated.ROLES,
        "ticket_kind": simulated.TICKET_KINDS, "severity": simulated.SEVERITIES,
        "action_kind": simulated.ACTION_KINDS, "level": simulated.LEVELS,
        "topic": simulated.TOPICS, "channel": simulated.CHANNELS,
    }  # fmt: skip
    entries = glossary().entries
    for subject, named in values.items():
        for value in named:
            assert set(entries[subject][value.replace("_", " ").replace("-", " ").casefold()]) == set(LANGS), value
    assert set(parse_entries(OURS, "ours")) == set(SUBJECTS)


@pytest.mark.parametrize("written", ["mid-market", "Mid Market", "MID_MARKET"])
def test_values_are_compared_without_case_and_by_words(written: str) -> None:
    assert glossary().say("segment", written, "de") == "Mittelstand"


def test_a_value_without_an_entry_stays_as_it_is() -> None:
    assert glossary().say("role", "Head_of-Xyz", "de") == "Head_of-Xyz"


def test_a_user_s_file_goes_before_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "glossary.toml"
    file.write_text('[role]\npurchasing = { de = "Beschaffung" }\nxy1 = { de = "Meisterei" }\n', encoding="utf-8")
    monkeypatch.setenv("CHURN_RISK_GLOSSARY", str(file))
    assert glossary().say("role", "Purchasing", "de") == "Beschaffung"
    assert glossary().say("role", "purchasing", "en") == "purchasing"
    assert glossary().say("role", "XY1", "de") == "Meisterei" and glossary().say("role", "IT", "de") == "IT"


def test_everything_wrong_in_a_file_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "glossary.toml"
    file.write_text(WRONG, encoding="utf-8")
    monkeypatch.setenv("CHURN_RISK_GLOSSARY", str(file))
    with pytest.raises(InputError) as raised:
        ServiceSettings()
    told = str(raised.value)
    for part in ("'purchasing' = 'Einkauf'", "'fr' is no language", "de = ' ' is no text", "'IT' stands there already",
                 "[colour] is no subject"):  # fmt: skip
        assert part in told, told


def test_no_german_text_has_the_words_that_its_readers_stumbled_over() -> None:
    """Neither terms translated word for word nor short forms that nobody says."""
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "serving").rglob("locales/**/de.toml")}
    assert len(texts) >= 5 and any("in Gefahr" in text for text in texts.values())
    stumbled = ("Bedrohung", "%-P", "% -P", "Älteres zählt")
    assert [(path.name, word) for path, text in texts.items() for word in stumbled if word in text] == []


def test_a_german_report_calls_values_by_german_names() -> None:
    who = {"contact_id": "C1", "role": "purchasing", "decision_maker": True}
    evidence = evidence_of(
        contacts={"total": 1, "rows": [who | {"valid_from": "2024-01-01", "valid_to": None}]},
        account=evidence_of()["account"] | {"segment": "mid-market", "industry": "health care"},
        open_tickets={"total": 1, "rows": [
            {"ticket_id": "T7", "kind": "billing", "severity": "critical", "opened_at": "2026-01-01T00:00:00Z",
             "closed_at": None, "hours": 336.0}]},
        actions={"total": 1, "rows": [{"kind": "executive_call", "done_at": "2026-01-02T00:00:00Z", "note": None}]},
    )  # fmt: skip
    score = score_of({"contacts_active": (1.0, 0.1)})
    industry = [structs.replace(reason, value_text="logistics") if reason.signal == "account_industry" else reason
                for reason in score.reasons]  # fmt: skip
    found = report("de", replace(score, reasons=tuple(industry)), evidence)
    assert found.facts[1:3] == ("Mittelstand", "Gesundheitswesen")
    assert found.why.steps[1].sentence == "Es gibt nur einen Ansprechpartner (Rolle: Einkauf)."
    cells = {table.key: [cell.text for cell in table.rows[0]] for table in found.evidence}
    assert "Einkauf" in cells["contacts"] and {"T7", "Abrechnung", "kritisch"} <= set(cells["open_tickets"])
    assert "Anruf der Geschäftsleitung" in cells["actions"]
    (row,) = [row for group in found.signals for row in group.rows if row.label == "Branche"]
    assert row.value == "Logistik"


def test_no_german_text_calls_who_decides_by_a_man_s_word() -> None:
    """Who decides may be a woman: it is an "Entscheidungsperson"."""
    texts = [path for layer in ("features", "serving") for path in (ROOT / layer).rglob("*.toml")]
    texts += list((ROOT / "features").rglob("*.py"))
    assert [path.name for path in texts if re.search("Entscheider", path.read_text(encoding="utf-8"))] == []

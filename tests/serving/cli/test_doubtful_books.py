"""Books that are sound but mislead: what train refuses, what every command says, how old the tables are."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.commands import Command, versions
from support.served import changed_book
from support.small_books import ACCOUNTS, MONTHS, billed, written

from serving.api.answers.responses import RiskOut
from serving.store import ScoreStore
from training.making.pipeline import Trained


@pytest.fixture
def straggling(book_folder: Path, tmp_path: Path) -> Path:
    """Return the simulated book with one more invoice, eight months after its end."""
    folder = changed_book(book_folder, tmp_path / "straggling", absent=("invoices",))
    invoices = pq.read_table(book_folder / "invoices.parquet")
    late = {"invoice_id": "LATE", "account_id": "A000001", "invoiced_on": date(2026, 9, 1), "amount": 100.0}
    row = pa.Table.from_pylist([late | {n: None for n in invoices.column_names if n not in late}], invoices.schema)
    pq.write_table(pa.concat_tables([invoices, row]), folder / "invoices.parquet")
    return folder


@pytest.mark.parametrize("as_json", [False, True])
def test_train_refuses_an_unsettled_end_and_writes_nothing(
    churn_risk: Command, home: Path, straggling: Path, as_json: bool
) -> None:
    before = sorted(path for path in home.rglob("*"))
    done = churn_risk("train", straggling, *(["--json"] if as_json else []))
    assert done.code == 2 and "it is not settled where the data end" in done.err
    assert "LATE: '2026-09-01'" in done.err and "--until 2026-01-01" in done.err
    assert versions(home) == ["1"] and sorted(path for path in home.rglob("*")) == before
    if as_json:
        (problem,) = done.result["problems"]
        assert (problem["ids"], problem["values"]) == (["LATE"], ["2026-09-01"])


def test_until_settles_it(
    churn_risk: Command, home: Path, straggling: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.making.pipeline.train", lambda *_: trained)
    monkeypatch.setattr("training.making.pipeline.advised", lambda trained, _: trained)
    done = churn_risk("train", straggling, "--until", "2026-01-01", "--no-figures", "--json")
    assert done.code == 0 and versions(home) == ["1", "2"]
    assert any("LATE" in warning for warning in done.result["warnings"])


@pytest.mark.usefixtures("home")
def test_validate_features_evaluate_and_score_say_it(churn_risk: Command, straggling: Path, tmp_path: Path) -> None:
    commands = {
        "validate": (),
        "features": ("--as-of", "2026-01-01", "--out", tmp_path / "matrix.parquet"),
        "evaluate": ("--as-of", "2025-06-01", "--learnt-dates"),
        "score": ("--as-of", "2026-01-01", "--out", tmp_path / "scores.csv"),
    }
    for command, options in commands.items():
        done = churn_risk(command, straggling, *options, "--json")
        assert done.code == 0, command
        (warning,) = [told for told in done.result["warnings"] if "LATE: '2026-09-01'" in told]
        assert f"warning: {warning}" in done.err
    late = churn_risk("evaluate", straggling, "--as-of", "2025-12-01")
    assert late.code == 2 and "the data end on 2026-01-01" in late.err


def test_validate_shows_when_each_table_is_recorded(churn_risk: Command, tmp_path: Path) -> None:
    folder = written(tmp_path / "book", churns=["a1,2023-12-15"], contacts=["c1,a2,2023-01-01,"])
    done = churn_risk("validate", folder, "--json")
    assert done.result["recorded"]["invoices"] == ["2023-01-01", "2025-12-01"]
    assert done.result["warnings"][0].startswith("churns.churned_on: invoiced on as before")
    assert done.result["notes"] == []
    shown = churn_risk("validate", folder).err
    assert "recorded from" in shown and "2025-12-01" in shown


def test_notes_are_for_validate(churn_risk: Command, tmp_path: Path) -> None:
    rows = [row for account in ACCOUNTS[:2] for row in billed(account, MONTHS)]
    folder = written(tmp_path / "book", invoices=rows, churns=["a3,2024-01-01"], contacts=["c1,a3,2023-01-01,"])
    assert len(churn_risk("validate", folder, "--json").result["notes"]) == 1
    assert "note: churns.churned_on: a contact stays active" in churn_risk("validate", folder).err


@pytest.mark.parametrize("command", ["train", "backtest"])
def test_a_silence_shorter_than_the_rhythm_is_refused(churn_risk: Command, tmp_path: Path, command: str) -> None:
    rows = [row for account in ACCOUNTS for row in billed(account, MONTHS[::3])]
    folder = written(tmp_path / "book", invoices=rows)
    done = churn_risk(command, folder, "--silence-days", 60)
    assert done.code == 2 and "--silence-days 60 is shorter than the usual gap" in done.err
    anyway = churn_risk(command, folder, "--silence-days", 60, "--accept-short-silence")
    assert anyway.code == 1 and "warning: --silence-days 60 is shorter" in anyway.err


def test_score_tells_how_old_each_table_is(
    churn_risk: Command, home: Path, book_folder: Path, as_of: date, tmp_path: Path
) -> None:
    fresh = churn_risk("score", book_folder, "--as-of", as_of, "--no-figures", "--json")
    (told,) = fresh.result["warnings"]
    assert told.startswith("The model has grade D: ") and fresh.err == f"warning: {told}\n"
    assert fresh.result["freshness"]["invoices"]["age_days"] < 31
    stale = churn_risk("score", book_folder, "--as-of", "2026-10-28", "--no-figures", "--json")
    ages = stale.result["freshness"]
    assert ages["invoices"]["last"] == "2025-12-31" or ages["invoices"]["age_days"] > 300
    assert ages["invoices"]["is_stale"] and ages["surveys"]["is_stale"] and not ages["contracts"]["is_stale"]
    assert any(warning.startswith("invoices: the last record is of") for warning in stale.result["warnings"])
    assert "warning: invoices: the last record is of" in stale.err
    stored = ScoreStore(stale.result["out"]).latest("A000001")
    assert stored.model["freshness"] == ages
    answer = RiskOut.answering(stored, "r1")
    (told,) = [warning.detail for warning in answer.warnings if "in invoices is of" in warning.detail]
    assert f"{ages['invoices']['age_days']} days before" in told
    churn_risk("report", "A000001", "--lang", "de", "--out", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Der letzte Eintrag unter „Rechnungen“ ist vom" in page and "unter „Verträge“" not in page
    shown = churn_risk("score", book_folder, "--as-of", as_of, "--no-figures")
    assert "last records: invoices 2025-12-" in shown.err

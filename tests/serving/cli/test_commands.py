"""The command line: exit codes, one JSON object on standard output when asked, nothing written on bad input."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from support.outlooks import with_outlook
from support.registries import copy_home
from support.served import Done, changed_book, free_port, run_command

from features.signal import signal_names
from features.tables import Tables
from serving.store import ScoreStore
from training.bundle.bundle import Bundle, load_bundle
from training.bundle.publishing import bundle_in
from training.making.pipeline import Trained
from training.settings import Environment

COMMANDS = (
    "simulate",
    "validate",
    "features",
    "train",
    "backtest",
    "card",
    "evaluate",
    "score",
    "report",
    "serve",
    "demo",
    "promote",
    "rollback",
    "compare",
)
#: Commands that have commands of their own, and those whose result is a document.
OTHERS = ("keys", "store", "webhooks", "openapi")
Command = Callable[..., Done]
BROKEN = {
    "accounts.csv": "account_id,customer_since\nA1,2020-01-01\nA1,2020-01-01\nA2,yesterday\n",
    "invoices.csv": "invoice_id,account_id,invoiced_on,amount\n"
    "I1,A1,2025-01-01,nan\nI2,A9,2025-01-01,1\nI3,A2,2025-01-01,\n",
    "surveys.csv": "survey_id,account_id,kind,sent_at,answered_at,score\n"
    "S1,A1,nps,2025-01-02,2025-01-01,11\nS1,A1,relationship,2025-01-02,,\n",
    "contacts.csv": "contact_id,account_id,valid_from,valid_to\nC1,A1,2025-01-02,2025-01-01\n",
    "loops.csv": "loop_id,account_id\n",
}


@pytest.fixture
def churn_risk(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs one command in this process; whatever writes to either stream is caught."""

    def run(*arguments: object) -> Done:
        return run_command(monkeypatch, capfd, *arguments)

    return run


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    folder = tmp_path / "broken"
    folder.mkdir()
    for name, text in BROKEN.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def home(registered_home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home of the test's own in which version 1 is the champion."""
    own = tmp_path_factory.mktemp("champion") / "home"
    copy_home(registered_home, own)
    for name in ("MLFLOW_TRACKING_URI", "CHURN_RISK_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHURN_RISK_HOME", str(own))
    return own


def versions(home: Path) -> list[str]:
    from training.registry.tracking import connected

    with connected(Environment(home=home)) as client:
        return sorted(str(version.version) for version in client.search_model_versions())


# Help and usage


@pytest.mark.parametrize(("own", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_that_wait_give_way(
    churn_risk: Command, monkeypatch: pytest.MonkeyPatch, own: str | None, found: str
) -> None:
    """Unless the user says otherwise: LightGBM's threads spin, and slow down whatever shares the machine."""
    monkeypatch.setenv("OMP_WAIT_POLICY", own or "")
    if own is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    assert churn_risk("--help").code == 0
    assert os.environ["OMP_WAIT_POLICY"] == found


def test_help_lists_the_commands_that_work(churn_risk: Command) -> None:
    done = churn_risk("--help")
    listed = re.findall(r"^│ (\w[\w-]*)  ", done.out, re.MULTILINE)
    assert done.code == 0 and sorted(listed) == sorted((*COMMANDS, *OTHERS))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(churn_risk: Command, command: str) -> None:
    done = churn_risk(command, "--help")
    assert done.code == 0 and done.err == ""
    assert f"churn-risk {command}" in done.out and "--help" in done.out
    assert ("--json" in done.out) == (command != "serve")


def test_without_a_command_help_is_shown_and_nothing_done(churn_risk: Command) -> None:
    done = churn_risk()
    assert done.code == 2 and "Usage" in done.out + done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict",),
        ("backtest",),
        ("score",),
        ("score", "book"),
        ("score", "book", "--as-of"),
        ("score", "book", "--as-of", "2026-02-30"),
        ("score", "book", "--as-of", "today"),
        ("score", "book", "--as-of", "01.02.2026"),
        ("features", "book", "--as-of", "2026-01-01"),
        ("features", "book", "--out", "x.parquet"),
        ("features", "book", "--as-of", "2026-01-01", "--as-of", "x", "--out", "x.parquet"),
        ("features", "book", "--as-of", "2026-01-01", "--out", "."),
        ("evaluate", "book"),
        ("evaluate", "book", "--as-of", "soon"),
        ("train",),
        ("train", "book", "--horizon-days", "0"),
        ("train", "book", "--lead-days", "-1"),
        ("train", "book", "--silence-days", "many"),
        ("train", "book", "--until", "x"),
        ("simulate", "--accounts", "0", "--out", "x"),
        ("simulate", "--accounts", "10", "--out", "x", "--format", "xlsx"),
        ("simulate", "--accounts", "10"),
        ("report", "A1"),
        ("report", "--out", "x.html"),
        ("report", "A1", "--out", "x.html", "--lang", "fr"),
        ("report", "A1", "--out", "."),
        ("serve", "--port", "0"),
        ("serve", "--port", "65536"),
        ("serve", "--port", "http"),
        ("demo", "--accounts", "10"),
        ("validate", "book", "extra"),
        ("validate", "book", "--nope"),
    ],
    ids=" ".join,
)
def test_bad_usage_ends_with_2(churn_risk: Command, environment: Environment, arguments: tuple[str, ...]) -> None:
    done = churn_risk(*arguments)
    assert done.code == 2 and done.out == "" and ("Usage" in done.err or "requires an argument" in done.err)
    assert not environment.home.exists() and not list(Path.cwd().iterdir())


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nowhere", "there is no such folder"),
        ("duckdb:///nowhere.db", "there is no such file"),
        ("mysql://host/db", "a source is a folder"),
        ("s3://bucket/book", "a source is a folder"),
    ],
)
def test_an_unknown_source_is_bad_input(churn_risk: Command, source: str, says: str) -> None:
    done = churn_risk("validate", source)
    assert done.code == 2 and done.out == "" and done.err.startswith("error: ") and says in done.err
    assert "Traceback" not in done.err


# Simulate and validate


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_simulate_and_validate(churn_risk: Command, tmp_path: Path, file_format: str) -> None:
    out = tmp_path / "book"
    done = churn_risk(
        "simulate", "--accounts", 5, "--seed", 7, "--out", out, "--format", file_format, "--months", 6, "--json"
    )
    assert done.code == 0 and done.err == ""
    assert done.result["accounts"] == 5 and done.result["rows"]["accounts"] == 5
    assert (out / f"invoices.{file_format}").is_file()
    checked = churn_risk("validate", out, "--json")
    assert checked.code == 0 and checked.err == ""
    assert checked.result["valid"] is True and checked.result["problems"] == [] and checked.result["missing"] == []
    rows = {name: count for name, count in done.result["rows"].items() if name != "true_hazards"}
    assert checked.result["rows"] == rows


def test_messages_go_to_standard_error(churn_risk: Command, tmp_path: Path) -> None:
    done = churn_risk("simulate", "--accounts", 5, "--out", tmp_path / "book", "--months", 6)
    assert done.code == 0 and done.out == "" and "5 accounts" in done.err
    checked = churn_risk("validate", tmp_path / "book")
    assert checked.code == 0 and checked.out == "" and "keeps the contract" in checked.err


def test_what_is_not_there_is_said(churn_risk: Command, book_folder: Path, tmp_path: Path) -> None:
    done = churn_risk("validate", changed_book(book_folder, tmp_path / "book", absent=("surveys", "loops")))
    assert done.code == 0 and "not there, so not known: loops, surveys" in done.err


def test_warnings_go_to_standard_error_with_json_too(churn_risk: Command, tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("account_id,customer_since\nA1,2020-01-01T09:00:00\n")
    (tmp_path / "invoices.csv").write_text("invoice_id,account_id,invoiced_on,amount\n")
    done = churn_risk("validate", tmp_path, "--json")
    assert done.code == 0 and len(done.result["warnings"]) == 1
    assert done.err == f"warning: {done.result['warnings'][0]}\n"


# Bad tables: all problems, exit code 2, nothing written


COMMANDS_ON_TABLES = {
    "validate": (),
    "features": ("--as-of", "2026-01-01", "--out", "out.parquet"),
    "train": (),
    "backtest": (),
    "evaluate": ("--as-of", "2025-06-01"),
    "score": ("--as-of", "2026-01-01", "--out", "out.csv"),
}


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("command", COMMANDS_ON_TABLES)
def test_bad_tables_are_listed_and_nothing_is_written(
    churn_risk: Command, home: Path, broken: Path, command: str, as_json: bool
) -> None:
    before = versions(home)
    done = churn_risk(command, broken, *COMMANDS_ON_TABLES[command], *(["--json"] if as_json else []))
    assert done.code == 2 and "Traceback" not in done.err
    expected = (
        "accounts.customer_since", "accounts.account_id: duplicate key", "invoices.amount: missing",
        "invoices.amount: not finite", "invoices.account_id: not in accounts", "surveys.kind", "surveys.answered_at",
        "surveys.score", "surveys.survey_id: duplicate key", "contacts.valid_to", "loops.opened_at",
    )  # fmt: skip
    for problem in expected:
        assert problem in done.err
    if as_json:
        assert done.result["valid"] is False and len(done.result["problems"]) == len(expected)
        assert {"table", "column", "rule", "rows", "ids"} == set(done.result["problems"][0])
    else:
        assert done.out == ""
    assert not list(Path.cwd().iterdir()) and versions(home) == before == ["1"]
    assert not (home / "scores.db").exists()


# Features


def test_features_writes_one_row_a_customer_and_date(churn_risk: Command, book_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "matrix.parquet"
    days = ("2025-06-01", "2026-01-01", "2025-06-01")
    asked = [part for day in days for part in ("--as-of", day)]
    done = churn_risk("features", book_folder, *asked, "--out", out, "--json")
    assert done.code == 0 and done.err == ""
    frame = pd.read_parquet(out)
    assert done.result == {"out": str(out), "rows": len(frame), "signals": len(signal_names())}
    assert list(frame.columns) == ["account_id", "as_of", *signal_names()]
    assert not frame.duplicated(["account_id", "as_of"]).any()
    assert set(frame["as_of"]) == {date(2025, 6, 1), date(2026, 1, 1)}
    accounts, churns = (pd.read_parquet(book_folder / f"{name}.parquet") for name in ("accounts", "churns"))
    for day, rows in frame.groupby("as_of"):
        since = pd.to_datetime(accounts["customer_since"]) < pd.Timestamp(day)
        gone = churns.loc[pd.to_datetime(churns["churned_on"]) < pd.Timestamp(day), "account_id"]
        assert set(rows["account_id"]) == set(accounts.loc[since, "account_id"]) - set(gone)


def test_features_are_parquet_only(churn_risk: Command, book_folder: Path) -> None:
    done = churn_risk("features", book_folder, "--as-of", "2026-01-01", "--out", "matrix.csv")
    assert done.code == 2 and "written as .parquet" in done.err and not list(Path.cwd().iterdir())


# Train and evaluate


@pytest.fixture
def trained_at_once(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `train` take the tests' model instead of growing one; all else it does as ever."""
    monkeypatch.setattr("training.making.pipeline.train", lambda *_: trained)


@pytest.mark.usefixtures("trained_at_once")
def test_from_the_first_model_to_the_second(
    churn_risk: Command, book_folder: Path, environment: Environment, as_of: date
) -> None:
    """Without a champion there is nothing to score with; the first model becomes it, the second a candidate."""
    for arguments in (
        ("score", book_folder, "--as-of", as_of),
        ("evaluate", book_folder, "--as-of", as_of),
        ("serve", "--port", free_port()),
    ):
        done = churn_risk(*arguments)
        assert done.code == 1 and done.out == "" and "run `churn-risk train SOURCE` first" in done.err
    first = churn_risk("train", book_folder, "--json")
    assert first.code == 0
    assert first.result["model_version"] == "1" and first.result["champion"] is True
    assert first.result["metrics"] == first.result["verdict"]["metrics"]["model"]
    assert first.result["grade"] in "ABCD" and first.result["metrics"]["roc_auc"] > 0
    second = churn_risk("train", book_folder)
    assert second.code == 0 and second.out == ""
    assert (
        "version 2" in second.err
        and "a candidate: " in second.err
        and "`churn-risk promote` moves it by hand" in second.err
    )
    assert "ROC AUC" in second.err and "lost revenue captured, top 10 %" in second.err
    assert versions(environment.home) == ["1", "2"] and not list(Path.cwd().iterdir())


@pytest.mark.parametrize(
    ("absent", "options", "says"),
    [
        ((), ("--silence-days", "90"), "--silence-days is for books without a churns table"),
        (("churns",), (), "there is no churns table"),
    ],
)
def test_the_rule_must_fit_the_book(
    churn_risk: Command, book_folder: Path, tmp_path: Path, absent: tuple[str, ...], options: tuple[str, ...], says: str
) -> None:
    done = churn_risk("train", changed_book(book_folder, tmp_path / "book", absent=absent), *options)
    assert done.code == 2 and says in done.err and "Traceback" not in done.err


def test_too_short_a_book_is_a_failure(churn_risk: Command, book_folder: Path, environment: Environment) -> None:
    done = churn_risk("train", book_folder, "--until", "2023-06-01")
    assert done.code == 1 and done.err.startswith("error: the invoices begin on") and done.out == ""
    assert not environment.home.exists()


def test_evaluate(churn_risk: Command, home: Path, book_folder: Path) -> None:
    done = churn_risk("evaluate", book_folder, "--as-of", "2025-06-01", "--json")
    assert done.code == 0
    assert done.result["model_version"] == "1" and done.result["as_of"] == "2025-06-01"
    assert done.result["seen"] is True and 0 <= done.result["metrics"]["roc_auc"] <= 1
    assert set(done.result["verdict"]["metrics"]) >= {"model", "recency alone", "revenue alone", "logistic regression"}
    assert versions(home) == ["1"]


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--as-of", "2025-12-01"), 2, "what came after is not known yet"),
        (("--as-of", "2025-06-01", "--model", "7"), 1, "there is no version '7'"),
        (("--as-of", "2025-06-01", "--model", "champion"), 1, "there is no version 'champion'"),
    ],
)
@pytest.mark.usefixtures("home")
def test_evaluate_that_cannot_be(
    churn_risk: Command, book_folder: Path, options: tuple[str, ...], code: int, says: str
) -> None:
    done = churn_risk("evaluate", book_folder, *options)
    assert done.code == code and says in done.err and done.out == ""


# Score and report


def test_score_into_the_store_and_report_from_it(
    churn_risk: Command, home: Path, book_folder: Path, broken: Path, as_of: date, tmp_path: Path
) -> None:
    done = churn_risk("score", book_folder, "--as-of", as_of, "--json")
    assert done.code == 0 and done.err == ""
    assert done.result["model_version"] == "1" and done.result["out"] == f"sqlite:///{home / 'scores.db'}"
    assert sum(done.result["bands"].values()) == done.result["accounts"] > 0
    store = ScoreStore(done.result["out"])
    stored = store.latest("A000001")
    assert stored.score.as_of == as_of and stored.evidence["account"]["account_id"] == "A000001"
    assert stored.model["version"] == "1"
    assert churn_risk("score", broken, "--as-of", as_of).code == 2
    assert store.latest("A000001") == stored
    _reports(churn_risk, tmp_path / "reports")


SUMMARY = {
    "as_of", "model_version", "accounts", "bands", "threats", "revenue_365d", "revenue_at_risk", "missing_tables",
    "out", "expected_loss_leaving", "expected_loss_shrinking",
}  # fmt: skip


@pytest.fixture
def far_sighted(home: Path, bundle: Bundle, trained: Trained, book: Tables, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """Let the champion be a bundle that carries hazard and contraction."""
    found = with_outlook(bundle, trained, book)
    monkeypatch.setattr("training.registry.tracking.fetch", lambda environment: found)
    return found


def test_what_is_not_known_yet_is_not_scored(churn_risk: Command, home: Path, book_folder: Path) -> None:
    """A date mistyped would be the newest run for years."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    done = churn_risk("score", book_folder, "--as-of", tomorrow)
    assert done.code == 2 and "later than today" in done.err and not (home / "scores.db").exists()


@pytest.mark.usefixtures("far_sighted")
def test_score_tells_of_the_book_and_of_each_account_what_may_be_lost(
    churn_risk: Command, book_folder: Path, as_of: date, tmp_path: Path
) -> None:
    found = churn_risk("score", book_folder, "--as-of", as_of, "--json").result
    assert set(found) == SUMMARY
    assert found["expected_loss_leaving"] == found["revenue_at_risk"] > 0
    assert 0 < found["expected_loss_shrinking"] < found["revenue_365d"] - found["expected_loss_leaving"]
    stored = ScoreStore(found["out"]).latest("A000001")
    risk = {one["days"]: one["probability"] for one in stored.evidence["outlook"]["risk"]}
    assert risk[180] == pytest.approx(stored.score.churn_probability, abs=1e-9)
    page = tmp_path / "report.html"
    assert churn_risk("report", "A000001", "--out", page).code == 0
    assert "<h2>When</h2>" in page.read_text() and "<h2>Shrinking</h2>" in page.read_text()
    said = churn_risk("score", book_folder, "--as-of", as_of, "--out", tmp_path / "scores.csv").err
    leaving, shrinking = (f"{found[f'expected_loss_{how}']:,.0f}" for how in ("leaving", "shrinking"))
    assert f"expected to be lost of a year's revenue: {leaving} by leaving, {shrinking} by shrinking" in said


def test_score_says_nothing_of_shrinking_where_it_is_not_known(
    churn_risk: Command, far_sighted: Bundle, book_folder: Path, as_of: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = replace(far_sighted, hazard=None, contraction=None)
    monkeypatch.setattr("training.registry.tracking.fetch", lambda environment: blind)
    found = churn_risk("score", book_folder, "--as-of", as_of, "--json").result
    assert set(found) == SUMMARY and found["expected_loss_shrinking"] is None
    assert found["expected_loss_leaving"] == found["revenue_at_risk"]
    assert "outlook" not in ScoreStore(found["out"]).latest("A000001").evidence
    assert "shrinking" not in churn_risk("score", book_folder, "--as-of", as_of).err


def _reports(churn_risk: Command, folder: Path) -> None:
    for lang in ("de", "en"):
        out = folder / lang / "report.html"
        done = churn_risk("report", "A000001", "--lang", lang, "--out", out, "--json")
        assert done.code == 0 and done.err == ""
        assert done.result == {"account_id": "A000001", "as_of": "2026-01-01", "lang": lang, "out": str(out)}
        assert f'<html lang="{lang}"' in out.read_text(encoding="utf-8")
    unknown = churn_risk("report", "nobody", "--out", folder / "nobody.html")
    assert unknown.code == 2 and "there is no score of account 'nobody'" in unknown.err
    refused = churn_risk("report", "A000001", "--out", folder / "report.pdf")
    assert refused.code == 2 and "written as .html" in refused.err
    assert sorted(path.name for path in folder.iterdir()) == ["de", "en"]


@pytest.mark.usefixtures("home")
def test_score_shows_no_password_of_the_database(
    churn_risk: Command, book_folder: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = sa.make_url(postgres_url).set(password="geheim-1").update_query_dict({"password": "geheim-2"})
    monkeypatch.setenv("CHURN_RISK_STORE_URL", address.render_as_string(hide_password=False))
    told = churn_risk("score", book_folder, "--as-of", "1990-01-01")
    done = churn_risk("score", book_folder, "--as-of", "1990-01-01", "--json")
    assert told.code == done.code == 0
    assert "geheim" not in told.out + told.err + done.out + done.err
    assert ":***@" in done.result["out"] and f"written to {done.result['out']}" in told.err


def test_score_into_a_file_leaves_the_store_alone(
    churn_risk: Command, home: Path, book_folder: Path, as_of: date, tmp_path: Path
) -> None:
    out = tmp_path / "scores.parquet"
    done = churn_risk("score", book_folder, "--as-of", as_of, "--out", out)
    assert done.code == 0 and done.out == "" and f"written to {out}" in done.err
    assert "Highest revenue at risk" in done.err and "customers at 2026-01-01" in done.err
    assert pq.read_metadata(out).num_rows > 100 and not (home / "scores.db").exists()


def test_a_book_without_customers_yet_is_no_failure(churn_risk: Command, home: Path, book_folder: Path) -> None:
    done = churn_risk("score", book_folder, "--as-of", "1990-01-01", "--json")
    assert done.code == 0 and done.result["accounts"] == 0 and done.result["revenue_at_risk"] == 0


@pytest.mark.parametrize("name", ["scores.txt", "scores", "scores.xlsx"])
def test_score_into_another_kind_of_file_is_refused(churn_risk: Command, book_folder: Path, name: str) -> None:
    done = churn_risk("score", book_folder, "--as-of", "2026-01-01", "--out", name)
    assert done.code == 2 and "written as .parquet or .csv" in done.err and not list(Path.cwd().iterdir())


def test_a_model_with_other_signals_is_refused(churn_risk: Command, home: Path, book_folder: Path) -> None:
    (bundle,) = (home / "bundles").iterdir()
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["signals"][0] = "horoscope"
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    for arguments in (("score", book_folder, "--as-of", "2026-01-01"), ("serve", "--port", free_port())):
        done = churn_risk(*arguments)
        assert done.code == 1 and done.out == "" and "Traceback" not in done.err
        assert f"model: {', '.join(manifest['signals'])}" in done.err
        assert f"code:  {', '.join(signal_names())}" in done.err
        assert arguments[0] == "serve" or not (home / "scores.db").exists()


# Serve


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])
def test_serve_listens_on_loopback_only(churn_risk: Command, host: str) -> None:
    done = churn_risk("serve", "--host", host)
    assert done.code == 2 and "loopback only" in done.err and done.out == ""


def test_serve_says_that_a_port_is_taken(churn_risk: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for command in ("serve", "demo"):
            done = churn_risk(command, "--port", port)
            assert done.code == 1 and done.err.startswith(f"error: cannot listen on 127.0.0.1 port {port}")
    assert not list(Path.cwd().iterdir())


def test_serve_hands_the_champion_to_bentoml(churn_risk: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def instead(path: str, command: list[str], variables: dict[str, str]) -> None:
        started.append((command, variables))

    monkeypatch.setattr("os.execve", instead)
    port = free_port()
    done = churn_risk("serve", "--port", port)
    assert done.code == 0 and f"listening on http://127.0.0.1:{port}, loopback only" in done.err
    (command, variables), bundle = started[0], home / "bundle"
    assert command[1:5] == ["-m", "bentoml", "serve", "serving.run.service:ChurnRisk"]
    assert command[-2:] == ["--port", str(port)] and command[-4:-2] == ["--host", "127.0.0.1"]
    assert variables["CHURN_RISK_BUNDLE"] == str(bundle) and load_bundle(bundle_in(bundle)).version == "1"
    assert variables["CHURN_RISK_STORE_URL"] == f"sqlite:///{home / 'scores.db'}"

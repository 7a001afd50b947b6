"""score, report and serve: into the store, into files, and what is handed to BentoML."""

from __future__ import annotations

import math
import socket
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from support.commands import Command
from support.outlooks import with_outlook
from support.served import free_port
from support.stored import opened

from features.signal import signal_names
from features.tables import Tables
from serving.database.engine import reading
from serving.losses.kept_departures import read_left, read_period
from serving.portfolio.portfolio_query import read_portfolio
from serving.portfolio.wanted import Wanted
from serving.renewals.to_renew import read_renewals
from serving.store import ScoreStore
from serving.store.score_tables import SCORES
from training.bundle.bundle import Bundle, load_bundle
from training.bundle.publishing import bundle_in
from training.making.pipeline import Trained


def test_score_into_the_store_and_report_from_it(
    churn_risk: Command, home: Path, book_folder: Path, broken: Path, as_of: date, tmp_path: Path
) -> None:
    done = churn_risk("score", book_folder, "--as-of", as_of, "--no-figures", "--json")
    assert done.code == 0 and done.err.startswith("warning: The model has grade D: ") and done.err.count("\n") == 1
    assert done.result["model_version"] == "1" and done.result["out"] == f"sqlite:///{home / 'scores.db'}"
    assert sum(done.result["bands"].values()) == done.result["accounts"] > 0
    store = ScoreStore(done.result["out"])
    stored = store.latest("A000001")
    assert stored.score.as_of == as_of and stored.evidence["account"]["account_id"] == "A000001"
    assert stored.model["version"] == "1"
    with reading(store.engine) as connection:  # The portfolio states the same loss as the command.
        loss = read_portfolio(connection, None, Wanted()).sums.loss
    assert loss is not None
    assert [round(loss.low, 2), round(loss.high, 2)] == done.result["expected_loss_interval"]
    assert churn_risk("score", broken, "--as-of", as_of).code == 2
    assert store.latest("A000001") == stored
    _reports(churn_risk, tmp_path / "reports")


SUMMARY = {
    "as_of", "model_version", "accounts", "bands", "threats", "revenue_365d", "revenue_at_risk", "missing_tables",
    "out", "expected_loss_leaving", "expected_loss_interval", "expected_loss_shrinking", "grade",
    "freshness", "warnings", "customer_lifetime_value", "customer_lifetime_value_interval", "silent_already",
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
    _lifetime_values(found)
    assert found["expected_loss_leaving"] == found["revenue_at_risk"] > 0
    low, high = found["expected_loss_interval"]
    assert 0 < low < found["expected_loss_leaving"] < high < found["revenue_365d"]
    assert 0 < found["expected_loss_shrinking"] < found["revenue_365d"] - found["expected_loss_leaving"]
    stored = ScoreStore(found["out"]).latest("A000001")
    risk = {one["days"]: one["probability"] for one in stored.evidence["outlook"]["risk"]}
    assert risk[180] == pytest.approx(stored.score.churn_probability, abs=1e-9)
    page = tmp_path / "report.html"
    assert churn_risk("report", "A000001", "--out", page).code == 0
    assert "<h2>What the customer is worth</h2>" in page.read_text()
    assert "<h2>When</h2>" in page.read_text() and "<h2>Less revenue though the customer stays</h2>" in page.read_text()
    said = churn_risk("score", book_folder, "--as-of", as_of, "--out", tmp_path / "scores.csv").err
    leaving, shrinking = (f"{found[f'expected_loss_{how}']:,.0f}" for how in ("leaving", "shrinking"))
    assert f"leaving: {leaving} of revenue at risk" in said and "probability of leaving x revenue, summed" in said
    assert f"in four of five cases {low:,.0f} to {high:,.0f}" in said
    assert f"shrinking: {shrinking} of a year's revenue expected to fall away from customers who stay" in said


def _lifetime_values(found: dict[str, Any]) -> None:
    """The book has the sum of its accounts, and what the run keeps of each is JSON that a database reads."""
    low, high = found["customer_lifetime_value_interval"]
    assert 0 < low < found["customer_lifetime_value"] < high
    store = ScoreStore(found["out"])
    with reading(store.engine) as connection:
        rows = connection.execute(sa.select(SCORES.c.band, SCORES.c.evidence["outlook", "lifetime"])).all()
        renewals, period = read_renewals(connection, None), read_period(connection)
        assert renewals is not None and renewals.soon.total and period is not None
        assert renewals.soon.of(0, 1) and read_left(connection, period, None)
    known = [worth["value"] for band, worth in rows if band != "unknown"]
    assert math.fsum(known) == pytest.approx(found["customer_lifetime_value"], rel=1e-9) and len(known) < len(rows)


def test_score_says_nothing_of_shrinking_where_it_is_not_known(
    churn_risk: Command, far_sighted: Bundle, book_folder: Path, as_of: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = replace(far_sighted, hazard=None, contraction=None)
    monkeypatch.setattr("training.registry.tracking.fetch", lambda environment: blind)
    found = churn_risk("score", book_folder, "--as-of", as_of, "--no-figures", "--json").result
    assert set(found) == SUMMARY and found["expected_loss_shrinking"] is None
    assert found["customer_lifetime_value"] is None and found["customer_lifetime_value_interval"] is None
    assert found["expected_loss_leaving"] == found["revenue_at_risk"]
    assert "outlook" not in ScoreStore(found["out"]).latest("A000001").evidence
    assert "shrinking" not in churn_risk("score", book_folder, "--as-of", as_of, "--no-figures").err


def _reports(churn_risk: Command, folder: Path) -> None:
    for lang in ("de", "en"):
        out = folder / lang / "report.html"
        done = churn_risk("report", "A000001", "--lang", lang, "--out", out, "--json")
        assert done.code == 0 and done.err == ""
        assert done.result == {"account_id": "A000001", "as_of": "2026-01-01", "lang": lang, "out": str(out)}
        assert f'<html lang="{lang}"' in out.read_text(encoding="utf-8")
    unknown = churn_risk("report", "nobody", "--out", folder / "nobody.html")
    assert unknown.code == 2 and "there is no score of account 'nobody'" in unknown.err
    refused = churn_risk("report", "A000001", "--out", folder / "report.docx")
    assert refused.code == 2 and "written as .html or .pdf" in refused.err
    assert sorted(path.name for path in folder.iterdir()) == ["de", "en"]


@pytest.mark.usefixtures("home")
def test_score_shows_no_password_of_the_database(
    churn_risk: Command, book_folder: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = sa.make_url(postgres_url).set(password="geheim-1").update_query_dict({"password": "geheim-2"})
    monkeypatch.setenv("CHURN_RISK_STORE_URL", address.render_as_string(hide_password=False))
    told = churn_risk("score", book_folder, "--as-of", "1990-01-01", "--no-figures")
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
    assert "To do first" in done.err and "customers at 2026-01-01" in done.err
    assert pq.read_metadata(out).num_rows > 100 and not (home / "scores.db").exists()


def test_a_book_without_customers_yet_is_no_failure(churn_risk: Command, home: Path, book_folder: Path) -> None:
    done = churn_risk("score", book_folder, "--as-of", "1990-01-01", "--json")
    assert done.code == 0 and done.result["accounts"] == 0 and done.result["revenue_at_risk"] == 0
    with opened(done.result["out"]) as store:
        figures = store.figures()
    assert figures is not None and figures.record is not None and figures.record["dates"] == ["1990-01-01"]
    assert figures.record["figures"]["nps_relationship"]["value"] == [None]


@pytest.mark.parametrize("name", ["scores.txt", "scores", "scores.xlsx"])
def test_score_into_another_kind_of_file_is_refused(churn_risk: Command, book_folder: Path, name: str) -> None:
    done = churn_risk("score", book_folder, "--as-of", "2026-01-01", "--out", name)
    assert done.code == 2 and "written as .parquet or .csv" in done.err and not list(Path.cwd().iterdir())


def test_a_model_with_other_signals_is_refused(
    churn_risk: Command, home: Path, book_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = ("horoscope", *signal_names()[1:])
    monkeypatch.setattr("training.bundle.bundle.signal_names", lambda: code)
    for arguments in (("score", book_folder, "--as-of", "2026-01-01"), ("serve", "--port", free_port())):
        done = churn_risk(*arguments)
        assert done.code == 1 and done.out == "" and "Traceback" not in done.err
        assert f"model: {', '.join(signal_names())}" in done.err
        assert f"code:  {', '.join(code)}" in done.err
        assert arguments[0] == "serve" or not (home / "scores.db").exists()


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
    assert done.code == 0 and f"the service says so when it listens on port {port}" in done.err
    assert "listening on" not in done.err, "nothing answers yet"
    (command, variables), bundle = started[0], home / "bundle"
    assert command[1:5] == ["-m", "bentoml", "serve", "serving.run.service:ChurnRisk"]
    assert command[-2:] == ["--port", str(port)] and command[-4:-2] == ["--host", "127.0.0.1"]
    assert variables["CHURN_RISK_BUNDLE"] == str(bundle) and load_bundle(bundle_in(bundle)).version == "1"
    assert variables["CHURN_RISK_STORE_URL"] == f"sqlite:///{home / 'scores.db'}"


@pytest.mark.parametrize("content", [None, b"[role", b"\xff\xfe", b"[colour]\nred = 1\n"])
@pytest.mark.parametrize("command", [("report", "A1", "--out", "report.html"), ("score", "x", "--as-of", "2026-01-01")])
def test_a_wrong_glossary_ends_a_command(
    churn_risk: Command, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...],
    content: bytes | None,
) -> None:  # fmt: skip
    file = tmp_path / "glossary.toml"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("CHURN_RISK_GLOSSARY", str(file))
    done = churn_risk(*command)
    assert done.code == 2 and f"glossary {file}" in done.err and "Traceback" not in done.err
    assert not (home / "scores.db").exists()


def test_what_is_to_be_done_stands_first(
    churn_risk: Command, home: Path, book_folder: Path, as_of: date, tmp_path: Path
) -> None:
    """Threats, then others at risk, each by expected profit; accounts of which too little is known come last."""
    out = tmp_path / "scores.parquet"
    said = churn_risk("score", book_folder, "--as-of", as_of, "--out", out).err
    rows = pq.read_table(out).to_pylist()
    place = {"at_risk": 1, "safe": 2, "unknown": 3}
    rows.sort(key=lambda row: (0 if row["threat"] else place[row["band"]], -row["expected_profit"]))
    listed = [line.split()[0] for line in said.splitlines() if line.startswith("A0")]
    assert listed == [row["account_id"] for row in rows[:10]]


def test_the_grade_stands_beside_the_scores(
    churn_risk: Command, home: Path, book_folder: Path, bundle: Bundle, as_of: date
) -> None:
    grade = bundle.manifest.verdict["grade"]
    assert churn_risk("score", book_folder, "--as-of", as_of, "--no-figures", "--json").result["grade"] == grade
    said = churn_risk("score", book_folder, "--as-of", as_of, "--no-figures").err
    assert f"Model grade {grade}: it is " in said or f"Model grade {grade}: it tells " in said

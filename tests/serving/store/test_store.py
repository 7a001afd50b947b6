"""The score store: a run appears at once or not at all, whatever happens to the one who writes it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.served import process
from support.stored import AT, DAY, MODEL, REASONS, SCORE, put, runs_in, scores_in

from features.errors import AccountUnknown, InputError
from features.sources import open_source
from features.validation import validate
from serving.cli import score_commands
from serving.scoring.scores import PastScore, Score
from serving.scoring.scoring import score_book
from serving.store import ScoreStore
from serving.store.open_run import CHUNK
from serving.store.runs import RunWriter
from training.bundle.bundle import load_bundle


@pytest.fixture
def store(database_url: str) -> Iterator[ScoreStore]:
    made = ScoreStore(database_url)
    yield made
    made.close()


def test_a_score_comes_back_as_it_was_written(store: ScoreStore) -> None:
    evidence = {"A1": {"account": {"name": "Müller & Söhne", "account_manager": "Eva"}, "surveys": None}}
    assert put(store, SCORE, evidence=evidence) == 1
    found = store.latest("A1")
    assert found.score == SCORE
    assert found.evidence == evidence["A1"] and found.model == MODEL and found.account_manager == "Eva"
    assert found.history == (
        PastScore(
            as_of=DAY, model_version="1", scored_at=AT, churn_probability=0.3, revenue_at_risk=300.0, band="at_risk",
            threat=True,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    "account_id", ["a/b", "Ä€😀", "quo'te", 'dou"ble', "%", "_", "a\x00b", "\x10p\x100", " ", "'; DROP x"]
)
def test_any_text_is_an_id(store: ScoreStore, account_id: str) -> None:
    put(store, SCORE, replace(SCORE, account_id=account_id), evidence={account_id: {"account": {"name": account_id}}})
    found = store.latest(account_id)
    assert found.score.account_id == account_id and found.evidence["account"]["name"] == account_id
    assert store.latest("A1").score == SCORE


@pytest.mark.parametrize("account_id", ["", "a1", "A1 ", "A%", "_1"])
def test_an_id_is_not_a_pattern(store: ScoreStore, account_id: str) -> None:
    put(store, SCORE)
    with pytest.raises(AccountUnknown, match="there is no score of account"):
        store.latest(account_id)


def test_a_rerun_replaces(store: ScoreStore) -> None:
    again = replace(SCORE, churn_probability=0.6, scored_at=AT + timedelta(hours=1), reasons=REASONS[:1])
    put(store, SCORE, replace(SCORE, account_id="A2"), evidence={"A1": {"surveys": None}})
    put(store, again, evidence={"A1": {"surveys": {"total": 0, "rows": []}}})
    found = store.latest("A1")
    assert found.score == again and len(found.history) == 1
    assert found.evidence == {"surveys": {"total": 0, "rows": []}}
    with pytest.raises(AccountUnknown):
        store.latest("A2")  # no longer a customer: a run holds customers only


def test_latest_is_the_greatest_as_of_then_scored_at(store: ScoreStore) -> None:
    """Not the last that was written; versions compare by when they scored, not as text."""
    hour, day = timedelta(hours=1), timedelta(days=1)
    newest = replace(SCORE, model_version="9", scored_at=AT + 5 * hour, churn_probability=0.9)
    other = replace(SCORE, model_version="10", scored_at=AT + 4 * hour)
    past = replace(SCORE, as_of=DAY - day, scored_at=AT + 9 * hour)
    for score in (newest, other, past):
        put(store, score)
    found = store.latest("A1")
    assert found.score == newest and found.model["version"] == "9"
    assert [(row.as_of, row.model_version) for row in found.history] == [
        (DAY - day, "1"),
        (DAY, "10"),
        (DAY, "9"),
    ]


def test_scored_at_is_compared_as_an_instant(store: ScoreStore) -> None:
    at = (AT + timedelta(minutes=1)).astimezone(timezone(-timedelta(hours=9)))
    later = replace(SCORE, model_version="2", scored_at=at)
    even = replace(SCORE, model_version="3", scored_at=AT.replace(microsecond=0))
    for score in (later, even, SCORE):
        put(store, score)
    found = store.latest("A1")
    assert found.score == later and found.score.scored_at.utcoffset() == timedelta(0)
    assert [row.model_version for row in found.history] == ["3", "1", "2"]


def test_each_run_keeps_its_model(store: ScoreStore) -> None:
    put(store, SCORE)
    put(store, replace(SCORE, as_of=DAY + timedelta(days=1), model_version="2"))
    assert store.latest("A1").model["version"] == "2"
    assert put(store, replace(SCORE, as_of=DAY + timedelta(days=2), model_version="1")) == 1
    assert store.latest("A1").model["version"] == "1"


def test_an_id_that_is_too_long_is_refused(store: ScoreStore) -> None:
    put(store, replace(SCORE, account_id="Ä" * 256))
    with pytest.raises(InputError, match=r"accounts\.account_id: 'Ä+…' has more than 256 characters"):
        put(store, replace(SCORE, account_id="Ä" * 257))
    assert [row.accounts for row in runs_in(store.url)] == [1]


def test_an_empty_run_is_a_run(store: ScoreStore) -> None:
    put(store, SCORE)
    assert store.write([], {}, MODEL, DAY + timedelta(days=1), AT) == 0
    assert store.latest("A1").score == SCORE


def test_a_crash_while_writing_leaves_the_earlier_scores(store: ScoreStore) -> None:
    count = 2 * CHUNK + 10
    ids = [f"A{number}" for number in range(count)]
    put(store, *(replace(SCORE, account_id=account_id) for account_id in ids))

    def exploding() -> Iterator[Score]:
        for account_id in ids[:-5]:
            yield replace(SCORE, account_id=account_id, churn_probability=0.9, scored_at=AT + timedelta(hours=1))
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        store.write(exploding(), {}, MODEL | {"grade": "A"}, DAY, AT + timedelta(hours=1))
    for account_id in (ids[0], ids[CHUNK], ids[-1]):
        found = store.latest(account_id)
        assert found.score == replace(SCORE, account_id=account_id) and found.model["grade"] == "B"
    put(store, replace(SCORE, churn_probability=0.5))
    assert store.latest("A1").score.churn_probability == 0.5


def test_readers_see_the_old_state_until_all_is_written(store: ScoreStore) -> None:
    ids = [f"A{number}" for number in range(CHUNK + 10)]
    put(store, *(replace(SCORE, account_id=account_id) for account_id in ids))
    reader = ScoreStore(store.url)
    seen = []

    def observed() -> Iterator[Score]:
        for number, account_id in enumerate(ids):
            if number in (0, CHUNK, len(ids) - 1):
                seen.append(reader.latest(ids[0]).score.churn_probability)
            yield replace(SCORE, account_id=account_id, churn_probability=0.9, scored_at=AT + timedelta(hours=1))

    store.write(observed(), {}, MODEL, DAY, AT + timedelta(hours=1))
    assert seen == [0.3, 0.3, 0.3]
    assert reader.latest(ids[0]).score.churn_probability == 0.9
    assert reader.latest(ids[-1]).score.churn_probability == 0.9
    reader.close()


def test_one_answer_is_of_one_moment(store: ScoreStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends between the look-ups of one answer does not show in half of it."""
    put(store, SCORE)
    writer, history = ScoreStore(store.url), sys.modules[ScoreStore.__module__]._history

    def written_in_between(mine: Any) -> Any:
        put(writer, replace(SCORE, as_of=DAY + timedelta(days=1), churn_probability=0.9))
        put(writer, replace(SCORE, churn_probability=0.8))
        return history(mine)

    monkeypatch.setattr(f"{ScoreStore.__module__}._history", written_in_between)
    found = store.latest("A1")
    assert found.score.churn_probability == 0.3
    assert [row.churn_probability for row in found.history] == [0.3]
    monkeypatch.undo()
    assert [row.churn_probability for row in store.latest("A1").history] == [0.8, 0.9]
    writer.close()


def test_two_write_at_once(store: ScoreStore) -> None:
    """The second one writes, and ends, while the first is half done; both runs are there at the end."""
    ids = [f"A{number}" for number in range(CHUNK + 10)]
    other = ScoreStore(store.url)
    second = replace(SCORE, model_version="2", scored_at=AT + timedelta(hours=1))
    with ThreadPoolExecutor(1) as pool:

        def half() -> Iterator[Score]:
            for number, account_id in enumerate(ids):
                if number == CHUNK:
                    assert pool.submit(put, other, second).result(60) == 1
                yield replace(SCORE, account_id=account_id)

        assert store.write(half(), {}, MODEL, DAY, AT) == len(ids)
    assert store.latest("A1").score.model_version == "2" and len(store.latest("A1").history) == 2
    other.close()


def test_the_file_is_written_ahead(tmp_path: Path) -> None:
    ScoreStore(f"sqlite:///{tmp_path / 'scores.db'}").close()
    connection = sqlite3.connect(tmp_path / "scores.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


#: Opens a store in three processes at once; forked, since each would spend seconds on the same imports.
OPENED_AT_ONCE = """
import os, sys
from serving.store import ScoreStore
begin, go = os.pipe()
children = []
for _ in range(3):
    children.append(os.fork())
    if not children[-1]:
        os.close(go)
        os.read(begin, 1)
        ScoreStore(sys.argv[1]).close()
        os._exit(0)
os.close(go)
print(*(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


@pytest.mark.server
def test_many_may_open_a_new_store_at_once(new_database_url: str) -> None:
    command = [sys.executable, "-c", OPENED_AT_ONCE, new_database_url]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.split() == ["0"] * 3, done.stderr


KILLED_HALFWAY = """
import sys
from pathlib import Path
from types import SimpleNamespace
from serving.cli import main as cli
from serving.store import open_run, runs
from training.bundle.bundle import load_bundle

add, done = runs.RunWriter.add, []

def and_wait(self, rows):
    add(self, rows)
    done.append(rows)
    if len(done) == 3:
        print("half", flush=True)
        sys.stdin.readline()

sys.modules["training.registry.tracking"] = SimpleNamespace(fetch=lambda environment: load_bundle(Path({bundle!r})))
open_run.CHUNK, runs.RunWriter.add = 40, and_wait
sys.argv = ["churn-risk", "score", {book!r}, "--as-of", {as_of!r}]
cli.main()
"""


@pytest.mark.server
def test_kill_in_the_middle_of_score_leaves_the_earlier_scores_and_the_next_goes_on(
    bundle_folder: Path,
    book_folder: Path,
    as_of: date,
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command is the real one, but for the registry: it is given the champion."""
    store = ScoreStore(database_url)
    ids = [f"A{number:06d}" for number in range(1, 401)]
    before = [replace(SCORE, account_id=account_id, as_of=as_of) for account_id in ids]
    put(store, *before)
    code = KILLED_HALFWAY.format(bundle=str(bundle_folder), book=str(book_folder), as_of=as_of.isoformat())
    environment = {"CHURN_RISK_STORE_URL": database_url}
    with process([sys.executable, "-c", code], tmp_path / "home", tmp_path / "log", environment, piped=True) as scoring:
        assert scoring.stdout is not None
        assert scoring.stdout.readline() == b"half\n", (tmp_path / "log").read_text()
        assert [store.latest(account_id).score for account_id in ids[:3]] == before[:3]
        scoring.send_signal(signal.SIGKILL)
        assert scoring.wait(60) == -signal.SIGKILL
    assert len(scores_in(database_url)) == len(ids) + 3 * 40
    again = ScoreStore(database_url)
    assert [again.latest(account_id).score for account_id in ids] == before
    assert all(len(again.latest(account_id).history) == 1 for account_id in ids[::50])
    for opened in (store, again):
        opened.close()
    _goes_on(bundle_folder, book_folder, as_of, database_url, monkeypatch)


def _goes_on(
    bundle_folder: Path, book_folder: Path, as_of: date, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Give the same command again: what is there stays, what is not is added, and all of it is seen at once."""
    tracking = SimpleNamespace(fetch=lambda environment: load_bundle(bundle_folder))
    monkeypatch.setitem(sys.modules, "training.registry.tracking", tracking)
    monkeypatch.setenv("CHURN_RISK_STORE_URL", database_url)
    add, added = RunWriter.add, []
    monkeypatch.setattr(RunWriter, "add", lambda self, rows, *into: (add(self, rows, *into), added.extend(rows)))
    _, left = runs_in(database_url)
    score_commands.score(str(book_folder), as_of, None, False, False, True)
    _, run = runs_in(database_url)
    assert left.run_id == run.run_id and left.scored_at == run.scored_at and left.accounts == 120 == 3 * 40
    assert left.fingerprint is not None and run.fingerprint is None and run.published_at is not None
    stored = [account_id for run_id, account_id in scores_in(database_url) if run_id == run.run_id]
    assert len(stored) == run.accounts == 120 + len(added) and not set(stored[:120]) & {r["account_id"] for r in added}
    book = validate(open_source(book_folder))
    scores = {row.account_id: row for row in score_book(book, as_of, load_bundle(bundle_folder)).rows()}
    assert sorted(scores) == sorted(stored)
    with closing(ScoreStore(database_url)) as store:
        for account_id in (stored[0], stored[119], stored[120], stored[-1]):
            found = store.latest(account_id)
            assert found.score == replace(scores[account_id], scored_at=run.scored_at)
            assert found.evidence["account"]["account_id"] == account_id
        assert store.latest(stored[0]).model.keys() >= {"cautions", "freshness", "grade"}

"""What others have written reaches a terminal as text: no command of theirs is obeyed there."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.served import Done, run_command
from support.webhooks import MASTER

from features.console import printable, put, say, table
from serving import logs
from serving.access.keys import KeyStore
from serving.database.engine import open_database
from serving.webhooks.delivery.sending import Answer
from training.settings import Environment

#: Clears the screen, sets the window's title, writes to the clipboard, goes back over the line, C1's short form, a
#: mark that turns the direction of writing.
EVIL = "ok\x1b[2J\x1b]0;mine\x07\x1b]52;c;aGk=\x07\rroot@host\x9b31m\u202eexe.txt\x00"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("CHURN_RISK_SECRET", MASTER)
    monkeypatch.setenv("CHURN_RISK_WEBHOOK_PRIVATE", "true")
    return lambda *words: run_command(monkeypatch, capfd, *words)


def test_what_a_terminal_obeys_is_written_out() -> None:
    assert printable("a\tb\nc – ä 漢 👩\u200d🔧") == "a\tb\nc – ä 漢 👩\u200d🔧"
    assert printable("\x1b[1m\x9b\u202e\r\x7f") == r"\u001b[1m\u009b\u202e\u000d\u007f"
    assert printable("a\nb\tc", one_line=True) == r"a\u000ab\u0009c"
    assert not OBEYED.search(printable(EVIL)) and "root@host" in printable(EVIL)


def test_messages_tables_and_results(capfd: pytest.CaptureFixture[str]) -> None:
    say(EVIL)
    put(EVIL)
    table(f"title {EVIL}", ["account"], [[f"{EVIL}\nsecond line"]])
    out, err = capfd.readouterr()
    assert not OBEYED.search(out) and not OBEYED.search(err)
    assert out.count("root@host") == 1 and err.count("root@host") == 3
    assert "second line" in err.splitlines()[-1] and "root@host" in err.splitlines()[-1], "a cell is one line"


def test_a_table_wider_than_the_terminal_cuts_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    ids = [f"ep_{place}{'0123456789abcdef' * 2}" for place in range(2)]
    table(
        "Webhooks", ["endpoint", "address", "last"], [[each, "https://crm.example/hook" * 3, "x" * 90] for each in ids]
    )
    err = capfd.readouterr().err
    assert "…" not in err
    first = "".join(line.split(" ")[0] for line in err.splitlines())
    assert all(each in first for each in ids), "an id that is folded can still be put together"


def test_a_receivers_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.webhooks.delivery.delivery.ping", lambda *_: Answer(500, text=EVIL))
    added = run("webhooks", "add", "https://crm.example/hook", "--json").result
    done = run("webhooks", "test", added["endpoint_id"])
    assert done.code == 1 and "root@host" in done.err
    assert not OBEYED.search(done.err) and not OBEYED.search(done.out)


def test_names_in_lists(run: Run, environment: Environment) -> None:
    engine = open_database(environment.scores_url)
    KeyStore(engine).create(["read"], name=EVIL, account_manager=EVIL)
    engine.dispose()
    done = run("keys", "list")
    assert done.code == 0 and r"ok\u001b[2J" in done.err
    assert not OBEYED.search(done.err)
    assert json.loads(run("keys", "list", "--json").out)["keys"][0]["name"] == EVIL, "a program gets it as it is"


@pytest.mark.parametrize("form", [logs.Json(), logs.Text()])
def test_lines_of_the_log(form: logging.Formatter) -> None:
    record = logging.LogRecord("churn_risk", logging.INFO, __file__, 1, "said %s", (EVIL,), None)
    record.answer = EVIL
    line = form.format(record)
    assert not OBEYED.search(line) and "root@host" in line
    if isinstance(form, logs.Json):
        assert json.loads(line)["answer"] == EVIL


def test_nothing_else_prints(tmp_path: Path) -> None:
    """A module that printed by itself would pass by the one function that cleans."""
    root = Path(__file__).parents[3]
    printing = {
        path.relative_to(root).as_posix()
        for layer in ("features", "training", "serving")
        for path in (root / layer).rglob("*.py")
        if re.search(r"(?<![\w.])print\(|typer\.echo|click\.echo|sys\.std(out|err)\.write|Console\(", path.read_text())
    }
    assert printing == {"features/console.py"}

"""The command line: help, exit codes, and that nothing is done on bad usage."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from support.commands import Command

from training.settings import Environment

COMMANDS = (
    "simulate",
    "import",
    "validate",
    "features",
    "figures",
    "train",
    "backtest",
    "card",
    "evaluate",
    "score",
    "report",
    "losses",
    "digest",
    "serve",
    "demo",
    "promote",
    "rollback",
    "compare",
    "compare-groups",
)
#: Commands that have commands of their own, and those whose result is a document.
OTHERS = ("keys", "store", "webhooks", "openapi")


@pytest.mark.parametrize(
    ("variable", "own", "found"),
    [
        ("OMP_WAIT_POLICY", None, "PASSIVE"), ("OMP_WAIT_POLICY", "ACTIVE", "ACTIVE"),
        ("OPENBLAS_NUM_THREADS", None, "1"), ("OPENBLAS_NUM_THREADS", "4", "4"),
    ],
)  # fmt: skip
def test_threads_that_wait_give_way(
    churn_risk: Command, monkeypatch: pytest.MonkeyPatch, variable: str, own: str | None, found: str
) -> None:
    """Unless the user says otherwise: threads of LightGBM and OpenBLAS spin, and slow down all on the machine."""
    monkeypatch.setenv(variable, own or "")
    if own is None:
        monkeypatch.delenv(variable)
    assert churn_risk("--help").code == 0
    assert os.environ[variable] == found


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
        ("report",),
        ("report", "A1"),
        ("report", "--out", "x.pdf", "--with-accounts", "101"),
        ("report", "A1", "--out", "x.html", "--lang", "fr"),
        ("report", "A1", "--out", "."),
        ("losses", "book"),
        ("losses", "book", "--as-of", "2026-01-01", "--months", "0"),
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
        (
            "postgresql://me:geheim@127.0.0.1:1/crm",
            "postgresql://me:***@127.0.0.1:1/crm: the database cannot be opened",
        ),
    ],
)
def test_an_unknown_source_is_bad_input(churn_risk: Command, source: str, says: str) -> None:
    done = churn_risk("validate", source)
    assert done.code == 2 and done.out == "" and done.err.startswith("error: ") and says in done.err
    assert "Traceback" not in done.err and "geheim" not in done.err

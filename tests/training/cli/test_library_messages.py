"""What libraries say: not between the lines of a command, but in a file, with a word that there is something."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from support.served import ROOT

from features.library_log import FILE, PRINTED, heard, printed_by_libraries
from features.simulation import World, simulate
from training.models.spoken import listen_to_lightgbm

WARNS = "churn_risk.some_place"


#: Runs commands one after the other, each as `churn-risk` does, with a line after the output of each.
COMMANDS = """
import json, sys
from serving.cli.main import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["churn-risk", *words]
    try:
        main()
    except SystemExit as ended:
        print(f"\\nended {ended.code or 0}", flush=True)
"""


@pytest.mark.server
def test_nothing_foreign_reaches_the_user(tmp_path: Path) -> None:
    """Train, evaluate and backtest a book whose texts are partly unknown: no warning, shown or kept.

    They run in a process of their own, with every warning shown that Python shows by default.
    """
    home, book, until = tmp_path / "home", tmp_path / "book", "2025-07-05"
    simulate(World(accounts=200, seed=5, months=20), book, "csv")
    commands = [
        ["train", str(book), "--until", until, "--json", "--no-figures"],
        ["evaluate", str(book), "--as-of", until, "--json"],
        ["backtest", str(book), "--origins", "2", "--json"],
    ]
    # With threads of LightGBM, which say things too; they wait as those of the command line do.
    variables = {"CHURN_RISK_HOME": str(home), "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-c", COMMANDS, json.dumps(commands)]
    done = subprocess.run(command, env={**os.environ, **variables}, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = done.stdout.split("\nended 0\n")
    assert len(results) == 4 and results.pop() == "", done.stdout
    _, _, tested = map(json.loads, results)
    assert not [line for line in done.stderr.splitlines() if not line.startswith("warning: ")], done.stderr
    assert not (home / FILE).exists(), (home / FILE).read_text()
    assert len(tested["origins"]) == 2


def test_warnings_and_records_are_kept_and_told_of(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    with warnings.catch_warnings(), heard(lambda: home):
        warnings.simplefilter("always")
        warnings.warn("a matter of the library", stacklevel=1)
        logging.getLogger("some.library").warning("another matter")
        logging.getLogger("some.library").info("nothing to keep")
        logging.getLogger(WARNS).warning("a matter of ours: %s", 7)
    out, err = capfd.readouterr()
    assert out == "" and err.splitlines()[0] == "warning: a matter of ours: 7"
    assert f"note: libraries warned 2 times; what they said is kept in {home / FILE}" in err
    kept = (home / FILE).read_text()
    assert "a matter of the library" in kept and "another matter" in kept
    assert "nothing to keep" not in kept and "ours" not in kept and "matter of the library" not in err


def test_without_a_word_there_is_no_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with heard(lambda: tmp_path / "home"):
        pass
    assert not (tmp_path / "home").exists() and capfd.readouterr().err == ""


def test_a_log_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with heard(lambda: tmp_path / "home"):
        logging.getLogger("some.library").warning("another matter")


def test_what_lightgbm_says_is_a_record(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """To its logger, and past it: its threads print to standard output, where a result is to stand alone."""
    listen_to_lightgbm()
    rows = np.column_stack([np.tile([-1.0, 0.0, 1.0, 2.0], 50), np.arange(200)])
    with caplog.at_level(logging.INFO), printed_by_libraries():
        data = lightgbm.Dataset(rows, np.tile([0, 1], 100), categorical_feature=[0])
        lightgbm.train({"objective": "binary", "verbosity": 1}, data, 2)
    assert capfd.readouterr().out == ""
    told = [record for record in caplog.records if "negative value in categorical" in record.getMessage()]
    assert [record.levelname for record in told] == ["WARNING"]
    assert told[0].name in ("lightgbm", PRINTED), "which of them depends on the thread that met it"


def test_what_is_printed_after_the_block_comes_out(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), printed_by_libraries():
        os.write(1, b"from C code\n")
        raise KeyError
    print("a result", flush=True)
    assert capfd.readouterr().out == "a result\n"

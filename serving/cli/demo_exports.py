"""The demo's book by way of exports: as other systems write them, with a suggested mapping and confirmed pairs.

In: a folder, and what runs a command. Out: the folder of the book. Each step is a command that a user would type, but
for the words in `mapping.toml` and `crosswalk.csv` that a person would write: here they are known.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from features.console import say, written_at_once
from features.csv_files import write_csv

SYSTEMS = "datev,hubspot,qualtrics,zendesk"


def book_of_exports(home: Path, accounts: int, seed: int, run: Callable[..., None]) -> Path:
    """Make the book under `home`; what an earlier demo left there is made anew.

    Parameters
    ----------
    home : Path
    accounts : int
    seed : int
    run : callable
        Runs `churn-risk` with the arguments that it is given.
    """
    exports, intake, book = home / "exports", home / "import", home / "book"
    for folder in (exports, intake, book):
        shutil.rmtree(folder, ignore_errors=True)
    intake.mkdir(parents=True)
    mapping = intake / "mapping.toml"
    run("simulate", "--accounts", str(accounts), "--seed", str(seed), "--as", SYSTEMS, "--out", str(exports))
    answers = exports / "expected" / "answers.toml"
    run("import", str(exports), "--suggest", "--answers", str(answers), "--out", str(mapping))
    run("import", str(mapping), "--out", str(book))
    _confirm(intake / "crosswalk.csv")
    run("import", str(mapping), "--out", str(book), "--report", str(home / "import.html"))
    return book


def _confirm(crosswalk: Path) -> None:
    """Write yes to every pair that is proposed, as a person would to those that are right."""
    pairs = pd.read_csv(crosswalk, dtype=str, keep_default_na=False)
    say(f"\n# {len(pairs)} pairs of accounts in {crosswalk}: yes to all of them, for here they are right")
    with written_at_once(crosswalk) as scratch:
        write_csv(pairs.assign(confirmed="yes"), scratch)

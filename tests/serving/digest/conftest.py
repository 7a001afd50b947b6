"""A store with the accounts of `support.portfolios` in two runs, read only; and one of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import pytest
from support.portfolios import ACCOUNTS, evidence, score_of
from support.stored import opened, put

from serving.store import ScoreStore


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScoreStore]:
    with opened(f"sqlite:///{tmp_path_factory.mktemp('digests') / 'scores.db'}") as made:
        for before in (True, False):
            put(made, *(score_of(name, before) for name in ACCOUNTS), evidence=evidence())
        yield made


@pytest.fixture
def store(kept: ScoreStore, tmp_path: Path) -> Iterator[ScoreStore]:
    """Return a copy that a test may write to."""
    path = tmp_path / "scores.db"
    with kept.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    copyfile(kept.url.removeprefix("sqlite:///"), path)
    with opened(f"sqlite:///{path}") as made:
        yield made

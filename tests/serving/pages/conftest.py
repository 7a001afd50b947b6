"""A site over the accounts of `support.portfolios`, without a model: no page needs one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import Site
from support.portfolios import ACCOUNTS, evidence, score_of
from support.stored import opened, put

from serving.store import ScoreStore


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScoreStore]:
    path: Path = tmp_path_factory.mktemp("pages") / "scores.db"
    with opened(f"sqlite:///{path}") as made:
        for before in (True, False):
            put(made, *(score_of(name, before) for name in ACCOUNTS), evidence=evidence())
        yield made


@pytest.fixture(scope="module")
def site(store: ScoreStore) -> Iterator[Site]:
    made = Site(store, rate_limit="100000/minute")
    yield made
    made.app.state.runtime.access.close()

"""Every signal and fact against an independent recomputation (see `support.oracle`)."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from support.books import CENTRE, Bench, random_book
from support.oracle import recompute

from features.matrix import FACT, FACTS
from features.signal import all_signals, signal_names

DATES = (CENTRE - timedelta(days=211), CENTRE, CENTRE + timedelta(days=37))
RTOL = 1e-9


@pytest.fixture(scope="module", params=[0, 1])
def both(request: pytest.FixtureRequest, bench: Bench) -> tuple[pd.DataFrame, pd.DataFrame]:
    frames = random_book(accounts=40, seed=request.param)
    return bench.load(frames).raw(DATES), recompute(frames, DATES)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


def test_the_oracle_covers_every_signal_and_fact(both: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    assert set(both[1]) == {"account_id", "as_of", *signal_names(), *(FACT + name for name in FACTS)}


def test_the_customers_are_the_same(both: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    found, expected = both
    assert found["account_id"].tolist() == expected["account_id"].tolist()
    assert pd.to_datetime(found["as_of"]).tolist() == expected["as_of"].tolist()
    assert len(found) > 60


@pytest.mark.parametrize("name", [*signal_names(), *(FACT + name for name in FACTS)])
def test_signal_equals_the_oracle(both: tuple[pd.DataFrame, pd.DataFrame], name: str) -> None:
    found, expected = both[0][name], both[1][name]
    if any(item.name == name and item.is_text for item in all_signals()):
        assert found.fillna("?").tolist() == expected.fillna("?").tolist()
    else:
        np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=RTOL, atol=1e-9, err_msg=name)
    assert found.nunique() > 1, f"the random books say nothing of {name}"

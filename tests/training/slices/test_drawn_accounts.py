"""A part of a large book is drawn by account: the same accounts of next month's book, and all that is known of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from support.handmade import tables_of

from features.as_of import stored_customers
from features.tables import Tables
from training.settings import TrainingSettings
from training.slices.drawn_accounts import drawn, with_share
from training.slices.preparing import dates_of

SETTINGS = TrainingSettings(share=0.3)


def book(accounts: int) -> Tables:
    """Return accounts with an invoice a month of 2022 to 2024 each."""
    names = [f"a{number}" for number in range(accounts)]
    days = pd.date_range("2022-01-01", "2024-12-31", freq="MS")
    invoices = pd.DataFrame({"account_id": np.repeat(names, len(days)), "invoiced_on": np.tile(days, accounts)})
    invoices = invoices.assign(invoice_id=[str(number) for number in range(len(invoices))], amount=100.0)
    since = pd.DataFrame({"account_id": names, "customer_since": pd.Timestamp("2022-01-01")})
    return tables_of({"accounts": since, "invoices": invoices})


def ids(tables: Tables, name: str = "accounts") -> set[str]:
    return set(tables[name].account_id.execute())


def test_the_same_accounts_are_drawn_of_a_book_that_grew_with_all_their_records() -> None:
    before, after = drawn(book(300), SETTINGS), drawn(book(400), SETTINGS)
    everybody = {f"a{number}" for number in range(300)}
    assert ids(before) == ids(after) & everybody == ids(before, "invoices")
    # Binomial of 300 at .3: four standard deviations.
    assert 58 <= len(ids(before)) <= 122
    assert before["invoices"].count().execute() == 36 * len(ids(before))


def test_another_seed_draws_others() -> None:
    whole = book(300)
    assert ids(drawn(whole, SETTINGS)) != ids(drawn(whole, replace(SETTINGS, seed=1)))


def test_a_share_is_settled_only_where_there_are_too_many_rows() -> None:
    tables, settings = book(50), TrainingSettings()
    rows = 50 * len(dates_of(tables, settings))
    assert with_share(tables, settings, rows).share == 1
    assert drawn(tables, settings) is tables
    assert with_share(tables, settings, rows // 4).share == pytest.approx(0.25, abs=0.01)
    assert with_share(tables, settings, 1).share == pytest.approx(1 / rows, rel=0.005)


def test_customers_are_counted_at_one_date_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some accounts are customers at the last date alone; the pairs of all dates never stand side by side."""
    tables, settings = book(50), TrainingSettings()
    dates = dates_of(tables, settings)
    accounts = tables["accounts"]
    is_young = accounts.account_id < "a2"
    since = ibis.ifelse(is_young, dates[-1] - timedelta(days=1), dates[0] - timedelta(days=1))
    tables = replace(tables, frames=tables.frames | {"accounts": accounts.mutate(customer_since=since)})
    young = int(is_young.sum().execute())
    asked = []

    def noted(tables: Tables, days: list[date], *more: Any) -> Any:
        asked.append(days)
        return stored_customers(tables, days, *more)

    monkeypatch.setattr("training.slices.drawn_accounts.stored_customers", noted)
    rows = 50 * len(dates) - young * (len(dates) - 1)
    assert with_share(tables, settings, 50 * len(dates)).share == 1 and asked == []
    assert with_share(tables, settings, rows // 2).share == pytest.approx(0.5, abs=0.01)
    assert asked == [[day] for day in dates] and 0 < young < 50


@pytest.mark.parametrize("share", [0, -0.1, 1.1])
def test_a_share_of_none_or_of_more_than_all_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        TrainingSettings(share=share)

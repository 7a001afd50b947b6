"""The matrix in plain pandas: `python plain_pandas_matrix.py BOOK OUT DAY [DAY ...]`; see `plain_pandas`."""

import re
import sys
from pathlib import Path

import pandas as pd
import plain_pandas as by
from plain_pandas import DAY, KEY, LOOK_BACK, TABLES

#: Signals that are null, not 0, where an account has no record.
NULL_WHEN_NONE = re.compile(
    r"_share|_hours_|^nps_|^response_|^contract_(days|price)|_(age|recency|p50|repeat|span)_days$|_ratio$"
)


def at(book, day):
    """Return the rows of one date: keys and signals."""
    accounts = by.customers(book, day)
    surveys = by.seen_surveys(book["surveys"], day)
    signals = {
        **by.of_invoices(book["invoices"], day),
        **by.of_tickets(book["tickets"], day),
        **by.of_loops(book["loops"], surveys, day),
        **by.of_scores(surveys, book["contacts"], day),
        **by.of_response(surveys),
        **by.of_contacts(book["contacts"], surveys, day),
        **by.of_contracts(book["contracts"], day),
        **by.of_the_rest(book, day),
    }
    rows = pd.DataFrame({name: column.astype(float).reindex(accounts.index) for name, column in signals.items()})
    none = {name: 1.0 if name == "silence_never_surveyed" else 0.0 for name in rows if not NULL_WHEN_NONE.search(name)}
    rows = rows.fillna(none)
    told = ["tickets_defects_365d", "tickets_severe_365d", "contacts_decision_makers", "contacts_fell_silent",
            "contacts_decision_maker_left_365d"]  # fmt: skip
    rows[told] = rows[told].where(rows[told] >= 0)
    rows["tenure_days"] = by.days_until(day, accounts.customer_since)
    for name in ("segment", "industry", "country"):
        rows[f"account_{name}"] = accounts[name]
    return rows.reset_index().assign(as_of=day)


def forget_short(book, rows):
    """Set to null what looks back further than its table is recorded."""
    first = {
        "invoice": book["invoices"].invoiced_on.min(), "revenue": book["invoices"].invoiced_on.min(),
        "credit": book["invoices"].invoiced_on.min(), "ticket": book["tickets"].opened_at.min(),
        "loop": book["loops"].opened_at.min(), "actions": book["actions"].done_at.min(),
        "referrals": book["referrals"].referred_at.min(), "memberships": book["memberships"].joined_on.min(),
        "contacts_fell": book["surveys"].sent_at.min(), "contacts_": book["contacts"].valid_from.min(),
    }  # fmt: skip
    for name in rows:
        window = re.search(r"_(\d+)d$", name)
        days = LOOK_BACK.get(name, int(window[1]) if window else 0)
        if days:
            table = next((key for key in first if name.startswith(key)), None)
            began = (first[table] if table else book["surveys"].sent_at.min()).normalize()
            rows[name] = rows[name].where((rows.as_of <= began) | (rows.as_of - began >= days * DAY))
    return rows


def main(folder, out, days):
    """Write the signals of all customers at some dates."""
    book = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    for name, rows in book.items():
        for column in rows:
            if column.endswith(("_on", "_since", "valid_from", "valid_to", "_at")):
                book[name][column] = pd.to_datetime(rows[column])
    rows = pd.concat([at(book, pd.Timestamp(day)) for day in days]).sort_values([KEY, "as_of"], ignore_index=True)
    rows["as_of"] = rows.as_of.astype("datetime64[s]")
    forget_short(book, rows).assign(as_of=rows.as_of.dt.date).to_parquet(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])

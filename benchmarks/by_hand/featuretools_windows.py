"""The windows that featuretools can express, in an environment of its own: `featuretools_windows.py BOOK OUT KEYS`.

KEYS is a Parquet file with account_id and as_of: the cutoff times. Accounts have no time index, as a training window
would drop them by it; nothing has a last-time index, which looks ahead. What is filled later (answers) is a table of
its own, by its own time. A window ends before the cutoff time, as ours does (`include_cutoff_time=False`).
"""

import sys
from pathlib import Path

import featuretools as ft
import pandas as pd
from featuretools.primitives import Count, Mean, Sum, TimeSinceLast

TIMES = {"invoices": "invoiced_on", "tickets": "opened_at", "loops": "opened_at", "actions": "done_at",
         "referrals": "referred_at", "contracts": "starts_on", "answers": "answered_at"}  # fmt: skip
KEPT = {"invoices": ["amount"], "answers": ["score", "kind"]}


def entities(folder):
    """Return accounts and their records."""
    files = [name for name in ("accounts", "surveys", *TIMES) if name != "answers"]
    book = {name: pd.read_parquet(folder / f"{name}.parquet") for name in files}
    surveys = book.pop("surveys")
    book["answers"] = surveys[surveys.score.notna() & surveys.answered_at.notna()]
    found = ft.EntitySet("book")
    found.add_dataframe(dataframe_name="accounts", dataframe=book["accounts"][["account_id"]], index="account_id")
    for name, time in TIMES.items():
        rows = book[name].reset_index(names="row")[["row", "account_id", time, *KEPT.get(name, [])]]
        rows[time] = pd.to_datetime(rows[time])
        if "score" in rows:
            rows["score"] = rows.score.astype(float)
        kinds = {"kind": "Categorical"} if "kind" in rows else {}
        found.add_dataframe(dataframe_name=name, dataframe=rows, index="row", time_index=time, logical_types=kinds)
        found.add_relationship("accounts", "account_id", name, "account_id")
    return found


def windows(book):
    """Return for each window (None: all that was) the signals as features, by name."""

    def of(name, primitive, column="row", where=None):
        return ft.Feature(book[name].ww[column], parent_dataframe_name="accounts", primitive=primitive, where=where)

    paid = ft.Feature(book["invoices"].ww["amount"]) > 0
    kind = ft.Feature(book["answers"].ww["kind"])
    return {
        "90 days": {"revenue_90d": of("invoices", Sum, "amount"), "invoices_90d": of("invoices", Count, where=paid)},
        "180 days": {"revenue_180d": of("invoices", Sum, "amount"), "actions_180d": of("actions", Count)},
        "365 days": {
            "invoices_365d": of("invoices", Count, where=paid),
            "tickets_opened_365d": of("tickets", Count),
            "loops_opened_365d": of("loops", Count),
            "referrals_made_365d": of("referrals", Count),
            "nps_mean_365d": of("answers", Mean, "score"),
            "nps_relationship_mean_365d": of("answers", Mean, "score", where=kind == "relationship"),
            "nps_transactional_mean_365d": of("answers", Mean, "score", where=kind == "transactional"),
        },
        None: {
            "contract_terms": of("contracts", Count),
            "invoice_recency_days": of("invoices", TimeSinceLast(unit="days"), "invoiced_on", where=paid),
        },
    }


def main(folder, out, keys):
    """Write the signals as columns beside the keys."""
    spine = pd.read_parquet(keys, columns=["account_id", "as_of"])
    cutoffs = spine.rename(columns={"as_of": "time"}).assign(time=pd.to_datetime(spine.as_of))
    book, found = entities(folder), [spine.set_index(["account_id", cutoffs.time])]
    for window, features in windows(book).items():
        rows = ft.calculate_feature_matrix(
            list(features.values()), book, cutoff_time=cutoffs, training_window=window, cutoff_time_in_index=True,
            include_cutoff_time=False,
        )  # fmt: skip
        found.append(rows.set_axis(list(features), axis=1).reindex(found[0].index))
    pd.concat(found, axis=1).reset_index(level="account_id").reset_index(drop=True).to_parquet(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))

"""A part of a very large book, drawn by account: what is learnt from so many rows is learnt from fewer as well.

In: a book and the settings. Out: the settings with the share of accounts to learn from, and the book of those accounts.
An account is drawn by a checksum of its id, so that the same share draws the same accounts of next month's book.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import ibis
import ibis.expr.types as ir

from features.as_of import stored_customers
from features.tables import Tables
from training.settings import TrainingSettings
from training.slices.preparing import dates_of

#: Digits of the checksum that are read, and how many values they have.
DIGITS, VALUES = 8, 16**8
#: Significant digits of a share.
SIGNIFICANT = 3


def with_share(tables: Tables, settings: TrainingSettings, most_rows: int) -> TrainingSettings:
    """Return the settings with the share of accounts that gives at most about `most_rows` rows to learn from.

    Parameters
    ----------
    tables : Tables
    settings : TrainingSettings
    most_rows : int
        Rows, one a customer and as-of date.

    Raises
    ------
    InputError, NotEnoughData
        As `training.slices.preparing.dates_of`.
    """
    dates = dates_of(tables, settings)
    accounts = int(tables["accounts"].count().execute())
    if accounts * len(dates) <= most_rows:
        return settings
    rows = sum(_customers(tables, day, settings) for day in dates)
    return settings if rows <= most_rows else replace(settings, share=float(f"{most_rows / rows:.{SIGNIFICANT}g}"))


def _customers(tables: Tables, day: date, settings: TrainingSettings) -> int:
    """Count the customers at a date: at one, as those of a large book at all dates take its memory many times."""
    return int(stored_customers(tables, [day], settings.rule.by_silence).count().execute())


def drawn(tables: Tables, settings: TrainingSettings) -> Tables:
    """Return the book of the drawn accounts; the book itself where all of them are."""
    if settings.share >= 1:
        return tables
    connection = tables["accounts"].get_backend()
    accounts = tables["accounts"].filter(_drawn(tables["accounts"].account_id, settings)).select("account_id")
    chosen = connection.create_table("drawn_accounts", accounts, temp=True, overwrite=True)
    frames = {
        name: connection.create_table(f"drawn_{name}", rows.semi_join(chosen, "account_id"), temp=True, overwrite=True)
        for name, rows in tables.frames.items()
    }
    return replace(tables, frames=frames)


def _drawn(account_id: ir.StringValue, settings: TrainingSettings) -> ir.BooleanValue:
    digits = (ibis.literal(f"{settings.seed} ") + account_id).hexdigest("md5").substr(0, DIGITS)
    return digits < f"{min(int(settings.share * VALUES), VALUES - 1):0{DIGITS}x}"

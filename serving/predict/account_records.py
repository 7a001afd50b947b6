"""One account's raw history, read from a source as a request would send it.

The store's evidence is cut short, so what depends on all records of an account reads them here, from a source of the
contract's tables (`features.sources`). Values are read by the readers of requests; a table that the source lacks is
absent, and `book.toml` says what is known of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from math import isnan
from typing import Any

import ibis.expr.types as ir
from pydantic import ValidationError

from features.errors import AccountUnknown, InputError
from features.sources import Source, open_source
from features.tables import TABLES, Kind
from serving.predict.fault_words import sentence
from serving.predict.history import AccountHistory

#: Most faults that a message tells.
TOLD = 5


def history_in(source: str, account_id: str) -> AccountHistory:
    """Return an account's history in a source.

    Raises
    ------
    InputError
        When the source cannot be read, or the account's records are not as the contract has them.
    AccountUnknown
        When it has no such account.
    SourceGone
        When its server goes away.
    """
    opened = open_source(source, account_id)
    try:
        if opened.problems:
            raise InputError("; ".join(str(problem) for problem in opened.problems[:TOLD]))
        rows = {name: _rows(name, frame, account_id) for name, frame in opened.frames.items()}
    finally:
        opened.close()
    accounts = rows.pop("accounts", [])
    if not accounts:
        raise AccountUnknown(f"{opened.name} has no account {account_id!r}")
    try:
        return AccountHistory.model_validate({"account": accounts[0], **rows, "known": _known(opened)})
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {sentence(fault)}" for fault in error.errors()[:TOLD])
        raise InputError(f"the records of account {account_id!r} cannot be used: {'; '.join(faults)}") from error


def _rows(name: str, frame: ir.Table, account_id: str) -> list[dict[str, Any]]:
    kinds = {column.name: column.kind for column in TABLES[name].columns}
    held = {column.strip().lower(): column for column in frame.columns}
    if "account_id" not in held:
        raise InputError(f"{name}: the column account_id is missing")
    mine = frame.filter(frame[held["account_id"]].cast("string") == account_id)
    columns = {own: column for own, column in held.items() if own in kinds or own == "currency"}
    found = mine.select(**{own: mine[column] for own, column in columns.items()}).to_pyarrow().to_pylist()
    return [{own: _plain(value, kinds.get(own, Kind.TEXT)) for own, value in row.items()} for row in found]


def _plain(value: Any, kind: Kind) -> Any:
    """Return a value as a request may hold it: the types of files are more."""
    if value is None or (isinstance(value, float) and isnan(value)):
        return None
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, Decimal):
        return float(value)
    return str(value) if kind is Kind.TEXT else value


def _known(source: Source) -> Mapping[str, Any]:
    """Return what `book.toml` says, as the `known` of a request."""
    told: dict[str, Any] = {}
    for name, facts in source.known.tables.items():
        told[name] = {"since": facts.since, "until": facts.until}
        if name == "surveys":
            own_time = "sent_at" if facts.answered_at_is_sent_at else None
            told[name] |= {"invitations": facts.invitations, "answered_at": own_time}
    return told

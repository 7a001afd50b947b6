"""The rows of a request's accounts by table, and where they contradict each other: keys that stand twice, other owners.

In: histories. Out: their rows, and a fault for each contradiction, with its place in the request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from itertools import repeat
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from features.tables import TABLES
from features.validation.conversion import BLANKS
from serving.faults import Fault
from serving.predict.history import answered_when_sent, lacks_its_time
from serving.predict.values import day as read_day
from serving.predict.values import quoted

#: What tells the records of an account apart, in tables where that is not the account alone.
OWN_KEYS = {
    name: attrgetter(*own)
    for name, table in TABLES.items()
    if (own := [column for column in table.key if column != "account_id"])
}
OWNER, CURRENCY = attrgetter("account_id"), attrgetter("currency")
#: The rows of histories by table, a sequence for each history.
Rows = Mapping[str, Sequence[Sequence[Any]]]


def rows_of(histories: Sequence[Any]) -> Rows:
    """Return the rows of histories by table, a sequence for each history."""
    return {name: [rows_in(history, name) for history in histories] for name in TABLES}


def rows_in(history: Any, name: str) -> Sequence[Any]:
    """Return the rows of one table of a history; none where it is not known."""
    if name == "accounts":
        return (history.account,)
    rows: Sequence[Any] = getattr(history, name) or ()
    if name == "surveys" and answered_when_sent(history.known):
        # As `features.validation.conversion` does in a file.
        return [row.model_copy(update={"answered_at": row.sent_at}) if lacks_its_time(row) else row for row in rows]
    return rows


def agree(owners: Sequence[str], rows: Rows) -> bool:
    """Whether no records contradict each other: asked of all at once, since those of most requests do not."""
    for name, table in TABLES.items():
        each = rows[name]
        own_key = OWN_KEYS.get(name)
        keys: set[Any] = set()
        for owner, records in zip(owners, each, strict=True):
            if set(filter(None, map(OWNER, records))) - {owner}:
                return False
            own = [owner] * len(records) if own_key is None else map(own_key, records)
            keys.update(zip(repeat(owner), own) if "account_id" in table.key else own)
        if len(keys) < sum(map(len, each)):
            return False
    return True


def contradictions(owners: Sequence[str], rows: Rows) -> Iterator[Fault]:
    """Yield every row that names another account, every key that stands twice, and a second currency.

    Of an account that stands twice its records are not told one by one: they mostly stand twice with it.
    """
    seen: dict[str, dict[Any, int]] = {name: {} for name in TABLES}
    currency: str | None = None
    for number, owner in enumerate(owners):
        for name in ("accounts",) if (owner, owner) in seen["accounts"] else TABLES:
            times = seen[name]
            own_key = OWN_KEYS.get(name)
            with_owner = "account_id" in TABLES[name].key
            for index, row in enumerate(rows[name][number]):
                if row.account_id and row.account_id != owner:
                    detail = f"{quoted(row.account_id)} is not {quoted(owner)}, whose history it is"
                    yield _fault(number, name, index, "account_id", detail)
                key = own_key(row) if own_key else owner
                if with_owner:
                    key = (owner, key)
                times[key] = times.get(key, 0) + 1
                if times[key] == 2:
                    yield _fault(number, name, index, TABLES[name].key[0], "stands there twice")
                if row.currency and row.currency != (currency := currency or row.currency):
                    yield _fault(
                        number,
                        name,
                        index,
                        "currency",
                        f"{quoted(row.currency)} beside {quoted(currency)}; one is expected",
                    )


def in_future(today: date) -> Fault:
    """Return that the date asked for lies after today."""
    return Fault(None, ("as_of",), f"later than today, {today} (UTC)")


def contradictions_as_sent(body: Any) -> Iterator[Fault]:
    """Yield what `predict` would refuse in a body beside the fields that are wrong, so that all is told at once.

    Parameters
    ----------
    body : parsed JSON
        A value that is no text, where one is expected, contradicts nothing.
    """
    today = datetime.now(UTC).date()
    with suppress(ValueError):
        named = read_day(body.get("as_of"))
        if named is not None and named > today:
            yield in_future(today)
    histories = [_as_sent(history) for history in body["accounts"]]
    yield from contradictions([history.account.account_id for history in histories], rows_of(histories))


def _as_sent(history: Any) -> SimpleNamespace:
    """Return an account as it was sent; one that cannot be told from others has no records."""
    sent = history if isinstance(history, dict) else {}
    account = _row_as_sent("accounts", sent.get("account"))
    tables: dict[str, Any] = dict.fromkeys(TABLES)
    for name in sent.keys() & TABLES.keys() if isinstance(account.account_id, str) else ():
        tables[name] = [_row_as_sent(name, row) for row in sent[name]] if isinstance(sent[name], list) else None
    return SimpleNamespace(**tables, account=account, known=None)


def _row_as_sent(name: str, row: Any) -> SimpleNamespace:
    sent = row if isinstance(row, dict) else {}
    texts = {column: sent[column] for column in sent if isinstance(sent[column], str) and sent[column].strip(BLANKS)}
    keys = {column: texts.get(column, object()) for column in TABLES[name].key}
    owner = keys["account_id"] if name == "accounts" else texts.get("account_id")
    return SimpleNamespace(**{**keys, "account_id": owner, "currency": texts.get("currency")})


def _fault(number: int, table: str, index: int, column: str, detail: str) -> Fault:
    row: tuple[str | int, ...] = ("account",) if table == "accounts" else (table, index)
    return Fault(number, (*row, column), detail)

"""What is doubtful in one account's records of a request, as `features.validation` doubts it in a book.

Keys that are nearly the name of a table or column that is absent, or have all its words, are not read, nor is a table
within `account`; and contracts that began one after the other, none with an end, all run and add up. Neither is
refused, and neither would be seen in the score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Self

from pydantic import ModelWrapValidatorHandler, PrivateAttr, model_validator

from features.tables import TABLES
from features.validation.names import akin, near, near_files
from serving.predict.cut_days import Counted
from serving.scoring.cautions import Caution, doubtful

#: The keys that are read in a row of each table, and in the history itself; `account` is the row of accounts.
READ = {name: {*table.schema, "currency"} for name, table in TABLES.items()}
MEMBERS = {"account", "known", *TABLES} - {"accounts"}
#: How many further keys of a table are compared with the names of the contract.
MOST_STRANGE = 20


@dataclass(frozen=True)
class Doubts:
    """What is doubtful in an account's records.

    Attributes
    ----------
    misnamed : mapping of str to str
        Keys that are not read, such as `contracts.end_on`, with the name that is perhaps meant.
    endless : bool
        Whether contracts began one after the other, none with an end.
    """

    misnamed: Mapping[str, str] = field(default_factory=dict)
    endless: bool = False


class Doubted(Counted):
    """A history that keeps what is doubtful in it, `doubts`."""

    _misnamed: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @property
    def doubts(self) -> Doubts:
        """What is doubtful in the records."""
        return Doubts(self._misnamed, endless(self))

    @model_validator(mode="wrap")
    @classmethod
    def _doubting(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        read: Self = handler(value)
        misnamed = misnamed_in(value) if isinstance(value, dict) else None
        if misnamed:
            read._misnamed = misnamed
        return read


def endless(history: Any) -> bool:
    """Whether contracts of a history began one after the other, none with an end."""
    contracts = getattr(history, "contracts", None) or ()
    return len({row.starts_on for row in contracts if row.ends_on is None}) > 1


def doubts_of(histories: Iterable[Any]) -> list[Caution]:
    """Return what to know of the records of several accounts."""
    each = [history.doubts for history in histories]
    misnamed = {key: name for doubts in each for key, name in doubts.misnamed.items()}
    return doubtful([misnamed], sum(doubts.endless for doubts in each))


def misnamed_in(history: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys of a history that are nearly the name of a table or column that is absent, with that name.

    Examples
    --------
    >>> misnamed_in({"account": {"Segment": "SMB"}, "survey": [], "tickets": [{"closed_at": None}, {"close_at": None}]})
    {'survey': 'surveys', 'account.Segment': 'segment', 'tickets.close_at': 'closed_at'}
    >>> misnamed_in({"account": {"contracts": []}, "surveys": [{"sent_at": "2025-01-01", "nps_score": 9}]})
    {'account.contracts': 'contracts', 'surveys.nps_score': 'score'}
    """
    found: dict[str, str] = {}
    strange = list(islice((key for key in history if key not in MEMBERS), MOST_STRANGE))
    if strange:
        absent = [name for name in TABLES if name != "accounts" and history.get(name) is None]
        found |= {key: name for name, key in near_files(absent, strange).items()}
    within = history.get("account")
    if isinstance(within, dict):
        found |= {f"account.{name}": name for name in TABLES if name in within and not history.get(name)}
    for name in TABLES:
        place = "account" if name == "accounts" else name
        rows = history.get(place)
        rows = [rows] if name == "accounts" else rows if isinstance(rows, list) else ()
        found |= {f"{place}.{key}": column for key, column in _misnamed_columns(name, rows).items()}
    return found


def _misnamed_columns(name: str, rows: Sequence[Any]) -> dict[str, str]:
    """Return the keys of rows that are nearly the name of an optional column, which no row with that key has."""
    # One union of all keys: nothing else is done for each row of a right request.
    strange = set().union(*rows) - READ[name] if rows and isinstance(rows[0], dict) else set()
    if not strange:
        return {}
    found, some = {}, sorted(islice(strange, MOST_STRANGE))
    # Where a nested row names its owner is no matter: it may be left out.
    for column in (each for each in TABLES[name].columns if each.optional and each.name != "account_id"):
        # Names, addresses and numbers of people are often left out on purpose, beside keys that have words of theirs.
        key = near(column.name, some) or (None if column.personal else akin(column.name, some))
        if key is not None and not any(column.name in row for row in rows if key in row):
            found[key] = column.name
    return found

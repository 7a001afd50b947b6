"""POST /v1/predictions: raw history in, scores with reasons out; nothing is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from features.compiled import ARROW, CompiledMatrix
from features.tables import TABLES
from serving.api.history import NESTED, missing_tables
from serving.api.problems import FieldError, RequestProblem
from serving.scores import Score
from serving.scoring import score_matrix
from training.bundle import Bundle


class Predictor:
    """A bundle with its compiled matrix: scores raw histories.

    Parameters
    ----------
    bundle : Bundle
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._matrix = CompiledMatrix(bundle.rule.by_silence, bundle.manifest.recorded_since)

    def predict(self, histories: Sequence[Any], as_of: date | None) -> list[Score]:
        """Score accounts in the order given.

        Raises
        ------
        RequestProblem
            When as_of is later than today, rows contradict each other, or an account is not a customer at as_of.
        """
        today = datetime.now(UTC).date()
        day = as_of or today
        faults = [FieldError(pointer="/as_of", detail=f"later than today, {today} (UTC)")] if day > today else []
        faults += contradictions(histories)
        if faults:
            raise RequestProblem("as_of lies in the future, or the accounts contradict themselves", faults)
        missing = {history.account.account_id: missing_tables(history) for history in histories}
        matrix = self._matrix.compute(to_arrow(histories), day, missing)
        ids = matrix.keys["account_id"].tolist()
        self._demand_customers(histories, set(ids), day)
        scored = score_matrix(matrix, self.bundle, [missing[name] for name in ids], self._currency(histories))
        by_account = {score.account_id: score for score in scored.rows()}
        return [by_account[history.account.account_id] for history in histories]

    def _currency(self, histories: Sequence[Any]) -> str | None:
        found = {name for _, _, row in _rows(histories) if (name := row.currency)}
        return next(iter(found), self.bundle.manifest.currency)

    def _demand_customers(self, histories: Sequence[Any], customers: set[str], day: date) -> None:
        faults = [
            _why_no_customer(history, f"/accounts/{number}", day)
            for number, history in enumerate(histories)
            if history.account.account_id not in customers
        ]
        if faults:
            raise RequestProblem("only customers can be scored", faults)


def _why_no_customer(history: Any, place: str, day: date) -> FieldError:
    name = history.account.account_id
    if history.account.customer_since >= day:
        detail = f"{name}: not a customer yet at {day}"
        return FieldError(pointer=f"{place}/account/customer_since", detail=detail)
    if any(churn.churned_on < day for churn in history.churns or ()):
        return FieldError(pointer=f"{place}/churns", detail=f"{name}: no longer a customer at {day}")
    detail = (
        f"{name}: fewer than 2 positive invoices in the 365 days before {day}, "
        "so not a customer by the model's rule of silence"
    )
    return FieldError(pointer=f"{place}/invoices", detail=detail)


def contradictions(histories: Sequence[Any]) -> Iterator[FieldError]:
    """Yield every row that names another account, every key that stands twice, and a second currency."""
    seen: dict[str, Counter[Any]] = {name: Counter() for name in TABLES}
    currency: str | None = None
    for place, table, row in _rows(histories):
        owner = histories[int(place.split("/")[2])].account.account_id
        if row.account_id not in (None, owner):
            yield FieldError(pointer=f"{place}/account_id", detail=f"{row.account_id!r} is not {owner!r}")
        key = tuple(owner if name == "account_id" else getattr(row, name) for name in TABLES[table].key)
        seen[table][key] += 1
        if seen[table][key] == 2:
            yield FieldError(pointer=f"{place}/{TABLES[table].key[0]}", detail="stands there twice")
        if row.currency and row.currency != (currency := currency or row.currency):
            yield FieldError(
                pointer=f"{place}/currency", detail=f"{row.currency!r} beside {currency!r}; one is expected"
            )


def _rows(histories: Sequence[Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield (JSON pointer, table, row) for every row of a request."""
    for number, history in enumerate(histories):
        yield f"/accounts/{number}/account", "accounts", history.account
        for name in NESTED:
            for index, row in enumerate(getattr(history, name) or ()):
                yield f"/accounts/{number}/{name}/{index}", name, row


def to_arrow(histories: Sequence[Any]) -> dict[str, pa.Table]:
    """Return the contract's tables of a request; every row carries its account's id."""
    rows: dict[str, list[tuple[str, Any]]] = {name: [] for name in TABLES}
    for place, table, row in _rows(histories):
        rows[table].append((histories[int(place.split("/")[2])].account.account_id, row))
    made = {}
    for name, found in rows.items():
        if found:
            schema = ARROW[name]
            columns = [
                [owner for owner, _ in found] if column == "account_id" else [getattr(row, column) for _, row in found]
                for column in schema.names
            ]
            arrays = [pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)]
            made[name] = pa.Table.from_arrays(arrays, schema=schema)
    return made

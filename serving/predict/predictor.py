"""POST /v1/predictions: raw history in, scores with reasons out; nothing is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from features.matrix import Matrix
from features.requests.compiled import ARROW, CompiledMatrix
from features.tables import TABLES
from serving import metrics
from serving.api.edge.problems import FieldError, RequestProblem
from serving.predict.history import missing_tables
from serving.scoring.scores import Score
from serving.scoring.scoring import score_matrix
from training.bundle.bundle import Bundle


@dataclass(frozen=True)
class Call:
    """What one caller asked: histories, and the date that was named."""

    histories: Sequence[Any]
    as_of: date | None = None


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
        (found,) = self.predict_each([Call(histories, as_of)])
        if isinstance(found, RequestProblem):
            raise found
        return found

    def predict_each(self, calls: Sequence[Call]) -> list[list[Score] | RequestProblem]:
        """Answer several calls with one matrix a date: the same answers as one by one, and for each its own problem.

        Within the matrix every account bears a number of its own, so that calls may name the same account.
        """
        today = datetime.now(UTC).date()
        answers: dict[int, list[Score] | RequestProblem] = {}
        sound: dict[date, list[int]] = {}
        for number, call in enumerate(calls):
            problem = _refused(call, today)
            if problem is None:
                sound.setdefault(call.as_of or today, []).append(number)
            else:
                answers[number] = problem
        for day, numbers in sound.items():
            found = self._at(day, [calls[number].histories for number in numbers])
            answers |= dict(zip(numbers, found, strict=True))
        return [answers[number] for number in range(len(calls))]

    def _at(self, day: date, calls: Sequence[Sequence[Any]]) -> list[list[Score] | RequestProblem]:
        histories = [history for call in calls for history in call]
        names = [f"{number:09d}" for number in range(len(histories))]
        missing = dict(zip(names, map(missing_tables, histories), strict=True))
        with metrics.step("matrix"):
            matrix = self._matrix.compute(to_arrow(histories, names), day, missing)
        rows = matrix.keys["account_id"].tolist()
        currencies = dict(zip(names, (name for call in calls for name in self._currencies(call)), strict=True))
        with metrics.step("explain"):
            named = _named(matrix, [histories[int(name)].account.account_id for name in rows])
            scored = score_matrix(named, self.bundle, [missing[name] for name in rows])
            by_name = dict(zip(rows, scored.rows([currencies[name] for name in rows]), strict=True))
        own = iter(names)
        return [_answer(call, [by_name.get(next(own)) for _ in call], day) for call in calls]

    def _currencies(self, histories: Sequence[Any]) -> list[str | None]:
        """Return the currency of a call, once for each of its accounts."""
        named = (row.currency for history in histories for name in TABLES for row in _table(history, name))
        return [next(filter(None, named), self.bundle.manifest.currency)] * len(histories)


def _named(matrix: Matrix, ids: list[str]) -> Matrix:
    return replace(matrix, keys=matrix.keys.assign(account_id=ids))


def _refused(call: Call, today: date) -> RequestProblem | None:
    faults = []
    if call.as_of is not None and call.as_of > today:
        faults.append(FieldError(pointer="/as_of", detail=f"later than today, {today} (UTC)"))
    faults += contradictions(call.histories)
    title = "as_of lies in the future, or the accounts contradict themselves"
    return RequestProblem(title, faults) if faults else None


def _answer(histories: Sequence[Any], scores: Sequence[Score | None], day: date) -> list[Score] | RequestProblem:
    faults = [
        _why_no_customer(history, f"/accounts/{number}", day)
        for number, (history, score) in enumerate(zip(histories, scores, strict=True))
        if score is None
    ]
    if faults:
        return RequestProblem("only customers can be scored", faults)
    return [score for score in scores if score is not None]


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
    for number, history in enumerate(histories):
        owner = history.account.account_id
        for name, table in TABLES.items():
            for index, row in enumerate(_table(history, name)):
                place = (number, name, index)
                if row.account_id not in (None, owner):
                    yield FieldError(
                        pointer=_pointer(*place, "account_id"), detail=f"not {owner!r}, whose history it is"
                    )
                key = tuple(owner if part == "account_id" else getattr(row, part) for part in table.key)
                seen[name][key] += 1
                if seen[name][key] == 2:
                    yield FieldError(pointer=_pointer(*place, table.key[0]), detail="stands there twice")
                if row.currency and row.currency != (currency := currency or row.currency):
                    detail = f"{row.currency!r} beside {currency!r}; one is expected"
                    yield FieldError(pointer=_pointer(*place, "currency"), detail=detail)


def _table(history: Any, name: str) -> Sequence[Any]:
    return (history.account,) if name == "accounts" else getattr(history, name) or ()


def _pointer(number: int, table: str, index: int, column: str) -> str:
    row = "account" if table == "accounts" else f"{table}/{index}"
    return f"/accounts/{number}/{row}/{column}"


def to_arrow(histories: Sequence[Any], names: Sequence[str]) -> dict[str, pa.Table]:
    """Return the contract's tables of a request, those with rows; every row carries its account's name."""
    made = {}
    for table, schema in ARROW.items():
        rows = [(name, row) for name, history in zip(names, histories, strict=True) for row in _table(history, table)]
        if rows:
            values = {column: [getattr(row, column) for _, row in rows] for column in schema.names}
            values["account_id"] = [name for name, _ in rows]
            arrays = [pa.array(values[field.name], field.type) for field in schema]
            made[table] = pa.Table.from_arrays(arrays, schema=schema)
    return made

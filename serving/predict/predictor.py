"""Raw histories in, scores with reasons out: the predictor that endpoint, jobs and the check of a new model share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import Any

from features.requests.compiled import FEW_RECORDS, CompiledMatrix
from features.requests.stamped import COLUMNS
from features.tables import TABLES
from serving import metrics
from serving.errors import Refusal
from serving.faults import Fault
from serving.predict.history import NESTED, known_facts, missing_tables
from serving.predict.request_rows import CURRENCY, Rows, agree, contradictions, in_future, rows_of
from serving.scoring.cautions import Caution, cautions
from serving.scoring.scores import Score
from serving.scoring.scoring import score_matrix
from training.bundle.bundle import Bundle

#: The values of a record, in the order of its table's columns.
VALUES = {name: attrgetter(*columns) for name, columns in COLUMNS.items()}
NESTED_OF = attrgetter(*NESTED)
#: Most accounts of a small batch.
SMALL_ACCOUNTS = 32


@dataclass(frozen=True)
class Call:
    """What one caller asked: histories, and the date that was named.

    Attributes
    ----------
    latest : date or None
        The last date that may be named; None: today (UTC). What would be known tomorrow is asked for of tomorrow.
    """

    histories: Sequence[Any]
    as_of: date | None = None
    latest: date | None = None

    @cached_property
    def number_of_records(self) -> int:
        """How many records of all tables the histories have together."""
        return sum(len(rows or ()) for history in self.histories for rows in NESTED_OF(history)) + len(self.histories)


@dataclass(frozen=True)
class _Sound:
    """A call's histories that do not contradict each other, their rows, and the currency that they name, if any."""

    histories: Sequence[Any]
    rows: Rows
    currency: str | None


def is_small(accounts: int, records: int) -> bool:
    """Whether so many accounts with so many records of all tables are a small batch."""
    return accounts <= SMALL_ACCOUNTS and records <= FEW_RECORDS


class Predictor:
    """A bundle with its compiled matrix: scores raw histories.

    Parameters
    ----------
    bundle : Bundle
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._matrix = CompiledMatrix(bundle.rule.by_silence, bundle.manifest.recorded_since)

    @property
    def grade(self) -> str | None:
        """The grade of the model; None where it was not graded."""
        grade: str | None = self.bundle.manifest.verdict.get("grade")
        return grade

    @property
    def categories(self) -> Mapping[str, Sequence[str]]:
        """The values of each signal of texts that the model knows, the most frequent first."""
        return self.bundle.manifest.categories

    def cautions(self, values: Sequence[float], currencies: Collection[str | None]) -> list[Caution]:
        """Return what to know beside the scores of one call, by the accounts' yearly values and currencies."""
        return cautions(self.bundle, values, currencies)

    def is_quick(self, calls: Sequence[Call]) -> bool:
        """Whether the answers to these calls take some hundredths of a second only and can be begun at once.

        A matrix is made for each date, and each account is explained and told by itself.
        """
        accounts = sum(len(call.histories) for call in calls)
        records = sum(call.number_of_records for call in calls)
        one_date = len({call.as_of for call in calls}) == 1
        return one_date and is_small(accounts, records) and self._matrix.is_free

    def predict(self, histories: Sequence[Any], as_of: date | None) -> list[Score]:
        """Score accounts in the order given.

        Raises
        ------
        Refusal
            When as_of is later than today, rows contradict each other, or an account is not a customer at as_of.
        """
        (answer,) = self.predict_each([Call(histories, as_of)])
        if isinstance(answer, Refusal):
            raise answer
        return answer

    def predict_each(self, calls: Sequence[Call]) -> list[list[Score] | Refusal]:
        """Answer several calls with one matrix a date: the same answers as one by one, and for each its own refusal.

        Within the matrix every account bears a number of its own, so that calls may name the same account.
        """
        today = datetime.now(UTC).date()
        answers: dict[int, list[Score] | Refusal] = {}
        sound: dict[date, dict[int, _Sound]] = {}
        for number, call in enumerate(calls):
            checked = _checked(call, today)
            if isinstance(checked, Refusal):
                answers[number] = checked
            else:
                sound.setdefault(call.as_of or today, {})[number] = checked
        for day, asked in sound.items():
            answers |= dict(zip(asked, self._at(day, list(asked.values())), strict=True))
        return [answers[number] for number in range(len(calls))]

    def _at(self, day: date, calls: Sequence[_Sound]) -> list[list[Score] | Refusal]:
        histories = [history for call in calls for history in call.histories]
        ids = [history.account.account_id for history in histories]
        missing = [missing_tables(history) for history in histories]
        known = {n: facts for n, history in enumerate(histories) if (facts := known_facts(history)) is not None}
        currencies = [call.currency for call in calls for _ in call.histories]
        with metrics.step("matrix"):
            records = _numbered({name: list(chain.from_iterable(call.rows[name] for call in calls)) for name in TABLES})
            customers, matrix = self._matrix.compute(records, ids, day, missing, known)
        with metrics.step("explain"):
            scored = score_matrix(matrix, self.bundle, [missing[number] for number in customers])
            rows = scored.rows([currencies[number] for number in customers])
            scores = dict(zip(customers.tolist(), rows, strict=True))
        number = iter(range(len(histories)))
        return [_answer(call.histories, [scores.get(next(number)) for _ in call.histories], day) for call in calls]


def records_of(histories: Sequence[Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of a request by table, each behind its account's number; tables without rows are left out."""
    return _numbered(rows_of(histories))


def _numbered(rows: Rows) -> dict[str, list[tuple[Any, ...]]]:
    records = {}
    for name, values in VALUES.items():
        numbered = [(number, *values(row)) for number, each in enumerate(rows[name]) for row in each]
        if numbered:
            records[name] = numbered
    return records


def _checked(call: Call, today: date) -> _Sound | Refusal:
    rows = rows_of(call.histories)
    owners = [history.account.account_id for history in call.histories]
    currencies: set[str] = set().union(*(filter(None, map(CURRENCY, own)) for each in rows.values() for own in each))
    sound = len(currencies) <= 1 and agree(owners, rows)
    faults = [] if sound else list(contradictions(owners, rows))
    wrong = ["the accounts contradict themselves"] if faults else []
    if call.as_of is not None and call.as_of > (call.latest or today):
        faults.insert(0, in_future(today))
        wrong.insert(0, "as_of lies in the future")
    if faults:
        return Refusal(", and ".join(wrong), faults)
    return _Sound(call.histories, rows, next(iter(currencies), None))


def _answer(histories: Sequence[Any], scores: Sequence[Score | None], day: date) -> list[Score] | Refusal:
    strangers = [
        _why_no_customer(number, history, day)
        for number, (history, score) in enumerate(zip(histories, scores, strict=True))
        if score is None
    ]
    if strangers:
        return Refusal("only customers can be scored", strangers)
    return [score for score in scores if score is not None]


def _why_no_customer(number: int, history: Any, day: date) -> Fault:
    name = history.account.account_id
    if history.account.customer_since >= day:
        return Fault(number, ("account", "customer_since"), f"{name}: not a customer yet at {day}")
    if any(churn.churned_on < day for churn in history.churns or ()):
        return Fault(number, ("churns",), f"{name}: no longer a customer at {day}")
    detail = (
        f"{name}: fewer than 2 positive invoices in the 365 days before {day}, "
        "so not a customer by the model's rule of silence"
    )
    return Fault(number, ("invoices",), detail)

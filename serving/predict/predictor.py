"""Raw histories in, scores with reasons out: the predictor that endpoint, jobs and the check of a new model share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain, repeat
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from features.requests.compiled import CompiledMatrix
from features.requests.stamped import COLUMNS
from features.tables import TABLES
from features.validation.conversion import BLANKS
from serving import metrics
from serving.errors import Refusal
from serving.faults import Fault
from serving.predict.history import answered_when_sent, known_facts, lacks_its_time, missing_tables
from serving.predict.values import day as read_day
from serving.predict.values import quoted
from serving.scoring.cautions import Caution, cautions
from serving.scoring.scores import Score
from serving.scoring.scoring import score_matrix
from training.bundle.bundle import Bundle

#: The values of a record, in the order of its table's columns.
VALUES = {name: attrgetter(*columns) for name, columns in COLUMNS.items()}
#: What tells the records of an account apart, in tables where that is not the account alone.
OWN_KEYS = {
    name: attrgetter(*own)
    for name, table in TABLES.items()
    if (own := [column for column in table.key if column != "account_id"])
}
OWNER, CURRENCY = attrgetter("account_id"), attrgetter("currency")
#: The rows of histories by table, a sequence for each history.
Rows = Mapping[str, Sequence[Sequence[Any]]]


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


@dataclass(frozen=True)
class _Sound:
    """A call's histories that do not contradict each other, their rows, and the currency that they name, if any."""

    histories: Sequence[Any]
    rows: Rows
    currency: str | None


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


def _rows_of(histories: Sequence[Any]) -> Rows:
    """Return the rows of histories by table, a sequence for each history."""
    return {name: [rows_in(history, name) for history in histories] for name in TABLES}


def records_of(histories: Sequence[Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of a request by table, each behind its account's number; tables without rows are left out."""
    return _numbered(_rows_of(histories))


def _numbered(rows: Rows) -> dict[str, list[tuple[Any, ...]]]:
    records = {}
    for name, values in VALUES.items():
        numbered = [(number, *values(row)) for number, each in enumerate(rows[name]) for row in each]
        if numbered:
            records[name] = numbered
    return records


def _checked(call: Call, today: date) -> _Sound | Refusal:
    rows = _rows_of(call.histories)
    owners = [history.account.account_id for history in call.histories]
    currencies: set[str] = set().union(*(filter(None, map(CURRENCY, own)) for each in rows.values() for own in each))
    agree = len(currencies) <= 1 and _agree(owners, rows)
    faults = [] if agree else list(_contradictions(owners, rows))
    wrong = ["the accounts contradict themselves"] if faults else []
    if call.as_of is not None and call.as_of > (call.latest or today):
        faults.insert(0, _in_future(today))
        wrong.insert(0, "as_of lies in the future")
    if faults:
        return Refusal(", and ".join(wrong), faults)
    return _Sound(call.histories, rows, next(iter(currencies), None))


def _in_future(today: date) -> Fault:
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
            yield _in_future(today)
    histories = [_as_sent(history) for history in body["accounts"]]
    yield from _contradictions([history.account.account_id for history in histories], _rows_of(histories))


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


def _contradictions(owners: Sequence[str], rows: Rows) -> Iterator[Fault]:
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


def _agree(owners: Sequence[str], rows: Rows) -> bool:
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


def rows_in(history: Any, name: str) -> Sequence[Any]:
    """Return the rows of one table of a history; none where it is not known."""
    if name == "accounts":
        return (history.account,)
    rows: Sequence[Any] = getattr(history, name) or ()
    if name == "surveys" and answered_when_sent(history.known):
        # As `features.validation.conversion` does in a file.
        return [row.model_copy(update={"answered_at": row.sent_at}) if lacks_its_time(row) else row for row in rows]
    return rows


def _fault(number: int, table: str, index: int, column: str, detail: str) -> Fault:
    row: tuple[str | int, ...] = ("account",) if table == "accounts" else (table, index)
    return Fault(number, (*row, column), detail)

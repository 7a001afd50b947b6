"""What a reader must know beside the scores: a weak model, unmet amounts or currency, records that end long before.

Goes in: a bundle, the values of the accounts that were scored, and their currencies. Comes out: a few `Caution`s, for
an answer, a job or a batch alike. `serving.words.caution_words` puts them in words. Nothing is converted and nothing is
refused: amounts of another size may be right, but nobody should learn of them from a wrong band.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import log10
from statistics import median
from typing import Any, Literal

from features.freshness import Freshness
from features.recording import LEAST_GAP, TIMES
from serving.scoring.scores import Reason
from training.bundle.bundle import Bundle, Manifest, Reference

Code = Literal[
    "grade", "leak", "level", "amounts", "currency", "stale", "dates", "names", "endless", "categories", "later",
    "early", "returned", "left", "aged", "filter",
]  # fmt: skip
#: The grade that no score should be acted on alone with.
WEAK = "D"
#: From this ROC AUC of a single signal on, training is held to have been told who left.
LEAK_AUC = 0.95
#: The median of the values lies outside the book when it is so many times above its largest, which may have grown, or
#: so many times below its 1st percentile: a customer of a few weeks is small without anything being wrong.
ABOVE, BELOW = 3.0, 30.0
#: From so many accounts on, the median is compared with the book's median too: so many times apart is another book.
MANY, APART = 50, 30.0
#: From so many accounts on, no invoice of any of them says something of the records and not of the accounts.
ENOUGH = 20
#: Stands for all tables together.
ANY_TABLE = "*"
#: How many keys that are not read are told, of a column how many values that are not known, and how many that are.
MOST_NAMES, MOST_STRANGE, MOST_KNOWN = 20, 5, 12
#: Most characters of a value that is not known.
LONGEST = 60
#: An invoice may come so many days before the customer does: what is paid in advance.
ADVANCE_DAYS = 31
#: Estimates that are older than a month are said to be.
AGED_DAYS = 31
#: The signal that says how long ago an account was invoiced last, and the quantile of the book that was so lately.
INVOICE_AGE, LATELY = "invoice_recency_days", "0.1"


@dataclass(frozen=True)
class Caution:
    """One thing to know.

    Attributes
    ----------
    code : str
    figures : mapping
        What its sentence names: `grade`; `times`, how many times the lost revenue was predicted in training, with
        `low` and `high` of it; `power`, the power of ten by which the amounts differ from the training book's;
        `currency` and `trained`; `table`, `last` and `age_days` of a table that ended, of all together with `gap_days`,
        the longest time between two invoices; `columns`, how many timestamps of each date column were cut
        to their day; `days`, how old the estimates are; `names`, the keys of a request that are nearly a name of the
        contract, with that name; `accounts`, how many have contracts without an end, or came back; `strange`, the
        values of each column that the model does not know, and `known`, those that it does; `records`, how many of
        each table are left out; `invoices`, how many are from long before their `accounts` were customers; `run`, the
        as-of date of the newest run, and `ended_on`, when an account that it lacks left; `value` of a filter that
        names nobody, and `meant`, a name like it. No figure of the book itself: whoever sees one account may read it.
    """

    code: Code
    figures: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, as a stored run keeps it."""
        return {"code": self.code, "figures": dict(self.figures)}


def cautions(bundle: Bundle, values: Sequence[float], currencies: Collection[str | None]) -> list[Caution]:
    """Return what to know of scores.

    Parameters
    ----------
    values : sequence of float
        The yearly value of each account, in currency.
    currencies : collection of str or None
        The currencies that were sent; None: not said.
    """
    grade, trained = bundle.manifest.verdict.get("grade"), bundle.manifest.currency
    found = [Caution("grade", {"grade": grade})] if grade == WEAK else []
    if _told_who_left(bundle.manifest):
        found.append(Caution("leak", {}))
    found += _level(bundle.manifest.findings)
    power = power_apart(values, bundle.reference)
    if power:
        found.append(Caution("amounts", {"power": power}))
    others = sorted({currency for currency in currencies if currency is not None} - {trained})
    if trained is not None and others:
        found.append(Caution("currency", {"currency": ", ".join(others), "trained": trained}))
    return found


def _told_who_left(manifest: Manifest) -> bool:
    """Return whether a signal alone, or the whole model, told in training who leaves: no grade counts then.

    Nothing honest does. Of silence the last invoice tells it, and the model's figure is judged without that.
    """
    if manifest.findings.get("too_good") is not None:
        return True
    by_silence = manifest.rule.get("silence_days") is not None
    return not by_silence and any(each["roc_auc"] >= LEAK_AUC for each in manifest.findings.get("suspects") or ())


def _level(findings: Mapping[str, Any]) -> list[Caution]:
    """Return that training predicted too much or too little beyond chance, where it did.

    See `training.worth.reliability`.
    """
    bands = (findings.get("reliability") or {}).get("bands") or ()
    for band in bands:
        ends = [end for name in ("low", "value", "high") if (end := (band.get("ratio") or {}).get(name)) is not None]
        if band["name"] == "all" and len(ends) == 3 and (ends[0] > 1 or ends[2] < 1):
            low, times, high = ends
            return [Caution("level", {"times": times, "low": low, "high": high})]
    return []


def stale(ages: Mapping[str, Freshness]) -> list[Caution]:
    """Return which tables of a scored book ended long before its as-of date: missing records read as nothing."""
    return [
        Caution("stale", {"table": name, "last": age.last.isoformat(), "age_days": age.age_days})
        for name, age in ages.items()
        if age.is_stale
    ]


def aged(as_of: date, today: date) -> list[Caution]:
    """Return that stored estimates are old, where they are: all days beside them count from their date."""
    days = (today - as_of).days
    return [Caution("aged", {"days": days})] if days > AGED_DAYS else []


def left(as_of: date, run: date, ended_on: date | None) -> Caution:
    """Return that an account's latest score, of `as_of`, is none of the newest run's, and when it left, if known."""
    ends = None if ended_on is None else ended_on.isoformat()
    return Caution("left", {"as_of": as_of.isoformat(), "run": run.isoformat(), "ended_on": ends})


def cut_dates(each: Iterable[Mapping[str, int]]) -> list[Caution]:
    """Return that timestamps in date columns lost a time of day: a local midnight may be the day before in UTC.

    Parameters
    ----------
    each : iterable of mapping of str to int
        How many of each column, from several readings; they are summed.
    """
    total: Counter[str] = Counter()
    for columns in each:
        total.update(columns)
    return [Caution("dates", {"columns": dict(sorted(total.items()))})] if total else []


def doubtful(misnamed: Iterable[Mapping[str, str]], endless: int) -> list[Caution]:
    """Return what is doubtful in records that were sent.

    Parameters
    ----------
    misnamed : iterable of mapping of str to str
        Keys that are not read, with the name of the contract that each is near to, from several readings.
    endless : int
        How many accounts have contracts that began one after the other, none with an end.
    """
    names = {key: name for some in misnamed for key, name in some.items()}
    found = [Caution("names", {"names": dict(sorted(names.items())[:MOST_NAMES])})] if names else []
    return [*found, Caution("endless", {"accounts": endless})] if endless else found


def read_otherwise(
    strange: Iterable[Mapping[str, str]],
    known: Mapping[str, Sequence[str]],
    later: Iterable[Mapping[str, int]],
    early: Sequence[int],
    returned: int,
) -> list[Caution]:
    """Return how records that were sent are read where their sender may think otherwise.

    Parameters
    ----------
    strange : iterable of mapping of str to str
        Of each account the columns whose value the model does not know, with the value.
    known : mapping of str to sequence of str
        The values of each column that it knows, the most frequent first.
    later : iterable of mapping of str to int
        Of each account how many records of each table are left out, as they are from after the as-of date.
    early : sequence of int
        Of each account that has some, how many invoices are from more than `ADVANCE_DAYS` before it was a customer.
    returned : int
        How many accounts left before the as-of date and came back.
    """
    values: dict[str, list[str]] = {}
    for columns in strange:
        for name, value in columns.items():
            shown = value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"
            values[name] = united(values.get(name, []), [shown])
    records: Counter[str] = Counter()
    for tables in later:
        records.update(tables)
    told = {name: list(known[name])[:MOST_KNOWN] for name in values}
    each: tuple[tuple[Code, Mapping[str, Any]], ...] = (
        ("categories", {"strange": values, "known": told} if values else {}),
        ("later", {"records": dict(records)} if records else {}),
        ("early", {"invoices": sum(early), "accounts": len(early)} if early else {}),
        ("returned", {"accounts": returned} if returned else {}),
    )
    return [Caution(code, figures) for code, figures in each if figures]


def united(values: Sequence[str], others: Iterable[str]) -> list[str]:
    """Return values with those of others that are new, as many as are told of one column."""
    return list(dict.fromkeys((*values, *others)))[:MOST_STRANGE]


def added(each: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of several cautions of one code as those of one: numbers are summed, values united.

    Examples
    --------
    >>> added([{"records": {"invoices": 1}, "accounts": 1}, {"records": {"invoices": 2, "loops": 1}, "accounts": 1}])
    {'records': {'invoices': 3, 'loops': 1}, 'accounts': 2}
    >>> added([{"strange": {"account.country": ["A"]}}, {"strange": {"account.country": ["B", "A"]}}])
    {'strange': {'account.country': ['A', 'B']}}
    """
    total: dict[str, Any] = {}
    for name, value in ((name, value) for figures in each for name, value in figures.items()):
        if name not in total:
            total[name] = value
        elif isinstance(value, Mapping):
            total[name] = added([total[name], value])
        else:
            total[name] = total[name] + value if isinstance(value, int) else united(total[name], value)
    return total


def last_invoice_age(each: Iterable[Sequence[Reason]]) -> int | None:
    """Return the days since the last invoice of several accounts, by the reasons of each; None: none has one.

    It looks no further once one was invoiced within `LEAST_GAP` days.
    """
    least: float | None = None
    for reasons in each:
        age = next((reason.value for reason in reasons if reason.signal == INVOICE_AGE), None)
        if age is not None:
            least = age if least is None else min(age, least)
            if least <= LEAST_GAP:
                break
    return None if least is None else int(least)


def invoices_ended(reference: Reference, age: int | None, as_of: date) -> Caution | None:
    """Return that the invoices of several accounts ended long before their as-of date; None: they did not.

    Parameters
    ----------
    age : int or None
        See `last_invoice_age`. It is long beyond `LEAST_GAP` days and `TIMES` what a tenth of the training book's
        accounts had.
    """
    usual = reference.signals.get(INVOICE_AGE, {}).get(LATELY, 0.0)
    if age is None or age <= max(LEAST_GAP, TIMES * usual):
        return None
    last = as_of - timedelta(days=age)
    return Caution("stale", {"table": "invoices", "last": last.isoformat(), "age_days": age})


def power_apart(values: Sequence[float], reference: Reference) -> int:
    """Return the power of ten by which values differ from the training book's; 0 where they may be of such a book.

    Accounts without value say nothing. A single account may be anywhere among the book's, so it is compared with the
    book's edges; many are compared with its middle as well.

    Examples
    --------
    >>> from datetime import date
    >>> book = Reference(as_of=date(2026, 1, 1), accounts=500, threat_value=0.0, signals={},
    ...                  value_percentiles=[float(100 * percent) for percent in range(101)])
    >>> [power_apart([value], book) for value in (20.0, 9_000.0, 5e6)]
    [0, 0, 3]
    """
    positive = [value for value in values if value > 0]
    if not positive or reference.edges is None:
        return 0
    low, middle, high = reference.edges
    middle_here = median(positive)
    many = len(positive) >= MANY and not 1 / APART <= middle_here / middle <= APART
    if many or not low / BELOW <= middle_here <= high * ABOVE:
        return round(log10(middle_here / middle))
    return 0

"""Suspect signals: they predict the outcome too well, because records were written or changed after the fact.

In: labelled rows. Out: a `Suspect` per suspect signal.

`AsOf` cuts by the times in the tables. It cannot detect a time that was dated back, an amount that was restated, or
records that stop because the customer gave notice. Such a leak shows in the performance of one signal alone:

- its ROC AUC, with null as one more value, because a missing record may say as much as a value;
- the values at which churn is surest (all up to a bound, all from a bound on, a single value, or null). They are
  suspect when they hold a tenth of the churned rows and stayers are only a tenth as frequent as in the whole book.

Both are computed twice: on all rows, and with each churned account only at the last as-of date before it left. A record
dated back by a month says little half a year before the churn and nearly everything at the last date. Honest warnings
gain little. The second check leaves out contracts, because leaving at the end of a term is no surprise. It also leaves
out churn by silence, which invoices show by definition.

Where churn is silence, an account that has been silent for longer than the rule's days is still a customer and nearly
always churns, so that every signal made of invoices tells it by construction. Such rows are left out, and for signals
made of invoices alone also those that are overdue by their own rhythm: a silence that has begun is part of the outcome,
and no leak. What tells the others too well is suspect as anywhere.

What stands in the accounts table (segment, industry, country) has no time: an export shows today's value at every date.
"Former customer" as a segment says at all dates who leaves one day, and so little of the next half year that the checks
above see nothing. So the values of texts are looked at a third time: one row an account, and whether it ever left.

The bounds leave room for strong signals. On Online Retail II the best signal alone has a ROC AUC of .74, and 65 % churn
at the values where churn is surest. On simulated books the figures are .64 and 17 %, and at the last dates the ROC AUC
is .66 without contracts. A suspect is not an error but something to look up in the data: a firm may well record the
notices that it receives.

References
----------
Kaufman, Rosset, Perlich & Stitelman, "Leakage in data mining: formulation, detection, and avoidance", 2012.
Hanley & McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC) curve", 1982.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features.signal import Signal, all_signals
from training.models.trees import LEAST_SHARE
from training.settings import ChurnRule
from training.slices.dataset import Dataset
from training.worth.silent_already import SilentAlready, overdue, silent_already
from training.worth.univariate import ERRORS, Region, Rows, SortedSignal, surest

#: ROC AUC from which one signal alone is suspect, and ROC AUC from which a whole model is.
SIGNAL_AUC, MODEL_AUC = 0.85, 0.95
#: Values are suspect when the share of stayers is at most STAYERS times their share in the book ...
STAYERS = 0.1
#: ... and when the values hold at least this share of the churned rows.
NOTEWORTHY = 0.1
#: The rows that a check looks at.
ALL, LAST, ACCOUNTS = "all", "last", "accounts"
#: The table that says in advance on which days accounts may leave.
FORETELLING = "contracts"
#: What a label of silence is made of.
INVOICES = ("invoices",)


@dataclass(frozen=True)
class Suspect:
    """A signal that alone predicts the outcome too well.

    Attributes
    ----------
    signal : str
    roc_auc : float
        ROC AUC of the signal alone in its better direction, mean over the as-of dates, .5-1.
    where : str
        The values at which churn is surest, in words: 'at most 0', 'not known'.
    caught : float
        Share of the churned rows that have such a value, 0-1.
    churn_rate : float
        Share of the rows with such a value that churned, 0-1.
    accounts : int
        Distinct accounts among the rows with such a value.
    tables : tuple of str
        Tables that the signal needs.
    rows : 'all', 'last' or 'accounts'
        The rows that were looked at: all; of those that churned only the last before an account left; or one row an
        account, churned if it ever left.
    among : str
        The rows that were left to look at where churn is silence, in words; empty where none were left out.
    """

    signal: str
    roc_auc: float
    where: str
    caught: float
    churn_rate: float
    accounts: int
    tables: tuple[str, ...]
    rows: str = ALL
    among: str = ""

    def message(self) -> str:
        """Return the finding and what to look up, in words."""
        what = "who leaves one day" if self.rows == ACCOUNTS else "who churns"
        when = ", at the last as-of date before they leave" if self.rows == LAST else ""
        tells = f"{self.signal} alone tells {what}{self.among} with a ROC AUC of {self.roc_auc:.2f}{when}"
        if self.rows == ACCOUNTS:
            return (
                f"{tells}: of the {self.accounts:,} accounts where it is {self.where}, {100 * self.churn_rate:.0f} % "
                f"left, {100 * self.caught:.0f} % of all that did. Was it written when they left? Then leave the "
                "column out, or fill it with what stood there before."
            )
        return (
            f"{tells}: where it is {self.where} "
            f"({self.accounts:,} accounts), {100 * self.churn_rate:.0f} % churn, {100 * self.caught:.0f} % of all that "
            f"do. Check in {' and '.join(self.tables)} whether records were written, changed, dated back or no longer "
            "made because the customer had left or given notice. If so, restore them as they stood at the time, or "
            "train with a lead (--lead-days) at least as long as the notice."
        )


def suspects(data: Dataset, rule: ChurnRule) -> tuple[Suspect, ...]:
    """Return the signals that alone predict the outcome too well, the strongest first.

    The fewer accounts churned, the further beyond its bound a figure must lie. With ten or fewer no ROC AUC is suspect.

    Parameters
    ----------
    data : Dataset
        Rows to learn from, of any number of as-of dates.
    rule : ChurnRule
        The rule of their labels.
    """
    among = ""
    if rule.by_silence:
        data = data.take(~silent_already(data, rule))
        among = f", of those not silent for {rule.silence_days} days already,"
        alone = _under_silence(data, among)
    else:
        alone = _suspects(data, all_signals(), ALL)
    by_signal = {suspect.signal: suspect for suspect in alone}
    if not rule.by_silence:
        others = [signal for signal in all_signals() if FORETELLING not in signal.needs]
        for suspect in _suspects(_at_last_date(data), others, LAST):
            by_signal.setdefault(suspect.signal, suspect)
    texts = [signal for signal in all_signals() if signal.is_text]
    for suspect in _suspects(_ever_left(data), texts, ACCOUNTS, among):
        by_signal.setdefault(suspect.signal, suspect)
    return tuple(sorted(by_signal.values(), key=lambda suspect: (-suspect.roc_auc, suspect.signal)))


def is_too_good(roc_auc: float, silent: SilentAlready | None = None, bound: float = MODEL_AUC) -> bool:
    """Return whether a model's ROC AUC suggests a leak: beyond the bound, and not by silence that had begun."""
    return roc_auc >= bound and not _by_silence(silent, bound)


def model_warning(roc_auc: float, bound: float = MODEL_AUC, silent: SilentAlready | None = None) -> str | None:
    """Return a warning where a model's ROC AUC is too good to be true, else None.

    Parameters
    ----------
    roc_auc : float
        ROC AUC on dates later than all slices learnt from, 0-1.
    bound : float
        Lowest ROC AUC that raises the warning, 0-1.
    silent : SilentAlready, optional
        The rows that had been silent already: where only silence raises the figure, the warning says so.
    """
    if not roc_auc >= bound:
        return None
    if cause := _by_silence(silent, bound):
        return f"a ROC AUC of {roc_auc:.3f} is that high because {cause}"
    return (
        f"a ROC AUC of {roc_auc:.3f} is hardly ever honest (the bound is {bound:g}): before the model is used, check "
        "whether records were written, changed or dated back because customers had left or given notice"
    )


def _by_silence(silent: SilentAlready | None, bound: float) -> str:
    """Return in words that a high figure comes of silence that had begun; empty where the other rows have it too."""
    if silent is None:
        return ""
    others, in_rhythm = silent.figures.get("roc_auc"), silent.in_rhythm_roc_auc
    if others is not None and others.value < bound:
        return f"{silent.share()}: the last invoice alone tells them; among the others it is {others.value:.3f}"
    if in_rhythm is None or in_rhythm >= bound:
        return ""
    return (
        f"{silent.share()}, and {silent.overdue:,} of the others were overdue by their own rhythm: the last invoice "
        f"alone tells them; among those whose invoices came as usual it is {in_rhythm:.3f}"
    )


def _suspects(data: Dataset, signals: Sequence[Signal], which: str, among: str = "") -> Iterator[Suspect]:
    churned = int(data.churned.sum())
    if not 0 < churned < len(data):
        return
    rows = Rows.of(data)
    least_auc, sure = _least_auc(data), 1 - STAYERS * (1 - churned / len(data))
    for signal in signals:
        values, rates = _numbers(data.matrix.signals[signal.name], signal.is_text, data.churned)
        alone = SortedSignal.of(values, rows)
        roc_auc = alone.roc_auc()
        region = surest(alone.regions(), NOTEWORTHY * churned, sure)
        if roc_auc >= least_auc or region.least_rate >= sure:
            caught, rate = region.churned / churned, region.churned / region.rows
            where = _words(region, rates)
            yield Suspect(signal.name, roc_auc, where, caught, rate, region.accounts, signal.needs, which, among)


def _under_silence(data: Dataset, among: str) -> Iterator[Suspect]:
    """Yield the suspects among rows that are not silent already; of invoices alone, where they came as usual."""
    of_invoices = [signal for signal in all_signals() if signal.needs == INVOICES]
    others = [signal for signal in all_signals() if signal.needs != INVOICES]
    in_rhythm = data.take(~overdue(data))
    yield from _suspects(data, others, ALL, among)
    yield from _suspects(in_rhythm, of_invoices, ALL, ", of those not overdue by their own rhythm,")


def _at_last_date(data: Dataset) -> Dataset:
    """Return the rows that stayed, and the last row of each churned account, if a later date shows it is the last."""
    dates, date = np.unique(data.as_of, return_inverse=True)
    account = np.unique(data.accounts.astype(str), return_inverse=True)[1]
    place = account * len(dates) + date
    later = date < len(dates) - 1
    return data.take(later & ~(data.churned & np.isin(place + 1, place)))


def _ever_left(data: Dataset) -> Dataset:
    """Return the last row of each account as if all were of one date, churned if any of its rows is."""
    accounts = data.accounts.astype(str)
    latest = np.argsort(data.as_of, kind="stable")[::-1]
    last = data.matrix.take(latest[np.unique(accounts[latest], return_index=True)[1]])
    one_date = replace(last, keys=last.keys.assign(as_of=last.keys["as_of"].max()))
    return Dataset(one_date, np.isin(one_date.keys["account_id"].astype(str), accounts[data.churned]))


def _least_auc(data: Dataset) -> float:
    """Return the ROC AUC that lies `ERRORS` of Hanley and McNeil's standard errors above the bound.

    The standard error is that of the bound. It counts accounts, because the dates of one account are much alike.
    """
    auc = SIGNAL_AUC
    churned, stayed = (len(np.unique(data.accounts[data.churned == outcome])) for outcome in (True, False))
    two_churned, two_stayed = auc / (2 - auc) - auc**2, 2 * auc**2 / (1 + auc) - auc**2
    variance = auc * (1 - auc) + (churned - 1) * two_churned + (stayed - 1) * two_stayed
    return float(auc + ERRORS * np.sqrt(variance / (churned * stayed)))


def _numbers(column: pd.Series, is_text: bool, churned: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
    """Return a signal as numbers of shape (n,), NaN for null, and the churn rate of each text category.

    Text becomes the churn rate of its category. Rare categories are null, as in the model: the rate of a category with
    one row is that row's outcome.
    """
    if not is_text:
        return column.to_numpy(float), {}
    by_category = pd.Series(churned.astype(float)).groupby(column.to_numpy()).agg(["mean", "size"])
    rates = by_category.loc[by_category["size"] >= LEAST_SHARE * len(column), "mean"]
    return column.map(rates).to_numpy(float), {str(name): float(rate) for name, rate in rates.items()}


def _words(region: Region, rates: dict[str, float]) -> str:
    if np.isnan(region.low):
        return "not known"
    inside = [name for name, rate in rates.items() if region.low <= rate <= region.high]
    if inside:
        return " or ".join(repr(name) for name in inside)
    if region.low == region.high:
        return _figure(region.low)
    return f"at most {_figure(region.high)}" if np.isinf(region.low) else f"at least {_figure(region.low)}"


def _figure(value: float) -> str:
    return f"{round(value, 3) + 0.0:,.3f}".rstrip("0").rstrip(".")

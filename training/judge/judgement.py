"""Judge a finished model at one as-of date: score the data known before it, compare with the outcomes after it.

In: a book, a date and a bundle. Out: a `Judgement`.

A date is forward when the model has learnt no outcome that was unknown at it. The day on which the last label that it
learnt was known is the first such date: at any date before, a part of what came after was in the model's labels, or in
the book that it was made from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from features.errors import InputError
from features.tables import Tables
from training.bundle.bundle import Bundle
from training.errors import AlreadyLearnt
from training.judge.origins import Origin, against, has_both_outcomes
from training.judge.verdict import MODEL, Verdict, judge_all, judge_silent
from training.models.fitting import Progress, silent
from training.models.folds import FORWARD
from training.rivals import CHEAP
from training.slices.dataset import Dataset, build_dataset
from training.slices.labels import check_rule, end_of_data
from training.worth.silent_already import SilentAlready


@dataclass(frozen=True)
class ForwardDates:
    """The dates of a book at which a model can be judged by outcomes that it has not learnt.

    Attributes
    ----------
    first : date
        The day on which the last label that the model learnt was known.
    last : date
        The latest date whose outcomes the book tells; before `first` if there is no forward date.
    """

    first: date
    last: date

    def __bool__(self) -> bool:
        """Whether there is a forward date."""
        return self.first <= self.last

    def __str__(self) -> str:
        """Return the dates in words."""
        if not self:
            return f"this book has none: they begin on {self.first}, and {self.last} is its latest date with an outcome"
        return f"they are {self.first} to {self.last}"

    def as_dict(self) -> dict[str, str] | None:
        """Return the dates as plain values; None if there is none."""
        return {"from": self.first.isoformat(), "to": self.last.isoformat()} if self else None


@dataclass(frozen=True)
class Judgement:
    """A verdict, and whether the model had learnt the outcomes (`seen`); then no rival is judged beside it.

    `silent` tells the rows that had been silent already; None where churn is not told by silence.
    """

    verdict: Verdict
    seen: bool
    forward: ForwardDates
    silent: SilentAlready | None = None


def forward_dates(bundle: Bundle, end: date) -> ForwardDates:
    """Return the dates of a book whose outcomes a bundle has not learnt; `end` is the book's first day without data."""
    return ForwardDates(bundle.learnt_until, end - timedelta(days=bundle.rule.reach_days))


def evaluate_at(
    tables: Tables, as_of: date, bundle: Bundle, progress: Progress = silent, learnt_dates: bool = False
) -> Judgement:
    """Judge a bundle at one as-of date, at a forward date beside rivals fitted on the bundle's slices.

    Parameters
    ----------
    as_of : date
        The label's window from this date on must lie before the end of the data.
    progress : callable
        Called as `Progress` before each step.
    learnt_dates : bool
        Judge also at a date that is not forward; then the model is judged alone, since rivals would know less.

    Raises
    ------
    AlreadyLearnt
        When the date is not forward and `learnt_dates` is false.
    InputError
        When the label's window at `as_of` ends after the end of the data, or the rule does not fit the book.
    """
    check_rule(tables, bundle.rule)
    forward = forward_dates(bundle, end_of_data(tables, None))
    if as_of > forward.last:
        raise InputError(
            f"--as-of {as_of}: what came after is not known yet; the data end on "
            f"{forward.last + timedelta(days=bundle.rule.reach_days)} and the label takes {bundle.rule.reach_days} "
            f"days, so {forward.last} is the latest date"
        )
    seen = as_of < forward.first
    if seen and not learnt_dates:
        raise AlreadyLearnt(bundle.version, as_of.isoformat(), str(forward), forward.as_dict())
    progress("computing signals", 0, 3)
    test = build_dataset(tables, [as_of], bundle.rule, bundle.manifest.recorded_since)
    probabilities = {MODEL: bundle.calibrator(bundle.margin(test.matrix))}
    if not seen:
        progress("fitting rivals", 1, 3)
        origin = _origin(tables, bundle, test)
        if has_both_outcomes(origin):
            probabilities |= against(CHEAP, origin, bundle.settings)
    progress("judging", 2, 3)
    silent = judge_silent(test, probabilities, bundle.settings)
    return Judgement(judge_all(test, probabilities, bundle.settings), seen, forward, silent)


def _origin(tables: Tables, bundle: Bundle, test: Dataset) -> Origin:
    """Return the rows that the bundle learnt from, and the rows to judge."""
    learnt = build_dataset(tables, bundle.manifest.slices, bundle.rule, bundle.manifest.recorded_since)
    return Origin(learnt, test, FORWARD)

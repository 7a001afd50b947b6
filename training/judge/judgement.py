"""Judge a finished model at one as-of date: score the data known before it, compare with the outcomes after it.

In: a book, a date and a bundle. Out: a `Judgement`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from features.errors import InputError
from features.tables import Tables
from training.bundle.bundle import Bundle
from training.judge.origins import Origin, against, has_both_outcomes
from training.judge.verdict import MODEL, Verdict, judge_all
from training.models.fitting import Progress, silent
from training.models.folds import FORWARD
from training.rivals import CHEAP
from training.slices.dataset import build_dataset
from training.slices.labels import check_rule, end_of_data


@dataclass(frozen=True)
class Judgement:
    """A verdict, and whether the model learnt labels that were not known at the date (`seen`)."""

    verdict: Verdict
    seen: bool


def evaluate_at(tables: Tables, as_of: date, bundle: Bundle, progress: Progress = silent) -> Judgement:
    """Judge a bundle at one as-of date, with rivals fitted on its slices whose labels were known by then.

    Parameters
    ----------
    as_of : date
        The label's window from this date on must lie before the end of the data.
    progress : callable
        Called as `Progress` before each step.

    Raises
    ------
    InputError
        When the label's window at `as_of` ends after the end of the data, or the rule does not fit the book.
    """
    check_rule(tables, bundle.rule)
    end = end_of_data(tables, None)
    if as_of + timedelta(days=bundle.rule.reach_days) > end:
        raise InputError(
            f"--as-of {as_of}: what came after is not known yet; the data end on {end} and the label takes "
            f"{bundle.rule.reach_days} days, so {end - timedelta(days=bundle.rule.reach_days)} is the latest date"
        )
    progress("computing signals", 0, 3)
    settings = bundle.settings
    test = build_dataset(tables, [as_of], bundle.rule, bundle.manifest.recorded_since)
    probabilities = {MODEL: bundle.calibrator(bundle.trees.margin(test.matrix))}
    progress("fitting rivals", 1, 3)
    slices = [day for day in bundle.manifest.slices if day + timedelta(days=settings.known_after_days) <= as_of]
    if slices:
        learnt = build_dataset(tables, slices, bundle.rule, bundle.manifest.recorded_since)
        origin = Origin(learnt, test, FORWARD)
        if has_both_outcomes(origin):
            probabilities |= against(CHEAP, origin, settings)
    progress("judging", 2, 3)
    return Judgement(judge_all(test, probabilities, settings), len(slices) < len(bundle.manifest.slices))

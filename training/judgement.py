"""Judging a finished model at a date: scored from what was known before it, judged by what came after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from features.errors import InputError
from features.tables import Tables
from training.baselines import RIVALS
from training.bundle import Bundle
from training.dataset import Dataset, build_dataset
from training.folds import centre
from training.labels import check_rule, end_of_data
from training.model import fit_trees
from training.pipeline import Progress
from training.settings import FitSettings, TrainingSettings
from training.verdict import Verdict, judge_all


@dataclass(frozen=True)
class Judgement:
    """A verdict, and whether the model had seen labels that were not known at the date."""

    verdict: Verdict
    seen: bool


def evaluate_at(
    tables: Tables, as_of: date, bundle: Bundle, progress: Progress = lambda text, step, steps: None
) -> Judgement:
    """Judge a bundle at one as-of date, beside rivals fitted on those of its slices that this book holds.

    Raises
    ------
    InputError
        When the label's window at `as_of` reaches beyond the end of the data, or the rule does not fit the book.
    """
    check_rule(tables, bundle.rule)
    end = end_of_data(tables, None)
    if as_of + timedelta(days=bundle.rule.reach_days) > end:
        raise InputError(
            f"--as-of {as_of}: what came after is not known yet; the data end on {end} and the label takes "
            f"{bundle.rule.reach_days} days, so {end - timedelta(days=bundle.rule.reach_days)} is the latest date"
        )
    progress("computing signals", 0, 3)
    test = build_dataset(tables, [as_of], bundle.rule, bundle.manifest.recorded_since)
    probabilities = {"model": bundle.calibrator(bundle.trees.margin(test.matrix))}
    progress("fitting rivals", 1, 3)
    slices = [day for day in bundle.manifest.slices if day + timedelta(days=bundle.rule.reach_days) <= as_of]
    if slices:
        learnt = build_dataset(tables, slices, bundle.rule, bundle.manifest.recorded_since)
        probabilities |= _rivals(learnt, test, bundle)
    progress("judging", 2, 3)
    settings = TrainingSettings(rule=bundle.rule, seed=bundle.manifest.settings["seed"])
    verdict = judge_all(test, probabilities, settings)
    return Judgement(verdict, len(slices) < len(bundle.manifest.slices))


def _rivals(learnt: Dataset, test: Dataset, bundle: Bundle) -> dict[str, np.ndarray]:
    if not 0 < learnt.churned.sum() < len(learnt):
        return {}
    found = {rival.name: rival.fit(learnt)(test.matrix) for rival in RIVALS}
    if bundle.manifest.weighting != "none":
        settings = FitSettings(**bundle.manifest.settings["fit"])
        plain = fit_trees(learnt, settings, bundle.manifest.settings["seed"], bundle.manifest.rounds, "none")
        calibrate = bundle.calibrator.around(centre(plain, learnt) - bundle.manifest.centre)
        found["LightGBM, weights: none"] = calibrate(plain.margin(test.matrix))
    return found

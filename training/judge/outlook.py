"""Additions to the probability at one horizon: when an account may leave, and what it may cut if it stays.

In: a `Making`, the data and models of a training run. Out: an `Outlook`.

The hazard is kept if the course that it gives is as good as none at the horizons beside the rule's. The contraction is
kept if it predicts better than the book's mean and than last year's shrinking repeated. Both are judged at the model's
origin, on the data known there. The figures of a model that is not kept are recorded too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pandas as pd

from features.errors import NotEnoughData
from features.matrix import Matrix
from features.tables import Tables
from training.judge.contraction_verdict import judge_contraction
from training.judge.horizons import judge_hazard
from training.judge.origins import Origin
from training.models.contraction import Contraction, fit_contraction, shrinkage
from training.models.fitting import Fitted
from training.models.folds import BY_ACCOUNT
from training.models.hazard import Hazard, fit_hazard
from training.models.landmarks import Landmarks, landmarks, young_dates
from training.settings import TrainingSettings
from training.slices.dataset import build_dataset
from training.slices.preparing import Prepared

HAZARD_ROUNDS, CONTRACTION_ROUNDS = 160, 120


@dataclass(frozen=True)
class Outlook:
    """The models kept, and the figures of all models judged.

    Attributes
    ----------
    hazard : Hazard or None
    contraction : Contraction or None
    hazard_figures, contraction_figures : dict
        `kept` says whether the model is kept. `why` gives the reason when it could not be judged.
    """

    hazard: Hazard | None
    contraction: Contraction | None
    hazard_figures: dict[str, Any] = field(repr=False)
    contraction_figures: dict[str, Any] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {"hazard": self.hazard_figures, "contraction": self.contraction_figures}


@dataclass(frozen=True)
class Making:
    """Data and models of a training run.

    Attributes
    ----------
    tables : Tables
        The book.
    prepared : Prepared
        Its slices.
    origin : Origin
        The origin at which the model is judged.
    then, fitted : Fitted
        The model fitted at the origin, and the model fitted on all slices.
    """

    tables: Tables
    prepared: Prepared
    origin: Origin
    then: Fitted
    fitted: Fitted
    settings: TrainingSettings


def look_ahead(making: Making) -> Outlook:
    """Fit and judge hazard and contraction at the origin, and fit those that are kept again on all slices."""
    hazard, hazard_figures = _hazard(making)
    contraction, contraction_figures = _contraction(making)
    return Outlook(hazard, contraction, hazard_figures, contraction_figures)


def _hazard(making: Making) -> tuple[Hazard | None, dict[str, Any]]:
    settings, origin = making.settings, making.origin
    if settings.rule.by_silence:
        return None, {"kept": False, "why": "churn is derived from silence, which has no day of churn"}
    known = _landmarks(making)
    by_account = origin.how == BY_ACCOUNT
    arrived = origin.test.dates[0] - timedelta(days=settings.embargo_days)
    learnt = known.without(origin.test.accounts) if by_account else known.known_at(arrived)
    try:
        then = fit_hazard(learnt, settings.fit, settings.seed, HAZARD_ROUNDS)
        test = landmarks(making.tables, origin.test.matrix, settings.rule, known.end)
        single = making.then.probability(test.matrix)
        verdict = judge_hazard(
            test, then.monthly(test.matrix), single, settings.rule.horizon_days, settings.bootstraps, settings.seed
        )
        if not verdict.as_good:
            return None, {"kept": False, **verdict.as_dict()}
        whole = fit_hazard(known, settings.fit, settings.seed, HAZARD_ROUNDS, making.fitted.trees.encoder)
    except NotEnoughData as error:
        return None, {"kept": False, "why": str(error)}
    return whole, {"kept": True, **verdict.as_dict()}


def _landmarks(making: Making) -> Landmarks:
    """The mature slices and the younger ones whose first months are known."""
    rule, prepared = making.settings.rule, making.prepared
    end = prepared.end - timedelta(days=making.settings.embargo_days)
    matrix, young = prepared.data.matrix, young_dates(prepared.data.dates, end, rule.lead_days)
    if young:
        try:
            later = build_dataset(making.tables, young, rule, prepared.recorded_since).matrix
        except NotEnoughData:  # no customers at the young dates
            return landmarks(making.tables, matrix, rule, end)
        parts = zip((matrix.keys, matrix.signals, matrix.facts), (later.keys, later.signals, later.facts), strict=True)
        matrix = Matrix(*(pd.concat(pair, ignore_index=True) for pair in parts))
    return landmarks(making.tables, matrix, rule, end)


def _contraction(making: Making) -> tuple[Contraction | None, dict[str, Any]]:
    settings, origin = making.settings, making.origin
    since = making.prepared.recorded_since["invoices"]
    learnt, test = (shrinkage(making.tables, part, settings.rule, since) for part in (origin.learnt, origin.test))
    try:
        then = fit_contraction(learnt, settings.fit, settings.seed, CONTRACTION_ROUNDS)
        probability = making.then.probability(test.data.matrix)
        verdict = judge_contraction(then, learnt, test, probability, settings.bootstraps, settings.seed)
        if not verdict.earns_its_place:
            return None, {"kept": False, **verdict.as_dict()}
        every = shrinkage(making.tables, making.prepared.data, settings.rule, since)
        encoder = making.fitted.trees.encoder
        whole = fit_contraction(every, settings.fit, settings.seed, CONTRACTION_ROUNDS, encoder)
    except NotEnoughData as error:
        return None, {"kept": False, "why": str(error)}
    return whole, {"kept": True, **verdict.as_dict()}

"""Beside the probability at one horizon: when an account may leave, and what may be lost though it stays.

The hazard is kept where it ranks no worse at the rule's horizon than the model, the contraction where it tells better
than the book's mean and than last year repeated; both judged at the origin that the model is judged at, from what was
known there. What is not kept is recorded with its figures all the same.
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
    """What is kept, and the figures of what was judged.

    Attributes
    ----------
    hazard : Hazard or None
    contraction : Contraction or None
    hazard_figures, contraction_figures : dict
        `kept` says whether it is kept; where nothing could be judged, `why`.
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
    """What a model was made of: the book, its slices, the origin it was judged at, the models of then and of now."""

    tables: Tables
    prepared: Prepared
    origin: Origin
    then: Fitted
    fitted: Fitted
    settings: TrainingSettings


def look_ahead(making: Making) -> Outlook:
    """Fit and judge both, and fit once more on all slices what is to be kept."""
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
        except NotEnoughData:  # nobody is left
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

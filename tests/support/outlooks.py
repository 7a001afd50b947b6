"""What the tests of the outlook share: a bundle that carries a hazard and a contraction, whatever judging would say."""

from __future__ import annotations

from dataclasses import replace

from features.tables import Tables
from training.bundle.bundle import Bundle
from training.making.pipeline import Trained
from training.models.contraction import fit_contraction, shrinkage
from training.models.hazard import fit_hazard
from training.models.landmarks import landmarks

ROUNDS = 12


def with_outlook(bundle: Bundle, trained: Trained, book: Tables) -> Bundle:
    """Return the bundle with both models, fitted briefly on what it was trained on."""
    settings, encoder = trained.settings, bundle.trees.encoder
    known = landmarks(book, trained.data.matrix, settings.rule, trained.prepared.end)
    shrunk = shrinkage(book, trained.data, settings.rule, trained.prepared.recorded_since["invoices"])
    hazard = fit_hazard(known, settings.fit, settings.seed, ROUNDS, encoder)
    contraction = fit_contraction(shrunk, settings.fit, settings.seed, ROUNDS, encoder)
    return replace(bundle, hazard=hazard, contraction=contraction)

"""Bundles that differ from the one of the tests in a fact of their manifest."""

from __future__ import annotations

from dataclasses import replace

from training.bundle.bundle import Bundle


def graded(bundle: Bundle, grade: str | None) -> Bundle:
    """Return the bundle with another grade."""
    verdict = bundle.manifest.verdict | {"grade": grade}
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"verdict": verdict}))


def with_currency(bundle: Bundle, currency: str | None) -> Bundle:
    """Return the bundle as one that was trained on another currency."""
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"currency": currency}))

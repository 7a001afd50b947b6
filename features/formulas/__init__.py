"""Formulas that several signals share: times to close, fading, running terms."""

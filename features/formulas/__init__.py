"""Formulas that several signals share: reversed invoices, times to close, fading, running terms."""

"""Answers that are kept for repeated requests."""

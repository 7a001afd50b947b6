"""Contracts that end soon or are overdue: what the runs said before the end, beside what somebody said of it."""

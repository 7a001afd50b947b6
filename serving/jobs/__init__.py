"""Bulk scoring: jobs that survive a restart, run in chunks, with a result for each account."""

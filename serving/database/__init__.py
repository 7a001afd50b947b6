"""The database behind the service: one place that opens it, brings it up to date and begins transactions.

The tables stand with what uses them (scores, keys, jobs, events); all are registered on one `metadata`, and only the
migrations make or change them.
"""

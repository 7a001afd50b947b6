"""Bulk scoring: jobs of many accounts, kept in the database, scored in chunks by a thread of each worker.

A job is made at once (`submission`, `ledger`), its chunks are claimed with a lease (`claims`), scored (`scoring`) and
written by a `runner`; its `results` become a file. Nothing of it is lost or done twice when a worker is killed.
"""

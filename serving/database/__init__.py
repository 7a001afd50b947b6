"""The database of the service: this package alone opens it, migrates it and begins transactions.

The packages that use the tables define them (scores, keys, jobs, events) on one shared `metadata`. Only the migrations
create or change tables.
"""

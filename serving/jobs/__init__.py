"""Bulk scoring: jobs of many accounts, kept in the database, scored in chunks by a thread of each worker.

`serving.api.answers.job_submission` reads a request and `ledger` stores its job at once. The thread of `runner` claims
a chunk with a lease (`claims`), scores it (`chunks`) and writes its outcomes (`claims`); `results` turns a job's
outcomes into a file. When a worker is killed, no account is lost and none is counted twice.
"""

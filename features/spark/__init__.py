"""Spark: a session, the address of a schema in its catalog, tables copied out of it. Nothing else imports PySpark."""

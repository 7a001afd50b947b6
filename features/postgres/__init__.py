"""What is read of a PostgreSQL server: an address, one snapshot of a schema, tables copied out of it."""

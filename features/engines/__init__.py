"""Other engines for the matrix of a book than DuckDB: Spark."""

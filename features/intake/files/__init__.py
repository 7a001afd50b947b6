"""Files and databases as relations of texts: what stands above the rows, and copies of what DuckDB does not read."""

"""Parts of the mapping are run: rows of files become typed rows, and these the records of each table."""

"""The programme's figures: each a function of the book at a date, with its definition, its source and its interval."""

"""Compare a model with its rivals on dates whose outcomes it did not know."""

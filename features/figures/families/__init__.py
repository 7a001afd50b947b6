"""The figures, a file a family, found by folder."""

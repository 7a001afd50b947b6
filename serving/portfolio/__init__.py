"""The portfolio of the newest run: what the store holds of it, in words, and as a report."""

"""The matrix for requests: the signals of batch, compiled once and run on a few accounts at a time."""

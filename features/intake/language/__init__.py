"""The mapping language: its models, how a file of it is read, and its numbers and times as SQL."""

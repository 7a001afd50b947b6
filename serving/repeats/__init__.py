"""Answers that are kept for requests that are sent again."""

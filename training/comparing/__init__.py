"""Matched comparisons: accounts that something was done for, beside comparable ones."""

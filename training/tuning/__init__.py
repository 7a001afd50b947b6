"""Searches for better settings, and decides whether they beat the settings that the search started from."""

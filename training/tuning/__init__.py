"""The search for better settings, and whether they beat those it began with."""

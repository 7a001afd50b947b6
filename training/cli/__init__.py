"""The commands that train, judge and manage versions."""

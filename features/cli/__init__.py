"""The commands that need no model: simulate, validate, features."""

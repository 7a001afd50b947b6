"""The migrations from the sixteenth on."""

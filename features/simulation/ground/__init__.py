"""The ground of a simulated book: its world, effects, hidden health, words and columns."""

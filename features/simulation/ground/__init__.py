"""What every part of a simulated book stands on: the world, its effects, hidden health, words and columns."""

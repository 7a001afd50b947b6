"""Loss reviews: what was known of each lost account before it left, and whether the model had seen it."""

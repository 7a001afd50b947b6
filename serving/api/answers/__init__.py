"""The shapes of answers, and what is read from the store for them."""

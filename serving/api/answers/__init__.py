"""The models of answers, and the code that reads the store for them."""

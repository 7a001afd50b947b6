"""Deliveries: the code that claims, words, signs, sends and retries them."""

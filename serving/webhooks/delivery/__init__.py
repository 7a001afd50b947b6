"""Deliveries: claimed, put into words, signed, sent, tried again."""

"""The running service: its start, its addresses, its end, and the Bento that carries it."""

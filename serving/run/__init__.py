"""The running service: what starts, listens, stops, and the Bento that carries it."""

"""Books of many kinds: other mechanics than `features.simulation` has, so that no model is tuned to one generator."""

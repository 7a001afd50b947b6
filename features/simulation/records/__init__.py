"""The simulated tables, one module each, and the hazards that end accounts."""

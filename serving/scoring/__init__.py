"""A matrix and a bundle become scores with reasons, bands, evidence and outlook."""

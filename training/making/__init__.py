"""A book becomes a trained, judged model, and the model a bundle."""

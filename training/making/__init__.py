"""Turns a book into a trained, judged model, and the model into a bundle."""

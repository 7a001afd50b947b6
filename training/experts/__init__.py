"""Experts: models of one kind each, whose margins the model adds up. Each knows how its margin falls on the signals."""

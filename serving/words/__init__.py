"""Scores in words: reasons, advice, numbers and dates in German and English."""

"""What a folder of exports is asked: its files known by their headers, a mapping suggested, questions for a person."""

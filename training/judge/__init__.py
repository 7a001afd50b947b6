"""A model beside its rivals on dates whose outcomes it did not know."""

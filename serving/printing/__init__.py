"""Paper: complete HTML documents become one PDF."""

"""The model card of a version: its manifest becomes a plain record, and the record becomes HTML and Markdown."""

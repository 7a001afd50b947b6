"""The model card of a version: a plain record made from its manifest, then HTML and Markdown from the record."""

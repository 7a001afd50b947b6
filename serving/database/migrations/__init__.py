"""Migrations, one file each, in the order of their numbers; written once and never changed."""

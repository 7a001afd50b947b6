"""Migrations, one file each, in the order of their numbers; nobody changes a migration once it is written."""

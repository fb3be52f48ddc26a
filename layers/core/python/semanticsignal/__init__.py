"""Semantic Signal. Read `stages/__init__.py` first: the table of the whole flow."""

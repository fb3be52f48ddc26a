"""Semantic Signal. Read `stages/__init__.py` first: the table of the whole flow."""

__version__ = "0.1.0"

"""Lambda entry points, one a verb: each turns its row of `stages/__init__.py`."""

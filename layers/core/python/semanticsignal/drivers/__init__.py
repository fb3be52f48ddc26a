"""Cranks: what turns the table of stages."""

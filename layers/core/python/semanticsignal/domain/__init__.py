"""Nouns: frozen dataclasses, enums and errors. They import nothing but the standard library."""

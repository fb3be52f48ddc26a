"""Verbs: pure functions. No clock, no network, no randomness, no environment; they meet only in the nouns."""

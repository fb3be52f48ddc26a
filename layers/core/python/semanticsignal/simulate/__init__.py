"""The demo world on loopback HTTP: an exchange and a model that the real plugs talk to."""

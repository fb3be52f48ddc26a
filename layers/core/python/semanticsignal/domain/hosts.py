"""Hosts that are this machine, where nothing is in between: no proxy, no certificate."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")

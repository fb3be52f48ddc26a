"""Plugs: one outside system a file, and no plug knows another."""

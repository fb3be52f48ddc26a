"""From bars to a Snapshot."""

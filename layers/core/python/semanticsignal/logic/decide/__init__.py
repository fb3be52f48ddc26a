"""From a Snapshot to a Decision."""

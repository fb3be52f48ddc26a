"""From nouns to what a panel shows."""

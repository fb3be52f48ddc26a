"""From what a venue sent to bars that can be believed."""

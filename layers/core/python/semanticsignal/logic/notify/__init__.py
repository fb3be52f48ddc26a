"""What happened → messages to people, and as a messenger takes them."""

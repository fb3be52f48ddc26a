"""From a Decision to orders, fills, positions and trades."""

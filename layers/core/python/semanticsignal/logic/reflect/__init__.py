"""From trades to lessons and rules."""

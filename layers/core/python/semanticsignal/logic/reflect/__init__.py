"""From trades to lessons, rules and statistics."""

"""What the report tells: of each result, what made it."""

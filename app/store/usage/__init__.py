"""What jobs used and cost, read from their rows."""

"""What jobs used and cost, as those who pay for them ask for it."""

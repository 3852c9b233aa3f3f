"""What jobs used and cost, over HTTP."""

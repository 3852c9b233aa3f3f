"""What operators change and look at."""

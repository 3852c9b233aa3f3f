"""The simulator, seen from outside."""

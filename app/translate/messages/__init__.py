"""Answers in the Messages dialect."""

"""Answers that are sent on while they are made."""

"""Limits across all submitter processes, kept in Redis; and what a process does without it."""

"""Answers in the Chat Completions dialect."""

"""The Anthropic messages protocol."""

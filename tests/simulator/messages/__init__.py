"""The simulator, spoken to in the Anthropic messages protocol."""

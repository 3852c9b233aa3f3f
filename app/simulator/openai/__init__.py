"""The OpenAI chat protocol."""

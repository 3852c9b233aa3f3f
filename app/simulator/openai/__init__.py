"""The OpenAI chat protocol. The Anthropic one gets a folder of its own beside this one."""

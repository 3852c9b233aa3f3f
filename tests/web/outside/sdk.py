"""The official OpenAI SDK with a customer's key, and what it sends."""

from dataclasses import dataclass, field
from typing import Any

import openai
from openai.types.chat import ChatCompletion


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdk:
    """The SDK with a customer's key, and what it sends."""

    client: openai.OpenAI
    sent: list[Any] = field(default_factory=list)
    """The requests, first tries and retries."""

    def ask(self, text: str = "What is 2 + 2?", **more: Any) -> ChatCompletion:
        """Ask for a completion."""
        asked: dict[str, Any] = {
            "model": "text-prime",
            "messages": [{"role": "user", "content": text}],
            "max_tokens": 100,
            **more,
        }
        completion: ChatCompletion = self.client.chat.completions.create(**asked)
        return completion

"""Either vendor's SDK, unmodified, in one form; it counts the requests it sends."""

import uuid
from typing import Any

import anthropic
import openai

from app.domain.dialect import Dialect

RETRIES = 1
"""So that a test sees whether an error is tried again, and does not wait for long."""
TIMEOUT_S = 20


class Sdk:
    """One vendor's SDK with a key; `sent` says how many requests it has sent."""

    def __init__(
        self, dialect: Dialect, url: str, key: str, model: str, *, retries: int = RETRIES
    ) -> None:
        self.dialect = dialect
        self.model = model
        self.sent = 0
        hooks: Any = {"request": [self._count]}
        if dialect is Dialect.CHAT:
            self.client: Any = openai.OpenAI(
                base_url=f"{url}/v1",
                api_key=key,
                max_retries=retries,
                timeout=TIMEOUT_S,
                http_client=openai.DefaultHttpxClient(event_hooks=hooks),
            )
        else:
            self.client = anthropic.Anthropic(
                base_url=url,
                api_key=key,
                max_retries=retries,
                timeout=TIMEOUT_S,
                http_client=anthropic.DefaultHttpxClient(event_hooks=hooks),
            )

    @property
    def answers(self) -> Any:
        """The resource whose `create` asks for an answer."""
        is_chat = self.dialect is Dialect.CHAT
        return self.client.chat.completions if is_chat else self.client.messages

    def ask(self, text: str | None = None, **more: Any) -> Any:
        """Ask a question, by default one nobody has asked before."""
        return self.answers.create(**self.question(text), **more)

    def question(self, text: str | None = None) -> dict[str, Any]:
        """Return what `create` needs at least."""
        content = text or f"Hello. {uuid.uuid4()}"
        return {
            "model": self.model,
            "max_tokens": 50,
            "messages": [{"role": "user", "content": content}],
        }

    def with_options(self, **options: Any) -> Any:
        """Return the resource that asks, with other options of the client's."""
        client = self.client.with_options(**options)
        return client.chat.completions if self.dialect is Dialect.CHAT else client.messages

    def path(self, path: str) -> str:
        """Return a path below /v1 as this client has to be given it."""
        return path if self.dialect is Dialect.CHAT else f"/v1{path}"

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()

    def _count(self, _request: Any) -> None:
        self.sent += 1


def code_of(error: Any) -> str:
    """Return our code in an error as its SDK shows it."""
    if isinstance(error, openai.APIError):
        return str(error.code)
    return str(error.body["error"]["details"]["error_code"])

"""The Anthropic Messages protocol."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from app.domain.dialect import Dialect
from app.domain.pricing import Usage
from app.providers.base import Call, read_counts
from app.providers.upstream import Upstream

API_VERSION: Final = "2023-06-01"


class Anthropic(Upstream):
    """One upstream of that protocol."""

    dialect: ClassVar[Dialect] = Dialect.MESSAGES
    path: ClassVar[str] = "/messages"

    def key_headers(self, key: str) -> dict[str, str]:
        """Return the headers that carry the API key."""
        return {"x-api-key": key}

    def call_headers(self, call: Call) -> dict[str, str]:
        """Return the API version, and the betas of a client that speaks this protocol too."""
        betas = call.betas if call.dialect is self.dialect else None
        return {"anthropic-version": API_VERSION, **({"anthropic-beta": betas} if betas else {})}

    def adapt(self, body: dict[str, Any], call: Call, *, stream: bool) -> None:
        """Ask for a stream or for none; always with a limit, never above what was held for."""
        body.pop("stream", None)
        if stream:
            body["stream"] = True
        asked = body.get("max_tokens")
        limit = call.output_tokens_max
        body["max_tokens"] = min(asked, limit) if isinstance(asked, int) else limit

    def is_answer(self, body: Mapping[str, Any]) -> bool:
        """True when there are content blocks; only a refusal may say nothing."""
        content = body.get("content")
        if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
            return False
        return bool(content) or body.get("stop_reason") == "refusal"

    def usage(
        self, reported: Mapping[str, Any] | None, call: Call
    ) -> tuple[Usage | None, tuple[str, ...]]:
        """Return a usage report; what a cache was read or written for is input beside the rest."""
        if reported is None:
            return None, ("usage_missing",)
        fresh, written, cached = (
            _count(reported, name)
            for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        )
        known = all(type(count) is int and count >= 0 for count in (fresh, written, cached))
        return read_counts(
            call,
            sent=fresh + written + cached if known else None,
            got=reported.get("output_tokens"),
            cached=cached,
            reasoned=_thought(reported),
        )


def _count(reported: Mapping[str, Any], name: str) -> Any:
    value = reported.get(name)
    return 0 if value is None and name != "input_tokens" else value


def _thought(reported: Mapping[str, Any]) -> Any:
    details = reported.get("output_tokens_details")
    value = details.get("thinking_tokens") if isinstance(details, Mapping) else None
    return 0 if value is None else value

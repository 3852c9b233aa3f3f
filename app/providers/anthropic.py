"""The Anthropic Messages protocol."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from app.domain.dialect import Dialect
from app.domain.pricing import Usage
from app.providers import extras
from app.providers.base import Call, read_counts
from app.providers.upstream import Upstream
from app.translate.requests.effort import without_thinking
from app.wire.anthropic import headers

BUDGET_TOKENS_MIN: Final = 1_024
"""The least a budget for thinking may be ("Extended thinking" in the Claude documentation)."""


class Anthropic(Upstream):
    """One upstream of that protocol."""

    dialect: ClassVar[Dialect] = Dialect.MESSAGES
    path: ClassVar[str] = "/messages"

    def key_headers(self, key: str) -> dict[str, str]:
        """Return the headers that carry the API key."""
        return {"x-api-key": key}

    def call_headers(self, call: Call) -> dict[str, str]:
        """Return the API version and the betas of a client that speaks this protocol too."""
        version, listed = headers.told(call.betas if call.dialect is self.dialect else None)
        betas = extras.betas(listed, self._entry.allow)
        return {"anthropic-version": version, **({"anthropic-beta": betas} if betas else {})}

    def adapt(self, body: dict[str, Any], *, limit: int, stream: bool) -> None:
        """Ask for a stream or for none; always with a limit, never above what was held for."""
        body.pop("stream", None)
        if stream:
            body["stream"] = True
        asked = body.get("max_tokens")
        body["max_tokens"] = min(asked, limit) if isinstance(asked, int) else limit
        if body["max_tokens"] != asked:
            _fit_thinking(body, asked)

    def is_answer(self, body: Mapping[str, Any]) -> bool:
        """True when there are content blocks; a message that says why it ended may have none."""
        content = body.get("content")
        if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
            return False
        return bool(content) or isinstance(body.get("stop_reason"), str)

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


def _fit_thinking(body: dict[str, Any], asked: Any) -> None:
    """Lower a budget for thinking that a lowered limit has no room for, by as much; or drop it."""
    thinking, limit = body.get("thinking"), body["max_tokens"]
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    if not isinstance(thinking, dict) or not isinstance(budget, int) or budget < limit:
        return
    part = limit * budget // asked if isinstance(asked, int) and asked > budget else limit // 2
    fitting = max(part, BUDGET_TOKENS_MIN)
    if fitting < limit:
        body["thinking"] = {**thinking, "budget_tokens": fitting}
        return
    plain = without_thinking(body)
    body.clear()
    body.update(plain)


def _count(reported: Mapping[str, Any], name: str) -> Any:
    value = reported.get(name)
    return 0 if value is None and name != "input_tokens" else value


def _thought(reported: Mapping[str, Any]) -> Any:
    details = reported.get("output_tokens_details")
    value = details.get("thinking_tokens") if isinstance(details, Mapping) else None
    return 0 if value is None else value

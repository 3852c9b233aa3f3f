"""The OpenAI Chat Completions protocol, which most self-hosted servers speak too."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from app.domain.dialect import Dialect
from app.domain.pricing import Usage
from app.providers.base import Call, read_counts
from app.providers.upstream import Upstream

LIMIT_FIELDS: Final = ("max_completion_tokens", "max_tokens")
"""The fields that limit an answer; the first is used where a request has neither."""

KEPT_HERE: Final = frozenset({"store", "metadata"})
"""What asks to keep a completion for later: the gateway keeps it, its vendor need not."""


class OpenAI(Upstream):
    """One upstream of that protocol."""

    dialect: ClassVar[Dialect] = Dialect.CHAT
    path: ClassVar[str] = "/chat/completions"

    def key_headers(self, key: str) -> dict[str, str]:
        """Return the headers that carry the API key."""
        return {"Authorization": f"Bearer {key}"}

    def adapt(self, body: dict[str, Any], *, limit: int, stream: bool) -> None:
        """Ask for a stream with its usage, or for none; never for more than was held for."""
        for name in KEPT_HERE & body.keys():
            del body[name]
        body.pop("stream", None)
        body.pop("stream_options", None)
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        self._bound(body, limit)

    def _bound(self, body: dict[str, Any], limit: int) -> None:
        """Limit the answer, under the one name the provider knows if its entry says which."""
        asked = {name: body[name] for name in LIMIT_FIELDS if isinstance(body.get(name), int)}
        if only := self._entry.output_limit_field:
            for name in LIMIT_FIELDS:
                body.pop(name, None)
            asked = {only: next(iter(asked.values()), limit)}
        for name, value in (asked or {LIMIT_FIELDS[0]: limit}).items():
            body[name] = min(value, limit)

    def is_answer(self, body: Mapping[str, Any]) -> bool:
        """True when there are choices, each with a message."""
        choices = body.get("choices")
        return isinstance(choices, list) and bool(choices) and all(map(_is_choice, choices))

    def usage(
        self, reported: Mapping[str, Any] | None, call: Call
    ) -> tuple[Usage | None, tuple[str, ...]]:
        """Return a usage report; cached and reasoning tokens are parts of its sums."""
        if reported is None:
            return None, ("usage_missing",)
        return read_counts(
            call,
            sent=reported.get("prompt_tokens"),
            got=reported.get("completion_tokens"),
            cached=_detail(reported, "prompt_tokens_details", "cached_tokens"),
            reasoned=_detail(reported, "completion_tokens_details", "reasoning_tokens"),
        )


def _is_choice(choice: Any) -> bool:
    return isinstance(choice, dict) and isinstance(choice.get("message"), dict)


def _detail(reported: Mapping[str, Any], group: str, name: str) -> Any:
    details = reported.get(group)
    value = details.get(name) if isinstance(details, Mapping) else None
    return 0 if value is None else value

"""What costs more than tokens at the usual price, taken out of requests unless it is allowed.

A hold is made for tokens at the instrument's price. Whatever a vendor charges beyond that is left
out where an answer without it is the same answer, and refused where it would be another.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from http import HTTPStatus
from typing import Any, Final

from app.domain.attempt import Failure, FailureKind
from app.domain.dialect import Dialect
from app.domain.instrument import Extra

DEPTH_MAX: Final = 8
"""How deep blocks inside blocks are looked at for how long they are to be cached."""


def refused(body: Mapping[str, Any], dialect: Dialect, allowed: AbstractSet[Extra]) -> str | None:
    """Return the field that asks for what is not allowed and cannot be left out, or None."""
    if Extra.SERVER_TOOLS not in allowed:
        for name in _SERVER_SIDE[dialect]:
            if body.get(name):
                return name
        if dialect is Dialect.MESSAGES and any(map(_runs_there, _listed(body.get("tools")))):
            return "tools"
    place = body.get("inference_geo")
    if place not in (None, "global") and Extra.INFERENCE_GEO not in allowed:
        return "inference_geo"
    return None


def refusal(field: str) -> Failure:
    """Return the failure of a request that asks for what is not allowed, and names its field."""
    return Failure(
        kind=FailureKind.REJECTED,
        symbol="not_allowed",
        message=(
            f"{field}: asks for what the provider charges beyond tokens, which is not offered"
            f" here; leave it out. {_WHAT[field]}"
        ),
        status_code=HTTPStatus.BAD_REQUEST,
        code="unsupported_parameter",
        param=field,
    )


def prune(body: dict[str, Any], allowed: AbstractSet[Extra]) -> None:
    """Take out, in place, what is not allowed and whose absence changes only speed and price."""
    if Extra.SERVICE_TIER not in allowed and body.get("service_tier") not in _USUAL_TIERS:
        body.pop("service_tier", None)
    if Extra.SPEED not in allowed and body.get("speed") not in (None, "standard"):
        del body["speed"]
    if Extra.FALLBACKS not in allowed:
        for name in _FALLING_BACK & body.keys():
            del body[name]
    if Extra.CACHE_TTL not in allowed:
        for name in _CACHED & body.keys():
            body[name] = _briefly_cached(body[name], DEPTH_MAX)


def betas(listed: str | None, allowed: AbstractSet[Extra]) -> str | None:
    """Return an `anthropic-beta` header without the betas that are not allowed."""
    if listed is None or Extra.BETAS in allowed:
        return listed
    each = [beta.strip() for beta in listed.split(",")]
    kept = [beta for beta in each if beta and not beta.startswith(_COSTLY_BETAS)]
    return ",".join(kept) if len(kept) < len(each) else listed


def _runs_there(tool: Any) -> bool:
    """True for a tool that the vendor runs; what the client runs has a schema or is known."""
    if not isinstance(tool, Mapping) or isinstance(tool.get("input_schema"), Mapping):
        return False
    kind = tool.get("type")
    if not isinstance(kind, str) or kind in _CLIENTS_OWN:
        return False
    return not kind.startswith(_RUN_BY_CLIENTS)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _briefly_cached(value: Any, depth: int) -> Any:
    """Return blocks of which none is to be cached for longer than usual; most are left alone."""
    if not depth:
        return value
    if isinstance(value, list):
        return [_briefly_cached(each, depth - 1) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "ephemeral":
        return {name: each for name, each in value.items() if name != "ttl"}
    held = _HOLDING & value.keys()
    if not held:
        return value
    return value | {name: _briefly_cached(value[name], depth - 1) for name in held}


_USUAL_TIERS: Final = (None, "auto", "default", "flex", "standard_only")
_FALLING_BACK: Final = frozenset({"fallbacks", "fallback_credit_token", "billing_policy"})
_CACHED: Final = frozenset({"cache_control", "system", "tools", "messages"})
_HOLDING: Final = frozenset({"cache_control", "content"})

_SERVER_SIDE: Final[Mapping[Dialect, tuple[str, ...]]] = {
    Dialect.CHAT: ("web_search_options", "search_parameters", "plugins"),
    Dialect.MESSAGES: ("mcp_servers", "container"),
}
"""Fields that make the vendor search or run something: OpenAI's, xAI's and OpenRouter's; and
Anthropic's."""

_CLIENTS_OWN: Final = ("custom", "function")
"""Tools of the client, the second in the spelling of another dialect: for the vendor to judge."""

_RUN_BY_CLIENTS: Final = (
    *("bash_", "text_editor_", "computer_", "browser_", "memory_"),
    "tool_search_tool_",
)
"""How the types of those tools begin that Anthropic defines and clients run; and of its search of
tools, which is free."""

_COSTLY_BETAS: Final = (
    *("fast-mode-", "context-1m-", "extended-cache-ttl-"),
    *("server-side-fallback-", "fallback-credit-", "advisor-tool-", "user-profiles-billing-"),
)
"""How those betas begin after which the same tokens cost more, or other models are paid."""

_TOOLS_WORDS: Final = "Tools that run at the provider are allowed in the catalog: `server_tools`."
_WHAT: Final[Mapping[str, str]] = {
    **dict.fromkeys((*_SERVER_SIDE[Dialect.CHAT], *_SERVER_SIDE[Dialect.MESSAGES]), _TOOLS_WORDS),
    "tools": _TOOLS_WORDS,
    "inference_geo": "Where a model runs is allowed in the catalog: `inference_geo`.",
}

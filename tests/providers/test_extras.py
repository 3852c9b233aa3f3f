"""What costs more than tokens at the usual price reaches only providers that allow it."""

from typing import Any

import pytest

from app.domain.attempt import FailureKind
from app.domain.dialect import Dialect
from app.domain.instrument import Extra

from .calling import MODEL, Asking
from .dialects import ANTHROPIC, OPENAI
from .peer import Peer

HI: list[Any] = [{"role": "user", "content": "Hi"}]
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
MINE = {"name": "weather", "input_schema": {"type": "object"}}
HOUR = {"type": "ephemeral", "ttl": "1h"}
COSTLY = "fast-mode-2026-02-01"
HARMLESS = "claude-code-20250219"


def body(**fields: Any) -> dict[str, Any]:
    """Return a request of either protocol."""
    return {"model": MODEL, "messages": HI, "max_tokens": 10, **fields}


def allowing(*extras: Extra) -> dict[str, Any]:
    """Return the change of a provider's entry that allows these."""
    return {"allow": frozenset(extras)}


@pytest.mark.parametrize(
    ("dialect", "fields", "extra"),
    [
        (OPENAI, {"service_tier": "priority"}, Extra.SERVICE_TIER),
        (OPENAI, {"service_tier": "fast"}, Extra.SERVICE_TIER),
        (OPENAI, {"service_tier": "scale"}, Extra.SERVICE_TIER),
        (ANTHROPIC, {"service_tier": "of-next-year"}, Extra.SERVICE_TIER),
        (ANTHROPIC, {"speed": "fast"}, Extra.SPEED),
        (ANTHROPIC, {"fallbacks": [{"model": "dear"}]}, Extra.FALLBACKS),
    ],
)
def test_what_only_makes_it_dearer_is_left_out(
    dialect: Any, peer: Peer, fields: dict[str, Any], extra: Extra
) -> None:
    """The answer is the same one without it; a provider's entry can allow it."""
    peer.answers(dialect.answer())
    asking = Asking(dialect=dialect)
    asking.answered(peer.url, body(**fields))
    asking.answered(peer.url, body(**fields), entry=allowing(extra))
    denied, allowed = (heard.json for heard in peer.heard)
    assert denied == body()
    assert allowed == body(**fields)


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        (OPENAI, {"service_tier": "auto"}),
        (OPENAI, {"service_tier": "flex"}),
        (ANTHROPIC, {"service_tier": "standard_only", "speed": "standard"}),
        (ANTHROPIC, {"inference_geo": "global"}),
        (ANTHROPIC, {"cache_control": {"type": "ephemeral"}}),
        (ANTHROPIC, {"tools": [MINE, {"type": "custom", **MINE, "name": "b"}]}),
        (ANTHROPIC, {"tools": [{"type": "bash_20250124", "name": "bash"}]}),
        (ANTHROPIC, {"tools": [{"type": "tool_search_tool_regex_20251119", "name": "s"}]}),
        (ANTHROPIC, {"mcp_servers": []}),
        (OPENAI, {"tools": [{"type": "function", "function": {"name": "f"}}]}),
    ],
)
def test_what_costs_no_more_passes(dialect: Any, peer: Peer, fields: dict[str, Any]) -> None:
    """Usual tiers, short caches and tools that clients run are nobody's loss."""
    peer.answers(dialect.answer())
    Asking(dialect=dialect).answered(peer.url, body(**fields))
    assert peer.heard[0].json == body(**fields)


@pytest.mark.parametrize(
    ("dialect", "fields", "extra"),
    [
        (ANTHROPIC, {"tools": [MINE, SEARCH]}, Extra.SERVER_TOOLS),
        (ANTHROPIC, {"tools": [{"type": "code_execution_20250825"}]}, Extra.SERVER_TOOLS),
        (ANTHROPIC, {"mcp_servers": [{"type": "url"}]}, Extra.SERVER_TOOLS),
        (ANTHROPIC, {"inference_geo": "us"}, Extra.INFERENCE_GEO),
        (OPENAI, {"web_search_options": {"a": 1}}, Extra.SERVER_TOOLS),
        (OPENAI, {"plugins": [{"id": "web"}]}, Extra.SERVER_TOOLS),
    ],
)
@pytest.mark.parametrize("how", ["whole", "streamed"])
def test_what_would_be_another_answer_is_refused(
    dialect: Any, peer: Peer, fields: dict[str, Any], extra: Extra, how: str
) -> None:
    """A search that does not happen would be a worse answer: the caller hears of it instead."""
    peer.answers(dialect.answer())
    asking = Asking(dialect=dialect)
    if how == "streamed":
        failure: Any = asking.streamed(peer.url, body(**fields))[0]
    else:
        failure = asking.failed(peer.url, body(**fields))
    (field,) = fields
    assert (failure.kind, failure.status_code) == (FailureKind.REJECTED, 400)
    assert (failure.param, failure.code) == (field, "unsupported_parameter")
    assert failure.message.startswith(f"{field}: ")
    assert extra.value in failure.message
    assert peer.heard == []
    asking.answered(peer.url, body(**fields), entry=allowing(extra))
    assert peer.heard[0].json == body(**fields)


def test_nothing_is_cached_for_an_hour(peer: Peer) -> None:
    """Writing to a cache for an hour costs double: wherever it is asked for, minutes it is."""
    marked = {"type": "text", "text": "Hi", "cache_control": HOUR}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [marked]}
    asked = body(
        system=[marked],
        tools=[{**MINE, "cache_control": HOUR}],
        messages=[{"role": "user", "content": [result, marked]}],
        cache_control=HOUR,
    )
    peer.answers(ANTHROPIC.answer())
    Asking(dialect=ANTHROPIC).answered(peer.url, asked)
    Asking(dialect=ANTHROPIC).answered(peer.url, asked, entry=allowing(Extra.CACHE_TTL))
    denied, allowed = (heard.body.decode() for heard in peer.heard)
    assert denied.count('"ephemeral"') == allowed.count('"ephemeral"') == 5
    assert (denied.count("1h"), allowed.count("1h")) == (0, 5)


@pytest.mark.parametrize(
    ("allow", "told"), [((), HARMLESS), ((Extra.BETAS,), f"{HARMLESS},{COSTLY}")]
)
def test_betas_that_cost_more_are_left_out(peer: Peer, allow: tuple[Extra, ...], told: str) -> None:
    """All others pass, known or not."""
    peer.answers(ANTHROPIC.answer())
    Asking(dialect=ANTHROPIC).answered(
        peer.url, betas=f"{HARMLESS},{COSTLY}", entry=allowing(*allow)
    )
    assert peer.heard[0].headers["anthropic-beta"] == told


def test_of_nothing_but_costly_betas_no_header_is_left(peer: Peer) -> None:
    """An empty header would be refused."""
    peer.answers(ANTHROPIC.answer())
    Asking(dialect=ANTHROPIC).answered(peer.url, betas=COSTLY)
    assert "anthropic-beta" not in peer.heard[0].headers


@pytest.mark.parametrize(
    ("carried", "version", "betas"),
    [
        (None, "2023-06-01", None),
        ("a-1,b-2", "2023-06-01", "a-1,b-2"),
        ("2026-10-21", "2026-10-21", None),
        ("2026-10-21,a-1", "2026-10-21", "a-1"),
    ],
)
def test_a_version_is_the_clients_own(
    peer: Peer, carried: str | None, version: str, betas: str | None
) -> None:
    """What it says of the API goes on to a provider that speaks it."""
    peer.answers(ANTHROPIC.answer())
    Asking(dialect=ANTHROPIC).answered(peer.url, betas=carried)
    headers = peer.heard[0].headers
    assert (headers["anthropic-version"], headers.get("anthropic-beta")) == (version, betas)


def test_a_version_of_another_dialect_is_not(peer: Peer) -> None:
    """A request we have written ourselves goes under the version it is written for."""
    peer.answers(ANTHROPIC.answer())
    Asking(dialect=ANTHROPIC).answered(peer.url, betas="2026-10-21,a-1", dialect=Dialect.CHAT)
    headers = peer.heard[0].headers
    assert headers["anthropic-version"] == "2023-06-01"
    assert "anthropic-beta" not in headers

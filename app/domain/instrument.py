"""What a client can ask for, and who can serve it: plain data of the catalog."""

from dataclasses import dataclass
from enum import StrEnum

from app.domain.pricing import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """The floors and ceilings an instrument promises; None where nothing is promised."""

    quality_min: float | None = None
    throughput_min_tps: float | None = None
    ttft_max_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What a client puts in `model`: a capability with a price and limits."""

    name: str
    price: Price
    context_tokens: int
    output_tokens_max: int
    output_tokens_default: int
    specification: Specification


class OnDisconnect(StrEnum):
    """What becomes of a provider's stream when its client leaves before the end.

    `drain`: it runs to its end and is paid for, and the answer is kept. `estimate`: the call ends;
    what had come is kept and paid for by an estimate. `free`: the call ends, nobody pays.
    """

    DRAIN = "drain"
    ESTIMATE = "estimate"
    FREE = "free"


class Extra(StrEnum):
    """What a client can ask a vendor for that costs more than tokens at the usual price.

    A hold knows nothing of it, so a provider's entry must allow it.
    """

    SERVICE_TIER = "service_tier"
    """Tiers at a higher price: `priority`, `fast`, `scale`."""

    SPEED = "speed"
    """`speed: fast`."""

    INFERENCE_GEO = "inference_geo"
    """Where in the world the model runs."""

    CACHE_TTL = "cache_ttl"
    """Prompts cached for longer than the vendor's usual minutes."""

    FALLBACKS = "fallbacks"
    """Other models, at other prices, that the vendor may answer with."""

    SERVER_TOOLS = "server_tools"
    """Tools that run at the vendor: web search, code execution, MCP servers."""

    BETAS = "betas"
    """Betas that change what a call costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An upstream that answers calls. The API key itself is never part of it.

    `output_limit_field` is the only name by which it knows the limit of an answer, None where
    it takes whichever a client uses. `allow` is what it may be asked for beyond tokens.
    """

    name: str
    protocol: str
    base_url: str
    api_key_env: str | None
    connect_timeout_s: float
    timeout_s: float
    concurrency: int
    on_disconnect: "OnDisconnect"
    output_limit_field: str | None = None
    allow: frozenset[Extra] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One way to serve an instrument: a provider and its own name for a model.

    `reasoning` says whether the model can be told how hard to think: True, that it can, whatever
    the client speaks; False, that it never is; None, only by clients that speak its own dialect.
    """

    instrument: str
    provider: str
    model: str
    reasoning: bool | None = None

    @property
    def name(self) -> str:
        """How logs and attempts call it."""
        return f"{self.provider}/{self.model}"

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An upstream that answers calls. The API key itself is never part of it."""

    name: str
    protocol: str
    base_url: str
    api_key_env: str | None
    connect_timeout_s: float
    timeout_s: float
    concurrency: int
    on_disconnect: "OnDisconnect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One way to serve an instrument: a provider and its own name for a model."""

    instrument: str
    provider: str
    model: str

    @property
    def name(self) -> str:
        """How logs and attempts call it."""
        return f"{self.provider}/{self.model}"

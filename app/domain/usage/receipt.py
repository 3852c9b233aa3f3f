"""A receipt: what one job used, what it cost, who served it, and which lots paid for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from app.domain.ids import suffix
from app.domain.job import FINAL, JobState
from app.domain.pricing import Price, Usage

REQUEST_PREFIX: Final = "req_"
JOB_PREFIX: Final = "job_"
PRICE_PREFIX: Final = "price_"
PRICE_DIGITS: Final = 12
"""Hexadecimal digits of a price version: prices that differ have different ones, in practice."""


class Standing(StrEnum):
    """Where the settling of a job stands: still to come, done, or nothing to be paid."""

    PENDING = "pending"
    RECONCILED = "reconciled"
    ERROR = "error"


STATES_OF: Final[Mapping[Standing, frozenset[JobState]]] = {
    Standing.PENDING: frozenset(JobState) - FINAL,
    Standing.RECONCILED: frozenset({JobState.SUCCEEDED}),
    Standing.ERROR: FINAL - {JobState.SUCCEEDED},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What one lot paid for a job; `tokens` where the lot is one of tokens."""

    lot_id: str
    source: str
    kind: str
    nanos: int
    tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One attempt as a receipt shows it: what was asked of whom, and what came of it."""

    number: int
    provider: str
    model: str
    state: str
    failure: str | None
    status_code: int | None
    started_at: datetime
    finished_at: datetime | None
    input_tokens: int | None
    output_tokens: int | None
    first_token_ms: int | None
    flag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A job's receipt. `served` is the attempt whose answer it got; `price` that of its hold."""

    job_id: str
    key_id: str
    endpoint: str
    instrument: str
    state: JobState
    created_at: datetime
    finished_at: datetime | None
    usage: Usage | None
    cost_nanos: int | None
    price: Price | None
    served: Call | None
    draws: tuple[Draw, ...] = ()
    calls: tuple[Call, ...] = ()

    @property
    def standing(self) -> Standing:
        """Where its settling stands."""
        return next(each for each, states in STATES_OF.items() if self.state in states)

    @property
    def request_id(self) -> str:
        """The name under which its answer told it."""
        return request_id_of(self.job_id)

    @property
    def price_version(self) -> str | None:
        """The name of the price it was held at; None where nothing was held."""
        return version_of(self.instrument, self.price) if self.price is not None else None

    @property
    def duration_ms(self) -> int | None:
        """From its submission to its end, waits included."""
        return _milliseconds(self.created_at, self.finished_at)

    @property
    def tokens_per_second(self) -> int | None:
        """Tokens of the answer by the time its provider took for them, the first one's left out."""
        if self.served is None or not self.served.output_tokens:
            return None
        took_ms = _milliseconds(self.served.started_at, self.served.finished_at)
        writing_ms = (took_ms or 0) - (self.served.first_token_ms or 0)
        return self.served.output_tokens * 1000 // writing_ms if writing_ms > 0 else None


def request_id_of(job_id: str) -> str:
    """Return the name of a job on its answer's headers: `job_01jd…` → `req_01jd…`."""
    return REQUEST_PREFIX + suffix(job_id)


def job_id_of(identifier: str) -> str | None:
    """Return the job that either name stands for; None when it can be neither."""
    if identifier.startswith(REQUEST_PREFIX):
        return JOB_PREFIX + suffix(identifier)
    return identifier if identifier.startswith(JOB_PREFIX) else None


def version_of(instrument: str, price: Price) -> str:
    """Return the name of an instrument's price: the same one wherever the price is the same."""
    told = f"{instrument} {price.input_nanos} {price.output_nanos}"
    return PRICE_PREFIX + sha256(told.encode()).hexdigest()[:PRICE_DIGITS]


def tokens_of(nanos: int, *, lot_nanos: int, lot_tokens: int) -> int:
    """Return how many tokens of a lot cost that much: the nearest number, for shares are cut.

    Exact for every lot whose tokens cost two nano-dollars or more ($0.002 per million).
    """
    return (2 * nanos * lot_tokens + lot_nanos) // (2 * lot_nanos)


def _milliseconds(since: datetime, until: datetime | None) -> int | None:
    return int((until - since).total_seconds() * 1000) if until is not None else None

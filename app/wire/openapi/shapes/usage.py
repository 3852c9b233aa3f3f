"""Answers about usage: receipts, and sums over days."""

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, Field

from app.domain.usage.receipt import Standing
from app.domain.usage.summary import BUCKETS_MAX, Grouping
from app.wire.openapi.shapes.base import Dollars, Exact


class ReceiptUsage(Exact):
    """The tokens that were charged, as the provider reported them."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    total_tokens: int


class ReceiptCost(Exact):
    """What a job cost, once it has ended."""

    amount: Dollars | None
    currency: Literal["USD"]
    status: Literal["pending", "reconciled", "cancelled"]
    """`cancelled`: there was no answer, so there is nothing to pay."""
    price_version: str | None
    """The name of both prices together: it changes when one of them does."""
    input_price: Dollars | None
    """Per million tokens, as it was when the job's money was set aside."""
    output_price: Dollars | None
    reconciled_at: AwareDatetime | None


class ReceiptDraw(Exact):
    """What one lot paid."""

    lot_id: str
    source: str
    kind: Literal["capture", "overrun"]
    """`overrun`: what the call cost above the money set aside for it."""
    amount: Dollars
    tokens: int | None
    """Of a lot of tokens: how many."""


class WholeCost(ReceiptCost):
    """What a job cost, and which lots paid for it."""

    breakdown: list[ReceiptDraw]


class AttemptUsage(Exact):
    """What a provider reported for one call."""

    input_tokens: int | None
    output_tokens: int | None


class ReceiptAttempt(Exact):
    """One call to a provider."""

    number: int
    provider: str
    model: str
    state: Literal["open", "succeeded", "failed", "interrupted", "lost"]
    failure: str | None
    status_code: int | None
    started_at: AwareDatetime
    finished_at: AwareDatetime | None
    usage: AttemptUsage | None
    flag: str | None
    """What was odd about the answer or its usage."""


class ReceiptTiming(Exact):
    """How long it took."""

    first_token_ms: int | None
    """From the call to the provider to its first token; null for answers that were not streamed."""
    tokens_per_second: int | None
    duration_ms: int | None
    """From the request to the end of the job, waits included."""


class ShortReceipt(Exact):
    """A receipt without its parts."""

    object: Literal["usage"]
    request_id: str
    job_id: str
    status: Standing
    requested_model: str
    serving_provider: str | None
    serving_model: str | None
    endpoint: Literal["/v1/chat/completions", "/v1/messages"]
    key_id: str
    created_at: AwareDatetime
    finished_at: AwareDatetime | None
    usage: ReceiptUsage | None
    cost: ReceiptCost
    timing: ReceiptTiming


class Receipt(ShortReceipt):
    """What one job used, what it cost, who served it."""

    cost: WholeCost
    attempts: list[ReceiptAttempt]


class ReceiptPage(Exact):
    """A page of receipts, newest first."""

    object: Literal["list"]
    data: list[ShortReceipt]
    has_more: bool
    first_id: str | None
    last_id: str | None


class UsageSums(Exact):
    """What some jobs come to."""

    jobs: int
    succeeded: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    """A part of the input."""
    total_tokens: int
    cost: Dollars


class UsageOfDay(UsageSums):
    """A day's jobs."""

    day: date


class UsageOfModel(UsageSums):
    """An instrument's jobs."""

    model: str


class UsageOfKey(UsageSums):
    """A key's jobs."""

    key_id: str


class UsageSummary(Exact):
    """Usage over some days."""

    object: Literal["usage.summary"]
    from_: date = Field(alias="from")
    to: date
    """The last day that counts."""
    group_by: Grouping
    data: list[UsageOfDay] | list[UsageOfModel] | list[UsageOfKey] = Field(max_length=BUCKETS_MAX)
    has_more: bool
    """There are more buckets than are shown; the totals count them all."""
    totals: UsageSums

"""Receipts and summaries of usage. Money is a decimal string of US dollars."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from app.domain.money import format_dollars
from app.domain.usage.receipt import Call, Draw, Receipt, Standing
from app.domain.usage.summary import Bucket, Summary, Sums

COST_STATUS: Final = {
    Standing.PENDING: "pending",
    Standing.RECONCILED: "reconciled",
    Standing.ERROR: "cancelled",
}
"""How the seed's clients read what becomes of a cost."""


def view(receipt: Receipt) -> dict[str, Any]:
    """Return one receipt with all its parts."""
    short = _short(receipt)
    cost = short["cost"] | {"breakdown": [_draw(each) for each in receipt.draws]}
    return short | {"cost": cost, "attempts": [_call(each) for each in receipt.calls]}


def list_page(receipts: Sequence[Receipt], *, has_more: bool) -> dict[str, Any]:
    """Return a page of receipts, in the form the vendors' SDKs page through."""
    return {
        "object": "list",
        "data": [_short(each) for each in receipts],
        "has_more": has_more,
        "first_id": receipts[0].request_id if receipts else None,
        "last_id": receipts[-1].request_id if receipts else None,
    }


def summary(found: Summary) -> dict[str, Any]:
    """Return a summary, each bucket under the name of what it was grouped by."""
    return {
        "object": "usage.summary",
        "from": found.days.first.isoformat(),
        "to": found.days.last.isoformat(),
        "group_by": found.grouping.value,
        "data": [_bucket(each, found.grouping.value) for each in found.buckets],
        "has_more": found.has_more,
        "totals": _sums(found.totals),
    }


def _short(receipt: Receipt) -> dict[str, Any]:
    served = receipt.served
    return {
        "object": "usage",
        "request_id": receipt.request_id,
        "job_id": receipt.job_id,
        "status": receipt.standing.value,
        "requested_model": receipt.instrument,
        "serving_provider": served.provider if served else None,
        "serving_model": served.model if served else None,
        "endpoint": receipt.endpoint,
        "key_id": receipt.key_id,
        "created_at": _time(receipt.created_at),
        "finished_at": _time(receipt.finished_at),
        "usage": _usage(receipt),
        "cost": _cost(receipt),
        "timing": {
            "first_token_ms": served.first_token_ms if served else None,
            "tokens_per_second": receipt.tokens_per_second,
            "duration_ms": receipt.duration_ms,
        },
    }


def _usage(receipt: Receipt) -> dict[str, int] | None:
    used = receipt.usage
    if used is None:
        return None
    return {
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
        "cached_tokens": used.cached_tokens,
        "reasoning_tokens": used.reasoning_tokens,
        "total_tokens": used.input_tokens + used.output_tokens,
    }


def _cost(receipt: Receipt) -> dict[str, Any]:
    """What is known of the cost: nothing before the end, and nothing to pay where there is none."""
    is_over, price = receipt.standing is not Standing.PENDING, receipt.price
    return {
        "amount": format_dollars(receipt.cost_nanos or 0) if is_over else None,
        "currency": "USD",
        "status": COST_STATUS[receipt.standing],
        "price_version": receipt.price_version,
        "input_price": format_dollars(price.input_nanos) if price else None,
        "output_price": format_dollars(price.output_nanos) if price else None,
        "reconciled_at": _time(receipt.finished_at),
    }


def _draw(draw: Draw) -> dict[str, Any]:
    return {
        "lot_id": draw.lot_id,
        "source": draw.source,
        "kind": draw.kind,
        "amount": format_dollars(draw.nanos),
        "tokens": draw.tokens,
    }


def _call(call: Call) -> dict[str, Any]:
    used = None
    if call.input_tokens is not None or call.output_tokens is not None:
        used = {"input_tokens": call.input_tokens, "output_tokens": call.output_tokens}
    return {
        "number": call.number,
        "provider": call.provider,
        "model": call.model,
        "state": call.state,
        "failure": call.failure,
        "status_code": call.status_code,
        "started_at": _time(call.started_at),
        "finished_at": _time(call.finished_at),
        "usage": used,
        "flag": call.flag,
    }


def _bucket(bucket: Bucket, named: str) -> dict[str, Any]:
    return {_NAMES.get(named, named): bucket.name} | _sums(bucket.sums)


_NAMES: Final = {"key": "key_id"}
"""What a bucket is named by, where that is not the word it was asked for with."""


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        "jobs": sums.jobs,
        "succeeded": sums.succeeded,
        "input_tokens": sums.input_tokens,
        "output_tokens": sums.output_tokens,
        "cached_tokens": sums.cached_tokens,
        "total_tokens": sums.input_tokens + sums.output_tokens,
        "cost": format_dollars(sums.cost_nanos),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None

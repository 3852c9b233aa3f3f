"""Turn a validated request into a job to be written: instrument found, tokens bounded."""

import hashlib
from collections.abc import Mapping
from typing import Any

from app.domain.errors import BusbarError, Fault, InvalidRequest, ModelNotFound, OutOfRange
from app.domain.instrument import Instrument
from app.domain.job import Lane, NewJob, OnEmpty
from app.domain.money import parse_dollars
from app.domain.pricing import input_bound
from app.gateway import Gateway
from app.services.accounts import Caller
from app.wire.surface import Asked, Surface


def draft(
    gateway: Gateway,
    caller: Caller,
    surface: Surface,
    body: Mapping[str, Any],
    *,
    raw: bytes,
    lane: Lane,
    on_empty: OnEmpty,
    deadline_s: int | None = None,
    custom_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
    fingerprint: bytes | None = None,
    betas: str | None = None,
    max_cost: str | None = None,
) -> NewJob:
    """Return the job a body of that surface asks for; `raw` is what goes to the provider.

    `max_cost` is the most it may cost, in dollars. Raises InvalidRequest or OutOfRange for the body
    and the amount, ModelNotFound for its instrument.
    """
    try:
        asked = surface.read(body)
    except (InvalidRequest, OutOfRange) as error:
        raise _with_model(gateway, body, error) from None
    instrument = gateway.catalog.instrument(asked.model)
    if instrument is None:
        raise ModelNotFound(_unknown(asked.model), param="model")
    bound = input_bound(asked.prompt, asked.extras, context_tokens=instrument.context_tokens)
    return NewJob(
        id=gateway.new_id("job"),
        account_id=caller.account_id,
        key_id=caller.key_id,
        lane=lane,
        endpoint=surface.endpoint,
        instrument=instrument.name,
        custom_id=custom_id,
        metadata=asked.metadata if metadata is None else metadata,
        on_empty=on_empty,
        deadline_s=deadline_s or gateway.settings.deadline_s,
        input_tokens_max=min(bound, instrument.context_tokens),
        output_tokens_max=_output_tokens(asked, instrument) * asked.choices,
        fingerprint=fingerprint,
        request=raw,
        stream=asked.stream,
        stored=asked.stored,
        betas=betas,
        max_cost_nanos=None if max_cost is None else _nanos(max_cost),
    )


def _with_model(gateway: Gateway, body: Mapping[str, Any], error: BusbarError) -> BusbarError:
    """Return the error with an unknown model among its faults: all are told at once."""
    model = body.get("model")
    is_told = any(fault.where == "model" for fault in error.faults)
    if is_told or not isinstance(model, str) or gateway.catalog.instrument(model) is not None:
        return error
    fault = Fault(where="model", what=_unknown(model))
    return InvalidRequest(error.message, param=error.param, faults=(*error.faults, fault))


def _unknown(model: str) -> str:
    return f"The model {model!r} does not exist; GET /v1/models lists what does."


def fingerprint(path: str, raw: bytes) -> bytes:
    """Return what tells whether two requests of one key are the same one."""
    return hashlib.sha256(path.encode() + b"\0" + raw).digest()


def _nanos(max_cost: str) -> int:
    try:
        return parse_dollars(max_cost)
    except ValueError as error:
        raise InvalidRequest(f"max_cost: {error}", param="max_cost") from None


def _output_tokens(asked: Asked, instrument: Instrument) -> int:
    wanted, limit = (
        asked.output_tokens or instrument.output_tokens_default,
        instrument.output_tokens_max,
    )
    if wanted > limit and not asked.clamps:
        name = asked.output_field
        raise OutOfRange(f"{name}: {instrument.name} gives at most {limit} tokens", param=name)
    return min(wanted, limit)

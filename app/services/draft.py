"""Turn a validated request into a job to be written: instrument found, tokens bounded."""

import hashlib
from collections.abc import Mapping
from typing import Any

from app.domain.errors import ModelNotFound, OutOfRange
from app.domain.job import Lane, NewJob, OnEmpty
from app.domain.pricing import input_bound
from app.gateway import Gateway
from app.services.accounts import Caller
from app.wire.openai import chat


def draft(
    gateway: Gateway,
    caller: Caller,
    body: Mapping[str, Any],
    *,
    raw: bytes,
    lane: Lane,
    on_empty: OnEmpty,
    deadline_s: int | None = None,
    custom_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
    fingerprint: bytes | None = None,
) -> NewJob:
    """Return the job a chat-completions body asks for; `raw` is what goes to the provider.

    Raises InvalidRequest or OutOfRange for the body, ModelNotFound for its instrument.
    """
    request = chat.read(body)
    instrument = gateway.catalog.instrument(request.model)
    if instrument is None:
        message = f"The model {request.model!r} does not exist; GET /v1/models lists what does."
        raise ModelNotFound(message, param="model")
    output_tokens = request.output_tokens or instrument.output_tokens_default
    if output_tokens > instrument.output_tokens_max:
        name = "max_completion_tokens" if request.max_completion_tokens else "max_tokens"
        limit = instrument.output_tokens_max
        raise OutOfRange(f"{name}: {instrument.name} gives at most {limit} tokens", param=name)
    bound = input_bound(
        chat.prompt(body), chat.extras(body), context_tokens=instrument.context_tokens
    )
    return NewJob(
        id=gateway.new_id("job"),
        account_id=caller.account_id,
        key_id=caller.key_id,
        lane=lane,
        endpoint=chat.ENDPOINT,
        instrument=instrument.name,
        custom_id=custom_id,
        metadata=metadata,
        on_empty=on_empty,
        deadline_s=deadline_s or gateway.settings.deadline_s,
        input_tokens_max=min(bound, instrument.context_tokens),
        output_tokens_max=output_tokens * request.choices,
        fingerprint=fingerprint,
        request=raw,
    )


def fingerprint(path: str, raw: bytes) -> bytes:
    """Return what tells whether two requests of one key are the same one."""
    return hashlib.sha256(path.encode() + b"\0" + raw).digest()

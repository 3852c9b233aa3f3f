"""Examples for the document: one short exchange, shown in each shape by the code that shows it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app.domain.dialect import Dialect
from app.domain.instrument import Instrument, Specification
from app.domain.job import Job, JobState, Lane
from app.domain.pricing import Price, Usage
from app.wire import instruments
from app.wire.native import balance, diagnostics
from app.wire.native import job as native
from app.wire.openai import stored
from app.wire.sse import MANNERS, frame, numbered

MODEL: Final = "text-prime"
REQUEST_ID: Final = "req_01kar5w9z0b2d4f6h8k0m2p4r6"
_AT: Final = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
_SUFFIX: Final = "01kar5w9z0c8n4t2v6x8y0a2c4"
_JOB_ID: Final = f"job_{_SUFFIX}"
_CHAT_ID: Final = f"chatcmpl-{_SUFFIX}"
_MESSAGE_ID: Final = f"msg_{_SUFFIX}"

_TURNS: Final = [{"role": "user", "content": "What is 2 + 2?"}]
CHAT_REQUEST: Final = {"model": MODEL, "messages": _TURNS}
CHAT_STREAM_REQUEST: Final = {**CHAT_REQUEST, "stream": True}
MESSAGES_REQUEST: Final = {"model": MODEL, "max_tokens": 100, "messages": _TURNS}
MESSAGES_STREAM_REQUEST: Final = {**MESSAGES_REQUEST, "stream": True}
JOB_REQUEST: Final = {
    "endpoint": "/v1/chat/completions",
    "body": CHAT_REQUEST,
    "custom_id": "row-1",
}

COMPLETION: Final[dict[str, Any]] = {
    "id": _CHAT_ID,
    "object": "chat.completion",
    "created": int(_AT.timestamp()),
    "model": MODEL,
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "4"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 14, "completion_tokens": 1, "total_tokens": 15},
}
MESSAGE: Final[dict[str, Any]] = {
    "id": _MESSAGE_ID,
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": [{"type": "text", "text": "4"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 14, "output_tokens": 1},
}
TOKENS: Final = {"input_tokens": 11}


def _chunk(delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    head = {name: COMPLETION[name] for name in ("id", "created", "model")}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {**head, "object": "chat.completion.chunk", "choices": [choice]}


CHAT_CHUNKS: Final = [_chunk({"role": "assistant", "content": "4"}, None), _chunk({}, "stop")]
MESSAGES_EVENTS: Final[list[dict[str, Any]]] = [
    {
        "type": "message_start",
        "message": {
            **MESSAGE,
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 14, "output_tokens": 0},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "4"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 1},
    },
]
NUMBERED_STREAM: Final = (
    b"".join(
        numbered(frame(chunk, Dialect.CHAT), number)
        for number, chunk in enumerate(CHAT_CHUNKS, start=1)
    )
    + MANNERS[Dialect.CHAT].end
).decode()


def _job(**more: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "id": _JOB_ID,
        "account_id": "acct_01kar5w9z0e4g6j8m0q2s4v6x8",
        "lane": Lane.INTERACTIVE,
        "endpoint": "/v1/chat/completions",
        "instrument": MODEL,
        "state": JobState.QUEUED,
        "custom_id": "row-1",
        "metadata": None,
        "created_at": _AT,
        "deadline_at": _AT + timedelta(days=1),
    }
    return native.view(Job(**known | more))


QUEUED: Final = _job()
SUCCEEDED: Final = _job(
    state=JobState.SUCCEEDED,
    attempts=1,
    started_at=_AT + timedelta(milliseconds=4),
    finished_at=_AT + timedelta(milliseconds=950),
    usage=Usage(input_tokens=14, output_tokens=1),
    cost_nanos=1_800,
    status_code=200,
    response=json.dumps(COMPLETION).encode(),
)
JOB_PAGE: Final = {
    "object": "list",
    "data": [QUEUED],
    "has_more": False,
    "first_id": _JOB_ID,
    "last_id": _JOB_ID,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    job_id: str
    metadata: dict[str, str]
    answer: bytes


_KEPT: Final = _Kept(job_id=_JOB_ID, metadata={"run": "7"}, answer=json.dumps(COMPLETION).encode())
STORED: Final = stored.view(_KEPT)
STORED_PAGE: Final = stored.list_page([_KEPT], has_more=False)
STORED_MESSAGES: Final = stored.messages_page(
    _CHAT_ID, json.dumps(CHAT_REQUEST).encode(), after=None, limit=20, is_newest_first=False
)
DELETED: Final = stored.deleted(_CHAT_ID)

_INSTRUMENT: Final = Instrument(
    name=MODEL,
    price=Price(input_nanos=500_000_000, output_nanos=2_000_000_000),
    context_tokens=128_000,
    output_tokens_max=65_536,
    output_tokens_default=4_096,
    specification=Specification(),
)
CHAT_MODEL: Final = instruments.view(_INSTRUMENT, Dialect.CHAT)
MESSAGES_MODEL: Final = instruments.view(_INSTRUMENT, Dialect.MESSAGES)
CHAT_MODELS: Final = instruments.whole_list([_INSTRUMENT])
MESSAGES_MODELS: Final = instruments.list_page([_INSTRUMENT], has_more=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lot:
    id: str
    source: str
    amount_nanos: int
    used_nanos: int
    held_nanos: int
    expires_at: datetime | None
    is_expired: bool
    instrument: str | None
    tokens: int | None
    tokens_left: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    name: str
    verdict: str
    code: str
    detail: str
    next_action: str | None


_LOT: Final = _Lot(
    id="lot_01kar5w9z0g6j8m0q2s4v6x8z0",
    source="deposit",
    amount_nanos=10_000_000_000,
    used_nanos=1_800,
    held_nanos=0,
    expires_at=None,
    is_expired=False,
    instrument=None,
    tokens=None,
    tokens_left=None,
)
BALANCE: Final = balance.view(
    "acct_01kar5w9z0e4g6j8m0q2s4v6x8",
    available_nanos=9_999_998_200,
    held_nanos=0,
    spent_nanos=1_800,
    lots=[_LOT],
)
_CHECK: Final = _Check(
    name="workers",
    verdict="fail",
    code="no_worker",
    detail="No worker process is running.",
    next_action="Tell the operator to start one: `busbar worker`.",
)
DIAGNOSTICS: Final = diagnostics.view([_CHECK], verdict="fail")

"""Parameters and headers that several routes know, and the errors that they share."""

from collections.abc import Mapping
from typing import Any, Final

from app.domain import errors
from app.domain.errors import BusbarError
from app.wire.dialects import VERSION_HEADER, VERSIONS
from app.wire.openapi.route import Parameter

JOB_ID: Final = Parameter(
    name="job_id",
    where="path",
    text="A job's id.",
    schema={"type": "string"},
    example="job_01kar5w9z0c8n4t2v6x8y0a2c4",
)
COMPLETION_ID: Final = Parameter(
    name="completion_id",
    where="path",
    text="A completion's id.",
    schema={"type": "string"},
    example="chatcmpl-01kar5w9z0c8n4t2v6x8y0a2c4",
)
LIMIT: Final = Parameter(
    name="limit",
    where="query",
    text="How many to show at most.",
    schema={"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
)
ORDER: Final = Parameter(
    name="order",
    where="query",
    text="Oldest or newest first.",
    schema={"type": "string", "enum": ["asc", "desc"], "default": "asc"},
)
PREFER: Final = Parameter(
    name="Prefer",
    where="header",
    text="`wait=N`: wait N seconds at most, then 504 with the job's id; the job goes on. "
    "`respond-async`: answer 202 with the job at once. Both: 202 after N seconds unless the answer "
    "is there (RFC 7240). What is not understood is ignored.",
    schema={"type": "string"},
    example="respond-async, wait=10",
)
IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    where="header",
    text="The same key and request again answers with the same jobs, and never pays twice.",
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    example="order-1041",
)
MAX_COST: Final = Parameter(
    name="x-busbar-max-cost",
    where="header",
    text="The most this call may cost, in US dollars; 402 when it may come to more.",
    schema={"type": "string", "pattern": r"^[0-9]{1,10}(\.[0-9]{1,9})?$"},
    example="0.05",
)
VERSION: Final = Parameter(
    name=VERSION_HEADER,
    where="header",
    text="The version of Anthropic's API; it may be left out. On paths both vendors share, its "
    "presence asks for Anthropic's shapes and errors.",
    schema={"type": "string", "enum": list(VERSIONS)},
    example=VERSIONS[0],
)
BETAS: Final = Parameter(
    name="anthropic-beta",
    where="header",
    text="Goes on to a provider of Anthropic's protocol; none is refused.",
    schema={"type": "string"},
)
BETA: Final = Parameter(
    name="beta",
    where="query",
    text="Some clients send `beta=true`; it makes no difference.",
    schema={"type": "string"},
)

Errors = tuple[type[BusbarError], ...]

REQUEST_IDS: Final = ("x-request-id", "request-id")
"""On every answer."""

RECEIPT_HEADERS: Final = ("x-busbar-request-id", "x-busbar-cost")
JOB_HEADERS: Final = ("x-busbar-job-id", "idempotent-replayed", *RECEIPT_HEADERS)
CHAT_LIMITS: Final = tuple(
    f"x-ratelimit-{item}-{measure}"
    for measure in ("requests", "tokens")
    for item in ("limit", "remaining", "reset")
)
MESSAGES_LIMITS: Final = tuple(
    f"anthropic-ratelimit-{measure}-{item}"
    for measure in ("requests", "tokens")
    for item in ("limit", "remaining", "reset")
)
RETRY_HEADERS: Final = ("Retry-After", "retry-after-ms", "x-should-retry")

_LIMITS: Final = "Where a limit of requests or tokens per minute is set, and how much of it is left"

HEADERS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "x-request-id": ("This request's id, under OpenAI's name.", {"type": "string"}),
    "request-id": ("This request's id, under Anthropic's name.", {"type": "string"}),
    "x-busbar-job-id": ("The job behind the answer: `GET /v1/jobs/{id}`.", {"type": "string"}),
    "x-busbar-request-id": (
        "The name of the job's receipt: `GET /v1/usage/{request_id}`.",
        {"type": "string"},
    ),
    "x-busbar-cost": (
        "What the job cost, in US dollars, once it has ended.",
        {"type": "string", "pattern": r"^[0-9]+\.[0-9]{2,9}$"},
    ),
    "idempotent-replayed": (
        "This request was attached to an earlier one.",
        {"type": "string", "enum": ["true"]},
    ),
    "Location": ("Where the job is to be had.", {"type": "string"}),
    "Preference-Applied": ("The part of `Prefer` that was followed.", {"type": "string"}),
    "Retry-After": ("Seconds to wait before the next try.", {"type": "integer", "minimum": 1}),
    "retry-after-ms": ("The same in milliseconds.", {"type": "integer", "minimum": 1}),
    "x-should-retry": (
        "Whether to send the request again; before what the status says.",
        {"type": "string", "enum": ["true", "false"]},
    ),
    "ETag": ("Changes when the content does.", {"type": "string"}),
    "Cache-Control": ("How long it may be kept.", {"type": "string"}),
    **{name: (f"{_LIMITS}; OpenAI's spelling.", {"type": "string"}) for name in CHAT_LIMITS},
    **{name: (f"{_LIMITS}; Anthropic's spelling.", {"type": "string"}) for name in MESSAGES_LIMITS},
}
"""What each header says, and its schema."""

AT_HOME: Final[Errors] = (BusbarError, errors.DatabaseUnavailable)
"""What may happen here whatever was asked."""

ASKED: Final[Errors] = (errors.InvalidRequest, errors.InvalidKey, *AT_HOME)
"""What may happen to any request that needs a key."""

SENT: Final[Errors] = (*ASKED, errors.RequestTooLarge)
"""What may happen to any request with a body."""

CALLED: Final[Errors] = (
    *SENT,
    errors.OutOfRange,
    errors.ModelNotFound,
    errors.NotFound,
    errors.IdempotencyMismatch,
    errors.InsufficientBalance,
    errors.RequestExceedsLimit,
    errors.CapReached,
    errors.RateLimited,
    errors.WaitTimedOut,
    errors.DeadlinePassed,
    errors.JobCancelled,
    errors.WorkerLost,
    errors.ProviderRejected,
    errors.ProviderUnavailable,
    errors.StreamInterrupted,
)
"""What may happen to a call that waits for its answer."""

"""Calls the limits have refused: when their client comes again, none of them has a job to come to.

A client marks each automatic retry alike, whether its call was refused or lost. Who retries what
was refused must not be given the job of an equal call beside it: those are samples, each of which
is wanted. So every refusal is noted, in Redis, for as long as an SDK may take to come again.
"""

from typing import Final

from app.gateway import Gateway
from app.services.submit import Submission

KEPT_S: Final = 90
"""The longest Retry-After is 60 s; SDKs obey it."""

NOTES_MAX: Final = 1_000
"""Refusals of equal calls that are remembered: a client that asks on and on fills no memory."""


def note(gateway: Gateway, submission: Submission) -> None:
    """Remember that a call was refused before it had a job."""
    key, broker = _key(gateway, submission), gateway.broker

    def push() -> None:
        with broker.client.pipeline() as pipe:
            pipe.rpush(key, b"")
            pipe.ltrim(key, -NOTES_MAX, -1)
            pipe.expire(key, KEPT_S)
            pipe.execute()

    broker.ask(push)


def take(gateway: Gateway, submission: Submission) -> bool:
    """True when a call like this one was refused and has not come again until now.

    While Redis is away none was: nobody may pay twice for one call, which weighs more than that two
    samples may be the same.
    """
    key, broker = _key(gateway, submission), gateway.broker
    return broker.ask(lambda: broker.client.lpop(key)) is not None


def _key(gateway: Gateway, submission: Submission) -> str:
    mark = submission.fingerprint.hex()
    return f"{gateway.broker.prefix}refused:{submission.key_id}:{mark}"

"""The gate before every submit: the limits of the caller's key and of its account.

A caller without limits costs nothing here, not even a look at Redis.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from app.domain.limits.limit import Limit, Measure, Scope
from app.domain.limits.verdict import Demand, Order, Seat, Verdict, refusal
from app.gateway import Gateway
from app.limiter.limiter import Limiter
from app.services.accounts import Caller
from app.services.gather import Gather
from app.services.limiting.demands import bindings, demands
from app.services.limiting.here import Here
from app.services.submit import Submission

OPEN: Final = (Measure.REQUESTS, Measure.TOKENS, Measure.CALLS)
"""What a call is measured by whose client waits for its answer, or listens to it."""

SENT: Final = (Measure.REQUESTS, Measure.TOKENS)
"""What a submission is measured by whose client goes away with the ids of its jobs."""

WAITED: Final = (Measure.CALLS,)
"""What a client is measured by that waits for a job it has submitted before, or follows it."""

WAIT_SHARE: Final = 2
"""A key without a limit on open calls may wait on one in so many threads of each process."""

SEAT_CHARACTERS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the limits said to one request. Close it when the call is no longer open."""

    verdict: Verdict
    _order: Order | None = None
    _limiter: Limiter | Here | None = None

    def check(self) -> None:
        """Raise RateLimited where a limit refused."""
        if not self.verdict.granted:
            raise refusal(self.verdict)

    def attached(self) -> None:
        """Give the tokens back: the request has found a job that is there already."""
        if self._order is None or self._limiter is None or self.verdict.guest:
            return
        returned = tuple(
            Demand(limit=demand.limit, amount=-demand.amount)
            for demand in self._order.demands
            if demand.limit.measure is Measure.TOKENS
        )
        if returned and self.verdict.granted:
            self._limiter.take(Order(account_id=self._order.account_id, demands=returned))

    def close(self) -> None:
        """Give the seat back, if it has one; harmless when that was done already."""
        if self._limiter is not None and self.verdict.seat is not None:
            self._limiter.release(self.verdict.seat)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Gate:
    """One per submitter process, for many threads."""

    def __init__(self, gateway: Gateway, limiter: Limiter | None = None) -> None:
        self._catalog = gateway.catalog
        self._limiter = limiter or Limiter(
            gateway.settings.redis_url,
            prefix=gateway.settings.redis_prefix,
            processes=gateway.settings.web_processes,
            together=Gather,
        )
        self._here = Here()
        self._waits_max = max(1, gateway.settings.web_threads // WAIT_SHARE)

    def call(self, caller: Caller, submission: Submission) -> Grant:
        """Ask for a call that stays open until its answer is there.

        Raises OutOfRange for a list of jobs that these limits could never let through.
        """
        return self._ask(caller, submission, OPEN, seat=_seat(submission))

    def submit(self, caller: Caller, submission: Submission) -> Grant:
        """Ask for jobs whose client does not wait; each of them is a request.

        Raises OutOfRange for a list of jobs that these limits could never let through.
        """
        return self._ask(caller, submission, SENT, seat=None)

    def wait(self, caller: Caller) -> Grant:
        """Ask for a thread that waits for a job which is there already, or follows its stream."""
        name = secrets.token_hex(SEAT_CHARACTERS // 2)
        seat = Seat(name=name, spare=name, joins=False)
        binding = bindings(self._catalog, caller)
        limiter: Limiter | Here = self._limiter
        demanded = demands(binding, (), WAITED)
        if not demanded:
            limiter = self._here
            most = self._waits_max
            limit = Limit(scope=Scope.KEY, owner=caller.key_id, measure=Measure.CALLS, most=most)
            demanded = (Demand(limit=limit, amount=1),)
        order = Order(account_id=caller.account_id, demands=demanded, seat=seat)
        return Grant(verdict=limiter.take(order), _order=order, _limiter=limiter)

    def _ask(
        self,
        caller: Caller,
        submission: Submission,
        measures: Iterable[Measure],
        *,
        seat: Seat | None,
    ) -> Grant:
        binding = bindings(self._catalog, caller)
        demanded = demands(binding, submission.jobs, measures) if binding else ()
        if not demanded:
            return _FREE
        if not any(each.limit.measure is Measure.CALLS for each in demanded):
            seat = None
        order = Order(account_id=caller.account_id, demands=demanded, seat=seat)
        return Grant(verdict=self._limiter.take(order), _order=order, _limiter=self._limiter)


_FREE: Final = Grant(verdict=Verdict(granted=True))


def _seat(submission: Submission) -> Seat:
    """Two requests have one seat where the second stands for the first one's job.

    That is a client's automatic retry, or the same Idempotency-Key. Requests that are equal by
    chance have a seat each.
    """
    key = submission.idempotency_key
    mark = submission.fingerprint if key is None else b"key\0" + key.encode()
    digest = hashlib.sha256(submission.key_id.encode() + b"\0" + mark).hexdigest()
    name = digest[:SEAT_CHARACTERS]
    return Seat(
        name=name,
        spare=f"{name}:{submission.jobs[0].id}",
        joins=submission.is_retry or key is not None,
    )

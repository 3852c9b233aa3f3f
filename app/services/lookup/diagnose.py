"""The caller's path, checked step by step: key, balance, instrument, route, queue, workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import ModelNotFound, ProviderUnavailable, StreamInterrupted, WorkerLost
from app.domain.instrument import Instrument
from app.domain.job import Lane
from app.domain.money import format_dollars
from app.domain.pricing import hold_amount
from app.gateway import Gateway
from app.services import read
from app.services.accounts import Caller
from app.services.lookup import instruments
from app.services.outage import as_unavailable
from app.store import queue
from app.store.engine import statement
from app.store.keeping import presence

TYPICAL_INPUT_TOKENS: Final = 1_000
"""A prompt whose hold the balance should cover; the answer counts with the default length."""

JOBS_LOOKED_AT: Final = 20
SLOW_S: Final = 30.0
"""A queue whose first job waits longer than this has too few workers, or none."""

_UNSERVED: Final = frozenset({ProviderUnavailable.code, StreamInterrupted.code, WorkerLost.code})


class Verdict(StrEnum):
    """What a check found; ordered from good to bad in which one overrules another."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One step of the path. `next_action` says what to do, where there is something to do."""

    name: str
    verdict: Verdict
    code: str
    detail: str
    next_action: str | None = None


def diagnose(gateway: Gateway, caller: Caller, model: str | None) -> Sequence[Check]:
    """Check all that a call of this key needs, for one instrument or for any."""
    asked = gateway.catalog.instrument(model) if model is not None else None
    checks = [_key(caller), _instrument(gateway, model, asked)]
    try:
        checks += [
            _balance(gateway, caller, asked),
            _route(gateway, caller, asked),
            _queue(gateway),
            _workers(gateway),
        ]
    except SQLAlchemyError as error:
        if as_unavailable(error) is None:
            raise
        checks.append(
            _fail("database", "database_unavailable", "The database is away.", "Tell the operator.")
        )
    return checks


def worst(checks: Sequence[Check]) -> Verdict:
    """Return the verdict of the whole."""
    return max((check.verdict for check in checks), key=list(Verdict).index)


def _key(caller: Caller) -> Check:
    return _ok("key", "key_accepted", f"{caller.key_id} of {caller.account_id}")


def _instrument(gateway: Gateway, model: str | None, asked: Instrument | None) -> Check:
    if model is None:
        return _ok("instrument", "not_asked", f"{len(instruments.every(gateway))} to choose from")
    if asked is None:
        return _fail(
            "instrument",
            ModelNotFound.code,
            "There is no instrument of that name.",
            "Send one of the names GET /v1/models lists as `model`.",
        )
    prices = [format_dollars(n) for n in (asked.price.input_nanos, asked.price.output_nanos)]
    return _ok(
        "instrument",
        "instrument_found",
        f"{asked.name}: ${prices[0]} in and ${prices[1]} out per million tokens",
    )


def _balance(gateway: Gateway, caller: Caller, asked: Instrument | None) -> Check:
    lots = read.balance(gateway, caller.account_id).lots
    usable = sum(
        lot.amount_nanos - lot.used_nanos - lot.held_nanos
        for lot in lots
        if not lot.is_expired and (asked is None or lot.instrument in (None, asked.name))
    )
    detail = f"${format_dollars(usable)} to spend"
    deposit = "Deposit, or let the operator run `busbar deposit`."
    if usable <= 0:
        return _fail("balance", "insufficient_balance", detail, deposit)
    wanted = [asked] if asked is not None else instruments.every(gateway)
    typical = min(
        hold_amount(TYPICAL_INPUT_TOKENS, each.output_tokens_default, each.price) for each in wanted
    )
    if usable < typical:
        detail += f"; a usual call sets ${format_dollars(typical)} aside"
        return _warn("balance", "balance_low", detail, f"{deposit} Or send a smaller max_tokens.")
    return _ok("balance", "balance_covers", detail)


def _route(gateway: Gateway, caller: Caller, asked: Instrument | None) -> Check:
    jobs, _ = read.page(
        gateway, caller.account_id, state=None, custom_id=None, after=None, limit=JOBS_LOOKED_AT
    )
    over = [job for job in jobs if job.is_final and (asked is None or job.instrument == asked.name)]
    unserved = [job for job in over if job.error is not None and job.error.code in _UNSERVED]
    if over and 2 * len(unserved) >= len(over):
        return _warn(
            "route",
            "providers_failing",
            f"{len(unserved)} of your last {len(over)} jobs found no provider that answered",
            "Try another instrument, or later; tell the operator if it goes on.",
        )
    names = [each.name for each in ([asked] if asked else instruments.every(gateway))]
    ways = min(len(gateway.catalog.routes[name]) for name in names)
    return _ok("route", "routes_known", f"{ways} or more ways to serve a call")


def _queue(gateway: Gateway) -> Check:
    depth = gateway.broker.depth(Lane.INTERACTIVE)
    if depth is None:
        return _warn(
            "queue",
            "redis_unreachable",
            "Redis is away: jobs start later than usual, and none is lost.",
            "Tell the operator.",
        )
    with statement(gateway.engine) as conn:
        oldest_s = queue.oldest_due_s(conn, Lane.INTERACTIVE)
    detail = f"{depth} messages wait; the oldest job is due since {oldest_s:.0f} s"
    if oldest_s > SLOW_S:
        more = "Let the operator start more workers: `busbar worker`."
        return _warn("queue", "queue_slow", detail, more)
    return _ok("queue", "queue_moves", detail)


def _workers(gateway: Gateway) -> Check:
    with statement(gateway.engine) as conn:
        is_led, running = presence.is_led(conn), queue.count_running(conn, 1)
    if is_led or running:
        return _ok("workers", "worker_alive", "At least one worker process is running.")
    return _fail(
        "workers",
        "no_worker",
        "No worker process is running, so jobs wait.",
        "Let the operator start one: `busbar worker`.",
    )


def _ok(name: str, code: str, detail: str) -> Check:
    return Check(name=name, verdict=Verdict.OK, code=code, detail=detail)


def _warn(name: str, code: str, detail: str, action: str) -> Check:
    return Check(name=name, verdict=Verdict.WARN, code=code, detail=detail, next_action=action)


def _fail(name: str, code: str, detail: str, action: str) -> Check:
    return Check(name=name, verdict=Verdict.FAIL, code=code, detail=detail, next_action=action)

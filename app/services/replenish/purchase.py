"""Carry one purchase: take it up, ask the source or look it up there, write what came of it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.money import format_dollars
from app.domain.replenishing import policy as rules
from app.domain.replenishing.purchase import (
    ASK_FOR_S,
    Asked,
    Bought,
    Declined,
    FailureReason,
    PurchaseState,
    Step,
    after_look_up,
    after_repetition,
    first_step,
)
from app.funding.source import FundingSource
from app.gateway import Gateway
from app.services.keeping.wake import wake_account
from app.services.replenish.ask import wanted_nanos
from app.store.engine import Session, again, transaction
from app.store.records import events
from app.store.records.events import EventType
from app.store.replenishing import carrying, policies

log = logging.getLogger("busbar.replenish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A purchase in this process's hands, until somebody moves its fence.

    `age_s` is how long before it was taken up it was first asked for. One that `has_failed` is
    only looked up: the source may have charged for it late.
    """

    id: str
    account_id: str
    amount_nanos: int
    age_s: float
    step: Step
    has_failed: bool
    asked_at: datetime


def take_up(gateway: Gateway, purchase_id: str, *, lease_s: float) -> Taken | None:
    """Take up a purchase; None when another one has it, or it ended just now."""

    def write() -> Taken | None:
        with transaction(gateway.engine) as conn:
            return _take_up(conn, purchase_id, lease_s)

    return again(write)


def carry(
    gateway: Gateway,
    source: FundingSource,
    taken: Taken,
    *,
    pauses_s: tuple[float, ...],
    pause: Callable[[float], bool],
) -> None:
    """Ask the source until it is known what came of a purchase, and write that down.

    Where it cannot be known after all `pauses_s`, the purchase stays as it is: whoever leads looks
    it up again when the lease is over. An old one is looked up once, so that it does not hold up
    others. `pause` waits, and returns True when it is time to stop.
    """
    step, mine = taken.step, taken
    for number, pause_s in enumerate((0.0, *pauses_s) if taken.age_s <= ASK_FOR_S else (0.0,)):
        if number:
            asked_at = None if pause(pause_s) else _stamp(gateway, mine)
            if asked_at is None:
                return
            step, mine = Step.LOOK_UP, replace(mine, asked_at=asked_at)
        outcome = _once(source, mine, step)
        if isinstance(outcome, Bought):
            _done(gateway, mine)
            return
        if mine.has_failed:
            return
        if isinstance(outcome, Declined):
            _failed(gateway, mine, outcome.reason)
            return
        log.warning("replenish.unknown purchase=%s why=%s", mine.id, outcome.why)
        _doubt(gateway, mine)


def _take_up(conn: Session, purchase_id: str, lease_s: float) -> Taken | None:
    account_id = carrying.account_of(conn, purchase_id)
    policy = policies.lock_any(conn, account_id)
    found = carrying.find(conn, purchase_id, lease_s=lease_s)
    if found is None:
        return None
    step, nanos = first_step(found.state), found.amount_nanos
    if step is Step.BUY:
        if policy.is_locked or policies.find(conn, account_id) is None:
            carrying.fail(conn, found.id, FailureReason.WITHDRAWN, asked_at=None)
            return None
        wanted = wanted_nanos(
            conn, account_id, policy, purchase_id=found.id, callers_nanos=found.callers_nanos
        )
        if not wanted:
            cap, gone = FailureReason.MONTHLY_CAP_REACHED, FailureReason.WITHDRAWN
            carrying.fail(conn, found.id, gone if wanted is None else cap, asked_at=None)
            return None
        nanos = wanted
    asked_at, age_s = carrying.take_up(conn, found.id, amount_nanos=nanos)
    return Taken(
        id=found.id,
        account_id=account_id,
        amount_nanos=nanos,
        age_s=age_s,
        step=step,
        has_failed=found.state is PurchaseState.FAILED,
        asked_at=asked_at,
    )


def _once(source: FundingSource, taken: Taken, step: Step) -> Asked:
    """Ask once, or look up, and ask where that shows that nothing was bought."""
    if step is Step.BUY:
        return source.buy(taken.id, taken.account_id, taken.amount_nanos)
    found = source.lookup(taken.id, taken.amount_nanos)
    settled = after_look_up(found, age_s=taken.age_s)
    if settled is not None:
        return settled
    return after_repetition(source.buy(taken.id, taken.account_id, taken.amount_nanos))


def _stamp(gateway: Gateway, taken: Taken) -> datetime | None:
    with transaction(gateway.engine) as conn:
        return carrying.stamp(conn, taken.id, taken.asked_at)


def _doubt(gateway: Gateway, taken: Taken) -> None:
    with transaction(gateway.engine) as conn:
        policies.doubt(conn, taken.account_id)


def _done(gateway: Gateway, taken: Taken) -> None:
    """Credit the lot, then wake whoever waits for it."""

    def write() -> bool:
        with transaction(gateway.engine) as conn:
            policies.lock_any(conn, taken.account_id)
            lot_id = gateway.new_id("lot")
            if not carrying.finish(
                conn,
                taken.id,
                lot_id=lot_id,
                transfer_id=gateway.new_id("tr"),
                expires_s=gateway.settings.lot_expires_s,
            ):
                return False
            policies.succeed(
                conn, taken.account_id, cooldown_s=gateway.settings.replenish_cooldown_s
            )
            _tell(gateway, conn, taken, EventType.BALANCE_REPLENISHED, lot=lot_id)
            return True

    if not again(write):
        log.warning("replenish.ended_already purchase=%s", taken.id)
        return
    log.info("replenish.done purchase=%s account=%s", taken.id, taken.account_id)
    wake_account(gateway, taken.account_id)


def _failed(gateway: Gateway, taken: Taken, reason: FailureReason) -> None:
    def write() -> bool:
        with transaction(gateway.engine) as conn:
            policy = policies.lock_any(conn, taken.account_id)
            if not carrying.fail(conn, taken.id, reason, asked_at=taken.asked_at):
                return False
            setback = rules.setback(policy, reason)
            cooldown_s = gateway.settings.replenish_cooldown_s
            policies.fail(conn, taken.account_id, setback, cooldown_s=cooldown_s)
            # Callers are told to come back for minutes only, whether or not this one counts.
            policies.doubt(conn, taken.account_id)
            if setback.is_newly_locked:
                kind = EventType.REPLENISHMENT_LOCKED
                _tell(gateway, conn, taken, kind, reason=reason.value)
            return True

    if again(write):
        log.warning("replenish.failed purchase=%s reason=%s", taken.id, reason.value)


def _tell(gateway: Gateway, conn: Session, taken: Taken, kind: EventType, **more: str) -> None:
    events.write(
        conn,
        gateway.new_id("evt"),
        account_id=taken.account_id,
        kind=kind,
        data={
            "account": taken.account_id,
            "replenishment": taken.id,
            "amount": format_dollars(taken.amount_nanos),
            **more,
        },
    )

"""Refunds: give back what a job cost, or a part of it, at most once in sum."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.errors import NotFound, OutOfRange, ReferenceReused
from app.domain.money import format_dollars, parse_dollars
from app.domain.usage.receipt import job_id_of
from app.gateway import Gateway
from app.services.operate import references
from app.services.operate.credit import wake
from app.store.engine import Session, again, transaction
from app.store.operating import crediting, refunds
from app.store.operating.crediting import Source, Terms
from app.store.operating.refunds import Paid, Refundable
from app.store.records import audit
from app.store.records.audit import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    """A refund: its lots, what it gives back, and what of the job's cost is left to give.

    It is not new when its reference had given it before.
    """

    lot_ids: tuple[str, ...]
    job_id: str
    nanos: int
    left_nanos: int
    is_new: bool


def refund(
    gateway: Gateway,
    account_id: str,
    identifier: str,
    nanos: int | None,
    *,
    actor: str,
    why: str | None = None,
    reference: str | None = None,
) -> Refunded:
    """Give back what a job cost, all that is left of it unless `nanos` says less.

    The job is named by its id or its request's. What comes back is for the same instrument and
    lasts as long as the lots that paid: one lot for each of their terms. Raises NotFound,
    OutOfRange when there is not so much to give back, and ReferenceReused.
    """
    references.check(reference)
    job_id = job_id_of(identifier) or ""
    amount = None if nanos is None else format_dollars(nanos)
    said = {"reference": reference, "why": why}

    def write() -> Refunded:
        with transaction(gateway.engine) as conn:
            before = references.find(conn, account_id, reference, action="refund", amount=amount)
            found = refunds.lock(conn, account_id, job_id)
            if found is None:
                raise NotFound(f"The account has no job {identifier!r}.", param="job")
            if before is not None:
                return _repeated(before, found, job_id)
            given = _amount(found, job_id, nanos)
            lot_ids = [
                _give(gateway, conn, account_id, refunds.reference(job_id, number), part)
                for number, part in enumerate(found.parts(given), start=found.references + 1)
            ]
            details = {"job": job_id, "amount": format_dollars(given), "lots": lot_ids}
            audit.write(
                conn,
                gateway.new_id("aud"),
                actor=actor,
                action="refund",
                account_id=account_id,
                details=details | {name: text for name, text in said.items() if text},
            )
            return _given(lot_ids, job_id, given, found.left_nanos - given)

    done = again(write)
    wake(gateway, account_id)
    return done


def _repeated(before: Entry, found: Refundable, job_id: str) -> Refunded:
    if before.details["job"] != job_id:
        of = before.details["job"]
        raise ReferenceReused(f"Reference {before.details['reference']!r} was used to refund {of}.")
    nanos = parse_dollars(before.details["amount"])
    done = _given(before.details["lots"], job_id, nanos, found.left_nanos)
    return replace(done, is_new=False)


def _given(lot_ids: Sequence[str], job_id: str, nanos: int, left_nanos: int) -> Refunded:
    return Refunded(
        lot_ids=tuple(lot_ids), job_id=job_id, nanos=nanos, left_nanos=left_nanos, is_new=True
    )


def _give(gateway: Gateway, conn: Session, account_id: str, reference: str, part: Paid) -> str:
    credited = crediting.credit(
        conn,
        lot_id=gateway.new_id("lot"),
        transfer_id=gateway.new_id("tr"),
        account_id=account_id,
        source=Source.REFUND,
        amount_nanos=part.nanos,
        reference=reference,
        terms=Terms(expires=part.expires_at, instrument=part.instrument),
    )
    if not credited.is_new:
        raise ReferenceReused(
            f"Nothing was given back: a {credited.source} of this account has the reference "
            f"{reference!r}."
        )
    return credited.lot_id


def _amount(found: Refundable, job_id: str, nanos: int | None) -> int:
    """Return what to give back."""
    if found.cost_nanos == 0:
        raise OutOfRange(f"{job_id} cost nothing, so there is nothing to give back.", param="job")
    cost, refunded = (f"${format_dollars(n)}" for n in (found.cost_nanos, found.refunded_nanos))
    if found.refunded_nanos == found.cost_nanos:
        raise OutOfRange(f"All that {job_id} cost, {cost}, was given back already.", param="job")
    if not found.left_nanos or (nanos is not None and nanos > found.left_nanos):
        lost = (
            f" What else it cost, ${format_dollars(found.expired_nanos)}, was paid by credit that "
            "has expired since; `busbar grant` gives new one."
        )
        raise OutOfRange(
            f"{job_id} cost {cost}, of which {refunded} was given back: at most "
            f"${format_dollars(found.left_nanos)} is left to give."
            f"{lost if found.expired_nanos else ''}",
            param="amount",
        )
    return found.left_nanos if nanos is None else nanos

"""Refunds: give back what a job cost, or a part of it, at most once in sum."""

from dataclasses import dataclass

from app.domain.errors import NotFound, OutOfRange
from app.domain.money import format_dollars
from app.domain.usage.receipt import job_id_of
from app.gateway import Gateway
from app.services.operate.credit import wake
from app.store.engine import again, transaction
from app.store.operating import crediting, refunds
from app.store.operating.crediting import Source, Terms
from app.store.operating.refunds import Refundable
from app.store.records import audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    """A refund: its lot, what it gives back, and what of the job's cost is left to give."""

    lot_id: str
    job_id: str
    nanos: int
    left_nanos: int


def refund(
    gateway: Gateway,
    account_id: str,
    identifier: str,
    nanos: int | None,
    *,
    actor: str,
    why: str | None = None,
) -> Refunded:
    """Give back what a job cost, all that is left of it unless `nanos` says less.

    The job is named by its id or its request's. Raises NotFound, and OutOfRange when there is
    nothing, or not so much, to give back.
    """
    job_id = job_id_of(identifier) or ""

    def write() -> Refunded:
        with transaction(gateway.engine) as conn:
            found = refunds.lock(conn, account_id, job_id)
            if found is None:
                raise NotFound(f"The account has no job {identifier!r}.", param="job")
            given = _amount(found, job_id, nanos)
            credited = crediting.credit(
                conn,
                lot_id=gateway.new_id("lot"),
                transfer_id=gateway.new_id("tr"),
                account_id=account_id,
                source=Source.REFUND,
                amount_nanos=given,
                reference=refunds.reference(job_id, found.refunds + 1),
                terms=Terms(),
            )
            details = {"lot": credited.lot_id, "job": job_id, "amount": format_dollars(given)}
            audit.write(
                conn,
                gateway.new_id("aud"),
                actor=actor,
                action="refund",
                account_id=account_id,
                details=details | ({"why": why} if why else {}),
            )
            left = found.left_nanos - given
            return Refunded(lot_id=credited.lot_id, job_id=job_id, nanos=given, left_nanos=left)

    done = again(write)
    wake(gateway, account_id)
    return done


def _amount(found: Refundable, job_id: str, nanos: int | None) -> int:
    """Return what to give back."""
    if found.cost_nanos == 0:
        raise OutOfRange(f"{job_id} cost nothing, so there is nothing to give back.", param="job")
    if found.left_nanos == 0:
        cost = format_dollars(found.cost_nanos)
        raise OutOfRange(f"All that {job_id} cost, {cost}, was given back already.", param="job")
    if nanos is not None and nanos > found.left_nanos:
        raise OutOfRange(
            f"{job_id} cost {format_dollars(found.cost_nanos)}, of which "
            f"{format_dollars(found.refunded_nanos)} was given back: at most "
            f"{format_dollars(found.left_nanos)} is left to give.",
            param="amount",
        )
    return found.left_nanos if nanos is None else nanos

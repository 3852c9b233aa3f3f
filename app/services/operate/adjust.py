"""Adjustments: put right what no other action can, upward or downward, always with a reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.domain.errors import InsufficientBalance, NotFound, ReferenceReused
from app.domain.lots import Part
from app.domain.money import format_dollars, parse_dollars
from app.gateway import Gateway
from app.services.operate import references
from app.services.operate.credit import Credit, credit
from app.store.engine import Session, again, transaction
from app.store.operating import taking
from app.store.operating.crediting import Source
from app.store.records import audit
from app.store.records.audit import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """An adjustment: by how much, and the lots it made or drew from.

    It is not new when its reference had made it before.
    """

    nanos: int
    lot_ids: tuple[str, ...]
    is_new: bool


def adjust(
    gateway: Gateway,
    account_id: str,
    nanos: int,
    *,
    actor: str,
    why: str,
    reference: str | None = None,
) -> Adjusted:
    """Credit an account, or take from what its lots of money still have; never what is held.

    What is credited lasts as long as the settings say. Raises InsufficientBalance when it has less
    than is to be taken; nothing is taken then. Raises ReferenceReused when the reference was used
    for something else.
    """
    if nanos > 0:
        wanted = Credit(nanos=nanos, why=why, reference=reference)
        given = credit(gateway, Source.ADJUSTMENT, account_id, wanted, actor=actor)
        return Adjusted(nanos=nanos, lot_ids=(given.lot_id,), is_new=given.is_new)

    def take(conn: Session) -> tuple[Part, ...]:
        taken = taking.take(conn, account_id, -nanos, new_id=gateway.new_id)
        if isinstance(taken, int):
            raise InsufficientBalance(
                f"Only {format_dollars(taken)} dollars can be taken from this account; what is "
                "held for jobs under way, and lots of tokens, are left alone."
            )
        return taken

    amount, said = format_dollars(nanos), {"why": why, "reference": reference}
    return _taken(gateway, account_id, take, said, amount=amount, actor=actor)


def take_back(
    gateway: Gateway,
    account_id: str,
    lot_id: str,
    *,
    actor: str,
    why: str,
    reference: str | None = None,
) -> Adjusted:
    """Take all that is left of one lot, of money or of tokens; never what is held.

    Raises NotFound, InsufficientBalance when nothing is left, and ReferenceReused as `adjust` does.
    """

    def take(conn: Session) -> tuple[Part, ...]:
        if not taking.has_lot(conn, account_id, lot_id):
            raise NotFound(f"The account has no lot {lot_id!r}.", param="lot")
        part = taking.take_lot(conn, account_id, lot_id, transfer_id=gateway.new_id("tr"))
        if part is None:
            raise InsufficientBalance(
                f"Nothing can be taken from {lot_id}: it is used up, has expired, or is held for "
                "jobs under way."
            )
        return (part,)

    said = {"why": why, "reference": reference}
    done = _taken(gateway, account_id, take, said, amount=None, actor=actor)
    if done.lot_ids != (lot_id,):
        raise ReferenceReused(f"Reference {reference!r} was used for another lot.")
    return done


def _taken(
    gateway: Gateway,
    account_id: str,
    take: Callable[[Session], tuple[Part, ...]],
    said: Mapping[str, str | None],
    *,
    amount: str | None,
    actor: str,
) -> Adjusted:
    """Take and write it down with what was said, unless its reference tells it was done before."""
    reference = said["reference"]
    references.check(reference)

    def write() -> Adjusted:
        with transaction(gateway.engine) as conn:
            before = references.find(
                conn, account_id, reference, action=Source.ADJUSTMENT, amount=amount
            )
            if before is not None:
                return _repeated(before)
            parts = take(conn)
            nanos, lot_ids = sum(part.nanos for part in parts), [part.lot_id for part in parts]
            details = {"amount": format_dollars(-nanos), "lots": lot_ids}
            audit.write(
                conn,
                gateway.new_id("aud"),
                actor=actor,
                action=Source.ADJUSTMENT,
                account_id=account_id,
                details=details | {name: text for name, text in said.items() if text},
            )
            return Adjusted(nanos=-nanos, lot_ids=tuple(lot_ids), is_new=True)

    return again(write)


def _repeated(before: Entry) -> Adjusted:
    return Adjusted(
        nanos=-parse_dollars(before.details["amount"].removeprefix("-")),
        lot_ids=tuple(before.details.get("lots", ())),
        is_new=False,
    )

"""Adjustments: put right what no other action can, upward or downward, always with a reason."""

from dataclasses import dataclass

from app.domain.errors import InsufficientBalance
from app.domain.money import format_dollars
from app.gateway import Gateway
from app.services.operate.credit import Credit, credit
from app.store.engine import again, transaction
from app.store.operating import taking
from app.store.operating.crediting import Source
from app.store.records import audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """An adjustment: by how much, and the lots it made or drew from."""

    nanos: int
    lot_ids: tuple[str, ...]


def adjust(gateway: Gateway, account_id: str, nanos: int, *, actor: str, why: str) -> Adjusted:
    """Credit an account, or take from what its lots of money still have; never what is held.

    Raises InsufficientBalance when it has less than is to be taken; nothing is taken then.
    """
    if nanos > 0:
        given = credit(
            gateway,
            Source.ADJUSTMENT,
            account_id,
            Credit(nanos=nanos, why=why, expires=None),
            actor=actor,
        )
        return Adjusted(nanos=nanos, lot_ids=(given.lot_id,))

    def write() -> Adjusted:
        with transaction(gateway.engine) as conn:
            taken = taking.take(conn, account_id, -nanos, new_id=gateway.new_id)
            if isinstance(taken, int):
                raise InsufficientBalance(
                    f"Only {format_dollars(taken)} dollars can be taken from this account; what is "
                    "held for jobs under way, and lots of tokens, are left alone."
                )
            amount, lots = format_dollars(nanos), tuple(part.lot_id for part in taken)
            audit.write(
                conn,
                gateway.new_id("aud"),
                actor=actor,
                action="adjustment",
                account_id=account_id,
                details={"amount": amount, "lots": list(lots), "why": why},
            )
            return Adjusted(nanos=nanos, lot_ids=lots)

    return again(write)

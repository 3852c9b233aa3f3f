"""Hold modes: how much an account's jobs set aside before their calls."""

from app.domain.hold import HoldMode
from app.gateway import Gateway
from app.store import accounts
from app.store.engine import transaction
from app.store.records import audit


def set_hold_mode(gateway: Gateway, account_id: str, mode: HoldMode, *, actor: str) -> None:
    """Choose how the holds of an account are made from now on; those that are open stay."""
    with transaction(gateway.engine) as conn:
        accounts.set_hold_mode(conn, account_id, mode)
        audit.write(
            conn,
            gateway.new_id("aud"),
            actor=actor,
            action="accounts hold-mode",
            account_id=account_id,
            details={"hold_mode": mode.value},
        )

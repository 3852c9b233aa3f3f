"""What operators do about replenishment: set its rules, take them away, unlock it, look."""

from dataclasses import dataclass

from app.domain.errors import NotFound, OutOfRange
from app.domain.money import format_dollars
from app.gateway import Gateway
from app.store.engine import Session, statement, transaction
from app.store.records import audit
from app.store.replenishing import policies, purchases, standings
from app.store.replenishing.policies import Kept
from app.store.replenishing.purchases import Past


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An account's rules, what it bought this month, and its last purchase."""

    kept: Kept
    bought_nanos: int
    latest: Past | None


def set_policy(
    gateway: Gateway,
    account_id: str,
    *,
    threshold_nanos: int,
    amount_nanos: int,
    monthly_cap_nanos: int,
    actor: str,
) -> None:
    """Let an account buy credit by itself. Raises OutOfRange for rules that could never work."""
    if amount_nanos <= 0:
        raise OutOfRange("A replenishment buys more than nothing.", param="amount")
    if monthly_cap_nanos < amount_nanos:
        raise OutOfRange(
            f"A monthly cap of ${format_dollars(monthly_cap_nanos)} does not allow a single"
            f" replenishment of ${format_dollars(amount_nanos)}.",
            param="monthly_cap",
        )
    with transaction(gateway.engine) as conn:
        policies.put(
            conn,
            account_id,
            threshold_nanos=threshold_nanos,
            amount_nanos=amount_nanos,
            monthly_cap_nanos=monthly_cap_nanos,
        )
        _audit(
            gateway,
            conn,
            account_id,
            actor,
            "replenish",
            threshold=format_dollars(threshold_nanos),
            amount=format_dollars(amount_nanos),
            monthly_cap=format_dollars(monthly_cap_nanos),
        )


def remove_policy(gateway: Gateway, account_id: str, *, actor: str) -> None:
    """Let an account buy nothing any more; a purchase under way is still credited.

    Raises NotFound.
    """
    with transaction(gateway.engine) as conn:
        if not policies.remove(conn, account_id):
            raise _none()
        _audit(gateway, conn, account_id, actor, "replenish off")


def unlock_policy(gateway: Gateway, account_id: str, *, actor: str) -> None:
    """Forget the failures of an account's purchases, so that it buys again. Raises NotFound."""
    with transaction(gateway.engine) as conn:
        if not policies.unlock(conn, account_id):
            raise _none()
        _audit(gateway, conn, account_id, actor, "replenish unlock")


def find_policy(gateway: Gateway, account_id: str) -> Standing | None:
    """Return an account's rules and how it stands with them; None without rules."""
    with statement(gateway.engine) as conn:
        kept = policies.find(conn, account_id)
        if kept is None:
            return None
        return Standing(
            kept=kept,
            bought_nanos=standings.bought(conn, account_id),
            latest=purchases.latest(conn, account_id),
        )


def _audit(
    gateway: Gateway, conn: Session, account_id: str, actor: str, action: str, **details: str
) -> None:
    audit.write(
        conn,
        gateway.new_id("aud"),
        actor=actor,
        action=action,
        account_id=account_id,
        details=details,
    )


def _none() -> NotFound:
    return NotFound("This account has no replenishment; `busbar replenish --help` shows how.")

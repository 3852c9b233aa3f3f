"""Ask for a purchase: when an account has to buy, it is written down, once."""

from app.domain.money import format_dollars
from app.domain.replenishing.policy import Policy, amount
from app.domain.replenishing.purchase import FailureReason, PurchaseState
from app.gateway import Gateway
from app.store.engine import Session, again, transaction
from app.store.records import events
from app.store.records.events import EventType
from app.store.replenishing import policies, purchases, standings
from app.store.replenishing.purchases import Past


def ask(gateway: Gateway, account_id: str, *, callers_nanos: int = 0) -> bool:
    """Ask for a purchase if the account must and may buy now; return whether this did.

    `callers_nanos` is what callers need who were just told to come back. The buying itself is the
    leading keeper's. Safe to repeat at any time.
    """

    def write() -> bool:
        with transaction(gateway.engine) as conn:
            kept = policies.find(conn, account_id, lock=True)
            return kept is not None and _ask(
                gateway, conn, account_id, kept.policy, callers_nanos=callers_nanos
            )

    return again(write)


def wanted_nanos(
    conn: Session, account_id: str, policy: Policy, *, purchase_id: str, callers_nanos: int
) -> int | None:
    """Return what to buy now: for the callers, for all that waits, within the month's cap.

    None when nothing has to be bought: holds that will be given back are no reason to.
    """
    wants = standings.wanting(conn, account_id)
    will_do = wants.settled_nanos >= max(policy.threshold_nanos, wants.dearest_nanos)
    if will_do and callers_nanos <= wants.available_nanos:
        return None
    lacking = max(0, callers_nanos + wants.waiting_nanos - wants.available_nanos)
    bought = standings.bought(conn, account_id, besides=purchase_id)
    return amount(policy, lacking_nanos=lacking, bought_nanos=bought)


def _ask(
    gateway: Gateway, conn: Session, account_id: str, policy: Policy, *, callers_nanos: int
) -> bool:
    under_way = purchases.under_way(conn, account_id)
    if under_way is not None:
        if callers_nanos and under_way.state is PurchaseState.REQUESTED:
            purchases.join(conn, under_way.id, callers_nanos=callers_nanos)
        return False
    if policy.is_locked or policy.cooling_s > 0:
        return False
    latest = purchases.latest(conn, account_id)
    if _knows_of_cap(latest) and _is_spent(conn, account_id, policy):
        return False
    purchase_id = gateway.new_id("rpl")
    nanos = wanted_nanos(
        conn, account_id, policy, purchase_id=purchase_id, callers_nanos=callers_nanos
    )
    if nanos is None:
        return False
    if nanos == 0:
        purchases.refuse(conn, purchase_id, account_id, amount_nanos=policy.amount_nanos)
    else:
        standings.start_anew(conn, account_id)
    is_asked = nanos > 0 and purchases.request(
        conn, purchase_id, account_id, amount_nanos=nanos, callers_nanos=callers_nanos
    )
    if _is_new_occasion(latest):
        _tell(gateway, conn, account_id, policy)
    return is_asked


def _is_spent(conn: Session, account_id: str, policy: Policy) -> bool:
    """True when the month has nothing left, so that nobody need count what waits."""
    bought = standings.bought(conn, account_id)
    return not amount(policy, lacking_nanos=0, bought_nanos=bought)


def _is_new_occasion(latest: Past | None) -> bool:
    """True unless the last purchase failed: then the balance has been low ever since."""
    if latest is None or latest.state is not PurchaseState.FAILED:
        return True
    return latest.reason == FailureReason.WITHDRAWN


def _knows_of_cap(latest: Past | None) -> bool:
    cap = FailureReason.MONTHLY_CAP_REACHED
    return latest is not None and latest.reason == cap and latest.is_this_month


def _tell(gateway: Gateway, conn: Session, account_id: str, policy: Policy) -> None:
    """Write that the balance is low: once until it has been replenished."""
    balance_nanos = standings.wanting(conn, account_id).settled_nanos
    events.write(
        conn,
        gateway.new_id("evt"),
        account_id=account_id,
        kind=EventType.BALANCE_LOW,
        data={
            "account": account_id,
            "balance": format_dollars(balance_nanos),
            "threshold": format_dollars(policy.threshold_nanos),
        },
    )

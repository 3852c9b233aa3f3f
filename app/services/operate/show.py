"""An account as operators look at it: balance, caps, what is held, how it replenishes itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.limits.cap import Window
from app.gateway import Gateway
from app.services import read
from app.services.read import Balance
from app.store.engine import statement
from app.store.operating import caps, overview
from app.store.operating.overview import OpenHolds
from app.store.replenishing import policies
from app.store.replenishing.policies import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All there is to see of an account's money; `policy` is None where it never buys by itself."""

    balance: Balance
    holds: OpenHolds
    caps: Sequence[Window]
    policy: Kept | None


def show(gateway: Gateway, account_id: str) -> Shown:
    """Return all there is to see of an account's money."""
    balance = read.balance(gateway, account_id)
    with statement(gateway.engine) as conn:
        return Shown(
            balance=balance,
            holds=overview.open_holds(conn, account_id),
            caps=caps.windows(conn, account_id),
            policy=policies.find(conn, account_id),
        )

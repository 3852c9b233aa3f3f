"""An account as operators look at it: balance, caps, what is held, how it replenishes itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.limits.cap import Window
from app.gateway import Gateway
from app.services import read
from app.services.read import Balance
from app.services.replenish.policy import Standing, find_policy
from app.store.engine import statement
from app.store.operating import caps, overview
from app.store.operating.overview import OpenHolds


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All there is to see of an account's money; without `standing` it never buys by itself."""

    balance: Balance
    holds: OpenHolds
    caps: Sequence[Window]
    standing: Standing | None


def show(gateway: Gateway, account_id: str) -> Shown:
    """Return all there is to see of an account's money."""
    with statement(gateway.engine) as conn:
        holds, capped = overview.open_holds(conn, account_id), caps.windows(conn, account_id)
    return Shown(
        balance=read.balance(gateway, account_id),
        holds=holds,
        caps=capped,
        standing=find_policy(gateway, account_id),
    )

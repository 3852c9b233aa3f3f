"""What a job that the balance does not cover may hope for; asked on the way to its refusal."""

import logging
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import (
    BalanceReplenishing,
    BusbarError,
    HoldsExhausted,
    InsufficientBalance,
)
from app.domain.money import format_dollars
from app.domain.pricing import Price, Usage, cost
from app.domain.replenishing import outlook as rules
from app.domain.replenishing.outlook import Hindrance, Outlook, Prospect, Standing
from app.gateway import Gateway
from app.services.replenish.ask import ask
from app.store.engine import Session
from app.store.replenishing import standings

log = logging.getLogger("busbar.replenish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a job without balance ends: its error, the status, and when to come back, if at all."""

    error: BusbarError
    status_code: int
    retry_after_s: float = 0.0


class Outlooks:
    """The outlooks of one group of jobs: each account is looked at once.

    Made for one transaction: `tell` or `wait` is called for each refused job in it, and `ask` once
    it has committed.
    """

    def __init__(self, gateway: Gateway, conn: Session) -> None:
        self._gateway = gateway
        self._conn = conn
        self._standings: dict[tuple[str, str], Standing] = {}
        self._callers: dict[str, int] = {}

    def tell(
        self, account_id: str, instrument: str, *, bound: Usage, price: Price, available_nanos: int
    ) -> Verdict:
        """Return how a caller's job ends that may come to more than is available."""
        standing = self._standing(account_id, instrument)
        jitter = self._gateway.entropy(1)[0] / 256
        found = rules.outlook(standing, bound, price, jitter=jitter)
        if found.prospect is Prospect.REPLENISHING:
            needed_nanos = standing.in_money(bound, price)
            self._callers[account_id] = self._callers.get(account_id, 0) + needed_nanos
        return _verdict(found, standing, cost(bound, price), available_nanos)

    def wait(self, account_id: str) -> None:
        """Note a job that waits for its balance."""
        self._callers.setdefault(account_id, 0)

    def ask(self) -> None:
        """Ask for the purchases that these jobs lack. The keeper would find most of them itself."""
        if not self._gateway.settings.funding_url:
            return
        for account_id, callers_nanos in self._callers.items():
            try:
                ask(self._gateway, account_id, callers_nanos=callers_nanos)
            except SQLAlchemyError as error:
                # What was started must go on; the next caller asks again, and so does the keeper.
                log.warning("replenish.asks_later error=%s", type(error).__name__)

    def _standing(self, account_id: str, instrument: str) -> Standing:
        known = self._standings.get((account_id, instrument))
        if known is None:
            has_source = bool(self._gateway.settings.funding_url)
            known = standings.of(self._conn, account_id, instrument, has_source=has_source)
            self._standings[account_id, instrument] = known
        return known


def _verdict(
    found: Outlook, standing: Standing, needed_nanos: int, available_nanos: int
) -> Verdict:
    needed, available = format_dollars(needed_nanos), format_dollars(available_nanos)
    told = f"This job may cost up to ${needed}, and the balance has ${available} available for it"
    wait_s = found.retry_after_s or 0.0
    if found.prospect is Prospect.REPLENISHING:
        soon = f"{told}; the balance is being replenished, so send the request again."
        return Verdict(error=BalanceReplenishing(soon), status_code=503, retry_after_s=wait_s)
    if found.prospect is Prospect.HOLDS:
        held = format_dollars(max(0, standing.worth_nanos - available_nanos))
        soon = f"{told}; other calls hold ${held} until they end, so send the request again."
        return Verdict(error=HoldsExhausted(soon), status_code=503, retry_after_s=wait_s)
    remedy = _REMEDIES.get(found.hindrance, "deposit funds, then send it again")
    return Verdict(error=InsufficientBalance(f"{told}; {remedy}."), status_code=402)


_REMEDIES: Final[dict[Hindrance | None, str]] = {
    Hindrance.LOCKED: "its replenishment is locked after failed purchases: mend what made them"
    " fail and unlock it, or deposit funds, then send it again",
    Hindrance.COOLING: "its replenishment may not buy again for minutes; deposit funds, then send"
    " it again",
    Hindrance.FAILING: "its replenishment has been failing for minutes; deposit funds, then send"
    " it again",
    Hindrance.CAP: "its replenishment may not buy so much more this month: raise the monthly cap or"
    " deposit funds, then send it again",
}

"""Amounts the tests buy, and how they look at and wait for purchases."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.money import NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services.replenish.buyer import Buyer, open_buyer
from tests.services.book import change, look
from tests.simulator.funding.running import FundingServer
from tests.simulator.running import eventually

THRESHOLD, AMOUNT, CAP = (dollars * NANOS_PER_DOLLAR for dollars in (5, 20, 200))
SOON_S = 20.0


def purchases(gateway: Gateway) -> list[tuple[str, str | None, int]]:
    """Return state, reason and dollars of each purchase, oldest first."""
    rows = look(gateway, "SELECT * FROM replenishments ORDER BY created_at, id")
    return [(row.state, row.reason, row.amount_nanos // NANOS_PER_DOLLAR) for row in rows]


def happened(gateway: Gateway) -> list[str]:
    """Return the events, oldest first."""
    return [row.type for row in look(gateway, "SELECT type FROM events ORDER BY created_at, id")]


def settled(gateway: Gateway) -> bool:
    """True when no purchase is under way."""
    return not look(gateway, "SELECT 1 FROM replenishments WHERE state IN ('requested', 'buying')")


def buy(gateway: Gateway) -> None:
    """Let one buyer tend once, and wait until what it took up has ended."""
    buyer = open_buyer(gateway)
    buyer.tend()
    assert eventually(lambda: settled(gateway), within_s=SOON_S)
    buyer.close()


def cool(gateway: Gateway) -> None:
    """Let the cooldowns be over."""
    change(gateway, "UPDATE replenish_policies SET not_before = now() - interval '1 s'")


def forsake(gateway: Gateway) -> None:
    """Let whoever asked last be silent for so long that another one may ask."""
    change(gateway, "UPDATE replenishments SET asked_at = asked_at - interval '1 hour'")


def grow_old(gateway: Gateway, age: str) -> None:
    """Let purchases have been asked for, for the first time and the last, so much longer ago."""
    change(
        gateway,
        "UPDATE replenishments SET first_asked_at = first_asked_at - CAST(:age AS interval),"
        " asked_at = asked_at - CAST(:age AS interval)",
        age=age,
    )


def ask_in_vain(gateway: Gateway, server: FundingServer) -> None:
    """Let one buyer ask the source once, and end before it learns what came of that."""
    before = server.truth()["asked"]
    buyer = open_buyer(gateway)
    buyer.tend()
    assert eventually(lambda: server.truth()["asked"] > before, within_s=SOON_S)
    buyer.close()


@contextmanager
def tended(*buyers: Buyer, every_s: float = 0.05) -> Iterator[None]:
    """Tend buyers as leading keepers do, until the block ends."""
    over = threading.Event()

    def tend() -> None:
        while not over.is_set():
            for buyer in buyers:
                buyer.tend()
            time.sleep(every_s)

    thread = threading.Thread(target=tend, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for buyer in buyers:
            buyer.close()

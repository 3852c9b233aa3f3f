"""Calibrate holds: now and then look how many tokens the last prompts of an instrument had."""

from datetime import timedelta
from typing import Final

from app.gateway import Gateway
from app.services.keeping.rounds import rounds
from app.store.engine import statement
from app.store.keeping import calibrating

EVERY: Final = timedelta(hours=1)


def calibrate(gateway: Gateway) -> int:
    """Work out the ratios of all instruments, once in EVERY; return 0: no job is moved."""
    standing, now = rounds(gateway), gateway.now()
    if standing.calibrated_at is None or now - standing.calibrated_at >= EVERY:
        standing.calibrated_at = now
        with statement(gateway.engine) as conn:
            calibrating.calibrate(conn)
    return 0

"""The keeper: the loop beside the calls. Every worker's beats; one of them leads and sweeps."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.domain.job import Lane
from app.gateway import Gateway
from app.services.keeping import lease
from app.services.keeping.dispatch import dispatch
from app.services.keeping.lead import Leadership
from app.services.keeping.sweep import purge, sweep
from workers.engine import Engine
from workers.intake import Intake
from workers.slots import Slots

BEATS_PER_LEASE: Final = 3
CANCEL_LOOK_S: Final = 1.0
SWEEP_S: Final = 1.0
PURGE_S: Final = 60.0
BUSY_TICK_S: Final = 0.05
IDLE_TICK_S: Final = 0.2

log = logging.getLogger("busbar.keeper")


class Keeper:
    """One per worker process, with a thread of its own. Nothing in it blocks for long."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        worker_id: str,
        held: Callable[[], Sequence[tuple[str, int]]],
        engine: Engine,
        intake: Intake,
        slots: Slots,
        heartbeat_file: Path | None,
    ) -> None:
        self._gateway = gateway
        self._worker_id = worker_id
        self._held = held
        self._engine = engine
        self._intake = intake
        self._slots = slots
        self._heartbeat_file = heartbeat_file
        self._leadership = Leadership(gateway)
        self._stopping = threading.Event()
        self._draining = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def open(self) -> None:
        """Start the thread."""
        self._thread.start()

    def drain(self) -> None:
        """Stop leading and claiming; go on beating for what is in flight."""
        self._draining.set()

    def close(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        beat = _Every(self._gateway.settings.lease_s / BEATS_PER_LEASE)
        look, lead, tidy = _Every(CANCEL_LOOK_S), _Every(SWEEP_S), _Every(PURGE_S)
        tick_s = IDLE_TICK_S
        while not self._stopping.wait(tick_s):
            moved = 0
            try:
                if beat.due():
                    self._beat()
                if look.due():
                    self._engine.cancel(lease.to_cancel(self._gateway, self._worker_id))
                    moved += self._claim_without_redis()
                    self._touch()
                moved += self._lead(lead, tidy)
            except SQLAlchemyError as error:
                log.warning("keeper.waits error=%s", type(error).__name__)
                self._leadership.give_up()
                tick_s = IDLE_TICK_S
                continue
            tick_s = BUSY_TICK_S if moved else min(IDLE_TICK_S, tick_s * 2)
        self._leadership.give_up()

    def _beat(self) -> None:
        lost = lease.extend(self._gateway, self._held())
        if lost:
            log.warning("keeper.lost_leases jobs=%d", len(lost))
            self._engine.drop(sorted(lost))

    def _lead(self, lead: "_Every", tidy: "_Every") -> int:
        if self._draining.is_set():
            self._leadership.give_up()
            return 0
        due = lead.due()
        if not (self._leading if not due else self._check_lead()):
            return 0
        if due:
            sweep(self._gateway)
        if tidy.due():
            purge(self._gateway)
        return dispatch(self._gateway)

    def _check_lead(self) -> bool:
        self._leading = self._leadership.held()
        return self._leading

    _leading = False

    def _claim_without_redis(self) -> int:
        """While Redis is away, take due jobs straight from Postgres, as many as there are slots."""
        if self._draining.is_set() or self._gateway.broker.depth(Lane.INTERACTIVE) is not None:
            return 0
        taken = 0
        for lane in Lane:
            job_ids = lease.due(self._gateway, lane, self._slots.free)
            if job_ids:
                self._intake.offer(lane, job_ids)
                taken += len(job_ids)
        return taken

    def _touch(self) -> None:
        """Show progress to whoever supervises this process."""
        if self._heartbeat_file is not None:
            self._heartbeat_file.touch()


class _Every:
    """True once per period, on the monotonic clock."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._next = time.monotonic()

    def due(self) -> bool:
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self._period_s
        return True

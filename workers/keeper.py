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
from app.services.keeping.closing import Closer
from app.services.keeping.dispatch import dispatch
from app.services.keeping.lead import BEATS_PER_LEASE, Leadership
from app.services.keeping.reconcile import Reconciler
from app.services.keeping.sweep import sweep
from app.services.replenish.buyer import open_buyer
from workers.engine import Engine
from workers.intake import Intake
from workers.slots import Slots

LOOK_S: Final = 1.0
SWEEP_S: Final = 1.0
TOUCH_S: Final = 1.0
BUSY_TICK_S: Final = 0.05
IDLE_TICK_S: Final = 0.2
STUMBLE_TICK_S: Final = 1.0
"""The longest pause after turns that failed one after the other."""
FOLDER_MODE: Final = 0o700

log = logging.getLogger("busbar.keeper")


class Keeper:
    """One per worker process, with a thread of its own. Nothing in it blocks for long."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        worker_id: str,
        lanes: Sequence[Lane],
        held: Callable[[], Sequence[tuple[str, int]]],
        engine: Engine,
        intake: Intake,
        slots: Slots,
        heartbeat_file: Path | None,
    ) -> None:
        self._gateway = gateway
        self._worker_id = worker_id
        self._lanes = lanes
        self._held = held
        self._engine = engine
        self._intake = intake
        self._slots = slots
        self._heartbeat = _Heartbeat(heartbeat_file)
        self._leadership = Leadership(gateway)
        self._leads = False
        self._buyer = open_buyer(gateway)
        self._closer, self._reconciler = Closer(gateway), Reconciler(gateway)
        self._beat = _Every(gateway.settings.lease_s / BEATS_PER_LEASE)
        self._look, self._sweep = _Every(LOOK_S), _Every(SWEEP_S)
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
        self._buyer.close()
        self._reconciler.close()

    def _run(self) -> None:
        tick_s = IDLE_TICK_S
        while not self._stopping.wait(tick_s):
            try:
                moved = self._turn()
                tick_s = BUSY_TICK_S if moved else min(IDLE_TICK_S, tick_s * 2)
            except SQLAlchemyError as error:
                log.warning("keeper.waits error=%s", type(error).__name__)
                tick_s = self._stumble(tick_s)
            except Exception:  # without the keeper leases lapse, and a dead leader would still lead
                log.exception("keeper.stumbled")
                tick_s = self._stumble(tick_s)
        self._give_up_lead()

    def _stumble(self, tick_s: float) -> float:
        """Let another one lead; return how long to pause. What was due still is."""
        self._give_up_lead()
        return min(STUMBLE_TICK_S, max(IDLE_TICK_S, tick_s * 2))

    def _give_up_lead(self) -> None:
        self._leads = False
        try:
            self._leadership.give_up()
        except Exception:  # the lock is gone with its connection; a keeper must not go with it
            log.exception("keeper.stumbled")

    def _turn(self) -> int:
        """Do what is due; return how many jobs were moved."""
        moved = 0
        self._heartbeat.show()
        if self._beat.due():
            self._extend()
            self._beat.done()
            self._heartbeat.show()
        if self._look.due():
            cancelled, left = lease.unwanted(self._gateway, self._worker_id)
            self._engine.cancel(cancelled)
            self._engine.leave(left)
            moved += self._claim_without_redis()
            self._look.done()
            self._heartbeat.show()
        return moved + self._lead()

    def _extend(self) -> None:
        gone = lease.extend(self._gateway, self._held())
        # What was settled since the look at what is held is gone too, but its call is over.
        lost = gone.intersection(job_id for job_id, _ in self._engine.in_flight()) if gone else gone
        if lost:
            log.warning("keeper.lost_leases jobs=%d", len(lost))
            self._engine.drop(sorted(lost))

    def _claim_without_redis(self) -> int:
        """While Redis is away, take due jobs straight from Postgres, as many as there are slots."""
        if self._draining.is_set() or self._gateway.broker.depth(Lane.INTERACTIVE) is not None:
            return 0
        taken = 0
        for lane in self._lanes:
            job_ids = lease.due(self._gateway, lane, self._slots.free)
            taken += self._intake.fetch(lane, job_ids)
        return taken

    def _lead(self) -> int:
        if self._draining.is_set():
            self._give_up_lead()
            return 0
        if self._sweep.due():
            self._leads = self._leadership.held()
            if self._leads:
                sweep(self._gateway)
                self._buyer.tend()
                self._keep_book()
                self._heartbeat.show()
            self._sweep.done()
        return dispatch(self._gateway) if self._leads else 0

    def _keep_book(self) -> None:
        """Close days and check the book; neither may keep jobs from going on."""
        try:
            self._closer.tick()
            self._reconciler.tick()
        except SQLAlchemyError as error:
            log.warning("keeper.book_waits error=%s", type(error).__name__)
        except Exception:
            log.exception("keeper.book_waits")


class _Every:
    """Due once per period, on the monotonic clock, until it was done."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._next = time.monotonic()

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def done(self) -> None:
        self._next = time.monotonic() + self._period_s


class _Heartbeat:
    """A file that is touched to show progress to whoever supervises this process."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._is_told = False
        self._every = _Every(TOUCH_S)

    def show(self) -> None:
        """Touch the file, if it is time to."""
        if self._file is None or not self._every.due():
            return
        self._every.done()
        try:
            self._file.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
            self._file.touch()
        except OSError as error:
            if not self._is_told:
                log.warning("keeper.no_heartbeat file=%s error=%s", self._file, error.strerror)
            self._is_told = True
        else:
            self._is_told = False

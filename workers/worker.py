"""One worker process, put together: intake, engine, settler and keeper around one gateway."""

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.broker import QUEUES
from app.domain.job import Lane
from app.gateway import Gateway
from app.services.settle import Finished
from app.services.start import Started
from app.settings import host_name
from workers.engine import Engine
from workers.intake import Intake
from workers.keeper import Keeper
from workers.settler import Settler
from workers.slots import Slots

SETTLE_S: Final = 3.0
"""How long Postgres may be away for answers that came at the very end of a worker's grace."""

log = logging.getLogger("busbar.worker")


class Worker:
    """What a Celery worker of ours carries: jobs from their start to their settlement."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        queues: Sequence[str] = QUEUES,
        heartbeat_file: Path | None = None,
    ) -> None:
        settings = gateway.settings
        lanes = tuple(lane for lane in Lane if lane in queues)
        self.id = f"{host_name()}:{os.getpid()}:{gateway.new_id('worker')}"
        self._gateway = gateway
        self._held: dict[tuple[str, int], Started] = {}
        # A share is kept free for interactive calls where there may be any.
        share = settings.interactive_share if Lane.INTERACTIVE in lanes else 0.0
        batch_max = max(1, int(settings.slots * (1 - share)))
        self._slots = Slots(settings.slots, batch_max=batch_max)
        self._settler = Settler(gateway, self._settled)
        self._engine = Engine(gateway, self._settler.put)
        self._intake = Intake(gateway, self._slots, self._launch, worker_id=self.id)
        self._keeper = Keeper(
            gateway,
            worker_id=self.id,
            lanes=lanes,
            held=lambda: list(self._held),
            engine=self._engine,
            intake=self._intake,
            slots=self._slots,
            heartbeat_file=heartbeat_file,
        )

    def open(self) -> None:
        """Start the threads."""
        self._engine.open()
        self._settler.open()
        self._intake.open()
        self._keeper.open()

    def offer(self, lane: Lane, job_ids: Sequence[str]) -> None:
        """Take a message: start its jobs as slots come free."""
        self._intake.offer(lane, job_ids)

    def stop_claiming(self) -> None:
        """Take nothing new. What is in flight goes on."""
        self._keeper.drain()
        self._intake.close()

    def drain(self) -> None:
        """Finish what is in flight within the grace, give the rest back, settle, and close."""
        ends = time.monotonic() + self._gateway.settings.drain_s
        self.stop_claiming()
        given_back = self._engine.drain(self._gateway.settings.drain_s)
        self._settler.close(grace_s=max(SETTLE_S, ends - time.monotonic()))
        self._keeper.close()
        self._engine.close()
        self._gateway.close()
        log.info("worker.drained given_back=%d", given_back)

    def _launch(self, jobs: Sequence[Started]) -> None:
        for job in jobs:
            self._held[job.id, job.attempt] = job
        self._engine.launch(jobs)

    def _settled(self, finished: Sequence[Finished]) -> None:
        for each in finished:
            self._held.pop((each.job.id, each.job.attempt), None)
            self._slots.give(each.job.lane, 1)

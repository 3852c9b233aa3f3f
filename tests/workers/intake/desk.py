"""An intake for the tests, and what they hand it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import text

from app.domain.job import Lane
from app.gateway import Gateway
from app.services.start import Started
from tests.factories import Customer, make_draft, submit
from workers.intake import Intake
from workers.slots import Slots

Open = Callable[..., Gateway]
DeskOf = Callable[..., "Desk"]
WORKER = "tests:1:worker_1"


class Desk:
    """An open intake with its slots, and what it has handed on."""

    def __init__(self, gateway: Gateway, slots: int) -> None:
        self.slots = Slots(slots, batch_max=slots)
        self.launched: list[str] = []
        self.refuses: set[str] = set()
        self.intake = Intake(gateway, self.slots, self._launch, worker_id=WORKER)
        self.intake.open()

    def offer(self, *job_ids: str, lane: Lane = Lane.INTERACTIVE) -> None:
        """Bring a message."""
        self.intake.offer(lane, job_ids)

    def _launch(self, jobs: Sequence[Started]) -> None:
        if any(job.id in self.refuses for job in jobs):
            raise RuntimeError("not this one")
        self.launched += [job.id for job in jobs]


def has_launched(desk: Desk, count: int) -> bool:
    """Say whether exactly so many jobs were handed on."""
    return len(desk.launched) == count


def submitted(
    gateway: Gateway, customer: Customer, count: int, *, lane: Lane = Lane.INTERACTIVE
) -> list[str]:
    """Submit jobs and return their ids, oldest first."""
    new = [make_draft(gateway, customer, lane=lane) for _ in range(count)]
    return sorted(submit(gateway, customer, new).job_ids)


@contextmanager
def stuck(blocker: Gateway) -> Iterator[None]:
    """Let every start wait for its table."""
    with blocker.engine.begin() as conn:
        conn.execute(text("LOCK TABLE jobs IN EXCLUSIVE MODE"))
        yield

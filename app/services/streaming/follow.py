"""Follow a job's answer while it is made: frames as they come, and how it ended.

The frames come from Redis, the truth from the row. What Redis has lost is made up from the row's
answer where nothing was sent yet, and told as an interruption where something was.
"""

import json
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.domain.dialect import OF_ENDPOINT
from app.domain.errors import NotFound, StreamInterrupted
from app.domain.job import Job, JobState
from app.gateway import Gateway
from app.services.outage import as_unavailable
from app.streams.reading import Entry
from app.translate import events
from app.wire import sse

HEARTBEAT_S: Final = 10.0
"""Silence after which a stream says that it is alive; the vendors' clients want it within 15 s."""

LOOK_S: Final = 2.0
LOOK_MAX_S: Final = 15.0
"""How long to rely on the wake-up before the row is looked at: at first, and at most."""


class EndedOtherwise(Exception):
    """The job is final and there is no answer; `job` says why."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(job.id)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A frame and its place in the stream, from 1."""

    number: int
    frame: bytes


class Following:
    """One client's way along one stream; made before the job is submitted, so nothing is missed.

    `after` frames are known to the client already. `with_usage` matters for an answer that was not
    made as a stream: whether its usage is a chunk of its own.
    """

    def __init__(
        self,
        gateway: Gateway,
        read: Callable[[str, str], Job],
        job_id: str,
        *,
        after: int = 0,
        with_usage: bool = False,
    ) -> None:
        self.job_id = job_id
        self._gateway = gateway
        self._read = read
        self._with_usage = with_usage
        self._after = self._sent = after
        self._attempt: int | None = None
        self._gap = False
        self._complete = False
        self._looks = 0
        self._follower = gateway.streams.follow(job_id)
        gateway.wakeups.watch(job_id, self._follower.ring)

    def frames(self, account_id: str) -> Iterator[Numbered | None]:
        """Yield frames as they come, and None where the silence wants a sign of life.

        Ends when the whole answer was sent and its job has succeeded. Raises EndedOtherwise when
        it has not, StreamInterrupted when the rest of a begun answer is lost, and NotFound when
        the account has no such job or the frames after `after` are not kept any more.
        """
        beat_at = time.monotonic() + HEARTBEAT_S
        look_at = time.monotonic() + self._pause_s()
        while True:
            try:
                entry = self._follower.next(min(beat_at, look_at) - time.monotonic())
                rung = entry is None
            except queue.Empty:
                entry, rung = None, False
            if entry is not None:
                for each in self._fresh(entry):
                    yield each
                    beat_at = time.monotonic() + HEARTBEAT_S
            if time.monotonic() >= beat_at:
                yield None
                beat_at = time.monotonic() + HEARTBEAT_S
            if rung or time.monotonic() >= look_at:
                job = self._look(account_id)
                if job is not None and job.is_final:
                    yield from self._rest(job)
                    return
                look_at = time.monotonic() + self._pause_s()

    def look_now(self) -> None:
        """Look at the row at once: the job may have been there before this began."""
        self._follower.ring()

    def close(self) -> None:
        """Stop following; harmless when it is done already."""
        self._gateway.wakeups.forget(self.job_id, self._follower.ring)
        self._follower.close()

    def _fresh(self, entry: Entry) -> Iterator[Numbered]:
        """Yield the frame of an entry if it is the next one of the attempt that is followed."""
        if self._attempt is not None and entry.attempt > self._attempt and self._sent:
            raise StreamInterrupted
        self._attempt = entry.attempt
        if entry.number <= self._sent or self._gap:
            return
        if entry.number > self._sent + 1:
            if self._sent:
                raise StreamInterrupted
            self._gap = True
        elif entry.frame is None:
            self._complete = True
        else:
            self._sent = entry.number
            yield Numbered(entry.number, entry.frame)

    def _look(self, account_id: str) -> Job | None:
        """Read the row, or return None while the database is away."""
        self._gateway.wakeups.forget(self.job_id, self._follower.ring)
        self._gateway.wakeups.watch(self.job_id, self._follower.ring)
        try:
            return self._read(account_id, self.job_id)
        except SQLAlchemyError as error:
            if as_unavailable(error) is None:
                raise
            return None

    def _rest(self, job: Job) -> Iterator[Numbered]:
        """Yield what is left of a final job's answer."""
        if job.state is not JobState.SUCCEEDED:
            raise EndedOtherwise(job)
        if not self._complete:
            for entry in self._gateway.streams.read(job.id):
                yield from self._fresh(entry)
        if self._complete:
            return
        if self._sent == 0:
            for number, frame in enumerate(_cut(job, with_usage=self._with_usage), start=1):
                yield Numbered(number, frame)
        elif self._sent == self._after:
            message = f"The frames after {self._after} are not kept any more: GET /v1/jobs/{job.id}"
            raise NotFound(message, param="starting_after")
        else:
            raise StreamInterrupted

    def _pause_s(self) -> float:
        pause_s = min(LOOK_S * 1.5**self._looks, LOOK_MAX_S)
        self._looks += 1
        return pause_s


def _cut(job: Job, *, with_usage: bool) -> list[bytes]:
    """Cut a whole answer into the frames it would have come in. Raises NotFound when it is gone."""
    if job.response is None:
        raise NotFound(f"The answer of {job.id} is not kept any more.", param="id")
    dialect = OF_ENDPOINT[job.endpoint]
    cut = events(json.loads(job.response), dialect, include_usage=with_usage)
    return [sse.frame(event, dialect) for event in cut]

"""Follow a job's answer while it is made: frames as they come, and how it ended.

The frames come from Redis, the truth from the row. What Redis has lost is made up from the row's
answer where nothing was sent yet, and told as an interruption where something was.
"""

import math
import queue
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import StreamInterrupted
from app.domain.job import Job, JobState
from app.gateway import Gateway
from app.services.outage import as_unavailable
from app.services.streaming.replay import BEGINNING, Numbered, Place, not_kept, replay
from app.streams.reading import Entry

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


class Following:
    """One client's way along one stream; made before the job is submitted, so nothing is missed.

    The client knows what is before `after`. `with_usage` matters for an answer that was not made
    as a stream: whether its usage is a chunk of its own.
    """

    def __init__(
        self,
        gateway: Gateway,
        read: Callable[[str, str], Job],
        job_id: str,
        *,
        after: Place = BEGINNING,
        with_usage: bool = False,
    ) -> None:
        self.job_id = job_id
        self._gateway = gateway
        self._read = read
        self._with_usage = with_usage
        self._after = after
        self._sent = after.number
        self._attempt: int | None = None
        self._gap = False
        self._complete = False
        self._looks = 0
        self._is_looking = self._owes_look = False
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
                arrived = self._follower.next(min(beat_at, look_at) - time.monotonic())
                rung = arrived is None
            except queue.Empty:
                arrived, rung = None, False
            if isinstance(arrived, Entry):
                for each in self._fresh(arrived):
                    yield each
                    beat_at = time.monotonic() + HEARTBEAT_S
            elif arrived is not None:
                job = self._seen(arrived)
                if job is not None and job.is_final:
                    yield from self._rest(job)
                    return
                look_at = time.monotonic() + self._pause_s()
            if time.monotonic() >= beat_at:
                yield None
                beat_at = time.monotonic() + HEARTBEAT_S
            if rung or self._owes_look or time.monotonic() >= look_at:
                self._look(account_id)
                look_at = math.inf

    def look_now(self) -> None:
        """Look at the row at once: the job may have been there before this began."""
        self._follower.ring()

    def close(self) -> None:
        """Stop following; harmless when it is done already."""
        self._gateway.wakeups.forget(self.job_id, self._follower.ring)
        self._follower.close()

    def _fresh(self, entry: Entry) -> Iterator[Numbered]:
        """Yield the frame of an entry if it is the next one of the attempt that is followed."""
        if self._after.cut is not None or entry.attempt < (self._attempt or 0):
            return
        if self._attempt is not None and entry.attempt > self._attempt and self._sent:
            raise self._lost()
        self._attempt = entry.attempt
        if entry.number <= self._sent or self._gap:
            return
        if entry.number > self._sent + 1:
            if self._sent:
                raise self._lost()
            self._gap = True
        elif entry.frame is None:
            self._complete = True
        else:
            self._sent = entry.number
            yield Numbered(Place(entry.number), entry.frame)

    def _look(self, account_id: str) -> None:
        """Have the row read, but elsewhere: a database that hangs must hold no frame back.

        One look at a time; who is rung for during one looks again after it.
        """
        self._owes_look = self._is_looking
        if self._is_looking:
            return
        self._is_looking = True
        self._gateway.wakeups.forget(self.job_id, self._follower.ring)
        self._gateway.wakeups.watch(self.job_id, self._follower.ring)
        self._follower.ask(partial(self._read, account_id, self.job_id))

    def _seen(self, look: Future[Any]) -> Job | None:
        """Return the row that was read, or None while the database is away."""
        self._is_looking = False
        try:
            job: Job = look.result()
        except SQLAlchemyError as error:
            if as_unavailable(error) is None:
                raise
            return None
        return job

    def _rest(self, job: Job) -> Iterator[Numbered]:
        """Yield what is left of a final job's answer."""
        if job.state is not JobState.SUCCEEDED:
            raise EndedOtherwise(job)
        if not self._complete:
            for entry in self._gateway.streams.read(job.id):
                yield from self._fresh(entry)
        if self._complete:
            return
        if self._sent == 0 or self._after.cut is not None:
            yield from replay(job, self._after, with_usage=self._with_usage)
        elif self._sent == self._after.number:
            raise not_kept(job.id, self._after)
        else:
            raise self._lost()

    def _lost(self) -> StreamInterrupted:
        """Return the error of a stream whose frames Redis has lost: its job is as well as ever."""
        return StreamInterrupted(
            "Frames of this stream were lost on their way, its job was not: the whole answer can"
            f" be read, and is paid for as usual: GET /v1/jobs/{self.job_id}?wait=60."
        )

    def _pause_s(self) -> float:
        pause_s = min(LOOK_S * 1.5**self._looks, LOOK_MAX_S)
        self._looks += 1
        return pause_s

"""A whole answer, cut into the frames it would have come in, and a place among them."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.domain.dialect import OF_ENDPOINT
from app.domain.errors import NotFound
from app.domain.job import Job
from app.translate import events
from app.wire import sse

MARK_CHARACTERS: Final = 8


@dataclass(frozen=True, slots=True)
class Place:
    """Behind so many frames of a stream; `cut` marks the cut they were of, None live frames.

    The frames of a cut are others than those that came live, so that nobody who knows some of the
    one can be given the rest of the other.
    """

    number: int
    cut: str | None = None

    def __str__(self) -> str:
        return str(self.number) if self.cut is None else f"{self.number}-{self.cut}"


BEGINNING: Final = Place(0)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A frame, and the place behind it."""

    place: Place
    frame: bytes


def replay(job: Job, after: Place, *, with_usage: bool) -> Iterator[Numbered]:
    """Yield the frames of a job's answer after a place: of this very cut, or the beginning.

    Raises NotFound when the answer is not kept any more, or is not cut like that any more.
    """
    if job.response is None:
        raise NotFound(f"The answer of {job.id} is not kept any more.", param="id")
    dialect = OF_ENDPOINT[job.endpoint]
    cut = events(json.loads(job.response), dialect, include_usage=with_usage)
    frames = [sse.frame(event, dialect) for event in cut]
    mark = hashlib.sha256(b"".join(frames)).hexdigest()[:MARK_CHARACTERS]
    if after != BEGINNING and (after.cut != mark or after.number > len(frames)):
        raise not_kept(job.id, after)
    for number, frame in enumerate(frames[after.number :], start=after.number + 1):
        yield Numbered(Place(number, mark), frame)


def not_kept(job_id: str, after: Place) -> NotFound:
    """Return the error of a client that came back for frames that are gone."""
    return NotFound(
        f"The frames after {after} are not kept any more; the answer is: GET /v1/jobs/{job_id}.",
        param="starting_after",
    )

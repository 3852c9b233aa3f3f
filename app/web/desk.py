"""What the handlers of one process share: the gateway, and the doors that work in groups."""

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.job import Job
from app.gateway import Gateway
from app.services.accounts import Caller, authenticator
from app.services.streaming.follow import Following
from app.services.streaming.replay import BEGINNING, Place
from app.services.submit import Submission, Submitted, submitter
from app.services.wait import Waiting, reader
from app.web.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Handles for handlers; each door may be used by many threads at once."""

    gateway: Gateway
    authenticate: Callable[[str], Caller]
    submit: Callable[[Submission], Submitted]
    read: Callable[[str, str], Job]
    limits: Limits

    def waiting(self, job_id: str) -> Waiting:
        """Begin to wait for a job; before it is submitted, so that no wake-up is missed."""
        return Waiting(self.gateway, self.read, job_id)

    def follow(
        self, job_id: str, *, after: Place = BEGINNING, with_usage: bool = False
    ) -> Following:
        """Begin to follow a job's stream; before it is submitted, so that no frame is missed."""
        return Following(self.gateway, self.read, job_id, after=after, with_usage=with_usage)


def open_desk(gateway: Gateway) -> Desk:
    """Open the doors once per process."""
    return Desk(
        gateway=gateway,
        authenticate=authenticator(gateway),
        submit=submitter(gateway),
        read=reader(gateway),
        limits=Limits(gateway),
    )

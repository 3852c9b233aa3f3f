"""What the handlers of one process share: the gateway, and the doors that work in groups."""

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.job import Job
from app.gateway import Gateway
from app.services.accounts import Caller, authenticator
from app.services.submit import Submission, Submitted, submitter
from app.services.wait import Waiting, reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Handles for handlers; each door may be used by many threads at once."""

    gateway: Gateway
    authenticate: Callable[[str], Caller]
    submit: Callable[[Submission], Submitted]
    read: Callable[[str, str], Job]

    def waiting(self, job_id: str) -> Waiting:
        """Begin to wait for a job; before it is submitted, so that no wake-up is missed."""
        return Waiting(self.gateway, self.read, job_id)


def open_desk(gateway: Gateway) -> Desk:
    """Open the doors once per process."""
    return Desk(
        gateway=gateway,
        authenticate=authenticator(gateway),
        submit=submitter(gateway),
        read=reader(gateway),
    )

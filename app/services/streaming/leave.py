"""Who waits for a job: clients that come to it, and clients that go before its end.

The row counts them, so that it does not matter which process hears of whom first: a client that
came again is there already when its first connection is found dead, or comes within the grace.
"""

import logging

from sqlalchemy.exc import SQLAlchemyError

from app.gateway import Gateway
from app.store import jobs
from app.store.engine import again, statement

log = logging.getLogger("busbar.leave")


def attach(gateway: Gateway, account_id: str, job_id: str) -> None:
    """Count a client that comes to a job which is there already; pair it with `leave`.

    One that stays to the end, or that leaves its wish behind, need not leave.
    """

    def write() -> None:
        with statement(gateway.engine) as conn:
            jobs.attach(conn, account_id, job_id)

    again(write)


def leave(gateway: Gateway, account_id: str, job_id: str) -> None:
    """Count out a client that goes without the whole answer.

    When nobody has come to a stream for `leave_grace_s` after its last client left, a job that does
    not run is cancelled, by the leading keeper, and one that runs is done with as its provider's
    `on_disconnect` says, by its worker. An answer in one piece is made to its end, for a retry.
    While the database is away nobody is counted out, and the job is carried to its end.
    """

    def write() -> None:
        with statement(gateway.engine) as conn:
            jobs.leave(conn, account_id, job_id)

    try:
        again(write)
    except SQLAlchemyError as error:
        log.warning("leave.untold job=%s error=%s", job_id, type(error).__name__)

"""The database or Redis is away: a clear answer, nothing half-written, nothing lost."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from falcon.testing import Result

from app.cli.standing.ports import listening_port
from app.domain.errors import DatabaseUnavailable
from app.gateway import Gateway
from tests.factories import chat_body

from .api import ASYNC, CHAT, JOBS, Api, assert_refused, entry, open_api
from .carrier import carrying
from .database import away, drop_connections
from .polling import BOUND_S, eventually

SUBMISSIONS = [(CHAT, chat_body()), (JOBS, entry()), (JOBS, {"jobs": [entry(), entry()]})]


@pytest.fixture
def own(gateway: Gateway) -> Api:
    """A customer on a database of this test's own, whose key is remembered already."""
    api = open_api(gateway)
    assert api.jobs() == []
    return api


def nowhere(scheme: str) -> str:
    """Return the address of a server that is not there."""
    return f"{scheme}://127.0.0.1:{listening_port('127.0.0.1', 0, patience_s=0)}/0"


def assert_unavailable(answered: Result) -> None:
    """Check that an answer is a 503 that asks for another try, soon."""
    assert_refused(answered, 503, DatabaseUnavailable)
    assert answered.headers["x-should-retry"] == "true"
    assert 1 <= int(answered.headers["retry-after"]) <= 60
    assert int(answered.headers["retry-after-ms"]) == 1_000 * int(answered.headers["retry-after"])


@pytest.mark.parametrize(("path", "body"), SUBMISSIONS, ids=["chat", "job", "jobs"])
def test_nothing_is_written_while_the_database_is_away(
    own: Api, path: str, body: dict[str, object]
) -> None:
    """A submission is refused with 503, leaves no row and no message, and may be sent again."""
    key = {"Idempotency-Key": "same"}
    with away(own.gateway.settings):
        assert_unavailable(own.post(path, body, headers=ASYNC | key))
    assert own.gateway.broker.depth("interactive") == 0
    assert own.jobs() == []
    again = own.post(path, body, headers=ASYNC | key)
    assert (again.status_code, "idempotent-replayed" in again.headers) == (202, False)


def test_reading_is_refused_while_the_database_is_away(own: Api) -> None:
    """Lists, jobs, balances and cancels are a 503 too, and none of them a 500."""
    job_id = own.later()
    with away(own.gateway.settings):
        for path in (JOBS, f"{JOBS}/{job_id}", f"{JOBS}?ids={job_id}", "/v1/balance"):
            assert_unavailable(own.get(path))
        assert_unavailable(own.cancel(job_id))
    assert own.job(job_id)["status"] == "queued"


def test_a_stranger_is_not_turned_away_for_an_outage(
    own: Api, open_another: Callable[..., Gateway]
) -> None:
    """A key that cannot be looked up is a 503, not a 401: the key may be good."""
    gone = open_another(database_url=nowhere("postgresql+psycopg"))
    lost = replace(own, gateway=gone).with_settings()
    assert_unavailable(lost.chat(headers=ASYNC))


def test_service_resumes_with_the_database(own: Api) -> None:
    """After the database dropped every connection the next few requests find it again."""
    own.later()
    drop_connections(own.gateway.settings)
    answered = [own.chat(headers=ASYNC).status_code for _ in range(3)]
    assert set(answered) <= {202, 503}
    assert answered[-1] == 202
    assert len(own.jobs()) == 1 + answered.count(202)


def test_a_waiting_caller_outlives_an_outage(own: Api) -> None:
    """Whose job is accepted waits on while the database is away, and gets the answer."""
    answered: list[Result] = []
    caller = threading.Thread(target=lambda: answered.append(own.chat()))
    caller.start()
    (job,) = eventually(own.jobs)
    with away(own.gateway.settings):
        own.gateway.broker.publish_results([job["id"]])  # so that the caller looks right now
        caller.join(0.3)
    with carrying(own.gateway, own.customer.account_id):
        caller.join(BOUND_S)
    assert (answered[0].status_code, len(own.jobs())) == (200, 1)


@pytest.fixture
def unheard(open_another: Callable[..., Gateway]) -> Api:
    """A customer at a gateway whose Redis is not there."""
    return open_api(open_another(redis_url=nowhere("redis")))


@pytest.mark.parametrize(("path", "body"), SUBMISSIONS, ids=["chat", "job", "jobs"])
def test_submissions_are_taken_without_redis(
    unheard: Api, path: str, body: dict[str, object]
) -> None:
    """The row is what counts: it is committed, and whoever sweeps will ring for it later."""
    assert unheard.post(path, body, headers=ASYNC).status_code == 202
    assert unheard.jobs("status=queued")


def test_without_redis_a_caller_gets_the_answer_later(unheard: Api) -> None:
    """Who waits looks at the row from time to time, so a lost wake-up costs seconds."""
    began = time.monotonic()
    with carrying(unheard.gateway, unheard.customer.account_id):
        assert unheard.chat().status_code == 200
    assert time.monotonic() - began < 10


def test_jobs_are_cancelled_without_redis(unheard: Api) -> None:
    """Nobody can be woken, and the job is over all the same."""
    assert unheard.cancel(unheard.later()).json["status"] == "cancelled"

"""Keys and prompts stand in no log, whatever happens."""

import logging
from collections.abc import Callable

import pytest
from sqlalchemy import text

from app.domain.attempt import FailureKind
from app.gateway import Gateway
from app.store.engine import transaction
from tests.factories import failure

from .api import ASYNC, CHAT, JOBS, Api, entry, open_api
from .database import away

PROMPT = "the-planted-prompt-8c1f"


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    """Hear all that our own loggers say."""
    caplog.set_level(logging.DEBUG, logger="busbar")


def assert_silent(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Check that no record, with its traceback, tells a prompt or a key."""
    assert PROMPT not in caplog.text
    assert api.customer.key not in caplog.text
    assert api.customer.key.removeprefix("bb_live_") not in caplog.text
    for record in caplog.records:
        assert PROMPT not in str(record.__dict__)
        assert api.customer.key not in str(record.__dict__)


def test_a_good_request_is_not_told(
    api: Api, carry: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """A completion, a job and a list of jobs leave nothing of themselves in the log."""
    carry(api)
    assert api.chat(PROMPT).status_code == 200
    assert api.post(JOBS, entry(PROMPT)).status_code == 202
    assert api.post(JOBS, {"jobs": [entry(PROMPT)]}).status_code == 202
    assert_silent(api, caplog)


@pytest.mark.parametrize(
    "raw",
    [
        PROMPT.encode(),
        f'{{"model":"{PROMPT}","messages":[{{"role":"user","content":"{PROMPT}"}}]}}'.encode(),
        f'{{"model":"text-prime","messages":"{PROMPT}"}}'.encode(),
        f'{{"{PROMPT}":1,"{PROMPT}":2}}'.encode(),
        f'{{"jobs":["{PROMPT}"]}}'.encode(),
    ],
)
@pytest.mark.parametrize("path", [CHAT, JOBS])
def test_a_bad_request_is_not_told(
    api: Api, caplog: pytest.LogCaptureFixture, path: str, raw: bytes
) -> None:
    """A refusal is logged by its code and its request id, not by what was refused."""
    answered = api.post(path, raw=raw)
    assert 400 <= answered.status_code < 500
    assert f"id={answered.headers['x-request-id']}" in caplog.text
    assert f"code={answered.json['error']['code']}" in caplog.text
    assert_silent(api, caplog)


def test_a_refused_key_is_not_told(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """A key that was mistyped is as secret as the right one."""
    for key in (api.customer.key[:-1], f"{api.customer.key} x", f"x{api.customer.key}"):
        assert api.get(JOBS, headers={"Authorization": f"Bearer {key}"}).status_code == 401
    assert api.get(JOBS, headers={"Authorization": api.customer.key}).status_code == 401
    assert "code=invalid_api_key" in caplog.text
    assert_silent(api, caplog)


def test_a_failed_job_is_not_told(
    api: Api, carry: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """A provider's refusal concerns the caller alone."""
    carry(api, lambda _: failure(FailureKind.REJECTED, status_code=400))
    assert api.chat(PROMPT).status_code == 400
    assert_silent(api, caplog)


def test_an_outage_is_logged_without_the_request(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    """A request the database could not take is named by its id alone."""
    api = open_api(gateway)
    api.jobs()
    with away(gateway.settings):
        answered = api.chat(PROMPT, headers=ASYNC)
    assert answered.status_code == 503
    assert answered.headers["x-request-id"] in caplog.text
    assert_silent(api, caplog)


def test_a_fault_of_ours_is_logged_without_the_request(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    """A 500 is logged with its traceback and request id; its statement's values are left out."""
    api = open_api(gateway)
    with transaction(gateway.engine) as conn:
        conn.execute(text("ALTER TABLE job_payloads RENAME TO elsewhere"))
    answered = api.chat(PROMPT, headers=ASYNC)
    assert answered.status_code == 500
    assert "Traceback" in caplog.text
    assert answered.headers["x-request-id"] in answered.json["error"]["message"]
    assert answered.headers["x-request-id"] in caplog.text
    assert_silent(api, caplog)


def test_a_fault_of_ours_is_not_told_to_the_caller(gateway: Gateway) -> None:
    """A 500 shows a request id and no statement, no table and no traceback."""
    api = open_api(gateway)
    with transaction(gateway.engine) as conn:
        conn.execute(text("ALTER TABLE job_payloads RENAME TO elsewhere"))
    answered = api.chat(PROMPT, headers=ASYNC)
    for word in ("Traceback", "psycopg", "job_payloads", "INSERT", PROMPT):
        assert word not in answered.text

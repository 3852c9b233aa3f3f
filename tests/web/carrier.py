"""A worker as small as can be: it claims an account's jobs, asks a script, and settles."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import func, select

from app.domain.attempt import Answer, Outcome
from app.domain.ids import suffix
from app.domain.pricing import Usage
from app.gateway import Gateway
from app.services.settle import Finished, settle
from app.services.start import Started, start
from app.store.engine import statement
from app.store.tables import IS_RUNNABLE, jobs
from app.wire.surface import CHAT
from tests.factories import WORKER

from .polling import BOUND_S, LOOK_S

Script = Callable[[Started], Outcome]


def echo(job: Started) -> Answer:
    """Answer with the last message, as an adapter would hand it over."""
    content = json.loads(job.request)["messages"][-1]["content"]
    text = f"re: {content if isinstance(content, str) else content[-1]['text']}"
    body = _chat(job, text) if job.endpoint == CHAT.endpoint else _message(job, text)
    usage = Usage(input_tokens=10, output_tokens=20)
    return Answer(status_code=200, body=json.dumps(body).encode(), usage=usage)


def _chat(job: Started, text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": f"chatcmpl-{suffix(job.id)}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": job.instrument,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }


def _message(job: Started, text: str) -> dict[str, Any]:
    return {
        "id": f"msg_{suffix(job.id)}",
        "type": "message",
        "role": "assistant",
        "model": job.instrument,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 20},
    }


class Gate:
    """A script that holds each job until it is opened, and lets a test see that it has begun."""

    def __init__(self, script: Script = echo) -> None:
        self._script = script
        self._begun = threading.Event()
        self._open = threading.Event()

    def __call__(self, job: Started) -> Outcome:
        """Begin, wait for the gate, answer."""
        self._begun.set()
        assert self._open.wait(BOUND_S), "nobody opened the gate"
        return self._script(job)

    def begun(self) -> None:
        """Wait until a job is running."""
        assert self._begun.wait(BOUND_S), "no job has begun"

    def open(self) -> None:
        """Let the jobs go."""
        self._open.set()


@contextmanager
def carrying(gateway: Gateway, account_id: str, script: Script = echo) -> Iterator[None]:
    """Carry an account's jobs until the block ends; the script's own errors are raised there."""
    stop = threading.Event()
    broken: list[BaseException] = []

    def run() -> None:
        try:
            while not stop.wait(LOOK_S):
                carry(gateway, account_id, script)
        except BaseException as error:  # noqa: BLE001  it is raised in the test's own thread
            broken.append(error)

    thread = threading.Thread(target=run, name="carrier")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(BOUND_S)
    assert not thread.is_alive()
    if broken:
        raise broken[0]


def carry(gateway: Gateway, account_id: str, script: Script = echo) -> int:
    """Carry what is due once, and return how many jobs were claimed."""
    with statement(gateway.engine) as conn:
        query = select(jobs.c.id).where(
            IS_RUNNABLE, jobs.c.account_id == account_id, jobs.c.run_at <= func.now()
        )
        due = [row.id for row in conn.execute(query)]
    if not due:
        return 0
    claimed = start(gateway, due, WORKER)
    gateway.broker.publish_results(claimed.ended)
    if claimed.started:
        settle(gateway, [Finished(job=job, outcome=script(job)) for job in claimed.started])
    return len(due)

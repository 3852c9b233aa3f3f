"""A gateway of real processes for random requests, and the document it serves."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import requests
import schemathesis
from schemathesis.specs.openapi.schemas import OpenApiSchema

from app.embedded import Stack
from app.services import read
from app.settings import Settings
from tests.conformance.house import PROTOCOLS, House, house_of
from tests.factories import chat_body
from tests.services.databases import database_of

from .sharpening import sharpened

INSTRUMENTS = [f"{protocol}-drain" for protocol in PROTOCOLS]
DOLLARS = "1000000"
"""Random prompts may be bound by a whole context each."""

ANSWER_S = 60
STREAM_EVENTS_MAX = 100_000
SENT = pytest.StashKey[dict[int, int]]()

OURS = ("web.broke", "web.stream_broke", "Traceback")
"""What a submitter writes when something went wrong that nobody meant to."""


@dataclass(slots=True, kw_only=True)
class Target:
    """Where cases are sent; `sent` counts them by status."""

    url: str
    schema: OpenApiSchema
    key: str
    session: requests.Session
    sent: dict[int, int] = field(default_factory=dict)


@pytest.fixture(scope="session")
def fuzz_house(
    stack: Stack, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """Submitter, worker and simulator; in the end nothing broke, and the book is right."""
    assert stack.redis_url is not None
    with database_of(stack, template) as url:
        settings = Settings(
            database_url=url, redis_url=stack.redis_url, redis_prefix=f"fuzz:{uuid.uuid4().hex}:"
        )
        with house_of(settings, tmp_path_factory.mktemp("fuzz")) as house:
            yield house
            said = house.server.said.read_text()
            assert [line for line in said.splitlines() if any(o in line for o in OURS)] == []
            assert read.examine(house.gateway) == []


@pytest.fixture(scope="session")
def target(fuzz_house: House, pytestconfig: pytest.Config) -> Iterator[Target]:
    """The served document, for a rich customer who has a few answers already."""
    customer = fuzz_house.customer(DOLLARS)
    url = fuzz_house.server.url
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {customer.key}"
        document = session.get(f"{url}/openapi.json", timeout=ANSWER_S).json()
        jobs, doomed = (
            [_answered(session, url, question, each) for each in INSTRUMENTS for _ in range(3)]
            for question in ("What stays?", "What goes?")
        )
        told = sharpened(document, instruments=INSTRUMENTS, jobs=jobs, doomed=doomed)
        # A stream is read to its end, which is what is looked at.
        config = schemathesis.Config.from_dict({"max-stream-events": STREAM_EVENTS_MAX})
        schema = schemathesis.openapi.from_dict(told, config=config)
        found = Target(url=url, schema=schema, key=customer.key, session=session)
        pytestconfig.stash[SENT] = found.sent
        yield found


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many cases were sent, and what came back."""
    if sent := config.stash.get(SENT, {}):
        statuses = ", ".join(f"{status}: {n}" for status, n in sorted(sent.items()))
        terminalreporter.write_line(f"fuzz: {sum(sent.values())} cases sent ({statuses})")


def _answered(session: requests.Session, url: str, question: str, instrument: str) -> str:
    """Have a completion made that is kept; return its job's id."""
    body = chat_body(question, model=instrument, store=True)
    answered = session.post(f"{url}/v1/chat/completions", json=body, timeout=ANSWER_S)
    assert answered.status_code == 200, answered.text
    return answered.headers["x-busbar-job-id"]

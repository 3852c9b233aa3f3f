"""An engine for the tests, and what they hand it."""

import json
from dataclasses import replace

from app.domain.attempt import Outcome
from app.domain.hold import Hold
from app.domain.instrument import Route
from app.domain.job import Lane
from app.domain.pricing import Price
from app.gateway import Gateway
from app.services.settle import Finished
from app.services.start import Started
from tests.factories import chat_body
from tests.simulator.running import Simulator, eventually
from workers.engine import Engine

HANG = {"fault": "hang"}


class Desk:
    """An open engine, and what it has finished."""

    def __init__(self, gateway: Gateway) -> None:
        self.finished: list[Finished] = []
        self.engine = Engine(gateway, self.finished.append)
        self.engine.open()

    def outcome(self, job_id: str = "job_1") -> Outcome:
        """Wait for the end of a job's one call."""
        (found,) = eventually(lambda: [f for f in self.finished if f.job.id == job_id])
        return found.outcome

    def close(self) -> None:
        """End all calls and the thread."""
        self.engine.drain(0)
        self.engine.close()


def make_started(job_id: str = "job_1", *, text: str = "What is 2 + 2?") -> Started:
    """Return a job as a start would hand it on, without a book behind it."""
    return Started(
        id=job_id,
        attempt=1,
        lane=Lane.INTERACTIVE,
        endpoint="/v1/chat/completions",
        instrument="text-prime",
        hold=Hold(
            job_id=job_id,
            account_id="acct_1",
            price=Price(input_nanos=1, output_nanos=1),
            parts=(),
        ),
        route=Route(instrument="text-prime", provider="simulator", model="sim-medium"),
        failed_routes=(),
        failures=0,
        left_s=60.0,
        input_tokens_max=1_000,
        output_tokens_max=100,
        request=json.dumps(chat_body(text)).encode(),
    )


def called(simulator: Simulator, count: int) -> bool:
    """Say whether so many calls are in flight at the upstream, before long."""
    return eventually(lambda: bool(simulator.calls()["in_flight"] == count))


def with_concurrency(gateway: Gateway, concurrency: int) -> Gateway:
    """Return a gateway whose providers take so many calls at once."""
    catalog = gateway.catalog
    providers = {
        name: replace(entry, concurrency=concurrency) for name, entry in catalog.providers.items()
    }
    return replace(gateway, catalog=replace(catalog, providers=providers))

"""How each error is brought about: one way for every row of the table that can leave over HTTP."""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, Final, TypeAlias

import psycopg
from sqlalchemy import make_url

from app.domain import apikey, errors
from app.domain.dialect import Dialect
from app.domain.errors import BusbarError
from app.domain.money import NANOS_PER_DOLLAR, format_dollars
from app.services.keeping.sweep import purge
from app.services.replenish.policy import set_policy
from tests.services.book import look
from tests.services.funds import make_cap
from tests.web.database import away

from .scene import Scene

Ask: TypeAlias = Callable[[], Any]
Way: TypeAlias = Callable[[Scene], AbstractContextManager[Ask]]
"""What must be so for an error to be met, and the call of the SDK that meets it then."""

UNKNOWN_KEY: Final = apikey.make_key(bytes(apikey.ENTROPY_BYTES))
SLOW_MS: Final = 15_000
BODY_BYTES: Final = 10_000_001
JOIN_S: Final = 30
SLOWLY: Final = {"kind": "fixed", "ms": SLOW_MS}


def plain(**more: Any) -> Way:
    """Ask a customer's question with something wrong in it."""

    @contextmanager
    def way(scene: Scene) -> Iterator[Ask]:
        sdk = scene.sdk()
        yield lambda: sdk.ask(**more)

    return way


@contextmanager
def too_large(scene: Scene) -> Iterator[Ask]:
    """Ask a question of more bytes than a body may have."""
    sdk = scene.sdk()
    yield lambda: sdk.ask("x" * BODY_BYTES)


@contextmanager
def wrong_key(scene: Scene) -> Iterator[Ask]:
    """Come with a key nobody has."""
    sdk = scene.sdk(UNKNOWN_KEY)
    yield sdk.ask


@contextmanager
def no_money(scene: Scene) -> Iterator[Ask]:
    """Come without money."""
    sdk = scene.sdk(scene.customer("0").key)
    yield sdk.ask


@contextmanager
def capped(scene: Scene) -> Iterator[Ask]:
    """Ask once more than a cap has room for."""
    gateway, customer = scene.house.gateway, scene.customer()
    sdk = scene.sdk(customer.key)
    sdk.ask()
    (hold,) = look(gateway, "SELECT * FROM holds WHERE account_id = :id", id=customer.account_id)
    make_cap(gateway, customer, hold.amount_nanos)
    sdk.ask()
    yield scene.sdk(customer.key).ask


@contextmanager
def replenishing(scene: Scene) -> Iterator[Ask]:
    """Come without money to an account that buys some, where nobody sells any for now."""
    poor = scene.customer("0")
    set_policy(
        scene.house.gateway,
        poor.account_id,
        threshold_nanos=0,
        amount_nanos=NANOS_PER_DOLLAR,
        monthly_cap_nanos=NANOS_PER_DOLLAR,
        actor="tests",
    )
    yield scene.sdk(poor.key).ask


@contextmanager
def held(scene: Scene) -> Iterator[Ask]:
    """Ask while another call holds all there is, for as long as it takes."""
    rich = scene.customer()
    scene.sdk(rich.key).ask()
    amount = "SELECT amount_nanos FROM holds WHERE account_id = :id"
    (hold,) = look(scene.house.gateway, amount, id=rich.account_id)
    key = scene.customer(format_dollars(hold.amount_nanos)).key
    scene.house.simulator.set(latency=SLOWLY)
    first, second = scene.sdk(key), scene.sdk(key)
    beside = threading.Thread(target=first.ask)
    beside.start()
    scene.running(key)
    yield second.ask
    beside.join(JOIN_S)
    assert not beside.is_alive()


@contextmanager
def gone(scene: Scene) -> Iterator[Ask]:
    """Ask for what is not there: a stored completion; on messages, an answer not kept any more."""
    sdk = scene.sdk()
    if scene.dialect is Dialect.CHAT:
        yield lambda: sdk.answers.retrieve(f"chatcmpl-{uuid.uuid4().hex}")
        return
    key = {"Idempotency-Key": uuid.uuid4().hex}
    sdk.ask("Hello.", extra_headers=key)
    sdk.sent = 0
    gateway = scene.house.gateway
    purge(replace(gateway, settings=gateway.settings.model_copy(update={"payload_days": 1e-9})))
    yield lambda: sdk.ask("Hello.", extra_headers=key)


@contextmanager
def wrong_path(scene: Scene) -> Iterator[Ask]:
    """Post to a base URL with one /v1 too many."""
    sdk = scene.sdk()
    yield lambda: sdk.client.post(sdk.path("/v1/anything"), cast_to=object, body={})


@contextmanager
def wrong_method(scene: Scene) -> Iterator[Ask]:
    """Put where one has to post."""
    sdk = scene.sdk()
    path = "/chat/completions" if scene.dialect is Dialect.CHAT else "/messages"
    yield lambda: sdk.client.put(sdk.path(path), cast_to=object, body={})


@contextmanager
def reused_key(scene: Scene) -> Iterator[Ask]:
    """Give another request the key of an earlier one."""
    sdk = scene.sdk()
    key = {"Idempotency-Key": uuid.uuid4().hex}
    sdk.ask(extra_headers=key)
    sdk.sent = 0
    yield lambda: sdk.ask(extra_headers=key)


@contextmanager
def full(scene: Scene) -> Iterator[Ask]:
    """Ask while the one call that the key may have is open."""
    key = scene.limited(scene.customer(), concurrent_calls=1)
    sdk = scene.sdk(key)
    scene.house.simulator.set(latency={"kind": "fixed", "ms": 0, "chunk_ms": 500})
    body = {**sdk.question("Describe a lighthouse."), "stream": True}
    with scene.post(key, "/v1/messages", body, stream=True) as stream:
        assert stream.status_code == 200
        yield sdk.ask


@contextmanager
def impatient(scene: Scene) -> Iterator[Ask]:
    """Say that one listens for so long, which is shorter than the answer takes."""
    sdk = scene.sdk()
    scene.house.simulator.set(latency=SLOWLY)
    yield lambda: sdk.ask(timeout=1.5)


@contextmanager
def late(scene: Scene) -> Iterator[Ask]:
    """Ask where jobs have a second, for what takes longer."""
    scene.house.simulator.set(latency=SLOWLY)
    sdk = scene.sdk(url=scene.hasty.url)
    yield sdk.ask


@contextmanager
def cancelled(scene: Scene) -> Iterator[Ask]:
    """Ask, and cancel the job from elsewhere."""
    with _meanwhile(scene, lambda key, job: scene.post(key, f"/v1/jobs/{job}/cancel", {})) as ask:
        yield ask


@contextmanager
def deadly(scene: Scene) -> Iterator[Ask]:
    """Ask what two workers died of; the third dies of it while the caller waits."""

    def kill(_key: str, job_id: str) -> None:
        deaths = "UPDATE jobs SET worker_deaths = 2 WHERE id = %s"
        _run(scene.house.settings.database_url, deaths, job_id)
        scene.house.workers.replace()

    with _meanwhile(scene, kill) as ask:
        yield ask


def upstream(status: int) -> Way:
    """Ask while the upstream answers with a status, however often it is asked."""

    @contextmanager
    def way(scene: Scene) -> Iterator[Ask]:
        sdk = scene.sdk()
        fault = {"fault": "status", "status": status, "retry_after_s": 0, "code": "of_its_own"}
        scene.house.simulator.set(fault)
        yield sdk.ask

    return way


@contextmanager
def broken_off(scene: Scene) -> Iterator[Ask]:
    """Ask for the rest of a stream that broke off: nothing of it has been sent on this call."""
    sdk = scene.sdk()
    scene.house.simulator.set({"fault": "cut_stream", "after_events": 4})
    key = sdk.client.api_key
    is_chat = scene.dialect is Dialect.CHAT
    path = "/v1/chat/completions" if is_chat else "/v1/messages"
    begun = scene.post(key, path, {**sdk.question(), "stream": True})
    rest = f"/jobs/{begun.headers['x-busbar-job-id']}/stream?starting_after=9999"
    yield lambda: sdk.client.get(sdk.path(rest), cast_to=object)


@contextmanager
def spoilt(scene: Scene) -> Iterator[Ask]:
    """Ask while a table is missing that must be there."""
    sdk = scene.sdk(scene.spare.key, url=scene.spare.server.url)
    url = scene.spare.settings.database_url
    _run(url, "ALTER TABLE jobs RENAME TO jobs_elsewhere")
    try:
        yield sdk.ask
    finally:
        _run(url, "ALTER TABLE jobs_elsewhere RENAME TO jobs")


@contextmanager
def database_away(scene: Scene) -> Iterator[Ask]:
    """Ask while the database is away."""
    sdk = scene.sdk(scene.spare.key, url=scene.spare.server.url)
    with away(scene.spare.settings):
        yield sdk.ask


WAYS: Final[Mapping[type[BusbarError], Way]] = {
    BusbarError: spoilt,
    errors.InvalidRequest: plain(extra_body={"messages": "not a list"}),
    errors.OutOfRange: plain(extra_body={"temperature": 9}),
    errors.RequestTooLarge: too_large,
    errors.InvalidKey: wrong_key,
    errors.InsufficientBalance: no_money,
    errors.RequestExceedsLimit: plain(extra_headers={"x-busbar-max-cost": "0.000000001"}),
    errors.CapReached: capped,
    errors.BalanceReplenishing: replenishing,
    errors.HoldsExhausted: held,
    errors.ModelNotFound: plain(extra_body={"model": "nowhere"}),
    errors.NotFound: gone,
    errors.PathNotFound: wrong_path,
    errors.MethodNotAllowed: wrong_method,
    errors.IdempotencyMismatch: reused_key,
    errors.RateLimited: full,
    errors.WaitTimedOut: impatient,
    errors.DeadlinePassed: late,
    errors.JobCancelled: cancelled,
    errors.WorkerLost: deadly,
    errors.ProviderRejected: upstream(400),
    errors.ProviderUnavailable: upstream(503),
    errors.StreamInterrupted: broken_off,
    errors.DatabaseUnavailable: database_away,
}

OF_COMMANDS: Final = {errors.CatalogError, errors.AccountExists, errors.ReferenceReused}
"""Raised where catalogs are read, accounts made and money is deposited: no request does that."""


@contextmanager
def _meanwhile(scene: Scene, act: Callable[[str, str], object]) -> Iterator[Ask]:
    """Ask what takes long; act upon the job, given key and id, once it runs."""
    key = scene.customer().key
    sdk = scene.sdk(key)
    scene.house.simulator.set(latency=SLOWLY)
    beside = threading.Thread(target=lambda: act(key, scene.running(key)))

    def ask() -> Any:
        beside.start()
        return sdk.ask()

    yield ask
    beside.join(JOIN_S)
    assert not beside.is_alive()


def _run(url: str, statement: str, *values: str) -> None:
    plain_url = make_url(url).set(drivername="postgresql")
    with psycopg.connect(
        plain_url.render_as_string(hide_password=False), autocommit=True
    ) as connection:
        connection.execute(statement, values)

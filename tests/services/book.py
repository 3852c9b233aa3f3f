"""What the database and the bus hold, looked at behind the services' backs; and its clock, moved.

The database's own time decides leases, deadlines and nudges, so a test that needs time to pass
moves the moments in the rows instead.
"""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, text

from app.domain.job import Lane
from app.domain.money import NANOS_PER_DOLLAR
from app.domain.pricing import Price
from app.gateway import Gateway
from app.services import fund
from app.store.engine import statement
from app.store.tables import jobs
from tests.factories import Customer

HOLD_NANOS = 254_500
"""What `factories.chat_body()` may cost: 109 tokens in at 500, 100 out at 2,000 nano-dollars."""

COST_NANOS = 45_000
"""What `factories.answer()` costs: 10 tokens in at 500, 20 out at 2,000 nano-dollars."""

HOLD = f"0.{HOLD_NANOS:09d}"
"""The same hold in dollars: the least an account needs for one job."""


def look(gateway: Gateway, sql: str, **values: Any) -> Sequence[Row[Any]]:
    """Return the rows of a query."""
    with statement(gateway.engine) as conn:
        return conn.execute(text(sql), values).all()


def change(gateway: Gateway, sql: str, **values: Any) -> int:
    """Change rows as nobody but the database's owner could; return how many."""
    with statement(gateway.engine) as conn:
        return conn.execute(text(sql), values).rowcount


def job_row(gateway: Gateway, job_id: str) -> Row[Any]:
    """Return a job's row."""
    return look(gateway, "SELECT * FROM jobs WHERE id = :id", id=job_id)[0]


def standing(gateway: Gateway, job_id: str) -> tuple[str, str | None, int]:
    """Return a job's state, its reason, and the attempts that count."""
    row = job_row(gateway, job_id)
    return row.state, row.reason, row.attempts


def states(gateway: Gateway) -> dict[str, int]:
    """Return how many jobs are in each state; a waiting one is named with its reason."""
    return {
        row.state: row.jobs
        for row in look(
            gateway,
            "SELECT concat_ws(' ', state, reason) AS state, count(*) AS jobs FROM jobs GROUP BY 1",
        )
    }


def attempts(gateway: Gateway, job_id: str) -> list[str]:
    """Return how each attempt of a job stands, in order."""
    rows = look(gateway, "SELECT state FROM attempts WHERE job_id = :id ORDER BY number", id=job_id)
    return [row.state for row in rows]


def hold_of(gateway: Gateway, job_id: str) -> tuple[str, int, int]:
    """Return a hold's state, its amount and what was captured of it."""
    (row,) = look(gateway, "SELECT * FROM holds WHERE job_id = :id", id=job_id)
    return row.state, row.amount_nanos, row.captured_nanos


def captures(gateway: Gateway, job_id: str) -> dict[str, int]:
    """Return what each lot paid for a job."""
    rows = look(gateway, "SELECT lot_id, amount_nanos FROM transfers WHERE job_id = :id", id=job_id)
    assert len({row.lot_id for row in rows}) == len(rows)
    return {row.lot_id: row.amount_nanos for row in rows}


def lot(gateway: Gateway, lot_id: str) -> tuple[int, int]:
    """Return what a lot holds and what it has spent."""
    (row,) = look(gateway, "SELECT held_nanos, used_nanos FROM lots WHERE id = :id", id=lot_id)
    return row.held_nanos, row.used_nanos


def money(gateway: Gateway, customer: Customer) -> tuple[int, int]:
    """Return what all lots of an account hold and have spent together."""
    (row,) = look(
        gateway,
        "SELECT coalesce(sum(held_nanos), 0)::bigint AS held,"
        " coalesce(sum(used_nanos), 0)::bigint AS used FROM lots WHERE account_id = :id",
        id=customer.account_id,
    )
    return row.held, row.used


def make_lot(
    gateway: Gateway,
    customer: Customer,
    nanos: int = NANOS_PER_DOLLAR,
    *,
    ends_in_s: float | None = None,
    instrument: str | None = None,
) -> str:
    """Credit an account with a lot that may end, or serve one instrument only; return its id."""
    lot_id = fund.deposit(gateway, customer.account_id, nanos, reference=None).lot_id
    change(
        gateway,
        "UPDATE lots SET instrument = :instrument,"
        " expires_at = now() + make_interval(secs => :ends_in_s) WHERE id = :id",
        id=lot_id,
        instrument=instrument,
        ends_in_s=ends_in_s,
    )
    return lot_id


def lapse(gateway: Gateway, *job_ids: str) -> None:
    """Let the leases of these jobs run out, as if their worker had gone quiet."""
    moved = "UPDATE jobs SET leased_until = now() - interval '1 s' WHERE id = ANY(:ids)"
    assert change(gateway, f"{moved} AND state = 'running'", ids=list(job_ids)) == len(job_ids)


def let_pass(gateway: Gateway, job_id: str, column: str, seconds: float) -> None:
    """Move one moment of a job into the past by so many seconds."""
    moved = f"UPDATE jobs SET {column} = {column} - make_interval(secs => :s) WHERE id = :id"
    assert change(gateway, moved, id=job_id, s=seconds) == 1


def copies(gateway: Gateway, job_id: str, count: int) -> list[str]:
    """Write so many more jobs like that one, made a moment later; return their ids, oldest first.

    Straight into the rows: what needs thousands of jobs need not submit each.
    """
    columns = [c.name for c in jobs.columns if c.name != "id"]
    values = ", ".join(columns)
    copied = (
        f"INSERT INTO jobs (id, {values}) SELECT :id || '_' || lpad(n::text, 6, '0'), {values}"
        " FROM jobs, generate_series(1, :count) AS n WHERE id = :id RETURNING id"
    )
    bodies = (
        "INSERT INTO job_payloads (job_id, kind, body, created_at) SELECT j.id, kind, body,"
        " p.created_at FROM job_payloads p, jobs j WHERE p.job_id = :id AND j.id LIKE :id || '_%'"
    )
    ids = sorted(row.id for row in look(gateway, copied, id=job_id, count=count))
    change(gateway, bodies, id=job_id)
    return ids


def rung(gateway: Gateway, lane: Lane = Lane.INTERACTIVE) -> list[list[str]]:
    """Return the ids in each message on a run queue, oldest first, and leave the messages there."""
    messages = gateway.broker.client.lrange(gateway.broker.prefix + lane, 0, -1)
    assert isinstance(messages, list)
    found = []
    for message in reversed(messages):
        arguments, keywords, _ = json.loads(base64.b64decode(json.loads(message)["body"]))
        (ids,) = arguments
        assert keywords == {}
        found.append(ids)
    return found


def silence(gateway: Gateway) -> None:
    """Lose every message, as a FLUSHALL would."""
    for lane in Lane:
        gateway.broker.client.delete(gateway.broker.prefix + lane)


def at_price(gateway: Gateway, price: Price, instrument: str = "text-prime") -> Gateway:
    """Return a gateway whose catalog sells an instrument at another price."""
    catalog = gateway.catalog
    changed = replace(catalog.instruments[instrument], price=price)
    instruments = {**catalog.instruments, instrument: changed}
    return replace(gateway, catalog=replace(catalog, instruments=instruments))


def with_routes(gateway: Gateway, number: int, instrument: str = "text-prime") -> Gateway:
    """Return a gateway whose catalog has only the first so many routes for an instrument."""
    catalog = gateway.catalog
    routes = {**catalog.routes, instrument: catalog.routes[instrument][:number]}
    return replace(gateway, catalog=replace(catalog, routes=routes))


def without(gateway: Gateway, instrument: str) -> Gateway:
    """Return a gateway whose catalog no longer has an instrument."""
    catalog = gateway.catalog
    instruments = {name: it for name, it in catalog.instruments.items() if name != instrument}
    return replace(gateway, catalog=replace(catalog, instruments=instruments))


def drawing(byte: int) -> Callable[[int], bytes]:
    """Return entropy whose every byte is `byte`: no jitter for 0, the most for 255."""
    return lambda count: bytes([byte]) * count

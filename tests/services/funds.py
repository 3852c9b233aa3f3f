"""Lots of tokens and caps, made for a test; and their windows, looked at behind the services."""

from datetime import timedelta

from app.domain.limits.cap import CapScope, Period
from app.domain.money import NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services.operate import credit
from app.services.operate.credit import Credit
from tests.factories import Customer
from tests.services.book import change, look

UNIT_TOKENS = 1_000_000


def make_tokens(
    gateway: Gateway,
    customer: Customer,
    tokens: int = UNIT_TOKENS,
    nanos: int = 2 * NANOS_PER_DOLLAR,
    *,
    instrument: str = "text-prime",
    ends_in_s: float | None = None,
) -> str:
    """Credit an account with a lot of tokens that cost so much together; return its id."""
    terms = Credit(
        nanos=nanos,
        tokens=tokens,
        instrument=instrument,
        expires=None if ends_in_s is None else timedelta(seconds=ends_in_s),
    )
    return credit.deposit(gateway, customer.account_id, terms, actor="tests").lot_id


def make_cap(
    gateway: Gateway,
    customer: Customer,
    nanos: int,
    *,
    scope: CapScope = CapScope.ACCOUNT,
    period: Period = Period.DAY,
) -> str:
    """Cap what an account or its key may spend; return the cap's id."""
    cap_id = gateway.new_id("cap")
    caller = customer.caller
    change(
        gateway,
        "INSERT INTO caps (id, account_id, scope, subject_id, period, limit_nanos)"
        " VALUES (:id, :account, :scope, :subject, :period, :nanos)",
        id=cap_id,
        account=customer.account_id,
        scope=scope.value,
        subject=caller.key_id if scope is CapScope.KEY else customer.account_id,
        period=period.value,
        nanos=nanos,
    )
    return cap_id


def window(gateway: Gateway, cap_id: str) -> tuple[int, int]:
    """Return what all windows of a cap hold and have spent."""
    sums = "coalesce(sum(held_nanos), 0)::bigint AS h, coalesce(sum(spent_nanos), 0)::bigint AS s"
    (row,) = look(gateway, f"SELECT {sums} FROM cap_windows WHERE cap_id = :id", id=cap_id)
    return row.h, row.s


def tokens_of(gateway: Gateway, lot_id: str) -> tuple[int, int, int]:
    """Return how many tokens of a lot are used, and its used and held nano-dollars."""
    (row,) = look(gateway, "SELECT * FROM lots WHERE id = :id", id=lot_id)
    return row.tokens_used, row.used_nanos, row.held_nanos


def transfers(gateway: Gateway, job_id: str) -> list[tuple[str, str | None, int]]:
    """Return the kind, the lot and the amount of what was paid for a job, in order of kind."""
    rows = look(gateway, "SELECT * FROM transfers WHERE job_id = :id ORDER BY kind, id", id=job_id)
    return [(row.kind, row.lot_id, row.amount_nanos) for row in rows]

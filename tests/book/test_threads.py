"""Twenty threads at two accounts: nothing is lost, and nothing is counted twice."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from app.domain.attempt import FailureKind, Interrupted, Outcome
from app.domain.errors import InsufficientBalance, OutOfRange
from app.domain.job import Lane
from app.domain.limits.cap import Period
from app.gateway import Gateway
from app.services import read
from app.services.cancel import cancel
from app.services.keeping.sweep import sweep
from app.services.operate import adjust, caps, credit, refund
from app.services.operate.credit import Credit
from app.services.settle import Finished, settle
from app.services.start import Started, start
from app.store.engine import CONFLICTS
from tests.factories import (
    Customer,
    answer,
    failure,
    make_customer,
    make_draft,
    make_job,
    start_one,
    submit,
)
from tests.overheard import overheard
from tests.services.book import HOLD_NANOS, change, look
from tests.services.faults import at_once

THREADS, STEPS, GATEWAYS = 20, 30, 4
WHO = "ann@bastion"
OUTCOMES: Sequence[Outcome] = (
    *(answer(), answer(109, 100), answer(0, 1), answer(150, 180)),
    *(failure(), failure(FailureKind.REJECTED, 400)),
    *(Interrupted(cancelled=True), Interrupted(cancelled=False)),
)


class Hand:
    """One thread: what it does, by chance, and what it counts of the money it moved."""

    def __init__(self, gateway: Gateway, owners: Sequence[Customer], number: int) -> None:
        self.gateway = gateway
        self.owners = owners
        self.chance = random.Random(number)
        self.number = number
        self.jobs: list[tuple[str, Customer]] = []
        self.calls: list[Started] = []
        self.counted: Counter[str] = Counter()
        self.steps: list[Callable[[Customer], object]] = [
            *(self.pay_in, self.buy_tokens, self.hold, self.hold, self.start),
            *(self.settle, self.settle, self.settle, self.cancel, self.adjust),
            *(self.refund, self.cap, self.lose, self.expire),
        ]

    def walk(self) -> None:
        """Do as chance says."""
        for _ in range(STEPS):
            self.chance.choice(self.steps)(self.chance.choice(self.owners))

    def pay_in(self, owner: Customer) -> None:
        """Deposit, twice under one reference."""
        life = self.chance.choice([None, timedelta(hours=1)])
        name = f"{self.number} {len(self.counted)} {self.chance.random()}"
        nanos = self.chance.randint(1, 4 * HOLD_NANOS)
        for _ in range(2):
            wanted = Credit(nanos=nanos, reference=name, expires=life)
            given = credit.deposit(self.gateway, owner.account_id, wanted, actor=WHO)
            self.counted["deposit"] += nanos if given.is_new else 0

    def buy_tokens(self, owner: Customer) -> None:
        """Grant a lot of tokens."""
        tokens = self.chance.randint(1, 500)
        nanos = self.chance.randint(1, 1_000_000)
        wanted = Credit(nanos=nanos, tokens=tokens, instrument="text-prime", expires=None)
        credit.grant(self.gateway, owner.account_id, wanted, actor=WHO)
        self.counted["grant"] += nanos

    def hold(self, owner: Customer) -> None:
        """Submit some jobs, and start them together."""
        some = [make_draft(self.gateway, owner, lane=Lane.BATCH) for _ in range(3)]
        ids = submit(self.gateway, owner, some).job_ids
        self.jobs += [(job_id, owner) for job_id in ids]
        self.calls += start(self.gateway, ids, f"w:{self.number}:w").started

    def start(self, _: Customer) -> None:
        """Start any jobs, of any account, whatever others do to them."""
        change(
            self.gateway,
            "UPDATE jobs SET run_at = now() WHERE id IN (SELECT id FROM jobs"
            " WHERE state IN ('queued', 'waiting') LIMIT 10 FOR UPDATE SKIP LOCKED)",
        )
        rows = look(self.gateway, "SELECT id FROM jobs WHERE finished_at IS NULL")
        ids = [row.id for row in rows]
        self.chance.shuffle(ids)
        self.calls += start(self.gateway, ids[:6], f"w:{self.number}:w").started

    def settle(self, _: Customer) -> None:
        """End some calls of one's own: in time, late, or for the second time."""
        some = self.chance.sample(self.calls, min(3, len(self.calls)))
        by_job = {job.id: job for job in some}
        settle(
            self.gateway,
            [Finished(job=j, outcome=self.chance.choice(OUTCOMES)) for j in by_job.values()],
        )

    def cancel(self, _: Customer) -> None:
        """Cancel a job of one's own."""
        if self.jobs:
            job_id, owner = self.chance.choice(self.jobs)
            cancel(self.gateway, owner.caller, job_id)

    def adjust(self, owner: Customer) -> None:
        """Take a little, if it is there."""
        nanos = self.chance.randint(1, HOLD_NANOS)
        with suppress(InsufficientBalance):
            adjust.adjust(self.gateway, owner.account_id, -nanos, actor=WHO, why="wrong")
            self.counted["taken"] += nanos

    def refund(self, owner: Customer) -> None:
        """Give back what one job of anybody's cost, as others may at the same moment."""
        found = "SELECT id FROM jobs WHERE account_id = :id AND cost_nanos > 0 LIMIT 3"
        rows = look(self.gateway, found, id=owner.account_id)
        if rows:
            job_id = self.chance.choice(rows).id
            with suppress(OutOfRange):
                done = refund.refund(self.gateway, owner.account_id, job_id, None, actor=WHO)
                self.counted["refund"] += done.nanos

    def cap(self, owner: Customer) -> None:
        """Change a cap; new ones are for the last test of this file."""
        key = self.chance.choice([None, owner.caller.key_id])
        limit = self.chance.choice([5 * HOLD_NANOS, 50 * HOLD_NANOS, 10**12])
        caps.set_caps(self.gateway, owner.account_id, key, {Period.MONTH: limit}, actor=WHO)

    def lose(self, _: Customer) -> None:
        """Let a few workers die."""
        change(
            self.gateway,
            "UPDATE jobs SET leased_until = now() - interval '1 s' WHERE id IN (SELECT id"
            " FROM jobs WHERE state = 'running' LIMIT 2 FOR UPDATE SKIP LOCKED)",
        )
        sweep(self.gateway)

    def expire(self, _: Customer) -> None:
        """Let one lot's time be over."""
        change(
            self.gateway,
            "UPDATE lots SET expires_at = now() WHERE id IN (SELECT id FROM lots"
            " WHERE expires_at > now() LIMIT 1 FOR UPDATE SKIP LOCKED)",
        )


def test_twenty_threads_and_one_book(open_another: Callable[..., Gateway]) -> None:
    """What the threads counted is what the book says, by source, and job by job."""
    gateways = [open_another() for _ in range(GATEWAYS)]
    owners = [make_customer(gateways[0], "0") for _ in range(2)]
    for owner in owners:
        for key in (None, owner.caller.key_id):
            caps.set_caps(gateways[0], owner.account_id, key, {Period.MONTH: 10**12}, actor=WHO)
        credit.grant(gateways[0], owner.account_id, Credit(nanos=HOLD_NANOS), actor=WHO)
        start_one(gateways[0], make_job(gateways[0], owner))
    hands = [Hand(gateways[n % GATEWAYS], owners, n) for n in range(THREADS)]
    with _conflicts(gateways) as conflicts:
        at_once(Hand.walk, hands)
    counted = sum((hand.counted for hand in hands), Counter(grant=2 * HOLD_NANOS))
    book = gateways[0]
    assert read.examine(book) == []
    assert _by_source(book) == {
        name: nanos for name, nanos in counted.items() if name != "taken" and nanos
    }
    (row,) = look(
        book,
        "SELECT (SELECT coalesce(sum(used_nanos), 0) FROM lots)::bigint AS used,"
        " (SELECT coalesce(sum(cost_nanos), 0) FROM jobs)::bigint AS cost,"
        " (SELECT count(*) FROM jobs) AS jobs,"
        " (SELECT count(*) FROM jobs WHERE state = 'succeeded') AS succeeded",
    )
    assert row.used == row.cost + counted["taken"]
    assert row.jobs == 2 + sum(len(hand.jobs) for hand in hands)
    assert row.succeeded > 0
    for owner in owners:
        assert _adds_up(book, owner)
    assert conflicts == []


def _by_source(gateway: Gateway) -> dict[str, int]:
    sums = "SELECT source, sum(amount_nanos)::bigint AS nanos FROM lots GROUP BY source"
    return {row.source: row.nanos for row in look(gateway, sums)}


def _adds_up(gateway: Gateway, owner: Customer) -> bool:
    """True when all credit is spent, held, expired, or available."""
    seen = read.balance(gateway, owner.account_id)
    (row,) = look(
        gateway,
        "SELECT coalesce(sum(amount_nanos), 0)::bigint AS nanos FROM lots WHERE account_id = :id",
        id=owner.account_id,
    )
    parts = (
        *(seen.available_nanos, seen.held_nanos, seen.spent_nanos),
        *(seen.adjusted_nanos, seen.expired_nanos),
    )
    return min(parts) >= 0 and sum(parts) == row.nanos


@contextmanager
def _conflicts(gateways: Sequence[Gateway]) -> Iterator[list[str]]:
    """Collect the statements the server ended because two transactions waited for each other."""
    found: list[str] = []

    def collect(error: DBAPIError) -> None:
        if getattr(error.orig, "sqlstate", None) in CONFLICTS:
            found.append(str(error.statement))

    with ExitStack() as listening:
        for gateway in gateways:
            listening.enter_context(overheard(gateway.engine, failed=collect))
        yield found

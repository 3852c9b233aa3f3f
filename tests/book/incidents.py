"""A book with everything in it, and what accidents, bad code or a bad hand would do to it."""

from dataclasses import dataclass

from app.gateway import Gateway
from app.services.cancel import cancel
from app.services.operate import adjust, credit, refund
from app.services.operate.credit import Credit
from tests.factories import Customer, answer, make_customer, make_job, settle_one, start_one
from tests.services.book import HOLD, change, make_lot
from tests.services.funds import make_cap, make_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The ids an incident needs."""

    account: str
    poor: str
    cap: str
    unit: str
    paid: str
    running: str
    released: str
    overrun: str
    bought: str
    refunded: str
    granted: str
    first: str


def write(gateway: Gateway) -> Names:
    """Write the book: tokens, caps, an overrun, a shortfall, a refund, a replenishment."""
    owner, exact = make_customer(gateway), make_customer(gateway, HOLD)
    unit, cap = make_tokens(gateway, owner, 300, 1_000_003), make_cap(gateway, owner, 10**9)
    paid, running, released = (make_job(gateway, owner) for _ in range(3))
    settle_one(gateway, start_one(gateway, paid), answer(100, 99))
    held = start_one(gateway, running)
    cancel(gateway, owner.caller, released)
    overrun = make_job(gateway, exact)
    costly = start_one(gateway, overrun)
    make_lot(gateway, exact, 100)
    settle_one(gateway, costly, answer(200, 200))
    given = refund.refund(gateway, owner.account_id, paid, 1_000, actor="ann")
    granted = credit.grant(gateway, owner.account_id, Credit(nanos=50), actor="ann")
    adjust.adjust(gateway, owner.account_id, -7, actor="ann", why="it was wrong")
    (first,) = (part.lot_id for part in held.hold.parts if part.tokens is None)
    return Names(
        account=owner.account_id,
        poor=exact.account_id,
        cap=cap,
        unit=unit,
        paid=paid,
        running=running,
        released=released,
        overrun=overrun,
        bought=_buy(gateway, owner),
        refunded=given.lot_ids[0],
        granted=granted.lot_id,
        first=first,
    )


def _buy(gateway: Gateway, owner: Customer) -> str:
    """A replenishment as it stands in the rows once it is done."""
    lot_id = gateway.new_id("lot")
    for statement in (
        (
            "INSERT INTO replenish_policies (account_id, threshold_nanos, amount_nanos,"
            " monthly_cap_nanos) VALUES (:account, 0, 500, 500)"
        ),
        (
            "INSERT INTO lots (id, account_id, source, amount_nanos)"
            " VALUES (:lot, :account, 'replenishment', 500)"
        ),
        (
            "INSERT INTO transfers (id, kind, account_id, debit, credit, amount_nanos, lot_id)"
            " VALUES (:lot, 'replenishment', :account, 'platform:funding', :account, 500, :lot)"
        ),
        (
            "INSERT INTO replenishments (id, account_id, state, amount_nanos, lot_id, finished_at)"
            " VALUES ('rep_1', :account, 'done', 500, :lot, now())"
        ),
    ):
        change(gateway, statement, account=owner.account_id, lot=lot_id)
    return lot_id


INCIDENTS: list[tuple[str, str, str]] = [
    (
        "a hold is leaked: its row is gone, what it held is not",
        "what a lot holds is what open holds draw from it",
        (
            "DELETE FROM hold_caps; DELETE FROM hold_lots WHERE job_id = :running;"
            " DELETE FROM holds WHERE job_id = :running"
        ),
    ),
    (
        "a release is made twice",
        "what a lot holds is what open holds draw from it",
        "UPDATE lots SET held_nanos = held_nanos - 1 WHERE held_nanos > 0",
    ),
    (
        "a capture is counted twice on its lot",
        "what a lot has spent is what was captured from it",
        (
            "UPDATE lots SET used_nanos = used_nanos + 254500 WHERE account_id = :account"
            " AND source = 'deposit' AND tokens IS NULL"
        ),
    ),
    (
        "a balance is pushed below zero",
        "lots never go below zero",
        (
            "ALTER TABLE lots DROP CONSTRAINT a_lot_never_goes_below_zero;"
            " UPDATE lots SET used_nanos = amount_nanos + 1 WHERE id = :granted"
        ),
    ),
    (
        "tokens are given back without what they cost",
        "tokens of a lot cost their share of it",
        (
            "ALTER TABLE lots DROP CONSTRAINT tokens_of_a_lot_cost_their_share_of_it;"
            " UPDATE lots SET tokens_used = tokens_used - 9 WHERE id = :unit"
        ),
    ),
    (
        "more tokens are held than there are",
        "a lot has the tokens that open holds draw from it",
        "UPDATE hold_lots SET tokens = 300 WHERE lot_id = :unit AND job_id = :running",
    ),
    (
        "a token lot is held in money",
        "a hold sets aside what its tokens may cost",
        "UPDATE hold_lots SET tokens = NULL WHERE lot_id = :unit AND job_id = :running",
    ),
    (
        "a window forgets what is under way",
        "a window holds and has spent what its holds did",
        "UPDATE cap_windows SET held_nanos = 0 WHERE cap_id = :cap",
    ),
    (
        "a window keeps what was released",
        "a window holds and has spent what its holds did",
        "UPDATE cap_windows SET held_nanos = held_nanos + 254500 WHERE cap_id = :cap",
    ),
    (
        "a hold moves to the window of another day",
        "a window holds and has spent what its holds did",
        (
            "INSERT INTO cap_windows (cap_id, starts_on) SELECT cap_id, starts_on + 1"
            " FROM cap_windows; UPDATE hold_caps SET starts_on = starts_on + 1"
            " WHERE job_id = :running"
        ),
    ),
    (
        "a hold is reserved under somebody else's cap",
        "a hold counts under the caps of its own account and key",
        "UPDATE caps SET account_id = :poor, subject_id = :poor WHERE id = :cap",
    ),
    (
        "an overrun is not on its hold",
        "an overrun is what further lots paid",
        "UPDATE holds SET overrun_nanos = 0 WHERE job_id = :overrun",
    ),
    (
        "an overrun is captured beyond the hold",
        "a hold captured what was transferred",
        (
            "ALTER TABLE holds DROP CONSTRAINT a_capture_never_exceeds_its_hold;"
            " UPDATE holds SET captured_nanos = captured_nanos + overrun_nanos, overrun_nanos = 0"
            " WHERE job_id = :overrun"
        ),
    ),
    (
        "a shortfall is charged to the account",
        "a transfer moves between the books of its kind",
        "UPDATE transfers SET debit = account_id WHERE kind = 'shortfall'",
    ),
    (
        "a shortfall is booked on another account",
        "captures belong to the account that held",
        "UPDATE transfers SET account_id = :account WHERE kind = 'shortfall'",
    ),
    (
        "a refund is booked as a gift",
        "a transfer moves between the books of its kind",
        "UPDATE transfers SET debit = 'platform:grants' WHERE lot_id = :refunded",
    ),
    (
        "a refund is worth more than was given",
        "every lot was credited by one transfer",
        "UPDATE lots SET amount_nanos = 2000 WHERE id = :refunded",
    ),
    (
        "a refund has no transfer",
        "an account's book is what its lots have left",
        "DELETE FROM transfers WHERE lot_id = :refunded",
    ),
    (
        "a replenishment is credited twice",
        "every lot was credited by one transfer",
        (
            "INSERT INTO transfers SELECT 'tr_twice', kind, account_id, debit, credit,"
            " amount_nanos, job_id, lot_id, created_at FROM transfers WHERE lot_id = :bought"
        ),
    ),
    (
        "a replenishment is passed off as a deposit",
        "every lot was credited by one transfer",
        "UPDATE lots SET source = 'deposit' WHERE id = :bought",
    ),
    (
        "a replenishment is credited to another account",
        "captures belong to the account that held",
        "UPDATE lots SET account_id = :poor WHERE id = :bought",
    ),
    (
        "an adjustment has no transfer",
        "what a lot has spent is what was captured from it",
        "DELETE FROM transfers WHERE kind = 'adjustment'",
    ),
    (
        "a failed job is paid for",
        "only answers cost money",
        "UPDATE jobs SET state = 'failed', cost_nanos = NULL WHERE id = :paid",
    ),
    (
        "an answer costs more than was captured",
        "an answer was settled once, at its cost",
        "UPDATE jobs SET cost_nanos = cost_nanos * 3 WHERE id = :paid",
    ),
    (
        "a shortfall is forgotten",
        "what an answer used is paid for by somebody",
        "DELETE FROM transfers WHERE kind = 'shortfall'",
    ),
    (
        "more is refunded than was paid",
        "refunds of a job are no more than it cost",
        (
            "UPDATE lots SET amount_nanos = 1000000000 WHERE id = :refunded;"
            "UPDATE transfers SET amount_nanos = 1000000000 WHERE lot_id = :refunded"
        ),
    ),
    (
        "a purchase forgets its lot",
        "a replenishment is a purchase that was done once",
        (
            "UPDATE replenishments SET state = 'failed', reason = 'lost', lot_id = NULL"
            " WHERE lot_id = :bought"
        ),
    ),
    (
        "a hold outlives its job",
        "a hold is open exactly while its job goes on",
        (
            "UPDATE holds SET state = 'open', captured_nanos = 0, closed_at = NULL"
            " WHERE job_id = :overrun"
        ),
    ),
]
"""What happened, the check that must say so, and how it is done behind the triggers' backs."""

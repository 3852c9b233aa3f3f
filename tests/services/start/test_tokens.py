"""Lots of tokens: what a hold draws from them before it draws money."""

from app.domain.attempt import Interrupted
from app.gateway import Gateway
from app.services.keeping.wake import wake
from app.services.start import start
from tests.factories import WORKER, make_customer, make_job, settle_one, start_one
from tests.services.book import lot, make_lot, standing
from tests.services.funds import make_tokens, tokens_of

DAY_S = 86_400.0
TOKENS_MAX = 209
"""What `factories.chat_body()` may come to: 109 tokens in, 100 out."""

OUTPUT_NANOS = 2_000
"""What a token out costs in money."""


def test_tokens_are_drawn_before_money(gateway: Gateway) -> None:
    """A lot of tokens that covers a job leaves its money alone; a token holds what it cost."""
    owner = make_customer(gateway, "0")
    money, tokens = make_lot(gateway, owner, ends_in_s=DAY_S), make_tokens(gateway, owner)
    hold = start_one(gateway, make_job(gateway, owner)).hold
    assert [(part.lot_id, part.tokens) for part in hold.parts] == [(tokens, TOKENS_MAX)]
    assert tokens_of(gateway, tokens) == (0, 0, TOKENS_MAX * 2_000)
    assert lot(gateway, money) == (0, 0)


def test_tokens_cover_input_first_and_money_the_rest(gateway: Gateway) -> None:
    """What a lot of tokens cannot cover is held in money at the price."""
    owner = make_customer(gateway, "0")
    tokens = make_tokens(gateway, owner, 150, 150_000)
    money = make_lot(gateway, owner)
    hold = start_one(gateway, make_job(gateway, owner)).hold
    assert [(part.lot_id, part.tokens, part.nanos) for part in hold.parts] == [
        (tokens, 150, 150_000),
        (money, None, (TOKENS_MAX - 150) * OUTPUT_NANOS),
    ]


def test_tokens_that_end_soonest_are_drawn_first(gateway: Gateway) -> None:
    """Among lots of tokens, too, nearest expiry goes before age."""
    owner = make_customer(gateway, "0")
    never = make_tokens(gateway, owner)
    soon = make_tokens(gateway, owner, 200, 200, ends_in_s=DAY_S)
    hold = start_one(gateway, make_job(gateway, owner)).hold
    assert [(part.lot_id, part.tokens) for part in hold.parts] == [(soon, 200), (never, 9)]


def test_tokens_of_another_instrument_pay_for_nothing(gateway: Gateway) -> None:
    """A lot of tokens serves its own instrument alone, however much it has."""
    owner = make_customer(gateway, "0")
    make_tokens(gateway, owner, instrument="text-max")
    job_id = make_job(gateway, owner)
    start(gateway, [job_id], WORKER)
    assert standing(gateway, job_id) == ("waiting", "balance", 0)


def test_tokens_worth_less_than_a_nano_dollar_are_never_oversold(gateway: Gateway) -> None:
    """Where a million tokens cost one nano-dollar, a second job cannot hold them beside another."""
    owner = make_customer(gateway, "0")
    tokens = make_tokens(gateway, owner, 1_000_000, 1)
    first, second = make_job(gateway, owner), make_job(gateway, owner)
    assert [job.id for job in start(gateway, [first, second], WORKER).started] == [first]
    assert tokens_of(gateway, tokens) == (0, 0, 1)


def test_a_group_shares_a_lot_of_tokens(gateway: Gateway) -> None:
    """What one job of a group holds, the next one does not find."""
    owner = make_customer(gateway, "0")
    make_tokens(gateway, owner, 2 * TOKENS_MAX + 5, 2 * TOKENS_MAX + 5)
    ids = [make_job(gateway, owner) for _ in range(3)]
    assert [job.id for job in start(gateway, ids, WORKER).started] == ids[:2]


def test_a_later_attempt_keeps_its_tokens(gateway: Gateway) -> None:
    """A hold read back has the same parts, tokens before money."""
    owner = make_customer(gateway, "0")
    make_tokens(gateway, owner, 150, 150_000)
    make_lot(gateway, owner, ends_in_s=DAY_S)
    job_id = make_job(gateway, owner)
    first = start_one(gateway, job_id)
    settle_one(gateway, first, Interrupted(cancelled=False))
    assert start_one(gateway, job_id).hold == first.hold


def test_tokens_wake_who_waits_for_them(gateway: Gateway) -> None:
    """A job that lacked balance goes on when its account is given tokens that cover it."""
    owner = make_customer(gateway, "0")
    job_id = make_job(gateway, owner)
    start(gateway, [job_id], WORKER)
    make_tokens(gateway, owner, TOKENS_MAX, 1)
    assert standing(gateway, job_id) == ("queued", None, 0)
    start_one(gateway, job_id)


def test_the_keeper_finds_tokens_too(gateway: Gateway) -> None:
    """Tokens that come back from a hold wake who waits, with nobody to say so."""
    owner = make_customer(gateway, "0")
    make_tokens(gateway, owner, TOKENS_MAX, 1)
    first, second = make_job(gateway, owner), make_job(gateway, owner)
    (started,) = start(gateway, [first, second], WORKER).started
    assert wake(gateway) == 0
    settle_one(gateway, started, Interrupted(cancelled=True))
    assert wake(gateway) == 1
    start_one(gateway, second)


def test_too_few_tokens_wake_nobody(gateway: Gateway) -> None:
    """One token less, and the last one of the answer would cost money that is not there."""
    owner = make_customer(gateway, "0")
    job_id = make_job(gateway, owner)
    start(gateway, [job_id], WORKER)
    make_tokens(gateway, owner, TOKENS_MAX - 1, 1)
    assert wake(gateway) == 0
    make_lot(gateway, owner, OUTPUT_NANOS)
    assert standing(gateway, job_id) in (("queued", None, 0), ("waiting", "balance", 0))
    wake(gateway)
    start_one(gateway, job_id)

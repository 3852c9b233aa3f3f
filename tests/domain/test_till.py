"""Mixed holds, drawn and settled by chance: every nano-dollar and every token is accounted for."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from app.domain.hold import Capture, Hold, Kind, draw_parts
from app.domain.lots import Lot, Part, draw_tokens, held, spent
from app.domain.pricing import Price, Usage, cost, uncovered
from app.domain.settling.till import Till

ALWAYS = "text-prime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Lots after a hold was drawn from them, the hold, and what was used."""

    lots: tuple[Lot, ...]
    hold: Hold
    usage: Usage


def token_lot(number: int, amount: int, tokens: int, used: int = 0) -> Lot:
    """Return a lot of tokens of which some are used, at their cost."""
    return Lot(
        id=f"lot_{number}",
        account_id="acct_1",
        amount_nanos=amount,
        used_nanos=amount * used // tokens,
        held_nanos=0,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        expires_at=None,
        instrument=ALWAYS,
        tokens=tokens,
        tokens_used=used,
    )


def money_lot(number: int, amount: int) -> Lot:
    """Return a lot of money."""
    return Lot(
        id=f"lot_{number}",
        account_id="acct_1",
        amount_nanos=amount,
        used_nanos=0,
        held_nanos=0,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        expires_at=None,
        instrument=None,
    )


@st.composite
def token_lots(chance: st.DrawFn) -> Lot:
    """Return a lot of tokens, dear or cheap, fresh or used."""
    tokens = chance(st.integers(1, 3_000))
    amount = chance(st.integers(1, 50) | st.integers(1, 10**7))
    return token_lot(chance(st.integers(0, 9)), amount, tokens, chance(st.integers(0, tokens)))


@st.composite
def scenes(chance: st.DrawFn) -> Scene:
    """Return a hold that was drawn from what there was, and a usage up to twice its bound."""
    of_tokens = chance(st.lists(token_lots(), max_size=3, unique_by=lambda lot: lot.id))
    amounts = chance(st.lists(st.integers(1, 10**7), max_size=3))
    of_money = [money_lot(10 + at, amount) for at, amount in enumerate(amounts)]
    price = Price(
        input_nanos=chance(st.integers(0, 3 * 10**9)),
        output_nanos=chance(st.integers(0, 3 * 10**9)),
    )
    bound = Usage(
        input_tokens=chance(st.integers(1, 2_000)), output_tokens=chance(st.integers(1, 2_000))
    )
    parts = draw_parts(of_tokens, of_money, bound, price)
    if parts is None:
        of_money = [*of_money, money_lot(19, 10**8)]
        parts = draw_parts(of_tokens, of_money, bound, price)
    assert parts is not None
    lots = tuple(held(lot, parts) for lot in (*of_tokens, *of_money))
    usage = Usage(
        input_tokens=chance(st.integers(0, 2 * bound.input_tokens)),
        output_tokens=chance(st.integers(0, 2 * bound.output_tokens)),
    )
    hold = Hold(job_id="job_1", account_id="acct_1", price=price, parts=parts)
    return Scene(lots=lots, hold=hold, usage=usage)


def paid(captures: tuple[Capture, ...], kind: Kind) -> int:
    """Return what was paid in one way."""
    return sum(each.captured_nanos for each in captures if each.kind is kind)


def check(lot: Lot) -> None:
    """Hold a lot to what its table demands of it."""
    assert lot.used_nanos >= 0
    assert lot.held_nanos >= 0
    assert lot.used_nanos + lot.held_nanos <= lot.amount_nanos
    if lot.tokens is not None:
        assert 0 <= lot.tokens_used <= lot.tokens
        assert lot.used_nanos == lot.amount_nanos * lot.tokens_used // lot.tokens


@given(scenes())
def test_a_hold_never_breaks_a_lot(scene: Scene) -> None:
    """What was drawn leaves every lot within its amount, and its tokens within their number."""
    for lot in scene.lots:
        check(lot)
    by_id = {lot.id: lot for lot in scene.lots}
    for part in scene.hold.parts:
        lot = by_id[part.lot_id]
        if lot.tokens is not None:
            assert part.tokens
            assert lot.tokens_used + part.tokens <= lot.tokens


@given(scenes(), st.sampled_from(["all", "none"]))
def test_a_settlement_never_breaks_a_lot(scene: Scene, drawable: str) -> None:
    """Nothing stays held, no lot gives more than it has, and a capture stays within its part."""
    till = Till(scene.lots, [lot.id for lot in scene.lots] if drawable == "all" else ())
    captures = till.pay(scene.hold, scene.usage, ALWAYS)
    for lot in till.lots.values():
        check(lot)
        assert lot.held_nanos == 0
    for each in captures:
        assert each.kind is not Kind.CAPTURE or 0 <= each.captured_nanos <= each.held_nanos
    assert paid(captures, Kind.CAPTURE) <= scene.hold.nanos


@given(scenes(), st.sampled_from(["all", "none"]))
def test_everything_used_is_paid_for(scene: Scene, drawable: str) -> None:
    """Tokens by their lots, the rest at its price by money; what is missing is the platform's."""
    till = Till(scene.lots, [lot.id for lot in scene.lots] if drawable == "all" else ())
    captures = till.pay(scene.hold, scene.usage, ALWAYS)
    covered = sum(each.tokens for each in captures)
    of_tokens = {lot.id for lot in scene.lots if lot.tokens is not None}
    in_money = sum(each.captured_nanos for each in captures if each.lot_id not in of_tokens)
    total = scene.usage.input_tokens + scene.usage.output_tokens
    assert covered <= total
    assert in_money == cost(uncovered(scene.usage, covered), scene.hold.price)


@given(scenes())
def test_a_shortfall_means_that_nothing_was_left(scene: Scene) -> None:
    """The platform pays only when no lot has money, nor a token, that could be drawn."""
    till = Till(scene.lots, [lot.id for lot in scene.lots])
    captures = till.pay(scene.hold, scene.usage, ALWAYS)
    if paid(captures, Kind.SHORTFALL):
        left = till.lots.values()
        assert not any(lot.available_nanos for lot in left if lot.tokens is None)
        assert not any(lot.available_tokens for lot in left)


@given(scenes())
def test_without_a_report_the_hold_is_spent(scene: Scene) -> None:
    """All its tokens and all its money, and nothing above it."""
    till = Till(scene.lots, [lot.id for lot in scene.lots])
    captures = till.pay(scene.hold, None, ALWAYS)
    assert sum(each.tokens for each in captures) == sum(p.tokens or 0 for p in scene.hold.parts)
    money = sum(part.nanos for part in scene.hold.parts if part.tokens is None)
    of_tokens = {part.lot_id for part in scene.hold.parts if part.tokens is not None}
    assert money == sum(c.captured_nanos for c in captures if c.lot_id not in of_tokens)
    assert {each.kind for each in captures} <= {Kind.CAPTURE}


@given(st.integers(1, 10**9), st.integers(1, 10**6), st.lists(st.integers(1, 10**5)))
def test_draws_telescope(amount: int, tokens: int, draws: list[int]) -> None:
    """However a lot of tokens is cut up, its draws come to exactly what it cost."""
    lot = token_lot(1, amount, tokens)
    total = 0
    for wanted in [*draws, tokens]:
        taken = min(wanted, tokens - lot.tokens_used)
        nanos = spent(lot, taken)
        total += nanos
        lot = replace(lot, used_nanos=lot.used_nanos + nanos, tokens_used=lot.tokens_used + taken)
        check(lot)
    assert total == amount


@given(st.integers(1, 100), st.integers(1, 1_000), st.lists(st.integers(1, 300), max_size=9))
def test_holds_at_once_never_oversell(amount: int, tokens: int, draws: list[int]) -> None:
    """Holds beside each other, rounded up each, are all settled in whole without breaking a lot."""
    lot = token_lot(1, amount, tokens)
    given_out: list[Part] = []
    for wanted in draws:
        parts = draw_tokens([lot], wanted)
        lot = held(lot, parts)
        given_out += parts
        check(lot)
    for part in given_out:
        assert part.tokens is not None
        nanos = spent(lot, part.tokens)
        assert nanos <= part.nanos
        lot = replace(
            lot,
            held_nanos=lot.held_nanos - part.nanos,
            used_nanos=lot.used_nanos + nanos,
            tokens_used=lot.tokens_used + part.tokens,
        )
        check(lot)
    assert lot.held_nanos == 0


def test_all_tokens_of_a_lot_can_be_drawn() -> None:
    """When nothing else holds, not one token is left behind by rounding."""
    lot = token_lot(1, 10, 3, used=1)
    assert lot.available_tokens == 2
    assert [part.tokens for part in draw_tokens([lot], 9)] == [2]
    assert money_lot(1, 5).available_tokens == 0

"""Lots: what a hold draws from which credit."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.lots import Lot, Part, draw, drawing_order, held

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def a_lot(
    name: str = "lot_1",
    amount: int = 100,
    *,
    used: int = 0,
    held: int = 0,
    created_at: datetime = NOW,
    expires_at: datetime | None = None,
    instrument: str | None = None,
) -> Lot:
    """Return a lot of account acct_1."""
    return Lot(
        id=name,
        account_id="acct_1",
        amount_nanos=amount,
        used_nanos=used,
        held_nanos=held,
        created_at=created_at,
        expires_at=expires_at,
        instrument=instrument,
    )


@st.composite
def some_lots(draw_from: st.DrawFn) -> list[Lot]:
    """Return up to six lots, some of them used up or held in part or whole."""
    lots = []
    for number in range(draw_from(st.integers(0, 6))):
        amount = draw_from(st.integers(0, 10**15))
        used = draw_from(st.integers(0, amount))
        reserved = draw_from(st.integers(0, amount - used) | st.just(amount - used))
        lots.append(a_lot(f"lot_{number}", amount, used=used, held=reserved))
    return lots


def available(lots: Sequence[Lot]) -> int:
    """Return what all lots together may still give."""
    return sum(lot.available_nanos for lot in lots)


@given(some_lots(), st.integers(0, 10**16))
def test_a_draw_is_exact_or_not_at_all(lots: list[Lot], nanos: int) -> None:
    """The parts sum to exactly what was asked for; None comes only when the lots fall short."""
    parts = draw(lots, nanos)
    if parts is None:
        assert available(lots) < nanos
    else:
        assert sum(part.nanos for part in parts) == nanos


@given(some_lots(), st.data())
def test_no_lot_gives_more_than_it_has(lots: list[Lot], data: st.DataObject) -> None:
    """Each part is positive, at most what its lot had available, and lots give once."""
    parts = draw(lots, data.draw(st.integers(0, available(lots))))
    assert parts is not None
    has = {lot.id: lot.available_nanos for lot in lots}
    assert all(0 < part.nanos <= has[part.lot_id] for part in parts)
    assert len({part.lot_id for part in parts}) == len(parts)


@given(some_lots(), st.data())
def test_lots_are_emptied_in_the_given_order(lots: list[Lot], data: st.DataObject) -> None:
    """A lot gives something only after every lot before it has given all it had."""
    parts = draw(lots, data.draw(st.integers(0, available(lots))))
    assert parts is not None
    given_by = {part.lot_id: part.nanos for part in parts}
    full = [lot for lot in lots if lot.available_nanos]
    emptied = [lot for lot in full if given_by.get(lot.id) == lot.available_nanos]
    assert full[: len(emptied)] == emptied
    assert len(given_by) <= len(emptied) + 1


@given(some_lots(), st.data())
def test_a_held_part_cannot_be_drawn_again(lots: list[Lot], data: st.DataObject) -> None:
    """Once held, parts are gone from what the next draw finds, to the last nano-dollar."""
    before = available(lots)
    nanos = data.draw(st.integers(0, before))
    parts = draw(lots, nanos)
    assert parts is not None
    after = [held(lot, parts) for lot in lots]
    assert available(after) == before - nanos
    assert draw(after, before - nanos + 1) is None


def test_nothing_is_drawn_for_nothing() -> None:
    """A hold of zero is drawn from no lot, and needs none."""
    assert draw([a_lot()], 0) == ()
    assert draw([], 0) == ()


def test_lots_that_fall_short_give_nothing() -> None:
    """One nano-dollar too much, and there is no draw at all."""
    lots = [a_lot("lot_1", 60), a_lot("lot_2", 40)]
    assert draw(lots, 101) is None
    assert draw(lots, 100) == (Part(lot_id="lot_1", nanos=60), Part(lot_id="lot_2", nanos=40))


def test_an_empty_lot_is_passed_over() -> None:
    """A lot without anything available leaves no part of zero behind."""
    lots = [a_lot("lot_1", 10, used=4, held=6), a_lot("lot_2", 10)]
    assert draw(lots, 5) == (Part(lot_id="lot_2", nanos=5),)


def test_scope_is_the_callers_business() -> None:
    """A draw takes from the lots it is given, whatever instrument they are meant for."""
    lots = [a_lot("lot_1", 10, instrument="text-max"), a_lot("lot_2", 10)]
    assert draw(lots, 15) == (Part(lot_id="lot_1", nanos=10), Part(lot_id="lot_2", nanos=5))


def test_holding_counts_only_the_lots_own_parts() -> None:
    """Parts of other lots leave a lot as it was."""
    parts = [Part(lot_id="lot_1", nanos=3), Part(lot_id="lot_2", nanos=5)]
    assert held(a_lot("lot_1", held=1), parts).held_nanos == 4
    assert held(a_lot("lot_3", held=1), parts) == a_lot("lot_3", held=1)


def test_what_expires_first_is_drawn_first() -> None:
    """Nearest expiry first, lots that never expire last, equals oldest first."""
    soon, late = NOW + timedelta(days=1), NOW + timedelta(days=1, microseconds=1)
    lots = [
        a_lot("lot_2"),
        a_lot("lot_6", expires_at=late),
        a_lot("lot_1"),
        a_lot("lot_4", expires_at=late),
        a_lot("lot_5", expires_at=soon),
    ]
    drawn = [lot.id for lot in sorted(lots, key=drawing_order)]
    assert drawn == ["lot_5", "lot_4", "lot_6", "lot_1", "lot_2"]


def test_among_equals_the_oldest_is_drawn_first() -> None:
    """The database's clock tells which that is; ids come from the clocks of many processes."""
    young, old = a_lot("lot_1"), a_lot("lot_2", created_at=NOW - timedelta(seconds=1))
    assert min(young, old, key=drawing_order) == old


def test_a_lot_that_expired_long_ago_comes_before_one_that_never_does() -> None:
    """Moments before the epoch are moments like any other."""
    old = a_lot("lot_2", expires_at=datetime(1969, 1, 1, tzinfo=UTC))
    assert min(a_lot("lot_1"), old, key=drawing_order) == old

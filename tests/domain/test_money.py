"""Dollars on the wire are decimal strings; inside they are whole nano-dollars."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.money import DOLLARS_MAX, NANOS_PER_DOLLAR, format_dollars, parse_dollars

BIGINT_MAX = 2**63 - 1

amounts = st.integers(0, DOLLARS_MAX * NANOS_PER_DOLLAR - 1)


@given(amounts)
def test_what_is_formatted_parses_back(nanos: int) -> None:
    """No nano-dollar is lost on the way out and in again."""
    assert parse_dollars(format_dollars(nanos)) == nanos


@given(st.integers(-BIGINT_MAX, BIGINT_MAX))
def test_two_to_nine_decimals_are_shown(nanos: int) -> None:
    """Any BIGINT is shown as a decimal string with two to nine decimals."""
    assert re.fullmatch(r"-?\d+\.\d{2}(\d{0,6}[1-9])?", format_dollars(nanos))


@given(amounts.filter(bool))
def test_a_debt_is_the_amount_with_a_sign(nanos: int) -> None:
    """A negative amount is its opposite behind a minus."""
    assert format_dollars(-nanos) == "-" + format_dollars(nanos)


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("0", 0),
        ("12", 12_000_000_000),
        ("12.5", 12_500_000_000),
        ("12.50", 12_500_000_000),
        ("0.000000001", 1),
        (" 3 ", 3_000_000_000),
        ("007", 7_000_000_000),
    ],
)
def test_amounts_as_people_write_them(text: str, nanos: int) -> None:
    """Whole dollars, cents and nano-dollars all mean what they say."""
    assert parse_dollars(text) == nanos


@pytest.mark.parametrize(
    ("nanos", "text"),
    [(0, "0.00"), (1, "0.000000001"), (12_500_000_000, "12.50"), (-10_000_000, "-0.01")],
)
def test_amounts_as_they_are_shown(nanos: int, text: str) -> None:
    """At least two decimals are shown, and no zeros behind them."""
    assert format_dollars(nanos) == text


@pytest.mark.parametrize(
    "text",
    ["", ".", ".5", "1.", "+1", "-1", "1e3", "1,5", "1_0", "0x1", "nan", "inf", "$1", "1 2", "1\0"],
)
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    """Signs, exponents, separators and words are refused with a sentence that quotes them."""
    with pytest.raises(ValueError, match=re.escape(repr(text)) + " is not an amount"):
        parse_dollars(text)


@pytest.mark.parametrize("text", ["١٢", "１.５", "१०"])  # noqa: RUF001 - such digits are the point
def test_digits_of_other_scripts_are_refused(text: str) -> None:
    """An amount is written in ASCII digits, as every other reader of it expects."""
    with pytest.raises(ValueError, match="is not an amount"):
        parse_dollars(text)


@pytest.mark.parametrize("value", [12, 1.5, True, None, b"1", ["1"]])
def test_what_is_not_text_is_refused(value: object) -> None:
    """A number is never taken for an amount, so no float can slip in."""
    with pytest.raises(ValueError, match="is not an amount"):
        parse_dollars(value)  # type: ignore[arg-type]


def test_a_tenth_decimal_is_refused() -> None:
    """What is finer than a nano-dollar is refused, not rounded."""
    with pytest.raises(ValueError, match="at most nine decimals"):
        parse_dollars("0.0000000001")


def test_the_largest_amount_is_taken() -> None:
    """DOLLARS_MAX itself is an amount, and fits a BIGINT."""
    assert parse_dollars(str(DOLLARS_MAX)) == DOLLARS_MAX * NANOS_PER_DOLLAR <= BIGINT_MAX


@pytest.mark.parametrize(
    "text", [f"{DOLLARS_MAX}.000000001", str(DOLLARS_MAX + 1), "9" * 10, "9" * 40]
)
def test_more_than_the_largest_amount_is_refused(text: str) -> None:
    """What a BIGINT could not hold is refused with the limit."""
    with pytest.raises(ValueError, match=f"more than {DOLLARS_MAX} dollars"):
        parse_dollars(text)

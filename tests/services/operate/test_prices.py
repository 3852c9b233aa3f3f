"""Prices that are likely mistakes are told before they cost somebody money."""

import pytest

from app.domain.money import parse_dollars
from app.domain.pricing import Price
from app.gateway import Gateway
from app.services.operate.prices import last_charged, quoted
from app.services.start import start
from tests.factories import WORKER, Customer, make_job
from tests.services.book import at_price


def priced(dollars: str) -> Price:
    """Return a price that is the same for input and output."""
    return Price(input_nanos=parse_dollars(dollars), output_nanos=parse_dollars(dollars))


def oddities(gateway: Gateway, now: str, last: str | None = None) -> tuple[str, ...]:
    """Return what is odd about one price of text-prime."""
    before = {} if last is None else {"text-prime": priced(last)}
    found = quoted(at_price(gateway, priced(now)).catalog, before)
    return next(each.oddities for each in found if each.instrument == "text-prime")


@pytest.mark.parametrize(
    ("now", "last"),
    [("3", None), ("0.0001", None), ("1000", None), ("0", None), ("3", "0.31"), ("0", "0")],
)
def test_usual_prices_are_not_odd(gateway: Gateway, now: str, last: str | None) -> None:
    """Nor is what is free and was, nor a change below ten times."""
    assert oddities(gateway, now, last) == ()


@pytest.mark.parametrize(
    ("now", "last", "says"),
    [
        ("0.000003", None, "less than $0.0001 per million tokens; if it is per token, write 3.00"),
        (
            "0.000000001",
            None,
            "less than $0.0001 per million tokens; if it is per token, write 0.0",
        ),
        ("1000.01", None, "price 1000.01: more than $1,000 per million tokens"),
        ("30", "3", "price went up from 3.00 to 30.00, by 10 times, since its newest job"),
        ("0.02", "3", "price went down from 3.00 to 0.02, by 150 times"),
        ("0", "3", "price went down from 3.00 to 0.00, since its newest job"),
        ("3", "0", "price went up from 0.00 to 3.00, since its newest job"),
    ],
)
def test_what_is_odd_is_told_of_both_prices(
    gateway: Gateway, now: str, last: str | None, says: str
) -> None:
    """The sentence has the figures, and the way out where it can be known."""
    found = oddities(gateway, now, last)
    assert [each.partition(" ")[0] for each in found] == ["input", "output"]
    assert all(says in each for each in found)


def test_earlier_prices_are_those_of_the_newest_jobs(gateway: Gateway, customer: Customer) -> None:
    """A price counts once a job was held at it; instruments nobody used have none."""
    assert last_charged(gateway) == {}
    for dollars in ("5", "7"):
        start(at_price(gateway, priced(dollars)), [make_job(gateway, customer)], WORKER)
    assert last_charged(gateway) == {"text-prime": priced("7")}

"""The catalog's limits of keys and accounts."""

import re

import pytest

from app.catalog import EXAMPLE, load
from app.domain.limits.limit import LIMIT_MAX, NO_LIMITS, Limits

from .conftest import Write
from .samples import GOOD, places, refusal


def test_nothing_is_limited_unless_it_is_said(write: Write) -> None:
    """A catalog without limits has none."""
    catalog = load(write(GOOD))
    assert catalog.key_limits == catalog.account_limits == NO_LIMITS


def test_keys_and_accounts_are_limited_apart(write: Write) -> None:
    """Each table binds what it is named for; what it leaves out is not limited."""
    tables = "[limits.key]\nrequests_per_minute = 60\n[limits.account]\nconcurrent_calls = 9\n"
    catalog = load(write(GOOD + tables))
    assert catalog.key_limits == Limits(requests_per_minute=60)
    assert catalog.account_limits == Limits(concurrent_calls=9)


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("[limits.key]\nrequests_per_minute = 0", "limits.key.requests_per_minute"),
        ("[limits.key]\ntokens_per_minute = -1", "limits.key.tokens_per_minute"),
        ("[limits.key]\ntokens_per_minute = 1.5", "limits.key.tokens_per_minute"),
        ('[limits.key]\ntokens_per_minute = "60"', "limits.key.tokens_per_minute"),
        ("[limits.key]\nconcurrent_calls = true", "limits.key.concurrent_calls"),
        (
            f"[limits.account]\nconcurrent_calls = {LIMIT_MAX + 1}",
            "limits.account.concurrent_calls",
        ),
        ("[limits.account]\nrequests = 1", "limits.account.requests"),
        ("[limits.keys]\nrequests_per_minute = 1", "limits.keys"),
        ("[limits]\nrequests_per_minute = 1", "limits.requests_per_minute"),
    ],
)
def test_a_wrong_limit_is_refused_by_its_key(write: Write, lines: str, place: str) -> None:
    """Wrong types, ranges and names are refused with the full key."""
    assert place in places(refusal(write(f"{GOOD}\n{lines}\n")))


def test_the_example_limits_nothing() -> None:
    """A first run meets no limit, and pays for none."""
    catalog = load(EXAMPLE)
    assert catalog.key_limits == catalog.account_limits == NO_LIMITS


def test_the_examples_commented_limits_are_good(write: Write) -> None:
    """Whoever takes the comment signs away has a catalog that loads."""
    text = EXAMPLE.read_text(encoding="utf-8")
    start = text.index("# [limits.key]")
    uncommented = re.sub(r"(?m)^# (\[limits|\w+ = \d)", r"\1", text[start:])
    catalog = load(write(text[:start] + uncommented))
    for limits in (catalog.key_limits, catalog.account_limits):
        assert None not in (
            limits.requests_per_minute,
            limits.tokens_per_minute,
            limits.concurrent_calls,
        )

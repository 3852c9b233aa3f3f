"""What every adapter makes of a usage report: believed, or None and a flag."""

import json
from typing import Any

import pytest

from app.domain.pricing import Usage
from app.providers.base import TOKENS_MAX
from tests.simulator.running import Simulator

from .calling import Asking
from .peer import Peer


def test_usage_is_what_the_upstream_reports(adapter: Asking, upstream: str) -> None:
    """An honest report is believed, and passed on in the answer as it came."""
    answer = adapter.answered(upstream)
    assert answer.usage is not None
    assert answer.flags == ()
    reported = json.loads(answer.body)["usage"]
    counts = (answer.usage.input_tokens, answer.usage.output_tokens)
    assert counts == tuple(reported[name] for name in adapter.dialect.sums)
    assert min(counts) > 0


def test_details_are_counted(adapter: Asking, peer: Peer) -> None:
    """Cached and reasoning tokens are told where they are reported."""
    peer.answers(adapter.dialect.answer(usage=adapter.dialect.counts(30, 20, 10, 5)))
    assert adapter.answered(peer.url).usage == Usage(
        input_tokens=30, output_tokens=20, cached_tokens=10, reasoning_tokens=5
    )


def test_a_part_is_never_more_than_its_sum(adapter: Asking, peer: Peer) -> None:
    """More cached than sent, or more thought than said, is counted as all of it."""
    # What Anthropic reads from a cache stands beside the rest, so it is a part by definition.
    cached = 31 if adapter.dialect.protocol == "openai" else 30
    peer.answers(adapter.dialect.answer(usage=adapter.dialect.counts(30, 20, cached, 21)))
    assert adapter.answered(peer.url).usage == Usage(
        input_tokens=30, output_tokens=20, cached_tokens=30, reasoning_tokens=20
    )


def test_an_answer_may_have_cost_no_tokens(adapter: Asking, peer: Peer) -> None:
    """Zero is a number of tokens like any other."""
    peer.answers(adapter.dialect.answer(usage=adapter.dialect.counts(0, 0)))
    assert adapter.answered(peer.url).usage == Usage(input_tokens=0, output_tokens=0)


@pytest.mark.parametrize("wrong", ["missing", "null", "negative", "absurd"])
def test_a_wrong_report_is_none_and_a_flag(
    adapter: Asking, simulator: Simulator, upstream: str, wrong: str
) -> None:
    """The answer stands, its usage is unknown, and one flag says what was wrong."""
    simulator.set({"fault": "wrong_usage", "usage": wrong})
    answer = adapter.answered(upstream)
    assert answer.usage is None
    assert [flag.partition("_")[0] for flag in answer.flags] == ["usage"]


@pytest.mark.parametrize("count", [True, 1.0, "1", [1], {}, -1, TOKENS_MAX + 1, 10**30])
@pytest.mark.parametrize("place", range(4))
def test_a_count_is_a_whole_number_in_range(
    adapter: Asking, peer: Peer, place: int, count: Any
) -> None:
    """Anything else in any place of the report makes the whole of it unbelievable."""
    counts: list[Any] = [1, 1, 1, 1]
    counts[place] = count
    peer.answers(adapter.dialect.answer(usage=adapter.dialect.counts(*counts)))
    answer = adapter.answered(peer.url)
    assert (answer.usage, answer.flags) == (None, ("usage_invalid",))


@pytest.mark.parametrize("place", range(2))
def test_both_sums_are_needed(adapter: Asking, peer: Peer, place: int) -> None:
    """A report without one of the sums says nothing about what is owed."""
    counts: list[int | None] = [1, 1]
    counts[place] = None
    peer.answers(adapter.dialect.answer(usage=adapter.dialect.counts(*counts)))
    answer = adapter.answered(peer.url)
    assert (answer.usage, answer.flags) == (None, ("usage_invalid",))


@pytest.mark.parametrize("report", [[], "many", 7, True])
def test_a_report_is_an_object(adapter: Asking, peer: Peer, report: Any) -> None:
    """What is no object is no report."""
    peer.answers(adapter.dialect.answer(usage=report))
    answer = adapter.answered(peer.url)
    assert (answer.usage, answer.flags) == (None, ("usage_missing",))


@pytest.mark.parametrize(
    ("sent", "got", "flags"),
    [(20, 40, ()), (21, 40, ("usage_absurd",)), (20, 41, ("usage_absurd",))],
)
def test_a_report_is_believed_up_to_twice_the_bound(
    adapter: Asking, peer: Peer, sent: int, got: int, flags: tuple[str, ...]
) -> None:
    """Counters differ, but not by more than twice what the request can hold."""
    peer.answers(adapter.dialect.answer(usage=adapter.dialect.counts(sent, got)))
    answer = adapter.answered(peer.url, input_tokens_max=10, output_tokens_max=20)
    assert answer.flags == flags
    assert (answer.usage is None) == bool(flags)

"""The pure rules say what Redis does, and count a request's tokens."""

import base64
import json
import math
import os
import time
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.limits.bucket import Bucket
from app.domain.limits.counting import FILE_TOKENS, OUTPUT_TOKENS_COUNTED_MAX, tokens_counted
from app.domain.limits.limit import Limits, Measure
from app.domain.limits.verdict import Demand, judge, refusal
from app.limiter.alone import Alone
from app.limiter.limiter import Limiter
from app.limiter.seats import Seats

from .ordering import CALLS, REQUESTS, TOKENS, Clock, demand, order

STEPS = st.lists(
    st.tuples(
        st.integers(min_value=-20, max_value=90),
        st.sampled_from([1, 3, 7, 60, 1_000]),
        st.integers(min_value=-30, max_value=1_100),
        st.sampled_from([2, 60, 100_000]),
        st.booleans(),
    ),
    max_size=25,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_redis_and_the_rules_agree(redis_url: str, steps: list[tuple[int, ...]]) -> None:
    """Whatever is asked, whenever, under limits that change: both decide and count the same."""
    clock = Clock()
    limiter = Limiter(redis_url, prefix=f"limits:{uuid.uuid4().hex}:", clock=clock)
    alone = Alone(1, Seats())
    for passed_s, most, amount, account_most, both in steps:
        clock.now_s += passed_s
        demands = [demand(TOKENS, most, max(-most, min(amount, most)))]
        if both:
            demands.append(demand(REQUESTS, account_most, account=True))
        asked = order(*demands)
        by_rule, by_redis = alone.take(asked, clock.now_s), limiter.take(asked)
        assert by_redis.granted == by_rule.granted
        assert by_redis.readings == by_rule.readings
    limiter.close()


@given(
    most=st.integers(min_value=1, max_value=10**9),
    used=st.floats(min_value=0, max_value=1e9),
    waits=st.lists(st.floats(min_value=0, max_value=100), min_size=1, max_size=5),
)
def test_a_bucket_drains_the_same_in_one_look_or_many(
    most: int, used: float, waits: list[float]
) -> None:
    """How often a bucket is looked at does not change how fast it drains."""
    start = Bucket(used=min(used, most), at_s=0)
    looked, now_s = start, 0.0
    for wait in waits:
        now_s += wait
        looked = looked.drained(most, now_s)
    assert math.isclose(looked.used, start.drained(most, now_s).used, abs_tol=most * 1e-9)


def test_limits_of_a_keys_own_come_first() -> None:
    """What a key says of itself holds; the rest is the default."""
    own = Limits(tokens_per_minute=5)
    defaults = Limits(requests_per_minute=60, tokens_per_minute=1_000)
    assert own.over(defaults) == Limits(requests_per_minute=60, tokens_per_minute=5)


@pytest.mark.parametrize(
    ("asked", "used", "says"),
    [
        (demand(REQUESTS, 60), 60, "this key may use 60 requests a minute, 0 are left"),
        (demand(REQUESTS, 60), 60, "try again in 1 s, all 60 are back in 60 s"),
        (demand(TOKENS, 100, 80, account=True), 50, "this account may use 100 tokens a minute"),
        (demand(TOKENS, 100, 80), 50, "50 are left, and this request counts for 80"),
        (demand(CALLS, 4, account=True), 4, "this account may have 4 open and has them"),
    ],
)
def test_a_refusal_names_the_limit_its_value_and_the_time(
    asked: Demand, used: float, says: str
) -> None:
    """The message alone tells what to do, as SDKs print nothing else."""
    assert says in refusal(judge([asked], [used])).message


def test_a_refusal_waits_for_the_slowest_limit() -> None:
    """Of two limits that refuse, the one that takes longer is told."""
    error = refusal(judge([demand(REQUESTS, 60), demand(TOKENS, 60, 30)], [60, 60]))
    assert error.retry_after_s == pytest.approx(30)
    assert "tokens" in error.message


@pytest.mark.parametrize("measure", list(Measure))
def test_nobody_is_told_to_wait_longer_than_a_minute(measure: Measure) -> None:
    """Clients ignore a Retry-After above 60 seconds, or sleep for hours."""
    error = refusal(judge([demand(measure, 1)], [10**6]))
    assert error.retry_after_s is not None
    assert 0 < error.retry_after_s <= 60


def test_a_text_counts_a_token_for_four_bytes() -> None:
    """A prompt of 4,000 bytes that wants 100 tokens counts for 1,100."""
    body = b"word " * 800
    assert tokens_counted(body, input_tokens_max=9_999, output_tokens_max=100) == 1_100


def test_the_longest_answers_do_not_spend_a_minute() -> None:
    """A client that always asks for 128,000 tokens counts for a plain long answer."""
    counted = tokens_counted(b"", input_tokens_max=64, output_tokens_max=128_000)
    assert counted == OUTPUT_TOKENS_COUNTED_MAX


@pytest.mark.parametrize("slash", ["/", "\\/"])
@pytest.mark.parametrize("size", [1_000, 1_000_000])
def test_an_image_counts_the_same_at_any_size(size: int, slash: str) -> None:
    """Base64 is not read as prose, whether an encoder escapes its slashes or not."""
    data = base64.b64encode(os.urandom(size)).decode().replace("/", slash)
    body = ('{"image_url": {"url": "data:image/png;base64,' + data + '"}}').encode()
    counted = tokens_counted(body, input_tokens_max=10**6, output_tokens_max=0)
    assert FILE_TOKENS <= counted <= FILE_TOKENS + 20


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_a_script_without_spaces_is_prose(ensure_ascii: bool) -> None:  # noqa: FBT001
    """Chinese has no spaces, is often sent escaped, and is text all the same."""
    body = json.dumps({"content": "数据总线" * 2_000}, ensure_ascii=ensure_ascii).encode()
    assert tokens_counted(body, input_tokens_max=10**6, output_tokens_max=0) > 5_000


def test_no_more_is_counted_than_can_come() -> None:
    """The bound of the input and the answer that is wanted are the most that counts."""
    assert tokens_counted(b"x " * 10_000, input_tokens_max=70, output_tokens_max=5) == 75


def test_the_largest_body_is_counted_in_no_time() -> None:
    """Ten million bytes of short runs, the worst for a search, take a fraction of a second."""
    body = b'"' + b" ".join([b"x" * 1_000] * 5_000) + b'"' + b'"y"' * 1_500_000
    began = time.monotonic()
    tokens_counted(body, input_tokens_max=10**6, output_tokens_max=0)
    assert time.monotonic() - began < 2

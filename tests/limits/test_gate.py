"""The gate before every submit: what a request counts for, and under which limits."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain.errors import OutOfRange, RateLimited
from app.domain.job import Lane, NewJob, OnEmpty
from app.domain.limits.limit import Limits
from app.gateway import Gateway, open_gateway
from app.limiter.limiter import Limiter
from app.services.accounts import Caller
from app.services.limiting.gate import Gate, Grant
from app.services.submit import Submission
from app.settings import Settings
from app.wire.surface import CHAT

from .conftest import Open
from .ordering import Cable

CALLER = Caller(account_id="acct_1", key_id="key_1")
NOWHERE = "postgresql+psycopg://nowhere/busbar"

Make = Callable[..., Gate]


@pytest.fixture
def make(limiter: Limiter, redis_url: str) -> Make:
    """Make a gate under the limits of a catalog."""

    def made(key: Limits | None = None, account: Limits | None = None) -> Gate:
        return Gate(_gateway(redis_url, key, account), limiter)

    return made


def submission(*jobs: NewJob, key: str | None = None, is_retry: bool = False) -> Submission:
    """Return a request for jobs; one small one if none are given."""
    return Submission(
        key_id=CALLER.key_id,
        fingerprint=b"f" * 32,
        idempotency_key=key,
        is_retry=is_retry,
        jobs=jobs or (job(),),
    )


def job(number: int = 1, *, tokens: int = 100) -> NewJob:
    """Return a job that counts for so many tokens."""
    return NewJob(
        id=f"job_{number}",
        account_id=CALLER.account_id,
        key_id=CALLER.key_id,
        lane=Lane.INTERACTIVE,
        endpoint=CHAT.endpoint,
        instrument="text-prime",
        custom_id=None,
        metadata=None,
        on_empty=OnEmpty.FAIL,
        deadline_s=60,
        input_tokens_max=0,
        output_tokens_max=tokens,
        fingerprint=None,
        request=b"{}",
    )


def granted(grants: list[Grant]) -> list[bool]:
    """Return which of them were granted."""
    return [grant.verdict.granted for grant in grants]


def test_without_limits_redis_is_not_asked(cable: Cable) -> None:
    """A gateway that limits nothing makes no round trip, and not even a connection."""
    gate = Gate(_gateway(cable.url, None, None))
    for _ in range(3):
        gate.call(CALLER, submission()).close()
        gate.submit(CALLER, submission()).attached()
    assert cable.sent == 0


def test_a_call_takes_requests_tokens_and_a_seat(make: Make) -> None:
    """Each of the three limits of the key lets so much through and no more."""
    for limits, lets in [
        (Limits(requests_per_minute=2), 2),
        (Limits(tokens_per_minute=350), 3),
        (Limits(concurrent_calls=1), 1),
    ]:
        key = replace(CALLER, key_id=f"key_of_{lets}")
        gate = make(limits)
        assert granted([gate.call(key, submission()) for _ in range(lets + 1)]) == [
            *([True] * lets),
            False,
        ]


def test_a_call_that_has_ended_makes_room(make: Make) -> None:
    """Closing a grant, as leaving its block does, gives the seat to the next one."""
    gate = make(Limits(concurrent_calls=1))
    with gate.call(CALLER, submission()) as first:
        assert first.verdict.granted
        assert not gate.call(CALLER, submission()).verdict.granted
    assert gate.call(CALLER, submission()).verdict.granted


def test_jobs_nobody_waits_for_need_no_seat(make: Make) -> None:
    """What is answered with 202 is not open, whatever else is."""
    gate = make(Limits(concurrent_calls=1))
    assert gate.call(CALLER, submission()).verdict.granted
    assert granted([gate.submit(CALLER, submission()) for _ in range(3)]) == [True] * 3


def test_each_job_of_a_list_is_a_request(make: Make) -> None:
    """A list is let in as a whole or not at all."""
    gate = make(Limits(requests_per_minute=5))
    lists = submission(job(1), job(2), job(3))
    assert granted([gate.submit(CALLER, lists) for _ in range(2)]) == [True, False]
    assert gate.submit(CALLER, submission(job(4), job(5))).verdict.granted


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(requests_per_minute=2), "jobs: 3 jobs are more than the 2 requests a minute"),
        (Limits(tokens_per_minute=250), "jobs: 3 jobs count for 300 tokens, more than the 250"),
    ],
)
def test_a_list_that_could_never_pass_is_told_so(make: Make, limits: Limits, says: str) -> None:
    """It is refused for good, instead of being sent away to come again for ever."""
    with pytest.raises(OutOfRange) as caught:
        make(limits).submit(CALLER, submission(job(1), job(2), job(3)))
    assert says in caught.value.message
    assert caught.value.param == "jobs"


def test_one_request_can_always_pass(make: Make) -> None:
    """A request that counts for more than a minute gives takes all of a quiet minute."""
    gate = make(Limits(tokens_per_minute=250))
    big = submission(job(tokens=4_000))
    assert granted([gate.call(CALLER, big) for _ in range(2)]) == [True, False]


def test_the_account_limits_all_its_keys_together(make: Make) -> None:
    """Two keys of one account share what the account may use."""
    gate = make(account=Limits(requests_per_minute=3))
    other = replace(CALLER, key_id="key_2")
    asked = [gate.call(caller, submission()) for caller in (CALLER, other, CALLER, other)]
    assert granted(asked) == [True, True, True, False]
    with pytest.raises(RateLimited, match="this account may use 3 requests a minute"):
        asked[-1].check()


def test_a_keys_own_limit_replaces_the_catalogs(make: Make) -> None:
    """It may be smaller or larger, and what it does not name stays the catalog's."""
    gate = make(Limits(requests_per_minute=1, concurrent_calls=9))
    special = replace(CALLER, limits=Limits(requests_per_minute=3))
    assert granted([gate.submit(special, submission()) for _ in range(4)]) == [
        *(True, True, True, False)
    ]
    readings = gate.call(special, submission()).verdict.readings
    assert {reading.limit.most for reading in readings} == {3, 9}


def test_a_refused_call_has_nothing_to_give_back(make: Make) -> None:
    """Closing what was refused frees nobody's seat, and gives no tokens."""
    gate = make(Limits(concurrent_calls=1, tokens_per_minute=150))
    assert gate.call(CALLER, submission()).verdict.granted
    refused = gate.call(CALLER, submission())
    refused.attached()
    refused.close()
    assert not gate.call(CALLER, submission()).verdict.granted
    assert not gate.submit(CALLER, submission()).verdict.granted


@pytest.mark.parametrize("key", [None, "same"])
def test_a_retry_joins_its_running_call(make: Make, key: str | None) -> None:
    """An automatic retry, or the same Idempotency-Key, costs a request and no second seat."""
    gate = make(Limits(requests_per_minute=9, tokens_per_minute=150, concurrent_calls=1))
    first = gate.call(CALLER, submission(key=key))
    retry = gate.call(CALLER, submission(job(2), key=key, is_retry=key is None))
    assert retry.verdict.granted
    retry.attached()
    retry.close()
    left = {reading.limit.measure: reading.remaining for reading in retry.verdict.readings}
    assert left == {"requests": 7, "tokens": 50, "calls": 0}
    assert not gate.call(CALLER, submission(job(3))).verdict.granted
    first.close()
    assert gate.submit(CALLER, submission(job(3, tokens=50))).verdict.granted


def test_a_request_that_found_its_job_pays_no_tokens(make: Make) -> None:
    """What attaches after its first call had ended gets its tokens back, not its request."""
    gate = make(Limits(requests_per_minute=3, tokens_per_minute=100))
    for _ in range(3):
        grant = gate.call(CALLER, submission(is_retry=True))
        assert grant.verdict.granted
        grant.attached()
    assert not gate.call(CALLER, submission()).verdict.granted


def test_equal_requests_of_two_keys_have_a_seat_each(make: Make) -> None:
    """Of the account's seats, too: what two keys send is never one call."""
    gate = make(account=Limits(concurrent_calls=2))
    other = replace(CALLER, key_id="key_2")
    theirs = replace(submission(is_retry=True), key_id="key_2")
    calls = [
        gate.call(CALLER, submission()),
        gate.call(other, theirs),
        gate.call(CALLER, submission()),
    ]
    assert granted(calls) == [True, True, False]


def test_seats_of_many_threads_are_never_too_many(open_limiter: Open, redis_url: str) -> None:
    """Under a crowd of equal calls at two processes, at most the limit is open at any moment."""
    limits = Limits(concurrent_calls=3)
    gates = [Gate(_gateway(redis_url, limits, None), open_limiter()) for _ in range(2)]
    lock, seen = threading.Lock(), {"open": 0, "most": 0, "granted": 0}

    def crowd(number: int) -> None:
        for turn in range(40):
            asked = submission(job(number * 1_000 + turn))
            with gates[number % 2].call(CALLER, asked) as grant:
                if not grant.verdict.granted:
                    continue
                with lock:
                    seen["open"] += 1
                    seen["granted"] += 1
                    seen["most"] = max(seen["most"], seen["open"])
                with lock:
                    seen["open"] -= 1

    threads = [threading.Thread(target=crowd, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < seen["most"] <= 3
    assert seen["granted"] > 3
    fresh = [gates[0].call(CALLER, submission(job(each))) for each in range(4)]
    assert granted(fresh) == [True, True, True, False]


def test_a_wait_takes_a_seat_among_the_calls(make: Make) -> None:
    """Who follows a job holds as much of the gateway as who has called it."""
    gate = make(Limits(concurrent_calls=2, requests_per_minute=1))
    first = gate.wait(CALLER)
    assert granted([first, gate.call(CALLER, submission()), gate.wait(CALLER)]) == [
        *(True, True, False)
    ]
    first.close()
    assert gate.wait(CALLER).verdict.granted


def test_a_wait_takes_a_seat_of_the_account(make: Make) -> None:
    """Keys of one account share its seats for waits, too."""
    gate = make(account=Limits(concurrent_calls=1))
    other = replace(CALLER, key_id="key_2")
    assert granted([gate.wait(CALLER), gate.wait(other)]) == [True, False]


def test_no_key_can_wait_on_every_thread(cable: Cable) -> None:
    """Without any limit a key may wait on half of the threads, and Redis is not asked."""
    gate = Gate(_gateway(cable.url, None, None, web_threads=8))
    waits = [gate.wait(CALLER) for _ in range(5)]
    assert granted(waits) == [True] * 4 + [False]
    assert gate.wait(replace(CALLER, key_id="key_2")).verdict.granted
    with pytest.raises(RateLimited, match="this key may have 4 open") as caught:
        waits[-1].check()
    assert caught.value.retry_after_s == 1
    waits[0].close()
    assert granted([gate.wait(CALLER), gate.wait(CALLER)]) == [True, False]
    assert cable.sent == 0


def _gateway(redis_url: str, key: Limits | None, account: Limits | None, **more: int) -> Gateway:
    """Return a gateway of which only the catalog and the settings are used."""
    settings = Settings(database_url=NOWHERE, redis_url=redis_url).model_copy(update=more)
    gateway = open_gateway(settings, name="tests")
    catalog = replace(
        gateway.catalog, key_limits=key or Limits(), account_limits=account or Limits()
    )
    return replace(gateway, catalog=catalog)

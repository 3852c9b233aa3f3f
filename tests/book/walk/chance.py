"""What chance may choose from: amounts, lots of tokens, and how calls end."""

from dataclasses import replace

from hypothesis import strategies as st

from app.domain.attempt import FailureKind, Interrupted, Outcome
from app.domain.pricing import Price
from tests.book.walk.cashier import Ending
from tests.book.walk.rows import INPUT_NANOS, INSTRUMENT, OUTPUT_NANOS
from tests.factories import answer, failure

ODD = Price(input_nanos=INPUT_NANOS, output_nanos=OUTPUT_NANOS)
pick = st.integers(0, 10**6)
side = st.integers(0, 1)
maybe = st.booleans()
scopes = st.sampled_from([None, None, INSTRUMENT, "text-max"])
amounts = st.sampled_from([1, 54_499, 54_500, 254_501, 600_000, 2_000_000]) | st.integers(1, 10**6)
hours = st.sampled_from([None, None, 1, 2, 4])
outputs = st.sampled_from([1, 40, 100])
units = st.sampled_from(
    [(300, 1_000_003), (1_000, 1), (1_000, 7), (150, 149), (209, 418_001), (10**6, 2 * 10**9)]
)
limits = st.sampled_from([None, 0, 254_500, 300_000, 600_000]) | st.integers(0, 10**6)
usual = st.builds(Ending, way=st.just("answer"), sent=st.integers(0, 109), got=st.integers(0, 100))
above = st.builds(
    Ending, way=st.just("answer"), sent=st.integers(100, 219), got=st.integers(0, 201)
)
free = st.builds(
    Ending,
    way=st.sampled_from(["empty", "reject", "retry", "late", "drain", "stop"]),
    sent=st.integers(0, 109),
    got=st.integers(0, 100),
)
odd = st.sampled_from([Ending(way="missing"), Ending(way="answer", sent=-1, got=5)])
endings = st.one_of(usual, above, free, odd)


def outcome(ending: Ending) -> Outcome:
    """What a call brings that ended so."""
    given = answer(ending.sent, ending.got)
    ways: dict[str, Outcome] = {
        "answer": given,
        "missing": replace(given, usage=None),
        "empty": replace(given, flags=("empty",)),
        "reject": failure(FailureKind.REJECTED, 400),
        "retry": failure(),
        "late": replace(failure(), symbol="deadline"),
        "drain": Interrupted(cancelled=False),
        "stop": Interrupted(cancelled=True),
    }
    return ways[ending.way]

"""What chance may choose from: amounts, lots of tokens, and how calls end."""

from dataclasses import replace

from hypothesis import strategies as st

from app.domain.attempt import FailureKind, Interrupted, Outcome
from app.domain.pricing import Price
from tests.book.cashier import Ending
from tests.book.oracle import INPUT_NANOS, OUTPUT_NANOS
from tests.factories import answer, failure

ODD = Price(input_nanos=INPUT_NANOS, output_nanos=OUTPUT_NANOS)
pick = st.integers(0, 10**6)
side = st.integers(0, 1)
amounts = st.sampled_from([1, 54_499, 54_500, 254_501, 600_000, 2_000_000]) | st.integers(1, 10**6)
hours = st.sampled_from([None, None, 1, 2, 4])
outputs = st.sampled_from([1, 40, 100])
units = st.sampled_from(
    [(300, 1_000_003), (1_000, 1), (1_000, 7), (150, 149), (209, 418_001), (10**6, 2 * 10**9)]
)
endings = st.one_of(
    st.builds(Ending, way=st.just("answer"), sent=st.integers(0, 109), got=st.integers(0, 100)),
    st.builds(Ending, way=st.just("answer"), sent=st.integers(-1, 219), got=st.integers(0, 201)),
    st.sampled_from([Ending(way="answer", sent=109, got=100), Ending(way="missing")]),
    st.builds(Ending, way=st.sampled_from(["empty", "reject", "retry", "drain", "stop"])),
)


def outcome(ending: Ending) -> Outcome:
    """What a call brings that ended so."""
    given = answer(ending.sent, ending.got)
    return {
        "answer": given,
        "missing": replace(given, usage=None),
        "empty": replace(given, flags=("empty",)),
        "reject": failure(FailureKind.REJECTED, 400),
        "retry": failure(),
        "drain": Interrupted(cancelled=False),
        "stop": Interrupted(cancelled=True),
    }[ending.way]

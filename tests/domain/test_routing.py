"""Which route an attempt takes after others failed."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.instrument import Route
from app.domain.routing import another_left, choose

A, B, C = (Route(instrument="text", provider=name, model="m") for name in "abc")
ALL = (A, B, C)

histories = st.lists(st.sampled_from([route.name for route in ALL]), max_size=12)


def test_the_first_route_comes_first() -> None:
    """Without failures the order of the catalog decides."""
    assert choose(ALL, []) == A


def test_a_failed_route_is_avoided() -> None:
    """The next in order takes over from one that failed, and the first again after all have."""
    assert choose(ALL, [A.name]) == B
    assert choose(ALL, [A.name, B.name]) == C
    assert choose(ALL, [A.name, B.name, C.name]) == A


def test_a_route_the_catalog_dropped_counts_for_nothing() -> None:
    """Failures of routes that are gone do not steer the choice."""
    assert choose((B, C), [A.name, A.name, B.name]) == C


@given(histories)
def test_the_choice_has_failed_least_often(failed: list[str]) -> None:
    """No route has failed the job less often than the chosen one; none before it as seldom."""
    counts = [failed.count(route.name) for route in ALL]
    assert ALL.index(choose(ALL, failed)) == counts.index(min(counts))


@given(st.integers(1, 12))
def test_attempts_go_round_all_routes(times: int) -> None:
    """Each next attempt takes the next route in order, round and round."""
    failed: list[str] = []
    for _ in range(times):
        failed.append(choose(ALL, failed).name)
    assert failed == [ALL[at % 3].name for at in range(times)]


@given(histories.filter(bool))
def test_another_is_left_while_the_last_one_has_failed_more_often(failed: list[str]) -> None:
    """A job goes on at once only to a route that failed it less often than the last did."""
    following = choose(ALL, failed)
    assert another_left(ALL, failed) == (failed.count(following.name) < failed.count(failed[-1]))


def test_a_job_with_one_route_waits() -> None:
    """Where there is no other route, none is left."""
    assert not another_left([A], [A.name])
    assert not another_left([A], [A.name, A.name])


def test_a_job_without_routes_waits() -> None:
    """A catalog that dropped every route leaves none."""
    assert not another_left([], [A.name])


def test_a_route_is_called_by_provider_and_model() -> None:
    """The name under which a failure is remembered tells the provider and its model."""
    assert A.name == "a/m"

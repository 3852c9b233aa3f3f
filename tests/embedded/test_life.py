"""From the first user to the last: one stack, and none afterwards."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from app.embedded import EmbeddedError, Stack, open_stack, reset

from .users import LONG_S, SOON_S, alive, ask, eventually, kv, supervisor_of, user_of


def test_eight_cold_starts_at_once_make_one_stack(state: Path) -> None:
    """Eight processes that start at the same moment get the same two servers."""
    with ExitStack() as group:
        users = [group.enter_context(user_of(state)) for _ in range(8)]
        answers = [user.said() for user in users]
    assert [answer["pids"] for answer in answers] == [answers[0]["pids"]] * 8
    assert [answer["database_url"] for answer in answers] == [answers[0]["database_url"]] * 8


def test_nothing_runs_soon_after_the_only_user_is_killed(state: Path) -> None:
    """A user killed with -9 leaves neither servers nor supervisor after two seconds."""
    with user_of(state) as user:
        pids = [*user.said()["pids"].values(), supervisor_of(state)]
        assert all(alive(pid) for pid in pids)
        user.process.kill()
        assert eventually(lambda: not any(alive(pid) for pid in pids), SOON_S)


def test_the_servers_stay_while_one_of_two_users_stays(state: Path) -> None:
    """The last user keeps the servers, not the first."""
    with user_of(state) as first, open_stack(state, durable=False) as second:
        first.said()
        first.leave()
        first.process.wait()
        # Longer than the supervisor lingers when nobody is left.
        assert not eventually(lambda: second.current_pids() != second.pids, 0.6)
        assert ask(second, "SELECT 1") == 1


def test_a_forked_child_is_a_user_too(state: Path) -> None:
    """A child forked by a user keeps the servers after its parent's end."""
    with user_of(state, "--fork", "--valkey-only") as user:
        pid = user.said()["pids"]["valkey"]
        user.process.wait()
        assert not eventually(lambda: not alive(pid), 0.6)
        user.leave()
        assert eventually(lambda: not alive(pid), LONG_S)


def test_a_stack_can_be_opened_twice_by_one_process(shared: tuple[Path, Stack]) -> None:
    """A second opening gets the same servers, and closing it does not end them."""
    state, stack = shared
    with open_stack(state) as again:
        assert (again.database_url, again.redis_url) == (stack.database_url, stack.redis_url)
    again.close()
    assert ask(stack, "SELECT 1") == 1


def test_data_survives_close_and_reopen(state: Path) -> None:
    """A stack has its rows and keys after all users had gone."""
    with open_stack(state) as stack, kv(stack) as client:
        ask(stack, "CREATE TABLE t AS SELECT 42 AS x")
        client.set("x", "42")
        pids = [*stack.pids.values()]
    assert eventually(lambda: not any(alive(pid) for pid in pids), LONG_S)
    with open_stack(state) as stack, kv(stack) as client:
        assert ask(stack, "SELECT x FROM t") == 42
        assert client.get("x") == "42"


def test_a_second_user_may_ask_for_more(state: Path) -> None:
    """A running supervisor takes up the server that only the second user wants."""
    with user_of(state, "--valkey-only") as first:
        said = first.said()
        assert said["database_url"] is None
        assert [*said["pids"]] == ["valkey"]
        with open_stack(state, durable=False) as second:
            assert ask(second, "SELECT 1") == 1
            assert second.pids["valkey"] == said["pids"]["valkey"]


def test_asking_for_nothing_starts_nothing(state: Path) -> None:
    """With both URLs given there is no stack and not even a directory."""
    with open_stack(state, postgres=False, valkey=False) as stack:
        assert (stack.database_url, stack.redis_url, dict(stack.pids)) == (None, None, {})
    assert not state.exists()


def test_reset_deletes_the_data_of_a_stack_nobody_uses(state: Path) -> None:
    """After a reset the next opening finds nothing of the last one."""
    with open_stack(state, postgres=False) as stack, kv(stack) as client:
        client.set("x", "42")
    (state / "pg18").mkdir()
    reset(state)
    assert not (state / "pg18").exists()
    with open_stack(state, postgres=False) as stack, kv(stack) as client:
        assert client.get("x") is None


def test_reset_refuses_while_somebody_uses_the_stack(shared: tuple[Path, Stack]) -> None:
    """Nobody's data is deleted under their feet."""
    state, stack = shared
    with pytest.raises(EmbeddedError, match="in use"):
        reset(state)
    assert ask(stack, "SELECT 1") == 1

"""What cannot run says so in one line, names the way out and leaves nothing running."""

from pathlib import Path

import pytest

from app.embedded import EmbeddedError, Search, Stack, open_stack
from app.embedded.locks import Lock
from app.embedded.programs.binaries import VERSION_OF_VALKEY, version_of

from .users import ask, kv, supervisor_of

NOWHERE = Search(wheels=False, system=False)


@pytest.mark.parametrize(
    ("wanted", "variable"),
    [({"valkey": False}, "BUSBAR_DATABASE_URL"), ({"postgres": False}, "BUSBAR_REDIS_URL")],
)
def test_a_machine_without_programs_gets_one_line(
    state: Path, wanted: dict[str, bool], variable: str
) -> None:
    """Without wheels and system servers the error names the extra and the variable to set."""
    with pytest.raises(EmbeddedError) as caught:
        open_stack(state, search=NOWHERE, **wanted)
    message = str(caught.value)
    assert variable in message
    assert "busbar[embedded]" in message
    assert "\n" not in message
    assert not (state / "plan.json").exists()


def test_a_program_of_another_platform_counts_as_absent(tmp_path: Path) -> None:
    """A file that cannot be executed here is passed over."""
    program = tmp_path / "valkey-server"
    program.write_bytes(b"\x7fELF of another machine")
    program.chmod(0o755)
    assert version_of(program, "--version", VERSION_OF_VALKEY) is None


def test_a_server_that_does_not_start_shows_its_own_words(state: Path) -> None:
    """The error carries the end of the server's log and where to read the rest."""
    (state / "kv").mkdir(parents=True)
    (state / "kv/appendonlydir").write_text("in the way")
    with pytest.raises(EmbeddedError) as caught:
        open_stack(state, postgres=False)
    message = str(caught.value)
    assert "does not start" in message
    assert "BUSBAR_REDIS_URL" in message
    assert f"{state}/valkey.log" in message
    assert "appendonlydir" in message


def test_after_a_failed_start_the_next_one_may_succeed(state: Path) -> None:
    """Once the cause is removed the same call works, though the same supervisor still runs."""
    (state / "kv").mkdir(parents=True)
    (state / "kv/appendonlydir").write_text("in the way")
    with Lock(state / "users.lock") as user:
        assert user.attempt(shared=True)  # Keeps the supervisor.
        with pytest.raises(EmbeddedError):
            open_stack(state, postgres=False)
        supervisor = supervisor_of(state)
        (state / "kv/appendonlydir").unlink()
        with open_stack(state, postgres=False) as stack, kv(stack) as client:
            assert client.ping()
            assert supervisor_of(state) == supervisor


def test_durability_is_not_lost_by_joining(state: Path) -> None:
    """Whoever needs durable servers does not get somebody else's fast and unsafe ones."""
    with (
        open_stack(state, postgres=False, durable=False),
        pytest.raises(EmbeddedError, match="without durability"),
    ):
        open_stack(state, postgres=False)


def test_a_state_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in the way gives the error of this package, with the path."""
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match=r"cannot use .*/file/state"):
        open_stack(tmp_path / "file/state")


def test_durable_servers_keep_what_they_promise(shared: tuple[Path, Stack]) -> None:
    """By default PostgreSQL waits for the disk and Valkey keeps an append-only file."""
    _, stack = shared
    names = ("fsync", "synchronous_commit", "full_page_writes")
    assert [ask(stack, f"SHOW {name}") for name in names] == ["on"] * 3
    with kv(stack) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}


def test_servers_listen_on_no_network(shared: tuple[Path, Stack]) -> None:
    """Both are reached by sockets in private folders only, and have room for many workers."""
    _, stack = shared
    with kv(stack) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert ask(stack, "SHOW listen_addresses") == ""
    assert ask(stack, "SHOW max_connections") == "200"
    assert ask(stack, "SHOW server_encoding") == "UTF8"

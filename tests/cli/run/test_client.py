"""Where commands find the gateway, and what they make of its answers."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.cli.client.address import DEFAULT_BASE_URL, Address, find_address
from app.cli.client.answers import Limited, Refused, Room
from app.cli.client.session import RETRY_AFTER_MAX_S, Client, Unreachable, retry_after_s
from app.settings import ClientSettings

from .gateway_stub import KEY, GatewayStub, serving

READY_URL = "http://127.0.0.1:4321"
NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture
def gateway() -> Iterator[GatewayStub]:
    """A scripted gateway."""
    with serving() as stub:
        yield stub


def settings(folder: Path, **others: str) -> ClientSettings:
    """Return settings whose state directory is `folder`; `up` has run there."""
    ready = {"base_url": READY_URL, "key": KEY, "account": "demo", "processes": {"web": 1}}
    (folder / "ready.json").write_text(json.dumps(ready))
    return ClientSettings.model_validate({"state_dir": folder, **others})


def client_of(gateway: GatewayStub, key: str = KEY) -> Client:
    """Return a client of the scripted gateway that waits as short as it may."""
    address = Address(base_url=gateway.base_url, key=key, account=None)
    return Client(address, jitter=lambda: 0)


def test_what_up_wrote_is_the_default(tmp_path: Path) -> None:
    """Beside `busbar up` no option is needed."""
    found = find_address(settings(tmp_path), base_url=None, key=None)
    assert found == Address(base_url=READY_URL, key=KEY, account="demo")


def test_the_key_that_up_wrote_goes_nowhere_else(tmp_path: Path) -> None:
    """Another host does not see the key of the gateway here."""
    found = find_address(settings(tmp_path), base_url="https://example.com/", key=None)
    assert found == Address(base_url="https://example.com", key=None, account=None)


def test_options_win_over_settings(tmp_path: Path) -> None:
    """An option beats the environment, which beats the ready file."""
    known = settings(tmp_path, base_url="http://settings", key="bb_settings")
    assert find_address(known, base_url=None, key=None).base_url == "http://settings"
    found = find_address(known, base_url="http://option", key="bb_option")
    assert (found.base_url, found.key) == ("http://option", "bb_option")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"base_url": 7, "key": null}'])
def test_a_ready_file_that_cannot_be_read_counts_as_none(tmp_path: Path, content: str) -> None:
    """A half written file leads to the default, not to a crash."""
    known = settings(tmp_path)
    (tmp_path / "ready.json").write_text(content)
    found = find_address(known, base_url=None, key=None)
    assert found == Address(base_url=DEFAULT_BASE_URL, key=None, account=None)


@pytest.mark.parametrize("url", ["gateway", "ftp://host", "http://", "http://host:99999"])
def test_a_base_url_must_be_one(tmp_path: Path, url: str) -> None:
    """What requests would stumble over is told before."""
    with pytest.raises(ValueError, match="is not a base URL like"):
        find_address(settings(tmp_path), base_url=url, key=None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7),
        ("0", 0),
        ("9999", RETRY_AFTER_MAX_S),
        ("Fri, 02 Jan 2026 03:04:05 GMT", 5),
        ("Fri, 02 Jan 2026 03:03:00 GMT", 0),
        ("soon", None),
        ("-3", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    """Seconds or a date, within bounds; anything else says nothing."""
    assert retry_after_s(value, NOW) == seconds


def test_trouble_is_told_while_it_lasts(gateway: GatewayStub) -> None:
    """Whoever shows progress hears why nothing moves, and when it moves again."""
    gateway.statuses = [503, 503]
    heard: list[str | None] = []
    with closing(client_of(gateway)) as client:
        client.on_trouble = heard.append
        client.balance()
    assert [what and what.partition(";")[0] for what in heard] == [
        f"{gateway.base_url} answers 503",
        f"{gateway.base_url} answers 503",
        None,
    ]


def test_patience_ends(gateway: GatewayStub) -> None:
    """A gateway that stays busy is given up, and the message says so."""
    gateway.statuses = [500] * 50
    with (
        closing(client_of(gateway)) as client,
        pytest.raises(Unreachable, match="answers 500; tried for 0 seconds"),
    ):
        client.balance(patience_s=0.01)


def test_nobody_there_is_told(gateway: GatewayStub) -> None:
    """A closed port is no crash."""
    nobody = Address(base_url="http://127.0.0.1:1", key=KEY, account=None)
    with (
        closing(Client(nobody, jitter=lambda: 0)) as client,
        pytest.raises(Unreachable, match="does not answer; tried for 0 seconds"),
    ):
        client.balance(patience_s=0.01)


def test_a_refusal_knows_whether_an_earlier_try_may_have_worked(gateway: GatewayStub) -> None:
    """After an answer of 503 nobody can be sure."""
    with closing(client_of(gateway, "bb_other")) as client:
        with pytest.raises(Refused) as sure:
            client.submit([b"{}"], idempotency_key="k")
        gateway.statuses = [503]
        with pytest.raises(Refused) as unsure:
            client.submit([b"{}"], idempotency_key="k")
    assert (sure.value.status, sure.value.after_doubt) == (401, False)
    assert (unsure.value.status, unsure.value.after_doubt) == (401, True)


@pytest.mark.parametrize(("before", "doubt"), [([], False), ([503], True)])
def test_a_limit_is_told_at_once(gateway: GatewayStub, before: list[int], doubt: bool) -> None:  # noqa: FBT001  as pytest hands it in
    """A submission that a limit has no room for does not wait inside the call; it says how long."""
    gateway.statuses = [*before, 429]
    with closing(client_of(gateway)) as client, pytest.raises(Limited) as limited:
        client.submit([b"{}"], idempotency_key="k")
    assert not gateway.statuses
    assert (limited.value.after_doubt, limited.value.room) == (doubt, Room())
    assert 0 < limited.value.pause_s < 1


@pytest.mark.parametrize("status", [200, 302, 404])
def test_a_page_of_somebody_else_is_not_taken_for_an_answer(
    gateway: GatewayStub, status: int
) -> None:
    """A redirect or a foreign server leads to a question about the base URL."""
    gateway.page = (status, b"<html>Welcome</html>")
    with (
        closing(client_of(gateway)) as client,
        pytest.raises(Refused, match=r"<html>Welcome</html>. Is the base URL right\?"),
    ):
        client.balance()

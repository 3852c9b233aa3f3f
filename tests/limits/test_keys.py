"""Limits of a key's own: set and shown by the command, and known to whoever it lets in."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from app.cli.keys import app
from app.domain.errors import NotFound
from app.domain.limits.limit import LIMIT_MAX, NO_LIMITS, Limits
from app.gateway import Gateway
from app.services import accounts
from app.services.accounts import authenticator
from app.settings import Settings
from tests.factories import Customer, make_customer

Command = Callable[..., Result]


@pytest.fixture
def customer(gateway: Gateway) -> Customer:
    """An account with a key that has no limits of its own."""
    return make_customer(gateway)


@pytest.fixture
def keys(settings: Settings) -> Command:
    """Run `busbar keys` on this test's database."""
    environment = {
        "BUSBAR_DATABASE_URL": settings.database_url,
        "BUSBAR_REDIS_URL": settings.redis_url,
        "COLUMNS": "300",
    }
    return lambda *words: CliRunner().invoke(app, list(words), env=environment)


def shown(result: Result) -> dict[str, Any]:
    """Return the one thing a command showed."""
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    told: dict[str, Any] = json.loads(line)
    return told


def limits_of(customer: Customer, gateway: Gateway) -> Limits:
    """Return the limits a process sees that has not met the key yet."""
    return authenticator(gateway)(customer.key).limits


def test_a_key_has_no_limits_of_its_own_at_first(gateway: Gateway, customer: Customer) -> None:
    """So the catalog's hold."""
    assert limits_of(customer, gateway) == NO_LIMITS


def test_the_caller_brings_the_limits_of_its_key(gateway: Gateway, customer: Customer) -> None:
    """They are read with the key, in the same look."""
    accounts.limit_key(gateway, customer.caller.key_id, {"tokens_per_minute": 500})
    assert limits_of(customer, gateway) == Limits(tokens_per_minute=500)


def test_a_change_is_known_when_the_key_is_read_again(gateway: Gateway, customer: Customer) -> None:
    """A process goes by what it knows for CACHE_S; one that asks sees the change."""
    authenticate = authenticator(gateway)
    authenticate(customer.key)
    accounts.limit_key(gateway, customer.caller.key_id, {"concurrent_calls": 2})
    assert authenticate(customer.key).limits == NO_LIMITS
    assert limits_of(customer, gateway) == Limits(concurrent_calls=2)


def test_no_such_key(gateway: Gateway) -> None:
    """Limiting a key that is not there says how to find those that are."""
    with pytest.raises(NotFound, match="busbar keys list"):
        accounts.limit_key(gateway, "key_nobody", {"tokens_per_minute": 500})


def test_limits_are_set_one_by_one(keys: Command, gateway: Gateway, customer: Customer) -> None:
    """What a command does not name stays as it was."""
    key_id = customer.caller.key_id
    keys("limit", key_id, "--requests-per-minute", "60", "--concurrent-calls", "4")
    told = shown(keys("limit", key_id, "--tokens-per-minute", "9000"))
    assert told == {
        "id": key_id,
        "requests_per_minute": 60,
        "tokens_per_minute": 9_000,
        "concurrent_calls": 4,
    }
    assert limits_of(customer, gateway) == Limits(
        requests_per_minute=60, tokens_per_minute=9_000, concurrent_calls=4
    )


def test_default_takes_a_limit_away(keys: Command, gateway: Gateway, customer: Customer) -> None:
    """The catalog's holds again for that measure, and the others stay."""
    key_id = customer.caller.key_id
    keys("limit", key_id, "--requests-per-minute", "60", "--concurrent-calls", "4")
    shown(keys("limit", key_id, "--requests-per-minute", "default"))
    assert limits_of(customer, gateway) == Limits(concurrent_calls=4)


def test_a_key_is_created_with_limits(keys: Command, gateway: Gateway, customer: Customer) -> None:
    """`keys create` takes the same options, and `default` there is to say nothing."""
    told = shown(
        keys(
            *("create", customer.account_id, "--requests-per-minute", "30"),
            *("--concurrent-calls", "default"),
        )
    )
    assert authenticator(gateway)(told["key"]).limits == Limits(requests_per_minute=30)


def test_a_list_shows_limits(keys: Command, customer: Customer) -> None:
    """Each key with its own limits, and nothing where the catalog's hold."""
    keys("limit", customer.caller.key_id, "--tokens-per-minute", str(LIMIT_MAX))
    told = shown(keys("list", customer.account_id))
    assert told["tokens_per_minute"] == LIMIT_MAX
    assert told["requests_per_minute"] is told["concurrent_calls"] is None
    assert str(LIMIT_MAX) in keys("list", "--table").stdout


@pytest.mark.parametrize(
    "value", ["0", "-1", "1.5", "many", "", "1e3", str(LIMIT_MAX + 1), "9" * 50, "٣"]
)
@pytest.mark.parametrize("command", ["limit", "create"])
def test_a_wrong_value_is_refused(keys: Command, command: str, value: str) -> None:
    """The option is named, with what it takes; nothing is opened for it."""
    refused = keys(command, "some_id", f"--tokens-per-minute={value}")
    assert refused.exit_code == 2
    assert f"--tokens-per-minute takes a number from 1 to {LIMIT_MAX}" in refused.stderr


def test_nothing_to_change_is_said(keys: Command) -> None:
    """A command without a limit names those there are."""
    refused = keys("limit", "key_1")
    assert refused.exit_code == 2
    assert "--requests-per-minute, --tokens-per-minute, --concurrent-calls" in refused.stderr


@pytest.mark.parametrize("column", list(Limits.__dataclass_fields__))
def test_the_schema_lets_something_through(
    gateway: Gateway, customer: Customer, column: str
) -> None:
    """A limit of nothing cannot be written; a key that is to be shut out is revoked."""
    with gateway.engine.connect() as conn, pytest.raises(Exception, match="limits_of_keys"):
        conn.execute(text(f"UPDATE keys SET {column} = 0"))

"""The account and the key that `busbar up` hands out."""

from dataclasses import dataclass
from typing import Final

from app.cli.terminal.acting import actor
from app.domain.errors import AccountExists, InvalidKey
from app.gateway import Gateway
from app.services.accounts import authenticator, create_account, create_key, find_account
from app.services.operate.credit import Credit, deposit
from app.services.read import balance

REFERENCE: Final = "busbar up"
"""Marks the first deposit, so that it can be told from others and is made once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An account with a key that opens it."""

    name: str
    key: str
    available_nanos: int


def open_account(gateway: Gateway, name: str, *, first_nanos: int, known_key: str | None) -> Opened:
    """Return the account of that name, made and credited with `first_nanos` if it is new.

    `known_key` is kept if it still opens this account; otherwise there is a new key.
    """
    account_id = _account(gateway, name, first_nanos)
    if known_key is None or not _opens(gateway, known_key, account_id):
        known_key = create_key(gateway, account_id, REFERENCE, actor=actor()).key
    available_nanos = balance(gateway, account_id).available_nanos
    return Opened(name=name, key=known_key, available_nanos=available_nanos)


def _account(gateway: Gateway, name: str, first_nanos: int) -> str:
    try:
        account_id = create_account(gateway, name, actor=actor())
    except AccountExists:
        return find_account(gateway, name).id
    if first_nanos > 0:
        first = Credit(nanos=first_nanos, reference=REFERENCE)
        deposit(gateway, account_id, first, actor=actor())
    return account_id


def _opens(gateway: Gateway, key: str, account_id: str) -> bool:
    try:
        return authenticator(gateway)(key).account_id == account_id
    except InvalidKey:
        return False

"""Who may call: API keys, and what is answered without a good one."""

import pytest

from app.domain import apikey
from app.domain.errors import InvalidKey
from app.services import accounts
from tests.factories import chat_body

from .api import CHAT, JOBS, Api, assert_refused

UNKNOWN = apikey.make_key(bytes(apikey.ENTROPY_BYTES))
PATHS = [
    ("POST", CHAT),
    ("POST", JOBS),
    ("GET", JOBS),
    ("GET", f"{JOBS}/job_1"),
    ("POST", f"{JOBS}/job_1/cancel"),
    ("GET", "/v1/balance"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_door_asks_for_a_key(api: Api, method: str, path: str) -> None:
    """Without an Authorization header nothing under /v1 is answered but 401, body or none."""
    answered = api.client.simulate_request(method, path)
    assert_refused(answered, 401, InvalidKey)
    assert answered.json["error"]["type"] == "authentication_error"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {UNKNOWN}",
        f"Bearer {UNKNOWN[:-1]}",
        f"Bearer {UNKNOWN}x",
        f"Bearer {UNKNOWN} {UNKNOWN}",
        "Bearer bb_live_",
        "Bearer sk-1234567890",
        "Bearer " + "x" * 20_000,
        "Bearer bb_live_" + "é" * 36,
        "Bearer bb_live_" + "\x00" * 36,
        "Bearer \u00ff\u00fe",
        UNKNOWN,
        f"Basic {UNKNOWN}",
        "Basic dXNlcjpwYXNz",
        f"Token {UNKNOWN}",
        'Digest username="x"',
        f"Bearer,{UNKNOWN}",
        ", ,",
    ],
    ids=lambda value: value[:24],
)
def test_what_is_no_known_key_is_a_401(api: Api, authorization: str) -> None:
    """Whatever stands in the header: a 401 in a whole envelope, and never a 500."""
    answered = api.post(CHAT, chat_body(), headers={"Authorization": authorization})
    assert_refused(answered, 401, InvalidKey)


@pytest.mark.parametrize("scheme", ["Basic", "Token", "ApiKey", "bearer:"])
def test_a_good_key_under_another_scheme_is_a_401(api: Api, scheme: str) -> None:
    """This surface takes Bearer, and says so."""
    answered = api.get(JOBS, headers={"Authorization": f"{scheme} {api.customer.key}"})
    assert_refused(answered, 401, InvalidKey)
    assert "Bearer" in answered.json["error"]["message"]


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_is_read_in_any_letters(api: Api, scheme: str) -> None:
    """The name of a scheme has no case, and a space more does no harm."""
    authorization = f"{scheme} {api.customer.key}"
    assert api.get(JOBS, headers={"Authorization": authorization}).status_code == 200


def test_a_401_comes_before_anything_is_read(api: Api) -> None:
    """A stranger's body is not looked at, so a bad key is told before a bad body."""
    answered = api.post(CHAT, raw=b"{", headers={"Authorization": f"Bearer {UNKNOWN}"})
    assert_refused(answered, 401, InvalidKey)


def test_a_401_does_not_tell_the_key_back(api: Api) -> None:
    """A refused key stands nowhere in the answer."""
    answered = api.get(JOBS, headers={"Authorization": f"Bearer {UNKNOWN}"})
    assert UNKNOWN not in answered.text + str(answered.headers)


def test_a_revoked_key_is_a_401(api: Api) -> None:
    """A key that was revoked opens nothing in a process that did not know it."""
    accounts.revoke_key(api.gateway, api.customer.caller.key_id)
    assert_refused(api.chat(), 401, InvalidKey)


def test_a_revoked_key_is_forgotten_soon() -> None:
    """A process that knew the key believes it half a minute more at the most."""
    assert accounts.CACHE_S <= 30


def test_a_key_is_not_believed_because_it_was_refused(api: Api) -> None:
    """Asking again with an unknown key does not help."""
    for _ in range(3):
        answered = api.get(JOBS, headers={"Authorization": f"Bearer {UNKNOWN}"})
        assert_refused(answered, 401, InvalidKey)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_the_operators_doors_ask_for_none(api: Api, path: str) -> None:
    """Probes and scrapes bring no key."""
    assert api.client.simulate_get(path).status_code == 200

"""Who may call: API keys, and what is answered without a good one."""

import pytest

from app.domain import apikey
from app.domain.errors import InvalidKey
from app.services import accounts
from tests.factories import chat_body

from .api import (
    ANTHROPIC,
    ASYNC,
    CHAT,
    JOBS,
    MESSAGES,
    Api,
    assert_refused,
    assert_refused_as_anthropic,
)

UNKNOWN = apikey.make_key(bytes(apikey.ENTROPY_BYTES))
PATHS = [
    ("POST", CHAT),
    ("POST", JOBS),
    ("GET", JOBS),
    ("GET", f"{JOBS}/job_1"),
    ("POST", f"{JOBS}/job_1/cancel"),
    ("GET", "/v1/balance"),
    ("GET", "/v1/diagnostics"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/text-prime"),
    ("GET", CHAT),
    ("GET", f"{CHAT}/chatcmpl-1"),
    ("POST", f"{CHAT}/chatcmpl-1"),
    ("DELETE", f"{CHAT}/chatcmpl-1"),
    ("GET", f"{CHAT}/chatcmpl-1/messages"),
]
MESSAGES_PATHS = [MESSAGES, f"{MESSAGES}/count_tokens"]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_door_asks_for_a_key(api: Api, method: str, path: str) -> None:
    """Without an Authorization header nothing under /v1 is answered but 401, body or none."""
    answered = api.client.simulate_request(method, path)
    assert_refused(answered, 401, InvalidKey)
    assert answered.json["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("path", MESSAGES_PATHS)
def test_the_messages_doors_ask_for_a_key_too(api: Api, path: str) -> None:
    """There a 401 has that vendor's envelope."""
    answered = api.client.simulate_post(path)
    assert_refused_as_anthropic(answered, 401, InvalidKey, "authentication_error")


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/models/text-prime", JOBS, "/v1/balance", "/v1/diagnostics"]
)
@pytest.mark.parametrize("headers", [{}, ANTHROPIC], ids=["openai", "anthropic"])
def test_a_key_is_taken_from_either_header(api: Api, path: str, headers: dict[str, str]) -> None:
    """Clients of both vendors have changed headers between versions, so each is good anywhere."""
    key = api.customer.key
    for sent in ({"Authorization": f"Bearer {key}"}, {"x-api-key": key}, {"x-api-key": f" {key} "}):
        assert api.client.simulate_get(path, headers=headers | sent).status_code == 200


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_both_headers_may_hold_the_same_key(api: Api, path: str) -> None:
    """A client that sends its key twice is understood."""
    answered = api.post(path, chat_body(), headers=ASYNC | {"x-api-key": api.customer.key})
    assert answered.status_code == 202


@pytest.mark.parametrize("other", [UNKNOWN, "sk-of-another-vendor"])
def test_two_different_keys_are_a_401(api: Api, other: str) -> None:
    """Nobody can tell which of two keys should pay; the message names both headers."""
    refused = api.get(JOBS, headers={"x-api-key": other})
    assert_refused(refused, 401, InvalidKey)
    assert "x-api-key" in refused.json["error"]["message"]
    assert "Authorization" in refused.json["error"]["message"]
    answered = api.post(MESSAGES, chat_body(), headers={"x-api-key": other})
    assert_refused_as_anthropic(answered, 401, InvalidKey, "authentication_error")


@pytest.mark.parametrize("empty", ["", "Bearer", "Bearer "])
def test_an_empty_header_beside_a_key_does_no_harm(api: Api, empty: str) -> None:
    """A client whose other variable is set to nothing sends an empty header along."""
    headers = {"Authorization": empty, "x-api-key": api.customer.key}
    assert api.client.simulate_get(JOBS, headers=headers).status_code == 200


@pytest.mark.parametrize("key", ["", " ", UNKNOWN, "sk-ant-api03-x", "x" * 20_000, "é"])
def test_what_is_no_known_key_is_a_401_in_the_other_header_too(api: Api, key: str) -> None:
    """`x-api-key` is checked like a Bearer key."""
    answered = api.client.simulate_post(MESSAGES, headers={"x-api-key": key})
    assert_refused_as_anthropic(answered, 401, InvalidKey, "authentication_error")


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

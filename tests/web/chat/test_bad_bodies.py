"""Bodies that cannot be taken: a clear error, nothing written, never a 500."""

import json

import pytest
from falcon.testing import Result

from app.domain import errors
from app.domain.errors import BusbarError
from tests.factories import chat_body
from tests.web.api import ASYNC, CHAT, JOBS, Api, assert_refused, entry

WHOLE = '{{"model":"text-prime","messages":[{{"role":"user","content":"Hi."}}],{}}}'


def nested(levels: int) -> bytes:
    """Return a good body that is so many levels deep as a whole."""
    inner = levels - 1
    return WHOLE.format('"deep":' + "[" * inner + "]" * inner).encode()


def assert_untouched(api: Api, answered: Result, status: int, error: type[BusbarError]) -> None:
    """Check that a request was refused and left nothing behind."""
    assert_refused(answered, status, error)
    assert "x-busbar-job-id" not in answered.headers
    assert api.jobs() == []


@pytest.mark.parametrize("path", [CHAT, JOBS])
@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"model":"text-prime",}', "not valid JSON"),
        (b"model=text-prime&messages=hi", "not valid JSON"),
        (b"{} {}", "not valid JSON"),
        (b'\xef\xbb\xbf{"model":"text-prime"}', "not valid JSON"),
        (b'{"model":"\xff"}', "not UTF-8"),
        (b"[]", "must be a JSON object"),
        (b'"hello"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (WHOLE.format('"x":NaN').encode(), "NaN"),
        (WHOLE.format('"x":Infinity').encode(), "Infinity"),
        (WHOLE.format('"x":-Infinity').encode(), "-Infinity"),
        (WHOLE.format('"x":1,"x":1').encode(), "'x' is repeated"),
        (WHOLE.format('"x":{"y":1,"y":2}').encode(), "'y' is repeated"),
        (nested(65), "deeper than 64"),
        (b"[" * 200_000, "deeper than 64"),
        (b'{"a":' * 200_000, "deeper than 64"),
        (WHOLE.format('"seed":' + "9" * 4_301).encode(), "too many digits"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value,
)
def test_what_is_not_strict_json_is_a_400(api: Api, path: str, raw: bytes, says: str) -> None:
    """Text that is not JSON, or JSON that two readers could understand differently, is refused."""
    answered = api.post(path, raw=raw, headers=ASYNC)
    assert_untouched(api, answered, 400, errors.InvalidRequest)
    assert says in answered.json["error"]["message"]


@pytest.mark.parametrize("path", [CHAT, JOBS])
@pytest.mark.parametrize("number", ["1e400", "-1e999"])
def test_a_number_past_every_float_is_a_400(api: Api, path: str, number: str) -> None:
    """What would become Infinity on its way to the provider is refused like Infinity itself."""
    body = WHOLE.format(f'"x":{number}')
    raw = body if path == CHAT else f'{{"endpoint":"{CHAT}","body":{body}}}'
    answered = api.post(path, raw=raw.encode(), headers=ASYNC)
    assert_untouched(api, answered, 400, errors.InvalidRequest)


def test_64_levels_are_taken(api: Api) -> None:
    """The limit of nesting itself is inside."""
    assert api.post(CHAT, raw=nested(64), headers=ASYNC).status_code == 202


@pytest.mark.parametrize("digits", [20, 400, 4_300])
def test_a_long_integer_is_taken(api: Api, digits: int) -> None:
    """A seed of many digits is the provider's business."""
    raw = WHOLE.format('"seed":' + "9" * digits).encode()
    assert api.post(CHAT, raw=raw, headers=ASYNC).status_code == 202


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", None),
        ("model", 5),
        ("messages", None),
        ("messages", "Hi."),
        ("messages", {}),
        ("messages", ["Hi."]),
        ("messages", [{"content": "Hi."}]),
        ("messages", [{"role": 1, "content": "Hi."}]),
        ("messages", [{"role": "user", "content": 5}]),
        ("messages", [{"role": "user", "content": [5]}]),
        ("max_tokens", "100"),
        ("max_tokens", 1.5),
        ("max_tokens", True),
        ("temperature", "hot"),
        ("temperature", 10**400),
        ("temperature", [1]),
        ("n", "2"),
        ("stream", "yes"),
        ("stop", 5),
        ("stop", [5]),
        ("logit_bias", {"1": "much"}),
        ("logit_bias", {"1": 10**400}),
        ("tools", {}),
        ("response_format", "json"),
        ("user", 5),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_type_is_a_400(api: Api, field: str, value: object) -> None:
    """A value of another type is malformed, and the error names the field."""
    answered = api.post(CHAT, chat_body() | {field: value}, headers=ASYNC)
    assert_untouched(api, answered, 400, errors.InvalidRequest)
    assert answered.json["error"]["param"].startswith(field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("messages", []),
        ("model", "m" * 201),
        ("max_tokens", 0),
        ("max_tokens", -1),
        ("max_tokens", 65_537),
        ("max_tokens", 10**20),
        ("max_completion_tokens", 65_537),
        ("temperature", 2.1),
        ("temperature", -0.1),
        ("top_p", 1.1),
        ("n", 0),
        ("n", 129),
        ("stop", ["a", "b", "c", "d", "e"]),
        ("top_logprobs", 21),
        ("frequency_penalty", -2.1),
        ("presence_penalty", 2.1),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_value_out_of_range_is_a_422(api: Api, field: str, value: object) -> None:
    """A value of the right type and out of range is a 422, and the error names the field."""
    answered = api.post(CHAT, chat_body() | {field: value}, headers=ASYNC)
    assert_untouched(api, answered, 422, errors.OutOfRange)
    assert answered.json["error"]["param"] == field


@pytest.mark.parametrize("model", ["gpt-4", "text", "text-prime ", "chat/one", "ﬁne", "a\0b"])
def test_an_unknown_instrument_is_a_404(api: Api, model: str) -> None:
    """What nobody serves is told apart from a wrong path by its code and its param."""
    answered = api.post(CHAT, chat_body() | {"model": model}, headers=ASYNC)
    assert_untouched(api, answered, 404, errors.ModelNotFound)
    assert answered.json["error"]["param"] == "model"


@pytest.mark.parametrize(
    "raw",
    [
        WHOLE.format('"x":"\\ud83d"').encode(),
        b'{"model":"text-prime","messages":[{"role":"user","content":"a\\udc00b"}]}',
        b'{"model":"text-prime","messages":[{"role":"user","content":[{"type":"text","text":"\\ud83d"}]}]}',
        WHOLE.format('"tools":[{"name":"\\ud83d"}]').encode(),
        b'{"model":"text-prime","messages":[{"role":"user","content":"a\\u0000b"}]}',
    ],
    ids=["key", "content", "part", "tool", "NUL"],
)
def test_half_a_surrogate_pair_in_a_prompt_is_taken(api: Api, raw: bytes) -> None:
    """What is legal JSON but no Unicode text is the provider's to judge."""
    answered = api.post(CHAT, raw=raw, headers=ASYNC)
    assert answered.status_code == 202, answered.text
    assert api.jobs()[0]["id"] == answered.json["id"]


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        (CHAT, b'{"model":"\\ud83d","messages":[{"role":"user","content":"Hi."}]}'),
        (CHAT, b'{"model":"text-prime","messages":[{"role":"\\ud83d","content":"Hi."}]}'),
        (CHAT, b'{"\\ud83d":1,"\\ud83d":2}'),
        (JOBS, b'{"\\ud83d":1}'),
        (JOBS, b'{"jobs":[1],"\\ud83d":2}'),
        (JOBS, b'{"endpoint":"\\ud83d","body":{}}'),
    ],
)
def test_half_a_surrogate_pair_where_we_look_is_a_400(api: Api, path: str, raw: bytes) -> None:
    """Where the text would be told back or stored it is refused, in a whole envelope."""
    answered = api.post(path, raw=raw, headers=ASYNC)
    assert answered.status_code in {400, 422}, answered.text
    assert answered.json["error"]["message"]
    assert api.jobs() == []


def test_every_fault_is_told_at_once(api: Api) -> None:
    """Three wrong fields are three faults in one answer."""
    body = chat_body() | {"temperature": "hot", "n": 0, "stop": 5}
    told = api.post(CHAT, body, headers=ASYNC).json["error"]
    assert {fault["where"] for fault in told["faults"]} >= {"temperature", "n", "stop"}


@pytest.mark.parametrize("path", [CHAT, JOBS])
def test_a_body_past_the_limit_is_a_413(api: Api, path: str) -> None:
    """One byte more than the gateway takes is too much, and the message tells the limit."""
    frugal = api.with_settings(body_bytes_max=1_000)
    body = chat_body() if path == CHAT else entry()
    raw = json.dumps(body).encode()
    frugal.post(path, raw=raw.ljust(1_000), headers=ASYNC)
    assert len(frugal.jobs()) == 1
    answered = frugal.post(path, raw=raw.ljust(1_001), headers=ASYNC)
    assert_refused(answered, 413, errors.RequestTooLarge)
    assert "1000 bytes" in answered.json["error"]["message"]
    assert len(frugal.jobs()) == 1

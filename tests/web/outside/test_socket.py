"""What only a real socket shows: bodies that are announced, chunked or cut short."""

import json

import pytest

from tests.factories import chat_body
from tests.web.api import CHAT, Api

from .server import Server

pytestmark = pytest.mark.xdist_group("web server")

LIMIT = 10_000_000
GOOD = json.dumps(chat_body()).encode()


class Answer:
    """An HTTP answer as it came over the wire."""

    def __init__(self, received: bytes) -> None:
        head, _, self.body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        pairs = (line.split(": ", 1) for line in lines)
        self.headers = {name.lower(): value for name, value in pairs}

    @property
    def code(self) -> str:
        """The error's code."""
        return str(json.loads(self.body)["error"]["code"])


def head(api: Api, *lines: bytes, method: bytes = b"POST", path: bytes = CHAT.encode()) -> bytes:
    """Return the head of a request whose connection is to end with its answer."""
    return b"\r\n".join(
        [
            method + b" " + path + b" HTTP/1.1",
            b"Host: here",
            b"Connection: close",
            b"Authorization: Bearer " + api.customer.key.encode(),
            b"Prefer: respond-async",
            *lines,
            b"",
            b"",
        ]
    )


def length(size: int) -> bytes:
    """Return the header that announces so many bytes."""
    return b"Content-Length: %d" % size


def chunked(body: bytes, size: int) -> bytes:
    """Return a body in chunks, with the last empty one."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def test_a_body_that_is_announced_too_large_is_not_waited_for(server: Server, api: Api) -> None:
    """Content-Length alone is enough to refuse a body: 413 before a byte of it was sent."""
    answer = Answer(server.talk(head(api, length(LIMIT + 1))))
    assert (answer.status, answer.code) == (413, "request_too_large")
    assert answer.headers["x-request-id"] == answer.headers["request-id"]


def test_a_body_of_the_largest_size_is_taken(server: Server, api: Api) -> None:
    """Ten megabytes are not too much."""
    answer = Answer(server.talk(head(api, length(LIMIT)) + GOOD.ljust(LIMIT)))
    assert answer.status == 202


def test_a_chunked_body_is_taken(server: Server, api: Api) -> None:
    """A body whose length is not announced is read to its end."""
    sent = head(api, b"Transfer-Encoding: chunked") + chunked(GOOD, 7)
    assert Answer(server.talk(sent)).status == 202
    assert len(api.jobs()) == 1


def test_a_chunked_body_past_the_limit_is_a_413(server: Server, api: Api) -> None:
    """A body that grows past the limit is refused however it comes."""
    body = GOOD.ljust(LIMIT + 1)
    sent = head(api, b"Transfer-Encoding: chunked") + chunked(body, 1_000_000)
    answer = Answer(server.talk(sent))
    assert (answer.status, answer.code) == (413, "request_too_large")
    assert api.jobs() == []


def test_a_body_that_stops_short_makes_no_job(server: Server, api: Api) -> None:
    """A client that goes away in the middle of its body has submitted nothing."""
    server.talk(head(api, length(len(GOOD) + 10)) + GOOD, hang_up=True)
    assert api.jobs() == []


@pytest.mark.parametrize("line", [b"Content-Length: -1", b"Content-Length: x", b"Bad Header: 1"])
def test_malformed_http_is_a_400(server: Server, api: Api, line: bytes) -> None:
    """What is not HTTP is refused, and the server lives."""
    assert Answer(server.talk(head(api, line))).status == 400
    assert Answer(server.talk(head(api, method=b"GET", path=b"/livez"))).status == 200


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"Authorization: Bearer \xff\xfe", 401),
        ("Authorization: Bearer bb_live_é".encode(), 401),
        ("Idempotency-Key: clé".encode(), 400),
        (b"Idempotency-Key: \xff\xfe", 400),
        (b"Prefer: \xff", 202),
        (b"X-Stainless-Retry-Count: \xb2", 202),
        (b"User-Agent: \xe2\x82\xac", 202),
    ],
)
def test_bytes_beyond_ascii_in_a_header_are_answered(
    server: Server, api: Api, line: bytes, status: int
) -> None:
    """Headers in any bytes get an answer in a whole envelope, never a dropped connection."""
    sent = head(api, line, length(len(GOOD))) + GOOD
    if line.startswith(b"Authorization"):
        mine = b"Authorization: Bearer " + api.customer.key.encode() + b"\r\n"
        sent = sent.replace(mine, b"")
    answer = Answer(server.talk(sent))
    assert answer.status == status
    assert answer.headers["x-request-id"].startswith("req_")


def test_preferences_of_several_headers_count_together(server: Server, api: Api) -> None:
    """Two Prefer headers are one list: 202 after the wait of the second."""
    answer = Answer(server.talk(head(api, b"Prefer: wait=1", length(len(GOOD))) + GOOD))
    assert answer.status == 202
    assert answer.headers["preference-applied"] == "respond-async, wait=1"


@pytest.mark.parametrize("path", [b"/livez", b"/v1/jobs", b"/nothing"])
def test_head_has_no_body(server: Server, api: Api, path: bytes) -> None:
    """An answer to HEAD ends with its headers."""
    answer = Answer(server.talk(head(api, method=b"HEAD", path=path)))
    assert (answer.status < 500, answer.body) == (True, b"")


def test_a_connection_is_kept_alive(server: Server, api: Api) -> None:
    """Two requests on one connection get two answers, in order."""
    first = head(api, method=b"GET", path=b"/livez").replace(b"Connection: close\r\n", b"")
    received = server.talk(first + head(api, method=b"GET", path=b"/v1/jobs"))
    assert received.count(b"HTTP/1.1 200") == 2
    assert received.index(b'"status"') < received.index(b'"list"')


def test_a_prompt_is_not_in_the_servers_log(server: Server, api: Api) -> None:
    """A process that logs all it can still tells neither prompts nor keys."""
    body = json.dumps(chat_body("the-planted-prompt-3f70")).encode()
    bad = body.replace(b'"text-prime"', b"5")
    for sent in (body, bad, body[:-1]):
        Answer(server.talk(head(api, length(len(sent))) + sent))
    said = server.said.read_text()
    assert "the-planted-prompt-3f70" not in said
    assert api.customer.key not in said

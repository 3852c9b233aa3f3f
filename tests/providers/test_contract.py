"""What every adapter sends, and what it makes of a good answer."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from app.providers.registry import ADAPTERS
from app.wire import strict_json
from tests.simulator.running import Simulator, eventually

from .calling import INSTRUMENT, JOB, KEY, MODEL, Asking
from .dialects import DIALECTS
from .peer import Peer

COMPRESSED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


def test_every_adapter_is_held_to_the_contract() -> None:
    """No adapter is registered that this suite does not speak to."""
    assert {dialect.protocol for dialect in DIALECTS} == set(ADAPTERS)


def test_an_answer_carries_our_names(adapter: Asking, upstream: str) -> None:
    """The answer's model is the instrument, and its id is made of the job's."""
    answer = adapter.answered(upstream)
    body = json.loads(answer.body)
    assert answer.status_code == 200
    assert body["model"] == INSTRUMENT
    assert body["id"] == adapter.dialect.id_prefix + JOB.removeprefix("job_")


def test_an_answer_is_otherwise_what_the_upstream_said(adapter: Asking, peer: Peer) -> None:
    """Every other field passes, known or not, text with half a surrogate pair included."""
    said = adapter.dialect.answer(system_fingerprint="fp", odd={"a": ["\ud83d", 10**30, None]})
    peer.answers(said)
    got = json.loads(adapter.answered(peer.url).body)
    assert {**got, "id": said["id"], "model": said["model"]} == said


def test_an_answer_can_be_read_by_anyone(adapter: Asking, upstream: str) -> None:
    """What is passed on is JSON by the strictest reading."""
    assert strict_json.parse_object(adapter.answered(upstream).body)


def test_the_request_passes_through(adapter: Asking, peer: Peer) -> None:
    """Every parameter arrives as the client sent it, known or not; only the model is another."""
    asked: dict[str, Any] = {
        **adapter.dialect.question("Ünïcode 😀 and \ud83d, a NUL \0"),
        "temperature": 0.1,
        "max_tokens": 7,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "logit_bias": {"stream": True, "route": 1},
        "unheard_of": [None, True, -(2**70), {"deep": [[]]}],
    }
    adapter.answered(peer.url, asked)
    assert [heard.json for heard in peer.heard] == [{**asked, "model": MODEL}]


def test_the_gateways_own_fields_are_never_sent_on(adapter: Asking, peer: Peer) -> None:
    """What a client says to the gateway is not the upstream's business."""
    asked = adapter.dialect.question("Why?")
    adapter.answered(peer.url, {**asked, **adapter.dialect.own_fields})
    assert peer.heard[0].json == {**asked, "model": MODEL}


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_path_stands_behind_the_base_url(adapter: Asking, peer: Peer, slash: str) -> None:
    """A base URL may end with a slash or not."""
    adapter.answered(peer.url + slash)
    assert peer.heard[0].path == "/v1" + adapter.dialect.path


def test_the_key_goes_into_its_header(adapter: Asking, peer: Peer) -> None:
    """The provider's key is sent where the protocol wants it, and nowhere else."""
    adapter.answered(peer.url)
    name, before = adapter.dialect.key_header
    heard = peer.heard[0]
    assert heard.headers[name.lower()] == before + KEY
    assert [value for value in heard.headers.values() if KEY in value] == [before + KEY]
    assert KEY.encode() not in heard.body


def test_a_provider_without_a_key_gets_none(adapter: Asking, peer: Peer) -> None:
    """Self-hosted servers are called without any credentials."""
    adapter.answered(peer.url, key=None)
    assert not {"authorization", "x-api-key", "cookie"} & set(peer.heard[0].headers)


def test_a_request_is_marked_as_json(adapter: Asking, peer: Peer) -> None:
    """The upstream is told what it gets and what is expected of it."""
    adapter.answered(peer.url)
    assert peer.heard[0].headers["content-type"] == "application/json"
    assert peer.heard[0].headers["accept"] == "application/json"


def test_job_and_attempt_go_along(adapter: Asking, simulator: Simulator, upstream: str) -> None:
    """The upstream can tell a repeated attempt from a new one by job id and attempt."""
    adapter.answered(upstream, attempt=1)
    adapter.answered(upstream, attempt=3)
    assert simulator.calls(job=JOB)["jobs"] == {JOB: {"1": 1, "3": 1}}


def test_one_call_is_one_request(adapter: Asking, simulator: Simulator, upstream: str) -> None:
    """An adapter never tries again by itself: attempts are counted elsewhere."""
    simulator.set({"fault": "reset"})
    adapter.failed(upstream)
    simulator.set({"fault": "status", "status": 503})
    adapter.failed(upstream)
    assert simulator.calls()["total"] == 2


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_answer_is_read(adapter: Asking, peer: Peer, encoding: str) -> None:
    """Upstreams may compress what they are asked for."""
    said = adapter.dialect.answer(padding="x" * 10_000)
    peer.answers(COMPRESSED[encoding](json.dumps(said).encode()), Content_Encoding=encoding)
    assert json.loads(adapter.answered(peer.url).body)["padding"] == said["padding"]


def test_an_answer_may_say_nothing(adapter: Asking, simulator: Simulator, upstream: str) -> None:
    """An empty text is an answer: what was asked for is not ours to judge."""
    simulator.set({"fault": "empty", "empty": "content"})
    assert adapter.answered(upstream).usage is not None


def test_a_cancelled_call_ends_at_once(
    adapter: Asking, simulator: Simulator, upstream: str
) -> None:
    """Cancelling the task hangs up on the upstream and raises nothing but CancelledError."""
    simulator.set({"fault": "hang"})

    async def cancel_when_it_hangs() -> None:
        call = asyncio.create_task(adapter.asking(upstream))
        arrived = await asyncio.to_thread(eventually, lambda: simulator.calls()["in_flight"])
        assert arrived == 1
        call.cancel()
        await call

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel_when_it_hangs())
    assert eventually(lambda: simulator.calls()["in_flight"] == 0)

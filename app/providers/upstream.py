"""An upstream over HTTP: one call, whole or as a stream. A protocol's file says what differs."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar, Final

import aiohttp
from pydantic import SecretStr

from app.domain.attempt import Answer, Failure
from app.domain.dialect import Dialect
from app.domain.ids import suffix
from app.domain.instrument import Provider as ProviderEntry
from app.domain.pricing import Usage
from app.providers.base import (
    RESPONSE_BYTES_MAX,
    Call,
    Live,
    TooLarge,
    failure_of,
    read_capped,
)
from app.providers.outcomes import broken, encoded, garbage, parsed, refusal
from app.translate import StreamTranslator, answer, events, request
from app.wire import sse

OWN_FIELDS: Final = frozenset({"webhook", "provider", "route"})
"""Body fields that are meant for the gateway and never sent on."""

END_S: Final = 0.1
"""How long after a stream's last event its connection may take to end, to be used again."""

CHARACTERS_PER_TOKEN: Final = 3
"""What an estimate takes a token for; few languages have shorter ones."""

ID_PREFIXES: Final[Mapping[Dialect, str]] = {Dialect.CHAT: "chatcmpl-", Dialect.MESSAGES: "msg_"}

_NETWORK: Final = (
    aiohttp.ClientError,
    TimeoutError,
    ConnectionError,
    TooLarge,
    sse.TooLong,
    UnicodeError,
)


class Upstream:
    """One upstream. Subclasses say what is particular about their protocol."""

    dialect: ClassVar[Dialect]
    path: ClassVar[str]

    def __init__(
        self,
        entry: ProviderEntry,
        key: SecretStr | None,
        session: aiohttp.ClientSession,
        now: Callable[[], datetime],
    ) -> None:
        self._url = entry.base_url.rstrip("/") + self.path
        self._session = session
        self._now = now
        self._secret = key.get_secret_value() if key is not None else None
        # The deadline of a whole call is one timer of ours; aiohttp's own would be three.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=entry.connect_timeout_s)
        self._headers = {
            "Content-Type": "application/json",
            **(self.key_headers(self._secret) if self._secret else {}),
        }

    def key_headers(self, key: str) -> dict[str, str]:
        """Return the headers that carry the API key."""
        raise NotImplementedError

    def call_headers(self, call: Call) -> dict[str, str]:  # noqa: ARG002  one protocol has some
        """Return headers this protocol wants besides."""
        return {}

    def adapt(self, body: dict[str, Any], call: Call, *, stream: bool) -> None:
        """Change a request that is in this protocol's dialect to what the upstream wants."""
        raise NotImplementedError

    def is_answer(self, body: Mapping[str, Any]) -> bool:
        """True when a body has what an answer of this protocol cannot be without."""
        raise NotImplementedError

    def usage(
        self, reported: Mapping[str, Any] | None, call: Call
    ) -> tuple[Usage | None, tuple[str, ...]]:
        """Return a usage report, or None and a flag when it cannot be believed."""
        raise NotImplementedError

    async def complete(self, call: Call) -> Answer | Failure:
        """Make one call. The job id goes along as Idempotency-Key, the attempt in a header."""
        try:
            asked = json.loads(call.request)
            async with (
                asyncio.timeout(call.timeout_s),
                self._post(call, asked, stream=False) as response,
            ):
                raw = await read_capped(response)
        except _NETWORK as error:
            return failure_of(error)
        if response.status != HTTPStatus.OK:
            return self._refusal(response, raw)
        return self._whole(call, raw)

    async def stream(self, call: Call, live: Live) -> Answer | Failure:
        """Make one call, send its frames on as they come, and return the whole answer."""
        asked = json.loads(call.request)
        told = self._translator(call, asked)
        try:
            async with (
                asyncio.timeout(call.timeout_s),
                self._post(call, asked, stream=True) as response,
            ):
                if response.status != HTTPStatus.OK:
                    raw = await read_capped(response)
                    return self._refusal(response, raw)
                if response.content_type != "text/event-stream":
                    return self._as_stream(call, asked, await read_capped(response), live)
                failure = await _pump(response, told, call, live)
        except _NETWORK as error:
            return failure_of(error)
        except asyncio.CancelledError:
            if not live.cut_short:
                raise
            return encoded(told.whole(), _estimate(call, told), ("client_left",))
        if failure is not None:
            return failure
        for event in told.finish():
            live.emit(sse.frame(event, call.dialect))
        return encoded(told.whole(), *self.usage(told.usage, call))

    def _translator(self, call: Call, asked: Mapping[str, Any]) -> StreamTranslator:
        return StreamTranslator(
            self.dialect,
            call.dialect,
            id=_answer_id(call),
            model=call.instrument,
            created=call.created,
            include_usage=_wants_usage(asked),
        )

    def _post(
        self, call: Call, asked: Mapping[str, Any], *, stream: bool
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        headers = {
            **self._headers,
            **self.call_headers(call),
            "Accept": "text/event-stream" if stream else "application/json",
            "Idempotency-Key": call.job_id,
            "X-Busbar-Attempt": str(call.attempt),
        }
        body = request(asked, call.dialect, self.dialect)
        for name in OWN_FIELDS & body.keys():
            del body[name]
        body["model"] = call.model
        self.adapt(body, call, stream=stream)
        return self._session.post(
            self._url,
            data=json.dumps(body, separators=(",", ":")).encode(),
            headers=headers,
            timeout=self._timeout,
            allow_redirects=False,
        )

    def _refusal(self, response: aiohttp.ClientResponse, raw: bytes) -> Failure:
        return refusal(response.status, response.headers, raw, self._secret, now=self._now())

    def _whole(self, call: Call, raw: bytes) -> Answer | Failure:
        """Turn a whole answer of the upstream into one in the client's dialect."""
        body = parsed(raw)
        if body is None or not self.is_answer(body):
            return garbage("The provider's answer is not one of its protocol.")
        reported = body.get("usage")
        usage, flags = self.usage(reported if isinstance(reported, Mapping) else None, call)
        told = answer(
            body,
            self.dialect,
            call.dialect,
            id=_answer_id(call),
            model=call.instrument,
            created=call.created,
        )
        return encoded(told, usage, flags)

    def _as_stream(
        self, call: Call, asked: Mapping[str, Any], raw: bytes, live: Live
    ) -> Answer | Failure:
        """Cut the answer of an upstream that does not stream into the frames of one that does."""
        whole = self._whole(call, raw)
        if isinstance(whole, Answer):
            with_usage = _wants_usage(asked)
            for event in events(json.loads(whole.body), call.dialect, include_usage=with_usage):
                live.emit(sse.frame(event, call.dialect))
        return whole


async def _pump(
    response: aiohttp.ClientResponse, told: StreamTranslator, call: Call, live: Live
) -> Failure | None:
    """Send on what comes until the upstream says that it is done."""
    parser, total = sse.Parser(), 0
    async for chunk in response.content.iter_any():
        total += len(chunk)
        if total > RESPONSE_BYTES_MAX:
            raise TooLarge
        for received in parser.feed(chunk):
            if received.data.startswith(b"[DONE]"):
                await _end(response)
                return _unfinished(told)
            event = parsed(received.data)
            if event is not None and event.get("error"):
                return broken("stream_error", "The provider broke its stream off with an error.")
            for each in told.feed(event or {}):
                live.emit(sse.frame(each, call.dialect))
            if received.name == "message_stop":
                await _end(response)
                return _unfinished(told)
    return _unfinished(told)


async def _end(response: aiohttp.ClientResponse) -> None:
    """Read to the very end, so that the connection can be used again; but wait for none."""
    try:
        async with asyncio.timeout(END_S):
            await response.content.readany()
    except (TimeoutError, aiohttp.ClientError):
        response.close()


def _estimate(call: Call, told: StreamTranslator) -> Usage:
    """Return what a stream that was cut short has cost, by its characters; never above its hold."""
    sent = -(-len(call.request) // CHARACTERS_PER_TOKEN)
    got = -(-told.text_characters // CHARACTERS_PER_TOKEN)
    return Usage(
        input_tokens=min(sent, call.input_tokens_max),
        output_tokens=min(got, call.output_tokens_max),
    )


def _answer_id(call: Call) -> str:
    return ID_PREFIXES[call.dialect] + suffix(call.job_id)


def _wants_usage(asked: Mapping[str, Any]) -> bool:
    options = asked.get("stream_options")
    return isinstance(options, Mapping) and options.get("include_usage") is True


def _unfinished(told: StreamTranslator) -> Failure | None:
    return (
        None
        if told.finished
        else broken("answer_cut_short", "The provider's stream ended before its answer did.")
    )

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
from app.providers import extras
from app.providers.base import (
    Call,
    Live,
    TooLarge,
    failure_of,
    read_capped,
)
from app.providers.estimates import part_of, report_so_far
from app.providers.outcomes import encoded, garbage, parsed, refusal
from app.providers.pump import pump
from app.translate import StreamTranslator, answer, events, request, tool_names
from app.wire import sse
from app.wire.anthropic import counting

OWN_FIELDS: Final = frozenset({"webhook", "provider", "route"})
"""Body fields that are meant for the gateway and never sent on."""

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
        self._entry = entry
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

    def adapt(self, body: dict[str, Any], *, limit: int, stream: bool) -> None:
        """Change a request that is in this protocol's dialect to what the upstream wants.

        `limit` is the most tokens that were held for one answer.
        """
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
            body = self._body(call, asked, stream=False)
            if isinstance(body, Failure):
                return body
            async with (
                asyncio.timeout(call.timeout_s),
                self._post(call, body, stream=False) as response,
            ):
                raw = await read_capped(response)
        except _NETWORK as error:
            return failure_of(error)
        if response.status != HTTPStatus.OK:
            return self._refusal(response, raw)
        return self._whole(call, asked, raw)

    async def stream(self, call: Call, live: Live) -> Answer | Failure:
        """Make one call, send its frames on as they come, and return the whole answer."""
        asked = json.loads(call.request)
        told = self._translator(call, asked)
        try:
            body = self._body(call, asked, stream=True)
            if isinstance(body, Failure):
                return body
            async with (
                asyncio.timeout(call.timeout_s),
                self._post(call, body, stream=True) as response,
            ):
                if response.status != HTTPStatus.OK:
                    raw = await read_capped(response)
                    return self._refusal(response, raw)
                if response.content_type != "text/event-stream":
                    return self._as_stream(call, asked, await read_capped(response), live)
                failure = await pump(response, told, call, live)
        except _NETWORK as error:
            return failure_of(error)
        except asyncio.CancelledError:
            if not live.cut_short or not told.text_characters:
                raise
            return part_of(call, told, self.usage(report_so_far(told), call)[0])
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
            names=tool_names(asked, call.dialect, self.dialect),
            input_tokens=self._input_estimate(call, asked),
        )

    def _input_estimate(self, call: Call, asked: Mapping[str, Any]) -> int:
        """Return about what a messages client's input comes to, where the upstream tells it late.

        Chat upstreams count at the end; the client wants to know at the start.
        """
        if call.dialect is not Dialect.MESSAGES or self.dialect is Dialect.MESSAGES:
            return 0
        return min(counting.estimate(asked), call.input_tokens_max)

    def _body(
        self, call: Call, asked: Mapping[str, Any], *, stream: bool
    ) -> dict[str, Any] | Failure:
        """Return what is sent, or why a request is refused before anything is."""
        body = request(asked, call.dialect, self.dialect, reasoning=call.reasoning)
        for name in OWN_FIELDS & body.keys():
            del body[name]
        if field := extras.refused(body, self.dialect, self._entry.allow):
            return extras.refusal(field)
        extras.prune(body, self._entry.allow)
        body["model"] = call.model
        self.adapt(body, limit=_limit(call, asked), stream=stream)
        return body

    def _post(
        self, call: Call, body: Mapping[str, Any], *, stream: bool
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        headers = {
            **self._headers,
            **self.call_headers(call),
            "Accept": "text/event-stream" if stream else "application/json",
            "Idempotency-Key": call.job_id,
            "X-Busbar-Attempt": str(call.attempt),
        }
        return self._session.post(
            self._url,
            data=json.dumps(body, separators=(",", ":")).encode(),
            headers=headers,
            timeout=self._timeout,
            allow_redirects=False,
        )

    def _refusal(self, response: aiohttp.ClientResponse, raw: bytes) -> Failure:
        return refusal(response.status, response.headers, raw, self._secret, now=self._now())

    def _whole(self, call: Call, asked: Mapping[str, Any], raw: bytes) -> Answer | Failure:
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
            names=tool_names(asked, call.dialect, self.dialect),
        )
        return encoded(told, usage, flags)

    def _as_stream(
        self, call: Call, asked: Mapping[str, Any], raw: bytes, live: Live
    ) -> Answer | Failure:
        """Cut the answer of an upstream that does not stream into the frames of one that does."""
        whole = self._whole(call, asked, raw)
        if isinstance(whole, Answer):
            with_usage = _wants_usage(asked)
            for event in events(json.loads(whole.body), call.dialect, include_usage=with_usage):
                live.emit(sse.frame(event, call.dialect))
        return whole


def _limit(call: Call, asked: Mapping[str, Any]) -> int:
    """Return the tokens of one answer: a chat client's hold is for as many as it wants choices."""
    choices = asked.get("n") if call.dialect is Dialect.CHAT else None
    return call.output_tokens_max // (choices if isinstance(choices, int) and choices else 1)


def _answer_id(call: Call) -> str:
    return ID_PREFIXES[call.dialect] + suffix(call.job_id)


def _wants_usage(asked: Mapping[str, Any]) -> bool:
    options = asked.get("stream_options")
    return isinstance(options, Mapping) and options.get("include_usage") is True

"""One call through an adapter, made as the engine makes it."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from pydantic import SecretStr

from app.domain.attempt import Answer, Failure
from app.domain.instrument import OnDisconnect
from app.domain.instrument import Provider as ProviderEntry
from app.providers.base import Call, Live, Provider
from app.providers.registry import ADAPTERS

from .dialects import Dialect

KEY = "sk-contract-0123456789abcdef"
JOB = "job_01jd0000000000000000000000"
INSTRUMENT = "text-max"
MODEL = "upstream-model"
TOKENS_MAX = 10_000
TIMEOUT_S = 10.0
NOW = datetime(2026, 10, 21, 7, 27, 30, tzinfo=UTC)
"""The time it is for an adapter."""


class Frames:
    """Where the frames of a stream go: into a list."""

    def __init__(self) -> None:
        self.cut_short = False
        self.frames: list[bytes] = []

    def emit(self, frame: bytes) -> None:
        """Keep one frame."""
        self.frames.append(frame)

    @property
    def events(self) -> list[Any]:
        """The JSON of each frame."""
        data = (line for frame in self.frames for line in frame.split(b"\n"))
        return [json.loads(line[6:]) for line in data if line.startswith(b"data: ")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """An adapter of one dialect, and a call for it; any part of either can be another."""

    dialect: Dialect

    def ask(self, base_url: str, body: Any = None, **changes: Any) -> Answer | Failure:
        """Make the call and wait for what comes of it."""
        return asyncio.run(self.asking(base_url, body, **changes))

    def answered(self, base_url: str, body: Any = None, **changes: Any) -> Answer:
        """Make a call that must be answered."""
        answer = self.ask(base_url, body, **changes)
        assert isinstance(answer, Answer), answer
        return answer

    def failed(self, base_url: str, body: Any = None, **changes: Any) -> Failure:
        """Make a call that must fail."""
        failure = self.ask(base_url, body, **changes)
        assert isinstance(failure, Failure), failure
        return failure

    def streamed(
        self, base_url: str, body: Any = None, **changes: Any
    ) -> tuple[Answer | Failure, list[Any]]:
        """Make the call as a stream; return what comes of it, and the events that came before."""
        frames = Frames()
        outcome = asyncio.run(self.asking(base_url, body, live=frames, **changes))
        return outcome, frames.events

    async def asking(
        self,
        base_url: str,
        body: Any = None,
        *,
        key: str | None = KEY,
        connect_timeout_s: float = TIMEOUT_S,
        resolver: AbstractResolver | None = None,
        live: Live | None = None,
        entry: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Answer | Failure:
        """Make the call within a running loop; `entry` changes the provider's in the catalog."""
        fields: dict[str, Any] = {
            "name": "here",
            "protocol": self.dialect.protocol,
            "base_url": base_url,
            "api_key_env": None,
            "connect_timeout_s": connect_timeout_s,
            "timeout_s": TIMEOUT_S,
            "concurrency": 1,
            "on_disconnect": OnDisconnect.DRAIN,
        }
        provider = ProviderEntry(**{**fields, **(entry or {})})
        secret = SecretStr(key) if key is not None else None
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, resolver=resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        ) as session:
            named = ADAPTERS[self.dialect.protocol]
            adapter: Provider = named(provider, secret, session, lambda: NOW)
            call = self._call(body, changes)
            return await (adapter.stream(call, live) if live else adapter.complete(call))

    def _call(self, body: Any, changes: dict[str, Any]) -> Call:
        asked = self.dialect.question("Why is it so?") if body is None else body
        fields: dict[str, Any] = {
            "job_id": JOB,
            "attempt": 1,
            "dialect": ADAPTERS[self.dialect.protocol].dialect,
            "instrument": INSTRUMENT,
            "model": MODEL,
            "request": json.dumps(asked).encode(),
            "input_tokens_max": TOKENS_MAX,
            "output_tokens_max": TOKENS_MAX,
            "timeout_s": TIMEOUT_S,
        }
        return Call(**{**fields, **changes})

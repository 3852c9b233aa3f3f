"""The OpenAI Chat Completions protocol, which most self-hosted servers speak too."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
from pydantic import SecretStr

from app.domain.attempt import Answer, Failure, FailureKind
from app.domain.ids import suffix
from app.domain.instrument import Provider as ProviderEntry
from app.domain.pricing import Usage
from app.providers.base import (
    ERROR_CHARACTERS_MAX,
    TOKENS_MAX,
    Call,
    TooLarge,
    failure_of,
    kind_of,
    read_capped,
    retry_after_s,
)

OWN_FIELDS: Final = frozenset({"webhook", "provider", "route", "stream", "stream_options"})
"""Body fields that are meant for the gateway and never sent on."""


class OpenAI:
    """One upstream of that protocol."""

    def __init__(
        self, entry: ProviderEntry, key: SecretStr | None, session: aiohttp.ClientSession
    ) -> None:
        self._url = entry.base_url.rstrip("/") + "/chat/completions"
        self._session = session
        self._secret = key.get_secret_value() if key is not None else None
        # The deadline of a whole call is one timer of ours; aiohttp's own would be three.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=entry.connect_timeout_s)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key.get_secret_value()}"

    async def complete(self, call: Call) -> Answer | Failure:
        """Make one call. The job id goes along as Idempotency-Key, the attempt in a header."""
        headers = {
            **self._headers,
            "Idempotency-Key": call.job_id,
            "X-Busbar-Attempt": str(call.attempt),
        }
        try:
            async with (
                asyncio.timeout(call.timeout_s),
                self._session.post(
                    self._url,
                    data=_request(call),
                    headers=headers,
                    timeout=self._timeout,
                    allow_redirects=False,
                ) as response,
            ):
                body = await read_capped(response)
        except (
            aiohttp.ClientError,
            TimeoutError,
            ConnectionError,
            TooLarge,
            UnicodeError,
        ) as error:
            return failure_of(error)
        if response.status != 200:
            return _refusal(response.status, response.headers, body, self._secret)
        return _answer(call, body)


def _request(call: Call) -> bytes:
    body = json.loads(call.request)
    for name in OWN_FIELDS & body.keys():
        del body[name]
    body["model"] = call.model
    return json.dumps(body, separators=(",", ":")).encode()


def _answer(call: Call, raw: bytes) -> Answer | Failure:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return _garbage("The provider's answer is not JSON.")
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices or not all(map(_is_choice, choices)):
        return _garbage("The provider's answer has no choices.")
    usage, flags = read_usage(body.get("usage"), call)
    body["id"] = f"chatcmpl-{suffix(call.job_id)}"
    body["model"] = call.instrument
    try:
        encoded = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError):
        return _garbage("The provider's answer holds what JSON cannot say.")
    return Answer(status_code=200, body=encoded, usage=usage, flags=flags)


def _is_choice(choice: Any) -> bool:
    return isinstance(choice, dict) and isinstance(choice.get("message"), dict)


def read_usage(reported: Any, call: Call) -> tuple[Usage | None, tuple[str, ...]]:
    """Return a provider's usage report, or None and a flag when it cannot be believed.

    A report is believed up to twice what the request can hold: counters differ, but not by more.
    """
    if not isinstance(reported, Mapping):
        return None, ("usage_missing",)
    counts: tuple[Any, ...] = (
        reported.get("prompt_tokens"),
        reported.get("completion_tokens"),
        _detail(reported, "prompt_tokens_details", "cached_tokens"),
        _detail(reported, "completion_tokens_details", "reasoning_tokens"),
    )
    if not all(type(count) is int and 0 <= count <= TOKENS_MAX for count in counts):
        return None, ("usage_invalid",)
    sent, got, cached, reasoned = counts
    if sent > 2 * call.input_tokens_max or got > 2 * call.output_tokens_max:
        return None, ("usage_absurd",)
    return (
        Usage(
            input_tokens=sent,
            output_tokens=got,
            cached_tokens=min(cached, sent),
            reasoning_tokens=min(reasoned, got),
        ),
        (),
    )


def _detail(reported: Mapping[str, Any], group: str, name: str) -> Any:
    details = reported.get(group)
    value = details.get(name) if isinstance(details, Mapping) else None
    return 0 if value is None else value


def _garbage(message: str) -> Failure:
    return Failure(kind=FailureKind.RETRYABLE, symbol="garbage", message=message, status_code=200)


def _refusal(status: int, headers: Mapping[str, str], raw: bytes, secret: str | None) -> Failure:
    kind = kind_of(status)
    message = _message(raw, secret) if kind is FailureKind.REJECTED else ""
    return Failure(
        kind=kind,
        symbol=f"status_{status}",
        message=message or f"The provider answered with status {status}.",
        status_code=status,
        retry_after_s=retry_after_s(headers),
    )


def _message(raw: bytes, secret: str | None) -> str:
    """The provider's own words about a request it refused; the caller can act on them."""
    try:
        error = json.loads(raw).get("error")
    except (ValueError, RecursionError, AttributeError):
        return ""
    message = error.get("message") if isinstance(error, dict) else error
    if not isinstance(message, str):
        return ""
    if secret:
        message = message.replace(secret, "…")
    return message[:ERROR_CHARACTERS_MAX]

"""The gateway's HTTP API as the commands use it: one session, patient while a gateway restarts."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import count
from typing import Final

import requests

from app.cli.client.address import Address
from app.cli.client.answers import (
    Accepted,
    Balance,
    JobSeen,
    Limited,
    Refused,
    to_balance,
    to_job,
    to_jobs,
    to_json,
    to_room,
)

CONNECT_S: Final = 5
READ_S: Final = 75
"""Longer than any call may wait for the end of a job."""
PATIENCE_S: Final = 300
"""How long a call is tried again while the gateway is away or busy."""
PAUSE_FIRST_S: Final = 0.2
PAUSE_MAX_S: Final = 10
RETRY_AFTER_MAX_S: Final = 60
"""The longest Retry-After that is believed."""
WAIT_MAX_S: Final = 60
"""The longest a call may wait for the end of a job."""
IDS_MAX: Final = 100
"""Jobs that one call may ask for."""

_TOO_MANY: Final = 429
_AGAIN: Final = frozenset({408, _TOO_MANY})
_SERVER_ERRORS: Final = 500
_NEVER_PASSES: Final = (
    requests.exceptions.SSLError,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidProxyURL,
)


class Unreachable(Exception):
    """The gateway did not answer, though it was tried again for as long as patience lasts."""


class Client:
    """Calls to one gateway with one key. Every call may raise Refused and Unreachable.

    `jitter` returns a number from 0 to 1 that spreads the tries of many clients.
    """

    def __init__(self, address: Address, *, jitter: Callable[[], float] = random.random) -> None:
        self.base_url = address.base_url
        self.on_trouble: Callable[[str | None], None] = lambda _: None
        """Hears a sentence when a call must be tried again, and None when it went through."""
        self._jitter = jitter
        self._session = requests.Session()
        # A proxy from the environment must not stand between this machine and itself.
        self._session.trust_env = not address.is_local
        self._session.auth = _bearer(address.key or "")
        self._session.headers["User-Agent"] = "busbar"

    def balance(self, *, patience_s: float = PATIENCE_S) -> Balance:
        """Return what the account has."""
        return to_balance(self._call("GET", "/v1/balance", patience_s=patience_s).content)

    def submit(self, jobs: Sequence[bytes], *, idempotency_key: str) -> Accepted:
        """Submit jobs, each as JSON. Raises Limited instead of waiting for a limit on the key.

        Sent again under the same key, the same jobs are made only once.
        """
        body = b'{"jobs":[' + b",".join(jobs) + b"]}"
        headers = {"Idempotency-Key": idempotency_key, "Content-Type": "application/json"}
        answer = self._call("POST", "/v1/jobs", body=body, headers=headers, is_limited=True)
        made = to_jobs(answer.content)
        if len(made) != len(jobs):
            what = f"The gateway answered {len(jobs)} jobs with {len(made)}."
            raise Refused(what, status=202, after_doubt=True)
        return Accepted(ids=[job.id for job in made], room=to_room(answer.headers))

    def jobs(self, ids: Sequence[str]) -> list[JobSeen]:
        """Return the jobs of at most IDS_MAX ids; those that are not the key's are left out."""
        assert len(ids) <= IDS_MAX
        return to_jobs(self._call("GET", "/v1/jobs", params={"ids": ",".join(ids)}).content)

    def job(self, job_id: str, *, wait_s: int = 0) -> JobSeen:
        """Return one job, after waiting up to `wait_s` (at most WAIT_MAX_S) for its end."""
        assert wait_s <= WAIT_MAX_S
        answer = self._call("GET", f"/v1/jobs/{job_id}", params={"wait": str(wait_s)})
        return to_job(answer.content)

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        patience_s: float = PATIENCE_S,
        is_limited: bool = False,
    ) -> "_Answer":
        """Carry one call out, again and again while that may help; raise Limited if it shall."""
        send = partial(
            self._session.request,
            method,
            self.base_url + path,
            params=params,
            data=body,
            headers=headers,
            timeout=(CONNECT_S, READ_S),
            # A redirect turns a POST into a GET; better to ask for the right base URL.
            allow_redirects=False,
        )
        give_up_at, doubt = time.monotonic() + patience_s, False
        for tries in count():
            answer = self._try(send)
            if not isinstance(answer, _Trouble):
                if tries:
                    self.on_trouble(None)
                status, headers = answer.status_code, answer.headers
                content = to_json(answer.content, status=status, after_doubt=doubt)
                return _Answer(content=content, headers=headers)
            doubt = doubt or answer.is_doubtful
            pause_s = self._pause_s(tries, answer.retry_after_s)
            if is_limited and answer.status == _TOO_MANY:
                self.on_trouble(None)
                room = to_room(answer.headers)
                raise Limited(room=room, pause_s=pause_s, after_doubt=doubt)
            left_s = give_up_at - time.monotonic() - pause_s
            if left_s < 0:
                raise Unreachable(f"{answer.what}; tried for {patience_s:.0f} seconds")
            self.on_trouble(f"{answer.what}; trying again for up to {left_s:.0f} s")
            time.sleep(pause_s)
        raise AssertionError("count() has no end")

    def _try(self, send: Callable[[], requests.Response]) -> "requests.Response | _Trouble":
        try:
            response = send()
        except _NEVER_PASSES as error:
            raise Unreachable(f"{self.base_url} cannot be reached: {error}") from error
        except requests.RequestException:
            return _Trouble(what=f"{self.base_url} does not answer", is_doubtful=True)
        status = response.status_code
        if status not in _AGAIN and status < _SERVER_ERRORS:
            return response
        return _Trouble(
            what=f"{self.base_url} answers {status}",
            is_doubtful=status != _TOO_MANY,
            retry_after_s=retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC)),
            status=status,
            headers=response.headers,
        )

    def _pause_s(self, tries: int, asked_s: float | None) -> float:
        if asked_s is not None:
            return asked_s * (1 + self._jitter() / 4)
        return min(PAUSE_MAX_S, PAUSE_FIRST_S * 2.0 ** min(tries, 10)) * (1 + self._jitter()) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a call was answered: the object in its body, and its headers."""

    content: dict[str, object]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trouble:
    """A try that may go better next time; doubtful when it may have been carried out.

    `status` and `headers` are those of the answer, if there was one.
    """

    what: str
    is_doubtful: bool
    retry_after_s: float | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header, seconds or a date (RFC 9110 §10.2.3); None for neither."""
    if value is None:
        return None
    try:
        seconds = float(value) if value.isdecimal() else _seconds_until(value, now)
    except ValueError:
        return None
    return min(max(seconds, 0), RETRY_AFTER_MAX_S)


def _seconds_until(date: str, now: datetime) -> float:
    return (parsedate_to_datetime(date).astimezone(UTC) - now).total_seconds()


def _bearer(key: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Return an `auth` for requests; a plain header would lose to a netrc file."""

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {key}"
        return request

    return sign

"""A payment service over HTTP: POST a purchase, GET what came of it."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote, urlsplit

import requests

from app.domain.money import format_dollars, parse_dollars
from app.domain.replenishing.purchase import (
    Absent,
    Asked,
    Bought,
    Declined,
    FailureReason,
    Found,
    Unknown,
)
from app.funding.signing import signed

ANSWER_BYTES_MAX: Final = 65_536
CHUNK_BYTES: Final = 8_192
CONNECT_S_MAX: Final = 5.0
CURRENCY: Final = "USD"
REFERENCE_CHARACTERS_MAX: Final = 200

_BUSY: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}
_TOLD: Final = {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.PAYMENT_REQUIRED}

log = logging.getLogger("busbar.funding")


class PaymentService:
    """A funding source at a URL.

    `POST {url}/v1/purchases` with `{"id", "account", "amount", "currency"}` and the id as
    `Idempotency-Key` buys; `GET {url}/v1/purchases/{id}` tells. Both answer with `{"id", "status",
    "amount", "reference"}`, whose status is `bought`, `declined` (also as a 402) or `pending`; an
    id nobody knows is a 404. Every call is signed.
    """

    def __init__(
        self, url: str, secret: str, *, timeout_s: float, now: Callable[[], datetime]
    ) -> None:
        self._url = url.rstrip("/") + "/v1/purchases"
        self._secret = secret
        self._timeout_s = timeout_s
        self._now = now
        self._is_local = _is_local(url)

    def buy(self, purchase_id: str, account_id: str, amount_nanos: int) -> Asked:
        """Charge for a purchase. Whatever leaves open whether it was charged is Unknown."""
        document = {
            "id": purchase_id,
            "account": account_id,
            "amount": format_dollars(amount_nanos),
            "currency": CURRENCY,
        }
        body = json.dumps(document, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": purchase_id}
        try:
            status, told = self._call("POST", self._url, body, headers)
        except (requests.exceptions.ConnectTimeout, _NotSent):
            return Declined(reason=FailureReason.UNREACHABLE)
        except requests.RequestException as error:
            return Unknown(why=type(error).__name__)
        if status in _TOLD:
            return _outcome(told, purchase_id, amount_nanos)
        is_refusal = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
        if is_refusal and status not in _BUSY and status != HTTPStatus.CONFLICT:
            log.warning("funding.refused purchase=%s status=%d", purchase_id, status)
            return Declined(reason=FailureReason.REFUSED)
        return Unknown(why=f"status_{status}")

    def lookup(self, purchase_id: str, amount_nanos: int) -> Found:
        """Tell what came of a purchase. One that was charged at another amount is Unknown."""
        try:
            status, told = self._call("GET", f"{self._url}/{quote(purchase_id, safe='')}", b"", {})
        except requests.RequestException as error:
            return Unknown(why=type(error).__name__)
        if status == HTTPStatus.NOT_FOUND:
            # Only the service itself may say so, not a proxy that lost its way to it.
            is_its_own = told.get("status") == "absent"
            return Absent() if is_its_own else Unknown(why="status_404")
        if status in _TOLD:
            return _outcome(told, purchase_id, amount_nanos)
        return Unknown(why=f"status_{status}")

    def _call(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, Any]]:
        """Return the status and the document of an answer. Raises RequestException.

        What is too long, or no JSON object, is an empty document.
        """
        ends = time.monotonic() + self._timeout_s
        marks = signed(self._secret, body, at_s=int(self._now().timestamp()))
        with requests.Session() as session:
            # A proxy from the environment must not stand between this machine and itself.
            session.trust_env = not self._is_local
            try:
                response = session.request(
                    method,
                    url,
                    data=body or None,
                    headers={**headers, **marks},
                    timeout=(min(CONNECT_S_MAX, self._timeout_s), self._timeout_s),
                    allow_redirects=False,
                    stream=True,
                )
            except requests.ConnectionError as error:
                raise (_NotSent(error) if _was_refused(error) else error) from error
            with response:
                return response.status_code, _document(response, ends)


class _NotSent(requests.ConnectionError):
    """Nobody listened: nothing was asked."""


def _was_refused(error: requests.ConnectionError) -> bool:
    """True when there was no connection to send anything on, by the types of its causes.

    A ProxyError tells that the proxy could not be reached, or made no tunnel.
    """
    reason = getattr(error.args[0], "reason", None) if error.args else None
    is_nobody = type(reason).__name__ in ("NewConnectionError", "NameResolutionError")
    return is_nobody or isinstance(error, requests.exceptions.ProxyError)


def _is_local(url: str) -> bool:
    """True when a URL names this machine by a loopback address (RFC 1122, RFC 4291) or name."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _document(response: requests.Response, ends: float) -> Mapping[str, Any]:
    """Read an answer as long as time and size allow."""
    parts, size = [], 0
    for part in response.iter_content(CHUNK_BYTES):
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            return {}
        if time.monotonic() > ends:
            raise requests.ReadTimeout("The answer did not end in time.")
        parts.append(part)
    try:
        found = json.loads(b"".join(parts))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _outcome(told: Mapping[str, Any], purchase_id: str, amount_nanos: int) -> Asked:
    """Turn what a service tells of a purchase into what came of it."""
    if told.get("id") != purchase_id:
        return Unknown(why="another_purchase")
    match told.get("status"):
        case "declined":
            return Declined(reason=FailureReason.CHARGE_DECLINED)
        case "bought":
            if _nanos(told.get("amount")) != amount_nanos:
                log.error(
                    "funding.another_amount purchase=%s asked=%s charged=%.30r",
                    purchase_id,
                    format_dollars(amount_nanos),
                    told.get("amount"),
                )
                return Unknown(why="another_amount")
            reference = told.get("reference")
            return Bought(
                reference=reference[:REFERENCE_CHARACTERS_MAX]
                if isinstance(reference, str)
                else None
            )
        case "pending":
            return Unknown(why="pending")
        case _:
            return Unknown(why="no_status")


def _nanos(amount: object) -> int | None:
    try:
        return parse_dollars(amount) if isinstance(amount, str) else None
    except ValueError:
        return None

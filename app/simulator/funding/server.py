"""The payment service's server: its URLs, and what answers them."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from app.simulator import sending
from app.simulator.faults.breaks import hang, reset
from app.simulator.funding.faults import Faults, Faulty, Rule, read
from app.simulator.funding.till import Conflict, Purchase, Till
from app.simulator.process import Handler, run
from app.simulator.receiving import TooLarge, body_of

PURCHASES: Final = "/v1/purchases"
SIGNATURE_AGE_S: Final = 300
ID_CHARACTERS_MAX: Final = 200


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    secret: str | None = None,
    port_file: Path | None = None,
    exit_with_parent: bool = False,
) -> None:
    """Serve until a signal comes, or the parent goes away. Raises `OSError`."""
    run(
        lambda: Funding(secret).enter,
        host,
        port,
        port_file=port_file,
        exit_with_parent=exit_with_parent,
    )


class Funding:
    """The doors; all start from nothing."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret
        self._till = Till()
        self._faults = Faults()
        self._doors: Mapping[tuple[str, str], Handler] = {
            ("POST", PURCHASES): self._buy,
            ("GET", "/_simulator/purchases"): self._show,
            ("DELETE", "/_simulator/purchases"): self._forget,
            ("GET", "/_simulator/faults"): self._show_faults,
            ("PUT", "/_simulator/faults"): self._set_faults,
            ("DELETE", "/_simulator/faults"): self._reset_faults,
            ("GET", "/healthz"): self._healthy,
        }

    async def enter(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        door = self._doors.get((request.method, request.path))
        if door is None and request.method == "GET" and request.path.startswith(f"{PURCHASES}/"):
            door = self._look_up
        if door is None:
            return _answer(404, {"error": f"There is nothing at {request.path}."})
        try:
            return await door(request)
        except TooLarge as problem:
            return _answer(413, {"error": str(problem)})
        except ConnectionError:
            return web.Response()

    async def _buy(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await body_of(request)
        if not self._is_signed(request, body):
            return _answer(401, {"error": "The signature is wrong or too old."})
        asked = _asked(body)
        if asked is None or request.headers.get("Idempotency-Key") != asked["id"]:
            self._till.asked_in_vain()
            return _answer(400, {"error": "Send id, account, amount; the id as Idempotency-Key."})
        rule = self._faults.befall("purchase")
        if rule is not None and rule.fault in ("status", "stuck"):
            self._till.asked_in_vain()
            return await _spoilt(request, rule)
        try:
            bought = await self._till.buy(
                asked["id"],
                asked["account"],
                asked["amount"],
                latency_s=self._faults.latency_s,
                declines=rule is not None and rule.fault == "decline",
            )
        except Conflict:
            return _answer(409, {"error": "This id came with another account or amount."})
        if rule is not None and rule.fault in ("lost", "silent"):
            return await _spoilt(request, rule)
        status = 402 if bought.status == "declined" else 201
        return _answer(status, _shown(asked["id"], bought))

    async def _look_up(self, request: web.BaseRequest) -> web.StreamResponse:
        if not self._is_signed(request, b""):
            return _answer(401, {"error": "The signature is wrong or too old."})
        rule = self._faults.befall("lookup")
        if rule is not None:
            return await _spoilt(request, rule)
        name = request.path.removeprefix(f"{PURCHASES}/")
        found = self._till.look_up(name)
        if found is None:
            return _answer(404, {"id": name, "status": "absent"})
        return _answer(202 if found.status == "pending" else 200, _shown(name, found))

    def _is_signed(self, request: web.BaseRequest, body: bytes) -> bool:
        if self._secret is None:
            return True
        at = request.headers.get("Busbar-Timestamp", "")
        if not at.isdecimal() or abs(time.time() - int(at)) > SIGNATURE_AGE_S:
            return False
        message = at.encode() + b"." + body
        right = "v1=" + hmac.new(self._secret.encode(), message, hashlib.sha256).hexdigest()
        return hmac.compare_digest(right, request.headers.get("Busbar-Signature", ""))

    async def _show(self, _request: web.BaseRequest) -> web.StreamResponse:
        return _answer(200, self._till.truth())

    async def _forget(self, _request: web.BaseRequest) -> web.StreamResponse:
        self._till = Till()
        return _answer(200, self._till.truth())

    async def _show_faults(self, _request: web.BaseRequest) -> web.StreamResponse:
        return _answer(200, self._faults.document)

    async def _set_faults(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            self._faults = read(await body_of(request))
        except Faulty as faulty:
            return _answer(400, {"error": f"The faults are unchanged. {faulty}"})
        return _answer(200, self._faults.document)

    async def _reset_faults(self, _request: web.BaseRequest) -> web.StreamResponse:
        self._faults = Faults()
        return _answer(200, self._faults.document)

    async def _healthy(self, _request: web.BaseRequest) -> web.StreamResponse:
        return sending.whole(b"ok", kind="text/plain")


async def _spoilt(request: web.BaseRequest, rule: Rule) -> web.StreamResponse:
    if rule.fault == "status":
        return _answer(rule.status, {"error": f"Simulated error {rule.status}."})
    if rule.fault == "lost":
        reset(request)
        return web.Response()
    await hang()
    raise AssertionError("nothing but the client's leaving ends this")


def _asked(body: bytes) -> dict[str, str] | None:
    try:
        given: Any = json.loads(body)
        asked = {name: given[name] for name in ("id", "account", "amount")}
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    fits = all(
        isinstance(each, str) and 0 < len(each) <= ID_CHARACTERS_MAX for each in asked.values()
    )
    return asked if fits else None


def _shown(purchase_id: str, purchase: Purchase) -> dict[str, object]:
    return {
        "id": purchase_id,
        "status": purchase.status,
        "amount": purchase.amount,
        "reference": purchase.reference,
    }


def _answer(status: int, document: Mapping[str, object]) -> web.Response:
    return sending.whole(json.dumps(document).encode(), status=status)

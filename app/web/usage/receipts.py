"""GET /v1/usage: receipts of an account's jobs, and their sums."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Final

import falcon

from app.domain.errors import InvalidRequest
from app.domain.usage.receipt import Standing
from app.domain.usage.summary import ONE_DAY, Grouping
from app.services.lookup import usage
from app.web import requests
from app.web.desk import Desk
from app.wire.native import usage as shape

DATE_CHARACTERS: Final = 10
YEARS: Final = range(2000, 2200)
"""Years a time may lie in; ids can tell them all."""

_LISTED: Final = frozenset(
    {"from", "to", "status", "cost_status", "model", "key_id", "after", "limit"}
)
_SUMMED: Final = frozenset({"from", "to", "group_by"})


class Receipts:
    """/v1/usage."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List receipts, newest first."""
        caller = requests.caller(self._desk, req)
        _check_names(req, _LISTED)
        found, has_more = usage.page(
            self._desk.gateway,
            caller.account_id,
            since=_moment(req, "from"),
            until=_moment(req, "to", is_end=True),
            standings=_standings(req),
            instrument=requests.text(req, "model"),
            key_id=requests.text(req, "key_id"),
            after=requests.text(req, "after"),
            limit=requests.limit(req),
        )
        resp.media = shape.list_page(found, has_more=has_more)


class Receipt:
    """/v1/usage/{request_id}."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_get(self, req: falcon.Request, resp: falcon.Response, request_id: str) -> None:
        """Show a receipt."""
        caller = requests.caller(self._desk, req)
        _check_names(req, frozenset())
        resp.media = shape.view(usage.receipt(self._desk.gateway, caller.account_id, request_id))


class Summary:
    """/v1/usage/summary."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Sum usage up by day, instrument or key."""
        caller = requests.caller(self._desk, req)
        _check_names(req, _SUMMED)
        found = usage.summary(
            self._desk.gateway,
            caller.account_id,
            first=_date(req, "from"),
            last=_date(req, "to"),
            grouping=_grouping(req),
        )
        resp.media = shape.summary(found)


def _check_names(req: falcon.Request, known: frozenset[str]) -> None:
    """Raise InvalidRequest for a parameter nobody reads: its answer would be about something else.

    As a list that a misspelt filter did not shorten would be.
    """
    for name in req.params:
        if name not in known:
            told = f"there are {', '.join(sorted(known))}" if known else "none is known here"
            raise InvalidRequest(f"{name}: is no parameter; {told}", param=name)


def _standings(req: falcon.Request) -> set[Standing] | None:
    """Return what receipts may stand at, which both parameters allow; None where neither is."""
    found: set[Standing] | None = None
    for name, spelt in _SPELT.items():
        text = req.get_param(name)
        if text is None:
            continue
        if text not in spelt:
            raise InvalidRequest(f"{name}: must be one of {', '.join(spelt)}", param=name)
        found = {spelt[text]} if found is None else found & {spelt[text]}
    return found


def _grouping(req: falcon.Request) -> Grouping:
    try:
        return Grouping(req.get_param("group_by") or Grouping.DAY)
    except ValueError:
        message = f"group_by: must be one of {', '.join(Grouping)}"
        raise InvalidRequest(message, param="group_by") from None


def _date(req: falcon.Request, name: str) -> date | None:
    text = req.get_param(name)
    if text is None:
        return None
    found = _read_date(text)
    if found is None:
        message = f"{name}: must be a day in UTC like 2026-11-23; a summary counts whole days"
        raise InvalidRequest(message, param=name)
    return found


def _moment(req: falcon.Request, name: str, *, is_end: bool = False) -> datetime | None:
    """Return a time; a day stands for its beginning, or at the end of a span for its own end."""
    text = req.get_param(name)
    if text is None:
        return None
    day = _read_date(text)
    if day is not None:
        return datetime.combine(day + ONE_DAY if is_end else day, time(), UTC)
    try:
        # A plus of an offset that was not escaped arrives as a space.
        found = datetime.fromisoformat(text.replace(" ", "+")) if "T" in text else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found.year not in YEARS:
        message = f"{name}: must be a day like 2026-11-23 or a time like 2026-11-23T09:30:00Z"
        raise InvalidRequest(message, param=name)
    return found


_SPELT: Final[Mapping[str, Mapping[str, Standing]]] = {
    "status": {each.value: each for each in Standing},
    "cost_status": {text: each for each, text in shape.COST_STATUS.items()},
}
"""The parameters that ask for a standing, and their words for each."""


def _read_date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text) if len(text) == DATE_CHARACTERS else None
    except ValueError:
        return None
    return found if found is not None and found.year in YEARS else None

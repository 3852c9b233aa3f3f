"""GET /v1/models: what a client may put into `model`, in the shape its vendor has for it."""

from typing import Final

import falcon

from app.domain.dialect import Dialect
from app.services.lookup import instruments
from app.web import requests
from app.web.desk import Desk
from app.wire import instruments as shape

PAGE_MAX: Final = 1_000

LIFECYCLE: Final = "lifecycle[]"
ACTIVE: Final = "active"


class Instruments:
    """/v1/models."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the instruments: all of them, or a page for clients that ask for pages."""
        requests.caller(self._desk, req)
        gateway = self._desk.gateway
        if requests.dialect(req) is Dialect.CHAT:
            resp.media = shape.whole_list(instruments.every(gateway))
            return
        found, has_more = instruments.page(
            gateway,
            after=req.get_param("after_id"),
            before=req.get_param("before_id"),
            limit=requests.limit(req, most=PAGE_MAX),
        )
        wanted = req.get_param_as_list(LIFECYCLE)
        if wanted and ACTIVE not in wanted:
            found, has_more = (), False
        resp.media = shape.list_page(found, has_more=has_more)


class Instrument:
    """/v1/models/{id}; an id may hold slashes, escaped or not."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Show one instrument."""
        requests.caller(self._desk, req)
        found = instruments.find(self._desk.gateway, name)
        resp.media = shape.view(found, requests.dialect(req))

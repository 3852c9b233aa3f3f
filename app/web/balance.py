"""GET /v1/balance."""

import falcon

from app.services import read
from app.web import requests
from app.web.desk import Desk
from app.wire.native import balance as shape


class Balance:
    """What the caller's account has."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show what became of all that was credited, and the lots that have something left."""
        caller = requests.caller(self._desk, req)
        balance = read.balance(self._desk.gateway, caller.account_id)
        resp.media = shape.view(
            caller.account_id,
            available_nanos=balance.available_nanos,
            held_nanos=balance.held_nanos,
            spent_nanos=balance.spent_nanos,
            adjusted_nanos=balance.adjusted_nanos,
            expired_nanos=balance.expired_nanos,
            next_expires_at=balance.next_expires_at,
            lots=balance.lots,
        )

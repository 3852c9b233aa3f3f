"""GET /v1/diagnostics: why calls do not come through, if they do not."""

import falcon

from app.services.lookup import diagnose
from app.web import requests
from app.web.desk import Desk
from app.wire.native import diagnostics as shape


class Diagnostics:
    """The caller's path, checked."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Check each step of the path, for the instrument in `?model=` if there is one."""
        caller = requests.caller(self._desk, req)
        checks = diagnose.diagnose(self._desk.gateway, caller, req.get_param("model"))
        resp.media = shape.view(checks, verdict=diagnose.worst(checks))

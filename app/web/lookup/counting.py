"""POST /v1/messages/count_tokens: answered right here, without a queue or a limit."""

import falcon

from app.services.lookup import instruments
from app.web import requests
from app.web.desk import Desk
from app.wire import strict_json
from app.wire.anthropic import counting, messages


class Counting:
    """How full a context would be."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Estimate the input tokens of a request."""
        requests.caller(self._desk, req)
        body = strict_json.parse_object(requests.body(self._desk, req))
        asked = messages.read_prompt(body)
        instruments.find(self._desk.gateway, asked.model)
        resp.media = {"input_tokens": counting.estimate(body)}

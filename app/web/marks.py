"""The marks every answer bears: a request id under both vendors' names."""

import falcon

from app.gateway import Gateway


class Marks:
    """Middleware: names each request before it is handled, and its answer after."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Give the request its id; both headers go out whatever becomes of it."""
        request_id = self._gateway.new_id("req")
        req.context.request_id = request_id
        resp.set_header("x-request-id", request_id)
        resp.set_header("request-id", request_id)

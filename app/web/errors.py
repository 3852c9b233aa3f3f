"""The two handlers: errors we mean, and errors we do not."""

import logging

import falcon

from app.domain.errors import BusbarError, InvalidRequest, MethodNotAllowed, PathNotFound
from app.services.outage import as_unavailable
from app.web import requests
from app.wire import errors

log = logging.getLogger("busbar.web")


def add_to(app: falcon.App[falcon.Request, falcon.Response]) -> None:
    """Install the handlers; whatever is raised leaves in the envelope of its surface."""
    app.add_error_handler(Exception, _unplanned)
    app.add_error_handler(falcon.HTTPError, _http)
    app.add_error_handler(BusbarError, _planned)


def _planned(
    req: falcon.Request,
    resp: falcon.Response,
    error: BusbarError,
    params: dict[str, str],  # noqa: ARG001
) -> None:
    request_id = req.context.request_id
    told = errors.reply(error, requests.dialect(req), request_id=request_id)
    resp.status = told.status
    resp.set_headers(told.headers)
    resp.media = told.body
    resp.data = None
    log.info("web.refused id=%s code=%s", request_id, error.code)


def _http(
    req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, params: dict[str, str]
) -> None:
    """Falcon's own errors: unknown paths, wrong methods, malformed HTTP."""
    planned: BusbarError
    if isinstance(error, falcon.HTTPNotFound):
        planned = PathNotFound(f"No such path: {req.path}")
    elif isinstance(error, falcon.HTTPMethodNotAllowed):
        planned = MethodNotAllowed(f"{req.path} does not take {req.method}.")
        resp.set_headers(error.headers or {})
    else:
        planned = InvalidRequest(error.title or "The request is malformed.")
    _planned(req, resp, planned, params)


def _unplanned(
    req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, str]
) -> None:
    away = as_unavailable(error)
    if away is not None:
        log.warning("web.database_away id=%s", req.context.request_id)
        _planned(req, resp, away, params)
        return
    log.error("web.broke id=%s path=%s", req.context.request_id, req.path, exc_info=error)
    message = f"Something went wrong here; the request id is {req.context.request_id}."
    _planned(req, resp, BusbarError(message), params)

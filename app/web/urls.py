"""Every URL on one screen."""

import json
from functools import partial

import falcon
import falcon.media

from app.gateway import Gateway
from app.web import errors
from app.web.balance import Balance
from app.web.completions import Completions
from app.web.desk import open_desk
from app.web.health import Hello, Livez, Metrics, Readyz
from app.web.jobs import Cancel, Job, Jobs
from app.web.lookup.counting import Counting
from app.web.lookup.diagnostics import Diagnostics
from app.web.lookup.instruments import Instrument, Instruments
from app.web.lookup.reference import Docs, OpenApi
from app.web.lookup.stored import ChatCompletions, StoredCompletion, StoredMessages
from app.web.marks import Marks
from app.web.streaming import JobStream
from app.web.usage.receipts import Receipt, Receipts, Summary
from app.wire.surface import MESSAGES


def build(gateway: Gateway) -> falcon.App[falcon.Request, falcon.Response]:
    """Return the WSGI application."""
    desk = open_desk(gateway)
    app = falcon.App(middleware=[Marks(gateway)])
    app.req_options.strip_url_path_trailing_slash = True
    # Escaped to ASCII, an answer that ends in half an emoji can still be told.
    as_ascii = falcon.media.JSONHandler(dumps=partial(json.dumps, separators=(",", ":")))
    app.resp_options.media_handlers[falcon.MEDIA_JSON] = as_ascii

    app.add_route("/v1/chat/completions", ChatCompletions(desk))
    app.add_route("/v1/chat/completions/{completion_id}", StoredCompletion(desk))
    app.add_route("/v1/chat/completions/{completion_id}/messages", StoredMessages(desk))
    app.add_route("/v1/messages", Completions(desk, MESSAGES))
    app.add_route("/v1/messages/count_tokens", Counting(desk))
    app.add_route("/v1/models", Instruments(desk))
    app.add_route("/v1/models/{name:path}", Instrument(desk))
    app.add_route("/v1/jobs", Jobs(desk))
    app.add_route("/v1/jobs/{job_id}", Job(desk))
    app.add_route("/v1/jobs/{job_id}/stream", JobStream(desk))
    app.add_route("/v1/jobs/{job_id}/cancel", Cancel(desk))
    app.add_route("/v1/balance", Balance(desk))
    app.add_route("/v1/usage", Receipts(desk))
    app.add_route("/v1/usage/summary", Summary(desk))
    app.add_route("/v1/usage/{request_id}", Receipt(desk))
    app.add_route("/v1/diagnostics", Diagnostics(desk))
    app.add_route("/", Hello())
    app.add_route("/api/hello", Hello())
    app.add_route("/livez", Livez())
    app.add_route("/readyz", Readyz(desk))
    app.add_route("/metrics", Metrics(desk))
    app.add_route("/openapi.json", OpenApi())
    app.add_route("/docs", Docs())

    errors.add_to(app)
    return app

"""Stored completions: /v1/chat/completions as a shelf of what was asked with `store: true`."""

from typing import Final

import falcon

from app.domain.errors import InvalidRequest
from app.services.lookup import stored
from app.web import requests
from app.web.completions import Completions
from app.web.desk import Desk
from app.wire import strict_json
from app.wire.openai import stored as shape
from app.wire.surface import CHAT

ORDERS: Final = ("asc", "desc")


class ChatCompletions:
    """/v1/chat/completions: POST asks for a completion, GET lists those that are kept."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._completions = Completions(desk, CHAT)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the completion, or with the job."""
        self._completions.on_post(req, resp)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List stored completions, oldest first unless asked otherwise."""
        caller = requests.caller(self._desk, req)
        after = requests.text(req, "after")
        found, has_more = stored.page(
            self._desk.gateway,
            caller.account_id,
            after=shape.job_id_of(after, param="after") if after is not None else None,
            limit=requests.limit(req),
            is_newest_first=_is_newest_first(req),
            instrument=requests.text(req, "model"),
            metadata=_pairs(req),
        )
        resp.media = shape.list_page(found, has_more=has_more)


class StoredCompletion:
    """/v1/chat/completions/{id}."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_get(self, req: falcon.Request, resp: falcon.Response, completion_id: str) -> None:
        """Show a stored completion."""
        caller = requests.caller(self._desk, req)
        job_id = shape.job_id_of(completion_id)
        resp.media = shape.view(stored.find(self._desk.gateway, caller.account_id, job_id))

    def on_post(self, req: falcon.Request, resp: falcon.Response, completion_id: str) -> None:
        """Give a stored completion other pairs."""
        caller = requests.caller(self._desk, req)
        body = strict_json.parse_object(requests.body(self._desk, req))
        metadata = shape.read_update(body).metadata
        job_id = shape.job_id_of(completion_id)
        changed = stored.update_metadata(self._desk.gateway, caller.account_id, job_id, metadata)
        resp.media = shape.view(changed)

    def on_delete(self, req: falcon.Request, resp: falcon.Response, completion_id: str) -> None:
        """Delete what was asked and answered."""
        caller = requests.caller(self._desk, req)
        stored.remove(self._desk.gateway, caller.account_id, shape.job_id_of(completion_id))
        resp.media = shape.deleted(completion_id)


class StoredMessages:
    """/v1/chat/completions/{id}/messages."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_get(self, req: falcon.Request, resp: falcon.Response, completion_id: str) -> None:
        """List the messages that a stored completion answers."""
        caller = requests.caller(self._desk, req)
        job_id = shape.job_id_of(completion_id)
        resp.media = shape.messages_page(
            completion_id,
            stored.request_of(self._desk.gateway, caller.account_id, job_id),
            after=requests.text(req, "after"),
            limit=requests.limit(req),
            is_newest_first=_is_newest_first(req),
        )


def _is_newest_first(req: falcon.Request) -> bool:
    order = req.get_param("order") or ORDERS[0]
    if order not in ORDERS:
        raise InvalidRequest(f"order: must be {' or '.join(ORDERS)}", param="order")
    return order == ORDERS[1]


def _pairs(req: falcon.Request) -> dict[str, str]:
    """Return the pairs of `metadata[key]=value`, by which a page is filtered."""
    pairs = {}
    for name in req.params:
        if name.startswith("metadata[") and name.endswith("]"):
            key = name.removeprefix("metadata[").removesuffix("]")
            if "\0" in key:
                message = "metadata: a key holds a character that cannot be"
                raise InvalidRequest(message, param="metadata")
            pairs[key] = requests.text(req, name) or ""
    return pairs

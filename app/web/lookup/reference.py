"""GET /openapi.json and GET /docs: what there is to ask for, for machines and for people."""

import hashlib
import json
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from typing import Final

import falcon

CACHE_CONTROL: Final = "public, max-age=300"
"""Both change with a release only; a client may be five minutes behind one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    data: bytes
    tag: falcon.ETag
    media: str
    policy: str | None = None
    """What a browser may load for it."""


class OpenApi:
    """The document."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Send the document, or say that it has not changed."""
        _send(_document(), req, resp)

    on_head = on_get


class Docs:
    """The page."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Send the page, or say that it has not changed."""
        _send(_page(), req, resp)

    on_head = on_get


def _send(content: _Content, req: falcon.Request, resp: falcon.Response) -> None:
    resp.etag = content.tag
    resp.cache_control = [CACHE_CONTROL]
    if any(known in ("*", content.tag) for known in req.if_none_match or ()):
        resp.status = falcon.HTTP_304
        return
    resp.content_type = content.media
    if content.policy is not None:
        resp.set_header("Content-Security-Policy", content.policy)
    resp.data = content.data


@cache
def _document() -> _Content:
    # Most processes are never asked; those that are make it once.
    from app.wire.openapi.document import build  # noqa: PLC0415  its shapes load slowly

    data = json.dumps(build(), separators=(",", ":")).encode()
    return _Content(data=data, tag=_tag(data), media=falcon.MEDIA_JSON)


@cache
def _page() -> _Content:
    from app.wire.openapi.document import build  # noqa: PLC0415  its shapes load slowly
    from app.wire.openapi.html.page import render  # noqa: PLC0415
    from app.wire.openapi.html.style import CSS  # noqa: PLC0415

    data = render(build()).encode()
    style = b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
    return _Content(
        data=data,
        tag=_tag(data),
        media=falcon.MEDIA_HTML,
        policy=f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'",
    )


def _tag(data: bytes) -> falcon.ETag:
    return falcon.ETag(hashlib.sha256(data).hexdigest()[:32])

"""Images and documents inside prompts, both ways.

Chat names them by URL (data URLs carry the bytes), Messages by a `source`: "Vision" and "PDF
support" in the Claude documentation, "Images and vision" and "File inputs" in OpenAI's.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from app.translate.reading import Body, Json, mapping, mappings, text, word


def omitted(kind: object) -> str:
    """Return the words that stand where a part stood which the model cannot be given."""
    return f"[{kind if isinstance(kind, str) and kind else 'content'} omitted: not supported here]"


def image_to_chat(block: Json) -> Body | None:
    """Return an image block as a part, or None when it names a file of the vendor's."""
    source = mapping(block.get("source"))
    url = word(source.get("url"))
    if source.get("type") == "base64":
        url = _data_url(source, "image/png")
    return {"type": "image_url", "image_url": {"url": url}} if url else None


def image_to_messages(part: Json) -> Body | None:
    """Return an image part as a block, or None when its URL is of no use to the vendor."""
    image = part.get("image_url")
    url = text(image) or text(mapping(image).get("url"))
    if url.lower().startswith(("http://", "https://")):
        return {"type": "image", "source": {"type": "url", "url": url}}
    media_type, data = _opened(url)
    media_type = _IMAGE_ALIASES.get(media_type, media_type)
    if data is None or not media_type.startswith("image/"):
        return None
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {"type": "image", "source": source}


def document_to_chat(block: Json) -> list[Body]:
    """Return a document block as parts; none when it names a file of the vendor's."""
    source = mapping(block.get("source"))
    title = text(block.get("title"))
    heading = "\n".join(each for each in (title, text(block.get("context"))) if each)
    match source.get("type"):
        case "base64":
            file = {"filename": title or "document.pdf", "file_data": _data_url(source, _PDF)}
            return [{"type": "file", "file": file}]
        case "text":
            written = text(source.get("data"))
        case "content":
            inner = source.get("content")
            texts = [text(each.get("text")) for each in mappings(inner)]
            written = text(inner) or "\n\n".join(each for each in texts if each)
        case "url":
            written = text(source.get("url"))
        case _:
            return []
    spoken = "\n\n".join(each for each in (heading, written) if each)
    return [{"type": "text", "text": spoken}] if spoken else []


def file_to_messages(part: Json) -> Body | None:
    """Return a file part as a document block, or None when it is neither a PDF nor a text."""
    file = mapping(part.get("file"))
    name = text(file.get("filename"))
    media_type, data = _opened(text(file.get("file_data")))
    if data is None:
        return None
    if media_type == _PDF or (not media_type and name.lower().endswith(".pdf")):
        source = {"type": "base64", "media_type": _PDF, "data": data}
    elif media_type.startswith("text/") and (written := _decoded(data)):
        source = {"type": "text", "media_type": "text/plain", "data": written}
    else:
        return None
    titled = {"title": name} if name else {}
    return {"type": "document", "source": source, **titled}


def _data_url(source: Json, media_type: str) -> str:
    stated = word(source.get("media_type")) or media_type
    return f"data:{stated};base64,{text(source.get('data'))}"


def _opened(url: str) -> tuple[str, str | None]:
    """Return the media type and the base64 text of a data URL (RFC 2397), or of bare base64."""
    if url[:5].lower() != "data:":
        return "", None if not url or "://" in url else url
    head, comma, data = url[5:].partition(",")
    media_type, *options = [each.strip().lower() for each in head.split(";")]
    if not comma or not data:
        return media_type, None
    if "base64" in options:
        return media_type, data
    return media_type, base64.b64encode(unquote_to_bytes(data.encode("utf-8", "replace"))).decode()


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data).decode("utf-8")
    except (ValueError, binascii.Error):
        return ""


_PDF: Final = "application/pdf"
_IMAGE_ALIASES: Final[Mapping[str, str]] = {"image/jpg": "image/jpeg"}
"""Media types clients write, and what Anthropic calls them."""

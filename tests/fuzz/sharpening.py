"""The served document with a point: random requests that get past the first check now and then."""

import json
from collections.abc import Sequence
from typing import Any

from app.wire.openai.stored import completion_id
from app.wire.openapi.route import EVENTS
from app.wire.openapi.samples import MODEL

PREFERENCES = ["respond-async", "respond-async, wait=1", "wait=30", "handling=strict", ""]
"""No wait that ends before an answer can be there: its 504 would be an honest one."""
ROLES = ["user", "assistant", "system", "tool"]


def sharpened(
    document: dict[str, Any],
    *,
    instruments: Sequence[str],
    jobs: Sequence[str],
    doomed: Sequence[str],
) -> dict[str, Any]:
    """Return the document for an account that has these instruments and these jobs.

    Completions of the `doomed` jobs alone are deleted. The key is left out of the document: the
    tests send their own.
    """
    del document["security"]
    schemas = document["components"]["schemas"]
    for shape in ("ChatRequest", "MessagesRequest", "PromptRequest"):
        schemas[shape]["properties"]["model"] = {"enum": list(instruments)}
    requests = [{"$ref": f"#/components/schemas/{s}"} for s in ("ChatRequest", "MessagesRequest")]
    schemas["JobRequest"]["properties"]["body"] = {"anyOf": requests}
    # Whatever is text is a role; with these, a provider answers now and then.
    for shape in ("ChatMessage", "Message"):
        schemas[shape]["properties"]["role"] = _often(ROLES) | {"minLength": 1, "maxLength": 64}
    known = {
        **dict.fromkeys(("name", "model", "after_id", "before_id"), _often(instruments)),
        **dict.fromkeys(("job_id", "ids"), _often(jobs)),
        "completion_id": _often(list(map(completion_id, jobs))),
        "Prefer": {"enum": PREFERENCES},
        # One key for two requests is refused, and a short one is soon there again.
        "Idempotency-Key": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    }
    gone = {"completion_id": _often(list(map(completion_id, doomed)))}
    for methods in document["paths"].values():
        for method, operation in methods.items():
            _aim(operation, known | gone if method == "delete" else known)
            _serve(operation, instruments[0])
    return document


def _aim(operation: dict[str, Any], known: dict[str, dict[str, Any]]) -> None:
    """Let parameters be what is there, now and then."""
    for parameter in operation.get("parameters", ()):
        # An example would be sent again and again instead of something random.
        parameter.pop("example", None)
        parameter["schema"] = known.get(parameter["name"], parameter["schema"])


def _serve(operation: dict[str, Any], instrument: str) -> None:
    """Ask for what is there in the examples of bodies; take streams event by event."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for example in content["examples"].values():
            text = json.dumps(example["value"]).replace(f'"{MODEL}"', f'"{instrument}"')
            example["value"] = json.loads(text)
    for answer in operation["responses"].values():
        for media, content in answer.get("content", {}).items():
            if media == EVENTS:
                content["schema"] = {"type": "object", "required": ["data"]}


def _often(values: Sequence[str]) -> dict[str, Any]:
    """Return the schema of these, and of texts whose length alone tells that they are others."""
    shorter = min(map(len, values)) - 1
    longer = max(map(len, values)) + 1
    others = [{"type": "string", "maxLength": shorter}, {"type": "string", "minLength": longer}]
    return {"anyOf": [{"type": "string", "enum": list(values)}, *others]}

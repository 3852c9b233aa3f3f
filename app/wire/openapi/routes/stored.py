"""Stored completions."""

from typing import Final

from app.domain.errors import NotFound, OutOfRange
from app.wire.openai.stored import Update
from app.wire.openapi import samples
from app.wire.openapi.parameters import ASKED, COMPLETION_ID, LIMIT, ORDER, SENT
from app.wire.openapi.route import Answer, Body, Content, Parameter, Route
from app.wire.openapi.shapes.completions import (
    DeletedCompletion,
    StoredCompletion,
    StoredCompletionPage,
    StoredMessagePage,
)

_GROUP: Final = "Stored completions"
_PATH: Final = "/v1/chat/completions/{completion_id}"
_SHOWN: Final = Answer(
    text="The completion.",
    contents=(Content(shapes=(StoredCompletion,), examples={"plain": samples.STORED}),),
)

LIST: Final = Route(
    method="GET",
    path="/v1/chat/completions",
    name="list_chat_completions",
    group=_GROUP,
    title="List stored completions",
    text='Those that were asked for with `"store": true`, as long as answers are kept.',
    parameters=(
        Parameter(
            name="after",
            where="query",
            text="The id of the last completion of the page before.",
            schema={"type": "string"},
        ),
        LIMIT,
        ORDER,
        Parameter(
            name="model",
            where="query",
            text="Only those of this instrument.",
            schema={"type": "string"},
        ),
        Parameter(
            name="metadata",
            where="query",
            text="Only those that have these pairs: `metadata[key]=value`.",
            schema={"type": "object", "additionalProperties": {"type": "string"}},
            is_map=True,
        ),
    ),
    answers=(
        Answer(
            text="A page of completions.",
            contents=(
                Content(shapes=(StoredCompletionPage,), examples={"plain": samples.STORED_PAGE}),
            ),
        ),
    ),
    errors=(*ASKED, NotFound),
)
SHOW: Final = Route(
    method="GET",
    path=_PATH,
    name="get_chat_completion",
    group=_GROUP,
    title="Show a stored completion",
    text="The answer once more, under the id it came with.",
    parameters=(COMPLETION_ID,),
    answers=(_SHOWN,),
    errors=(*ASKED, NotFound),
)
UPDATE: Final = Route(
    method="POST",
    path=_PATH,
    name="update_chat_completion",
    group=_GROUP,
    title="Give a stored completion other metadata",
    text="The pairs replace those it has.",
    parameters=(COMPLETION_ID,),
    body=Body(
        shapes=(Update,),
        text="The new pairs; null takes them all away.",
        examples={"plain": {"metadata": {"run": "7"}}},
    ),
    answers=(_SHOWN,),
    errors=(*SENT, OutOfRange, NotFound),
)
DELETE: Final = Route(
    method="DELETE",
    path=_PATH,
    name="delete_chat_completion",
    group=_GROUP,
    title="Delete a stored completion",
    text="What was asked and answered is removed; the job stays, with what it cost.",
    parameters=(COMPLETION_ID,),
    answers=(
        Answer(
            text="It is gone.",
            contents=(Content(shapes=(DeletedCompletion,), examples={"plain": samples.DELETED}),),
        ),
    ),
    errors=(*ASKED, NotFound),
)
PROMPT: Final = Route(
    method="GET",
    path=f"{_PATH}/messages",
    name="list_chat_completion_messages",
    group=_GROUP,
    title="List the messages a stored completion answers",
    text="Each has an id of its own.",
    parameters=(
        COMPLETION_ID,
        Parameter(
            name="after",
            where="query",
            text="The id of the last message of the page before.",
            schema={"type": "string"},
        ),
        LIMIT,
        ORDER,
    ),
    answers=(
        Answer(
            text="A page of messages.",
            contents=(
                Content(shapes=(StoredMessagePage,), examples={"plain": samples.STORED_MESSAGES}),
            ),
        ),
    ),
    errors=(*ASKED, NotFound),
)

ROUTES: Final = (LIST, SHOW, UPDATE, DELETE, PROMPT)

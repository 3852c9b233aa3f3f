"""What a caller may know of the catalog and of its own account."""

from typing import Final

from app.domain.dialect import Dialect
from app.domain.errors import ModelNotFound
from app.wire.openapi import samples
from app.wire.openapi.parameters import ASKED, VERSION
from app.wire.openapi.route import Answer, Content, Parameter, Route
from app.wire.openapi.shapes.catalog import (
    ChatModel,
    ChatModelList,
    MessagesModel,
    MessagesModelPage,
)
from app.wire.openapi.shapes.native import Balance, Diagnostics

_BOTH: Final = (Dialect.CHAT, Dialect.MESSAGES)

INSTRUMENTS: Final = Route(
    method="GET",
    path="/v1/models",
    name="list_models",
    group="Models",
    title="List instruments",
    text="What may be put into `model`, with prices. OpenAI's clients get all of them at once, "
    "Anthropic's a page; the query is theirs.",
    parameters=(
        VERSION,
        Parameter(
            name="after_id",
            where="query",
            text="The page after this instrument.",
            schema={"type": "string"},
        ),
        Parameter(
            name="before_id",
            where="query",
            text="The page before this instrument.",
            schema={"type": "string"},
        ),
        Parameter(
            name="limit",
            where="query",
            text="How many to show at most.",
            schema={"type": "integer", "minimum": 1, "maximum": 1000, "default": 20},
        ),
        Parameter(
            name="lifecycle[]",
            where="query",
            text="Which to show; all are `active`.",
            schema={"type": "array", "items": {"type": "string"}},
        ),
    ),
    answers=(
        Answer(
            text="The instruments, in the shape of the client's vendor.",
            contents=(
                Content(
                    shapes=(ChatModelList, MessagesModelPage),
                    examples={"chat": samples.CHAT_MODELS, "messages": samples.MESSAGES_MODELS},
                ),
            ),
        ),
    ),
    errors=ASKED,
    dialects=_BOTH,
)
INSTRUMENT: Final = Route(
    method="GET",
    path="/v1/models/{name}",
    name="get_model",
    group="Models",
    title="Show an instrument",
    text="In any letter case. A name may hold slashes, escaped or not.",
    parameters=(
        VERSION,
        Parameter(
            name="name",
            where="path",
            text="An instrument's name.",
            schema={"type": "string"},
            example="text-prime",
        ),
    ),
    answers=(
        Answer(
            text="The instrument, in the shape of the client's vendor.",
            contents=(
                Content(
                    shapes=(ChatModel, MessagesModel),
                    examples={"chat": samples.CHAT_MODEL, "messages": samples.MESSAGES_MODEL},
                ),
            ),
        ),
    ),
    errors=(*ASKED, ModelNotFound),
    dialects=_BOTH,
)
BALANCE: Final = Route(
    method="GET",
    path="/v1/balance",
    name="get_balance",
    group="Account",
    title="Show the balance",
    text="What is available, held and spent, and the credits it comes from.",
    answers=(
        Answer(
            text="The balance.",
            contents=(Content(shapes=(Balance,), examples={"plain": samples.BALANCE}),),
        ),
    ),
    errors=ASKED,
)
DIAGNOSTICS: Final = Route(
    method="GET",
    path="/v1/diagnostics",
    name="diagnose",
    group="Account",
    title="Check why calls do not come through",
    text="Key, instrument, balance, route, queue and workers, each with what to do next.",
    parameters=(
        Parameter(
            name="model",
            where="query",
            text="The instrument to check for; without it, any.",
            schema={"type": "string"},
            example="text-prime",
        ),
    ),
    answers=(
        Answer(
            text="Each check, whatever it found.",
            contents=(Content(shapes=(Diagnostics,), examples={"plain": samples.DIAGNOSTICS}),),
        ),
    ),
    errors=ASKED,
)

ROUTES: Final = (INSTRUMENTS, INSTRUMENT, BALANCE, DIAGNOSTICS)

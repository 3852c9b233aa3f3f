"""The compatible paths: chat completions, messages, counting tokens."""

from typing import Any, Final

from app.domain.dialect import Dialect
from app.domain.errors import ModelNotFound, OutOfRange
from app.wire.anthropic.messages import MessagesRequest, PromptRequest
from app.wire.openai.chat import ChatRequest
from app.wire.openapi import parameters, samples
from app.wire.openapi.route import EVENTS, Answer, Body, Content, Route
from app.wire.openapi.shapes.completions import ChatCompletion, MessageAnswer, TokenCount
from app.wire.openapi.shapes.native import Job
from app.wire.sse import MANNERS, frame

_ACCEPTED: Final = Answer(
    status=202,
    text="The job, for those who sent `Prefer: respond-async`.",
    contents=(Content(shapes=(Job,), examples={"queued": samples.QUEUED}),),
    headers=(*parameters.JOB_HEADERS, "Location", "Preference-Applied", "Retry-After"),
)


def _stream(events: list[dict[str, Any]], dialect: Dialect) -> Content:
    frames = [*(frame(event, dialect) for event in events), MANNERS[dialect].end]
    return Content(media=EVENTS, examples={"streamed": b"".join(frames).decode()})


CHAT: Final = Route(
    method="POST",
    path="/v1/chat/completions",
    name="create_chat_completion",
    group="Chat",
    title="Ask for a completion",
    text="OpenAI's Chat Completions. The call waits for its answer, or streams it with "
    '`"stream": true`. Keys that are not known here go on to the provider. Asked with '
    '`"store": true`, the completion is kept. At most 4 `stop` sequences.',
    parameters=(parameters.PREFER, parameters.IDEMPOTENCY_KEY, parameters.MAX_COST),
    body=Body(
        shapes=(ChatRequest,),
        text="A wrong type is a 400, a value out of range a 422.",
        examples={"plain": samples.CHAT_REQUEST, "streamed": samples.CHAT_STREAM_REQUEST},
    ),
    answers=(
        Answer(
            text="The completion, or its chunks as server-sent events that end with `[DONE]`. A "
            "stream that breaks ends with an event that holds `error`.",
            contents=(
                Content(shapes=(ChatCompletion,), examples={"plain": samples.COMPLETION}),
                _stream(samples.CHAT_CHUNKS, Dialect.CHAT),
            ),
            headers=(*parameters.JOB_HEADERS, *parameters.CHAT_LIMITS),
        ),
        _ACCEPTED,
    ),
    errors=parameters.CALLED,
    refusals=True,
)

MESSAGES: Final = Route(
    method="POST",
    path="/v1/messages",
    name="create_message",
    group="Messages",
    title="Ask for a message",
    text="Anthropic's Messages. The call waits for its answer, or streams it with "
    '`"stream": true`. Keys, betas, block types and roles that are not known here go on to the '
    "provider. `max_tokens` may be left out (1024 then), and is lowered to what the instrument "
    "gives.",
    parameters=(
        parameters.BETA,
        parameters.VERSION,
        parameters.BETAS,
        parameters.PREFER,
        parameters.MAX_COST,
        parameters.IDEMPOTENCY_KEY,
    ),
    body=Body(
        shapes=(MessagesRequest,),
        text="A wrong type and a value out of range are a 400.",
        examples={"plain": samples.MESSAGES_REQUEST, "streamed": samples.MESSAGES_STREAM_REQUEST},
    ),
    answers=(
        Answer(
            text="The message, or its events as server-sent events that end with `message_stop`. "
            "A stream that breaks ends with an event named `error`.",
            contents=(
                Content(shapes=(MessageAnswer,), examples={"plain": samples.MESSAGE}),
                _stream(samples.MESSAGES_EVENTS, Dialect.MESSAGES),
            ),
            headers=(*parameters.JOB_HEADERS, *parameters.MESSAGES_LIMITS),
        ),
        _ACCEPTED,
    ),
    errors=parameters.CALLED,
    dialects=(Dialect.MESSAGES,),
    refusals=True,
)

COUNT: Final = Route(
    method="POST",
    path="/v1/messages/count_tokens",
    name="count_tokens",
    group="Messages",
    title="Count the tokens of a prompt",
    text="An estimate: no tokenizer runs here. It is answered at once and costs nothing.",
    parameters=(parameters.BETA, parameters.VERSION),
    body=Body(
        shapes=(PromptRequest,),
        text="A request as it would be sent to `/v1/messages`.",
        examples={"plain": samples.MESSAGES_REQUEST},
    ),
    answers=(
        Answer(
            text="About how many input tokens it comes to.",
            contents=(Content(shapes=(TokenCount,), examples={"plain": samples.TOKENS}),),
        ),
    ),
    errors=(*parameters.SENT, OutOfRange, ModelNotFound),
    dialects=(Dialect.MESSAGES,),
)

ROUTES: Final = (CHAT, MESSAGES, COUNT)

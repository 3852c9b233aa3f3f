"""What one request asks for, whatever protocol it was asked in."""

from dataclasses import dataclass

from app.simulator.answers.schema_reading import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function the caller offers, and the schema of its arguments."""

    name: str
    arguments: Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Tooling:
    """The tools that may be called, several at once where `parallel`; a `forced` one must be."""

    tools: tuple[Tool, ...]
    forced: Tool | None = None
    parallel: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What one request asks for: `prompt` is all its text, `question` the last thing a user said.

    `shape` is the schema of a JSON answer; an empty one is met by any JSON object. `results` are
    what tools returned since the question.
    """

    model: str
    prompt: str
    question: str
    prompt_tokens: int
    choices: int = 1
    tokens_max: int | None = None
    stops: tuple[str, ...] = ()
    shape: Schema | None = None
    tooling: Tooling | None = None
    results: tuple[str, ...] = ()
    images: int = 0
    thinks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request: what it asks for, and how it wants the answer sent."""

    ask: Ask
    stream: bool
    include_usage: bool = True
    thinking_shown: bool = True


class Refused(Exception):
    """The request is answered with an error: its status, its sentence, its code and field."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param

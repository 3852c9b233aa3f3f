"""What Claude Code sends, in the shapes recorded from 2.1.197 and 2.1.330, over plain HTTP."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import requests

SOON_S: Final = 30
MESSAGES: Final = "/v1/messages?beta=true"
COUNT_TOKENS: Final = "/v1/messages/count_tokens?beta=true"
BETAS: Final = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "per-turn-control-2026-07-01,mid-conversation-tool-changes-2026-07-01,"
    "thinking-token-count-2026-05-13,advanced-tool-use-2025-11-20,effort-2025-11-24,"
    "something-unheard-of-2031-01-01"
)
BILLING: Final = "x-anthropic-billing-header: cc_version=2.1.330.e16; cc_entrypoint=sdk-cli;"
MARKED: Final = {"type": "ephemeral"}
PLACEHOLDER: Final = "DeferredToolPlaceholder"

_TEXT: Final = {"type": "string"}
_HEADERS: Final = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": BETAS,
    "anthropic-dangerous-direct-browser-access": "true",
    "x-app": "cli",
    "user-agent": "claude-cli/2.1.330 (external, sdk-cli)",
    "X-Claude-Code-Session-Id": "4ccc8c57-7b6f-4125-a37f-db4c524fabb0",
    "x-stainless-retry-count": "0",
    "x-stainless-timeout": "600",
    "x-stainless-lang": "js",
    "x-stainless-package-version": "0.128.0",
}


class Agent:
    """One session at a gateway's URL: a key, an instrument, and the turns so far."""

    def __init__(self, url: str, key: str, model: str) -> None:
        self._url = url
        self._key = key
        self._model = model
        self.turns: list[dict[str, Any]] = []

    def say(self, text: str) -> None:
        """Add what the user says; with the first of it goes what is said between the turns."""
        reminder = {"type": "text", "text": "<system-reminder>\nToday is 2026-11-23.\n"}
        said = {"type": "text", "text": text, "cache_control": MARKED}
        is_first = not self.turns
        self.turns.append({"role": "user", "content": [reminder, said]})
        if is_first:
            agents = "Available agent types for the Agent tool:\n- claude: Catch-all."
            self.turns.append({"role": "system", "content": agents})

    def hand_in(self, answer: Mapping[str, Any], *results: str) -> None:
        """Add the answer as it came, and the results of its calls."""
        uses = [block for block in answer["content"] if block["type"] == "tool_use"]
        blocks: list[dict[str, Any]] = [
            {
                "type": "tool_result",
                "tool_use_id": use["id"],
                "content": result,
                "is_error": False,
                "cache_control": MARKED,
            }
            for use, result in zip(uses, results, strict=True)
        ]
        self.turns += [
            {"role": "assistant", "content": answer["content"]},
            {"role": "user", "content": blocks},
        ]

    def body(self, **more: Any) -> dict[str, Any]:
        """Return the request of the next turn."""
        return {
            "model": self._model,
            "messages": self.turns,
            "system": [
                {"type": "text", "text": BILLING},
                {"type": "text", "text": "You are an agent.", "cache_control": MARKED},
                {"type": "text", "text": "You help with code.", "cache_control": MARKED},
            ],
            "tools": _tools(),
            "metadata": {"user_id": json.dumps({"device_id": "9c18", "session_id": "b74d"})},
            "max_tokens": 128_000,
            "thinking": {"type": "adaptive", "display": "omitted"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "output_config": {"effort": "high"},
            **more,
        }

    def post(self, path: str, body: Mapping[str, Any], **headers: str) -> requests.Response:
        """Post as the client does; by default its key goes as a token."""
        told = headers or {"Authorization": f"Bearer {self._key}"}
        return requests.post(
            f"{self._url}{path}",
            data=json.dumps(body),
            headers={**_HEADERS, **told, "content-type": "application/json"},
            timeout=SOON_S,
        )

    def get(self, path: str) -> requests.Response:
        """Get as the client's discovery does."""
        headers = {"x-api-key": self._key, "anthropic-version": "2023-06-01"}
        url = f"{self._url}{path}"
        return requests.get(url, headers=headers, timeout=SOON_S, allow_redirects=False)

    def turn(self) -> list[tuple[str, dict[str, Any]]]:
        """Take a turn as a stream and return its events, by their names."""
        response = self.post(MESSAGES, self.body(stream=True))
        assert response.status_code == 200, response.text
        return events(response.text)

    def turn_without_stream(self) -> requests.Response:
        """Take the turn again, as is done after a stream that broke off."""
        return self.post(MESSAGES, self.body())


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the named events of a stream; a frame without a name would be passed over."""
    found = []
    for frame in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in frame.splitlines() if ": " in line)
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def message(told: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Put a stream's events together to the message they make, as the client does."""
    assert [name for name, _ in told][-1] == "message_stop"
    made: dict[str, Any] = {"content": []}
    arguments: dict[int, str] = {}
    for name, data in told:
        if name == "message_start":
            made |= data["message"]
        elif name == "content_block_start":
            made["content"].append(dict(data["content_block"]))
        elif name == "content_block_delta":
            _grow(made["content"][data["index"]], data["delta"], arguments, data["index"])
        elif name == "message_delta":
            made |= data["delta"] | {"usage": made["usage"] | data["usage"]}
    for index, text in arguments.items():
        made["content"][index]["input"] = json.loads(text or "{}")
    return made


def _grow(
    block: dict[str, Any], delta: Mapping[str, Any], arguments: dict[int, str], index: int
) -> None:
    if delta["type"] == "input_json_delta":
        arguments[index] = arguments.get(index, "") + delta["partial_json"]
        return
    for name in ("text", "thinking", "signature"):
        if name in delta:
            block[name] += delta[name]


def _tools() -> list[dict[str, Any]]:
    """Return tools as they are offered: two that work, and the one that only holds a place."""
    write = {"type": "object", "properties": {"file_path": _TEXT, "content": _TEXT}}
    run = {"type": "object", "properties": {"command": _TEXT, "description": _TEXT}}
    return [
        {
            "name": "Write",
            "description": "Writes a file.",
            "input_schema": {**write, "required": ["file_path", "content"]},
        },
        {
            "name": "Bash",
            "description": "Runs a command.",
            "input_schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                **run,
                "required": ["command"],
                "additionalProperties": False,
            },
        },
        {
            "name": PLACEHOLDER,
            "description": "Tools that are loaded when they are searched for.",
            "input_schema": {"type": "object", "properties": {}},
            "defer_loading": True,
        },
    ]

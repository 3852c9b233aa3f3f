"""The example scripts fail as a user can read it."""

import json
import subprocess
import sys
from pathlib import Path

from .gateway_stub import KEY
from .running import Place

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def ask(base_url: str) -> "subprocess.CompletedProcess[str]":
    """Run the example that asks one question."""
    command = [sys.executable, str(EXAMPLES / "ask.py"), "--key", KEY, "--base-url", base_url]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_refused_question_is_one_line(place: Place) -> None:
    """A model that nobody has is told in the gateway's words, without a traceback."""
    error = {"message": "The model 'foo' does not exist.", "code": "model_not_found"}
    place.gateway.page = (404, json.dumps({"error": error}).encode())
    ended = ask(f"{place.gateway.base_url}/v1")
    assert ended.returncode == 1
    assert ended.stderr.startswith("refused: ")
    assert "The model 'foo' does not exist." in ended.stderr
    assert "Traceback" not in ended.stderr


def test_nobody_there_is_one_line() -> None:
    """A gateway that is not running names the command that starts one."""
    ended = ask("http://127.0.0.1:1/v1")
    assert ended.returncode == 1
    assert ended.stderr == "http://127.0.0.1:1/v1 does not answer: is `busbar up` running?\n"

"""docs/quickstart.md does what it says: its snippets are run against a real `busbar up`.

LangChain is not installed here, so its snippet is only compiled. Claude Code is not either: its
snippet runs with a program of that name that tells its environment, and what that says is enough
for a session.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import requests

from app.cli.standing.ready import Ready
from tests.cli.test_up import fresh, running
from tests.conformance.coding_agent.recorded import Agent, message

from .snippets import ROOT, Snippet, of

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("up")]

PAGE: Final = ROOT / "docs" / "quickstart.md"
ADDRESS: Final = "http://127.0.0.1:8080"
BOUND_S: Final = 120

START: Final = "./dev up\n"
SHELL: Final = [each for each in of(PAGE, "sh") if each.text != START]
PYTHON: Final = [each for each in of(PAGE, "python") if "langchain" not in each.text]
LANGCHAIN: Final = [each for each in of(PAGE, "python") if "langchain" in each.text]
CLAUDE_CODE: Final = {
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
}
"""As Claude Code's own pages name them ("LLM gateway", "Model configuration", "Settings")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where a reader sits: a directory with the checkout's commands, and a gateway that runs."""

    ready: Ready
    place: Path
    environment: Mapping[str, str]

    def run(self, *command: str) -> str:
        """Run a command as the reader would; return what it shows."""
        done = subprocess.run(
            command,
            env=dict(self.environment),
            cwd=self.place,
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def filled(self, text: str) -> str:
        """Put this gateway's address, key and a job's id where the page has its own."""
        text = text.replace(ADDRESS, self.ready.base_url).replace("bb_live_…", self.ready.key)
        return text.replace("job_…", self.job()) if "job_…" in text else text

    def job(self) -> str:
        """Return the id of a job."""
        return requests.post(
            f"{self.ready.base_url}/v1/chat/completions",
            data=b'{"model":"text-prime","messages":[{"role":"user","content":"Why?"}]}',
            headers={"Authorization": f"Bearer {self.ready.key}", "Prefer": "respond-async"},
            timeout=BOUND_S,
        ).headers["location"][len("/v1/jobs/") :]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A reader's desk in front of a gateway."""
    place = tmp_path_factory.mktemp("desk")
    state = place / "state"
    with fresh(state), running(state) as up:
        ready = up.ready()
        _program(place / "dev", f'shift; exec "{sys.executable}" -m app.cli "$@"')
        _program(place / "bin" / "claude", "env")
        (place / "examples").symlink_to(ROOT / "examples")
        # So that an answer that is an error ends the snippet as one.
        (place / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
        others = {name: text for name, text in os.environ.items() if "BUSBAR" not in name}
        told = {
            "BUSBAR_STATE_DIR": str(state),
            "BUSBAR_KEY": ready.key,
            "CURL_HOME": str(place),
            "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "ANTHROPIC_API_KEY": "left over from elsewhere",
        }
        yield Desk(ready=ready, place=place, environment={**others, **told})


def _program(path: Path, line: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("snippet", SHELL, ids=str)
def test_what_is_typed_works(desk: Desk, snippet: Snippet) -> None:
    """Every command of the page ends well, and all but a setting show something."""
    if "curl " in snippet.text and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    shown = desk.run("sh", "-e", "-c", desk.filled(snippet.text))
    assert shown or snippet.text.startswith("export BUSBAR_KEY=")


@pytest.mark.parametrize("snippet", PYTHON, ids=str)
def test_each_sdk_answers(desk: Desk, snippet: Snippet) -> None:
    """Each program prints an answer, and the same once more as it is made."""
    whole, _, streamed = desk.run(sys.executable, "-c", desk.filled(snippet.text)).partition("\n")
    assert "busbar" in whole
    assert streamed == whole


@pytest.mark.parametrize("snippet", LANGCHAIN, ids=str)
def test_langchain_compiles(snippet: Snippet) -> None:
    """The program is one, and it takes the addresses of both surfaces."""
    compile(snippet.text, str(PAGE), "exec")
    assert f'base_url="{ADDRESS}/v1"' in snippet.text
    assert f'base_url="{ADDRESS}"' in snippet.text


def test_all_clients_are_there() -> None:
    """Nothing promised is left out: every client has its snippet."""
    texts = [each.text for each in of(PAGE, "sh", "python")]
    for client in ("curl ", "openai", "anthropic", "langchain_openai", "\nclaude\n"):
        assert any(client in text for text in texts), client


def test_claude_code_has_a_session(desk: Desk) -> None:
    """Its snippet sets the documented names; with their values it writes a file and says so."""
    (snippet,) = [each for each in SHELL if each.text.endswith("\nclaude\n")]
    shown = desk.run("sh", "-e", "-c", desk.filled(snippet.text))
    told = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    assert {name for name in told if name.startswith(("ANTHROPIC_", "CLAUDE_"))} >= CLAUDE_CODE
    assert "ANTHROPIC_API_KEY" not in told
    exported = {line.split()[1].split("=")[0] for line in snippet.text.splitlines() if "=" in line}
    assert exported == CLAUDE_CODE
    for name in ("ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL"):
        agent = Agent(told["ANTHROPIC_BASE_URL"], told["ANTHROPIC_AUTH_TOKEN"], told[name])
        agent.say('write the file hello.py with: print("hello")')
        called = message(agent.turn())
        assert called["stop_reason"] == "tool_use"
        agent.hand_in(called, "File created successfully at: hello.py")
        assert message(agent.turn())["stop_reason"] == "end_turn"

"""The main job on real input: a file of prompts through `busbar run`, one worker killed midway."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app.embedded import reset
from tests.e2e.standing import Standing, eventually, standing

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "Solve: {question}"
RUN_WITHIN_S = 180

pytestmark = pytest.mark.e2e


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Standing]:
    """A gateway with two workers."""
    state = tmp_path / "state"
    with standing(state, workers=2, lease_s="3", nudge_stale_s="2", slots="60") as gateway:
        latency = {"kind": "lognormal", "median_ms": 150, "sigma": 0.6, "max_ms": 2_000}
        gateway.simulator("PUT", "/_simulator/faults", {"latency": latency})
        yield gateway
    reset(state)


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """The GSM8K test set where a checkout has it beside it, else the questions of our examples."""
    real = next(ROOT.parent.glob("*/data/gsm8k-test.jsonl"), None)
    if real is not None:
        return real
    made = tmp_path / "questions.jsonl"
    with made.open("w", encoding="utf-8") as file:
        for line in (ROOT / "examples" / "prompts.jsonl").read_text("utf-8").splitlines():
            text = json.dumps(json.loads(line)["messages"])
            file.write(json.dumps({"question": text}) + "\n")
    return made


def test_a_file_of_questions_is_answered_in_order_and_paid_once(
    gateway: Standing, questions: Path, tmp_path: Path
) -> None:
    """Every question has its own answer at its place, though a worker dies midway."""
    wanted = [json.loads(line)["question"] for line in questions.read_text("utf-8").splitlines()]
    out = tmp_path / "results.jsonl"
    command = [sys.executable, "-m", "app.cli", "run", str(questions), "--model", "text-prime"]
    run = subprocess.Popen(
        [*command, "--template", TEMPLATE, "--out", str(out), "--json"],
        env=os.environ | gateway.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: finished(gateway) > len(wanted) // 4, RUN_WITHIN_S)
    assert gateway.kill("worker-1")
    stdout, stderr = run.communicate(timeout=RUN_WITHIN_S)

    assert run.returncode == 0, stderr
    results = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [result["index"] for result in results] == list(range(len(wanted)))
    assert {result["status"] for result in results} == {"succeeded"}
    for index in range(0, len(wanted), max(1, len(wanted) // 40)):
        assert text_of(results[index]["response"]["body"]) == direct(gateway, wanted[index])
    paid = gateway.sql("SELECT job_id, count(*) FROM transfers WHERE kind = 'capture' GROUP BY 1")
    assert sorted(job_id for job_id, _ in paid) == sorted(r["job_id"] for r in results)
    assert {count for _, count in paid} == {1}
    assert gateway.doctor() == []
    assert json.loads(stdout)["succeeded"] == len(wanted)


def finished(gateway: Standing) -> int:
    """Count the jobs that have ended."""
    ((count,),) = gateway.sql("SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL")
    return int(count)


def direct(gateway: Standing, question: str) -> str:
    """Ask the provider itself: it gives one prompt one answer."""
    model = gateway.sql("SELECT model FROM attempts WHERE state = 'succeeded' LIMIT 1")[0][0]
    content = TEMPLATE.replace("{question}", question)
    answer = requests.post(
        f"{gateway.ready.simulator_url}/v1/chat/completions",
        json={"model": model, "messages": [{"role": "user", "content": content}]},
        timeout=30,
    )
    return text_of(answer.json())


def text_of(completion: dict[str, list[dict[str, dict[str, str]]]]) -> str:
    """Return the text of a completion."""
    return completion["choices"][0]["message"]["content"]

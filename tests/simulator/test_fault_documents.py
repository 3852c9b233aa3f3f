"""Documents of faults with mistakes in them."""

import pytest

from .running import Simulator

WRONG = """
{"seed": 1.5, "colour": "red",
 "latency": {"kind": "uniform", "min_ms": 90, "max_ms": 10, "sigma": 1},
 "rules": [
   {"fault": "explode", "share": 2},
   {"fault": "status", "status": 200, "times": 0},
   {"fault": "status"},
   {"share": 0.5},
   {"fault": "huge", "megabytes": true, "every_ms": 3},
   {"fault": "hang", "match": {"contains": "", "attempt_max": 0, "mood": 1}},
   7]}
"""


def test_all_mistakes_are_named_at_once(simulator: Simulator) -> None:
    """One answer names the place of every mistake."""
    refused = simulator.put(WRONG)
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert {problem["where"] for problem in error["problems"]} == {
        "seed",
        "colour",
        "latency.max_ms",
        "latency.sigma",
        "rules[0].fault",
        "rules[0].share",
        "rules[1].status",
        "rules[1].times",
        "rules[2].status",
        "rules[3].fault",
        "rules[4].megabytes",
        "rules[4].every_ms",
        "rules[5].match.contains",
        "rules[5].match.attempt_max",
        "rules[5].match.mood",
        "rules[6]",
    }
    assert all(problem["what"] in error["message"] for problem in error["problems"])


def test_a_document_with_a_mistake_changes_nothing(simulator: Simulator) -> None:
    """After a refusal the former document is in force, with its times as they were."""
    simulator.set({"fault": "status", "status": 503, "times": 2})
    simulator.chat()
    assert simulator.put(WRONG).status_code == 400
    assert [simulator.chat().status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(
    "document",
    ["", "{", "[]", "7", '{"seed": NaN}', '{"rules": {}}', '{"latency": 5}', "[" * 100_000],
)
def test_what_is_no_document_is_refused(simulator: Simulator, document: str) -> None:
    """A body that is not a document of faults gets a 400 with a reason."""
    refused = simulator.put(document)
    assert refused.status_code == 400
    assert refused.json()["error"]["problems"]


def test_too_many_rules_are_refused(simulator: Simulator) -> None:
    """There is a limit to the number of rules."""
    refused = simulator.put('{"rules": [' + ",".join(['{"fault": "hang"}'] * 101) + "]}")
    assert refused.status_code == 400

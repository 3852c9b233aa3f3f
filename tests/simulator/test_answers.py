"""What the simulator answers when nothing goes wrong."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openai import OpenAI

from .running import Simulator, said, simulator_of

PROMPTS = [f"Explain the tides of planet {number} to a child." for number in range(60)]
TREE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 3, "maxLength": 12},
        "kind": {"enum": ["leaf", "branch"]},
        "weight": {"type": "integer", "minimum": 5, "exclusiveMaximum": 9},
        "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "sound": {"type": "boolean"},
        "version": {"const": 3},
        "note": {"type": ["string", "null"]},
        "at": {"type": "string", "format": "date-time"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 4},
        "dozens": {"type": "integer", "multipleOf": 12, "minimum": 13},
        "parent": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        "children": {"type": "array", "items": {"$ref": "#/$defs/child"}},
    },
    "required": ["name", "kind", "weight", "share", "parent", "children"],
    "additionalProperties": False,
    "$defs": {"child": {"allOf": [{"$ref": "#"}]}},
}
VALID = Draft202012Validator(TREE)


def shaped(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the request field that asks for JSON of a schema."""
    return {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": schema}}


def tool(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return a tool as a request offers it."""
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def test_the_same_request_gets_the_same_bytes_from_any_process(simulator: Simulator) -> None:
    """Two simulators answer one request with the same bytes, time after time."""
    with simulator_of() as other:
        answers = {one.chat(PROMPTS[0]).content for one in (simulator, other, simulator)}
    assert len(answers) == 1


def test_other_prompts_get_other_answers(simulator: Simulator) -> None:
    """Every one of sixty prompts is answered differently."""
    assert len({said(simulator.chat(prompt)) for prompt in PROMPTS}) == len(PROMPTS)


def test_answers_vary_in_length_between_8_and_80_words(simulator: Simulator) -> None:
    """Answers are of many lengths, none outside the range."""
    lengths = {len(said(simulator.chat(prompt)).split()) for prompt in [*PROMPTS, "", "a"]}
    assert len(lengths) > 20
    assert 8 <= min(lengths) <= max(lengths) <= 80


@pytest.mark.parametrize("question", ["Solve the riddle.", "What is 12 * 7?", "How many are left?"])
def test_a_sum_is_answered_with_a_number(simulator: Simulator, question: str) -> None:
    """A question that asks for a number is answered in one sentence that ends with one."""
    last = said(simulator.chat(question)).split()[-1]
    assert last.rstrip(".").isdecimal()


def test_choices_differ(simulator: Simulator) -> None:
    """As many choices come as are asked for, and they are not the same."""
    choices = simulator.chat(n=3).json()["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in choices}) == 3


def test_a_stop_sequence_ends_the_answer_before_it(simulator: Simulator) -> None:
    """What follows a stop sequence is not said, nor is the sequence."""
    whole = said(simulator.chat())
    assert said(simulator.chat(stop=["nowhere to be found", " the "])) == whole.split(" the ")[0]


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_a_limit_cuts_the_answer(simulator: Simulator, field: str) -> None:
    """A limited answer is the beginning of the whole one, within the limit, and says so."""
    whole = said(simulator.chat())
    limit: dict[str, Any] = {field: 4}
    answered = simulator.chat(**limit).json()
    assert answered["choices"][0]["finish_reason"] == "length"
    assert answered["usage"]["completion_tokens"] <= 4
    assert whole.startswith(answered["choices"][0]["message"]["content"])


def test_json_answers_fit_their_schema(simulator: Simulator) -> None:
    """Whatever the prompt, the answer is JSON that the schema accepts."""
    for prompt in PROMPTS[:20]:
        answered = said(simulator.chat(prompt, response_format=shaped(TREE)))
        VALID.validate(json.loads(answered))


def test_any_json_object_is_an_object(simulator: Simulator) -> None:
    """An answer asked for as a JSON object is one."""
    answered = json.loads(said(simulator.chat(response_format={"type": "json_object"})))
    assert isinstance(answered, dict)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"me": {"$ref": "#"}}, "required": ["me"]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"type": "array", "items": {"type": "null"}, "minItems": 10**9},
        {"type": "string", "minLength": 10**9},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "poem"},
    ],
)
def test_a_schema_nothing_fits_is_refused(simulator: Simulator, schema: dict[str, Any]) -> None:
    """A schema without a finite value is the caller's error."""
    refused = simulator.chat(response_format=shaped(schema))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_schema")


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "plant"}}]
)
def test_a_required_tool_is_called_with_fitting_arguments(
    simulator: Simulator, choice: object
) -> None:
    """A tool call names the tool, carries arguments its schema accepts, and no text."""
    answered = simulator.chat(tools=[tool("plant", TREE)], tool_choice=choice).json()
    (picked,) = answered["choices"]
    (call,) = picked["message"]["tool_calls"]
    VALID.validate(json.loads(call["function"]["arguments"]))
    assert (picked["finish_reason"], call["function"]["name"]) == ("tool_calls", "plant")
    assert picked["message"]["content"] is None


def test_a_tool_left_to_choice_is_not_called(simulator: Simulator) -> None:
    """Where the model may choose, it talks."""
    assert said(simulator.chat(tools=[tool("plant", TREE)], tool_choice="auto"))


def test_a_missing_model_is_not_found(simulator: Simulator) -> None:
    """A model whose name begins with missing- does not exist."""
    refused = simulator.chat(model="missing-link")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ("{", None),
        ("[]", None),
        (b"\xff", None),
        ("[" * 100_000, None),
        ("{}", "model"),
        ('{"model": "m"}', "messages"),
        ('{"model": "m", "messages": [7]}', "messages[0]"),
        ('{"model": "m", "messages": [{"role": "user", "content": 7}]}', "messages[0].content"),
        ('{"model": "m", "messages": [{"role": "user"}], "n": 0}', "n"),
        ('{"model": "m", "messages": [{"role": "user"}], "max_tokens": "9"}', "max_tokens"),
        ('{"model": "m", "messages": [{"role": "user"}], "stop": [""]}', "stop"),
        (
            '{"model": "m", "messages": [{"role": "user"}], "tool_choice": "required"}',
            "tool_choice",
        ),
        (
            '{"model": "m", "messages": [{"role": "u"}], "tools": [{"function": {"name": "."}}]}',
            "tools[0].function.name",
        ),
    ],
)
def test_a_bad_request_is_refused_by_name(
    simulator: Simulator, body: str | bytes, param: str | None
) -> None:
    """A request that cannot be answered gets a 400 that names the field."""
    refused = simulator.post(body)
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == param
    assert refused.json()["error"]["type"] == "invalid_request_error"


def test_the_official_client_reads_the_answer(simulator: Simulator) -> None:
    """The vendor's own client gets text, usage and a finish reason out of an answer."""
    with OpenAI(api_key="any", base_url=f"{simulator.url}/v1", max_retries=0) as client:
        answered = client.chat.completions.create(
            model="sim", messages=[{"role": "user", "content": "Explain the tides."}]
        )
    assert answered.choices[0].message.content == said(simulator.chat())
    assert answered.choices[0].finish_reason == "stop"
    assert answered.usage is not None
    assert answered.usage.total_tokens > 0


def test_other_urls_and_methods_say_what_to_use(simulator: Simulator) -> None:
    """An unknown address is a 404, a wrong method a 405 that names the right ones."""
    url = f"{simulator.url}/v1/chat/completions"
    wrong = simulator.session.get(url, timeout=5)
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "POST")
    assert simulator.session.get(f"{simulator.url}/v1/nothing", timeout=5).status_code == 404

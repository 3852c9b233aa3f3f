"""Every line of a prompts file is checked and becomes a request."""

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.running.reading.prompts import (
    CUSTOM_ID_CHARS_MAX,
    JOB_BYTES_MAX,
    Form,
    Format,
    Line,
    check,
    digest,
    read,
)
from app.cli.running.reading.records import DEPTH_MAX, LINE_BYTES_MAX, LineFault, RawLines
from app.cli.running.reading.template import parse_template

ASK = '{"messages":[{"role":"user","content":"Hi"}]}'
MODEL = Form(model="text-standard")


def rows(template: str, **others: Any) -> Form:
    """Return a form that makes prompts of rows."""
    return Form(model="m", template=parse_template(template), **others)


def found(text: str | bytes, form: Form = MODEL) -> list[Line | LineFault]:
    """Return what is read from a file with this content."""
    raw = text if isinstance(text, bytes) else text.encode()
    return list(read(RawLines(io.BytesIO(raw)), form))


def jobs(text: str | bytes, form: Form = MODEL) -> list[dict[str, Any]]:
    """Return the jobs of a file without faults."""
    lines = found(text, form)
    assert all(isinstance(line, Line) for line in lines), lines
    return [json.loads(line.job) for line in lines if isinstance(line, Line)]


def faults(text: str | bytes, form: Form = MODEL) -> list[tuple[int, str]]:
    """Return the faults of a file, with their lines."""
    return [
        (fault.number, fault.what) for fault in found(text, form) if isinstance(fault, LineFault)
    ]


def prompts(text: str | bytes, form: Form) -> list[str]:
    """Return what the users of the requests say."""
    return [job["body"]["messages"][-1]["content"] for job in jobs(text, form)]


def test_a_body_becomes_a_job_of_the_chat_endpoint() -> None:
    """A chat completion body goes out as it is, with the model it lacks."""
    body = {"messages": [{"role": "user", "content": "Grüße 🐢"}], "top_p": 0.5, "x": [1, None]}
    assert jobs(json.dumps(body)) == [
        {"endpoint": "/v1/chat/completions", "body": body | {"model": "text-standard"}}
    ]


def test_a_custom_id_leaves_the_body() -> None:
    """The custom_id of a line is the job's, not the provider's."""
    [job] = jobs('{"custom_id":"a-1","messages":[{"role":"user","content":"Hi"}]}')
    assert job["custom_id"] == "a-1"
    assert "custom_id" not in job["body"]


def test_a_batch_line_is_opened() -> None:
    """A line of an OpenAI batch file is the job of its body."""
    line = {"custom_id": "q", "method": "POST", "url": "/v1/chat/completions"}
    [job] = jobs(json.dumps(line | {"body": json.loads(ASK) | {"model": "own"}}))
    assert (job["custom_id"], job["body"]["model"]) == ("q", "own")


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ('{"custom_id":"%s","body":{"messages":[{"role":"user","content":"Hi"}]}}', MODEL),
        ('{"custom_id":"%s","messages":[{"role":"user","content":"Hi"}]}', MODEL),
        ('{"custom_id":"%s","q":"Hi"}', rows("{q}")),
        ("%s,Hi", rows("{q}", format=Format.CSV)),
    ],
    ids=["batch", "requests", "rows", "csv"],
)
def test_a_custom_id_is_not_used_twice(tmp_path: Path, line: str, form: Form) -> None:
    """Every line that repeats one is named, with the first: answers are told apart by it."""
    written = [line % custom_id for custom_id in ("a", "b", "a", "c", "a")]
    header = ["custom_id,q"] if form.format is Format.CSV else []
    path = tmp_path / "prompts"
    path.write_text("\n".join([*header, *written]))
    checked = check(path, form)
    first = len(header) + 1
    assert checked.lines == 3
    assert {what: list(numbers) for what, numbers in checked.faults.alike.items()} == {
        f"has the custom_id 'a', as line {first} has; give each its own": [first + 2, first + 4]
    }


def test_rows_may_share_an_id(tmp_path: Path) -> None:
    """Whoever wrote a field `id` did not mean it for us."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id":1,"q":"Hi"}\n{"id":1,"q":"Ho"}\n')
    assert check(path, rows("{q}")).lines == 2


@pytest.mark.parametrize(
    ("row", "custom_id"),
    [
        ({"id": "a"}, "a"),
        ({"id": 7}, "7"),
        ({"id": "a", "custom_id": "b"}, "b"),
        ({"id": "a", "custom_id": ""}, "a"),
        ({"id": None}, None),
    ],
)
def test_an_id_of_a_row_names_its_job(row: dict[str, Any], custom_id: str | None) -> None:
    """A row's `custom_id`, or else its `id`, is the custom_id of its job."""
    [job] = jobs(json.dumps(row | {"q": "Hi"}), rows("{q}"))
    assert job.get("custom_id") == custom_id


def test_an_id_too_long_for_a_custom_id_is_a_fault() -> None:
    """It is told what to do about it."""
    row = json.dumps({"q": "Hi", "id": "x" * (CUSTOM_ID_CHARS_MAX + 1)})
    [(number, what)] = faults(row, rows("{q}"))
    assert number == 1
    assert what.startswith("has an id too long for a custom_id")
    assert what.endswith("rename that field to leave it out")


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ({"method": "GET"}, "has a method that is not POST"),
        ({"url": "/v1/embeddings"}, "has a url that is not /v1/chat/completions"),
        ({"body": []}, "has a body that is not an object"),
    ],
)
def test_a_batch_line_for_something_else_is_a_fault(part: dict[str, Any], what: str) -> None:
    """Only POST to chat completions is carried."""
    assert faults(json.dumps({"body": json.loads(ASK)} | part)) == [(1, what)]


def test_options_fill_only_what_a_line_leaves_open() -> None:
    """A line's own model, system message, token limit and temperature win."""
    form = Form(model="m", system="Be brief.", max_tokens=9, temperature=0.5)
    own = {
        "model": "own",
        "messages": [{"role": "developer", "content": "d"}, {"role": "user", "content": "u"}],
        "max_completion_tokens": 3,
        "temperature": 0,
    }
    open_, kept = jobs(f"{ASK}\n{json.dumps(own)}", form)
    assert open_["body"] == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "max_tokens": 9,
        "temperature": 0.5,
    }
    assert kept["body"] == own


def test_null_is_left_open() -> None:
    """A null model or limit is filled like a missing one."""
    line = '{"model":null,"max_tokens":null,"messages":[{"role":"user","content":"Hi"}]}'
    [job] = jobs(line, Form(model="m", max_tokens=5))
    assert (job["body"]["model"], job["body"]["max_tokens"]) == ("m", 5)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes at column 2"),
        ("[]", "is not a JSON object"),
        ('{"a":1,"a":2}', "has 'a' twice in one object"),
        ('{"messages":[{"role":"u","role":"v"}]}', "has 'role' twice in one object"),
        ('{"a":NaN}', "is not JSON: NaN is no JSON number"),
        ('{"a":-Infinity}', "is not JSON: -Infinity is no JSON number"),
        ('{"a":1e999}', "is not usable: the number 1e999 is too large"),
        ('{"a":' + "9" * 5000 + "}", "is not JSON: a number has too many digits"),
        ('{"a":' + "[" * 100_000, f"is nested deeper than {DEPTH_MAX} levels"),
        ("{}", "has no list of messages; give --template to make prompts of rows"),
        ('{"messages":[]}', "has no list of messages"),
        ('{"messages":["Hi"]}', "has a message without a role"),
        ('{"messages":[{"role":[]}]}', "has a message without a role"),
        ('{"model":7,"messages":[{"role":"user"}]}', "has a model that is no name"),
        (ASK[:-1] + ',"custom_id":7}', "has a custom_id that is not a string"),
        (ASK[:-1] + ',"custom_id":"\\u0000"}', "has a custom_id with a NUL character"),
        (
            ASK[:-1] + ',"custom_id":"' + "x" * 65 + '"}',
            f"has a custom_id that has not 1 to {CUSTOM_ID_CHARS_MAX} characters",
        ),
        (
            ASK[:-1] + ',"stream":true}',
            "asks for a stream; a run collects whole answers, so remove stream",
        ),
        (
            ASK.replace("Hi", "\\ud800"),
            "holds half of a surrogate pair, which is no character",
        ),
    ],
)
def test_a_broken_line_says_what_is_wrong(line: str, what: str) -> None:
    """Each kind of broken line has its own words."""
    assert faults(line) == [(1, what)]


def test_a_line_without_a_model_needs_the_option() -> None:
    """No model in the line and no --model is a fault that names the option."""
    assert faults(ASK, Form()) == [(1, "names no model; give --model")]


def test_depth_is_allowed_up_to_its_limit() -> None:
    """The deepest line that the gateway takes is taken, one level more is not."""
    inner = DEPTH_MAX - 1
    at_limit = ASK[:-1] + ',"x":' + "[" * inner + "]" * inner + "}"
    assert len(jobs(at_limit)) == 1
    assert faults(at_limit.replace('"x":', '"x":[').replace("]}", "]]}")) == [
        (1, f"is nested deeper than {DEPTH_MAX} levels")
    ]


def test_numbers_of_lines_are_those_of_the_file() -> None:
    """Blank lines, CRLF and a byte order mark change no line's number."""
    text = b"\xef\xbb\xbf" + ASK.encode() + b"\r\n\r\n  \n{\r\n" + ASK.encode()
    assert [line.number for line in found(text)] == [1, 4, 5]
    assert [number for number, _ in faults(text)] == [4]


def test_text_that_is_not_utf_8_is_a_fault_of_its_line() -> None:
    """One line in another encoding spoils only itself."""
    text = ASK.encode() + b'\n{"messages":"\xff"}\n' + ASK.encode()
    assert faults(text) == [(2, "is not UTF-8 at byte 14")]


def test_a_line_past_the_limit_is_a_fault_and_the_next_is_read() -> None:
    """A line too long to be held is passed over in pieces."""
    long = b'{"x":"' + b"y" * (2 * LINE_BYTES_MAX) + b'"}\n'
    lines = found(long + ASK.encode())
    assert lines[0] == LineFault(number=1, what=f"is longer than {LINE_BYTES_MAX:,} bytes")
    assert isinstance(lines[1], Line)
    assert lines[1].number == 2


def test_a_request_past_the_limit_is_a_fault() -> None:
    """What a template makes of a short line may be too long to send."""
    row = json.dumps({"q": "y" * 3_000_000})
    [(number, what)] = faults(row, rows("{q}{q}{q}"))
    assert number == 1
    assert what.endswith(f"{JOB_BYTES_MAX:,} are sent at most")


def test_a_template_makes_a_prompt_of_each_row() -> None:
    """Text fields stand as they are, others as JSON; custom_id goes to the job."""
    text = '{"q":"2+2?","n":1.5,"l":["ä"],"custom_id":7}\n{"q":"{q}","n":true,"l":{}}'
    form = rows("Solve: {q} {{{n}}} { l }")
    assert prompts(text, form) == ['Solve: 2+2? {1.5} ["ä"]', "Solve: {q} {true} {}"]
    assert [job.get("custom_id") for job in jobs(text, form)] == ["7", None]


def test_a_row_without_the_field_is_a_fault() -> None:
    """A missing field is named beside those that are there; null is no text either."""
    assert faults('{"question":"a"}\n{"q":null}', rows("{q}")) == [
        (1, "has no field 'q' (its fields: question)"),
        (2, "has null in the field 'q'"),
    ]


@pytest.mark.parametrize(
    "template",
    ["{q.__class__}", "{q[0]}", "{q!r}", "{q:>9}", "{}", "{ }", "{q", "q}", "{{q}}", "plain", ""],
)
def test_a_template_takes_plain_field_names_only(template: str) -> None:
    """No attributes, indexes, conversions, formats or stray braces, and at least one field."""
    with pytest.raises(ValueError, match="template"):
        parse_template(template)


@given(st.text(), st.text(alphabet=st.characters(exclude_characters="{}")))
def test_a_field_is_never_read_as_a_template(value: str, around: str) -> None:
    """Whatever a field holds, it comes out as it went in."""
    template = parse_template(around + "{{{q}}}" + around)
    assert template.fill({"q": value}) == around + "{" + value + "}" + around


def test_csv_rows_fill_the_template() -> None:
    """The header names the fields; quotes may hold commas, quotes and line breaks."""
    text = '\ufeffquestion, level\r\n"a, ""b""\r\nc",1\r\n\r\nd,2\r\n'
    form = rows("{level}: {question}", format=Format.CSV)
    assert prompts(text, form) == ['1: a, "b"\r\nc', "2: d"]
    assert [line.number for line in found(text, form)] == [2, 5]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_header_of_a_csv_file_tells_what_separates_it(separator: str) -> None:
    """Spreadsheets of half the world write semicolons; a field in quotes may hold any of them."""
    text = f'question{separator}unit\n"a,b;c\td"{separator}km\n'
    assert prompts(text, rows("{question} in {unit}", format=Format.CSV)) == ["a,b;c\td in km"]


def test_a_single_column_may_hold_any_separator() -> None:
    """What stands in the rows says nothing of how they are separated."""
    assert prompts('question\n"1,2"\n3;4\n', rows("{question}", format=Format.CSV)) == [
        "1,2",
        "3;4",
    ]


def test_csv_faults_know_the_line_their_row_begins_on() -> None:
    """Rows with too many fields, stray quotes and foreign bytes are all listed."""
    text = b'q,a\n"x\ny",1\n1,2,3\n"b"c,4\n\xff,5\nok,6\n'
    assert faults(text, rows("{q}", format=Format.CSV)) == [
        (4, "has 3 fields where the header names 2"),
        (5, "is not CSV: ',' expected after '\"'"),
        (6, "is not UTF-8 at byte 1"),
    ]


def test_an_open_quote_is_a_fault_of_the_row_it_opened_in() -> None:
    """A quote that nobody closes ends with the file, not with a crash."""
    assert faults('q\nfine\n"open\nmore\n', rows("{q}", format=Format.CSV)) == [
        (3, "is not CSV: unexpected end of data")
    ]


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("q,q", "names the field 'q' twice in the header"),
        ("q,", "names no field in column 2 of the header"),
        ("\xff", None),
    ],
)
def test_a_csv_file_with_a_broken_header_has_that_one_fault(header: str, what: str | None) -> None:
    """Without names no row is judged."""
    text = header.encode("latin-1") + b"\na,b\nc\n"
    expected = what or "is not UTF-8 at byte 1"
    assert faults(text, rows("{q}", format=Format.CSV)) == [(1, expected)]


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=8)
)
def test_any_text_survives_csv(values: list[str]) -> None:
    """What a CSV writer wrote is what the prompts say."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerows([["q"], *([value] for value in values)])
    assert prompts(file.getvalue(), rows("{q}", format=Format.CSV)) == values


def test_all_faults_are_known_by_their_reasons(tmp_path: Path) -> None:
    """A check goes on to the end of the file, whatever it finds, and forgets no line."""
    path = tmp_path / "p.jsonl"
    path.write_text("[]\n" * 1_000 + "{}\n" + ASK + "\n[]\n")
    checked = check(path, MODEL)
    assert (checked.lines, checked.faults.total) == (1, 1_002)
    assert [list(numbers) for numbers in checked.faults.alike.values()] == [
        [*range(1, 1_001), 1_003],
        [1_001],
    ]


def test_the_digest_is_that_of_the_whole_file(tmp_path: Path) -> None:
    """A check and a plain digest both read every byte."""
    path, content = tmp_path / "p.jsonl", f"\ufeff{ASK}\r\n\n{ASK}".encode()
    path.write_bytes(content)
    expected = hashlib.sha256(content).hexdigest()
    checked = check(path, MODEL)
    assert (checked.sha256, digest(path), checked.size) == (expected, expected, len(content))

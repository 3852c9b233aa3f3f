"""JSON from outside: strict, bounded, and refused with one clear sentence."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidRequest
from app.wire.strict_json import DEPTH_MAX, parse, parse_object

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Lone surrogates are legal in JSON as escapes, so they are among the texts.
    | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=20,
)


def refused(raw: bytes) -> InvalidRequest:
    """Return the refusal of a body that must be refused."""
    with pytest.raises(InvalidRequest) as caught:
        parse(raw)
    return caught.value


@given(values)
def test_what_json_can_say_is_understood(value: Any) -> None:
    """Whatever is written by the rules is read as it was meant, lone surrogates included."""
    assert parse(json.dumps(value).encode()) == value


@given(st.binary(max_size=60))
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    """Any bytes at all are either JSON or refused."""
    with suppress(InvalidRequest):
        assert json.dumps(parse(raw), allow_nan=False)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"   ",
        b"{",
        b'{"a":1',
        b'{"a":1,}',
        b"[1,]",
        b"{'a':1}",
        b"{a:1}",
        b'{"a":01}',
        b'{"a":.5}',
        b'{"a":"\n"}',
        b'{"a":"\\x"}',
        b"{} {}",
        b"tru",
        b"// no\n{}",
    ],
)
def test_malformed_text_is_refused_with_its_place(raw: bytes) -> None:
    """What is not JSON is refused with the line and column where it stops being any."""
    message = refused(raw).message
    assert message.startswith("The body is not valid JSON: ")
    assert "line " in message
    assert "column " in message


def test_the_place_is_where_the_mistake_is() -> None:
    """Lines and columns count from one."""
    assert "(line 2, column 6)" in refused(b'{\n "a":}').message


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused_by_name(name: str) -> None:
    """NaN and the infinities are refused at any depth, each by its name."""
    assert f"holds {name}," in refused(f'{{"a":[{{"b":{name}}}]}}'.encode()).message


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e999999999"])
def test_a_number_beyond_every_float_is_refused(number: str) -> None:
    """A number that could only be read as infinity would go out as none, so it is refused."""
    refused(f'{{"a":{number}}}'.encode())


def test_a_number_with_thousands_of_digits_is_refused() -> None:
    """Reading such a number would cost more than any request is worth."""
    assert "too many digits" in refused(b'{"a":' + b"9" * 5_000 + b"}").message


@pytest.mark.parametrize("digits", [20, 400, 4_000])
def test_a_long_number_keeps_every_digit(digits: int) -> None:
    """Up to that, whole numbers are exact."""
    assert parse(b"9" * digits) == 10**digits - 1


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"b":{"a":1,"c":2,"a":3}}',
        b'{"b":[0,[{"d":{"a":{},"a":[]}}]]}',
        b'{"a":1,"\\u0061":2}',
    ],
)
def test_a_repeated_key_is_refused_by_name(raw: bytes) -> None:
    """A key that stands twice in one object is refused at any depth, however it is spelled."""
    error = refused(raw)
    assert error.message == "The key 'a' is repeated."
    assert error.param == "a"


def test_a_key_may_stand_in_many_objects() -> None:
    """Only a repetition within one object is one."""
    assert parse(b'{"a":{"a":1},"b":[{"a":2},{"a":3}]}')["a"] == {"a": 1}


def test_a_refusal_is_short_however_long_the_key() -> None:
    """A repeated key of a megabyte does not come back as one."""
    key = b"k" * 1_000_000
    error = refused(b'{"' + key + b'":1,"' + key + b'":2}')
    assert len(f"{error.message}{error.param}") < 1_000


@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_nesting_ends_at_64_levels(pair: tuple[bytes, bytes]) -> None:
    """64 levels of arrays and objects are taken, the 65th is refused."""
    opened, closed = pair
    levels = opened.count(b"[") + opened.count(b"{")
    times = DEPTH_MAX // levels
    assert parse(opened * times + b"1" + closed * times)
    message = refused(opened * times + b"[]" + closed * times).message
    assert message == "The body is nested deeper than 64 levels."


@pytest.mark.parametrize("levels", [DEPTH_MAX + 1, 1_000, 100_000, 1_000_000])
def test_any_depth_is_refused_in_the_same_words(levels: int) -> None:
    """However deep it goes, the body is refused and nothing overflows."""
    assert "deeper than 64 levels" in refused(b"[" * levels + b"]" * levels).message
    assert "deeper than 64 levels" in refused(b'{"a":' * levels + b"1" + b"}" * levels).message


def test_wide_is_not_deep() -> None:
    """Thousands of objects side by side are no deeper than one."""
    assert len(parse(b"[" + b",".join([b'{"a":[]}'] * 5_000) + b"]")) == 5_000


def test_brackets_in_text_are_text() -> None:
    """Brackets within a string do not nest."""
    assert parse(b'"' + b"[{" * 500 + b'"') == "[{" * 500


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        (b'{"a":"\xff"}', 6),
        (b'{"a":"\xed\xa0\x80"}', 6),
        (b'{"a":"\xc0\x80"}', 6),
        ('{"a":1}'.encode("utf-16"), 0),
        ('{"a":"é"}'.encode("latin-1"), 6),
    ],
)
def test_bad_utf8_is_refused_with_its_byte(raw: bytes, at: int) -> None:
    """Text in another encoding is refused with the first byte that does not fit."""
    assert refused(raw).message == f"The body is not UTF-8 (byte {at})."


def test_half_a_surrogate_pair_passes() -> None:
    """An escape of half a pair is JSON, and is understood as it stands."""
    assert parse(b'{"a":"\\ud83d"}') == {"a": "\ud83d"}


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"a"', b"null", b"true", b"[{}]"])
def test_a_body_must_be_an_object(raw: bytes) -> None:
    """Any other value is JSON but no body."""
    parse(raw)
    with pytest.raises(InvalidRequest, match=r"The body must be a JSON object\."):
        parse_object(raw)


def test_an_object_is_a_body() -> None:
    """An object is returned as it is, in its order."""
    assert list(parse_object(b'{"b":1,"a":2}').items()) == [("b", 1), ("a", 2)]

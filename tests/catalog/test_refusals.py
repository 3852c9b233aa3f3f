"""A catalog file with mistakes is refused by file and key, or by its line."""

from pathlib import Path

import pytest

from app.catalog import CATALOG_BYTES_MAX

from .conftest import Write
from .samples import GOOD, INSTRUMENT, PROVIDER, ROUTE, places, refusal


def test_two_spellings_of_one_instrument_are_refused(write: Write) -> None:
    """Two entries that clients could not tell apart are a mistake, not a choice."""
    twice = INSTRUMENT.replace("instruments.text", "instruments.TEXT")
    assert "TEXT" in refusal(write(GOOD + twice)).message


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('"openai"', '"smtp"', "providers.here.protocol"),
        ('"openai"', "1", "providers.here.protocol"),
        ('"http://127.0.0.1:8090/v1"', '"ftp://h/v1"', "providers.here.base_url"),
        ('"http://127.0.0.1:8090/v1"', '"127.0.0.1:8090"', "providers.here.base_url"),
        ('"http://127.0.0.1:8090/v1"', '"http:///v1"', "providers.here.base_url"),
        ('"http://127.0.0.1:8090/v1"', '"http://h/a b"', "providers.here.base_url"),
        ("protocol", "protocoll", "providers.here.protocoll"),
        ("protocol", "protocoll", "providers.here.protocol"),
        ('"0.10"', "0.10", "instruments.text.input_price"),
        ('"0.10"', "1", "instruments.text.input_price"),
        ('"0.10"', '"-0.10"', "instruments.text.input_price"),
        ('"0.40"', '"1e-3"', "instruments.text.output_price"),
        ('"0.40"', '"0.0000000001"', "instruments.text.output_price"),
        ("= 1000", "= 0", "instruments.text.context_tokens"),
        ("= 1000", '= "1000"', "instruments.text.context_tokens"),
        ("= 1000", "= 1000.0", "instruments.text.context_tokens"),
        ("= 500", "= true", "instruments.text.output_tokens_max"),
        ("= 500", "= -5", "instruments.text.output_tokens_max"),
        ("output_tokens_max", "output_max", "instruments.text.output_max"),
        ('"small"', '""', "routes.0.model"),
        ('"small"', "5", "routes.0.model"),
        ("[[routes]]", "[routes]", "routes"),
        ("[[routes]]", "[[route]]", "route"),
        ("[[routes]]", "[[route]]", "routes"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(write: Write, old: str, new: str, place: str) -> None:
    """Wrong types, ranges and names are refused with the full key."""
    error = refusal(write(GOOD.replace(old, new)))
    assert place in places(error)
    assert f"{place}: " in error.message


@pytest.mark.parametrize(
    "line",
    [
        "timeout_s = 0",
        "timeout_s = nan",
        "timeout_s = inf",
        "timeout_s = 86401",
        "connect_timeout_s = -1",
        "connect_timeout_s = 61",
        "concurrency = 0",
        "concurrency = 2.5",
        "api_key_env = ''",
        "api_key = 'sk-1'",
    ],
)
def test_a_providers_limits_have_limits(write: Write, line: str) -> None:
    """Periods and numbers are bounded, and a key itself has no place in the file."""
    key = line.partition(" ")[0]
    text = PROVIDER + line + "\n" + INSTRUMENT + ROUTE
    assert places(refusal(write(text))) == {f"providers.here.{key}"}


@pytest.mark.parametrize(
    "line",
    ["ttft_max_s = 0", "throughput_min_tps = -1", "quality_min = '9'", "latency = 1"],
)
def test_a_promise_must_make_sense(write: Write, line: str) -> None:
    """Ceilings and floors of speed are positive, and nothing unknown is promised."""
    text = GOOD + "[instruments.text.specification]\n" + line
    key = line.partition(" ")[0]
    assert places(refusal(write(text))) == {f"instruments.text.specification.{key}"}


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("key", ["quality_min", "throughput_min_tps", "ttft_max_s"])
def test_a_promise_is_a_number(write: Write, key: str, value: str) -> None:
    """What TOML writes as not a number or infinite promises nothing anybody could keep."""
    text = f"{GOOD}[instruments.text.specification]\n{key} = {value}\n"
    assert places(refusal(write(text))) == {f"instruments.text.specification.{key}"}


def test_a_price_as_a_float_is_told_from_a_string(write: Write) -> None:
    """0.10 without quotes is refused, for a float is no price."""
    error = refusal(write(GOOD.replace('"0.10"', "0.10")))
    assert "string" in error.message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (INSTRUMENT + ROUTE, "providers"),
        (PROVIDER + ROUTE, "instruments"),
        (PROVIDER + INSTRUMENT, "routes"),
        ("providers = {}\n" + INSTRUMENT + ROUTE, "providers"),
        ("routes = []\n" + PROVIDER + INSTRUMENT, "routes"),
    ],
)
def test_each_part_is_needed(write: Write, text: str, place: str) -> None:
    """A catalog without providers, instruments or routes could serve nothing."""
    assert places(refusal(write(text))) == {place}


def test_an_empty_file_lacks_everything(write: Write) -> None:
    """All that is missing is named at once."""
    assert places(refusal(write(""))) == {"providers", "instruments", "routes"}


def test_all_wrong_values_are_named_at_once(write: Write) -> None:
    """One look at the message is enough to repair the whole file."""
    text = GOOD.replace('"openai"', '"x"').replace('"0.10"', "0.10").replace('"small"', '""')
    assert places(refusal(write(text))) == {
        "providers.here.protocol",
        "instruments.text.input_price",
        "routes.0.model",
    }


def test_all_dangling_ends_are_named_at_once(write: Write) -> None:
    """Routes to nowhere and instruments nothing serves are listed together."""
    lonely = INSTRUMENT.replace("instruments.text", "instruments.Lonely")
    stray = ROUTE.replace('"text"', '"txet"').replace('"here"', '"there"')
    error = refusal(write(GOOD + lonely + stray))
    assert places(error) == {"routes.1.instrument", "routes.1.provider", "instruments.lonely"}
    assert "no instrument 'txet'" in error.message
    assert "no provider 'there'" in error.message
    assert "has no route" in error.message


def test_providers_are_told_apart_by_letter_case(write: Write) -> None:
    """Providers are the operator's own names and are taken as they are written."""
    error = refusal(write(GOOD.replace('"here"', '"HERE"')))
    assert places(error) == {"routes.0.provider"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = \n", 1),
        (GOOD + "[providers.here]\n", 16),
        (GOOD + "price = 0.1.2\n", 16),
        (GOOD + 'model = "twice"\n', 16),
    ],
)
def test_malformed_toml_is_refused_by_its_line(write: Write, text: str, line: int) -> None:
    """What is not TOML is refused with the line where it stops being any."""
    assert f"line {line}," in refusal(write(text)).message


def test_nesting_without_end_is_refused(write: Write) -> None:
    """Arrays thousands deep are refused like any malformed file."""
    refusal(write("a = " + "[" * 5_000 + "]" * 5_000))


def test_text_in_another_encoding_is_refused(write: Write) -> None:
    """A catalog is UTF-8."""
    assert "utf-8" in refusal(write(GOOD.encode() + b"# caf\xe9\n")).message


def test_a_file_without_end_is_refused(write: Write) -> None:
    """More than CATALOG_BYTES_MAX is not read."""
    text = GOOD + "#" * CATALOG_BYTES_MAX
    assert f"larger than {CATALOG_BYTES_MAX} bytes" in refusal(write(text)).message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The message says that the file cannot be read, and why."""
    message = refusal(tmp_path / "nowhere.toml").message
    assert message.endswith("cannot be read (No such file or directory)")


def test_a_directory_is_no_catalog(tmp_path: Path) -> None:
    """A path that leads to a directory is refused as unreadable."""
    assert "cannot be read" in refusal(tmp_path).message

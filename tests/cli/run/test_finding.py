"""Which gateway `busbar run` goes to, with which key, and what it says when there is none."""

import json

import pytest

from .gateway_stub import KEY
from .running import Place, invoke, line


def test_a_wrong_key_ends_with_4(place: Place) -> None:
    """A key that the gateway refuses is told before anything is submitted."""
    place.write(3)
    ended = place.run("--key", "bb_live_other")
    assert (ended.code, ended.err) == (4, "busbar: the gateway refuses the key. Unknown key.\n")
    assert not place.journal.exists()


def test_no_key_ends_with_4(place: Place) -> None:
    """Without any key the message names the directory that was looked in and every way out."""
    place.write(3)
    ended = invoke(
        [str(place.prompts), "--model", "m"],
        BUSBAR_STATE_DIR=str(place.folder),
        BUSBAR_BASE_URL=place.gateway.base_url,
        BUSBAR_KEY=None,
    )
    assert ended.code == 4
    assert f"no API key for {place.gateway.base_url}, and {place.folder} knows of no" in ended.err
    for way_out in ("`busbar up`", "BUSBAR_STATE_DIR", "BUSBAR_KEY", "`busbar keys create ACC"):
        assert way_out in ended.err


def test_a_key_for_another_gateway_is_named(place: Place) -> None:
    """Beside a gateway of `busbar up` another one needs a key of its own."""
    place.write(3)
    ready = {"base_url": "http://127.0.0.1:9", "key": KEY, "account": "demo"}
    (place.folder / "ready.json").write_text(json.dumps(ready))
    ended = invoke(
        [str(place.prompts), "--model", "m"],
        BUSBAR_STATE_DIR=str(place.folder),
        BUSBAR_BASE_URL=place.gateway.base_url,
        BUSBAR_KEY=None,
    )
    assert ended.code == 4
    assert f"(the one in {place.folder} is for http://127.0.0.1:9): set BUSBAR_KEY" in ended.err


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_a_base_url_is_taken_as_the_vendors_sdks_want_it(place: Place, end: str) -> None:
    """With `/v1` at its end or without, it is the same gateway."""
    place.write(2)
    ended = place.run("--base-url", place.gateway.base_url + end)
    assert ended.code == 0, ended.err
    assert set(place.gateway.asked) == {"/v1/balance", "/v1/jobs"}


def test_a_gateway_that_is_not_there_names_the_command_that_starts_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was begun, so the message does not speak of resuming."""
    monkeypatch.setattr("app.cli.run.FIRST_PATIENCE_S", 0.01)
    place.write(2)
    ended = place.run("--base-url", "http://127.0.0.1:1")
    assert ended.code == 1
    assert "does not answer" in ended.err
    assert "`busbar up` starts one" in ended.err
    assert "resumes" not in ended.err
    assert not place.journal.exists()


def test_prompts_may_come_from_standard_input(place: Place) -> None:
    """The same input again is the same run: mended and added to, only what is new is sent."""
    arguments = [str(each) for each in place.arguments()[1:]]
    first = invoke(["-", *arguments, "--skip-bad"], given=f"{line(0)}\n[]\n")
    again = invoke(["-", *arguments], given=f"{line(0)}\n{line(1)}\n{line(2)}\n")
    assert (first.code, again.code) == (5, 0), first.err + again.err
    assert [job["custom_id"] for job in place.gateway.made] == ["c0", "c1", "c2"]
    assert [result["custom_id"] for result in place.results()] == ["c0", "c1", "c2"]


def test_standard_input_is_named_in_what_is_said(place: Place) -> None:
    """Nobody knows a copy of it; and results need a place that has a name."""
    arguments = [str(each) for each in place.arguments()[1:]]
    broken = invoke(["-", *arguments], given="[]\n")
    assert broken.code == 2
    assert "busbar: standard input: 1 line cannot be used" in broken.err
    ended = invoke(["-", "--model", "m"], given=f"{line(0)}\n")
    told = "busbar: prompts from standard input need --out, where the results go\n"
    assert (ended.code, ended.err) == (2, told)


def test_the_help_names_what_each_option_takes() -> None:
    """A type is no name."""
    shown = invoke(["--help"]).out
    named = ("--model NAME", "--out FILE", "--system TEXT", "--max-tokens N", "--base-url URL")
    assert not [each for each in named if each not in shown]
    assert not [each for each in ("<str>", "<int", "<float", "{prompts}") if each in shown]


def test_a_file_that_is_not_there_is_named(place: Place) -> None:
    """Before anything else is looked at."""
    told = f"busbar: {place.prompts} does not exist\n"
    ended = place.run()
    assert (ended.code, ended.err) == (2, told)


def test_what_up_wrote_is_found(place: Place) -> None:
    """Neither URL nor key is needed beside `busbar up`; results go beside the prompts."""
    place.write(3)
    ready = {"base_url": place.gateway.base_url, "key": KEY, "account": "demo", "processes": {}}
    (place.folder / "ready.json").write_text(json.dumps(ready))
    ended = invoke(
        [str(place.prompts), "--model", "m"],
        BUSBAR_STATE_DIR=str(place.folder),
        BUSBAR_BASE_URL=None,
        BUSBAR_KEY=None,
    )
    assert ended.code == 0, ended.err
    assert ended.summary["out"] == str(place.folder / "prompts.results.jsonl")

"""How commands show what they found: nothing that a person would copy is cut."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from app.cli.terminal import showing

KEY = "bb_live_" + "x" * 36
NARROW = 60
WIDE = 200
SHOW = f"""
from app.cli.terminal import showing
showing.many([{{"id": "{KEY}", "account": "acct_" + "y" * 26, "name": None}}] * 2, wanted=None)
"""


def shown_on(columns: int) -> list[str]:
    """Show two things on a real terminal of that width, and return its lines."""
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        pytest.skip(f"no terminals here: {error}")
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    plain = {name: text for name, text in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-c", SHOW]
    ended = subprocess.run(command, stdin=theirs, stdout=theirs, env=plain, check=True, timeout=60)
    assert ended.returncode == 0
    os.close(theirs)
    said = os.read(ours, 65_536).decode()
    os.close(ours)
    return said.replace("\r\n", "\n").splitlines()


def test_a_terminal_that_is_wide_enough_shows_a_table() -> None:
    """One line for each thing, under the names."""
    header, *rows = shown_on(WIDE)
    assert header.split() == ["id", "account", "name"]
    assert [row.split()[0] for row in rows] == [KEY, KEY]


def test_a_narrow_terminal_shows_everything_whole() -> None:
    """A row that does not fit has a line for each of its fields."""
    lines = shown_on(NARROW)
    block = [f"id       {KEY}", f"account  acct_{'y' * 26}", "name"]
    assert lines == [*block, "", *block]


def test_a_table_in_a_pipe_has_no_width(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads it takes lines of any length."""
    showing.many([{"name": "x" * 200, "key": KEY}], wanted=False)
    header, row = capsys.readouterr().out.splitlines()
    assert row == f"{'x' * 200}  {KEY}"
    assert header.split() == ["name", "key"]


def test_columns_stand_under_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    """Letters that take two places count as two."""
    showing.many([{"name": "日本", "id": 1}, {"name": "abcde", "id": 2}], wanted=False)
    assert capsys.readouterr().out.splitlines() == ["name   id", "日本   1", "abcde  2"]


def test_a_name_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    """What a terminal would obey is spelled out."""
    showing.many([{"name": "a\x1b[2J\nb"}], wanted=False)
    assert capsys.readouterr().out.splitlines() == ["name", r"a\x1b[2J\nb"]


def test_nothing_to_show_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty list is an answer to a person; to a program it is no line at all."""
    showing.many([], wanted=False)
    showing.many([], wanted=True)
    assert capsys.readouterr().out == "none\n"

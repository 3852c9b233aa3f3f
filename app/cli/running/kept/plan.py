"""The plan of a run, `plan.json`: what was asked, and what it came to once it is complete."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeAlias

from app.cli.running.reading.prompts import LINES_MAX

VERSION: Final = 3
"""Of the layout of a journal's files; a journal of another version is not read."""

Scalar: TypeAlias = str | int | float | None


class Damaged(ValueError):
    """A file of a journal is none of ours, or not whole; the message says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is. `summary` and `exit_code` are there once it is complete."""

    run_id: str
    sha256: str
    size: int
    lines: int
    options: Mapping[str, Scalar]
    base_url: str
    summary: Mapping[str, Scalar] | None = None
    exit_code: int | None = None
    version: int = VERSION

    def __post_init__(self) -> None:
        """Raise Damaged unless every field is what it must be: a plan may come from a file."""
        texts = (self.run_id, self.sha256, self.base_url)
        right = (
            self.version == VERSION
            and all(isinstance(text, str) for text in texts)
            and all(_is_count(number) for number in (self.size, self.lines))
            and self.lines <= LINES_MAX
            and _is_scalars(self.options)
            and (self.summary is None or _is_scalars(self.summary))
            and (self.summary is None) == (self.exit_code is None)
            and (self.exit_code is None or _is_count(self.exit_code))
        )
        if not right:
            raise Damaged("its plan is none of this version")


def read_plan(path: Path) -> Plan | None:
    """Return the plan in a file; None when there is no such file. Raises Damaged and OSError."""
    try:
        return Plan(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except Damaged:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged("its plan cannot be read") from error


def write_plan(path: Path, plan: Plan) -> None:
    """Put a plan in place, whole and on disk before this returns. Raises OSError."""
    beside = path.with_suffix(".tmp")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(asdict(plan), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    for folder in (path.parent, path.parent.parent):
        _sync_folder(folder)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _is_scalars(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(each, str | int | float | None) for each in value.values()
    )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

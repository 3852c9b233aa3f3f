"""Where prompts come from: a file, or standard input, which is read once and copied."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from app.cli.running.stops import Usage

STANDARD_INPUT: Final = Path("-")


@contextmanager
def to_file(prompts: Path, out: Path | None) -> Iterator[Path]:
    """Yield a file that can be read again and again, as a run does. Raises Usage and OSError.

    The copy of standard input goes with the run. A later call that is given the same input resumes
    all the same: a run knows its prompts by what they say.
    """
    if prompts != STANDARD_INPUT:
        if not prompts.exists():
            raise Usage(f"{prompts} does not exist")
        yield prompts
        return
    if out is None:
        raise Usage("prompts from standard input need --out, where the results go")
    with TemporaryDirectory(prefix="busbar-run-") as folder:
        copy = Path(folder) / "prompts.jsonl"
        with copy.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield copy

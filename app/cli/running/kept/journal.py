"""The journal of a run: a folder beside the output that says what the run is and how far it came.

`plan.json` says what was asked, `sendings.jsonl` what was sent and accepted, `results.jsonl` keeps
the results until all are there, and `lock` lets one process in at a time.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from app.cli.running.kept.lock import hold, let_go
from app.cli.running.kept.plan import Damaged, Plan, Scalar, read_plan, write_plan
from app.cli.running.kept.sendings import Sending, Sendings
from app.cli.running.stops import START_OVER, Unreadable


class Journal:
    """One run's journal, held by this process alone. Everything may raise OSError."""

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        """Lock the folder, and open what an earlier process left. Raises Busy and Unreadable.

        With `fresh`, what cannot be read counts as nothing.
        """
        self.folder = folder
        self.plan: Plan | None = None
        self._sendings: Sendings | None = None
        self._handle: int | None = hold(folder)
        try:
            self._open()
        except Damaged as damage:
            self.plan = None
            if not fresh:
                self.close()
                raise Unreadable(
                    f"{folder} cannot be gone on with: {damage}; {START_OVER}"
                ) from damage
        except BaseException:
            self.close()
            raise

    @property
    def results(self) -> Path:
        """Where the results are kept until all are there."""
        return self.folder / "results.jsonl"

    @property
    def is_untouched(self) -> bool:
        """True while no chunk was sent, or all that were sent were refused."""
        return self._sendings is None or self._sendings.is_empty

    @property
    def submitted(self) -> int:
        """How many requests the gateway has."""
        return self._sendings.submitted if self._sendings else 0

    @property
    def number_next(self) -> int:
        """A number that no chunk has had."""
        return self._sent.number_next

    def start(self, plan: Plan) -> None:
        """Forget whatever was there, and begin a run."""
        self._discard()
        self._sendings_path.touch()
        self._sendings = Sendings(self._sendings_path, lines=plan.lines)
        self.revise(plan)

    def revise(self, plan: Plan) -> None:
        """Note, on disk, that the plan says something else now.

        Its lines may be more, or fewer at the end where none was sent.
        """
        write_plan(self._plan_path, plan)
        self.plan = plan
        if self._sendings is not None:
            self._sendings.lines = plan.lines

    def sent(self, number: int) -> Sending | None:
        """Return how a chunk was sent, if it was."""
        return self._sent.sent(number)

    def in_doubt(self) -> list[Sending]:
        """Return the chunks that were sent and whose answer is not known."""
        return self._sent.in_doubt()

    def marks(self) -> "array[int]":
        """Return for each request of the run its mark, or 0 if it was not submitted."""
        return self._sent.marks()

    def sending(self, chunk: Sending) -> None:
        """Note, on disk, that a chunk is about to be sent; one of its number is replaced."""
        self._sent.sending(chunk)

    def accepted(self, number: int, ids: Sequence[str]) -> None:
        """Note, on disk, that the gateway has a chunk, as these jobs."""
        self._sent.accepted(number, ids)

    def refused(self, number: int) -> None:
        """Note, on disk, that the gateway has nothing of a chunk."""
        self._sent.refused(number)

    def jobs(self) -> Iterator[tuple[int, str]]:
        """Read all accepted jobs: the index of the request, and the job's id."""
        return self._sent.jobs()

    def complete(self, summary: Mapping[str, Scalar], exit_code: int) -> Plan:
        """Note that everything is done and written, and keep nothing but that."""
        assert self.plan is not None
        complete = replace(self.plan, summary=dict(summary), exit_code=exit_code)
        self.revise(complete)
        self._sendings_path.unlink(missing_ok=True)
        self.results.unlink(missing_ok=True)
        return complete

    def close(self) -> None:
        """Let others in. A run of which nothing was sent is forgotten, and its folder removed."""
        if self._handle is None:
            return
        if self.plan is not None and self.plan.summary is None and self.is_untouched:
            self._discard()
        is_empty = self.plan is None and not self._plan_path.exists()
        let_go(self.folder, self._handle, remove=is_empty)
        self._handle = None

    @property
    def _plan_path(self) -> Path:
        return self.folder / "plan.json"

    @property
    def _sendings_path(self) -> Path:
        return self.folder / "sendings.jsonl"

    @property
    def _sent(self) -> Sendings:
        assert self._sendings is not None
        return self._sendings

    def _open(self) -> None:
        """Read the plan and, unless it is complete, what was sent. Raises Damaged."""
        plan = read_plan(self._plan_path)
        if plan is not None and plan.summary is None:
            if not self._sendings_path.exists():
                raise Damaged("its list of what was sent is gone")
            self._sendings = Sendings(self._sendings_path, lines=plan.lines)
        self.plan = plan

    def _discard(self) -> None:
        # The plan goes first: without it the other files mean nothing.
        for name in ("plan.json", "plan.tmp", "sendings.jsonl", "results.jsonl", "out.tmp"):
            (self.folder / name).unlink(missing_ok=True)
        self.plan = self._sendings = None

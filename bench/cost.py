"""What processes cost: CPU time and peak memory of whole process trees, read from /proc.

Children count: those alive by themselves, those that ended through the parent that waited for
them. A system without /proc gives no figures, and the record says so by leaving them out.
"""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
IDLE_FIELDS: Final = (3, 4)  # of the first line of /proc/stat: idle, and idle waiting for a disk
BUSY_FIELDS: Final = 8  # what follows them is guest time, which `user` has counted already


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """CPU seconds so far: of each process tree, and of the whole machine, stolen time included."""

    at: float
    by_process: Mapping[str, float]
    busy_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """CPU between two readings: milliseconds per operation of each process tree.

    `other_cores` is how many cores were busy with anything else: near zero on a quiet machine.
    """

    cpu_ms: Mapping[str, float]
    other_cores: float | None


def reading(roots: Mapping[str, int]) -> Reading:
    """Read the clocks of the process trees under `roots`."""
    ticks, parents = _read()
    per_s = os.sysconf("SC_CLK_TCK")
    by_process = {
        name: sum(ticks[pid] for pid in _tree(root, parents)) / per_s
        for name, root in roots.items()
        if root in ticks
    }
    busy = _busy_ticks()
    busy_s = None if busy is None else busy / per_s
    return Reading(at=time.monotonic(), by_process=by_process, busy_s=busy_s)


def spent(before: Reading, after: Reading, operations: int) -> Spent:
    """Return what was spent between two readings."""
    by_process = {
        name: after.by_process[name] - before.by_process[name]
        for name in after.by_process
        if name in before.by_process
    }
    other = None
    if before.busy_s is not None and after.busy_s is not None:
        elsewhere_s = after.busy_s - before.busy_s - sum(by_process.values())
        other = max(0.0, elsewhere_s / (after.at - before.at))
    return Spent(
        cpu_ms={name: used_s * 1e3 / operations for name, used_s in by_process.items()},
        other_cores=other,
    )


def peak_mb(roots: Mapping[str, int]) -> dict[str, float]:
    """Return the peak resident memory of each tree in MB: the sum of its processes' own peaks.

    Pages that processes share are counted in each, so the figure errs on the high side.
    """
    return _memory_mb(roots, "status", "VmHWM:")


def fair_mb(roots: Mapping[str, int]) -> dict[str, float]:
    """Return the present memory of each tree in MB, pages that processes share counted once."""
    return _memory_mb(roots, "smaps_rollup", "Pss:")


def _memory_mb(roots: Mapping[str, int], file: str, field: str) -> dict[str, float]:
    ticks, parents = _read()
    return {
        name: sum(_kib(pid, file, field) for pid in _tree(root, parents)) * 1024 / 1e6
        for name, root in roots.items()
        if root in ticks
    }


def _read() -> tuple[dict[int, int], dict[int, int]]:
    """Return every process's clock ticks, with those of children it waited for, and its parent."""
    ticks, parents = {}, {}
    for path in PROC.glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold anything; the fields follow the last one.
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        pid = int(path.parent.name)
        parents[pid] = int(fields[1])
        ticks[pid] = sum(int(field) for field in fields[11:15])
    return ticks, parents


def _busy_ticks() -> int | None:
    try:
        fields = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    counted = enumerate(fields[:BUSY_FIELDS])
    return sum(int(field) for place, field in counted if place not in IDLE_FIELDS)


def _tree(root: int, parents: Mapping[int, int]) -> Iterator[int]:
    yield root
    for pid, parent in parents.items():
        if parent == root:
            yield from _tree(pid, parents)


def _kib(pid: int, file: str, field: str) -> int:
    try:
        lines = (PROC / str(pid) / file).read_text(errors="replace").splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith(field)]
    return int(found[0]) if found else 0

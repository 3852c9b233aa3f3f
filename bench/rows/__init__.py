"""Every row on one screen. A new one is a function from Run to Measured and an entry here."""

from collections.abc import Mapping
from typing import Final

from bench.result import Goal, Row
from bench.rows import accept, hold, lines, streams, sync, waiters

_ROWS: Final = (
    Row(
        name="accept",
        what="durable accepts: `Prefer: respond-async` to 202, committed and rung for",
        unit="/s",
        goals=(
            Goal(key="figure", sign="≥", bound=2_500, unit="/s"),
            Goal(key="p99_ms", sign="<", bound=50, unit="ms", label="p99"),
        ),
        measure=accept.measure,
    ),
    Row(
        name="batch",
        what="batch lines through hold, call (200 ms) and settle in one worker process",
        unit="/s",
        goals=(
            Goal(key="figure", sign="≥", bound=1_000, unit="/s"),
            Goal(key="cpu_ms", sign="≤", bound=0.6, unit="ms", label="worker CPU"),
        ),
        measure=lines.measure_batch,
    ),
    Row(
        name="hot-account",
        what="the same lines, all on one account",
        unit="/s",
        goals=(Goal(key="share_of_batch", sign="≥", bound=0.9, unit="of batch"),),
        measure=lines.measure_hot_account,
    ),
    Row(
        name="hold",
        what="holds drawn and settled on one account, a job at a time, without the network",
        unit="/s",
        goals=(
            Goal(key="figure", sign="≥", bound=500, unit="/s"),
            Goal(key="p99_ms", sign="≤", bound=10, unit="ms", label="p99"),
        ),
        measure=hold.measure_hold,
    ),
    Row(
        name="hold-spread",
        what="the same over 50 accounts, in groups of up to 400 jobs",
        unit="/s",
        goals=(Goal(key="figure", sign="≥", bound=3_000, unit="/s"),),
        measure=hold.measure_hold_spread,
    ),
    Row(
        name="sync",
        what="chat completions that wait for their answer, 16 clients, instant upstream",
        unit="/s",
        goals=(
            Goal(key="figure", sign="≥", bound=600, unit="/s"),
            Goal(key="p99_ms", sign="<", bound=80, unit="ms", label="p99"),
        ),
        measure=sync.measure_sync,
    ),
    Row(
        name="latency",
        what="added latency of one call at a time: through the gateway minus straight upstream",
        unit="ms",
        goals=(
            Goal(key="figure", sign="≤", bound=8, unit="ms"),
            Goal(key="p99_ms", sign="≤", bound=25, unit="ms", label="p99"),
        ),
        measure=sync.measure_latency,
    ),
    Row(
        name="waiters",
        what="callers waiting at once on one submitter process",
        unit="served",
        goals=(
            Goal(key="figure", sign="≥", bound=1_000, unit="served"),
            Goal(key="rss_mb", sign="<", bound=250, unit="MB", label="RSS"),
        ),
        measure=waiters.measure,
    ),
    Row(
        name="ttft",
        what="added time to the first event of a stream, one client: through minus straight",
        unit="ms",
        goals=(Goal(key="figure", sign="≤", bound=10, unit="ms"),),
        measure=streams.measure_ttft,
    ),
    Row(
        name="streams",
        what="streams open at once on one submitter process, all read to their end",
        unit="served",
        goals=(
            Goal(key="figure", sign="≥", bound=1_000, unit="served"),
            Goal(key="rss_mb", sign="<", bound=250, unit="MB", label="RSS"),
        ),
        measure=streams.measure_streams,
    ),
)

ROWS: Final[Mapping[str, Row]] = {row.name: row for row in _ROWS}

"""How a run sets out: a new one, or the one that its journal holds."""

import secrets
import sys
from dataclasses import replace
from datetime import UTC, datetime

from app.cli.client.address import Address, find_address, missing_key
from app.cli.client.session import Client
from app.cli.running.asked import SKIP_BAD, Asked
from app.cli.running.chunks import check_doubt
from app.cli.running.kept.journal import Journal
from app.cli.running.kept.plan import Plan
from app.cli.running.kept.sendings import mark_of
from app.cli.running.reading.prompts import LINES_MAX, Checked, Line, check, digest
from app.cli.running.reading.records import RawLines
from app.cli.running.stops import START_OVER, BadLines, NoKey, Usage
from app.domain.ids import ENTROPY_BYTES, new_id
from app.settings import ClientSettings


def earlier(asked: Asked, journal: Journal) -> Plan | None:
    """Return the run that this one goes on with. Raises Usage when it is another one.

    What was not submitted yet may have changed: refused lines are there to be mended. Raises
    BadLines when what changed cannot be used.
    """
    plan = journal.plan
    if plan is not None and plan.summary is None and journal.is_untouched:
        plan = None  # a run that was killed before it sent anything
    if plan is None or asked.fresh:
        if asked.out.exists() and not asked.fresh:
            raise Usage(f"{asked.out} exists; --fresh replaces it, another --out keeps it")
        return None
    differences = asked.differences(plan, digest(asked.prompts))
    if plan.summary is not None:
        if differences:
            what = f"{asked.folder} holds a finished run of something else"
            raise Usage(f"{what}: {differences}; {START_OVER}")
        if not asked.out.exists():
            raise Usage(f"{asked.out} was written and is gone; --fresh sends everything again")
        return plan
    return _changed(asked, journal, plan, differences) if differences else plan


def check_all(asked: Asked, journal: Journal) -> Checked:
    """Read all prompts. Raises BadLines when some cannot be used, Usage when there are none."""
    checked = check(asked.prompts, asked.form)
    total = checked.faults.total
    if total and not (asked.skip_bad and checked.lines and _count(asked, checked) <= LINES_MAX):
        lines = "1 line" if total == 1 else f"{total:,} lines"
        nothing = "nothing more" if journal.submitted and not asked.fresh else "nothing"
        hint = "" if asked.skip_bad else f"; mend them, or leave them out with {SKIP_BAD}"
        what = f"{asked.name}: {lines} cannot be used; {nothing} was submitted{hint}"
        raise BadLines(what, checked.faults)
    if not checked.lines:
        raise Usage(f"{asked.name} holds no requests")
    return checked


def gateway_address(base_url: str | None, key: str | None) -> Address:
    """Find the gateway and the key. Raises Usage and NoKey."""
    settings = ClientSettings()
    try:
        address = find_address(settings, base_url=base_url, key=key)
    except ValueError as error:
        raise Usage(str(error)) from error
    if address.key is None:
        raise NoKey(missing_key(settings, address))
    return address


def begin(asked: Asked, journal: Journal, checked: Checked, address: Address) -> None:
    """Begin a run, and forget the one before."""
    if journal.submitted:
        say(f"starting over; {journal.submitted:,} requests submitted before still go on")
    plan = Plan(
        run_id=new_id("run", datetime.now(UTC), secrets.token_bytes(ENTROPY_BYTES)),
        sha256=checked.sha256,
        size=checked.size,
        lines=_count(asked, checked),
        options=asked.options,
        base_url=address.base_url,
    )
    journal.start(plan)


def go_on(journal: Journal, plan: Plan, client: Client, address: Address) -> None:
    """Make sure that an earlier run can go on here. Raises Usage and Doubtful."""
    if plan.base_url != address.base_url:
        known = next((job_id for _, job_id in journal.jobs()), None)
        # The same gateway may answer elsewhere after a restart; it knows the jobs it accepted.
        if known is None or not client.jobs([known]):
            raise Usage(
                f"the run began at {plan.base_url}, and {address.base_url} does not know "
                "it; give the first one as --base-url, or start over with --fresh"
            )
        plan = replace(plan, base_url=address.base_url)
    check_doubt(journal, key=address.key or "", now=datetime.now(UTC))
    if plan != journal.plan:
        journal.revise(plan)
    say(f"resuming: {journal.submitted:,} of {plan.lines:,} are submitted already")


def say(text: str) -> None:
    """Tell whoever looks at stderr."""
    print(f"busbar: {text}", file=sys.stderr)  # noqa: T201  the command's own voice


def _changed(asked: Asked, journal: Journal, plan: Plan, differences: str) -> Plan:
    """Return the plan of an unfinished run with what is asked now; nothing sent may differ."""
    checked = check_all(asked, journal)
    why = _first_other(asked, journal)
    if why is not None:
        what = f"{asked.folder} holds an unfinished run of something else"
        raise Usage(f"{what}: {differences}; {why}; {START_OVER}")
    lines, options = _count(asked, checked), asked.options
    return replace(plan, sha256=checked.sha256, size=checked.size, lines=lines, options=options)


def _first_other(asked: Asked, journal: Journal) -> str | None:
    """Return how the first line that was submitted reads otherwise now; None when none does."""
    marks, count = journal.marks(), 0
    with asked.prompts.open("rb") as file:
        for mark, line in zip(marks, asked.lines(RawLines(file)), strict=False):
            if mark and not (isinstance(line, Line) and mark_of(line.job) == mark):
                return f"line {line.number} was submitted already and would be another request now"
            count += 1
    gone = next((index for index in range(count, len(marks)) if marks[index]), None)
    if gone is None:
        return None
    return f"it has {count:,} requests now, and request {gone + 1:,} was submitted already"


def _count(asked: Asked, checked: Checked) -> int:
    """Return how many lines the run has; those that are left out keep their places in it."""
    return checked.lines + (checked.faults.total if asked.skip_bad else 0)

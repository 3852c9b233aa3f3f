"""`busbar run`: send a file of prompts over HTTP and collect the answers in input order."""

import secrets
import sys
import time
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

import typer
from rich.console import Console

from app.cli.client.address import Address, find_address
from app.cli.client.answers import Balance
from app.cli.client.session import Client
from app.cli.running import asked as flags
from app.cli.running import endings
from app.cli.running.asked import Asked, ask, format_of
from app.cli.running.chunks import check_doubt, cut
from app.cli.running.journal import Journal, Plan, Scalar
from app.cli.running.loop import Loop, OutOfBalance
from app.cli.running.progress import Progress
from app.cli.running.prompts import Checked, Form, Line, check, digest, read
from app.cli.running.records import LineFault, RawLines
from app.cli.running.results import Results
from app.cli.running.stops import START_OVER, BadLines, InputChanged, Usage
from app.cli.terminal import failing, showing
from app.cli.terminal.showing import Json
from app.domain.ids import ENTROPY_BYTES, new_id
from app.domain.money import format_dollars
from app.settings import ClientSettings

FIRST_PATIENCE_S: Final = 10
"""How long the first call is tried; once a run is under way, the gateway may take minutes."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def run(
    prompts: flags.Prompts,
    *,
    model: flags.Model = None,
    out: flags.Out = None,
    template: flags.TemplateText = None,
    format_: flags.FormatName = None,
    system: flags.System = None,
    max_tokens: flags.MaxTokens = None,
    temperature: flags.Temperature = None,
    fresh: flags.Fresh = False,
    wait_for_balance: flags.WaitForBalance = False,
    base_url: flags.BaseUrl = None,
    key: flags.Key = None,
    json: Json = None,
) -> None:
    """Send a file of prompts and collect the answers, in the order of the file.

    Interrupted, even by force, the same command resumes and submits nothing twice. A line of the
    file is a chat completion request, a line of an OpenAI batch, or a row for the template.
    """
    form = Form(
        format=format_of(prompts, format_),
        model=model,
        system=system,
        max_tokens=max_tokens,
        temperature=temperature,
    )
    with endings.told():
        asked = ask(
            prompts,
            out,
            form=form,
            template=template,
            fresh=fresh,
            wait_for_balance=wait_for_balance,
        )
        with closing(Journal(asked.folder, fresh=asked.fresh)) as journal:
            plan = _earlier(asked, journal)
            if plan is None or plan.summary is None:
                plan = _carry(asked, journal, plan, base_url=base_url, key=key)
            else:
                _say(f"already complete: {asked.out}")
        showing.one(plan.summary or {}, wanted=json)
    raise SystemExit(plan.exit_code)


def _earlier(asked: Asked, journal: Journal) -> Plan | None:
    """Return the run that this one goes on with. Raises Usage when it is another one."""
    plan = journal.plan
    if plan is None or asked.fresh:
        if asked.out.exists() and not asked.fresh:
            raise Usage(f"{asked.out} exists; --fresh replaces it, another --out keeps it")
        return None
    differences = asked.differences(plan, digest(asked.prompts))
    state = "a finished" if plan.summary else "an unfinished"
    if differences:
        raise Usage(
            f"{asked.folder} holds {state} run of something else: {differences}; {START_OVER}"
        )
    if plan.summary and not asked.out.exists():
        raise Usage(f"{asked.out} was written and is gone; --fresh sends everything again")
    return plan


def _carry(
    asked: Asked, journal: Journal, plan: Plan | None, *, base_url: str | None, key: str | None
) -> Plan:
    """Begin a run, or go on with `plan`, and carry it to its end; return what it came to."""
    began_at = time.monotonic()
    checked = _check(asked) if plan is None else None
    address = _address(base_url, key)
    with closing(Client(address)) as client:
        before = client.balance(patience_s=FIRST_PATIENCE_S)
        if checked is None:
            _go_on(journal, client, address)
        else:
            plan = _begin(asked, journal, checked, address, before)
        assert plan is not None
        with closing(Results(journal.results, lines=plan.lines)) as results:
            _collect(asked, journal, client, address, results)
            results.write_out(asked.out)
        after = client.balance()
    if results.failed:
        endings.failures(results, plan)
    summary: dict[str, Scalar] = {
        "lines": plan.lines,
        "succeeded": results.done - results.failed,
        "failed": results.failed,
        "cost": format_dollars(results.cost_nanos),
        "balance_before": plan.balance_before,
        "balance_after": format_dollars(after.available_nanos),
        "seconds": round(time.monotonic() - began_at, 1),
        "out": str(asked.out),
    }
    return journal.complete(summary, failing.PARTIAL if results.failed else 0)


def _check(asked: Asked) -> Checked:
    checked = check(asked.prompts, asked.form)
    if checked.faults:
        lines = "1 line" if checked.faults_total == 1 else f"{checked.faults_total:,} lines"
        raise BadLines(
            f"{asked.prompts}: {lines} cannot be used; nothing was submitted",
            checked.faults,
            checked.faults_total,
        )
    if not checked.lines:
        raise Usage(f"{asked.prompts} holds no requests")
    return checked


def _address(base_url: str | None, key: str | None) -> Address:
    try:
        address = find_address(ClientSettings(), base_url=base_url, key=key)
    except ValueError as error:
        raise Usage(str(error)) from error
    if address.key is None:
        what = f"no API key for {address.base_url}: set BUSBAR_KEY"
        failing.fail(f"{what} (`busbar keys create ACCOUNT` makes one)", failing.AUTH)
    return address


def _begin(
    asked: Asked, journal: Journal, checked: Checked, address: Address, balance: Balance
) -> Plan:
    if journal.submitted:
        _say(f"starting over; {journal.submitted:,} requests submitted before still go on")
    journal.discard()
    plan = Plan(
        run_id=new_id("run", datetime.now(UTC), secrets.token_bytes(ENTROPY_BYTES)),
        sha256=checked.sha256,
        size=checked.size,
        lines=checked.lines,
        options=asked.options,
        base_url=address.base_url,
        balance_before=format_dollars(balance.available_nanos),
    )
    journal.start(plan)
    return plan


def _go_on(journal: Journal, client: Client, address: Address) -> None:
    """Make sure that an earlier run can go on here. Raises Usage and Doubtful."""
    assert journal.plan is not None
    if journal.plan.base_url != address.base_url:
        known = next(((index, job_id) for index, job_id in journal.jobs()), None)
        # The same gateway may answer elsewhere after a restart; it knows the jobs it accepted.
        if known is None or not client.jobs([known[1]]):
            raise Usage(
                f"the run began at {journal.plan.base_url}, and {address.base_url} does not know "
                "it; give the first one as --base-url, or start over with --fresh"
            )
        journal.move(address.base_url)
    check_doubt(journal, key=address.key or "", now=datetime.now(UTC))
    _say(f"resuming: {journal.submitted:,} of {journal.plan.lines:,} are submitted already")


def _collect(
    asked: Asked, journal: Journal, client: Client, address: Address, results: Results
) -> None:
    """Submit what is left and wait for every result."""
    plan = journal.plan
    assert plan is not None
    remedy = f"busbar deposit {address.account or 'ACCOUNT'} AMOUNT"
    console = Console(stderr=True, highlight=False)
    loop = Loop(client, journal, results, key=address.key or "")
    try:
        with (
            Progress(console, total=plan.lines, done=results.done, remedy=remedy) as progress,
            closing(_lines(asked, plan)) as lines,
        ):
            client.on_trouble = progress.trouble
            chunks = cut(lines, journal)
            loop.carry(chunks, progress, wait_for_balance=asked.wait_for_balance)
    except OutOfBalance as error:
        endings.out_of_balance(error, results, plan, remedy=remedy)
    except KeyboardInterrupt:
        endings.interrupted(results, plan)


def _lines(asked: Asked, plan: Plan) -> Generator[Line | LineFault, None, None]:
    """Read the file again, to submit it. Raises InputChanged unless it is what was checked."""
    with asked.prompts.open("rb") as file:
        raw = RawLines(file)
        yield from read(raw, asked.form)
    if raw.sha256 != plan.sha256:
        raise InputChanged


def _say(text: str) -> None:
    print(f"busbar: {text}", file=sys.stderr)  # noqa: T201  the command's own voice

"""`busbar run`: send a file of prompts over HTTP and collect the answers in input order."""

import signal
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

import typer
from rich.console import Console

from app.cli import orphan
from app.cli.client.address import Address
from app.cli.client.answers import Balance
from app.cli.client.session import Client, Unreachable
from app.cli.running import asked as flags
from app.cli.running import endings, outset
from app.cli.running.asked import Asked, ask, format_of
from app.cli.running.cutting import cut
from app.cli.running.kept.journal import Journal
from app.cli.running.kept.plan import Plan, Scalar
from app.cli.running.kept.results import Results
from app.cli.running.loop import Loop, OutOfBalance
from app.cli.running.progress import Progress
from app.cli.running.reading.prompts import Form, Line
from app.cli.running.reading.records import LineFault, RawLines
from app.cli.running.reading.source import to_file
from app.cli.running.stops import Away, InputChanged
from app.cli.terminal import failing, showing
from app.cli.terminal.showing import Json
from app.domain.money import format_dollars
from app.settings import ClientSettings

FIRST_PATIENCE_S: Final = 10
"""How long the first call is tried; once a run is under way, the gateway may take minutes."""

SESSION: Final = "session_"
"""How the names of figures begin that are of one call, not of the whole run."""

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
    skip_bad: flags.SkipBad = False,
    fresh: flags.Fresh = False,
    wait_for_balance: flags.WaitForBalance = False,
    base_url: flags.BaseUrl = None,
    key: flags.Key = None,
    json: Json = None,
) -> None:
    """Send a file of prompts and collect the answers, in the order of the file.

    Interrupted, even by force, the same command resumes and submits nothing twice. A line of the
    file is a chat completion request, a line of an OpenAI batch, or a row for the template. All
    lines are checked first: when some cannot be used, nothing is submitted, or with --skip-bad the
    others are. Lines that the gateway refuses do not stop the others. Both kinds are listed and
    cost nothing: mend them in place, and the same command sends only them. Exit codes: 0 all
    answered, 5 some not, 6 out of balance, 2 nothing was submitted.
    """
    form = Form(
        format=format_of(prompts, format_),
        model=model,
        system=system,
        max_tokens=max_tokens,
        temperature=temperature,
    )
    with endings.told(), to_file(prompts, out) as file:
        asked = ask(
            prompts,
            out,
            file=file,
            form=form,
            template=template,
            skip_bad=skip_bad,
            fresh=fresh,
            wait_for_balance=wait_for_balance,
        )
        plan = _plan(asked, base_url=base_url, key=key)
        showing.one(plan.summary or {}, wanted=json)
    raise SystemExit(plan.exit_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """This call of the command: since when, and the balance at its beginning and its end."""

    began_at: float
    before: Balance
    after: Balance


def _plan(asked: Asked, *, base_url: str | None, key: str | None) -> Plan:
    """Return what a run came to: this one, or the one before that is complete already."""
    with closing(Journal(asked.folder, fresh=asked.fresh)) as journal:
        plan = outset.earlier(asked, journal)
        if plan is None or plan.summary is None:
            return _carry(asked, journal, plan, base_url=base_url, key=key)
        outset.say(f"already complete: {asked.out}")
        summary = {
            name: value for name, value in plan.summary.items() if not name.startswith(SESSION)
        }
        return replace(plan, summary=summary)


def _carry(
    asked: Asked, journal: Journal, plan: Plan | None, *, base_url: str | None, key: str | None
) -> Plan:
    """Begin a run, or go on with `plan`, and carry it to its end; return what it came to."""
    orphan.watch(ClientSettings().parent_pid, signal.SIGTERM)
    began_at = time.monotonic()
    checked = outset.check_all(asked, journal) if plan is None else None
    address = outset.gateway_address(base_url, key)
    with closing(Client(address)) as client:
        before = _first_balance(client, address)
        if plan is not None:
            outset.go_on(journal, plan, client, address)
        elif checked is not None:
            outset.begin(asked, journal, checked, address)
        plan = journal.plan
        assert plan is not None
        with closing(Results(journal.results, lines=plan.lines)) as results:
            after = _collect(asked, journal, client, address, results)
            results.write_out(asked.out)
    session = _Session(began_at=began_at, before=before, after=after)
    return _end(asked, journal, plan, results, session)


def _first_balance(client: Client, address: Address) -> Balance:
    try:
        return client.balance(patience_s=FIRST_PATIENCE_S)
    except Unreachable as error:
        remedy = "`busbar up` starts one" if address.is_local else "is the base URL right?"
        raise Away(f"{error}. Nothing was submitted; is the gateway running? {remedy}") from error


def _collect(
    asked: Asked, journal: Journal, client: Client, address: Address, results: Results
) -> Balance:
    """Submit what is left, wait for every result, and return the balance after the last one."""
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
            leave_out = results.leave_out if asked.skip_bad else None
            chunks = cut(lines, journal, leave_out=leave_out)
            loop.carry(chunks, progress, wait_for_balance=asked.wait_for_balance)
    except OutOfBalance as error:
        endings.refusals(results, plan)
        endings.out_of_balance(error, results, plan, remedy=remedy)
    except KeyboardInterrupt:
        endings.refusals(results, plan)
        endings.interrupted(results, plan)
    return loop.balance


def _end(asked: Asked, journal: Journal, plan: Plan, results: Results, session: _Session) -> Plan:
    """Say what a run came to. With lines to mend it stays open, so that only they are sent then."""
    endings.failures(results, plan)
    endings.refusals(results, plan)
    endings.left_out(results, plan)
    summary: dict[str, Scalar] = {
        "lines": plan.lines,
        "succeeded": results.succeeded,
        "failed": results.failed,
        "refused": results.refused,
        "unusable": results.unusable,
        "cost": format_dollars(results.cost_nanos),
        "session_ended": results.ended_since,
        "session_cost": format_dollars(results.cost_since_nanos),
        "session_seconds": round(time.monotonic() - session.began_at, 1),
        "session_balance_before": format_dollars(session.before.available_nanos),
        "session_balance_after": format_dollars(session.after.available_nanos),
        "out": str(asked.out),
    }
    if results.refused or results.unusable:
        return replace(plan, summary=summary, exit_code=failing.PARTIAL)
    return journal.complete(summary, failing.PARTIAL if results.failed else 0)


def _lines(asked: Asked, plan: Plan) -> Generator[Line | LineFault, None, None]:
    """Read the file again, to submit it. Raises InputChanged unless it is what was checked."""
    with asked.prompts.open("rb") as file:
        raw = RawLines(file)
        yield from asked.lines(raw)
    if raw.sha256 != plan.sha256:
        raise InputChanged

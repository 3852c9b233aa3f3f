"""`busbar holds`: what is held for jobs under way, and the release of a hold that is stuck."""

from datetime import timedelta
from typing import Annotated, Final

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.money import amounts
from app.cli.terminal import failing, showing
from app.cli.terminal.acting import actor
from app.cli.terminal.showing import Json
from app.domain.errors import OutOfRange
from app.domain.money import format_dollars
from app.gateway import Gateway
from app.services import accounts
from app.services.operate import holds as held

SHOWN_MAX: Final = 1_000

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def holds(
    account: Annotated[
        str | None, typer.Argument(help="Only those of this account, by name or id.")
    ] = None,
    older_than: Annotated[
        str, typer.Option(metavar="PERIOD", help="Only those open for so long: 10m, 4h, 30d.")
    ] = "1h",
    release: Annotated[
        str | None,
        typer.Option(metavar="JOB", help="End this job (job_…) as cancelled; its hold goes back."),
    ] = None,
    state: State = None,
    json: Json = None,
) -> None:
    """Show holds that have been open for long, by account, with how their jobs stand.

    Deadlines and workers that die end jobs by themselves, and their holds with them. One that stays
    all the same is given back with --release, unless a worker carries its job now.
    """
    older = amounts.period(older_than, option="--older-than")
    if release is not None and account is not None:
        failing.fail("--release names its job alone; leave the account out", failing.USAGE)
    with connect.gateway("cli", state) as gateway:
        if release is not None:
            _release(gateway, release, json=json)
        else:
            _show(gateway, account, older, json=json)


def _show(gateway: Gateway, account: str | None, older: timedelta, *, json: bool | None) -> None:
    owner = accounts.find_account(gateway, account).id if account is not None else None
    found = held.open_holds(gateway, owner, older_s=older.total_seconds(), limit=SHOWN_MAX)
    showing.many(
        [
            {
                "account": each.account,
                "job": each.job_id,
                "held": format_dollars(each.nanos),
                "since": each.created_at,
                "state": " ".join(filter(None, [each.state.value, each.reason])),
                "leased_until": each.leased_until,
                "worker": each.worker_id,
                "deadline_at": each.deadline_at,
            }
            for each in found
        ],
        wanted=json,
    )
    if len(found) == SHOWN_MAX:
        typer.echo(f"busbar: there may be more than these {SHOWN_MAX:,}", err=True)


def _release(gateway: Gateway, job_id: str, *, json: bool | None) -> None:
    try:
        done = held.release(gateway, job_id, actor=actor())
    except OutOfRange as refused:  # the command is well formed: it is the job that goes on
        failing.fail(refused.message, failing.FAILED)
    told = {"account": done.account, "job": done.job_id, "released": format_dollars(done.nanos)}
    showing.one(told, wanted=json)

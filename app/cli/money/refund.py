"""`busbar refund`: give back what a job cost."""

from typing import Annotated

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.money import amounts
from app.cli.money.crediting import Account, Reference
from app.cli.terminal import failing, showing
from app.cli.terminal.acting import actor
from app.cli.terminal.showing import Json
from app.domain.errors import OutOfRange
from app.domain.money import format_dollars
from app.services import accounts
from app.services.operate import references
from app.services.operate.refund import refund as give_back

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def refund(
    account: Account,
    job: Annotated[str, typer.Option(metavar="ID", help="The job (job_…) or request (req_…).")],
    amount: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", help="US dollars. [default: all that is left of its cost]"),
    ] = None,
    why: Annotated[str | None, typer.Option(metavar="TEXT", help="What it is for.")] = None,
    reference: Reference = None,
    state: State = None,
    json: Json = None,
) -> None:
    """Give back what a job cost, or a part of it.

    It comes back as credit for the same instrument and until the same time as the credit that paid;
    what has expired since is not given back. No job gives back more than it cost.
    """
    nanos = None
    if amount is not None:
        example = "refund ACCOUNT --job ID --amount 0.50` gives 0.50 dollars back"
        nanos = amounts.positive(amount, command="refund", thing="a refund", example=example)
    references.check(reference)
    with connect.gateway("cli", state) as gateway:
        found = accounts.find_account(gateway, account)
        try:
            done = give_back(
                gateway, found.id, job, nanos, actor=actor(), why=why, reference=reference
            )
        except OutOfRange as refused:  # the command is well formed: it is the job that has no more
            failing.fail(refused.message, failing.FAILED)
        showing.one(
            {
                "account": found.id,
                "job": done.job_id,
                "amount": format_dollars(done.nanos),
                "left_to_refund": format_dollars(done.left_nanos),
                "lots": " ".join(done.lot_ids),
                "reference": reference,
                "new": done.is_new,
            },
            wanted=json,
        )

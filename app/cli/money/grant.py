"""`busbar grant`: credit an account with what nobody paid for."""

from typing import Annotated

import typer

from app.cli.connect import State
from app.cli.money import amounts
from app.cli.money.crediting import (
    Account,
    Amount,
    Expires,
    Instrument,
    Reference,
    Tokens,
    give,
)
from app.cli.terminal.showing import Json
from app.services.operate import credit
from app.services.operate.credit import Credit

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings=amounts.LENIENT)
def grant(
    account: Account,
    amount: Amount,
    why: Annotated[str | None, typer.Option(metavar="TEXT", help="What it is for.")] = None,
    reference: Reference = None,
    expires: Expires = None,
    instrument: Instrument = None,
    tokens: Tokens = None,
    state: State = None,
    json: Json = None,
) -> None:
    """Give an account credit that nobody paid for, like a trial's or a goodwill's.

    It is used like any other; the book keeps it apart from deposits.
    """
    wanted = Credit(
        nanos=amounts.positive(
            amount,
            command="grant",
            thing="a grant",
            example="grant ACCOUNT 12.50` gives 12.50 dollars",
        ),
        reference=reference,
        expires=amounts.expiry(expires),
        instrument=instrument,
        tokens=tokens,
        why=why,
    )
    give(account, wanted, credit.grant, state=state, json=json)

"""`busbar deposit`: credit an account with what somebody paid."""

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
def deposit(
    account: Account,
    amount: Amount,
    reference: Reference = None,
    expires: Expires = None,
    instrument: Instrument = None,
    tokens: Tokens = None,
    state: State = None,
    json: Json = None,
) -> None:
    """Credit an account. Jobs that waited for the balance go on by themselves."""
    wanted = Credit(
        nanos=amounts.positive(
            amount,
            command="deposit",
            thing="a deposit",
            example="deposit ACCOUNT 12.50` credits 12.50 dollars",
        ),
        reference=reference,
        expires=amounts.expiry(expires),
        instrument=instrument,
        tokens=tokens,
    )
    give(account, wanted, credit.deposit, state=state, json=json)

"""What `deposit` and `grant` have in common: an amount becomes a lot, on some terms."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from app.cli import connect
from app.cli.terminal import showing
from app.cli.terminal.acting import actor
from app.domain.money import format_dollars
from app.services import accounts
from app.services.operate import references
from app.services.operate.credit import Credit, keeps_expiry

TOKENS_MAX: Final = 10**15

Account = Annotated[str, typer.Argument(help="The account's name or id.")]
Amount = Annotated[str, typer.Argument(help="US dollars, like 12.50.")]
Reference = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="A mark of your own, like an invoice's number: the same one credits the account "
        "once, however often the command is run.",
    ),
]
Expires = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="When what is left of it is lost: after a period (4h, 30d), at a time (2026-12-31, "
        "2026-12-31T18:00Z), or never. [default: BUSBAR_LOT_EXPIRES_S, else "
        "never]",
    ),
]
Instrument = Annotated[
    str | None, typer.Option(metavar="NAME", help="The only instrument that it pays for.")
]
Tokens = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=TOKENS_MAX,
        help="Make it a lot of N tokens of the instrument, input and output alike, bought for the "
        "amount; they are used up before money is.",
    ),
]


def give(
    account: str,
    wanted: Credit,
    does: Callable[..., Any],
    *,
    state: Path | None,
    json: bool | None,
) -> None:
    """Find the account, credit it, and show the lot."""
    references.check(wanted.reference)
    with connect.gateway("cli", state) as gateway:
        found = accounts.find_account(gateway, account)
        given = does(gateway, found.id, wanted, actor=actor())
        showing.one(
            {
                "id": given.lot_id,
                "account": found.id,
                "amount": format_dollars(given.amount_nanos),
                "instrument": given.instrument,
                "tokens": given.tokens,
                "expires_at": given.expires_at,
                "reference": wanted.reference,
                "new": given.is_new,
            },
            wanted=json,
        )
    if not keeps_expiry(given, wanted.expires):
        when = f"{given.expires_at:%Y-%m-%d %H:%M} UTC" if given.expires_at else "never"
        typer.echo(
            f"busbar: {given.lot_id} was credited before and expires {when}; --expires changes "
            "nothing of that",
            err=True,
        )

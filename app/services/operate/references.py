"""References as operators give them: which they may choose, and what one was used for before."""

from typing import Final

from app.domain.errors import OutOfRange, ReferenceReused
from app.services import accounts
from app.store.engine import Session
from app.store.operating import references, refunds
from app.store.records.audit import Entry

OURS: Final = ("rpl_", refunds.PREFIX)
"""How the references of credits begin that the gateway makes by itself: purchases, and refunds."""


def check(reference: str | None) -> None:
    """Raise OutOfRange for a reference that cannot be stored, or could be one of the gateway's."""
    if reference is None:
        return
    accounts.check_name(reference, what="reference")
    if reference.startswith(OURS):
        begins = " or ".join(repr(each) for each in OURS)
        raise OutOfRange(
            f"A reference that begins with {begins} is one of the gateway's own; choose another.",
            param="reference",
        )


def find(
    conn: Session, account_id: str, reference: str | None, *, action: str, amount: str | None
) -> Entry | None:
    """Return what was done under a reference before: the same action, of that amount if not None.

    Nobody else acts under it until the transaction ends. Raises ReferenceReused when it was used
    for something else.
    """
    if reference is None:
        return None
    before = references.find(conn, account_id, reference)
    if before is None:
        return None
    if before.action != action or amount not in (None, before.details["amount"]):
        raise ReferenceReused(
            f"Reference {reference!r} was used for another amount: a {before.action} of "
            f"{before.details['amount']} dollars."
        )
    return before

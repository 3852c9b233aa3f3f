"""Caps: the most an account, or one of its keys, may spend in a day or a month."""

from collections.abc import Mapping, Sequence

from app.domain.errors import NotFound
from app.domain.limits.cap import Cap, CapScope, Period, Window
from app.domain.money import format_dollars
from app.gateway import Gateway
from app.store.engine import again, statement, transaction
from app.store.operating import caps, counting, references
from app.store.records import audit

OFF = "off"


def caps_of(gateway: Gateway, account_id: str) -> Sequence[Window]:
    """Return an account's caps and its keys', with what counts under them now."""
    with statement(gateway.engine) as conn:
        return caps.windows(conn, account_id)


def set_caps(
    gateway: Gateway,
    account_id: str,
    key_id: str | None,
    changes: Mapping[Period, int | None],
    *,
    actor: str,
) -> None:
    """Set caps of an account or of one of its keys, by period; None takes one away.

    A cap that comes into force counts all of its day or month so far, but for the calls that run
    at that moment; one that is changed keeps what it has counted. Raises NotFound when the account
    has no such key.
    """
    scope = CapScope.ACCOUNT if key_id is None else CapScope.KEY
    subject = key_id or account_id
    told = {each.value: OFF if n is None else format_dollars(n) for each, n in changes.items()}

    def write() -> None:
        with transaction(gateway.engine) as conn:
            if key_id is not None and not caps.has_key(conn, account_id, key_id):
                raise NotFound(f"The account has no key {key_id!r}.", param="key")
            references.lock_account(conn, account_id)
            new_ids = []
            for period, nanos in changes.items():
                if nanos is None:
                    caps.remove(conn, account_id, scope, subject, period)
                    continue
                cap = Cap(
                    id=gateway.new_id("cap"),
                    account_id=account_id,
                    scope=scope,
                    subject_id=subject,
                    period=period,
                    limit_nanos=nanos,
                )
                if not caps.change(conn, cap):
                    new_ids.append(caps.put(conn, cap))
            if new_ids:
                counting.count(conn, account_id, new_ids)
            audit.write(
                conn,
                gateway.new_id("aud"),
                actor=actor,
                action="caps",
                account_id=account_id,
                details={"scope": scope.value, "subject": subject, **told},
            )

    again(write)

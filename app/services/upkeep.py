"""What operators do to the database itself."""

from app.gateway import Gateway
from app.store import schema


def migrate(gateway: Gateway) -> str:
    """Bring the schema to the revision this code was written for; return that revision."""
    return schema.migrate(gateway.engine)

"""Who runs this command, as far as it can know: what the audit calls the actor."""

import os
import pwd

from app.settings import host_name


def actor() -> str:
    """Return the system's user and host, like `ann@bastion`."""
    user = os.getuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:  # a container may run as a number nobody has named
        name = f"uid{user}"
    return f"{name}@{host_name()}"

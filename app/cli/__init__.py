"""The `busbar` command: one file per noun.

Data goes to stdout, progress and errors to stderr. Exit codes: 0 ok, 1 failed, 2 usage, 4 auth,
5 some lines failed, 6 out of balance. Commands are imported only when they are called, so that
`busbar --help` and a shell's completion stay quick.
"""

import importlib
from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

HELP: Final = """Busbar: an open, self-hosted job gateway for LLM completions.

Begin with `busbar up`, which needs nothing else, or watch `busbar demo`. In production: `migrate`,
`serve` and `worker`, on servers that BUSBAR_DATABASE_URL and BUSBAR_REDIS_URL name; where one is
not set, a PostgreSQL or Valkey of its own runs in .busbar for as long as a command needs it.
The catalog is the file BUSBAR_CATALOG names, else ./busbar.toml, else an example that the simulator
serves. Every setting is such a variable.

Exit codes: 0 ok, 1 failed, 2 wrong usage, 4 key refused, 5 some lines failed, 6 out of balance.
"""

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "up": ("app.cli.up", "Run everything in one terminal, and print a key to use it with."),
    "demo": ("app.cli.demo", "Run real prompts through it, kill a worker, show the money."),
    "serve": ("app.cli.serve", "Run the submitter: it answers HTTP."),
    "worker": ("app.cli.worker", "Run one worker process: it carries the jobs."),
    "migrate": ("app.cli.migrate", "Bring the database schema up to date."),
    "accounts": ("app.cli.accounts", "Create, list and show accounts."),
    "keys": ("app.cli.keys", "Create, list, limit and revoke API keys."),
    "deposit": ("app.cli.money.deposit", "Credit an account."),
    "grant": ("app.cli.money.grant", "Give an account credit that nobody paid for."),
    "refund": ("app.cli.money.refund", "Give back what a job cost."),
    "adjust": ("app.cli.money.adjust", "Put a balance right, with a reason."),
    "replenish": (
        "app.cli.money.replenish",
        "Let an account buy credit by itself, within a monthly cap.",
    ),
    "caps": ("app.cli.money.caps", "Cap what an account or a key may spend."),
    "holds": ("app.cli.money.holds", "Show what is held for long, and release what is stuck."),
    "prices": ("app.cli.money.prices", "Show the catalog's prices, and what is odd about them."),
    "audit": ("app.cli.money.audit", "Show what operators did."),
    "doctor": (
        "app.cli.doctor",
        "Check the book: every job settled once, every nano accounted for.",
    ),
    "run": ("app.cli.run", "Send a file of prompts and collect the answers in order."),
}
"""Each command: the module that holds it, and its line in the help."""


class _Lazy(TyperGroup):
    """Knows the commands by name; imports one when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, line = COMMANDS[cmd_name]
        app = importlib.import_module(module).app
        app.info.help = app.info.help or line
        command = typer.main.get_command(app)
        command.name = cmd_name
        command.short_help = line
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


app = typer.Typer(
    cls=_Lazy, help=HELP, no_args_is_help=True, rich_markup_mode=None, add_completion=False
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  typer calls it so
    if wanted:
        print(f"busbar {version('busbar')}")  # noqa: T201  data goes to stdout
        raise SystemExit(0)


@app.callback()
def _root(
    *,
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Hold the commands together."""


def main() -> None:
    """Run the command; errors we mean leave as one line and an exit code."""
    from app.cli.terminal.failing import explained  # noqa: PLC0415  only a failing or real run needs it

    with explained():
        app(prog_name="busbar")

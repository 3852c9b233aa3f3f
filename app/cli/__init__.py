"""The `busbar` command: one file per noun.

Data goes to stdout, progress and errors to stderr. Exit codes: 0 ok, 1 failed, 2 usage, 4 auth,
5 some lines failed, 6 out of balance. Commands are imported only when they are called, so that
`busbar --help` and a shell's completion stay quick.
"""

import importlib
from collections.abc import Mapping
from typing import Any, Final

import typer
from typer.core import TyperGroup

HELP: Final = "Busbar: an open, self-hosted job gateway for LLM completions."

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "up": ("app.cli.up", "Everything in one terminal: servers, submitter, workers, simulator."),
    "demo": ("app.cli.demo", "Run real prompts through it, kill a worker, show the money."),
    "serve": ("app.cli.serve", "Run the submitter (HTTP)."),
    "worker": ("app.cli.worker", "Run one worker process."),
    "migrate": ("app.cli.migrate", "Bring the database schema up to date."),
    "accounts": ("app.cli.accounts", "Create, list and show accounts."),
    "keys": ("app.cli.keys", "Create, list and revoke API keys."),
    "deposit": ("app.cli.deposit", "Credit an account."),
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


@app.callback()
def _root() -> None:
    """Hold the commands together."""


def main() -> None:
    """Run the command; errors we mean leave as one line and an exit code."""
    from app.cli.terminal.failing import explained  # noqa: PLC0415  only a failing or real run needs it

    with explained():
        app(prog_name="busbar")

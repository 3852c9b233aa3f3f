"""The options of `busbar up`, as its help explains them."""

from pathlib import Path
from typing import Annotated, Final

import typer

PORT_MAX: Final = 65_535
WORKERS_MAX: Final = 64
SIMULATOR_PORT: Final = 8090
"""The one the example catalog names."""

Port = Annotated[
    int | None,
    typer.Option(min=0, max=PORT_MAX, help="Port; 0 takes a free one. [default: 8080]"),
]
Host = Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")]
State = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Data, logs and key. [default: .busbar]")
]
CatalogFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Your catalog. [default: ./busbar.toml, else the simulator's]"
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        min=1,
        max=WORKERS_MAX,
        help="Worker processes. With BUSBAR_METRICS_PORT the first shows its counters there, each "
        "other one port further.",
    ),
]
WithSimulator = Annotated[
    bool, typer.Option("--simulator/--no-simulator", help="Run the stand-in provider.")
]
SimulatorPort = Annotated[
    int, typer.Option(min=0, max=PORT_MAX, help="Port of the simulator; another when taken.")
]
ReadyFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Holds URL, key and process ids (JSON) while everything answers."
    ),
]
Account = Annotated[str, typer.Option(metavar="NAME", help="Whose key is shown.")]
Balance = Annotated[
    str, typer.Option(metavar="DOLLARS", help="What the account gets when it is new.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say only what goes wrong.")]

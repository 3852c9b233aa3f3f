"""What a person asks of a run: its flags, and what they mean together."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli.running.kept.plan import Plan, Scalar
from app.cli.running.reading.prompts import Form, Format, Line, read, told_apart
from app.cli.running.reading.records import LineFault, RawLines
from app.cli.running.reading.source import STANDARD_INPUT
from app.cli.running.reading.template import parse_template
from app.cli.running.stops import Usage

TEMPERATURE_MAX: Final = 2.0
SKIP_BAD: Final = "--skip-bad"
GIVEN: Final = "given"
"""The value of a flag that has none."""

Prompts = Annotated[
    Path,
    typer.Argument(
        metavar="PROMPTS",
        help="JSONL of requests or, with --template, JSONL or CSV of rows. With - it is read from "
        "standard input, and --out must be given.",
        dir_okay=False,
        readable=True,
    ),
]
Model = Annotated[
    str | None, typer.Option(metavar="NAME", help="The instrument for requests that name none.")
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Where results go. [default: PROMPTS.results.jsonl]"),
]
TemplateText = Annotated[
    str | None,
    typer.Option(
        "--template",
        metavar="TEXT",
        help="Makes a prompt of each row: 'Solve: {question}'. A field `custom_id`, or else `id`, "
        "becomes the custom_id of its result. A CSV file may be separated by commas, semicolons or "
        "tabs.",
    ),
]
FormatName = Annotated[
    Format | None, typer.Option("--format", help="How the file is written. [default: by its name]")
]
System = Annotated[
    str | None, typer.Option(metavar="TEXT", help="The system message for requests that have none.")
]
MaxTokens = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="For requests that do not say.")
]
Temperature = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER", min=0, max=TEMPERATURE_MAX, help="For requests that do not say."
    ),
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Start over: forget an earlier run, replace its results.")
]
SkipBad = Annotated[
    bool,
    typer.Option(
        SKIP_BAD,
        help="Leave lines out that cannot be used, and list them in the end, instead of sending "
        "nothing because of them.",
    ),
]
WaitForBalance = Annotated[
    bool, typer.Option("--wait-for-balance", help="Wait for a deposit instead of stopping.")
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="The gateway. [default: BUSBAR_BASE_URL, else what `busbar up` started]"
    ),
]
Key = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="The API key; BUSBAR_KEY keeps it out of the process list."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A run as it was asked for. `options` are those that change requests, by their flags."""

    prompts: Path
    name: str
    """What the prompts are called to a person."""
    out: Path
    form: Form
    options: dict[str, Scalar]
    skip_bad: bool
    fresh: bool
    wait_for_balance: bool

    @property
    def folder(self) -> Path:
        """Where the journal lies."""
        return _folder(self.out)

    def lines(self, raw: RawLines) -> Iterator[Line | LineFault]:
        """Read the requests of a file as they are to be sent."""
        lines = read(raw, self.form)
        # Without faults in the file, which was checked, all custom_ids are known to differ.
        return told_apart(lines) if self.skip_bad else lines

    def differences(self, plan: Plan, sha256: str) -> str:
        """Say how an earlier run into the same output differs; nothing when it is this one."""
        found = [
            f"{flag} was {_shown(plan.options.get(flag))}, not {_shown(value)}"
            for flag, value in self.options.items()
            if plan.options.get(flag) != value
            # Where no line is left to send it makes no difference.
            and not (flag == SKIP_BAD and plan.summary is not None)
        ]
        if plan.sha256 != sha256:
            found.insert(0, f"{self.name} had other contents")
        return "; ".join(found)


def ask(
    prompts: Path,
    out: Path | None,
    *,
    file: Path,
    form: Form,
    template: str | None,
    skip_bad: bool,
    fresh: bool,
    wait_for_balance: bool,
) -> Asked:
    """Put the flags together; `form` lacks its template still. Raises Usage.

    `file` holds the prompts: it is `prompts` itself, or a copy of standard input.
    """
    out = out or prompts.with_suffix(".results.jsonl")
    if not out.parent.is_dir():
        raise Usage(f"{out.parent} is no directory")
    if out.is_dir() or (out.exists() and out.samefile(file)):
        raise Usage(f"{out} cannot take the results; choose another --out")
    folder = _folder(out)
    if folder.exists() and not folder.is_dir():
        raise Usage(f"{folder} is in the way; move it, or choose another --out")
    if form.format is Format.CSV and template is None:
        raise Usage("rows of a CSV file need --template, as 'Solve: {question}'")
    try:
        parsed = parse_template(template) if template is not None else None
    except ValueError as error:
        raise Usage(str(error)) from error
    return Asked(
        prompts=file,
        name="standard input" if prompts == STANDARD_INPUT else str(prompts),
        out=out,
        form=replace(form, template=parsed),
        options={
            "--model": form.model,
            "--template": template,
            "--format": form.format,
            "--system": form.system,
            "--max-tokens": form.max_tokens,
            "--temperature": form.temperature,
            SKIP_BAD: GIVEN if skip_bad else None,
        },
        skip_bad=skip_bad,
        fresh=fresh,
        wait_for_balance=wait_for_balance,
    )


def format_of(prompts: Path, named: Format | None) -> Format:
    """Return how a file is written: as named, else by the end of its name."""
    return named or (Format.CSV if prompts.suffix.lower() == ".csv" else Format.JSONL)


def _folder(out: Path) -> Path:
    return out.with_name(out.name + ".run")


def _shown(value: Scalar) -> str:
    if value is None:
        return "not given"
    return GIVEN if value == GIVEN else repr(value)

"""The `busbar` command as operators call it: help, errors of one line, and an installed package."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from app.catalog import EXAMPLE
from app.cli import COMMANDS, app
from app.gateway import Gateway
from app.services import accounts, fund
from app.settings import Settings

ROOT: Final = Path(__file__).resolve().parents[3]
BOUND_S: Final = 60
BUILD: Final = "import sys; from setuptools import build_meta as b; b.build_wheel(sys.argv[1])"


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """An environment that names this test's own servers."""
    others = {name: text for name, text in os.environ.items() if not name.startswith("BUSBAR_")}
    return others | {
        "BUSBAR_DATABASE_URL": settings.database_url,
        "BUSBAR_REDIS_URL": settings.redis_url,
    }


def called(*arguments: str | bytes, env: Mapping[str, str], cwd: Path | None = None) -> Any:
    """Run the command to its end, wherever its package is found first."""
    command = [sys.executable, "-P", "-m", "app.cli", *arguments]
    return subprocess.run(
        command,
        env=dict(env),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    """Its help begins with a sentence, and that of its own commands too."""
    shown = CliRunner().invoke(app, [name, "--help"])
    assert shown.exit_code == 0, shown.output
    assert shown.output.count(". ") + shown.output.count(".\n") >= 1


def test_the_version_is_that_of_the_package() -> None:
    """`busbar --version` says what to put into a report."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert CliRunner().invoke(app, ["--version"]).output == f"busbar {project['version']}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["accounts", "create", "x" * 201], "A name has 1 to 200 characters; this one has 201."),
        (["accounts", "create", ""], "A name has 1 to 200 characters; this one has 0."),
        (["accounts", "create", b"caf\xe9"], "A name holds no NUL character and no half of a"),
        (["accounts", "show", b"caf\xe9"], "No account 'caf\\udce9'; `busbar accounts list`"),
        (["keys", "revoke", b"caf\xe9"], "an argument holds bytes that are not UTF-8"),
        (["deposit", "acme", "1", "--reference", "x" * 201], "A reference has 1 to 200 characters"),
    ],
)
def test_what_cannot_be_stored_is_one_line_that_says_so(
    environment: dict[str, str], arguments: list[str | bytes], says: str
) -> None:
    """The database is not blamed for a name, and no traceback is shown."""
    ended = called(*arguments, env=environment)
    assert ended.returncode in (1, 2)
    assert ended.stderr.startswith(f"busbar: {says}")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        ("-5", "a deposit is more than nothing, not -5; `busbar deposit ACCOUNT 12.50` credits"),
        ("-5.25", "a deposit is more than nothing, not -5.25; "),
        ("0", "a deposit is more than nothing, not 0; "),
        ("--refund", "there is no option --refund; `busbar deposit --help` lists them"),
        ("1e3", "'1e3' is not an amount in dollars like 12.50"),
    ],
)
def test_an_amount_that_is_none_is_one_line(
    environment: dict[str, str], amount: str, says: str
) -> None:
    """A negative one is not taken for an option; the line shows how an amount is written."""
    ended = called("deposit", "acme", amount, env=environment)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"busbar: {says}")
    assert ended.stderr.count("\n") == 1


def test_a_doctor_who_cannot_look_says_so(environment: dict[str, str]) -> None:
    """Nothing is known then: not clean for a script, and no finding for a person."""
    nowhere = {"BUSBAR_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    ended = called("doctor", env=environment | nowhere)
    assert ended.returncode == 1
    said = json.loads(ended.stdout)
    assert (said["clean"], said["findings"]) == (None, [])
    assert said["error"].startswith("The database cannot be used: ")
    assert ended.stderr.startswith("busbar: the book could not be examined, so nothing is known")


def test_a_doctor_tells_a_clean_book_from_another(
    environment: dict[str, str], gateway: Gateway
) -> None:
    """0 and nothing on stderr; 1, the findings on stdout, and one line on stderr."""
    clean = called("doctor", env=environment)
    assert (clean.returncode, json.loads(clean.stdout)["clean"], clean.stderr) == (0, True, "")
    account_id = accounts.create_account(gateway, "acme")
    fund.deposit(gateway, account_id, 10**9, reference=None)
    with gateway.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE lots SET used_nanos = 5")
    ended = called("doctor", env=environment)
    said = json.loads(ended.stdout)
    assert (ended.returncode, said["clean"], bool(said["findings"])) == (1, False, True)
    assert ended.stderr.startswith("busbar: the book is not clean: ")


def test_a_database_that_is_away_is_one_line(environment: dict[str, str]) -> None:
    """The trouble is the database's then, and is told with what the driver says."""
    nowhere = {"BUSBAR_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    ended = called("accounts", "list", env=environment | nowhere)
    assert ended.returncode == 1
    assert ended.stderr.startswith("busbar: The database cannot be used: ")


def test_a_variable_that_is_empty_is_not_set(environment: dict[str, str]) -> None:
    """Tools that cannot leave a variable out set it to nothing."""
    empty = {"BUSBAR_CATALOG": "", "BUSBAR_PORT": "", "BUSBAR_LOG_LEVEL": ""}
    assert called("accounts", "list", env=environment | empty).returncode == 0


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as a wheel would install it."""
    base = tmp_path_factory.mktemp("wheel")
    source = base / "source"
    source.mkdir()
    for folder in ("app", "workers", "migrations"):
        copytree(ROOT / folder, source / folder, ignore=ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        (source / file).write_bytes((ROOT / file).read_bytes())
    subprocess.run(
        [sys.executable, "-c", BUILD, str(base)], cwd=source, check=True, capture_output=True
    )
    (wheel,) = base.glob("busbar-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(base / "site")
    return base / "site"


def test_an_installed_package_needs_no_repository(
    installed: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Without a catalog of one's own the example is used, which is part of the package."""
    env = environment | {"PYTHONPATH": str(installed)}
    where = [sys.executable, "-P", "-c", "import app; print(app.__file__)"]
    found = subprocess.run(where, env=env, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()) == installed / "app" / "__init__.py"
    for arguments in (["--help"], ["migrate"], ["accounts", "create", "acme"]):
        ended = called(*arguments, env=env, cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
    assert '"name": "acme"' in called("accounts", "list", env=env, cwd=tmp_path).stdout


def test_everything_that_is_no_module_is_installed(installed: Path) -> None:
    """Data files of the packages are in the wheel, byte for byte."""
    sources = [file for file in (ROOT / "app").rglob("*") if file.is_file()]
    data = [file for file in sources if file.suffix not in (".py", ".pyc")]
    assert EXAMPLE in data
    for file in data:
        assert (installed / file.relative_to(ROOT)).read_bytes() == file.read_bytes(), file

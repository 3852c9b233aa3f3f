"""The design's table of imports and its bans, held by reading the source.

Every check is a function of source text, so that the lower half can prove that each of them
catches what it is there to catch.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import pytest

from .architecture import (
    FOLDER_FILES_MAX,
    Found,
    crowded,
    environment,
    floats,
    long_functions,
    naive_datetimes,
    part_of,
    reaches,
    silent_tests,
)

ROOT: Final = Path(__file__).resolve().parents[1]
FILE_LINES_MAX: Final = 300
BANNED_NAMES: Final = {"utils", "helpers", "common", "manager", "models", "misc"}

MAY_IMPORT: Final[Mapping[str, set[str]]] = {
    "app.domain": set(),
    "app.wire": {"app.domain", "pydantic", "pydantic_core"},
    "app.translate": {"app.domain"},
    "app.store": {"app.domain", "sqlalchemy", "alembic", "psycopg"},
    "app.providers": {"app.domain", "app.translate", "app.wire", "aiohttp", "pydantic"},
    "app.services": {
        *("app.domain", "app.wire", "app.store", "app.gateway", "app.broker", "app.catalog"),
        *("app.streams", "app.limiter", "app.translate", "prometheus_client", "sqlalchemy.exc"),
        "app.funding",
    },
    "app.funding": {"app.domain", "requests"},
    "app.web": {
        *("app.services", "app.wire", "app.domain", "app.gateway"),
        *("falcon", "prometheus_client"),
    },
    "app.cli": {
        *("app.services", "app.gateway", "app.embedded", "app.settings", "app.domain"),
        *("app.broker", "app.catalog"),
        *("typer", "rich", "requests", "granian"),
    },
    "app.embedded": set(),
    "app.simulator": {"aiohttp"},
    "app.settings": {"pydantic", "pydantic_settings"},
    "app.catalog": {"app.domain", "pydantic", "pydantic_core"},
    "app.broker": {"redis", "prometheus_client"},
    "app.limiter": {"app.domain", "redis", "prometheus_client"},
    "app.streams": {"app.broker", "redis", "prometheus_client"},
    "app.gateway": {
        *("app.settings", "app.broker", "app.catalog", "app.store.engine", "app.domain"),
        *("app.streams", "app.limiter", "sqlalchemy.Engine"),
    },
    "app.process": set(),
    "app.wsgi": {"app.settings", "app.gateway", "app.process", "app.web"},
    "workers": {
        *("app.services", "app.providers", "app.domain", "app.gateway", "app.broker"),
        *("app.catalog", "app.settings", "celery", "kombu", "aiohttp", "sqlalchemy.exc"),
        *("app.process", "app.streams", "prometheus_client", "uvloop"),
    },
}
"""What each part may import beside itself and the standard library, by dotted prefix."""

MONEY_FILES: Final = [
    *("app/domain/money.py", "app/domain/pricing.py", "app/domain/hold.py", "app/domain/lots.py"),
    *("app/store/money.py", "app/store/settlements.py"),
    *("app/domain/replenishing/policy.py", "app/domain/replenishing/purchase.py"),
    *("app/store/replenishing/policies.py", "app/store/replenishing/purchases.py"),
    "app/store/replenishing/standings.py",
]
SETTINGS: Final = "app/settings.py"


def _files(*folders: str) -> list[Path]:
    found = [file.relative_to(ROOT) for each in folders for file in (ROOT / each).rglob("*.py")]
    return sorted(found)


def _module(file: Path) -> str:
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


def _modules() -> dict[str, Path]:
    return {_module(file): file for file in _files("app", "workers")}


def _found_in(files: list[Path], check: Callable[[ast.AST], Found]) -> list[str]:
    trees = {file: ast.parse(_text(file)) for file in files}
    return [f"{file}:{line}: {what}" for file in files for line, what in check(trees[file])]


def _text(file: Path) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def _none_of(found: Iterable[str]) -> None:
    lines = list(found)
    assert not lines, "\n" + "\n".join(lines)


def test_every_module_has_a_place_in_the_table() -> None:
    """Whatever is added to app or workers is covered, and what the table names is being read."""
    modules = _modules()
    assert [each for each in modules if part_of(each, MAY_IMPORT) is None] == ["app"]
    read = {part_of(each, MAY_IMPORT) for each in modules}
    assert set(MAY_IMPORT) - read <= set()


@pytest.mark.parametrize("part", [None, *MAY_IMPORT])
def test_no_module_reaches_where_it_may_not(part: str | None) -> None:
    """Every import of every module, those inside functions included, is one the table allows."""
    members = {name: file for name, file in _modules().items() if part_of(name, MAY_IMPORT) == part}
    _none_of(
        reach
        for name, file in members.items()
        for reach in reaches(name, _text(file), MAY_IMPORT, is_package=file.name == "__init__.py")
    )


def test_only_settings_read_the_environment() -> None:
    """Everything else is told what it needs."""
    others = [file for file in _files("app", "workers") if file != Path(SETTINGS)]
    _none_of(_found_in(others, environment))
    assert _found_in([Path(SETTINGS)], environment)


@pytest.mark.parametrize("file", MONEY_FILES)
def test_no_money_is_a_float(file: str) -> None:
    """No float literal, no float() and no true division stands in a file that handles money."""
    _none_of(_found_in([Path(file)], floats))


def test_no_time_is_without_a_zone() -> None:
    """Every datetime is made with its time zone."""
    _none_of(_found_in(_files("app", "workers"), naive_datetimes))


def test_every_function_fits_a_screen() -> None:
    """A function has at most FUNCTION_LINES_MAX lines, docstring included."""
    _none_of(_found_in(_files("app", "workers"), long_functions))


def test_every_file_holds_one_idea() -> None:
    """A file has at most FILE_LINES_MAX lines."""
    counts = {file: len(_text(file).splitlines()) for file in _files("app", "workers")}
    _none_of(f"{file}: {n} lines" for file, n in counts.items() if n > FILE_LINES_MAX)


def test_every_file_is_named_for_what_it_holds() -> None:
    """No file or folder has a name that would fit any other."""
    files = _files("app", "workers", "tests", "migrations", "bench", "examples")
    _none_of(str(file) for file in files if BANNED_NAMES & set(file.with_suffix("").parts))


def test_no_folder_hides_a_noun() -> None:
    """A folder has at most FOLDER_FILES_MAX files."""
    _none_of(crowded(_files("app", "workers", "tests")))


def test_every_test_says_what_it_proves() -> None:
    """Every test has a docstring."""
    _none_of(_found_in(_files("tests"), silent_tests))


@pytest.mark.parametrize(
    ("module", "source", "target"),
    [
        ("app.domain.job", "import pydantic", "pydantic"),
        ("app.domain.job", "from app.store import jobs", "app.store.jobs"),
        ("app.services.start", "from workers import tasks", "workers.tasks"),
        ("app.services.start", "def f():\n    import workers", "workers"),
        ("app.services.start", "from ..web import desk", "app.web.desk"),
        ("app.services.keeping.lead", "from sqlalchemy import text", "sqlalchemy.text"),
        ("app.services", "from . import start\nfrom ..web import x", "app.web.x"),
        (
            "app.web.jobs",
            "if TYPE_CHECKING:\n    from app.store.jobs import Row",
            "app.store.jobs.Row",
        ),
        ("app.web.jobs", "from app import store", "app.store"),
        ("app.cli.up", "import app.store.engine as e", "app.store.engine"),
        ("app.gateway", "from app.store import money", "app.store.money"),
        ("app.simulator.chat", "from app.domain import ids", "app.domain.ids"),
        ("app.embedded.stack", "import psutil", "psutil"),
        ("workers.engine", "from app.store.engine import is_outage", "app.store.engine.is_outage"),
        ("app.somewhere_new", "import app.domain", "app.domain"),
    ],
)
def test_a_planted_import_is_caught(module: str, source: str, target: str) -> None:
    """A forbidden import is named, in whatever form and wherever it stands."""
    found = reaches(module, source, MAY_IMPORT, is_package=module == "app.services")
    assert found == [f"{module} reaches into {target}"]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("app.domain.job", "import json, os.path\nfrom app.domain.pricing import Usage"),
        ("app.domain.job", "from . import pricing\nfrom .pricing import Usage"),
        ("app.gateway", "from app.store.engine import open_engine\nfrom app import catalog"),
        ("app.services.start", "from sqlalchemy.exc import DBAPIError"),
        ("workers.engine", "from workers.slots import Slots\nimport aiohttp"),
    ],
)
def test_an_allowed_import_is_let_through(module: str, source: str) -> None:
    """The standard library, one's own part and what the table names may be imported."""
    assert reaches(module, source, MAY_IMPORT) == []


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (environment, "import os\nx = os.environ['A']"),
        (environment, "import os\nx = os.getenv('A')"),
        (environment, "from os import path, environ"),
        (floats, "x = 0.5"),
        (floats, "x = 1e9"),
        (floats, "x = float(y)"),
        (floats, "x = y / 2"),
        (floats, "x /= 2"),
        (naive_datetimes, "datetime.now()"),
        (naive_datetimes, "datetime.datetime.now()"),
        (naive_datetimes, "datetime.utcnow()"),
        (naive_datetimes, "datetime.fromtimestamp(5)"),
        (naive_datetimes, "datetime(2026, 1, 1)"),
        (naive_datetimes, "datetime.datetime(2026, 1, 1)"),
        (naive_datetimes, "date.today()"),
        (long_functions, "def f():\n" + "    x = 1\n" * 50),
        (long_functions, "class A:\n    async def f(self):\n" + "        x = 1\n" * 50),
        (silent_tests, "def test_it(): pass"),
        (silent_tests, "class A:\n    async def test_it(self): pass"),
    ],
)
def test_a_planted_fault_is_caught(check: Callable[[ast.AST], Found], source: str) -> None:
    """Each ban finds exactly the one thing that was planted."""
    assert len(list(check(ast.parse(source)))) == 1


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (environment, "import os\nos.path.join('environ', request.environ)"),
        (floats, "x = 7 // 2 + int('5')\nretry_s: float = 0"),
        (naive_datetimes, "datetime.now(UTC), datetime.now(tz=UTC), func.now(), self.now()"),
        (naive_datetimes, "datetime(2026, 1, 1, tzinfo=UTC), datetime.fromtimestamp(5, UTC)"),
        (long_functions, "def f():\n" + "    x = 1\n" * 49),
        (silent_tests, 'def test_it():\n    """It is."""\ndef helper(): pass'),
    ],
)
def test_what_is_allowed_is_let_through(check: Callable[[ast.AST], Found], source: str) -> None:
    """A ban finds nothing in what only resembles the thing it is there for."""
    assert list(check(ast.parse(source))) == []


@pytest.mark.parametrize(("number", "folders"), [(FOLDER_FILES_MAX, 0), (FOLDER_FILES_MAX + 1, 1)])
def test_a_crowded_folder_is_caught(number: int, folders: int) -> None:
    """One file too many is noticed; the package's own is not counted."""
    files = [Path("app/x") / f"{at}.py" for at in range(number)]
    assert len(crowded([*files, Path("app/x/__init__.py")])) == folders

"""What can be found wrong with a source file, or a folder of them, by reading it."""

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

FUNCTION_LINES_MAX: Final = 50
FOLDER_FILES_MAX: Final = 14
DATETIME_FIELDS: Final = 8
"""So many arguments a datetime takes up to its time zone."""

_ENVIRONMENT: Final = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
_ZONELESS: Final = {"utcnow": 0, "utcfromtimestamp": 0, "today": 0, "now": 1, "fromtimestamp": 2}
"""Ways to make a datetime, and how many arguments it takes to name a time zone; 0 where none."""

Found = Iterator[tuple[int, str]]
"""A line and what stands there."""

Table = Mapping[str, AbstractSet[str]]
"""Each part of the house, and the dotted prefixes of what it may import."""


def part_of(module: str, table: Table) -> str | None:
    """Return the part of the table a module belongs to."""
    fitting = [part for part in table if _within(module, part)]
    return max(fitting, key=len, default=None)


def reaches(module: str, source: str, table: Table, *, is_package: bool = False) -> list[str]:
    """Return what a module imports and may not, as "X reaches into Y".

    A module may import the standard library, its own part, and what the table says of its part.
    """
    part = part_of(module, table)
    may = {part, *table[part]} if part else set()
    return [
        f"{module} reaches into {target}"
        for target in _imports(ast.parse(source), module if is_package else _parent(module))
        if target.partition(".")[0] not in sys.stdlib_module_names
        and not any(_within(target, prefix) for prefix in may)
    ]


def environment(tree: ast.AST) -> Found:
    """Find what reads or writes the environment."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os":
            if node.attr in _ENVIRONMENT:
                yield node.lineno, f"os.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            for alias in node.names:
                if alias.name in _ENVIRONMENT:
                    yield node.lineno, f"os.{alias.name}"


def floats(tree: ast.AST) -> Found:
    """Find float literals, float() and true division."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, repr(node.value)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "float":
            yield node.lineno, "float()"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield node.lineno, "true division"


def naive_datetimes(tree: ast.AST) -> Found:
    """Find datetimes that are made without a time zone."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        what, how = ["", *ast.unparse(node.func).split(".")][-2:]
        named = {keyword.arg for keyword in node.keywords}
        if what in ("datetime", "date") and how in _ZONELESS:
            needed = _ZONELESS[how] if what == "datetime" else 0
            if not needed or (len(node.args) < needed and "tz" not in named):
                yield node.lineno, f"{what}.{how}() without a time zone"
        elif how == "datetime" and len(node.args) < DATETIME_FIELDS and "tzinfo" not in named:
            yield node.lineno, "datetime() without a time zone"


def long_functions(tree: ast.AST) -> Found:
    """Find functions that do not fit a screen."""
    for node in _functions(tree):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            yield node.lineno, f"{node.name} has {lines} lines"


def silent_tests(tree: ast.AST) -> Found:
    """Find tests that do not say what they prove."""
    for node in _functions(tree):
        if node.name.startswith("test_") and not ast.get_docstring(node):
            yield node.lineno, f"{node.name} has no docstring"


def crowded(files: list[Path]) -> list[str]:
    """Return the folders with more files than one noun has; __init__.py is none."""
    counts = Counter(file.parent for file in files if file.name != "__init__.py")
    return [f"{folder}: {n} files" for folder, n in counts.items() if n > FOLDER_FILES_MAX]


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def _parent(module: str) -> str:
    return module.rpartition(".")[0]

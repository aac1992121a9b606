"""Imports point one way, so that every module can be read, and used, without those above it."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import mailproto

PACKAGE = Path(mailproto.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

_CORE = {"errors", "limits", "_grammar", "_vocabulary", "_wire", "_machine"}

# Which subjects a subject may import. Its own modules always; below `TYPE_CHECKING` nothing more.
MAY: dict[str, set[str]] = {
    "errors": set(),
    "limits": {"errors"},
    "_grammar": {"errors", "limits"},
    "_envelope": {"errors", "_grammar"},
    "_structure": set(),
    "_vocabulary": {"errors", "_grammar"},
    "_wire": {"errors", "limits", "_grammar"},
    "_machine": {"errors", "limits", "_grammar", "_wire"},
    "sasl": {"errors", "limits", "_grammar", "_vocabulary"},
    "message": {"errors", "limits", "_grammar", "_envelope", "_structure"},
    "smtp": {*_CORE, "_envelope", "sasl"},
    "pop3": {*_CORE, "sasl"},
    "imap": {*_CORE, "_structure", "sasl", "message"},
}
ANYTHING = {"__init__", "__main__", "testing", "strategies"}
OUTSIDE = {"attr", "attrs"}
EXTRAS = {"strategies": {"hypothesis"}}


def subject(path: Path) -> str:
    """The module or package right under mailproto/ that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[tuple[int, str]]:
    """(line, dotted name) of everything imported in a file, relative names resolved."""
    found: list[tuple[int, str]] = []
    home = ["mailproto", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) - node.level + 1] if node.level else []
            where = ".".join([*base, *([node.module] if node.module else [])])
            if where == "mailproto":
                found += [(node.lineno, f"mailproto.{alias.name}") for alias in node.names]
            else:
                found.append((node.lineno, where))
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    mine = subject(path)
    if mine in ANYTHING:
        return
    assert mine in MAY, f"{mine} has no row: say what it may import"
    inside = [
        (line, name.split(".")[1]) for line, name in imports(path) if name.startswith("mailproto.")
    ]
    assert [one for one in inside if one[1] not in MAY[mine] | {mine}] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_attrs_is_needed(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, "mailproto", *OUTSIDE, *EXTRAS.get(subject(path), set())}
    assert [one for one in imports(path) if one[1].split(".")[0] not in allowed] == []


def test_the_rows_have_no_circle() -> None:
    order: list[str] = []
    left = dict(MAY)
    while left:
        free = [name for name, below in left.items() if not below & set(left)]
        assert free, f"these import each other: {sorted(left)}"
        order += free
        left = {name: below for name, below in left.items() if name not in free}
    assert order.index("errors") < order.index("_machine") < order.index("smtp")
    assert order.index("_grammar") < order.index("sasl") < order.index("smtp")

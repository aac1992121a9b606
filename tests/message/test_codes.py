"""Every code that is reported is explained, and no other."""

from __future__ import annotations

import ast
from pathlib import Path

import mailproto.message
from mailproto.message import DEFECTS
from mailproto.message._checks import READINGS

SOURCE = Path(mailproto.message.__file__).parent


def words() -> set[str]:
    """Every string in the package that could be a code."""
    found: set[str] = set()
    for page in SOURCE.glob("*.py"):
        if page.name != "_codes.py":
            for node in ast.walk(ast.parse(page.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found


def reported() -> set[str]:
    """What is given to whatever makes a defect."""
    makers = {"Defect", "Ambiguity", "_report", "_note", "report", "_defect", "_ambiguity"}
    found: set[str] = set()
    for page in SOURCE.glob("*.py"):
        for node in ast.walk(ast.parse(page.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in makers:
                    codes = [
                        one.value
                        for one in node.args[:2]
                        if isinstance(one, ast.Constant) and isinstance(one.value, str)
                    ]
                    found.update(codes[:1])
    return found


def test_what_is_reported_is_explained() -> None:
    assert reported() - set(DEFECTS) == set()


def test_what_is_explained_is_reported() -> None:
    known = words() | {f"missing_{name}" for name in ("date", "from")}
    known |= {f"{limit}_overflow" for limit in ("depth", "parts", "header")}
    assert set(DEFECTS) - known == set()


def test_readings_are_of_defects() -> None:
    assert set(READINGS) <= set(DEFECTS)

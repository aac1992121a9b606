"""Every code that is reported is explained, and no other; and there is an end to them."""

from __future__ import annotations

import ast
from pathlib import Path

import mailproto.imap
from mailproto import imap
from mailproto.imap import DEFECTS

SOURCE = Path(mailproto.imap.__file__).parent


def reported() -> set[str]:
    """The strings that are the code of a defect wherever one is made."""
    found: set[str] = set()
    for page in SOURCE.glob("*.py"):
        for node in ast.walk(ast.parse(page.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            if getattr(node.func, "id", getattr(node.func, "attr", "")) in ("Defect", "odd"):
                first = node.args[0]
                codes = (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)
                found |= {str(one.value) for one in codes if isinstance(one, ast.Constant)}
    return found


def test_what_is_reported_is_explained() -> None:
    assert reported() == set(DEFECTS)


def test_an_odd_line_has_a_hundred_defects_at_most() -> None:
    """Law 7: what is kept about a line does not grow with it."""
    found = imap.parse_response(b"* FLAGS (" + b"  a" * 10_000 + b")\r\n")
    assert isinstance(found, imap.Flags)
    assert len(found.flags) == 10_000
    assert len(found.defects) == 100

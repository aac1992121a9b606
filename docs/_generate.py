"""Reference pages that are made from the code, so that they cannot disagree with it.

A Sphinx extension: before the sources are read, each function in `PAGES` writes one page into
`reference/generated/`. To add a page, write a function that returns Markdown and give it a row.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import mailproto

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table. Cells are Markdown; bars and newlines in them are taken care of."""

    def line(cells: Iterable[object]) -> str:
        return "| " + " | ".join(" ".join(str(c).split()).replace("|", r"\|") for c in cells) + " |"

    return "\n".join([line(head), line("---" for _ in head), *map(line, rows)]) + "\n"


def field_docs(cls: type) -> dict[str, str]:
    """The docstring under each field of an attrs class, by field name."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    docs: dict[str, str] = {}
    for field, doc in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match doc:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    docs[field.target.id] = text
                case _:
                    docs[field.target.id] = ""
    return docs


def limits() -> str:
    """Every limit, its default and where that comes from."""
    defaults = mailproto.Limits()
    rows = (
        (
            f"`{name}`",
            "unlimited" if (value := getattr(defaults, name)) is None else f"{value:,}",
            doc,
        )
        for name, doc in field_docs(mailproto.Limits).items()
    )
    return "# Limits\n\n" + table(["field", "default", "what it bounds"], rows)


PAGES: dict[str, Callable[[], str]] = {
    "limits": limits,
}


def generate(app: Sphinx) -> None:
    """Write every page whose text has changed."""
    folder = Path(app.srcdir) / "reference" / "generated"
    folder.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        page = folder / f"{name}.md"
        text = make()
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("builder-inited", generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The house rules that no checker knows: exports, versions, and documents that keep their word."""

from __future__ import annotations

import doctest
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import mailproto

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted(
    page
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if not {"_build", "generated"} & set(page.relative_to(ROOT).parts)
)
MODULES = [
    "mailproto",
    *(info.name for info in pkgutil.walk_packages(mailproto.__path__, "mailproto.")),
]


def fresh(code: str) -> Any:
    """What a new interpreter prints as JSON."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


# -- exports ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_every_module_says_what_it_exports(name: str) -> None:
    module = import_module(name)
    exported: list[str] = module.__all__
    assert len(set(exported)) == len(exported)
    assert [one for one in exported if not hasattr(module, one)] == []


@pytest.mark.parametrize("name", [name for name in MODULES if "._" not in name])
def test_every_public_name_has_a_docstring(name: str) -> None:
    module = import_module(name)
    assert module.__doc__
    callables = {one: getattr(module, one) for one in module.__all__}
    undocumented = [
        one for one, value in callables.items() if isinstance(value, type) and not value.__doc__
    ]
    assert undocumented == []


def test_importing_the_package_loads_no_protocol_and_no_dependency() -> None:
    loaded = fresh(
        "import sys, json; before = set(sys.modules); import mailproto;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    assert "mailproto" in loaded
    assert [one for one in loaded if one.startswith(("mailproto.", "attr"))] == []


def test_protocols_are_attributes_without_an_import_of_their_own() -> None:
    for name in ("smtp", "pop3"):
        code = f"import json, mailproto; print(json.dumps(mailproto.{name}.__name__))"
        assert fresh(code) == f"mailproto.{name}"


def test_dir_shows_what_is_not_loaded_yet() -> None:
    assert set(mailproto.__all__) <= set(dir(mailproto))


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = mailproto.no_such_name


def test_the_types_are_offered_to_checkers() -> None:
    """PEP 561: a package is typed if it carries this file."""
    assert (files("mailproto") / "py.typed").is_file()


# -- versions and dependencies ---------------------------------------------------------------------


def test_the_version_is_in_the_changelog_and_installed() -> None:
    current = PROJECT["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## {re.escape(current)}\b", changelog, re.MULTILINE)
    assert version("mailproto") == current


def test_the_library_needs_attrs_and_nothing_else() -> None:
    assert [re.split(r"\W", need)[0] for need in PROJECT["dependencies"]] == ["attrs"]


# -- commands --------------------------------------------------------------------------------------


def targets() -> set[str]:
    """Make targets that are meant for people: those with a description."""
    return set(re.findall(r"^(\w+):.*  ## ", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_command_in_the_documents_exists(page: Path) -> None:
    named = set(re.findall(r"(?:^\$ |`)make (\w+)", page.read_text("utf-8"), re.MULTILINE))
    assert named <= targets()


def test_the_readme_lists_every_target() -> None:
    assert set(re.findall(r"^\| `make (\w+)`", README, re.MULTILINE)) == targets() - {"help"}


def test_every_stamp_names_an_extra() -> None:
    """pip only warns about an extra that does not exist."""
    stamps = set(re.findall(r"\$\(VENV\)/\.(\w+)", MAKEFILE)) - {"venv", "base"}
    assert stamps <= set(PROJECT["optional-dependencies"])


def test_ci_runs_the_targets_and_is_executable() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert re.findall(r"for target in (.*); do", script.read_text("utf-8"))[0].split() == [
        "test",
        "check",
        "interop",
    ]


# -- documents -------------------------------------------------------------------------------------


def test_links_in_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def sessions(text: str) -> str:
    """The interactive sessions of a Markdown page, in order, at their lines, for doctest."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = line == "```pycon"
            kept.append("")
        else:
            kept.append(line if inside else "")
    return "\n".join(kept) + "\n"


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if "```pycon" in page.read_text("utf-8")],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_sessions_in_the_documents_run_as_shown(page: Path) -> None:
    parser = doctest.DocTestParser()
    test = parser.get_doctest(
        sessions(page.read_text("utf-8")), {}, page.name, str(page.relative_to(ROOT)), 0
    )
    report: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert result.attempted
    assert not result.failed, "".join(report)

"""How the documentation is built: Sphinx, MyST markdown, docstrings, no network."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for _generate

project = "mailproto"
author = "The mailproto authors"
copyright = author  # noqa: A001 - the name Sphinx reads
version = release = installed_version("mailproto")

# A class may have an attribute `type`; it is not what `type[...]` means.
suppress_warnings = ["ref.python"]
extensions = ["_generate", "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "mailproto"

default_role = "code"  # single backticks, as everywhere else
add_module_names = False  # readers import from the public module, wherever a name is defined
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True

# Every reference must lead somewhere. What leads out of this project cannot, without a network: the
# standard library, and names that only annotations have (type variables and aliases).
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", rf"({'|'.join(sorted(sys.stdlib_module_names))})(\..*)?"),
    (r"py:.*", r"(attr|attrs|hypothesis|hypothesis\.strategies|SearchStrategy|st)(\..*)?"),
    (r"py:(class|obj)", r"(\w+\.)*([A-Z]|_\w+)"),
]

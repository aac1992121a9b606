"""The libraries people use today, each fed from memory, in its fastest sensible configuration.

One module per library; each says in its essay what was switched off and why. They are imported by
name when a row needs them, so that a library that is not installed costs only its own column.
"""

import importlib
from types import ModuleType

__all__ = ["load"]


def load(name: str) -> ModuleType | None:
    """The module that drives the peer `name`, or None if the peer is not installed."""
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith(__name__):
            raise
        return None

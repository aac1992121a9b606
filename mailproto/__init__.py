"""mailproto: mail protocols as state machines that never touch a socket.

The names below are loaded on first use, and so are the modules (`mailproto.smtp`): `import
mailproto` costs next to nothing. `docs/` explains the contract that all machines keep;
`mailproto.Machine` is where it is written in code.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost ten times the rest

if TYPE_CHECKING:
    from . import imap, message, pop3, sasl, smtp
    from ._machine import BodyChunk, BodyWanted, Machine, Timeout, TlsEstablished, Want
    from .errors import (
        ConnectionLost,
        Defect,
        LimitExceeded,
        LocalProtocolError,
        NotOffered,
        ProtocolError,
        RemoteProtocolError,
    )
    from .limits import Limits

__all__ = [
    "BodyChunk",
    "BodyWanted",
    "ConnectionLost",
    "Defect",
    "LimitExceeded",
    "Limits",
    "LocalProtocolError",
    "Machine",
    "NotOffered",
    "ProtocolError",
    "RemoteProtocolError",
    "Timeout",
    "TlsEstablished",
    "Want",
    "imap",
    "message",
    "pop3",
    "sasl",
    "smtp",
]

_HOMES = {
    "errors": (
        "ConnectionLost",
        "Defect",
        "LimitExceeded",
        "LocalProtocolError",
        "NotOffered",
        "ProtocolError",
        "RemoteProtocolError",
    ),
    "limits": ("Limits",),
    "_machine": ("BodyChunk", "BodyWanted", "Machine", "Timeout", "TlsEstablished", "Want"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
_MODULES = ("imap", "message", "pop3", "sasl", "smtp", "testing", "strategies")


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415 - on first use, like all else

    if name in _HOME:
        value: object = getattr(import_module(f".{_HOME[name]}", __name__), name)
    elif name in _MODULES:
        value = import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

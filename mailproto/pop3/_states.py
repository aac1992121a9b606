r"""When what may be said: the table that client and server share.

A session is in one of these states, as both sides count it (RFC 1939 section 3)::

    GREETING -> AUTHORIZATION -> USER -> TRANSACTION -> UPDATE -> CLOSED
                       \------------------^

RFC 1939 has three states. USER is the part of AUTHORIZATION in which PASS may be said; GREETING and
CLOSED are the ends.

`RULES` has a row for each verb: in which states it may be said and where a positive answer leads
from there, where a negative one does, and which capability it belongs to. The server refuses by it,
the client refuses itself by it (against the state it will be in when everything in flight has
succeeded), and the reference page and the state diagram of the documentation are made from it.

Not in the table, because it depends on more than the state: TLS, a greeting's timestamp, limits.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs

from .._wire import BareNewlines

__all__ = [
    "RULES",
    "TIMEOUT",
    "BareNewlines",
    "Quirks",
    "Rule",
    "State",
]


class State(enum.StrEnum):
    """Where a session stands."""

    GREETING = "greeting"
    """The server has not said its first word."""
    AUTHORIZATION = "authorization"
    """Greeted; the client has not proved who it is."""
    USER = "user"
    """The same, and the client has said a name: now PASS may come."""
    TRANSACTION = "transaction"
    """Logged in; the maildrop is open and locked."""
    UPDATE = "update"
    """QUIT was said: messages marked as deleted are being removed."""
    CLOSED = "closed"
    """No more."""


@attrs.frozen
class Rule:
    """One verb's row."""

    moves: Mapping[State, State]
    """Where it may be said, and where a positive answer leads from there."""
    refused: State | None = None
    """Where a negative answer leads; None: nowhere else."""
    sync: bool = False
    """Whether a client waits for the answer before it says anything else."""
    capability: str | None = None
    """What CAPA has to offer (RFC 2449); None: it needs not be offered."""
    out_of_place: str = "Log in first"
    """What a server says in the other states."""


_AUTHORIZATION, _USER, _TRANSACTION = State.AUTHORIZATION, State.USER, State.TRANSACTION


def _stay(*states: State) -> dict[State, State]:
    return {state: state for state in states}


_BEFORE: tuple[State, ...] = (_AUTHORIZATION, _USER)
_ANYWHERE = _stay(*_BEFORE, _TRANSACTION)
_LOGGED_IN: dict[State, State] = {_AUTHORIZATION: _TRANSACTION, _USER: _TRANSACTION}
_OPEN = _stay(_TRANSACTION)
_TOO_LATE = "Only before the login"

RULES: dict[str, Rule] = {
    "USER": Rule(dict.fromkeys(_BEFORE, _USER), _AUTHORIZATION, False, "USER", _TOO_LATE),
    "PASS": Rule({_USER: _TRANSACTION}, _AUTHORIZATION, True, "USER", "Say USER first"),
    "APOP": Rule(_LOGGED_IN, _AUTHORIZATION, True, None, _TOO_LATE),
    "AUTH": Rule(_LOGGED_IN, _AUTHORIZATION, True, "SASL", _TOO_LATE),
    "STLS": Rule(dict.fromkeys(_BEFORE, _AUTHORIZATION), None, True, "STLS", _TOO_LATE),
    "UTF8": Rule(_stay(*_BEFORE), None, True, "UTF8", _TOO_LATE),
    "LANG": Rule(_ANYWHERE, capability="LANG"),
    "CAPA": Rule(_ANYWHERE),
    "STAT": Rule(_OPEN),
    "LIST": Rule(_OPEN),
    "UIDL": Rule(_OPEN, capability="UIDL"),
    "RETR": Rule(_OPEN),
    "TOP": Rule(_OPEN, capability="TOP"),
    "DELE": Rule(_OPEN),
    "RSET": Rule(_OPEN),
    "NOOP": Rule(_OPEN),
    "QUIT": Rule(
        {**dict.fromkeys(_BEFORE, State.CLOSED), _TRANSACTION: State.UPDATE},
        State.CLOSED,
        sync=True,
    ),
    "": Rule(_ANYWHERE, sync=True),
}
"""The rule of each verb, and under "" of every other one."""

TIMEOUT = 600.0
"""Seconds either side waits (RFC 1939 section 3 asks servers for ten minutes at least)."""


@attrs.frozen(kw_only=True)
class Quirks:
    """Deviations to live with, one by one. Their use shows in `defects`."""

    bare_newlines: BareNewlines = BareNewlines.NORMALIZE
    """Server: what to do about bare CR and LF in a message that is served. They go out as CRLF,
    because a client that ends lines at LF would take `LF . LF` for the end, and what follows it for
    replies; REJECT makes `send_body()` raise, PRESERVE lets them pass."""
    bare_lf_commands: bool = False
    """Server: let LF alone end a command line. Off, because a proxy in front may read it
    otherwise."""
    bare_lf_texts: bool = False
    """Client: for servers that end their lines with LF alone: LF . LF ends a message or listing,
    too. Off, because a message with that in it could then forge replies."""
    plaintext_auth: bool = False
    """Client: send USER, PASS, PLAIN, LOGIN and bearer tokens without TLS, where everybody reads
    them."""

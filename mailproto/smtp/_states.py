r"""When what may be said: the table that client and server share.

A session is in one of these states, as both sides count it (RFC 5321 section 4.1.4)::

    GREETING -> START -> READY -> MAIL -> RCPT -> TEXT   -> READY
                                              \-> CHUNKS -> READY

`RULES` has a row for each verb: in which states it may be said, where a positive answer leads, and
what a server answers elsewhere. The server refuses by it, the client refuses itself by it (against
the state it will be in when everything in flight has succeeded), and the reference page and the
state diagram of the documentation are made from it.

Not in the table, because it depends on more than the state: whether an extension was offered, TLS,
authentication, limits.
"""

from __future__ import annotations

import enum

import attrs

from .._wire import BareNewlines
from ._vocabulary import Reply

__all__ = [
    "RULES",
    "SERVER_TIMEOUT",
    "TIMEOUTS",
    "BareNewlines",
    "Quirks",
    "Rule",
    "State",
]


class State(enum.StrEnum):
    """Where a session stands."""

    GREETING = "greeting"
    """The server has not said its first word."""
    REFUSED = "refused"
    """The server's first word was no: only QUIT is left (RFC 5321 section 3.1)."""
    START = "start"
    """Greeted; the client has not said who it is (again: after STARTTLS)."""
    READY = "ready"
    """Between messages."""
    MAIL = "mail"
    """A message has a sender."""
    RCPT = "rcpt"
    """A message has a recipient."""
    TEXT = "text"
    """The message is being transferred by DATA."""
    CHUNKS = "chunks"
    """The message is being transferred by BDAT and BURL: one chunk was, more will come."""
    SPOILT = "spoilt"
    """A chunk was refused: all that helps is RSET (RFC 3030 section 2)."""
    CLOSED = "closed"
    """No more."""


_BAD_SEQUENCE = Reply(503, ("5.5.1 Bad sequence of commands",))


@attrs.frozen
class Rule:
    """One verb's row."""

    states: frozenset[State]
    """Where it may be said."""
    then: State | None = None
    """Where a positive answer leads; None: nowhere else."""
    sync: bool = False
    """Whether it must be the last of a pipelined group (RFC 2920 section 3.1, and each
    extension)."""
    out_of_place: Reply = _BAD_SEQUENCE
    """What a server answers in the other states."""


_IDLE = frozenset({State.START, State.READY})
_SESSION = _IDLE | {State.MAIL, State.RCPT, State.CHUNKS, State.SPOILT}
_HELLO_FIRST = Reply(503, ("5.5.1 Say EHLO first, and one message at a time",))

RULES: dict[str, Rule] = {
    "HELO": Rule(_SESSION, State.READY, sync=True),
    "EHLO": Rule(_SESSION, State.READY, sync=True),
    "LHLO": Rule(_SESSION, State.READY, sync=True),
    "MAIL": Rule(frozenset({State.READY}), State.MAIL, out_of_place=_HELLO_FIRST),
    "RCPT": Rule(
        frozenset({State.MAIL, State.RCPT}),
        State.RCPT,
        out_of_place=Reply(503, ("5.5.1 MAIL first",)),
    ),
    "DATA": Rule(
        frozenset({State.RCPT}),
        State.TEXT,
        sync=True,
        out_of_place=Reply(503, ("5.5.1 No valid recipients",)),
    ),
    "BDAT": Rule(
        frozenset({State.RCPT, State.CHUNKS}),
        State.CHUNKS,
        out_of_place=Reply(503, ("5.5.1 No valid recipients, or a chunk was refused before",)),
    ),
    "BURL": Rule(
        frozenset({State.RCPT, State.CHUNKS}),
        State.CHUNKS,
        out_of_place=Reply(503, ("5.5.1 No valid recipients, or a chunk was refused before",)),
    ),
    "RSET": Rule(_SESSION),
    "VRFY": Rule(_SESSION, sync=True),
    "EXPN": Rule(_SESSION, sync=True),
    "HELP": Rule(_SESSION, sync=True),
    "NOOP": Rule(_SESSION, sync=True),
    "QUIT": Rule(_SESSION | {State.REFUSED}, State.CLOSED, sync=True),
    "STARTTLS": Rule(frozenset({State.READY}), State.START, sync=True),
    "AUTH": Rule(frozenset({State.READY}), State.READY, sync=True),
    "ETRN": Rule(frozenset({State.READY}), sync=True),
    "XCLIENT": Rule(frozenset({State.READY}), State.START, sync=True),
    "XFORWARD": Rule(frozenset({State.READY})),
    "": Rule(_SESSION, sync=True),  # the verbs of private extensions
}
"""The rule of each verb, and under "" of every other one."""

TIMEOUTS: dict[str, float] = {
    "": 300.0,
    "MAIL": 300.0,
    "RCPT": 300.0,
    "DATA": 120.0,
    "BODY": 180.0,
    "END": 600.0,
}
"""Seconds a client waits (RFC 5321 section 4.5.3.2): for the answers to MAIL, RCPT and DATA, for a
block of the body to be taken, for the answer to the whole body, and, under "", for all else."""

SERVER_TIMEOUT = 300.0
"""Seconds a server waits for the next command or block (RFC 5321 section 4.5.3.2.7)."""


@attrs.frozen(kw_only=True)
class Quirks:
    """Deviations to live with, one by one. Their use shows in `defects`."""

    bare_newlines: BareNewlines = BareNewlines.REJECT
    """What to do about bare CR and LF in a text (DATA), received or sent. Only CRLF . CRLF ends a
    text, whatever this says. BDAT is never looked into."""
    bare_lf_commands: bool = False
    """Server: let LF alone end a command line. Off, because a proxy in front may read it otherwise;
    on, `NOOP<LF>MAIL ...` is two commands."""
    plaintext_auth: bool = False
    """Client: send PLAIN, LOGIN and bearer tokens without TLS, where everybody reads them."""
    unqualified_addresses: bool = False
    """Server: take addresses without a domain other than `postmaster` (defect `no_domain`)."""

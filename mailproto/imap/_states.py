r"""When what may be said: the table that client and server share.

A session is in one of these states (RFC 9051 section 3)::

    GREETING -> NOT_AUTHENTICATED -> AUTHENTICATED <-> SELECTED -> LOGOUT -> CLOSED
             \----- PREAUTH ------------^

`RULES` has a row for each verb: in which states it may be said and where an OK leads from there,
where a NO does, which capability it belongs to, and what it means for commands sent behind it
without waiting (RFC 9051 section 5.5):

* `sync`: nothing may be sent behind it before it is completed. It changes what the next command
  means, or how it is written.
* `renumbers`: while it runs, the server may tell of messages that are gone, so message numbers that
  a later command uses may mean others by then. FETCH, STORE and SEARCH are the exceptions.
* `boundary`: it opens or leaves a mailbox: what later commands say of messages is about another.
* `counts`: it names messages by number (without UID), and so must not overtake a `renumbers`.
* `selects`: it is about messages of the selected mailbox, and so must not overtake a `boundary`.

Not in the table, because it depends on more than the state: TLS, literals, limits.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs

__all__ = ["IDLE_TIMEOUT", "RULES", "TIMEOUT", "Quirks", "Rule", "State"]


class State(enum.StrEnum):
    """Where a session stands."""

    GREETING = "greeting"
    """The server has not said its first word."""
    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    """A mailbox is open."""
    LOGOUT = "logout"
    """BYE was said."""
    CLOSED = "closed"
    """No more."""


@attrs.frozen(kw_only=True)
class Rule:
    """One verb's row."""

    moves: Mapping[State, State]
    """Where it may be said, and where an OK leads from there."""
    refused: Mapping[State, State] = {}
    """Where a NO leads; nothing: nowhere else."""
    capabilities: tuple[str, ...] = ()
    """One of them has to be offered; nothing: it needs not be offered."""
    sync: bool = False
    renumbers: bool = True
    boundary: bool = False
    counts: bool = False
    selects: bool = False


_NOT, _AUTH, _SELECTED = State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED


def _stay(*states: State) -> dict[State, State]:
    return {state: state for state in states}


_ANY = _stay(_NOT, _AUTH, _SELECTED)
_LOGGED_IN = _stay(_AUTH, _SELECTED)
_OPEN = _stay(_SELECTED)
_LEAVE = {_SELECTED: _AUTH}
_SELECT = {_AUTH: _SELECTED, _SELECTED: _SELECTED}

RULES: dict[str, Rule] = {
    "CAPABILITY": Rule(moves=_ANY),
    "NOOP": Rule(moves=_ANY),
    "LOGOUT": Rule(moves=dict.fromkeys(_ANY, State.LOGOUT), sync=True),
    "ID": Rule(moves=_ANY, capabilities=("ID",)),
    "LANGUAGE": Rule(moves=_ANY, capabilities=("LANGUAGE",), sync=True),
    "COMPRESS": Rule(moves=_ANY, capabilities=("COMPRESS",), sync=True),
    "STARTTLS": Rule(moves=_stay(_NOT), capabilities=("STARTTLS",), sync=True),
    "AUTHENTICATE": Rule(moves={_NOT: _AUTH}, sync=True),
    "LOGIN": Rule(moves={_NOT: _AUTH}, sync=True),
    "ENABLE": Rule(moves=_stay(_AUTH), capabilities=("ENABLE", "IMAP4REV2"), sync=True),
    "UNAUTHENTICATE": Rule(
        moves=dict.fromkeys(_LOGGED_IN, _NOT), capabilities=("UNAUTHENTICATE",), sync=True
    ),
    "SELECT": Rule(moves=_SELECT, refused=_LEAVE, boundary=True),
    "EXAMINE": Rule(moves=_SELECT, refused=_LEAVE, boundary=True),
    "CREATE": Rule(moves=_LOGGED_IN),
    "DELETE": Rule(moves=_LOGGED_IN),
    "RENAME": Rule(moves=_LOGGED_IN),
    "SUBSCRIBE": Rule(moves=_LOGGED_IN),
    "UNSUBSCRIBE": Rule(moves=_LOGGED_IN),
    "LIST": Rule(moves=_LOGGED_IN),
    "LSUB": Rule(moves=_LOGGED_IN),
    "XLIST": Rule(moves=_LOGGED_IN, capabilities=("XLIST",)),
    "RLIST": Rule(moves=_LOGGED_IN, capabilities=("MAILBOX-REFERRALS",)),
    "RLSUB": Rule(moves=_LOGGED_IN, capabilities=("MAILBOX-REFERRALS",)),
    "NAMESPACE": Rule(moves=_LOGGED_IN, capabilities=("NAMESPACE", "IMAP4REV2")),
    "STATUS": Rule(moves=_LOGGED_IN),
    "APPEND": Rule(moves=_LOGGED_IN),
    "IDLE": Rule(moves=_LOGGED_IN, capabilities=("IDLE", "IMAP4REV2"), sync=True),
    **dict.fromkeys(
        ("GETQUOTA", "GETQUOTAROOT", "SETQUOTA"), Rule(moves=_LOGGED_IN, capabilities=("QUOTA",))
    ),
    **dict.fromkeys(
        ("GETACL", "SETACL", "DELETEACL", "LISTRIGHTS", "MYRIGHTS"),
        Rule(moves=_LOGGED_IN, capabilities=("ACL",)),
    ),
    **dict.fromkeys(
        ("GETMETADATA", "SETMETADATA"),
        Rule(moves=_LOGGED_IN, capabilities=("METADATA", "METADATA-SERVER")),
    ),
    "NOTIFY": Rule(moves=_LOGGED_IN, capabilities=("NOTIFY",)),
    "COMPARATOR": Rule(moves=_LOGGED_IN, capabilities=("I18NLEVEL",)),
    **dict.fromkeys(
        ("GENURLAUTH", "RESETKEY", "URLFETCH"), Rule(moves=_LOGGED_IN, capabilities=("URLAUTH",))
    ),
    "ESEARCH": Rule(moves=_LOGGED_IN, capabilities=("MULTISEARCH",), selects=True),
    "GETJMAPACCESS": Rule(moves=_LOGGED_IN, capabilities=("JMAPACCESS",)),
    "CHECK": Rule(moves=_OPEN),
    "CLOSE": Rule(moves=_LEAVE, boundary=True),
    "UNSELECT": Rule(moves=_LEAVE, capabilities=("UNSELECT", "IMAP4REV2"), boundary=True),
    "EXPUNGE": Rule(moves=_OPEN, selects=True),
    "SEARCH": Rule(moves=_OPEN, renumbers=False, counts=True, selects=True),
    "SORT": Rule(moves=_OPEN, capabilities=("SORT",), counts=True, selects=True),
    "THREAD": Rule(moves=_OPEN, capabilities=("THREAD",), counts=True, selects=True),
    "FETCH": Rule(moves=_OPEN, renumbers=False, counts=True, selects=True),
    "STORE": Rule(moves=_OPEN, renumbers=False, counts=True, selects=True),
    "COPY": Rule(moves=_OPEN, counts=True, selects=True),
    "MOVE": Rule(moves=_OPEN, capabilities=("MOVE", "IMAP4REV2"), counts=True, selects=True),
    "REPLACE": Rule(moves=_OPEN, capabilities=("REPLACE",), counts=True, selects=True),
    "CANCELUPDATE": Rule(moves=_OPEN, capabilities=("CONTEXT",)),
    "": Rule(moves=_ANY, sync=True),
}
"""The rule of each verb, and under "" of every other one."""

TIMEOUT = 1_800.0
"""Seconds a server waits for a command, and a client for an answer (RFC 9051 section 5.4 asks
servers for thirty minutes at least)."""

IDLE_TIMEOUT = 1_740.0
"""Seconds after which a client in IDLE says DONE and begins anew (RFC 9051 section 6.3.13)."""


@attrs.frozen(kw_only=True)
class Quirks:
    """Deviations to live with, one by one."""

    plaintext_auth: bool = False
    """Client: send LOGIN, PLAIN and bearer tokens without TLS, where everybody reads them, and put
    up with PREAUTH without TLS, which may be somebody between."""
    refuse_ambiguous: bool = False
    """Client: refuse a command that would be ambiguous behind those in flight (RFC 9051 section
    5.5), where it is otherwise held until it no longer is."""
    unoffered: bool = False
    """Client: send commands whose capability the server does not offer. Some have more than they
    say."""

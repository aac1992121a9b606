"""What can go wrong, as values.

Two things live here, and nothing else:

* **Errors** are raised. A `RemoteProtocolError` says that the peer broke the protocol in a way
  that cannot be put right; only `Machine.next_event()` raises it, and it keeps raising the same
  one. A `LocalProtocolError` says that this program asked for something that the protocol does not
  allow now; the machine is unchanged by it.
* A **`Defect`** is handed over, on the event it belongs to: the peer wrote something odd, this is
  how we read it.

The rule between them: what has one sensible reading is an event with a defect; what is garbage but
ends somewhere certain is an event that says so; only what leaves the stream out of step is raised.

Every error pickles (it may travel with its machine to another process), and none carries a secret.
"""

from __future__ import annotations

import attrs

__all__ = [
    "ARRIVAL_VERDICTS",
    "ConnectionLost",
    "Defect",
    "LimitExceeded",
    "LocalProtocolError",
    "NotOffered",
    "ProtocolError",
    "RemoteProtocolError",
]


class ProtocolError(Exception):
    """Base class of every error this library raises about a protocol.

    `reply` is what a server would say about it (an `smtp.Reply`, for example), or None where there
    is nothing to say.
    """

    def __init__(self, message: str, reply: object = None) -> None:
        # Both go into args: that is what makes every subclass pickle without further code.
        super().__init__(message, reply)

    def __str__(self) -> str:
        return str(self.args[0])

    @property
    def reply(self) -> object:
        """What a server would answer, or None."""
        return self.args[1]


class LocalProtocolError(ProtocolError):
    """This side asked for something it may not do now. Nothing has changed: go on."""


class NotOffered(LocalProtocolError):
    """What was to be sent needs an extension that the peer did not offer."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol beyond repair. The connection is to be closed."""


class LimitExceeded(RemoteProtocolError):
    """The peer sent more than a field of `Limits` allows, and more than could be swallowed."""


class ConnectionLost(RemoteProtocolError):
    """The input ended in the middle of a line, a body, a handshake or an unanswered command."""


ARRIVAL_VERDICTS = frozenset({"early_talk", "unauthorized_pipelining"})
"""Codes of the defects that depend on what had arrived when an answer was given, not only on the
octets."""


@attrs.frozen
class Defect:
    """Something odd that was read all the same.

    A defect never changes what its event means, and never takes part in comparing events.
    """

    code: str
    """What it is, one word: `bare_lf`, `nul`, `long_line`, `space_after_colon`, ..."""
    offset: int = 0
    """Where it starts: octets from the start of the line or body the event was made from."""
    raw: bytes = b""
    """The octets in question, cut to a reasonable length."""
    assumed: str = ""
    """What it was read as, in words, where the code alone does not say it."""

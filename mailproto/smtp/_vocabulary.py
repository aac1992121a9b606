"""What SMTP peers say to each other, as frozen values.

The same class is what one role sends and the other receives: a client `send()`s `Mail(...)`, a
server's `next_event()` returns `Mail(...)`; a server `send()`s `Reply(...)`, a client gets it
inside `Replied`. Nothing here parses or encodes (that is `_codec`) or knows when something may be
said (that is `_states`).

Three kinds: commands, replies, and the events that only a machine makes. The words of an AUTH
exchange are shared with the other protocols, and live in `mailproto._vocabulary`.

Rules

* Text is `str`, octets are `bytes`. An address is a `str` as it stands between the angle brackets,
  quotes included; "" is the null path. 8-bit reply text that is not UTF-8 is kept by
  surrogateescape.
* `defects` says what was odd about the way a value was written. It never takes part in `==`,
  because it does not change what was said.
* Secrets are not shown by `repr`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

import attrs

from .._envelope import Envelope, Param, WithParams
from .._machine import BodyChunk, BodyWanted, Timeout, TlsEstablished
from .._vocabulary import Auth, AuthCancel, AuthResponse, Challenge, Read, Shown

__all__ = [
    "Auth",
    "AuthCancel",
    "AuthResponse",
    "BadCommand",
    "Bdat",
    "BodyChunk",
    "BodyEnd",
    "BodyRefused",
    "BodyWanted",
    "Burl",
    "Challenge",
    "ClientEvent",
    "Command",
    "Data",
    "Ehlo",
    "Etrn",
    "Event",
    "Expn",
    "Goodbye",
    "Greeting",
    "Helo",
    "Help",
    "Lhlo",
    "Mail",
    "Noop",
    "Outcome",
    "Quit",
    "Rcpt",
    "Replied",
    "Reply",
    "Rset",
    "ServerEvent",
    "StartTls",
    "Timeout",
    "TlsEstablished",
    "UnknownCommand",
    "Vrfy",
    "XClient",
    "XForward",
]


# --- Replies ------------------------------------------------------------------------------------


def _lines(text: str | Iterable[str]) -> tuple[str, ...]:
    if isinstance(text, str):
        return tuple(text.split("\n"))
    return tuple(text) or ("",)


_ENHANCED = re.compile(r"([245])\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")


@attrs.frozen(repr=False)
class Reply(Read):
    """A code and its text (RFC 5321 section 4.2).

    `Reply(550, "5.1.1 No such user")`; several lines as a tuple, or with newlines in the text.
    """

    code: int
    """200 to 599."""
    lines: tuple[str, ...] = attrs.field(default=("",), converter=_lines)
    """The text of each line, enhanced status codes included, without code and line end."""

    @property
    def text(self) -> str:
        """The lines, joined by newlines."""
        return "\n".join(self.lines)

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code (RFC 2034, RFC 3463) that the text starts with, or None."""
        match = _ENHANCED.match(self.lines[0])
        return match[0] if match and match[1] == str(self.code // 100) else None

    @property
    def positive(self) -> bool:
        """2yz: done."""
        return 200 <= self.code < 300

    @property
    def intermediate(self) -> bool:
        """3yz: go on."""
        return 300 <= self.code < 400

    @property
    def transient(self) -> bool:
        """4yz: not now, try again later."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """5yz: not, and not later."""
        return 500 <= self.code < 600

    def __str__(self) -> str:
        return "\n".join(f"{self.code} {line}" for line in self.lines)


# --- Commands -----------------------------------------------------------------------------------


@attrs.frozen(repr=False)
class _Command(Read):
    """What a client can say. Each has its `verb`, in upper case."""


@attrs.frozen(repr=False)
class Helo(_Command):
    """HELO (RFC 5321 section 4.1.1.1): who is speaking, without extensions."""

    verb = "HELO"
    domain: str


@attrs.frozen(repr=False)
class Ehlo(_Command):
    """EHLO (RFC 5321 section 4.1.1.1): who is speaking, and which extensions are there."""

    verb = "EHLO"
    domain: str


@attrs.frozen(repr=False)
class Lhlo(_Command):
    """LHLO (RFC 2033 section 4.1): EHLO's twin. It makes the session an LMTP session."""

    verb = "LHLO"
    domain: str


@attrs.frozen(repr=False)
class Mail(_Command, WithParams):
    """MAIL FROM (RFC 5321 section 4.1.1.2): a new message, and where its bounces go."""

    verb = "MAIL"
    sender: str
    """The reverse-path; "" is the null path. Source routes are dropped."""
    params: tuple[Param, ...] = ()


@attrs.frozen(repr=False)
class Rcpt(_Command, WithParams):
    """RCPT TO (RFC 5321 section 4.1.1.3): one more recipient."""

    verb = "RCPT"
    recipient: str
    """The forward-path. `postmaster` (any case) needs no domain. Source routes are dropped."""
    params: tuple[Param, ...] = ()


@attrs.frozen(repr=False)
class Data(_Command):
    """DATA (RFC 5321 section 4.1.1.4): the message follows as dot-stuffed text."""

    verb = "DATA"


@attrs.frozen(repr=False)
class Bdat(_Command):
    """BDAT (RFC 3030 section 2): `size` octets of the message follow at once."""

    verb = "BDAT"
    size: int
    last: bool = False


@attrs.frozen(repr=False)
class Burl(_Command):
    """BURL (RFC 4468 section 3): the server is to fetch the next part of the message itself.

    It takes the place of a `Bdat` chunk, and mixes with them.
    """

    verb = "BURL"
    url: str = attrs.field(repr=False)
    """An absolute URI. With URLAUTH it holds the right to read the message: not shown."""
    last: bool = False


@attrs.frozen(repr=False)
class Rset(_Command):
    """RSET (RFC 5321 section 4.1.1.5): forget the transaction."""

    verb = "RSET"


@attrs.frozen(repr=False)
class Vrfy(_Command):
    """VRFY (RFC 5321 section 4.1.1.6): does this user or mailbox exist?"""

    verb = "VRFY"
    string: str


@attrs.frozen(repr=False)
class Expn(_Command):
    """EXPN (RFC 5321 section 4.1.1.7): who is on this list?"""

    verb = "EXPN"
    string: str


@attrs.frozen(repr=False)
class Help(_Command):
    """HELP (RFC 5321 section 4.1.1.8)."""

    verb = "HELP"
    string: str = ""


@attrs.frozen(repr=False)
class Noop(_Command):
    """NOOP (RFC 5321 section 4.1.1.9). The argument means nothing."""

    verb = "NOOP"
    string: str = ""


@attrs.frozen(repr=False)
class Quit(_Command):
    """QUIT (RFC 5321 section 4.1.1.10)."""

    verb = "QUIT"


@attrs.frozen(repr=False)
class StartTls(_Command):
    """STARTTLS (RFC 3207)."""

    verb = "STARTTLS"


@attrs.frozen(repr=False)
class Etrn(_Command):
    """ETRN (RFC 1985): start sending what waits for this node."""

    verb = "ETRN"
    node: str
    """A domain, perhaps after `@`; or `#queue`."""


@attrs.frozen(repr=False)
class XClient(_Command, WithParams):
    """XCLIENT (Postfix's XCLIENT_README): a trusted proxy says for whom it speaks from now on.

    A server begins the session anew with its 220. `command.get(PEER_ADDR)` reads an attribute.
    """

    verb = "XCLIENT"
    params: tuple[Param, ...]
    """The attributes, at least one."""


@attrs.frozen(repr=False)
class XForward(_Command, WithParams):
    """XFORWARD (Postfix's XFORWARD_README): where the next message came from, for the logs."""

    verb = "XFORWARD"
    params: tuple[Param, ...]
    """The attributes, at least one."""


@attrs.frozen(repr=False)
class UnknownCommand(_Command):
    """A verb of a private extension (`Extension.verbs`)."""

    verb: str
    argument: str = ""


# --- Events that only machines make -------------------------------------------------------------


@attrs.frozen(repr=False)
class BadCommand(Read):
    """Server: a line that was refused and has been answered. The connection goes on."""

    raw: bytes = attrs.field(repr=False)
    """The line as it came, cut at `limits.line`. It may hold a secret."""
    reply: Reply
    """What was answered."""


@attrs.frozen(repr=False)
class BodyEnd(Read):
    """Server: the message is complete. One `accept()` or `reject()` takes or refuses it.

    In LMTP there is one answer for each accepted recipient, in order. So there is for a message
    with PRDR, and one more, without a recipient, for the message as a whole.
    """

    size: int
    """Octets of all its chunks together."""
    recipient: str | None = None
    """LMTP, PRDR: whose answer is owed. (On `awaiting`, it moves on with each answer.)"""


@attrs.frozen(repr=False)
class BodyRefused(Read):
    """Server: the message was refused by the machine, swallowed, and answered.

    Its chunks so far are to be thrown away; there will be no `BodyEnd`.
    """

    reply: Reply
    """What was answered."""


@attrs.frozen(repr=False)
class Greeting(Shown):
    """Client: the server's first words."""

    reply: Reply


@attrs.frozen(repr=False)
class Goodbye(Shown):
    """Client: an unsolicited 421. The server closes the connection, and so does the machine."""

    reply: Reply


@attrs.frozen
class Replied:
    """Client: a reply, and the command it answers."""

    number: int
    """What `send()` returned for the command."""
    command: Command
    reply: Reply
    recipient: str | None = None
    """LMTP, PRDR, after the body: whose reply it is."""


@attrs.frozen
class Outcome:
    """Client: a transaction (`submit()`) has ended, and this is all there is to know about it.

    Nothing here is an exception: a refused recipient is a reply like any other.
    """

    number: int
    """What `submit()` returned."""
    envelope: Envelope
    mail: Reply
    """The answer to MAIL."""
    recipients: tuple[tuple[str, Reply], ...]
    """(address, answer to its RCPT), in order; empty when MAIL was refused."""
    reply: Reply | None
    """The answer to the body (the last one, in LMTP and PRDR), or None when no body was sent."""
    results: tuple[tuple[str, Reply], ...]
    """(address, final answer) for each recipient of the envelope, in order: the refusal of its
    RCPT, or the answer to the body (in LMTP its own; with PRDR its own, unless the message as a
    whole was refused), or the refusal of MAIL. When the connection is lost between those answers,
    only the recipients whose fate is known are here; the error follows."""

    @property
    def delivered(self) -> tuple[str, ...]:
        """The recipients the server took responsibility for."""
        return tuple(address for address, reply in self.results if reply.positive)

    @property
    def refused(self) -> tuple[tuple[str, Reply], ...]:
        """The others, with the reason."""
        return tuple((address, reply) for address, reply in self.results if not reply.positive)


Command: TypeAlias = (
    Helo
    | Ehlo
    | Lhlo
    | Mail
    | Rcpt
    | Data
    | Bdat
    | Burl
    | Rset
    | Vrfy
    | Expn
    | Help
    | Noop
    | Quit
    | StartTls
    | Auth
    | AuthResponse
    | AuthCancel
    | Etrn
    | XClient
    | XForward
    | UnknownCommand
)
"""Every command, for exhaustive matching."""

ServerEvent: TypeAlias = (
    Command | BadCommand | BodyChunk | BodyEnd | BodyRefused | TlsEstablished | Timeout
)
"""What a server's `next_event()` returns, besides `Want`."""

ClientEvent: TypeAlias = (
    Greeting | Replied | Challenge | Outcome | Goodbye | TlsEstablished | Timeout
)
"""What a client's `next_event()` returns, besides `Want`."""

Event: TypeAlias = ServerEvent | ClientEvent
"""Every event."""

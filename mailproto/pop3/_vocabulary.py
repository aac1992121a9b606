"""What POP3 peers say to each other, as frozen values.

The same class is what one role sends and the other receives: a client `send()`s `Retr(3)`, a
server's `next_event()` returns `Retr(3)`; a server `send()`s `Reply(...)`, a client gets it inside
`Replied`. Nothing here parses or encodes (that is `_codec`) or knows when something may be said
(that is `_states`).

Four kinds: replies, commands, what replies carry (totals, sizes, unique-ids, capabilities), and the
events that only a machine makes. The words of an AUTH exchange are shared with the other protocols,
and live in `mailproto._vocabulary`.

Rules

* Text is `str`, octets are `bytes`. 8-bit text that is not UTF-8 is kept by surrogateescape.
* Messages are numbered from 1; sizes are octets, with CRLF for each line end and without the dots
  that stuffing adds (RFC 1939 section 11).
* `defects` says what was odd about the way a value was written. It never takes part in `==`,
  because it does not change what was said.
* Secrets are not shown by `repr`.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

import attrs

from .._machine import BodyChunk, BodyWanted, Timeout, TlsEstablished
from .._vocabulary import (
    Auth,
    AuthCancel,
    AuthResponse,
    Challenge,
    Offered,
    Read,
    Shown,
    words,
)

__all__ = [
    "Apop",
    "Auth",
    "AuthCancel",
    "AuthResponse",
    "BadCommand",
    "BodyChunk",
    "BodyEnd",
    "BodyStart",
    "BodyWanted",
    "Capa",
    "Capabilities",
    "Challenge",
    "ClientEvent",
    "Command",
    "Commit",
    "Dele",
    "Event",
    "Goodbye",
    "Greeting",
    "Lang",
    "Language",
    "List",
    "Listing",
    "Noop",
    "Pass",
    "Quit",
    "Replied",
    "Reply",
    "ResponseCode",
    "Retr",
    "Rset",
    "ServerEvent",
    "Size",
    "Stat",
    "Stls",
    "Timeout",
    "TlsEstablished",
    "Top",
    "Totals",
    "Uidl",
    "UniqueId",
    "UnknownCommand",
    "Unparsed",
    "User",
    "Utf8",
    "Value",
    "apop_digest",
    "find_timestamp",
]


# --- Replies ------------------------------------------------------------------------------------


class ResponseCode(enum.StrEnum):
    """The response codes that are registered (RFC 2449 section 8, RFC 3206, RFC 6856 section 5).

    A refusal begins with one in brackets: `Reply(False, "[IN-USE] Somebody else is reading")`.
    """

    IN_USE = "IN-USE"
    """The login was good, but the maildrop is locked by another session."""
    LOGIN_DELAY = "LOGIN-DELAY"
    """This user has logged in too recently."""
    SYS_TEMP = "SYS/TEMP"
    """The server's trouble, not the user's; it may pass."""
    SYS_PERM = "SYS/PERM"
    """The server's trouble; somebody has to do something about it."""
    AUTH = "AUTH"
    """The credentials are wrong, or not allowed: ask the user."""
    UTF8 = "UTF8"
    """The message can only be had in UTF-8 mode."""


_CODE = re.compile(r"\[([!-.0-\\^-~]+(?:/[!-.0-\\^-~]+)*)\] ?")


@attrs.frozen(repr=False)
class Reply(Read):
    """+OK or -ERR and a text (RFC 1939 section 3): `Reply(True)`, `Reply(False, "[AUTH] No")`."""

    ok: bool
    """+OK, not -ERR."""
    text: str = ""
    """What follows it, response code included."""

    @property
    def code(self) -> str | None:
        """The response code (RFC 2449 section 8) that the text starts with, in upper case, or None.

        It compares with `ResponseCode`. A server may add detail behind a `/`: see `means()`.
        """
        match = _CODE.match(self.text)
        return None if match is None else match[1].upper()

    def means(self, code: str) -> bool:
        """Whether the response code is `code`, with or without further detail (`SYS/TEMP/DISK`)."""
        mine = self.code
        return mine is not None and (mine == code or mine.startswith(f"{code}/"))

    @property
    def message(self) -> str:
        """The text for people: without the response code."""
        match = _CODE.match(self.text)
        return self.text if match is None else self.text[match.end() :]

    def __str__(self) -> str:
        status = "+OK" if self.ok else "-ERR"
        return f"{status} {self.text}" if self.text else status


# --- APOP (RFC 1939 section 7) ------------------------------------------------------------------

_ATOM = r"[!#-'*+\-/-9=?A-Z^-~]+"  # RFC 822 section 3.3, 7-bit and printable
_SUB_DOMAIN = rf"(?:{_ATOM}|\[[!-;=-Z^-~]*\])"
_MSG_ID = re.compile(rf"<{_ATOM}(?:\.{_ATOM})*@{_SUB_DOMAIN}(?:\.{_SUB_DOMAIN})*>")


def find_timestamp(greeting: Reply) -> str | None:
    """The timestamp in a greeting, brackets included, by which APOP can be used; or None.

    Only what is a msg-id by RFC 822, 7-bit and without spaces, is one: a server that may choose the
    octets freely can find out passwords (CVE-2007-1558).
    """
    match = _MSG_ID.search(greeting.text) if greeting.ok else None
    return None if match is None else match[0]


def apop_digest(timestamp: str, secret: str | bytes) -> str:
    """What APOP proves the knowledge of `secret` with: the MD5 of both, in hexadecimal.

    `timestamp` with its brackets. A `secret` beyond ASCII is to be prepared by SASLprep first (RFC
    6856 section 2.2).
    """
    octets = secret.encode() if isinstance(secret, str) else secret
    return hashlib.md5(timestamp.encode() + octets, usedforsecurity=False).hexdigest()


# --- Commands -----------------------------------------------------------------------------------


@attrs.frozen(repr=False)
class User(Read):
    """USER (RFC 1939 section 7): whose maildrop. Followed by `Pass`."""

    verb = "USER"
    name: str


@attrs.frozen(repr=False)
class Pass(Read):
    """PASS (RFC 1939 section 7): the password, in the clear."""

    verb = "PASS"
    password: str = attrs.field(repr=False)
    """Everything behind the first space, spaces included."""


@attrs.frozen(repr=False)
class Apop(Read):
    """APOP (RFC 1939 section 7): a name and a digest. MD5 protects little: prefer TLS."""

    verb = "APOP"
    name: str
    digest: str = attrs.field(repr=False)
    """32 hexadecimal digits, in lower case."""

    @classmethod
    def make(cls, name: str, timestamp: str, secret: str | bytes) -> Apop:
        """The command for a greeting's timestamp (`client.timestamp`) and a shared secret."""
        return cls(name, apop_digest(timestamp, secret))

    def proves(self, timestamp: str | None, secret: str | bytes) -> bool:
        """Server: whether the digest was made from `server.timestamp` and this secret."""
        if timestamp is None:
            return False
        return hmac.compare_digest(
            apop_digest(timestamp, secret).encode(), self.digest.encode("utf-8", "replace")
        )


@attrs.frozen(repr=False)
class Stls(Read):
    """STLS (RFC 2595 section 4)."""

    verb = "STLS"


@attrs.frozen(repr=False)
class Capa(Read):
    """CAPA (RFC 2449 section 5): what can you do?"""

    verb = "CAPA"


@attrs.frozen(repr=False)
class Stat(Read):
    """STAT (RFC 1939 section 5): how many messages, and how large together?"""

    verb = "STAT"


@attrs.frozen(repr=False)
class List(Read):
    """LIST (RFC 1939 section 5): the size of one message, or of all."""

    verb = "LIST"
    number: int | None = None


@attrs.frozen(repr=False)
class Retr(Read):
    """RETR (RFC 1939 section 5): a whole message."""

    verb = "RETR"
    number: int


@attrs.frozen(repr=False)
class Dele(Read):
    """DELE (RFC 1939 section 5): mark a message as deleted. It goes when QUIT is said."""

    verb = "DELE"
    number: int


@attrs.frozen(repr=False)
class Noop(Read):
    """NOOP (RFC 1939 section 5)."""

    verb = "NOOP"


@attrs.frozen(repr=False)
class Rset(Read):
    """RSET (RFC 1939 section 5): no message is marked as deleted any more."""

    verb = "RSET"


@attrs.frozen(repr=False)
class Quit(Read):
    """QUIT (RFC 1939 sections 4 and 6): after a login, it also deletes what was marked."""

    verb = "QUIT"


@attrs.frozen(repr=False)
class Top(Read):
    """TOP (RFC 1939 section 7): a message's header, the empty line, and some lines of its body."""

    verb = "TOP"
    number: int
    lines: int
    """Lines of the body; 0 is the header alone."""


@attrs.frozen(repr=False)
class Uidl(Read):
    """UIDL (RFC 1939 section 7): the unique-id of one message, or of all."""

    verb = "UIDL"
    number: int | None = None


@attrs.frozen(repr=False)
class Utf8(Read):
    """UTF8 (RFC 6856 section 2): from now on, texts and messages may be UTF-8."""

    verb = "UTF8"


@attrs.frozen(repr=False)
class Lang(Read):
    """LANG (RFC 6856 section 3): the language of texts for people, or which ones there are."""

    verb = "LANG"
    tag: str | None = None
    """A language range; `*` is the server's choice; None asks for the list."""


@attrs.frozen(repr=False)
class UnknownCommand(Read):
    """Any other verb, answered by one line. A server gives those of `ServerConfig.verbs`."""

    verb: str
    argument: str = ""


# --- What replies carry -------------------------------------------------------------------------


class Totals(NamedTuple):
    """The answer to STAT."""

    messages: int
    """Those marked as deleted do not count."""
    octets: int


class Size(NamedTuple):
    """An entry of LIST."""

    number: int
    octets: int


class UniqueId(NamedTuple):
    """An entry of UIDL."""

    number: int
    unique_id: str
    """1 to 70 characters, the same in every session."""


class Language(NamedTuple):
    """An entry of LANG."""

    tag: str
    description: str = ""
    """In the language itself."""


@attrs.frozen
class Unparsed:
    """An entry of a listing that cannot be read."""

    raw: bytes
    """The line, without its end."""


@attrs.frozen
class Capabilities(Offered):
    """What CAPA offers (RFC 2449), read leniently.

    Keywords are compared without case; one that is offered twice is merged. `"TOP" in
    capabilities`; `capabilities["SASL"]` are the arguments as they stand. The properties give typed
    values and never raise: an argument that cannot be read counts as absent.
    """

    offered: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(keyword in upper case, arguments), in order."""

    @classmethod
    def from_lines(cls, lines: Iterable[str]) -> Capabilities:
        """Read the lines of an answer to CAPA, without the first and the last."""
        return cls(cls.merged(map(words, lines)))

    @property
    def sasl(self) -> tuple[str, ...]:
        """SASL: the mechanisms, in upper case, in the server's order."""
        return tuple(dict.fromkeys(word.upper() for word in self.arguments("SASL")))

    @property
    def login_delay(self) -> int | None:
        """LOGIN-DELAY: seconds between two logins. See `per_user()`."""
        return self.number("LOGIN-DELAY")

    @property
    def expire(self) -> int | Literal["NEVER"] | None:
        """EXPIRE: days a message is kept; 0: it is gone once it was retrieved. See `per_user()`."""
        if self.arguments("EXPIRE")[:1] and self.arguments("EXPIRE")[0].upper() == "NEVER":
            return "NEVER"
        return self.number("EXPIRE")

    def per_user(self, keyword: str) -> bool:
        """Whether the argument has USER: ask again after the login, it may be another then.

        For UTF8 it means that names and passwords may be UTF-8 (RFC 6856 section 2.2).
        """
        return "USER" in map(str.upper, self.arguments(keyword))

    @property
    def implementation(self) -> str | None:
        """IMPLEMENTATION: what the server is, if it says."""
        return " ".join(self.arguments("IMPLEMENTATION")) or None


Value: TypeAlias = Totals | Size | UniqueId | Capabilities | tuple[Language, ...]
"""What a reply says besides yes, as `Replied.value`: to STAT, LIST n, UIDL n, CAPA and LANG."""


# --- Events that only machines make -------------------------------------------------------------


@attrs.frozen(repr=False)
class BadCommand(Read):
    """Server: a line that was refused and has been answered. The connection goes on."""

    raw: bytes = attrs.field(repr=False)
    """The line as it came, cut at `limits.line`. It may hold a secret."""
    reply: Reply
    """What was answered."""


@attrs.frozen
class Commit:
    """Server: QUIT was said after a login: remove these messages now, and answer.

    It comes once, also when there is nothing to remove, and only then: a session that ends in any
    other way removes nothing (RFC 1939 section 6). The connection closes behind the answer.
    """

    deleted: tuple[int, ...]
    """The numbers of the messages marked as deleted, in order."""
    unique_ids: tuple[str, ...]
    """Their unique-ids."""


@attrs.frozen(repr=False)
class Greeting(Shown):
    """Client: the server's first words. When they are -ERR, it closes the connection."""

    reply: Reply


@attrs.frozen(repr=False)
class Goodbye(Shown):
    """Client: an unsolicited -ERR. The server closes the connection, and so does the machine."""

    reply: Reply


@attrs.frozen
class Replied:
    """Client: a reply, and the command it answers. What it brings has come before it."""

    number: int
    """What `send()` returned for the command."""
    command: Command
    reply: Reply
    value: Value | None = None
    """What the reply says, if it is more than yes or no: `Totals` to STAT, `Size` to LIST n,
    `UniqueId` to UIDL n, `Capabilities` to CAPA, `Language`s to LANG. None when it cannot be read
    (`unreadable` in the reply's defects)."""


@attrs.frozen(repr=False)
class Listing(Read):
    """Client: a part of the answer to LIST or UIDL, `limits.batch` entries, the last one fewer."""

    number: int
    """What `send()` returned for the command."""
    command: List | Uidl
    entries: tuple[tuple[int, int] | tuple[int, str] | Unparsed, ...]
    """(number, octets) or (number, unique-id) of each message, plain tuples, as the server has
    them: perhaps in odd order, with gaps or twice. `Unparsed` stands for what cannot be read."""


@attrs.frozen
class BodyStart:
    """Client: a message follows, in answer to RETR or TOP."""

    number: int
    """What `send()` returned for the command."""
    command: Retr | Top
    reply: Reply
    size: int | None
    """The octets that the reply announces, if it does. Servers have been known to lie."""


@attrs.frozen(repr=False)
class BodyEnd(Read):
    """Client: the message is complete. A message that is cut off has no `BodyEnd`."""

    size: int
    """Octets of all its chunks together."""


Command: TypeAlias = (
    User
    | Pass
    | Apop
    | Auth
    | AuthResponse
    | AuthCancel
    | Stls
    | Capa
    | Stat
    | List
    | Retr
    | Dele
    | Noop
    | Rset
    | Quit
    | Top
    | Uidl
    | Utf8
    | Lang
    | UnknownCommand
)
"""Every command, for exhaustive matching."""

ServerEvent: TypeAlias = Command | BadCommand | Commit | TlsEstablished | Timeout
"""What a server's `next_event()` returns, besides `Want`."""

ClientEvent: TypeAlias = (
    Greeting
    | Replied
    | Listing
    | BodyStart
    | BodyChunk
    | BodyEnd
    | Challenge
    | Goodbye
    | TlsEstablished
    | Timeout
)
"""What a client's `next_event()` returns, besides `Want`."""

Event: TypeAlias = ServerEvent | ClientEvent
"""Every event."""

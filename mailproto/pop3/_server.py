"""The POP3 server machine.

The data flow: `_parse` hands the input to the reader named by `_reader`. The reader of commands
checks a line in this order: length, syntax, the row of its verb for this state, what the verb's own
handler wants. What survives is an event: answered here when the protocol and the maildrop determine
the answer, else `awaiting`. The answer is written by `accept()` and `reject()`, and the row of the
event in `_THEN` says what the session is afterwards.

    _reader     does                                          until
    command     reads command lines                           a longer answer is to be given
    auth        reads one line that answers a Challenge       it came
    listing     writes a listing, as much as output takes     its last line
    commit      asks the application to remove messages       it was asked

The maildrop is what the application opened at the login: sizes and unique-ids, numbered from 1, and
which of them are marked as deleted. Everything about it is answered from here; only the octets of
RETR and TOP come from the application, piece by piece, while `awaiting` is a `BodyWanted`.

Invariants

* Messages are removed by the application when it is given a `Commit`, and that comes only behind
  QUIT in TRANSACTION. A machine that gives up says nothing, and never completes a message.
* What the peer wrote is never copied into a reply.
* Nothing the machine writes by itself grows with the maildrop: listings wait for `Want.SEND`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, cast

import attrs

from .._grammar import has_control
from .._machine import BodyWanted, LineServer, LineTooLong
from .._vocabulary import HTTP_VERBS, PLAINTEXT_MECHANISMS
from .._wire import BareNewlines, NewlineFilter, TextEncoder, as_bytes
from ..errors import Defect, LocalProtocolError, RemoteProtocolError
from ..limits import Limits
from ._codec import UNIQUE_ID, SyntaxRefused, encode, parse_auth_response, parse_command
from ._states import RULES, TIMEOUT, Quirks, State
from ._top import Head
from ._vocabulary import (
    Apop,
    Auth,
    AuthCancel,
    AuthResponse,
    BadCommand,
    Capa,
    Challenge,
    Commit,
    Dele,
    Lang,
    List,
    Noop,
    Pass,
    Quit,
    Reply,
    Retr,
    Rset,
    ServerEvent,
    Stat,
    Stls,
    Top,
    Totals,
    Uidl,
    UnknownCommand,
    User,
    Utf8,
    find_timestamp,
)

__all__ = ["Server", "ServerConfig"]


def _keywords(config: ServerConfig) -> frozenset[str]:
    return frozenset(line.split(" ")[0].upper() for line in config.capabilities)


@attrs.frozen(kw_only=True)
class ServerConfig:
    """What a server is, and what it offers. One for all its connections."""

    hostname: str = "localhost"
    """What it calls itself."""
    capabilities: tuple[str, ...] = (
        "TOP",
        "UIDL",
        "USER",
        "PIPELINING",
        "RESP-CODES",
        "AUTH-RESP-CODE",
    )
    """CAPA's lines, each with its arguments behind spaces. TOP, UIDL, USER and UTF8 are refused
    where they are not offered. Add what the application keeps: "EXPIRE 30", "LOGIN-DELAY 60 USER",
    "UTF8 USER", "IMPLEMENTATION x". A last USER behind EXPIRE and LOGIN-DELAY is left out after the
    login. SASL, STLS and LANG come from their own fields."""
    auth: tuple[str, ...] = ()
    """SASL mechanisms, strongest first."""
    plaintext_auth: bool = False
    """Whether USER, PASS, PLAIN, LOGIN and bearer tokens are offered without TLS."""
    stls: bool = False
    """Offer STLS while there is no TLS."""
    languages: tuple[tuple[str, str], ...] = ()
    """LANG (RFC 6856 section 3): (tag, what the language calls itself). The first is preferred."""
    verbs: tuple[str, ...] = ()
    """Verbs of private extensions, which are put to the application as `UnknownCommand`."""
    offered: frozenset[str] = attrs.field(
        init=False, repr=False, eq=False, default=attrs.Factory(_keywords, takes_self=True)
    )
    """The keywords of `capabilities`, in upper case."""

    def __attrs_post_init__(self) -> None:
        tags = [tag for tag, _ in self.languages]
        for line in (self.hostname, *self.capabilities):
            encode(Reply(True, line))  # refuses control characters, and lines that are too long
            if not line or not line.isascii() or line != line.strip(" "):
                raise ValueError("a capability is a keyword and its arguments, in ASCII")
        if self.offered & {"SASL", "STLS", "LANG"}:
            raise ValueError("SASL, STLS and LANG come from auth, stls and languages")
        for tag, description in self.languages:
            encode(Lang(tag))
            if tag == "*" or has_control(description):
                raise ValueError("a language is a tag and what the language calls itself")
        for verb in self.verbs:
            encode(UnknownCommand(verb))
        for word in (*self.auth, *tags, self.hostname):
            if not word or " " in word or has_control(word) or not word.isascii():
                raise ValueError("a mechanism, and the host name, is one word")

    def greeting(self, unique: str) -> Reply:
        """A greeting that offers APOP, for `Server(config, greeting=...)`.

        `unique` must be another one for each connection, and nobody may guess it: the process, the
        time and something random. Letters, digits and dots.
        """
        reply = Reply(True, f"{self.hostname} ready <{unique}@{self.hostname}>")
        if find_timestamp(reply) is None:
            raise ValueError("unique is letters, digits and dots between them")
        return reply


def _canned(ok: bool, text: str) -> bytes:
    return encode(Reply(ok, text))


_LOGINS = (Pass, Apop, Auth, AuthResponse)

_YES: dict[type, bytes] = {
    Stls: _canned(True, "Begin TLS negotiation"),
    Top: _canned(True, "Top of message follows"),
    UnknownCommand: _canned(True, ""),
}
"""The normal yes to each event that waits for an answer, where it is always the same. That of a
login has the totals, that of RETR the size, of LANG the language, of Commit the host name."""

_NO: dict[type, Reply] = {
    **dict.fromkeys(_LOGINS, Reply(False, "[AUTH] Authentication failed")),
    Stls: Reply(False, "[SYS/TEMP] TLS is not available now"),
    Retr: Reply(False, "[SYS/TEMP] The message cannot be read now"),
    Top: Reply(False, "[SYS/TEMP] The message cannot be read now"),
    Lang: Reply(False, "No such language"),
    Commit: Reply(False, "[SYS/TEMP] Some deleted messages were not removed"),
    UnknownCommand: Reply(False, "Unknown command"),
}
"""The normal no to each. Without AUTH-RESP-CODE the code in brackets is left out."""

_OTHER = RULES[""]
_OK = _canned(True, "")
_DELETED = _canned(True, "Marked as deleted")
_NO_SUCH_MESSAGE = Reply(False, "No such message")
_TOO_LONG = Reply(False, "Line too long")
_NEEDS_TLS = Reply(False, "[AUTH] Plaintext authentication needs TLS")
_ENTRY = 96  # octets of a listing's line at most
_MOST_OCTETS = 2**63 - 1


class Server(LineServer[ServerEvent]):
    """A server's end of one POP3 connection. See `mailproto.Machine` for how to drive it.

    Events to answer with `accept()`, `reject()` or `send(Reply(...))`: the logins `Pass`, `Apop`,
    `Auth` and `AuthResponse`, which are accepted with their maildrop; `Retr` and `Top`, behind
    which the message is given with `send_body()` and `end_body()`; `Commit`; `Stls`, `Lang`, and
    verbs of private extensions. All others are for your information, and already answered.

    `greeting` replaces the +OK. One that holds a timestamp offers APOP (`ServerConfig.greeting()`);
    an -ERR sends the client away.
    """

    _too_much = Reply(False, "Too much to swallow")

    def __init__(
        self,
        config: ServerConfig = ServerConfig(),
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        quirks: Quirks = Quirks(),  # noqa: B008 - frozen
        tls: bool = False,
        greeting: Reply | None = None,
    ) -> None:
        super().__init__(limits, quirks, tls, bare_lf=quirks.bare_lf_commands)
        self.config = config
        self._state = State.AUTHORIZATION
        self._handlers = self._state.value
        self._reader = "command"
        self._username: str | None = None
        self._refused = 0  # logins
        self._utf8 = False
        self._language: str | None = None
        self._found_language = ""  # what the LANG at hand asks for
        # The maildrop, message n at n - 1.
        self._sizes: array[int] = array("Q")
        self._ids: tuple[str, ...] = ()
        self._deleted = bytearray()
        self._left = 0  # messages, and their octets, that are not deleted
        self._octets = 0
        self._totals = b""  # the answer to STAT, if it is known
        self._own: dict[str, str] = {}  # capabilities that this user has otherwise
        # The listing, and the message, under way.
        self._cursor = 0
        self._with_ids = False
        self._text = TextEncoder(quirks.bare_newlines)
        self._head: Head | None = None
        self._newlines = NewlineFilter(quirks.bare_newlines)
        if greeting is None:
            greeting = Reply(True, f"{config.hostname} ready")
        _check_reply(greeting)
        self._timestamp = find_timestamp(greeting)
        self._out.put(encode(greeting))
        if not greeting.ok:
            self._close()

    # --- What to look at ------------------------------------------------------------------------

    @property
    def quirks(self) -> Quirks:
        """The tolerances this machine was made with."""
        return cast(Quirks, self._quirks)

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def timestamp(self) -> str | None:
        """What an APOP digest is made from, if the greeting offered it."""
        return self._timestamp

    @property
    def username(self) -> str | None:
        """The name that USER or APOP gave. What AUTH says is between mechanism and application."""
        return self._username

    @property
    def utf8(self) -> bool:
        """Whether the client has said UTF8 (RFC 6856 section 2.1).

        If not, a message with a UTF-8 header is not for it: reject RETR with `[UTF8]`, or send a
        surrogate.
        """
        return self._utf8

    @property
    def language(self) -> str | None:
        """The language that LANG chose for the texts of replies, or None."""
        return self._language

    @property
    def totals(self) -> Totals:
        """Messages, and their octets, that are not marked as deleted. Zero before the login."""
        return Totals(self._left, self._octets)

    @property
    def enough(self) -> bool:
        """Whether a TOP has all the lines it asked for.

        What is given now is dropped: say `end_body()`.
        """
        return self._head is not None and self._head.enough

    @property
    def timeout(self) -> float | None:
        """600 seconds, whatever it waits for (RFC 1939 section 3)."""
        return None if self._closing or self._error else TIMEOUT

    # --- Input ----------------------------------------------------------------------------------

    def _parse(self) -> ServerEvent | None:
        if self._reader == "command":
            return self._read_command()
        return _READERS[self._reader](self)

    def _open(self) -> bool:
        return self._reader != "command" or self._in_line()

    def _read_command(self) -> ServerEvent | None:
        try:
            line = self._take_line()
        except LineTooLong as error:
            return self._refuse(error.raw, _TOO_LONG)
        if line is None:
            return None
        try:
            event = parse_command(line)
        except SyntaxRefused as error:
            self._check_hello(line)
            return self._refuse(line, error.reply)
        if self._eol == b"\n" and not line.endswith(b"\r\n"):
            event = attrs.evolve(event, defects=(*event.defects, _bare_lf(line)))
        handler = _HANDLERS[self._handlers].get(type(event))
        if handler is None:
            return self._refuse(line, Reply(False, RULES.get(event.verb, _OTHER).out_of_place))
        return handler(self, event, line)

    def _read_auth(self) -> ServerEvent | None:
        try:
            line = self._take_line()
        except LineTooLong as error:
            self._reader = "command"
            return self._refuse(error.raw, _TOO_LONG)
        if line is None:
            return None
        self._reader = "command"
        try:
            event = parse_auth_response(line)
        except SyntaxRefused as error:
            self._check_hello(line)
            return self._refuse(line, error.reply)
        if not line.endswith(b"\r\n"):
            event = attrs.evolve(event, defects=(_bare_lf(line),))
        if isinstance(event, AuthCancel):
            self._out.put(_canned(False, "Authentication cancelled"))
        else:
            self._awaiting = event
        return event

    # --- Commands that are answered here --------------------------------------------------------

    def _refuse(self, line: bytes, reply: Reply) -> BadCommand:
        reply = self._plain(reply)
        self._out.put(encode(reply))
        return BadCommand(line, reply)

    def _plain(self, reply: Reply) -> Reply:
        """A reply of the machine's own: response codes only where they were announced."""
        if reply.text[:1] != "[" or "AUTH-RESP-CODE" in self.config.offered:
            return reply
        return Reply(reply.ok, reply.message)

    def _open_to_all(self) -> bool:
        """Whether secrets may be shown."""
        return self._tls or self.config.plaintext_auth

    def _on_user(self, event: User, line: bytes) -> ServerEvent:
        if "USER" not in self.config.offered:
            return self._refuse(line, _not_offered(event.verb))
        if not self._open_to_all():
            return self._refuse(line, _NEEDS_TLS)
        # Always yes: a no would say which names there are (RFC 1939 section 13).
        self._username = event.name
        self._enter(State.USER)
        self._out.put(_OK)
        return event

    def _on_capa(self, event: Capa, line: bytes) -> ServerEvent:
        lines = [*self._capability_lines(), "."]
        self._out.put(_canned(True, "Capability list follows"))
        self._out.put("".join(f"{line}\r\n" for line in lines).encode("ascii"))
        return event

    def _capability_lines(self) -> list[str]:
        before = self._state is not State.TRANSACTION
        own = dict(self._own)
        lines: list[str] = []
        for line in self.config.capabilities:
            keyword, *arguments = line.upper().split(" ")
            if keyword == "USER" and not self._open_to_all():
                continue
            if not before and keyword in ("EXPIRE", "LOGIN-DELAY") and arguments[-1:] == ["USER"]:
                line = line[: -len(" USER")]
            lines.append(own.pop(keyword, line))
        lines += own.values()
        if mechanisms := self._mechanisms():
            lines.append(f"SASL {' '.join(mechanisms)}")
        if self.config.stls and before and not self._tls:
            lines.append("STLS")
        if self.config.languages:
            lines.append("LANG")
        return lines

    def _mechanisms(self) -> list[str]:
        return [
            mechanism
            for mechanism in self.config.auth
            if self._open_to_all() or mechanism.upper() not in PLAINTEXT_MECHANISMS
        ]

    def _on_noop(self, event: Noop, line: bytes) -> ServerEvent:
        self._out.put(_OK)
        return event

    def _on_stat(self, event: Stat, line: bytes) -> ServerEvent:
        totals = self._totals
        if not totals:
            self._totals = totals = b"+OK %d %d\r\n" % (self._left, self._octets)
        self._out.put(totals)
        return event

    def _there(self, number: int) -> bool:
        """Whether there is a message with this number that is not marked as deleted."""
        return 0 < number <= len(self._sizes) and not self._deleted[number - 1]

    def _on_list(self, event: List, line: bytes) -> ServerEvent:
        number = event.number
        if number is None:
            return self._begin_listing(event, False)
        if not self._there(number):
            return self._refuse(line, _NO_SUCH_MESSAGE)
        self._out.put(b"+OK %d %d\r\n" % (number, self._sizes[number - 1]))
        return event

    def _on_uidl(self, event: Uidl, line: bytes) -> ServerEvent:
        if "UIDL" not in self.config.offered:
            return self._refuse(line, _not_offered(event.verb))
        number = event.number
        if number is None:
            return self._begin_listing(event, True)
        if not self._there(number):
            return self._refuse(line, _NO_SUCH_MESSAGE)
        self._out.put(f"+OK {number} {self._ids[number - 1]}\r\n".encode("ascii"))
        return event

    def _begin_listing(self, event: List | Uidl, with_ids: bool) -> ServerEvent:
        self._out.put(b"+OK %d messages (%d octets)\r\n" % (self._left, self._octets))
        self._cursor = 0
        self._with_ids = with_ids
        self._reader = "listing"
        return event

    def _go_on_listing(self) -> ServerEvent | None:
        out, deleted = self._out, self._deleted
        column: Any = self._ids if self._with_ids else self._sizes
        while self._cursor < len(column):
            room = self._flush_at - out.size
            if room <= 0:
                return None
            start = self._cursor
            self._cursor = stop = min(start + max(room // _ENTRY, 1), len(column))
            lines = [
                f"{number + 1} {column[number]}\r\n"
                for number in range(start, stop)
                if not deleted[number]
            ]
            if lines:
                out.put("".join(lines).encode("ascii"))
        out.put(b".\r\n")
        self._reader = "command"
        return self._read_command() if out.size < self._flush_at else None

    def _on_dele(self, event: Dele, line: bytes) -> ServerEvent:
        number = event.number
        if not self._there(number):
            return self._refuse(line, _NO_SUCH_MESSAGE)
        self._deleted[number - 1] = 1
        self._left -= 1
        self._octets -= self._sizes[number - 1]
        self._totals = b""
        self._out.put(_DELETED)
        return event

    def _on_rset(self, event: Rset, line: bytes) -> ServerEvent:
        self._deleted = bytearray(len(self._sizes))
        self._left = len(self._sizes)
        self._octets = sum(self._sizes)
        self._totals = b""
        self._out.put(_OK)
        return event

    def _on_utf8(self, event: Utf8, line: bytes) -> ServerEvent:
        if "UTF8" not in self.config.offered:
            return self._refuse(line, _not_offered(event.verb))
        self._utf8 = True
        self._out.put(_OK)
        return event

    def _on_quit(self, event: Quit, line: bytes) -> ServerEvent:
        if self._state is State.TRANSACTION:
            self._state = State.UPDATE
            self._reader = "commit"
        else:
            self._out.put(self._signing_off())
            self._close()
        return event

    def _signing_off(self) -> bytes:
        return _canned(True, f"{self.config.hostname} signing off")

    # --- Commands that the application answers --------------------------------------------------

    def _ask(self, event: Any, line: bytes) -> ServerEvent:
        self._awaiting = event
        return cast(ServerEvent, event)

    def _commit(self) -> ServerEvent:
        marked = [number for number, gone in enumerate(self._deleted) if gone]
        self._reader = "command"
        self._awaiting = event = Commit(
            tuple(number + 1 for number in marked), tuple(self._ids[number] for number in marked)
        )
        return event

    def _on_apop(self, event: Apop, line: bytes) -> ServerEvent:
        if self._timestamp is None:
            return self._refuse(line, _not_offered(event.verb))
        self._enter(State.AUTHORIZATION)
        self._username = event.name
        return self._ask(event, line)

    def _on_auth(self, event: Auth, line: bytes) -> ServerEvent:
        known = [mechanism.upper() for mechanism in self.config.auth]
        offered = [mechanism.upper() for mechanism in self._mechanisms()]
        if event.mechanism not in offered:
            needs_tls = event.mechanism in known
            return self._refuse(
                line, _NEEDS_TLS if needs_tls else Reply(False, "No such mechanism")
            )
        self._enter(State.AUTHORIZATION)  # a USER before it counts no more
        self._username = None
        return self._ask(event, line)

    def _on_stls(self, event: Stls, line: bytes) -> ServerEvent:
        if self._tls:
            return self._refuse(line, Reply(False, "TLS is there already"))
        if not self.config.stls:
            return self._refuse(line, _not_offered(event.verb))
        if self._utf8:
            return self._refuse(line, Reply(False, "STLS must come before UTF8"))
        return self._ask(event, line)

    def _on_retr(self, event: Retr | Top, line: bytes) -> ServerEvent:
        if event.verb not in self.config.offered and isinstance(event, Top):
            return self._refuse(line, _not_offered(event.verb))
        if not self._there(event.number):
            return self._refuse(line, _NO_SUCH_MESSAGE)
        return self._ask(event, line)

    def _on_lang(self, event: Lang, line: bytes) -> ServerEvent:
        languages = self.config.languages
        if not languages:
            return self._refuse(line, _not_offered(event.verb))
        if event.tag is None:
            self._out.put(_canned(True, "Language listing follows"))
            listing = [" ".join(filter(None, language)) for language in languages]
            self._out.put("".join(f"{line}\r\n" for line in [*listing, "."]).encode())
            return event
        # RFC 4647 section 3.3.1: the range itself, or a tag that goes on behind a hyphen.
        wanted = event.tag.lower()
        for tag, _ in languages:
            if wanted == "*" or f"{tag.lower()}-".startswith(f"{wanted}-"):
                self._found_language = tag
                return self._ask(event, line)
        return self._refuse(line, _NO[Lang])

    def _on_unknown(self, event: UnknownCommand, line: bytes) -> ServerEvent:
        if event.verb in self.config.verbs:
            return self._ask(event, line)
        if event.verb in HTTP_VERBS:
            raise RemoteProtocolError(
                "the client speaks HTTP", Reply(False, "This is not a web server")
            )
        return self._refuse(line, Reply(False, "Unknown command"))

    # --- Messages -------------------------------------------------------------------------------

    def send_body(self, data: bytes | bytearray | memoryview) -> None:
        """The next piece of the message that RETR or TOP asks for. b"" changes nothing.

        It is stuffed, its bare CRs and LFs are treated as `quirks.bare_newlines` says, and for TOP
        it is cut at the right line (see `enough`). Raises LocalProtocolError when no message is
        wanted or output waits to be flushed, ValueError for a bare CR or LF under
        BareNewlines.REJECT.
        """
        self._check_body()
        data = as_bytes(data)
        if self._head is None:
            piece = self._text.feed(data)
        elif self._head.enough:
            return
        else:
            piece = self._text.feed(self._head.feed(self._newlines.feed(data)))
        if piece:
            self._out.put(piece)

    def end_body(self) -> None:
        """The message is complete; it is always called.

        Raises LocalProtocolError as `send_body()` does, ValueError for a bare CR at the very end
        under BareNewlines.REJECT.
        """
        self._check_body()
        if self._head is not None:
            if not self._head.enough:
                piece = self._text.feed(self._head.feed(self._newlines.end()))
                if piece:
                    self._out.put(piece)
            self._head = None
        self._out.put(self._text.end())
        self._awaiting = None

    def _check_body(self) -> None:
        if not isinstance(self._awaiting, BodyWanted):
            raise LocalProtocolError("no body is wanted now")
        self._check_can_send()

    # --- Answers --------------------------------------------------------------------------------

    def accept(
        self,
        reply: Reply | None = None,
        *,
        maildrop: Iterable[tuple[int, str]] | None = None,
        capabilities: Iterable[str] = (),
    ) -> None:
        """Say yes to `awaiting`; `reply` says it in other words.

        A login is accepted with its `maildrop`: (octets, unique-id) for each message, in order.
        Octets count each line end as two (RFC 1939 section 11); a unique-id is 1 to 70 characters
        from `!` to `~`. Two messages may have the same one: RFC 1939 section 7 lets it be a hash.
        `capabilities` replace the configured lines of the same keyword for this user ("EXPIRE 7").

        Behind `Retr` and `Top`, `awaiting` is a `BodyWanted`: give the message with `send_body()`
        and `end_body()`.

        Raises LocalProtocolError when nothing is owed, or a login lacks its maildrop; TypeError or
        ValueError for a reply that is no yes, or a maildrop that is none.
        """
        event: object = self._awaiting
        if event is None or isinstance(event, BodyWanted) or self._out.size >= self._limits.output:
            self._nothing_owed()
        kind = type(event)
        if reply is not None:
            _check_reply(reply)
            if not reply.ok:
                raise ValueError("-ERR is no yes")
        if kind not in _LOGINS:
            if maildrop is not None or capabilities:
                raise LocalProtocolError("a maildrop comes with the yes to a login")
        elif maildrop is None:
            raise LocalProtocolError(
                "a login is accepted with its maildrop:"
                " accept(maildrop=[(octets, unique_id), ...]), [] for an empty one"
            )
        else:
            self._fill(maildrop, capabilities, None if reply is None else encode(reply))
            return
        data = self._yes(event) if reply is None else encode(reply)
        self._awaiting = None
        _THEN[kind](self, event, data, True)

    def reject(self, reply: Reply | None = None) -> None:
        """Say no to `awaiting`; `reply` says why.

        A response code helps the client to know what to do: `[IN-USE]`, `[SYS/TEMP]`, `[UTF8]`, ...
        (`ResponseCode`). Raises LocalProtocolError when nothing is owed, ValueError for a reply
        that is no no.
        """
        event: object = self._awaiting
        if event is None or isinstance(event, BodyWanted) or self._out.size >= self._limits.output:
            self._nothing_owed()
        kind = type(event)
        if reply is None:
            reply = self._plain(_NO[kind])
        _check_reply(reply)
        if reply.ok:
            raise ValueError("+OK is no refusal")
        data = encode(reply)
        self._awaiting = None
        _THEN[kind](self, event, data, False)

    def send(self, item: Reply | Challenge) -> None:
        """The exact answer: a `Reply`, or a `Challenge` to AUTH.

        Raises LocalProtocolError when nothing is owed, for a challenge that is out of place, and
        for +OK to a login (its maildrop goes with `accept()`); TypeError or ValueError for what
        cannot be said.
        """
        if isinstance(item, Challenge):
            if self._awaiting is None or self._out.size >= self._limits.output:
                self._nothing_owed()
            if not isinstance(self._awaiting, (Auth, AuthResponse)):
                raise LocalProtocolError("a Challenge answers Auth and AuthResponse only")
            self._out.put(encode(item))
            self._awaiting = None
            self._reader = "auth"
            return
        _check_reply(item)
        if item.ok:
            self.accept(item)
        else:
            self.reject(item)

    def _nothing_owed(self) -> NoReturn:
        self._check_can_send()
        if isinstance(self._awaiting, BodyWanted):
            raise LocalProtocolError("the message is wanted now: send_body(), end_body()")
        raise LocalProtocolError("no answer is owed now (machine.awaiting is None)")

    def _yes(self, event: object) -> bytes:
        """The normal yes."""
        if isinstance(event, Retr):
            return b"+OK %d octets\r\n" % self._sizes[event.number - 1]
        if isinstance(event, Lang):
            return _canned(True, f"{self._found_language} Language changed")
        return self._signing_off() if isinstance(event, Commit) else _YES[type(event)]

    def _fill(
        self,
        maildrop: Iterable[tuple[int, str]],
        capabilities: Iterable[str],
        data: bytes | None,
    ) -> None:
        """Take the maildrop, say yes, and go on in TRANSACTION."""
        sizes: array[int] = array("Q")
        ids: list[str] = []
        for octets, unique_id in maildrop:
            if type(octets) is not int or not 0 <= octets <= _MOST_OCTETS:
                raise ValueError("the size of a message is 0 or more octets")
            if UNIQUE_ID.fullmatch(unique_id) is None:
                raise ValueError("a unique-id is 1 to 70 characters from ! to ~")
            sizes.append(octets)
            ids.append(unique_id)
        own = {line.split(" ")[0].upper(): line for line in capabilities}
        ServerConfig(capabilities=tuple(own.values()))  # refuses what is no capability
        self._sizes, self._ids, self._own = sizes, tuple(ids), own
        self._deleted = bytearray(len(sizes))
        self._left, self._octets = len(sizes), sum(sizes)
        self._totals = b""
        self._awaiting = None
        self._enter(State.TRANSACTION)
        if data is None:
            data = _canned(True, f"{self._left} messages ({self._octets} octets)")
        self._out.put(data)

    def _then_login(self, event: object, data: bytes, yes: bool) -> None:
        # Only a no comes here: _fill() says yes.
        self._out.put(data)
        self._username = None
        self._enter(State.AUTHORIZATION)
        self._refused += 1
        most = self._limits.logins
        if most is not None and self._refused >= most:
            self._close()

    def _then_message(self, event: Retr | Top, data: bytes, yes: bool) -> None:
        self._out.put(data)
        if not yes:
            return
        policy = self.quirks.bare_newlines
        self._head = None
        if isinstance(event, Top):
            self._head = Head(event.lines)
            self._newlines = NewlineFilter(policy)
            policy = BareNewlines.PRESERVE  # the filter has seen to them
        self._text = TextEncoder(policy)
        self._awaiting = BodyWanted(None, event)

    def _then_stls(self, event: Stls, data: bytes, yes: bool) -> None:
        self._out.put(data)
        if yes:
            self._start_tls()

    def _then_lang(self, event: Lang, data: bytes, yes: bool) -> None:
        self._out.put(data)
        if yes:
            self._language = self._found_language

    def _then_commit(self, event: Commit, data: bytes, yes: bool) -> None:
        self._out.put(data)
        self._close()

    def _then_nothing(self, event: object, data: bytes, yes: bool) -> None:
        self._out.put(data)

    # --- The base class asks --------------------------------------------------------------------

    def _enter(self, state: State) -> None:
        self._state = state
        self._handlers = state.value

    def _close(self) -> None:
        self._state = State.CLOSED
        super()._close()

    def _fail(self, error: RemoteProtocolError) -> RemoteProtocolError:
        self._state = State.CLOSED
        return super()._fail(error)

    def _forget(self) -> None:
        self._username = None
        self._language = None
        self._enter(State.AUTHORIZATION)

    def _expire(self, reply: Reply | None = None) -> None:
        # Without a word (RFC 1939 section 3), unless the application has one.
        if reply is None:
            self._close()
        else:
            super()._expire(reply)

    def _encode_reply(self, reply: Reply | None) -> bytes:
        _check_reply(reply)
        assert reply is not None
        if reply.ok:
            raise ValueError("a farewell is a refusal")
        return encode(reply)

    def _room(self) -> bool:
        writing = self._reader == "listing" or isinstance(self._awaiting, BodyWanted)
        return not writing


def _check_reply(reply: object) -> None:
    if not isinstance(reply, Reply):
        raise TypeError(f"a Reply is needed, not {type(reply).__name__}")


def _not_offered(verb: str) -> Reply:
    return Reply(False, f"{verb} is not offered")


def _bare_lf(line: bytes) -> Defect:
    return Defect("bare_lf", len(line) - 1, b"\n")


_READERS: dict[str, Callable[[Server], ServerEvent | None]] = {
    "auth": Server._read_auth,
    "listing": Server._go_on_listing,
    "commit": Server._commit,
}

_ON: dict[type, Callable[..., ServerEvent]] = {
    User: Server._on_user,
    Pass: Server._ask,
    Apop: Server._on_apop,
    Auth: Server._on_auth,
    Stls: Server._on_stls,
    Capa: Server._on_capa,
    Stat: Server._on_stat,
    List: Server._on_list,
    Retr: Server._on_retr,
    Dele: Server._on_dele,
    Noop: Server._on_noop,
    Rset: Server._on_rset,
    Quit: Server._on_quit,
    Top: Server._on_retr,
    Uidl: Server._on_uidl,
    Utf8: Server._on_utf8,
    Lang: Server._on_lang,
    UnknownCommand: Server._on_unknown,
}
_HANDLERS: dict[str, dict[type, Callable[..., ServerEvent]]] = {
    state.value: {
        kind: handler
        for kind, handler in _ON.items()
        if state in RULES.get(cast(str, getattr(kind, "verb", "")), RULES[""]).moves
    }
    for state in State
}
"""By state (its name: an enum member takes five times as long to look up), what may be said."""

_THEN: dict[type, Callable[..., None]] = {
    **dict.fromkeys(_LOGINS, Server._then_login),
    Retr: Server._then_message,
    Top: Server._then_message,
    Stls: Server._then_stls,
    Lang: Server._then_lang,
    Commit: Server._then_commit,
    UnknownCommand: Server._then_nothing,
}

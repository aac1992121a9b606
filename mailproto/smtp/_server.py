"""The SMTP server machine: also LMTP (`ServerConfig.lmtp`) and submission (`require_auth`).

The data flow: `_parse` hands the input to the reader named by `_reader`. The reader of commands
checks a line in this order: length, syntax, the rule of its verb for this state, what the verb's
own row in `_HANDLERS` wants. What survives is an event: answered here when the protocol determines
the answer, else `awaiting`. The answer is written by `accept()` and `reject()`, and the row of the
event in `_THEN` says what the session is afterwards.

    _reader         reads                                 until
    command         command lines                         DATA, BDAT, AUTH are accepted
    auth            one line that answers a Challenge     it came
    text            a dot-stuffed message                 CRLF . CRLF
    octets          a BDAT chunk                          its last octet
    drop_text       a refused message                     CRLF . CRLF, or limits.drain
    drop_octets     a refused chunk                       its last octet, or limits.drain

Invariants

* What the peer wrote is never copied into a reply.
* A refused chunk or text is swallowed first and answered then, so that the stream stays in step;
  its octets are never read as commands.
* Chunks handed out before a refusal end exactly where the reason for it begins (the first bare
  newline, the first octet too many): a matter of the text, not of how it arrived.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias, cast

import attrs

from .._envelope import Envelope, Param, Parameter, Recipient
from .._machine import LineServer, LineTooLong
from .._vocabulary import HTTP_VERBS, PLAINTEXT_MECHANISMS
from .._wire import BareNewlines, NewlineScan, TextDecoder, normalize
from ..errors import Defect, LimitExceeded, LocalProtocolError, RemoteProtocolError
from ..limits import Limits
from ._codec import (
    USUAL_LINE,
    SyntaxRefused,
    encode,
    parse_auth_response,
    parse_command,
    parse_reply,
    usual_command,
)
from ._extensions import (
    BODY,
    EXTENSIONS,
    PEER_LOGIN,
    PRDR,
    SIZE,
    SMTPUTF8,
    Absent,
    Extension,
    parameters_of,
)
from ._states import RULES, SERVER_TIMEOUT, Quirks, State
from ._vocabulary import (
    Auth,
    AuthCancel,
    AuthResponse,
    BadCommand,
    Bdat,
    BodyChunk,
    BodyEnd,
    BodyRefused,
    Burl,
    Challenge,
    Command,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Reply,
    Rset,
    ServerEvent,
    StartTls,
    UnknownCommand,
    Vrfy,
    XClient,
    XForward,
)

__all__ = ["Server", "ServerConfig"]

_Line: TypeAlias = bytes | re.Match[bytes]
"""A line, or a match of `USUAL_LINE`, from which it is cut out only when it is needed."""


def _index(config: ServerConfig) -> dict[tuple[str, str], Parameter[Any]]:
    return parameters_of(config.registry)


@attrs.frozen(kw_only=True)
class ServerConfig:
    """What a server is, and what it offers. One for all its connections."""

    hostname: str = "localhost"
    """What it calls itself in the greeting and in the EHLO answer."""
    lmtp: bool = False
    """LMTP (RFC 2033): LHLO, and one answer per recipient behind the body."""
    size: int | None = None
    """The largest message in octets (SIZE, RFC 1870); None or, as there, 0: no fixed limit."""
    extensions: tuple[str, ...] = (
        "PIPELINING",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
        "CHUNKING",
        "SIZE",
    )
    """EHLO keywords, each with its arguments behind spaces: those that the machine keeps alone.
    Add what the application keeps: "DSN", "BINARYMIME", "DELIVERBY 60", "LIMITS RCPTMAX=100".
    AUTH, STARTTLS and SIZE's number come from their own fields; REQUIRETLS is shown under TLS only
    (RFC 8689)."""
    auth: tuple[str, ...] = ()
    """SASL mechanisms, strongest first."""
    plaintext_auth: bool = False
    """Whether PLAIN, LOGIN and bearer tokens are offered without TLS (RFC 4954 section 4)."""
    starttls: bool = False
    """Offer STARTTLS while there is no TLS."""
    require_tls: bool = False
    """Answer 530 to nearly everything before TLS (RFC 3207 section 4)."""
    require_auth: bool = False
    """Answer 530 to mail before authentication (RFC 6409 section 4.3)."""
    reject_early_talk: bool = False
    """554 to a client that speaks before the greeting, instead of only saying so (`early_talk`)."""
    reject_pipelining: bool = False
    """554 to a client that does not wait where it must, instead of only saying so."""
    registry: tuple[Extension, ...] = attrs.field(default=EXTENSIONS, repr=False)
    """The extensions whose parameters and verbs can be offered."""
    parameters: dict[tuple[str, str], Parameter[Any]] = attrs.field(
        init=False, repr=False, eq=False, default=attrs.Factory(_index, takes_self=True)
    )
    """The registry's parameter rows by (command, keyword)."""

    def __attrs_post_init__(self) -> None:
        lines = (self.hostname, *self.extensions, *self.auth)
        encode(Reply(250, lines))  # refuses control characters
        words = (*(line.split(" ")[0] for line in self.extensions), *self.auth)
        if not all(words) or any(" " in word for word in words):
            raise ValueError("an extension is a keyword and its arguments, a mechanism one word")
        if self.size is not None and self.size < 0:
            raise ValueError("size is 0 or more octets")
        if len(self.hostname.split()) != 1 or self.hostname != self.hostname.strip():
            raise ValueError("the hostname is one word")


def _canned(code: int, text: str) -> bytes:
    return encode(Reply(code, (text,)))


_YES: dict[type, bytes] = {
    Mail: _canned(250, "2.1.0 Sender ok"),
    Rcpt: _canned(250, "2.1.5 Recipient ok"),
    Data: _canned(354, "End data with <CR><LF>.<CR><LF>"),
    Bdat: b"",
    Burl: b"",
    BodyEnd: _canned(250, "2.0.0 Message accepted"),
    StartTls: _canned(220, "2.0.0 Ready to start TLS"),
    Auth: _canned(235, "2.7.0 Authentication succeeded"),
    AuthResponse: _canned(235, "2.7.0 Authentication succeeded"),
    Vrfy: _canned(252, "2.5.0 Cannot verify, but will take a message and try"),
    Expn: _canned(252, "2.5.0 Cannot expand it, but will take a message and try"),
    Help: _canned(214, "2.0.0 See RFC 5321"),
    Etrn: _canned(250, "2.0.0 Queuing started"),
    XClient: _canned(220, "2.0.0 Begin anew"),
    XForward: _canned(250, "2.0.0 Ok"),
    UnknownCommand: _canned(250, "2.0.0 Ok"),
}
"""The normal yes to each event that waits for an answer."""

_ONLY_YES: dict[type, int] = {
    Data: 354,
    StartTls: 220,
    Auth: 235,
    AuthResponse: 235,
    XClient: 220,
    XForward: 250,
}
"""The one code that says yes to these (RFC 5321 section 4.3.2, RFC 3207, RFC 4954, Postfix's
XCLIENT_README and XFORWARD_README)."""

_NO: dict[type, bytes] = {
    Mail: _canned(550, "5.7.1 Sender refused"),
    Rcpt: _canned(550, "5.1.1 No such recipient here"),
    Data: _canned(554, "5.7.1 Message refused"),
    Bdat: _canned(554, "5.7.1 Message refused"),
    Burl: _canned(554, "5.6.6 The content behind the URL cannot be had"),
    BodyEnd: _canned(554, "5.7.1 Message refused"),
    StartTls: _canned(454, "4.7.0 TLS is not available now"),
    Auth: _canned(535, "5.7.8 Authentication failed"),
    AuthResponse: _canned(535, "5.7.8 Authentication failed"),
    Vrfy: _canned(550, "5.1.1 No such user here"),
    Expn: _canned(550, "5.7.1 Not allowed"),
    Help: _canned(502, "5.5.1 No help here"),
    Etrn: _canned(458, "4.3.0 Unable to queue messages for this node"),
    XClient: _canned(550, "5.7.0 You are not trusted"),
    XForward: _canned(550, "5.7.0 You are not trusted"),
    UnknownCommand: _canned(502, "5.5.1 Command not implemented"),
}
"""The normal no to each."""

_OK = _canned(250, "2.0.0 Ok")

# A member looked up in its class costs as much as a call.
_START, _READY, _MAIL, _RCPT, _TEXT = (
    State.START,
    State.READY,
    State.MAIL,
    State.RCPT,
    State.TEXT,
)


class Server(LineServer[ServerEvent]):
    """A server's end of one SMTP or LMTP connection. See `mailproto.Machine` for how to drive it.

    Events to answer with `accept()`, `reject()` or `send(Reply(...))`: `Mail`, `Rcpt`, `Data`,
    `Bdat`, `Burl`, `BodyEnd`, `StartTls`, `Auth`, `AuthResponse`, `Vrfy`, `Expn`, `Help`, `Etrn`,
    `XClient`, `XForward`, and the verbs of private extensions. All others are for your information,
    and already answered.

    `greeting` replaces the 220; one with 4yz or 5yz refuses the client (RFC 5321 section 3.1).
    """

    __slots__ = (
        "_after_drop",
        "_authenticated",
        "_decoder",
        "_dropped",
        "_early",
        "_greeted",
        "_hello",
        "_jumped",
        "_last",
        "_left",
        "_lock_step",
        "_mail",
        "_odd",
        "_offered",
        "_owed",
        "_pending",
        "_preface",
        "_rcpts",
        "_reader",
        "_rows",
        "_scan",
        "_size",
        "_state",
        "_tls_first",
        "_watched",
        "config",
    )

    _too_much = Reply(421, ("4.7.0 Too much to swallow, closing",))

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
        self._rows = config.parameters
        self._state = State.START
        self._reader = "command"
        self._hello: Helo | Ehlo | Lhlo | None = None
        self._offered: frozenset[str] = frozenset()
        self._lock_step = True  # PIPELINING was not offered: every answer must be waited for
        self._authenticated = False
        self._tls_first = config.require_tls and not tls
        self._mail: Mail | None = None
        self._rcpts: list[Rcpt] = []
        # The body under way.
        self._decoder = TextDecoder()
        self._scan = NewlineScan()
        self._size = 0
        self._pending = b""
        self._left = 0
        self._last = False
        self._dropped = 0
        self._after_drop: tuple[bytes, ServerEvent | None] = (b"", None)
        self._owed: deque[str | None] = deque()
        self._preface = b""  # PRDR: what goes before the first of several answers
        # The two verdicts about what came too early.
        self._greeted = False
        self._early = False
        self._jumped = False
        self._watched = True  # whether the next line may deserve one
        self._odd: tuple[Defect, ...] = ()  # of the line at hand
        if greeting is None:
            kind = "LMTP" if config.lmtp else "ESMTP"
            greeting = Reply(220, (f"{config.hostname} {kind}",))
        self._out.put(encode(greeting))
        if greeting.code == 421:
            self._close()
        elif not greeting.positive:
            self._state = State.REFUSED

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
    def hello(self) -> Helo | Ehlo | Lhlo | None:
        """How the client introduced itself, or None."""
        return self._hello

    @property
    def authenticated(self) -> bool:
        """Whether an AUTH was accepted, or an XCLIENT with a LOGIN."""
        return self._authenticated

    @property
    def envelope(self) -> Envelope | None:
        """Sender and recipients accepted so far; None outside a transaction."""
        if self._mail is None:
            return None
        return Envelope(
            self._mail.sender,
            [Recipient(rcpt.recipient, rcpt.params) for rcpt in self._rcpts],
            self._mail.params,
        )

    @property
    def timeout(self) -> float | None:
        """300 seconds, whatever it waits for (RFC 5321 section 4.5.3.2.7)."""
        return None if self._closing or self._error else SERVER_TIMEOUT

    # --- Input ----------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        if not self._greeted:
            self._greeted = True
            self._early = len(self._in) > 0
            self._watched = self._early or self._jumped

    def _parse(self) -> ServerEvent | None:
        if self._reader != "command":
            return _READERS[self._reader](self)
        if self._watched:
            return self._read_command()
        match = self._in.match(USUAL_LINE, self._limits.line)
        if match is None:
            return self._read_command()
        self._odd = ()
        event = usual_command(match)
        states, handler = _HANDLERS[type(event)]
        if self._state not in states or self._tls_first:
            return self._refuse(match, self._out_of_place(event))
        return handler(self, event, match)

    def _open(self) -> bool:
        return self._reader != "command" or self._state is State.CHUNKS or self._in_line()

    def _read_command(self) -> ServerEvent | None:
        try:
            line = self._take_line()
        except LineTooLong as error:
            return self._refuse_long(error.raw)
        if line is None:
            return None
        self._odd = ()
        if self._watched:
            self._early = self._early or not self._greeted
            self._check_patience()
        try:
            event = parse_command(line, self._rows)
        except SyntaxRefused as error:
            self._check_hello(line)
            return self._refuse(line, error.reply)
        if self._watched:
            self._odd = self._verdicts()
            event = attrs.evolve(event, defects=event.defects + self._odd)
        if self._eol == b"\n" and not line.endswith(b"\r\n"):
            event = attrs.evolve(event, defects=(*event.defects, _bare_lf(line)))
        states, handler = _HANDLERS[type(event)]
        if type(event) is UnknownCommand and event.verb in HTTP_VERBS:
            raise RemoteProtocolError(
                "the client speaks HTTP", Reply(421, ("4.7.0 This is not a web server",))
            )
        if self._state in states and not (self._tls_first and type(event) not in _BEFORE_TLS):
            return handler(self, event, line)
        refusal = self._out_of_place(event)
        if isinstance(event, Bdat):
            return self._refuse_chunk(event, refusal, line)
        return self._refuse(line, refusal)

    def _out_of_place(self, event: Command) -> Reply:
        if self._tls_first and self._state is not State.REFUSED:
            return _STARTTLS_FIRST
        return RULES.get(event.verb, _OTHER).out_of_place

    def _refuse_long(self, raw: bytes) -> ServerEvent:
        token = self._reader == "auth" or raw[:5].upper() == b"AUTH "
        self._reader = "command"
        self._odd = ()
        return self._refuse(raw, _TOO_LONG_TOKEN if token else _TOO_LONG)

    # --- What came too early --------------------------------------------------------------------

    def _check_patience(self) -> None:
        if self._early and self.config.reject_early_talk:
            raise RemoteProtocolError(
                "the client spoke before the greeting",
                Reply(554, ("5.5.0 You spoke before the greeting",)),
            )
        if self._jumped and self.config.reject_pipelining:
            raise RemoteProtocolError(
                "the client did not wait for an answer it must wait for",
                Reply(554, ("5.5.0 SMTP synchronization error",)),
            )

    def _verdicts(self) -> tuple[Defect, ...]:
        early = (_EARLY_TALK,) if self._early else ()
        jumped = (_UNAUTHORIZED_PIPELINING,) if self._jumped else ()
        self._early = self._jumped = False
        self._watched = not self._greeted
        return early + jumped

    def _sync(self) -> None:
        """Mark an answer that must not be held back and not be run ahead of (RFC 2920)."""
        self._flush_at = 1
        if len(self._in):
            self._jumped = self._watched = True

    # --- Commands that are answered here --------------------------------------------------------

    def _reply(self, data: bytes, sync: bool = True) -> None:
        self._out.put(data)
        if sync or self._lock_step:
            self._sync()

    def _refuse(self, line: _Line, reply: Reply) -> BadCommand:
        raw = line if isinstance(line, bytes) else line[0]
        event = BadCommand(raw, reply, defects=self._odd or self._verdicts())
        if _A_BURL.match(raw) and (self._state is State.RCPT or self._state is State.CHUNKS):
            self._state = State.SPOILT  # or the next chunk would complete a message with a hole
        self._reply(encode(reply), sync=raw[:4].upper() not in _GROUPED)
        return event

    def _on_greeting(self, event: Helo | Ehlo | Lhlo, line: bytes) -> ServerEvent:
        if isinstance(event, Lhlo) is not self.config.lmtp:
            return self._refuse(line, _WRONG_HELLO[self.config.lmtp])
        self._reset()
        self._hello = event
        self._state = State.READY
        lines = [self.config.hostname]
        if not isinstance(event, Helo):
            lines += self._extension_lines()
        self._offered = frozenset(extension.split()[0].upper() for extension in lines[1:])
        self._lock_step = "PIPELINING" not in self._offered
        self._reply(encode(Reply(250, tuple(lines))))
        return event

    def _extension_lines(self) -> list[str]:
        config = self.config
        lines = [
            extension
            for extension in config.extensions
            if self._tls or extension.split()[0].upper() != "REQUIRETLS"
        ]
        if config.size is not None:
            lines = [line for line in lines if line.upper() != "SIZE"] + [f"SIZE {config.size}"]
        if config.starttls and not self._tls:
            lines.append("STARTTLS")
        if mechanisms := self._mechanisms():
            lines.append(f"AUTH {' '.join(mechanisms)}")
        return lines

    def _mechanisms(self) -> list[str]:
        open_to_all = self._tls or self.config.plaintext_auth
        return [
            mechanism
            for mechanism in self.config.auth
            if open_to_all or mechanism.upper() not in PLAINTEXT_MECHANISMS
        ]

    def _on_noop(self, event: Noop, line: bytes) -> ServerEvent:
        self._reply(_OK)
        return event

    def _on_rset(self, event: Rset, line: bytes) -> ServerEvent:
        self._reset()
        self._reply(_OK, sync=False)
        return event

    def _on_quit(self, event: Quit, line: bytes) -> ServerEvent:
        self._reply(encode(Reply(221, (f"2.0.0 {self.config.hostname} closing connection",))))
        self._close()
        return event

    def _on_unknown(self, event: UnknownCommand, line: bytes) -> ServerEvent:
        for extension in self.config.registry:
            if event.verb in extension.verbs and extension.keyword in self._offered:
                return cast(ServerEvent, self._ask(event))
        return self._refuse(line, Reply(500, ("5.5.2 Command not recognized",)))

    def _reset(self) -> None:
        """Forget the transaction."""
        self._mail = None
        self._rcpts = []
        self._size = 0
        if self._state is not _START:
            self._state = _READY

    # --- Commands that the application answers --------------------------------------------------

    def _ask(self, event: Any) -> Any:
        self._awaiting = event
        return event

    def _barred(self) -> Reply | None:
        """The refusal, where authentication must come first (RFC 6409 section 4.3)."""
        barred = self.config.require_auth and not self._authenticated
        return _AUTH_FIRST if barred else None

    def _on_mail(self, event: Mail, line: _Line) -> ServerEvent:
        if self.config.require_auth and not self._authenticated:
            return self._refuse(line, _AUTH_FIRST)
        if type(line) is bytes and (event.params or event.defects or not event.sender.isascii()):
            utf8 = any(param.keyword == "SMTPUTF8" for param in event.params)
            refusal = self._bad_path(event.sender, event, utf8) or self._bad_params(
                event.params, "MAIL"
            )
            size = event.get(SIZE)
            if refusal is None and size and self.config.size and size > self.config.size:
                refusal = Reply(552, ("5.3.4 The message is larger than this server takes",))
            if refusal is not None:
                return self._refuse(line, refusal)
        self._awaiting = event
        return event

    def _on_rcpt(self, event: Rcpt, line: _Line) -> ServerEvent:
        if type(line) is bytes and (event.params or event.defects or not event.recipient.isascii()):
            assert self._mail is not None
            utf8 = self._mail.get(SMTPUTF8) is True
            refusal = self._bad_path(event.recipient, event, utf8) or self._bad_params(
                event.params, "RCPT"
            )
            if refusal is not None:
                return self._refuse(line, refusal)
        most = self._limits.recipients
        if most is not None and len(self._rcpts) >= most:
            return self._refuse(line, Reply(452, ("4.5.3 Too many recipients",)))
        self._awaiting = event
        return event

    def _bad_path(self, address: str, event: Mail | Rcpt, utf8: bool) -> Reply | None:
        if not address.isascii() and not utf8:
            return Reply(553, ("5.6.7 An address that is not ASCII needs SMTPUTF8",))
        if not self.quirks.unqualified_addresses and "no_domain" in event.anomalies:
            status = "5.1.7" if isinstance(event, Mail) else "5.1.3"
            return Reply(501, (f"{status} The address needs a domain",))
        return None

    def _bad_params(self, params: tuple[Param, ...], command: str) -> Reply | None:
        for param in params:
            row = self._rows.get((command, param.keyword))
            if row is None or row.needs(param) not in self._offered:
                return Reply(555, (f"5.5.4 {command} parameter not supported",))
        return None

    def _on_data(self, event: Data, line: _Line) -> ServerEvent:
        assert self._mail is not None
        if self._mail.params and self._mail.get(BODY) == "BINARYMIME":
            return self._refuse(line, Reply(503, ("5.5.1 BINARYMIME needs BDAT",)))
        return cast(ServerEvent, self._ask(event))

    def _on_bdat(self, event: Bdat, line: bytes) -> ServerEvent | None:
        if "CHUNKING" not in self._offered:
            return self._refuse_chunk(event, Reply(502, ("5.5.1 CHUNKING was not offered",)), line)
        if self.config.size and self._size + event.size > self.config.size:
            count = self._answers_due(event)
            return self._drop_chunk(event.size, _TOO_LARGE, count, BodyRefused(_TOO_LARGE))
        return cast(ServerEvent, self._ask(event))

    def _on_burl(self, event: Burl, line: bytes) -> ServerEvent:
        if not self._offered >= {"BURL", "CHUNKING"}:
            return self._refuse(line, Reply(502, ("5.5.1 BURL was not offered",)))
        return cast(ServerEvent, self._ask(event))

    def _beyond_drain(self, size: int, reply: Reply) -> LimitExceeded | None:
        drain = self._limits.drain
        if drain is None or size <= drain:
            return None
        return LimitExceeded("a refused chunk is larger than limits.drain", reply)

    def _answers_due(self, event: Bdat | Burl) -> int:
        """LMTP answers the body once for each recipient, a refusal too (RFC 2033 section 4.2)."""
        return len(self._rcpts) if self.config.lmtp and event.last else 1

    def _refuse_chunk(self, event: Bdat, reply: Reply, line: bytes) -> ServerEvent | None:
        return self._drop_chunk(event.size, reply, 1, BadCommand(line, reply))

    def _on_starttls(self, event: StartTls, line: bytes) -> ServerEvent:
        if self._tls:
            return self._refuse(line, Reply(503, ("5.5.1 TLS is there already",)))
        if "STARTTLS" not in self._offered:
            return self._refuse(line, Reply(502, ("5.5.1 STARTTLS was not offered",)))
        return cast(ServerEvent, self._ask(event))

    def _on_auth(self, event: Auth, line: bytes) -> ServerEvent:
        known = [mechanism.upper() for mechanism in self.config.auth]
        offered = [mechanism.upper() for mechanism in self._mechanisms()]
        refusal: Reply | None = None
        if self._authenticated:
            refusal = Reply(503, ("5.5.1 Already authenticated",))
        elif event.mechanism in known and event.mechanism not in offered:
            refusal = Reply(538, ("5.7.11 This mechanism needs TLS",))
        elif "AUTH" not in self._offered:
            refusal = Reply(502, ("5.5.1 AUTH was not offered",))
        elif event.mechanism not in offered:
            refusal = Reply(504, ("5.5.4 Mechanism not supported",))
        if refusal is not None:
            return self._refuse(line, refusal)
        return cast(ServerEvent, self._ask(event))

    def _read_auth(self) -> ServerEvent | None:
        try:
            line = self._take_line()
        except LineTooLong as error:
            return self._refuse_long(error.raw)
        if line is None:
            return None
        self._reader = "command"
        self._odd = ()
        if self._jumped:
            self._check_patience()
            self._odd = self._verdicts()
        try:
            event = parse_auth_response(line)
        except SyntaxRefused as error:
            self._check_hello(line)
            return self._refuse(line, error.reply)
        odd = self._odd if line.endswith(b"\r\n") else (*self._odd, _bare_lf(line))
        if odd:
            event = attrs.evolve(event, defects=odd)
        if isinstance(event, AuthCancel):
            self._reply(_canned(501, "5.7.0 Authentication cancelled"))
            return event
        return cast(ServerEvent, self._ask(event))

    def _on_question(self, event: Vrfy | Expn | Help | Etrn, line: bytes) -> ServerEvent:
        if isinstance(event, Etrn) and "ETRN" not in self._offered:
            return self._refuse(line, Reply(502, ("5.5.1 ETRN was not offered",)))
        refusal = None if isinstance(event, Help) else self._barred()
        if refusal is not None:
            return self._refuse(line, refusal)
        return cast(ServerEvent, self._ask(event))

    def _on_peer(self, event: XClient | XForward, line: bytes) -> ServerEvent:
        if event.verb not in self._offered:
            return self._refuse(line, Reply(502, (f"5.5.1 {event.verb} was not offered",)))
        taken = {
            name.upper()
            for extension in self.config.extensions
            for keyword, *names in [extension.split()]
            if keyword.upper() == event.verb
            for name in names
        }
        if any(param.keyword not in taken for param in event.params):
            return self._refuse(line, Reply(501, ("5.5.4 Attribute not supported",)))
        return cast(ServerEvent, self._ask(event))

    # --- Bodies ---------------------------------------------------------------------------------

    def _read_text(self) -> ServerEvent | None:
        if self._pending:
            return self._body_chunk(self._pending)
        decoder = self._decoder
        text = b"" if decoder.ended else decoder.read(self._in, self._limits.chunk)
        if not text:
            return self._message(self._scan.defects) if decoder.ended else None
        before = self._scan.size
        cut = len(text)
        normal = False
        refusal: Reply | None = None
        bare = self._scan.feed(text)
        most = self.config.size
        if bare >= 0:
            policy = self.quirks.bare_newlines
            if policy is BareNewlines.REJECT:
                cut = bare
                refusal = _BARE_NEWLINE
            elif policy is BareNewlines.NORMALIZE:
                normal = True
        if most and before + cut > most:
            cut = most - before
            if text[cut - 1 : cut + 1] == b"\r\n":
                cut -= 1  # not half a line end
            refusal = _TOO_LARGE
        dropped = len(text) - cut
        text = text[:cut] if dropped else text
        if normal:
            text = normalize(text)
        if refusal is None:
            return self._body_chunk(text)
        self._reader = "drop_text"
        self._dropped = dropped
        # LMTP answers the body once for each recipient, a refusal too (RFC 2033 section 4.2).
        count = len(self._rcpts) if self.config.lmtp else 1
        self._after_drop = (encode(refusal) * count, BodyRefused(refusal))
        return self._body_chunk(text) if text else self._drop_text()

    def _body_chunk(self, data: bytes) -> BodyChunk:
        most = self._limits.chunk
        if len(data) > most:
            self._pending = data[most:]
            data = data[:most]
        else:
            self._pending = b""
        self._size += len(data)
        return BodyChunk(data)

    def _message(self, defects: tuple[Defect, ...]) -> ServerEvent:
        """The message is complete."""
        self._reader = "command"
        if self._watched:
            self._check_patience()
            defects += self._verdicts()
        recipient: str | None = None
        mail = self._mail
        assert mail is not None
        if self.config.lmtp or (mail.params and mail.get(PRDR) is True):
            self._owed = deque(rcpt.recipient for rcpt in self._rcpts)
            recipient = self._owed.popleft()
            if not self.config.lmtp:
                self._owed.append(None)
                self._preface = _EACH_FOLLOWS
        self._awaiting = event = BodyEnd(self._size, recipient, defects=defects)
        return event

    def _drop_text(self) -> ServerEvent | None:
        if self._pending:
            return self._body_chunk(self._pending)
        while text := self._decoder.read(self._in, 65_536):
            self._dropped += len(text)
            self._scan.feed(text)
        self._check_drain(self._dropped)
        if not self._decoder.ended:
            return None
        defects = self._scan.defects
        if self._watched:
            self._check_patience()
            defects += self._verdicts()
        self._reset()
        event = self._end_drop()
        return attrs.evolve(cast(BodyRefused, event), defects=defects)

    def _end_drop(self) -> ServerEvent | None:
        data, event = self._after_drop
        self._after_drop = (b"", None)
        self._reader = "command"
        self._reply(data, sync=False)
        return event

    def _drop_chunk(
        self, size: int, reply: Reply, count: int, event: ServerEvent
    ) -> ServerEvent | None:
        """Swallow a chunk, then say `reply` `count` times and give `event`."""
        error = self._beyond_drain(size, reply)
        if error is not None:
            raise error
        self._left = size
        self._after_drop = (encode(reply) * count, event)
        self._reader = "drop_octets"
        if self._state is State.RCPT or self._state is State.CHUNKS:
            self._state = State.SPOILT
        return self._drop_octets()

    def _drop_octets(self) -> ServerEvent | None:
        self._left -= len(self._in.take(self._left))
        if self._left:
            return None
        return self._end_drop() or self._go_on()

    def _go_on(self) -> ServerEvent | None:
        """The next command, unless what was just queued has to go out first."""
        return None if self._out.size >= self._flush_at else self._parse()

    def _read_octets(self) -> ServerEvent | None:
        if self._left:
            data = self._in.take(min(self._left, self._limits.chunk))
            if not data:
                return None
            self._left -= len(data)
            self._size += len(data)
            return BodyChunk(data)
        if self._last:
            return self._message(())
        self._reader = "command"
        self._reply(_CHUNK_OK, sync=False)
        return self._go_on()

    # --- Answers --------------------------------------------------------------------------------

    def accept(self, reply: Reply | None = None) -> None:
        """Say yes to `awaiting`: 250, 354 to Data, 235 to AUTH, 220 to STARTTLS, nothing to Bdat.

        `reply` says it in other words. Raises LocalProtocolError when nothing is owed, ValueError
        for a reply that is no yes to this event.
        """
        event: object = self._awaiting
        if event is None or self._out.size >= self._limits.output:
            self._nothing_owed()
        kind = type(event)
        data, _, then = _ANSWERS[kind]
        if reply is not None:
            _check_reply(reply)
            only = _ONLY_YES.get(kind)
            good = reply.positive if only is None else reply.code == only
            if not good or not data:  # to a chunk yes is said without a word
                raise ValueError(f"{reply.code} is no yes to {kind.__name__}")
            data = encode(reply)
        self._awaiting = None
        then(self, event, data, True)

    def reject(self, reply: Reply | None = None) -> None:
        """Say no to `awaiting`; `reply` (4yz or 5yz) says why. A 421 also closes the connection.

        Raises LocalProtocolError when nothing is owed, ValueError for a reply that is no no.
        """
        event: object = self._awaiting
        if event is None or self._out.size >= self._limits.output:
            self._nothing_owed()
        _, data, then = _ANSWERS[type(event)]
        if reply is not None:
            _check_reply(reply)
            if not (reply.transient or reply.permanent):
                raise ValueError(f"{reply.code} is no refusal")
            data = encode(reply)
            if reply.code == 421:
                self._out.put(data)
                self._close()
                return
        self._awaiting = None
        then(self, event, data, False)

    def send(self, item: Reply | Challenge) -> None:
        """The exact answer: a `Reply` (2yz and 3yz accept, 4yz and 5yz refuse), or a `Challenge`.

        Raises LocalProtocolError when nothing is owed or a challenge is out of place, TypeError or
        ValueError for what cannot be said.
        """
        if isinstance(item, Challenge):
            if self._awaiting is None or self._out.size >= self._limits.output:
                self._nothing_owed()
            if not isinstance(self._awaiting, (Auth, AuthResponse)):
                raise LocalProtocolError("a Challenge answers Auth and AuthResponse only")
            self._out.put(encode(item))
            self._awaiting = None
            self._reader = "auth"
            self._sync()
            return
        _check_reply(item)
        if item.positive or item.intermediate:
            self.accept(item)
        else:
            self.reject(item)

    def _nothing_owed(self) -> NoReturn:
        self._check_can_send()
        raise LocalProtocolError("no answer is owed now (machine.awaiting is None)")

    def _then_mail(self, event: Mail, data: bytes, yes: bool) -> None:
        self._out.put(data)
        if self._lock_step:
            self._sync()
        if yes:
            self._mail = event
            self._state = _MAIL

    def _then_rcpt(self, event: Rcpt, data: bytes, yes: bool) -> None:
        self._out.put(data)
        if self._lock_step:
            self._sync()
        if yes:
            self._rcpts.append(event)
            self._state = _RCPT

    def _then_data(self, event: Data, data: bytes, yes: bool) -> None:
        self._reply(data)
        if yes:
            self._state = _TEXT
            self._reader = "text"
            self._decoder = TextDecoder()
            self._scan = NewlineScan()
            self._size = 0

    def _then_bdat(self, event: Bdat | Burl, data: bytes, yes: bool) -> None:
        # To the session a BURL is a chunk of which nothing comes over this connection.
        size = event.size if isinstance(event, Bdat) else 0
        if yes:
            self._state = State.CHUNKS
            self._left = size
            self._last = event.last
            self._reader = "octets"
        else:
            error = self._beyond_drain(size, parse_reply(data))
            if error is not None:
                self._fail(error)
                return
            self._left = size
            self._after_drop = (data * self._answers_due(event), None)
            self._reader = "drop_octets"
            self._state = State.SPOILT

    def _then_body(self, event: BodyEnd, data: bytes, yes: bool) -> None:
        if self._preface:
            data = self._preface + data
            self._preface = b""
        self._reply(data, sync=False)
        if self._owed:
            self._awaiting = attrs.evolve(event, recipient=self._owed.popleft())
        else:
            self._reset()

    def _then_starttls(self, event: StartTls, data: bytes, yes: bool) -> None:
        self._out.put(data)
        if yes:
            self._start_tls()
        else:
            self._sync()

    def _then_auth(self, event: Auth | AuthResponse, data: bytes, yes: bool) -> None:
        self._reply(data)
        self._authenticated = yes

    def _then_xclient(self, event: XClient, data: bytes, yes: bool) -> None:
        self._reply(data)
        if yes:
            self._start_over()
            login = event.get(PEER_LOGIN)
            self._authenticated = login is not None and not isinstance(login, Absent)

    def _then_forwarded(self, event: XForward, data: bytes, yes: bool) -> None:
        self._reply(data, sync=False)

    def _then_nothing(self, event: object, data: bytes, yes: bool) -> None:
        self._reply(data)

    # --- The base class asks --------------------------------------------------------------------

    def _close(self) -> None:
        self._state = State.CLOSED
        super()._close()

    def _fail(self, error: RemoteProtocolError) -> RemoteProtocolError:
        self._state = State.CLOSED
        return super()._fail(error)

    def _forget(self) -> None:
        self._start_over()
        self._jumped = self._watched = False
        self._tls_first = False

    def _start_over(self) -> None:
        """Be as behind the greeting."""
        self._reset()
        self._state = State.START
        self._hello = None
        self._offered = frozenset()
        self._lock_step = True
        self._authenticated = False

    def _encode_reply(self, reply: Reply | None) -> bytes:
        if reply is None:
            reply = Reply(421, (f"4.4.2 {self.config.hostname} closing connection",))
        _check_reply(reply)
        if not (reply.transient or reply.permanent):
            raise ValueError("a farewell is a refusal: 421, or another 4yz or 5yz")
        return encode(reply)

    def _room(self) -> bool:
        return self._reader in ("command", "auth")


_WRONG_HELLO = {
    False: Reply(500, ("5.5.1 This is SMTP: say EHLO",)),
    True: Reply(500, ("5.5.1 This is LMTP: say LHLO",)),
}
_EARLY_TALK = Defect("early_talk")
_UNAUTHORIZED_PIPELINING = Defect("unauthorized_pipelining")
_OTHER = RULES[""]
# What RFC 2920 lets a client run past, by the first four octets.
_GROUPED = frozenset({b"MAIL", b"RCPT", b"RSET", b"BDAT", b"BURL", b"XFOR"})
_A_BURL = re.compile(rb"BURL(?![A-Z0-9-])", re.IGNORECASE)
_BEFORE_TLS = frozenset({Helo, Ehlo, Lhlo, Noop, StartTls, Quit})
_STARTTLS_FIRST = Reply(530, ("5.7.0 Must issue a STARTTLS command first",))
_AUTH_FIRST = Reply(530, ("5.7.0 Authentication required",))
_EACH_FOLLOWS = _canned(353, "2.0.0 The answers for each recipient follow")
_CHUNK_OK = _canned(250, "2.0.0 Chunk received")
_TOO_LONG = Reply(500, ("5.5.2 Line too long",))
_TOO_LONG_TOKEN = Reply(500, ("5.5.6 Authentication exchange line is too long",))
_BARE_NEWLINE = Reply(550, ("5.6.0 The message has a bare CR or LF",))
_TOO_LARGE = Reply(552, ("5.3.4 The message is larger than this server takes",))


def _check_reply(reply: object) -> None:
    if not isinstance(reply, Reply):
        raise TypeError(f"a Reply is needed, not {type(reply).__name__}")


def _bare_lf(line: bytes) -> Defect:
    return Defect("bare_lf", len(line) - 1, b"\n")


_READERS: dict[str, Callable[[Server], ServerEvent | None]] = {
    "command": Server._read_command,
    "auth": Server._read_auth,
    "text": Server._read_text,
    "octets": Server._read_octets,
    "drop_text": Server._drop_text,
    "drop_octets": Server._drop_octets,
}

_ON: dict[type, Callable[..., ServerEvent | None]] = {
    Helo: Server._on_greeting,
    Ehlo: Server._on_greeting,
    Lhlo: Server._on_greeting,
    Mail: Server._on_mail,
    Rcpt: Server._on_rcpt,
    Data: Server._on_data,
    Bdat: Server._on_bdat,
    Burl: Server._on_burl,
    Rset: Server._on_rset,
    Noop: Server._on_noop,
    Quit: Server._on_quit,
    StartTls: Server._on_starttls,
    Auth: Server._on_auth,
    Vrfy: Server._on_question,
    Expn: Server._on_question,
    Help: Server._on_question,
    Etrn: Server._on_question,
    XClient: Server._on_peer,
    XForward: Server._on_peer,
    UnknownCommand: Server._on_unknown,
}
_HANDLERS = {
    kind: (RULES.get(getattr(kind, "verb", ""), _OTHER).states, handler)
    for kind, handler in _ON.items()
}

_THEN: dict[type, Callable[..., None]] = {
    Mail: Server._then_mail,
    Rcpt: Server._then_rcpt,
    Data: Server._then_data,
    Bdat: Server._then_bdat,
    Burl: Server._then_bdat,
    BodyEnd: Server._then_body,
    StartTls: Server._then_starttls,
    Auth: Server._then_auth,
    AuthResponse: Server._then_auth,
    Vrfy: Server._then_nothing,
    Expn: Server._then_nothing,
    Help: Server._then_nothing,
    Etrn: Server._then_nothing,
    XClient: Server._then_xclient,
    XForward: Server._then_forwarded,
    UnknownCommand: Server._then_nothing,
}

_ANSWERS = {kind: (yes, _NO[kind], _THEN[kind]) for kind, yes in _YES.items()}

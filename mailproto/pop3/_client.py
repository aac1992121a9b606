"""The POP3 client machine.

`send(command)` queues one command and returns its number; `Replied` brings the number back;
`authenticate(exchange)` runs a SASL exchange. Where CAPA offered PIPELINING, as many as one likes
may be in flight, except behind those that change what the next one means (`Rule.sync`).

What is in flight is a queue of `_Pending`; a reply belongs to its head, and to nothing else. A
reply when the queue is empty is an error (-ERR is a farewell): taking it for the answer to the next
command is how response injection works.

What a positive reply brings comes before its `Replied`:

    _reader     reads                       and gives
    reply       a status line, a challenge  Greeting, Replied, Challenge
    lines       the answer to CAPA or LANG  Replied, with its value
    listing     the answer to LIST or UIDL  Listing, for every limits.batch entries
    body        a message                   BodyChunk..., BodyEnd
    done        nothing                     the Replied to the two above

Two states are kept: `state`, where the replies so far have led, and the planned state, where the
session will be when everything in flight has succeeded. `send()` is checked against the second.

Invariants

* Nothing is queued before all of it has been checked: a refused call changes nothing.
* Only CRLF . CRLF ends what has several lines, whatever a stored message holds.
* A client that gives up says nothing: QUIT would make the server delete what was marked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, cast

import attrs

from .._machine import BodyChunk, ClientMachine, Exchange
from .._vocabulary import PLAINTEXT_MECHANISMS
from .._wire import LooseTextDecoder, NewlineScan, TextDecoder
from ..errors import Defect, LimitExceeded, LocalProtocolError, NotOffered, RemoteProtocolError
from ..limits import Limits
from ._codec import (
    Entries,
    announced_size,
    encode,
    lines_of,
    parse_challenge,
    parse_language,
    parse_reply,
    parse_size,
    parse_sizes,
    parse_unique_id,
    parse_unique_ids,
    plain_reply,
    reply_value,
    split_lines,
)
from ._states import RULES, TIMEOUT, Quirks, State
from ._vocabulary import (
    Apop,
    Auth,
    AuthCancel,
    AuthResponse,
    BodyEnd,
    BodyStart,
    Capa,
    Capabilities,
    Challenge,
    ClientEvent,
    Command,
    Goodbye,
    Greeting,
    Lang,
    List,
    Listing,
    Pass,
    Quit,
    Replied,
    Reply,
    Retr,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    Utf8,
    Value,
    find_timestamp,
)

__all__ = ["Client"]

COMMAND_LINE = 255
"""Octets of a command line that every server takes (RFC 2449 section 4). An AUTH with a longer
initial response is sent in two steps (RFC 5034 section 4)."""

_SHORT = 128  # octets of a line that is worth remembering
_PIECE = 65_536  # octets of a listing that are looked at in one go
_ENTRY = 96  # octets that no entry of the usual kind exceeds


@attrs.define
class _Pending:
    """A command in flight."""

    number: int
    command: Command
    later: bytes | None = attrs.field(default=None, repr=False)
    """AUTH: the initial response that waits for an empty challenge."""
    rounds: int = 0
    """AUTH: challenges so far."""
    exchange: Exchange | None = None
    """AUTH: what answers the challenges, if it is not the application."""


class Client(ClientMachine[ClientEvent]):
    """A client's end of one POP3 connection. See `mailproto.Machine` for how to drive it.

    `awaiting` is None or a `Challenge` (answer with `send(AuthResponse(...))` or
    `send(AuthCancel())`). `tls=True`: TLS is there from the start.
    """

    def __init__(
        self,
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        quirks: Quirks = Quirks(),  # noqa: B008 - frozen
        tls: bool = False,
    ) -> None:
        super().__init__(limits, quirks, tls)
        self._state = State.GREETING
        self._plan = State.GREETING  # where everything sent leads
        self._number = 0
        self._pending: deque[_Pending] = deque()
        self._untaken = 0  # commands in flight that data_to_send() has not handed out
        self._timestamp: str | None = None
        self._capabilities: Capabilities | None = None
        self._pipelining = False
        self._utf8 = False
        self._go_ahead: Reply | None = None  # to STLS
        # The answer under way.
        self._reader = "reply"
        self._blank_lines = 0
        self._reply = Reply(True)
        self._text: TextDecoder | LooseTextDecoder = TextDecoder()
        self._line = bytearray()  # of several lines: what has no end yet; of CAPA and LANG: all
        self._entries: Entries = []
        self._given = 0  # of these entries, how many have been
        self._odd: deque[tuple[int, Defect]] = deque()  # by the place of their entry
        self._doom: LimitExceeded | None = None  # behind the entries that came before it
        self._scan = NewlineScan()
        self._chunk = b""  # more than limits.chunk lets one event carry

    # --- What to look at ------------------------------------------------------------------------

    @property
    def quirks(self) -> Quirks:
        """The tolerances this machine was made with."""
        return cast(Quirks, self._quirks)

    @property
    def state(self) -> State:
        """Where the replies so far have led the session."""
        return self._state

    @property
    def timestamp(self) -> str | None:
        """What an APOP digest is made from: the timestamp of the greeting, if it has a sound one.

        See `Apop.make()`. It is forgotten by STLS: somebody else may have written it.
        """
        return self._timestamp

    @property
    def capabilities(self) -> Capabilities | None:
        """What the server offered to CAPA; None before, and after STLS."""
        return self._capabilities

    @property
    def utf8(self) -> bool:
        """Whether UTF8 was accepted."""
        return self._utf8

    @property
    def outstanding(self) -> tuple[tuple[int, Command], ...]:
        """(number, command) of every command that is not completely answered, in order."""
        return tuple((pending.number, pending.command) for pending in self._pending)

    @property
    def timeout(self) -> float | None:
        """600 seconds for the greeting, each answer, and each piece of one; else None."""
        if self._closing or self._error:
            return None
        return TIMEOUT if self._pending or self._state is State.GREETING else None

    # --- Commands -------------------------------------------------------------------------------

    def send(self, item: Command) -> int:
        """Queue a command. Returns the number that its `Replied` will carry.

        Raises LocalProtocolError when it may not be said now, `NotOffered` when the server did not
        offer what it needs, TypeError or ValueError when it cannot be said at all.
        """
        self._check_can_send()
        line = encode(item)
        if isinstance(item, (Reply, Challenge)):
            raise TypeError(f"a client sends commands, not {type(item).__name__}")
        if isinstance(item, (AuthResponse, AuthCancel)):
            return self._answer_challenge(line)
        rule = RULES.get(item.verb, _OTHER)
        self._check(item)
        self._number += 1
        pending = _Pending(self._number, item)
        if type(item) is Auth and item.initial_response is not None and len(line) > COMMAND_LINE:
            pending.later = line.split(b" ")[2]
            line = encode(Auth(item.mechanism))
        self._plan = rule.moves[self._plan]
        self._pending.append(pending)
        self._untaken += 1
        self._out.put(line)
        return self._number

    def authenticate(self, exchange: Exchange) -> int:
        """AUTH, and the answers to its challenges, by a SASL exchange (`sasl.choose()` makes one).

        Returns a number; the `Replied` that brings it back ends the exchange, and when it is a no,
        `exchange.refusal` may say more. No `Challenge` is given meanwhile. `next_event()` raises
        `sasl.ExchangeFailed` when the server cannot be trusted: it broke the exchange, or said yes
        without having proven what the mechanism promises. Raises as `send()` does.
        """
        number = self.send(Auth(exchange.mechanism, exchange.initial))
        self._pending[-1].exchange = exchange
        return number

    def _answer_challenge(self, line: bytes) -> int:
        if self._awaiting is None:
            raise LocalProtocolError("there is no challenge to answer")
        self._out.put(line)
        self._awaiting = None
        return self._pending[0].number

    def _hand_out(self) -> None:
        self._untaken = 0

    # --- May it be said? ------------------------------------------------------------------------

    def _check(self, command: Command) -> None:
        """Raise unless `command` may be said now."""
        if self._pending:
            last = self._pending[-1].command.verb
            if RULES.get(last, _OTHER).sync:
                raise LocalProtocolError(
                    f"wait for the reply to {last}: nothing may be sent behind it"
                )
            if not self._pipelining:
                raise LocalProtocolError(f"no PIPELINING was offered: wait for the reply to {last}")
        rule = RULES.get(command.verb, _OTHER)
        if self._plan not in rule.moves:
            raise LocalProtocolError(
                f"{command.verb} is out of place in state {self._plan.value!r}"
            )
        offered = self._capabilities
        if rule.capability and offered is not None and rule.capability not in offered:
            raise NotOffered(f"the server was asked, and does not offer {rule.capability}")
        check = _CHECKS.get(type(command))
        if check is not None:
            check(self, command)

    def _check_exposed(self, what: str) -> None:
        if not self._tls and not self.quirks.plaintext_auth:
            raise LocalProtocolError(
                f"{what} without TLS shows the secret to the network:"
                " STLS first, or set quirks.plaintext_auth"
            )

    def _check_text(self, text: str) -> None:
        offered = self._capabilities
        if not text.isascii() and (offered is None or not offered.per_user("UTF8")):
            raise NotOffered(
                "names and passwords beyond ASCII need UTF8 USER, which the server did not offer"
            )

    def _check_user(self, command: User) -> None:
        self._check_exposed("USER")
        self._check_text(command.name)

    def _check_pass(self, command: Pass) -> None:
        self._check_exposed("PASS")
        self._check_text(command.password)

    def _check_apop(self, command: Apop) -> None:
        if self._timestamp is None:
            raise LocalProtocolError("APOP needs a greeting with a sound timestamp, and no STLS")
        self._check_text(command.name)

    def _check_auth(self, command: Auth) -> None:
        offered = self._capabilities
        if offered is not None and command.mechanism not in offered.sasl:
            raise NotOffered(f"the server did not offer the mechanism {command.mechanism}")
        if command.mechanism in PLAINTEXT_MECHANISMS:
            self._check_exposed(command.mechanism)

    def _check_stls(self, command: Stls) -> None:
        if self._tls:
            raise LocalProtocolError("TLS is there already")
        if self._utf8:
            raise LocalProtocolError("STLS must come before UTF8 (RFC 6856 section 2.1)")

    # --- Replies --------------------------------------------------------------------------------

    def _parse(self) -> ClientEvent | None:
        while not self._halted:
            if self._reader != "reply":
                return _READERS[self._reader](self)
            limit = self._limits.reply
            line = self._in.line(b"\n", limit)
            size = len(self._in) if line is None else len(line)
            if limit is not None and size > limit:
                raise LimitExceeded("a reply is larger than limits.reply")
            if line is None:
                return None
            reply = None if size > _SHORT or self._blank_lines else plain_reply(line)
            event = self._on_odd_line(line) if reply is None else self._on_reply(reply)
            if event is not None:
                return event
        return None

    def _on_odd_line(self, line: bytes) -> ClientEvent | None:
        """A line that is no reply of the usual kind."""
        if line in (b"\r\n", b"\n"):
            self._blank_lines += 1
            most = self._limits.blank_lines
            if most is not None and self._blank_lines > most:
                raise LimitExceeded("more empty lines before a reply than limits.blank_lines")
            return None
        try:
            if line[:1] == b"+" and line[1:2] in (b" ", b"\r", b"\n"):
                return self._on_challenge(parse_challenge(line))
            reply = parse_reply(line)
        except ValueError:
            raise RemoteProtocolError("the server sent something that is no reply") from None
        return self._on_reply(self._without_blank_lines(reply))

    def _without_blank_lines(self, read: Any) -> Any:
        if self._blank_lines:
            self._blank_lines = 0
            read = _with_defect(read, "blank_line")
        return read

    def _on_challenge(self, challenge: Challenge) -> ClientEvent | None:
        pending = self._pending[0] if self._pending else None
        if pending is None or type(pending.command) is not Auth:
            raise RemoteProtocolError("the server sent a challenge to something else than AUTH")
        if self._awaiting is not None:
            raise RemoteProtocolError("the server sent a challenge before the last was answered")
        pending.rounds += 1
        most = self._limits.challenges
        if most is not None and pending.rounds > most:
            raise LimitExceeded("more challenges than limits.challenges")
        later, pending.later = pending.later, None
        if later is not None and not challenge.data and "bad_base64" not in challenge.anomalies:
            self._out.put(later)
            self._blank_lines = 0
            return None
        challenge = self._without_blank_lines(challenge)
        if pending.exchange is not None:
            said = None if "bad_base64" in challenge.anomalies else challenge.data
            self._out.put(encode(AuthResponse(self._ask_exchange(pending.exchange, said))))
            return None
        self._awaiting = challenge
        return challenge

    def _on_reply(self, reply: Reply) -> ClientEvent | None:
        if self._state is State.GREETING:
            return self._on_greeting(reply)
        if not self._pending:
            if reply.ok:
                raise RemoteProtocolError("the server sent a reply to nothing")
            self._close()
            return Goodbye(reply)
        # A reply to what the server cannot have seen: response injection looks like that.
        if self._out.size and len(self._pending) <= self._untaken:
            reply = _with_defect(reply, "early_talk")
        command = self._pending[0].command
        if reply.ok:
            then = _THEN.get(type(command))
            if then is not None:
                event: ClientEvent | None = then(self, command, reply)
                return event
        return self._done(reply)

    def _on_greeting(self, reply: Reply) -> ClientEvent:
        if reply.ok:
            self._timestamp = find_timestamp(reply)
            self._state = self._plan = State.AUTHORIZATION
        else:
            self._close()
        return Greeting(reply)

    def _done(self, reply: Reply, value: Value | None = None) -> ClientEvent:
        """The head of the queue has its answer."""
        pending = self._pending.popleft()
        command = pending.command
        rule = RULES.get(command.verb, _OTHER)
        if reply.ok:
            self._state = rule.moves.get(self._state, self._state)
        elif rule.refused is not None:
            self._state = rule.refused
            self._plan = self._state
            for later in self._pending:
                moves = RULES.get(later.command.verb, _OTHER).moves
                self._plan = moves.get(self._plan, self._plan)
        if type(command) is Auth:
            self._awaiting = None
        elif type(command) is Quit:
            self._close()
        return Replied(pending.number, command, reply, value)

    # --- What a positive reply brings -----------------------------------------------------------

    def _then_value(self, command: Stat | List | Uidl, reply: Reply) -> ClientEvent | None:
        if not isinstance(command, Stat) and command.number is None:
            self._begin("listing", reply)
            self._entries, self._given = [], 0
            self._odd = deque()
            return None
        value, codes = reply_value(command, reply.text)
        for code in codes:
            reply = _with_defect(reply, code)
        return self._done(reply, value)

    def _then_lines(self, command: Capa | Lang, reply: Reply) -> ClientEvent | None:
        if isinstance(command, Lang) and command.tag is not None:
            return self._done(reply)
        self._begin("lines", reply)
        return None

    def _then_message(self, command: Retr | Top, reply: Reply) -> ClientEvent | None:
        self._begin("body", reply)
        self._scan = NewlineScan()
        size = announced_size(reply.text)
        return BodyStart(self._pending[0].number, command, reply, size)

    def _then_stls(self, command: Stls, reply: Reply) -> ClientEvent | None:
        # Success is told after the handshake, behind TlsEstablished.
        self._go_ahead = reply
        self._start_tls()
        return None

    def _then_auth(self, command: Auth, reply: Reply) -> ClientEvent | None:
        exchange = self._pending[0].exchange
        if exchange is not None:
            exchange.succeeded()
        return self._done(reply)

    def _then_utf8(self, command: Utf8, reply: Reply) -> ClientEvent | None:
        self._utf8 = True
        return self._done(reply)

    def _begin(self, reader: str, reply: Reply) -> None:
        self._reader = reader
        self._reply = reply
        self._line = bytearray()
        self._text = LooseTextDecoder() if self.quirks.bare_lf_texts else TextDecoder()

    def _end(self, value: Value | None = None) -> ClientEvent:
        self._reader = "reply"
        self._line = bytearray()
        return self._done(self._reply, value)

    def _read_lines(self) -> ClientEvent | None:
        limit = self._limits.reply
        while text := self._text.read(self._in, _PIECE):
            self._line += text
            if limit is not None and len(self._line) > limit:
                raise LimitExceeded("a reply is larger than limits.reply")
        if not self._text.ended:
            return None
        lines, codes = lines_of(bytes(self._line))
        if isinstance(self._pending[0].command, Lang):
            return self._end(tuple(map(parse_language, filter(None, lines))))
        for code in codes:
            self._reply = _with_defect(self._reply, code)
        self._capabilities = Capabilities.from_lines(lines)
        self._pipelining = "PIPELINING" in self._capabilities
        return self._end(self._capabilities)

    def _read_body(self) -> ClientEvent | None:
        text = self._chunk or self._text.read(self._in, self._limits.chunk)
        if text:
            most = self._limits.chunk
            if not self._chunk:
                self._scan.feed(text)
            self._chunk = text[most:]
            return BodyChunk(text[:most] if self._chunk else text)
        if not self._text.ended:
            return None
        self._reader = "done"
        return BodyEnd(self._scan.size, defects=self._scan.defects)

    # --- Listings -------------------------------------------------------------------------------

    def _read_listing(self) -> ClientEvent | None:
        batch = self._limits.batch
        while True:
            left = len(self._entries) - self._given
            if left >= batch or (left and self._text.ended and self._doom is None):
                return self._next_batch(batch)
            if self._doom is not None:
                raise self._doom
            if self._text.ended:
                return self._end()
            text = self._text.read(self._in, _PIECE)
            if text:
                self._take_lines(text)
            elif not self._text.ended:
                return None

    def _next_batch(self, batch: int) -> ClientEvent:
        start = self._given
        self._given = stop = min(start + batch, len(self._entries))
        odd: list[Defect] = []
        while self._odd and self._odd[0][0] < stop:
            odd.append(self._odd.popleft()[1])
        head = self._pending[0]
        command = cast("List | Uidl", head.command)
        entries = tuple(self._entries[start:stop])
        return Listing(head.number, command, entries, defects=tuple(odd))

    def _take_lines(self, text: bytes) -> None:
        """Read what is complete of a listing; keep the rest."""
        if self._given:
            # All but fewer than a batch have been given.
            del self._entries[: self._given]
            self._odd = deque((place - self._given, defect) for place, defect in self._odd)
            self._given = 0
        limit = self._limits.reply
        cut = text.rfind(b"\n") + 1
        if cut:
            lines = bytes(self._line) + text[:cut]
            self._line = bytearray(text[cut:])
            sizes = isinstance(self._pending[0].command, List)
            entries = None
            if limit is None or limit >= _ENTRY:
                entries = parse_sizes(lines) if sizes else parse_unique_ids(lines)
            if entries is None:
                self._take_odd_lines(lines, sizes)
            else:
                self._entries += entries
        else:
            self._line += text
        if limit is not None and len(self._line) > limit and self._doom is None:
            self._doom = LimitExceeded("a line of a listing is larger than limits.reply")

    def _take_odd_lines(self, lines: bytes, sizes: bool) -> None:
        limit = self._limits.reply
        for line in split_lines(lines):
            if limit is not None and len(line) > limit:
                self._doom = LimitExceeded("a line of a listing is larger than limits.reply")
                return
            entry, defects = parse_size(line) if sizes else parse_unique_id(line)
            self._odd.extend((len(self._entries), defect) for defect in defects)
            self._entries.append(entry)

    # --- The base class asks --------------------------------------------------------------------

    def _open(self) -> bool:
        return (
            len(self._in) > 0
            or self._blank_lines > 0
            or self._reader != "reply"
            or self._state is State.GREETING
            or any(type(pending.command) is not Quit for pending in self._pending)
        )

    def _forget(self) -> None:
        self._capabilities = None
        self._pipelining = False
        self._timestamp = None
        assert self._go_ahead is not None
        self._made.append(self._done(self._go_ahead))

    def _fail(self, error: RemoteProtocolError) -> RemoteProtocolError:
        self._state = State.CLOSED
        return super()._fail(error)

    def _close(self) -> None:
        self._state = State.CLOSED
        self._reader = "reply"
        super()._close()


_OTHER = RULES[""]


def _with_defect(read: Any, code: str) -> Any:
    return attrs.evolve(read, defects=(*read.defects, Defect(code)))


_READERS: dict[str, Callable[[Client], ClientEvent | None]] = {
    "lines": Client._read_lines,
    "listing": Client._read_listing,
    "body": Client._read_body,
    "done": Client._end,
}

_CHECKS: dict[type, Any] = {
    User: Client._check_user,
    Pass: Client._check_pass,
    Apop: Client._check_apop,
    Auth: Client._check_auth,
    Stls: Client._check_stls,
}

_THEN: dict[type, Any] = {
    Stat: Client._then_value,
    List: Client._then_value,
    Uidl: Client._then_value,
    Capa: Client._then_lines,
    Lang: Client._then_lines,
    Retr: Client._then_message,
    Top: Client._then_message,
    Stls: Client._then_stls,
    Utf8: Client._then_utf8,
    Auth: Client._then_auth,
}

"""The IMAP client machine.

`send(command)` gives a command its tag and returns it; `Completed` brings the tag back. Between the
two come responses, as what they are: the server says them when it likes, and nothing but a tag says
what they answer.

What is not completed is a `_Pending` each: those that have been sent, and those that wait,

* for the command before to be written: its literal waits for `+`, or its body for its pieces;
* because they would be ambiguous: `RULES` says behind what (RFC 9051 section 5.5).

Two states are kept: `state`, where the completions so far have led, and the planned state, where
the session will be when everything has succeeded. `send()` is checked against the second.

Invariants

* Nothing is queued before all of it has been checked: a refused call changes nothing.
* A body is asked for only when every command before is completed, and then piece by piece.
* What is read in plaintext is forgotten when TLS is there; what follows COMPRESS's OK is inflated,
  a chunk at a time.
* A client that gives up says nothing.
"""

from __future__ import annotations

import zlib
from collections import deque
from typing import Any, cast, get_args

import attrs

from .._grammar import b64decode, b64encode
from .._machine import BodyWanted, ClientMachine, Exchange, Timeout
from .._vocabulary import PLAINTEXT_MECHANISMS, AuthCancel, AuthResponse, Challenge
from .._wire import Input, as_bytes
from ..errors import Defect, LimitExceeded, LocalProtocolError, NotOffered, RemoteProtocolError
from ..limits import Limits
from ._codec import encode
from ._commands import (
    Append,
    Authenticate,
    Command,
    Compress,
    Done,
    Idle,
    Login,
    Logout,
    Replace,
    StartTls,
    Unauthenticate,
)
from ._events import ClientEvent, Completed, Greeting, Idling
from ._parsers import ResponseParser
from ._responses import CapabilityData, Condition, Continuation, Enabled
from ._sets import SequenceSet
from ._states import IDLE_TIMEOUT, RULES, TIMEOUT, Quirks, Rule, State
from ._values import And, Fuzzy, Not, Or, ResponseCode, SearchKey, Streamed
from ._writer import Dialect, Fragment

__all__ = ["Client"]

_OTHER = RULES[""]


@attrs.define
class _Pending:
    """A command that is not completed."""

    tag: str
    command: Command
    rule: Rule
    fragments: deque[Fragment | Streamed]
    """What is still to be written of it."""
    counts: bool
    """Whether it names messages by number."""
    waits: bool = False
    """Whether `+` has to come before what is still to be written."""
    binary: bool = False
    """Whether NUL may be in its body."""
    exchange: Exchange | None = None
    rounds: int = 0
    """Challenges so far."""
    initial: bytes | None = attrs.field(default=None, repr=False)
    """AUTHENTICATE: the initial response, for a server without SASL-IR."""
    refusal: Condition | None = None
    """A NO that came while its body was being given."""


@attrs.define
class _Tally:
    """How many commands there are of each kind that others may be ambiguous behind."""

    renumbers: int = 0
    boundaries: int = 0
    selects: int = 0

    def add(self, pending: _Pending, by: int = 1) -> None:
        rule = pending.rule
        # A UID command may tell of messages that are gone even where its sibling may not.
        self.renumbers += by * (rule.renumbers or getattr(pending.command, "uid", False))
        self.boundaries += by * rule.boundary
        self.selects += by * rule.selects

    def forbids(self, pending: _Pending) -> bool:
        """Whether a command would be ambiguous behind these (RFC 9051 section 5.5)."""
        rule = pending.rule
        if self.boundaries and (rule.selects or rule.boundary):
            return True
        if self.selects and rule.boundary:
            return True
        return bool(self.renumbers and pending.counts)


class Client(ClientMachine[ClientEvent]):
    """A client's end of one IMAP connection. See `mailproto.Machine` for how to drive it.

    `awaiting` is None, a `Challenge` (answer with `send(AuthResponse(...))` or
    `send(AuthCancel())`), or a `BodyWanted`: `send_body()` one piece, or `end_body()`. `tls=True`:
    TLS is there from the start.
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
        self._sent: dict[str, _Pending] = {}  # by tag; the last may be in the middle of it
        self._held: deque[_Pending] = deque()
        self._in_flight = _Tally()  # of what was sent
        self._planned = _Tally()  # of all that is not completed
        self._parser = ResponseParser(limits)
        self._capabilities: CapabilityData | None = None
        self._enabled: frozenset[str] = frozenset()
        self._idling = False
        self._bye = 0
        self._go_ahead: Condition | None = None  # to STARTTLS
        self._body_left = 0  # octets of the body that is being given
        # COMPRESS: both directions, and what has been inflated.
        self._inflate: Any = None
        self._deflate: Any = None
        self._plain = Input()

    # --- What to look at ------------------------------------------------------------------------

    @property
    def quirks(self) -> Quirks:
        """The tolerances this machine was made with."""
        return cast(Quirks, self._quirks)

    @property
    def state(self) -> State:
        """Where the completions so far have led the session."""
        return self._state

    @property
    def capabilities(self) -> CapabilityData | None:
        """What the server offers; None while it is not known, as after STARTTLS and a login."""
        return self._capabilities

    @property
    def enabled(self) -> frozenset[str]:
        """What ENABLED told, in upper case."""
        return self._enabled

    @property
    def idling(self) -> bool:
        """Whether the server has agreed to IDLE and DONE has not been said."""
        return self._idling

    @property
    def dialect(self) -> Dialect:
        """How commands are written now."""
        offered = self._capabilities
        literals = ""
        if offered is not None:
            if "LITERAL+" in offered:
                literals = "+"
            elif "LITERAL-" in offered or "IMAP4REV2" in offered:
                literals = "-"
        return Dialect(utf8=self._parser.utf8, literals=cast(Any, literals))

    @property
    def outstanding(self) -> tuple[tuple[str, Command], ...]:
        """(tag, command) of every command that is not completed, in order."""
        return tuple(
            (pending.tag, pending.command) for pending in (*self._sent.values(), *self._held)
        )

    @property
    def timeout(self) -> float | None:
        """Seconds to wait for the greeting or an answer; in IDLE, until it is to be begun anew."""
        if self._closing or self._error:
            return None
        if self._idling:
            return IDLE_TIMEOUT
        return TIMEOUT if self._sent or self._state is State.GREETING else None

    # --- Commands -------------------------------------------------------------------------------

    def send(self, item: Command) -> str:
        """Queue a command. Returns the tag that its `Completed` will carry.

        Raises LocalProtocolError when it may not be said now, `NotOffered` when the server did not
        offer what it needs, TypeError or ValueError when it cannot be said at all.
        """
        if not isinstance(item, _COMMANDS):
            raise TypeError(f"a client sends commands, not {type(item).__name__}")
        self._check_can_send()
        if isinstance(item, Done):
            return self._say_done()
        if isinstance(item, (AuthResponse, AuthCancel)):
            return self._answer_challenge(item)
        tag = f"A{self._number + 1}"
        initial = None
        said = item
        if isinstance(item, Authenticate) and item.initial_response is not None:
            offered = self._capabilities
            if offered is None or ("SASL-IR" not in offered and "IMAP4REV2" not in offered):
                initial = item.initial_response
                said = Authenticate(item.mechanism)
        rule = self._check(item)
        fragments = deque(encode(said, tag=tag, dialect=self.dialect))
        pending = _Pending(
            tag,
            item,
            rule,
            fragments,
            rule.counts and _counts(item),
            binary=_is_binary(item),
            initial=initial,
        )
        if self.quirks.refuse_ambiguous and self._planned.forbids(pending):
            raise LocalProtocolError(
                f"{item.verb} would be ambiguous behind what is in flight: wait for it"
            )
        self._number += 1
        self._plan = rule.moves[self._plan]
        self._planned.add(pending)
        self._held.append(pending)
        self._write()
        return tag

    def authenticate(self, exchange: Exchange) -> str:
        """AUTHENTICATE, and the answers to its challenges, by a SASL exchange (`sasl.choose()`).

        Returns the tag; its `Completed` ends the exchange. No `Challenge` is given meanwhile.
        `next_event()` raises `sasl.ExchangeFailed` when the server cannot be trusted. Raises as
        `send()` does.
        """
        tag = self.send(Authenticate(exchange.mechanism, exchange.initial))
        self._sent[tag].exchange = exchange
        return tag

    def send_body(self, data: bytes | bytearray | memoryview) -> None:
        """The next piece of the body that is wanted. b"" changes nothing.

        Raises LocalProtocolError when none is wanted, output waits to be flushed, or the body is
        larger than was announced; ValueError for NUL, which only BINARY may have.
        """
        self._check_can_send()
        if not isinstance(self._awaiting, BodyWanted):
            raise LocalProtocolError("no body is wanted now")
        octets = as_bytes(data)
        if len(octets) > self._body_left:
            raise LocalProtocolError(
                f"the body is larger than announced: {self._body_left} octets are missing"
            )
        if 0 in octets and not self._head().binary:
            raise ValueError("NUL cannot be sent, except as BINARY")
        if octets:
            self._body_left -= len(octets)
            self._out.put(octets)

    def end_body(self) -> None:
        """The body is complete. Raises LocalProtocolError as `send_body()` does, or if not."""
        self._check_can_send()
        if not isinstance(self._awaiting, BodyWanted):
            raise LocalProtocolError("no body is wanted now")
        if self._body_left:
            raise LocalProtocolError(
                f"the body is smaller than announced: {self._body_left} octets are missing"
            )
        self._awaiting = None
        head = self._head()
        head.fragments.popleft()
        if head.refusal is None:
            self._write_fragments(head)
        else:
            # The octets that were announced had to come all the same.
            self._out.put(b"\r\n")
            head.fragments.clear()
            self._made.append(self._completed(head, head.refusal))
        self._write()

    def _head(self) -> _Pending:
        return next(iter(self._sent.values()))

    def receive_timeout(self) -> None:
        """The wait took longer than `timeout`: a `Timeout` event, and then the end, or DONE.

        In IDLE the connection stays: say `Done()` and `Idle()` again.
        """
        if self._idling and not self._closing and self._error is None:
            self._made.append(Timeout())
        else:
            super().receive_timeout()

    def _say_done(self) -> str:
        if not self._idling:
            raise LocalProtocolError("there is no IDLE to end")
        self._idling = False
        self._out.put(b"DONE\r\n")
        return self._head().tag

    def _answer_challenge(self, item: AuthResponse | AuthCancel) -> str:
        if not isinstance(self._awaiting, Challenge):
            raise LocalProtocolError("there is no challenge to answer")
        (fragment,) = encode(item)
        assert isinstance(fragment, Fragment)
        self._out.put(fragment.octets)
        self._awaiting = None
        return self._head().tag

    # --- May it be said? ------------------------------------------------------------------------

    def _check(self, command: Command) -> Rule:
        """Raise unless `command` may be said now."""
        rule = RULES.get(command.verb, _OTHER)
        last = self._held[-1] if self._held else self._last
        if last is not None and last.rule.sync:
            raise LocalProtocolError(
                f"wait for {last.command.verb} to complete: nothing may be sent behind it"
            )
        if self._plan not in rule.moves:
            raise LocalProtocolError(
                f"{command.verb} is out of place in state {self._plan.value!r}"
            )
        offered = self._capabilities
        if offered is not None and not self.quirks.unoffered:
            wanted = rule.capabilities
            if wanted and not any(word in offered for word in wanted):
                raise NotOffered(f"the server does not offer {' or '.join(wanted)}")
        if isinstance(command, Login):
            if offered is not None and "LOGINDISABLED" in offered:
                raise NotOffered("the server does not take LOGIN now (LOGINDISABLED)")
            self._check_exposed("LOGIN")
        elif isinstance(command, Authenticate):
            if (
                offered is not None
                and not self.quirks.unoffered
                and command.mechanism not in map(str.upper, offered.arguments("AUTH"))
            ):
                raise NotOffered(f"the server does not offer the mechanism {command.mechanism}")
            if command.mechanism in PLAINTEXT_MECHANISMS:
                self._check_exposed(command.mechanism)
        elif isinstance(command, StartTls):
            if self._tls:
                raise LocalProtocolError("TLS is there already")
        elif isinstance(command, Compress):
            if command.algorithm != "DEFLATE":
                raise NotOffered(f"compression by {command.algorithm} is not known here")
            if self._inflate is not None:
                raise LocalProtocolError("the connection is compressed already")
        return rule

    def _check_exposed(self, what: str) -> None:
        if not self._tls and not self.quirks.plaintext_auth:
            raise LocalProtocolError(
                f"{what} without TLS shows the secret to the network:"
                " STARTTLS first, or set quirks.plaintext_auth"
            )

    # --- Writing --------------------------------------------------------------------------------

    @property
    def _last(self) -> _Pending | None:
        """The last command that was sent and is not completed."""
        return next(reversed(self._sent.values()), None)

    def _write(self) -> None:
        """Write what may be written of what is held."""
        held = self._held
        while held:
            last = self._last
            if last is not None and last.fragments:
                break  # in the middle of it
            pending = held[0]
            if self._in_flight.forbids(pending):
                break
            held.popleft()
            self._sent[pending.tag] = pending
            self._in_flight.add(pending)
            self._write_fragments(pending)
        self._want_body()

    def _write_fragments(self, pending: _Pending) -> None:
        """Write a command up to where it has to wait: for `+`, or for its body."""
        fragments = pending.fragments
        while fragments:
            fragment = fragments[0]
            if isinstance(fragment, Streamed):
                return
            fragments.popleft()
            self._out.put(fragment.octets)
            if fragment.wait:
                pending.waits = True
                return

    def _want_body(self) -> None:
        """Ask for the body of the first command, if it is its turn."""
        if len(self._sent) != 1 or self._awaiting is not None:
            return
        head = self._head()
        if head.fragments and not head.waits and isinstance(head.fragments[0], Streamed):
            self._body_left = head.fragments[0].size
            self._awaiting = BodyWanted(head.tag, head.command)

    def _hand_out(self) -> None:
        if self._deflate is not None and self._out.size:
            data = self._deflate.compress(self._out.take()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            self._out.put(data)

    # --- Responses ------------------------------------------------------------------------------

    def _parse(self) -> ClientEvent | None:
        while not self._halted:
            item: Any = self._next_response()
            if item is None:
                return None
            handle = _HANDLERS.get(item.__class__)
            if handle is None:
                if self._state is State.GREETING:
                    raise RemoteProtocolError("the server did not begin with a greeting")
                return cast("ClientEvent", item)
            event = handle(self, item)
            if event is not None:
                return cast("ClientEvent", event)
        return None

    def _next_response(self) -> Any:
        if self._inflate is None:
            return self._parser.read(self._in)
        while (item := self._parser.read(self._plain)) is None:
            if self._inflate.eof:  # nothing can follow: the server is about to close
                self._in.clear()
                return None
            rest = self._inflate.unconsumed_tail
            data = rest or self._in.take(self._limits.chunk)
            if not data:
                return None
            try:
                plain = self._inflate.decompress(data, self._limits.chunk)
            except zlib.error:
                raise RemoteProtocolError("what the server sent cannot be inflated") from None
            if plain:
                self._plain.feed(plain)
        return item

    def _on_condition(self, item: Condition) -> ClientEvent | None:
        code = item.code
        if item.tag is None:
            if self._state is State.GREETING:
                return self._on_greeting(item)
            self._learn(code)
            if item.status == "BYE":
                return self._on_bye(item)
            return item
        if self._state is State.GREETING:
            raise RemoteProtocolError("the server did not begin with a greeting")
        pending = self._sent.get(item.tag)
        if pending is None:
            raise RemoteProtocolError("the server completed a command that is not in flight")
        return self._on_completion(pending, item)

    def _on_greeting(self, item: Condition) -> ClientEvent:
        if item.status == "BYE":
            self._state = State.LOGOUT
            self._close()
            return Greeting(item)
        if item.status == "PREAUTH":
            if not self._tls and not self.quirks.plaintext_auth:
                raise RemoteProtocolError(
                    "PREAUTH without TLS: somebody may be between (see quirks.plaintext_auth)"
                )
            self._state = State.AUTHENTICATED
        elif item.status == "OK":
            self._state = State.NOT_AUTHENTICATED
        else:
            raise RemoteProtocolError("the server did not begin with a greeting of IMAP")
        self._plan = self._state
        self._learn(item.code)
        return Greeting(item)

    def _on_bye(self, item: Condition) -> ClientEvent:
        self._bye += 1
        last = self._last
        leaving = last is not None and isinstance(last.command, Logout)
        if not leaving or self._bye > 1:  # some say it again and again, and never the rest
            self._state = State.LOGOUT
            self._close()
        return item

    def _on_completion(self, pending: _Pending, item: Condition) -> ClientEvent | None:
        command = pending.command
        if pending.fragments:
            if item.status == "OK":
                raise RemoteProtocolError("the server said OK before it had all of the command")
            if not pending.waits:  # a body was announced: it has to come all the same
                pending.refusal = item
                return None
        if isinstance(command, StartTls) and item.status == "OK":
            self._go_ahead = item
            self._start_tls()
            return None
        event = self._completed(pending, item)
        self._write()
        return event

    def _completed(self, pending: _Pending, item: Condition) -> ClientEvent:
        """A command is completed: what that changes."""
        command, rule = pending.command, pending.rule
        ok = item.status == "OK"
        moves = rule.moves if ok else rule.refused if item.status == "NO" else _NOWHERE
        self._state = moves.get(self._state, self._state)
        if isinstance(command, Idle):
            self._idling = False
        elif isinstance(command, Authenticate):
            self._awaiting = None
            if ok and pending.exchange is not None:
                pending.exchange.succeeded()
        if ok and isinstance(command, (Login, Authenticate)):
            self._capabilities = None  # others may be offered now
        elif ok and isinstance(command, Unauthenticate):
            self._enabled = frozenset()
            self._parser.utf8 = False
            self._capabilities = None
        self._learn(item.code)
        del self._sent[pending.tag]
        self._in_flight.add(pending, -1)
        self._planned.add(pending, -1)
        if not ok:
            self._plan = self._state
            for later in (*self._sent.values(), *self._held):
                self._plan = later.rule.moves.get(self._plan, self._plan)
        elif isinstance(command, Compress):
            self._start_compression()
        elif isinstance(command, Logout):
            self._close()
        return Completed(
            pending.tag, command, item.status, item.code, item.text, defects=item.defects
        )

    def _on_continuation(self, item: Continuation) -> ClientEvent | None:
        pending = self._last
        if pending is not None:
            command = pending.command
            if pending.waits:
                pending.waits = False
                self._write_fragments(pending)
                self._write()
                return None
            if isinstance(command, Idle) and not self._idling:
                self._idling = True
                return Idling(pending.tag, item.text, defects=item.defects)
            if isinstance(command, Authenticate):
                return self._on_challenge(pending, item)
        raise RemoteProtocolError("the server asked for more, and nothing is to be sent")

    def _on_challenge(self, pending: _Pending, item: Continuation) -> ClientEvent | None:
        if self._awaiting is not None:
            raise RemoteProtocolError("the server sent a challenge before the last was answered")
        pending.rounds += 1
        most = self._limits.challenges
        if most is not None and pending.rounds > most:
            raise LimitExceeded("more challenges than limits.challenges")
        try:
            challenge = Challenge(b64decode(item.text.encode("ascii")))
        except ValueError:
            challenge = Challenge(b"", defects=(_BAD_BASE64,))
        initial, pending.initial = pending.initial, None
        if initial is not None and not challenge.data:
            self._out.put(b64encode(initial) + b"\r\n")
            return None
        if pending.exchange is not None:
            said = None if challenge.defects else challenge.data
            answer = self._ask_exchange(pending.exchange, said)
            self._out.put(b64encode(answer) + b"\r\n")
            return None
        self._awaiting = challenge
        return challenge

    def _on_capability(self, item: CapabilityData) -> ClientEvent:
        self._check_greeted()
        self._capabilities = item
        return item

    def _on_enabled(self, item: Enabled) -> ClientEvent:
        self._check_greeted()
        self._enabled |= {word.upper() for word in item.capabilities}
        if not self._enabled.isdisjoint(("UTF8=ACCEPT", "UTF8=ONLY", "IMAP4REV2")):
            self._parser.utf8 = True
        return item

    def _check_greeted(self) -> None:
        if self._state is State.GREETING:
            raise RemoteProtocolError("the server did not begin with a greeting")

    def _learn(self, code: ResponseCode | None) -> None:
        if code is not None and code.name == "CAPABILITY":
            words: Any = code.value
            if isinstance(words, tuple):
                self._capabilities = CapabilityData(cast("tuple[str, ...]", words))

    def _start_compression(self) -> None:
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        self._in.stalled = False

    def __getstate__(self) -> Any:
        if self._inflate is not None:
            raise TypeError("a machine cannot be pickled while COMPRESS is active")
        return super().__getstate__()

    # --- The base class asks --------------------------------------------------------------------

    def _open(self) -> bool:
        return (
            len(self._in) > 0
            or len(self._plain) > 0
            or self._parser.open
            or self._state is State.GREETING
            or any(not isinstance(command, Logout) for _, command in self.outstanding)
        )

    def _forget(self) -> None:
        assert self._go_ahead is not None
        item, self._go_ahead = self._go_ahead, None
        self._capabilities = None
        pending = self._head()
        self._made.append(self._completed(pending, attrs.evolve(item, code=None)))

    def _fail(self, error: RemoteProtocolError) -> RemoteProtocolError:
        self._state = State.CLOSED
        return super()._fail(error)

    def _close(self) -> None:
        self._state = State.CLOSED
        super()._close()


_COMMANDS: tuple[type, ...] = get_args(Command)
_NOWHERE: dict[State, State] = {}
_BAD_BASE64 = Defect("bad_base64")


def _counts(command: Command) -> bool:
    """Whether a command names messages by number."""
    if not getattr(command, "uid", False):
        return True
    waiting: list[SearchKey] = list(getattr(command, "keys", ()))
    while waiting:
        key = waiting.pop()
        match key:
            case SequenceSet():
                return True
            case Not(inner) | Fuzzy(inner):
                waiting.append(inner)
            case Or(left, right):
                waiting += (left, right)
            case And(keys):
                waiting += keys
            case _:
                pass
    return False


def _is_binary(command: Command) -> bool:
    """Whether NUL may be in the body of a command."""
    if isinstance(command, Append):
        return any(message.binary for message in command.messages)
    return isinstance(command, Replace) and command.message.binary


_HANDLERS: dict[type, Any] = {
    Condition: Client._on_condition,
    Continuation: Client._on_continuation,
    CapabilityData: Client._on_capability,
    Enabled: Client._on_enabled,
}

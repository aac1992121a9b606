"""The contract that every machine keeps, and the one place where it is code.

A machine is told what came in (`receive_data`, `receive_eof`, `receive_timeout`,
`tls_established`), what its application wants (`send`, `send_body`, `end_body`, `accept`,
`reject`, `abort`), and is asked, again and again, one question: `next_event()`. The answer is an
event, or a `Want` that says what the machine needs before there can be another event. Nothing
happens between calls, and nothing but `next_event()` parses.

The order inside `next_event()` is the whole trick

1. Output at or above its limit, or a reply that may not be held back: `SEND`.
2. Nothing is parsed while TLS is pending, after the machine decided to close, after a remote error,
   or, on servers, while an answer is owed.
3. Else one event, if one is complete. An error found here is kept; a server's farewell for it is
   queued, but never behind a STARTTLS answer.
4. Any queued output: `SEND`.
5. A kept error is raised, the same one on every later call.
6. TLS is pending and the input has not ended: `TLS`. Bytes left in the buffer are an error: they
   came in plaintext and would be read as if TLS had protected them.
7. The machine decided to close: `CLOSE`.
8. An answer is owed: `ANSWER`. (Never to a client whose input has ended: nobody listens.)
9. The input has ended: `CLOSE` if nothing is open, else an error.
10. `DATA`.

What follows from it: events come before a later error, good replies reach the peer before it, a
flush cannot be forgotten, pipelined replies leave in one piece, and a server that has to decide
before it may interpret what follows (DATA, AUTH, STARTTLS) simply does not look further.

Rules for this file: it knows no protocol, no verb and no reply code. It knows what every machine
has in common: input, output, one owed answer, one kept error, the TLS barrier, the end.
"""

from __future__ import annotations

import abc
import enum
from collections import deque
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast

import attrs

from ._wire import Input, Output, as_bytes
from .errors import ConnectionLost, LimitExceeded, LocalProtocolError, RemoteProtocolError
from .limits import Limits

__all__ = [
    "BodyChunk",
    "BodyWanted",
    "ClientMachine",
    "Exchange",
    "LineServer",
    "LineTooLong",
    "Machine",
    "ServerMachine",
    "Timeout",
    "TlsEstablished",
    "Want",
]


class Want(enum.Enum):
    """What `next_event()` needs before there can be another event."""

    DATA = "data"
    """Read from the peer, then call `receive_data()` or `receive_eof()`."""
    SEND = "send"
    """Take `data_to_send()`, write it, ask again."""
    ANSWER = "answer"
    """Your move: `machine.awaiting` is what the peer is waiting for."""
    TLS = "tls"
    """Do the TLS handshake and check the certificate, then call `tls_established()`."""
    CLOSE = "close"
    """Close the connection: nothing more will come."""


_DATA, _SEND, _ANSWER, _TLS, _CLOSE = Want  # a member looked up in its class costs 50 ns


@attrs.frozen
class BodyChunk:
    """Octets of a body, as they came, at most `limits.chunk` of them. Their cuts mean nothing."""

    data: bytes


@attrs.frozen
class BodyWanted:
    """What `awaiting` is while the peer waits for a body: `send_body()` or `end_body()`."""

    number: object
    """What a client's `send()` (or `submit()`) returned for the command the body belongs to."""
    command: object
    """That command."""


@attrs.frozen
class TlsEstablished:
    """TLS is up. Everything learnt before, on either side, has been forgotten."""

    peer: object = None
    """Whatever the embedder gave to `tls_established()`: a certificate, a name, None."""
    binding: bytes | None = attrs.field(default=None, repr=False)
    """Channel binding bytes for SASL's -PLUS mechanisms, if the embedder gave them."""


@attrs.frozen
class Timeout:
    """The wait that `next_event()` asked for took longer than `machine.timeout`."""


E = TypeVar("E")

CLOSED_REASON = "the connection is closing: nothing more can be sent"


class Machine(abc.ABC, Generic[E]):
    """A protocol's state, without its I/O. Generic in the type of its events.

    How to drive it::

        while True:
            match machine.next_event():
                case Want.DATA:   read; receive_data(data) or receive_eof()
                case Want.SEND:   write(machine.data_to_send())
                case Want.TLS:    handshake; tls_established()
                case Want.ANSWER: do what machine.awaiting asks for
                case Want.CLOSE:  close; break
                case event:       yours

    Calls on one machine never overlap. Getters change nothing: `state`, `awaiting`, `outstanding`,
    `timeout`, `limits`, `quirks`. A machine can be pickled between any two calls.
    """

    __slots__ = (
        "__dict__",
        "_awaiting",
        "_closing",
        "_eof",
        "_error",
        "_flush_at",
        "_halted",
        "_in",
        "_limits",
        "_made",
        "_out",
        "_quirks",
        "_tls",
        "_tls_pending",
    )

    _paced: ClassVar[bool]
    """Whether nothing is parsed while an answer is owed: true of servers."""

    def __init__(self, limits: Limits, quirks: Any, tls: bool) -> None:
        self._limits = limits
        self._quirks = quirks
        self._tls = tls
        self._tls_pending = False
        self._in = Input()
        self._out = Output()
        self._flush_at = limits.output
        # Events that are complete without parsing. Any, because every E has Timeout in it, and
        # the type system cannot say so.
        self._made: deque[Any] = deque()
        self._awaiting: Any = None
        self._halted = False  # tls pending, closing or failed: nothing is parsed
        self._closing = False
        self._eof = False
        self._error: RemoteProtocolError | None = None

    # --- What to look at ------------------------------------------------------------------------

    @property
    def limits(self) -> Limits:
        """The bounds this machine was made with."""
        return self._limits

    @property
    def quirks(self) -> Any:
        """The tolerances this machine was made with."""
        return self._quirks

    @property
    def tls(self) -> bool:
        """Whether TLS protects the connection now."""
        return self._tls

    @property
    def awaiting(self) -> Any:
        """What the next answer answers, or None.

        A server: the very event that `accept()`, `reject()` or a final `send()` answers next. A
        client: a challenge. Both: a `BodyWanted`.
        """
        return self._awaiting

    @property
    def outstanding(self) -> tuple[tuple[Any, Any], ...]:
        """Clients: (number or tag, command) of every command not completed, in order."""
        return ()

    @property
    @abc.abstractmethod
    def state(self) -> Any:
        """Where the protocol's state table stands."""

    @property
    @abc.abstractmethod
    def timeout(self) -> float | None:
        """Seconds the wait asked for (DATA, SEND, TLS) may take, or None for any time."""

    # --- From the network -----------------------------------------------------------------------

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the peer, and never parse them. b"" changes nothing.

        `bytes` are kept, anything else is copied. After `Want.CLOSE` or an error they are dropped.
        Raises TypeError for what is not bytes, LocalProtocolError after `receive_eof()`.
        """
        if type(data) is not bytes:
            data = as_bytes(data)
        source = self._in
        if source.stalled and not self._eof:  # usual, for input that comes in small pieces
            source.drip(data)
            return
        if self._halted or self._eof or self._awaiting is not None:
            self._hold(data)
        elif data:
            self._in.feed(data)

    def _hold(self, data: bytes) -> None:
        """Take bytes while perhaps nothing may be parsed."""
        if not data:
            return
        if self._closing or self._error is not None:
            return
        if self._eof:
            raise LocalProtocolError("receive_data() after receive_eof()")
        most = self._limits.input
        if (self._halted or self._paced) and most is not None and len(self._in) >= max(most, 1):
            self._fail(LimitExceeded("more input than limits.input while nothing could be parsed"))
            return
        self._in.feed(data)

    def receive_eof(self) -> None:
        """The peer will send nothing more, or can no longer be written to. Idempotent."""
        self._eof = True

    def receive_timeout(self) -> None:
        """The wait that `next_event()` asked for took longer than `timeout`.

        Gives a `Timeout` event; then the machine closes, with a farewell where the protocol has
        room for one.
        """
        if self._closing or self._error is not None:
            return
        self._made.append(Timeout())
        self._expire()

    def tls_established(self, *, peer: object = None, binding: bytes | None = None) -> None:
        """The handshake is done and the certificate is good.

        Raises LocalProtocolError when no `Want.TLS` is pending or output has not been flushed.
        """
        if not self._tls_pending:
            raise LocalProtocolError("tls_established() without Want.TLS")
        if self._out.size:
            raise LocalProtocolError("tls_established() before the output was flushed")
        if len(self._in):
            self._fail(_plaintext_error())
            return
        self._tls_pending = self._halted = False
        self._tls = True
        self._made.append(TlsEstablished(peer, binding))
        self._forget()

    # --- To the network -------------------------------------------------------------------------

    def data_to_send(self) -> bytes:
        """Take what is queued; b"" if nothing is."""
        self._flush_at = self._limits.output
        self._hand_out()
        return self._out.take()

    @abc.abstractmethod
    def send(self, item: Any) -> Any:
        """Client: a command. Server: the exact reply or response. Checked before anything changes.

        Raises LocalProtocolError for what is not allowed now, TypeError or ValueError for what
        cannot be said in the protocol at all.
        """

    def send_body(self, data: bytes | bytearray | memoryview) -> None:
        """The next piece of the body that is wanted. b"" changes nothing.

        Raises LocalProtocolError when no body is wanted, or output waits to be flushed.
        """
        raise LocalProtocolError("no body is wanted now")

    def end_body(self) -> None:
        """The body is complete. Raises LocalProtocolError as `send_body()` does."""
        raise LocalProtocolError("no body is wanted now")

    def abort(self, reply: Any = None) -> None:
        """Give up: say so where the protocol has room for it, then `Want.CLOSE`.

        Never completes a body. `reply` replaces a server's own farewell.
        """
        if not self._closing and self._error is None:
            self._expire(reply)

    # --- The question ---------------------------------------------------------------------------

    def next_event(self) -> E | Want:
        """The next event, or what is needed before there can be one.

        Raises RemoteProtocolError when the peer broke the protocol; the same one ever after.
        """
        source = self._in
        out = self._out
        if source.stalled and not (out.size or self._eof or self._awaiting is not None):
            return _DATA  # nothing below can apply while a line comes in pieces
        if out.size >= self._flush_at:  # 1
            return _SEND
        if self._made:
            return self._next_made()
        if not (self._halted or source.stalled) and (
            self._awaiting is None or not self._paced
        ):  # 2
            try:
                event = self._parse()  # 3
            except RemoteProtocolError as error:
                self._fail(error)
                if self._made:  # what is worth telling before it
                    return self._next_made()
            else:
                if event is not None:
                    return event
        if out.size:  # 4
            return _SEND
        if self._error is not None:  # 5
            raise self._error.with_traceback(None)
        if self._tls_pending and not self._eof:  # 6
            if len(self._in):
                raise self._fail(_plaintext_error())
            return _TLS
        if self._closing:  # 7
            return _CLOSE
        if self._awaiting is not None and self._may_answer():  # 8
            return _ANSWER
        if self._eof:  # 9
            if self._tls_pending or self._open():
                last = self._last_event()
                if last is not None:
                    return last
                raise self._fail(
                    ConnectionLost("the connection was lost in the middle of something")
                )
            self._close()
            return _CLOSE
        return _DATA  # 10

    def _next_made(self) -> E:
        return cast(E, self._made.popleft())

    # --- What a protocol brings -----------------------------------------------------------------

    @abc.abstractmethod
    def _parse(self) -> E | None:
        """One event from the input, or None when it is not complete. Raises RemoteProtocolError."""

    @abc.abstractmethod
    def _open(self) -> bool:
        """Whether the end of input now would cut something short."""

    def _last_event(self) -> E | None:
        """What is worth telling before the connection is reported lost; told once."""
        return None

    def _forget(self) -> None:
        """Drop everything learnt in plaintext."""

    def _hand_out(self) -> None:
        """What is queued is being taken."""

    def _may_answer(self) -> bool:
        """Whether what `awaiting` asks for may be given now."""
        return True

    @abc.abstractmethod
    def _expire(self, reply: Any = None) -> None:
        """Close, with a farewell where this role has one and there is room for it."""

    # --- What a protocol uses -------------------------------------------------------------------

    def _check_can_send(self) -> None:
        """Raise LocalProtocolError unless this side may send something now."""
        if self._closing or self._error is not None:
            raise LocalProtocolError(CLOSED_REASON)
        if self._tls_pending:
            raise LocalProtocolError("nothing can be sent before the TLS handshake is done")
        if self._out.size >= self._limits.output:
            raise LocalProtocolError(
                "limits.output is reached: write data_to_send() before sending more"
            )

    def _start_tls(self) -> None:
        """From here to `tls_established()` nothing is parsed and nothing can be sent."""
        self._tls_pending = self._halted = True
        self._in.stalled = False

    def _close(self) -> None:
        """Decide to close: what is queued still goes out, what is buffered is dropped."""
        self._closing = self._halted = True
        self._tls_pending = False
        self._awaiting = None
        self._in.clear()

    def _fail(self, error: RemoteProtocolError) -> RemoteProtocolError:
        """Keep `error`: it is raised when the output has been flushed, and ever after."""
        self._error = error
        self._halted = True
        self._tls_pending = False
        self._awaiting = None
        self._in.clear()
        return error


class ServerMachine(Machine[E]):
    """What servers have in common: one answer is owed at a time, and nothing is read meanwhile."""

    __slots__ = ()
    _paced = True

    @abc.abstractmethod
    def accept(self, reply: Any = None) -> None:
        """Answer `awaiting` with the protocol's normal yes, or with `reply`."""

    @abc.abstractmethod
    def reject(self, reply: Any = None) -> None:
        """Answer `awaiting` with the protocol's normal no, or with `reply`."""

    @abc.abstractmethod
    def _encode_reply(self, reply: Any) -> bytes:
        """The bytes of `reply`, or of the normal farewell for None. Raises ValueError."""

    def _room(self) -> bool:
        """Whether a reply may stand here: not inside a body or a literal."""
        return True

    def _expire(self, reply: Any = None) -> None:
        data = self._encode_reply(reply)
        if not self._tls_pending and self._room():
            self._out.put(data)
        self._close()

    def _fail(self, error: RemoteProtocolError) -> RemoteProtocolError:
        if error.reply is not None and not self._tls_pending:
            self._out.put(self._encode_reply(error.reply))
        return super()._fail(error)


class LineTooLong(Exception):
    """A line beyond `limits.line` has ended: it is to be refused. Never leaves a machine."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.raw = raw
        """Its first `limits.line` octets."""


class LineServer(ServerMachine[E]):
    """What servers have in common whose clients speak in lines.

    A line that is too long is swallowed to its end before it is refused, so that the stream stays
    in step. A TLS handshake where none was agreed is an error at its third octet.
    """

    __slots__ = ("_eol", "_long", "_swallowed")
    _too_much: ClassVar[Any]
    """What is said to a client that sends more than `limits.drain` of what is refused."""

    def __init__(self, limits: Limits, quirks: Any, tls: bool, *, bare_lf: bool) -> None:
        super().__init__(limits, quirks, tls)
        self._eol = b"\n" if bare_lf else b"\r\n"
        self._long: bytes | None = None  # the first octets of a line that is being swallowed
        self._swallowed = 0

    def _take_line(self) -> bytes | None:
        """The next line with its end, or None before it has come. Raises LineTooLong."""
        limit = self._limits.line
        if self._long is None:
            line = self._in.line(self._eol, limit)
            if line is not None and (limit is None or len(line) <= limit):
                return line
            self._check_hello(self._in.peek(3) if line is None else line)
            if limit is None or (line is None and len(self._in) <= max(limit, 2)):
                return None
            if line is not None:
                self._check_drain(len(line) - limit)
                raise LineTooLong(line[:limit])
            self._long = self._in.peek(limit)
            self._swallowed = -limit
        gone, done = self._in.skip_line(self._eol)
        self._swallowed += gone
        self._check_drain(self._swallowed)
        if not done:
            return None
        raw, self._long = self._long, None
        raise LineTooLong(raw)

    def _check_hello(self, line: bytes) -> None:
        """Raise if `line`, which is no line, is the beginning of TLS."""
        if len(line) >= 3 and line.startswith(_TLS_RECORD):
            raise RemoteProtocolError("the client began a TLS handshake where none was agreed")

    def _check_drain(self, dropped: int) -> None:
        drain = self._limits.drain
        if drain is not None and dropped > drain:
            raise LimitExceeded("more refused octets than limits.drain", self._too_much)

    def _in_line(self) -> bool:
        """Whether the input stands inside a line."""
        return self._long is not None or len(self._in) > 0


_TLS_RECORD = b"\x16\x03"  # a handshake, version 3.something


class Exchange(Protocol):
    """What a client machine has to know of a SASL exchange: `sasl.ClientExchange` is one."""

    @property
    def mechanism(self) -> str: ...
    @property
    def initial(self) -> bytes | None: ...
    def respond(self, challenge: bytes) -> bytes: ...
    def succeeded(self) -> None: ...


class ClientMachine(Machine[E]):
    """What clients have in common: they read whatever comes, and give up without a word."""

    __slots__ = ()
    _paced = False

    def _may_answer(self) -> bool:
        return not self._eof

    def _ask_exchange(self, exchange: Exchange, challenge: bytes | None) -> bytes:
        """What a SASL exchange answers; None is a challenge that was not base64.

        A server that is not to be trusted is told `*`, and left.

        (RFC 4954 section 4, RFC 5034 section 4 and RFC 9051 section 6.2.2 cancel alike.)
        """
        if challenge is None:
            self._out.put(_CANCEL)
            raise RemoteProtocolError("the server sent a challenge that is not base64")
        try:
            return exchange.respond(challenge)
        except RemoteProtocolError:
            self._out.put(_CANCEL)
            raise

    def _expire(self, reply: Any = None) -> None:
        self._out.take()  # a queued end of a body must not complete it after all
        self._close()


_CANCEL = b"*\r\n"


def _plaintext_error() -> RemoteProtocolError:
    return RemoteProtocolError("plaintext was sent behind STARTTLS (response or command injection)")

"""Two toy machines: the smallest protocol that uses every part of the contract.

Lines end with CRLF. The server greets with `+hello`. A client may send

* `ECHO text`: the application answers, `+text` if it does nothing else;
* `PUT n`: when the application accepts, the server says `>`, n octets follow, then `+stored`;
* `GET n`: when the application accepts, `*n` and n octets that the application supplies;
* `TLS`: `+go`, then TLS;
* `QUIT`: `+bye`, and the server closes.

`-text` is a no. `!text` may come at any time and answers nothing. A line that is none of these is
answered `-what?`; one that is too long leaves the stream out of step, and ends it with `-too long`.
"""

from __future__ import annotations

from typing import Any

import attrs

from mailproto import BodyChunk, BodyWanted, LocalProtocolError, Timeout, TlsEstablished
from mailproto._machine import ClientMachine, ServerMachine
from mailproto._wire import as_bytes
from mailproto.errors import LimitExceeded, RemoteProtocolError
from mailproto.limits import Limits

__all__ = [
    "BadCommand",
    "BodyEnd",
    "Client",
    "Echo",
    "Event",
    "Get",
    "Greeted",
    "Push",
    "Put",
    "Quit",
    "Replied",
    "Server",
    "StartTls",
]


@attrs.frozen
class Echo:
    text: str


@attrs.frozen
class Put:
    size: int


@attrs.frozen
class Get:
    size: int


@attrs.frozen
class StartTls:
    pass


@attrs.frozen
class Quit:
    pass


@attrs.frozen
class BadCommand:
    raw: bytes


@attrs.frozen
class BodyEnd:
    size: int


@attrs.frozen
class Push:
    """What a server says unasked."""

    text: str


@attrs.frozen
class Greeted:
    text: str


@attrs.frozen
class Replied:
    number: int
    command: Any
    ok: bool
    text: str


Command = Echo | Put | Get | StartTls | Quit
Event = (
    Command | BadCommand | BodyChunk | BodyEnd | Push | Greeted | Replied | TlsEstablished | Timeout
)

VERBS = {Echo: "ECHO", Put: "PUT", Get: "GET", StartTls: "TLS", Quit: "QUIT"}


def encode(item: Any) -> bytes:
    arguments = "".join(f" {value}" for value in attrs.astuple(item))
    line = f"{VERBS[type(item)]}{arguments}".encode()
    if b"\r" in line or b"\n" in line:
        raise ValueError("a line end inside a command")
    return line + b"\r\n"


def decode(line: bytes) -> Event:
    verb, _, argument = line.decode("ascii", "replace").rstrip("\r\n").partition(" ")
    match verb:
        case "ECHO":
            return Echo(argument)
        case "PUT" if argument.isdecimal() and len(argument) < 20:
            return Put(int(argument))
        case "GET" if argument.isdecimal() and len(argument) < 8:
            return Get(int(argument))  # the tests' application really makes that many octets
        case "TLS" if not argument:
            return StartTls()
        case "QUIT" if not argument:
            return Quit()
        case _:
            return BadCommand(line)


class _Toy:
    """The two halves that both sides have: a counted body that comes in, and one that goes out."""

    _in: Any
    _out: Any
    _limits: Limits
    _awaiting: Any

    def _set_up(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._left = -1  # octets of a body still to come in; -1: none
        self._got = 0
        self._owed = 0  # octets of a body still to go out

    def _read_body(self) -> BodyChunk | BodyEnd | None:
        if not self._left:
            self._left = -1
            return BodyEnd(self._got)
        data = self._in.take(min(self._left, self._limits.chunk))
        self._left -= len(data)
        self._got += len(data)
        return BodyChunk(data) if data else None

    def _read_line(self) -> bytes | None:
        line: bytes | None = self._in.line(b"\r\n", self._limits.line)
        size = len(self._in) if line is None else len(line)
        if self._limits.line is not None and size > self._limits.line:
            raise LimitExceeded("a line is longer than limits.line", "-too long")
        return line

    def _put_body(self, data: bytes | bytearray | memoryview) -> None:
        data = as_bytes(data)
        self._check_body()
        if len(data) > self._owed:
            raise LocalProtocolError("more than was announced")
        self._owed -= len(data)
        if data:
            self._out.put(data)

    def _check_body(self) -> None:
        if not isinstance(self._awaiting, BodyWanted):
            raise LocalProtocolError("no body is wanted now")
        if self._out.size:
            raise LocalProtocolError("flush before the next piece")

    def _finish_body(self) -> None:
        self._check_body()
        if self._owed:
            raise LocalProtocolError("less than was announced")
        self._awaiting = None


class Server(_Toy, ServerMachine[Event]):
    def __init__(
        self, *, limits: Limits | None = None, tls: bool = False, timeout: float | None = None
    ) -> None:
        super().__init__(limits or Limits(), None, tls)
        self._set_up(timeout)
        self._out.put(b"+hello\r\n")

    @property
    def state(self) -> str:
        return "body" if self._left >= 0 else "command"

    @property
    def timeout(self) -> float | None:
        return self._timeout

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def accept(self, reply: Any = None) -> None:
        self._check_can_send()
        match self._awaiting:
            case None | BodyWanted():
                raise LocalProtocolError("nothing to answer")
            case Echo(text):
                self._out.put(f"+{reply or text}\r\n".encode())
            case BodyEnd():
                self._out.put(b"+stored\r\n")
            case Put(size):
                self._out.put(b">\r\n")
                self._left, self._got = size, 0
            case Get(size):
                self._out.put(b"*%d\r\n" % size)
                self._owed = size
                self._awaiting = BodyWanted(None, self._awaiting)
                return
            case StartTls():
                self._out.put(b"+go\r\n")
                self._start_tls()
            case _:
                raise AssertionError(self._awaiting)
        self._awaiting = None

    def reject(self, reply: Any = None) -> None:
        self._check_can_send()
        if self._awaiting is None or isinstance(self._awaiting, BodyWanted):
            raise LocalProtocolError("nothing to answer")
        self._out.put(f"-{reply or 'no'}\r\n".encode())
        self._awaiting = None

    def send(self, item: Any) -> None:
        if not isinstance(item, Push):
            raise TypeError("a server pushes, accepts and rejects")
        if "\r" in item.text or "\n" in item.text:
            raise ValueError("a line end inside a line")
        self._check_can_send()
        self._out.put(f"!{item.text}\r\n".encode())

    def send_body(self, data: bytes | bytearray | memoryview) -> None:
        self._put_body(data)

    def end_body(self) -> None:
        self._finish_body()

    def _parse(self) -> Event | None:
        if self._left >= 0:
            event = self._read_body()
            if isinstance(event, BodyEnd):
                self._awaiting = event
            return event
        line = self._read_line()
        if line is None:
            return None
        command = decode(line)
        match command:
            case BadCommand():
                self._out.put(b"-what?\r\n")
            case Quit():
                self._out.put(b"+bye\r\n")
                self._close()
            case _:
                self._awaiting = command
        return command

    def _open(self) -> bool:
        return self._left >= 0 or len(self._in) > 0 or self._tls_pending

    def _encode_reply(self, reply: Any) -> bytes:
        text: str = reply or "-closing"
        if "\r" in text or "\n" in text:
            raise ValueError("a line end inside a line")
        return text.encode() + b"\r\n"

    def _room(self) -> bool:
        return self._left < 0 and not isinstance(self._awaiting, BodyWanted)


class Client(_Toy, ClientMachine[Event]):
    def __init__(
        self, *, limits: Limits | None = None, tls: bool = False, timeout: float | None = None
    ) -> None:
        super().__init__(limits or Limits(), None, tls)
        self._set_up(timeout)
        self._greeted = False
        self._count = 0
        self._queue: list[tuple[int, Command]] = []

    @property
    def outstanding(self) -> tuple[tuple[int, Command], ...]:
        return tuple(self._queue)

    @property
    def state(self) -> str:
        return "body" if self._left >= 0 else "reply" if self._queue else "idle"

    @property
    def timeout(self) -> float | None:
        return self._timeout

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def send(self, item: Command) -> int:
        if type(item) not in VERBS:
            raise TypeError("not a command")
        line = encode(item)
        self._check_can_send()
        if isinstance(self._awaiting, BodyWanted):
            raise LocalProtocolError("a body is wanted first")
        if any(isinstance(command, (StartTls, Quit)) for _, command in self._queue):
            raise LocalProtocolError("nothing may follow TLS or QUIT")
        self._out.put(line)
        self._count += 1
        self._queue.append((self._count, item))
        return self._count

    def send_body(self, data: bytes | bytearray | memoryview) -> None:
        self._put_body(data)

    def end_body(self) -> None:
        self._finish_body()

    def _parse(self) -> Event | None:
        if self._left >= 0:
            event = self._read_body()
            if isinstance(event, BodyEnd):
                self._queue.pop(0)
            return event
        line = self._read_line()
        if line is None:
            return None
        sign, text = line[:1], line[1:-2].decode("ascii", "replace")
        if sign == b"!":
            return Push(text)
        if not self._greeted and sign == b"+":
            self._greeted = True
            return Greeted(text)
        if not self._queue:
            raise RemoteProtocolError("an answer without a question")
        number, command = self._queue[0]
        match sign, command:
            case b">", Put(size) if self._awaiting is None:
                self._owed = size
                self._awaiting = BodyWanted(number, command)
                return self._parse()
            case b"*", Get(size) if text == str(size):
                self._left, self._got = size, 0
                return self._parse()
            case ((b"+" | b"-"), _):
                self._awaiting = None
                if isinstance(command, StartTls) and sign == b"+":
                    self._start_tls()
                    return None
                del self._queue[0]
                if isinstance(command, Quit):
                    self._close()
                return Replied(number, command, sign == b"+", text)
            case _:
                raise RemoteProtocolError("not an answer")

    def _forget(self) -> None:
        number, command = self._queue.pop(0)
        self._made.append(Replied(number, command, True, "go"))

    def _open(self) -> bool:
        busy = any(not isinstance(command, Quit) for _, command in self._queue)
        return busy or self._left >= 0 or len(self._in) > 0

# ruff: noqa: N803 -- the names and arguments of interfaces are theirs
"""twisted.mail.smtp, over the string transport of Twisted's own tests.

Switched off, since they are options: the timeouts (`timeout = None`; they need a reactor), the log
line per message (`noisy`), the client's log of every line (`debug`), the Received header (no side
adds one). Addresses are handed to the sink as Twisted made them, not converted. Twisted calls one
message object per recipient with every line; only the first of them keeps the lines.
"""

import io
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

from twisted.internet import defer
from twisted.internet.testing import StringTransport
from twisted.mail import smtp
from zope.interface import implementer

from benchmarks.workloads import GREETING, HOST, RECIPIENTS, SENDER, Sink

__all__ = ["client", "server"]


@implementer(smtp.IMessage)
class _Ignored:
    """The message object of every recipient but the first."""

    def lineReceived(self, line: bytes) -> None:
        pass

    def eomReceived(self) -> Any:
        return defer.succeed(None)

    def connectionLost(self) -> None:
        pass


@implementer(smtp.IMessage)
class _Message:
    """The message object of the first recipient: keeps the lines, and delivers."""

    def __init__(self, sink: Sink, users: list[Any]) -> None:
        self._sink = sink
        self._users = users
        self._lines: list[bytes] = []
        self.lineReceived = self._lines.append

    def eomReceived(self) -> Any:
        self._lines.append(b"")
        users = self._users
        self._sink.deliver(users[0].orig, [user.dest for user in users], b"\r\n".join(self._lines))
        return defer.succeed(None)

    def connectionLost(self) -> None:
        pass


@implementer(smtp.IMessageDelivery)
class _Delivery:
    """Accepts everyone."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._users: list[Any] = []

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        self._users = []
        return origin

    def validateTo(self, user: Any) -> Any:
        users = self._users
        users.append(user)
        if len(users) == 1:
            return lambda: _Message(self._sink, users)
        return _Ignored

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        return b""


def server(reads: Sequence[bytes], sink: Sink) -> Callable[[], int]:
    """A run that feeds everything behind the EHLO to `ESMTP`."""
    protocol: Any = smtp.ESMTP()
    protocol.delivery = _Delivery(sink)
    protocol.noisy = False
    protocol.timeout = None
    transport = StringTransport()
    protocol.makeConnection(transport)
    protocol.dataReceived(reads[0])
    transport.clear()

    def run() -> int:
        feed, taken, clear = protocol.dataReceived, transport.value, transport.clear
        for read in reads[1:]:
            feed(read)
            taken()
            clear()
        return sink.messages

    return run


class _Transport(StringTransport):
    """A string transport that lets a producer produce, as a real one does once it may write."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        super().__init__()
        self._write = write

    def write(self, data: bytes) -> None:
        self._write(data)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        super().registerProducer(producer, streaming)
        while self.producer is not None:
            producer.resumeProducing()


class _Client(smtp.SMTPClient):
    """Sends the same message again and again."""

    debug = False
    text = b""
    accepted = 0

    def getMailFrom(self) -> bytes:
        return _SENDER

    def getMailTo(self) -> Sequence[bytes]:
        return _RECIPIENTS

    def getMailData(self) -> io.BytesIO:
        return io.BytesIO(self.text)

    def sentMail(self, code: int, resp: Any, numOk: int, addresses: Any, log: Any) -> None:
        self.accepted += code == 250 and numOk == 3


_SENDER = SENDER.encode("ascii")
_RECIPIENTS = tuple(recipient.encode("ascii") for recipient in RECIPIENTS)


def client(count: int, content: bytes, write: Callable[[bytes], object]) -> Callable[[], int]:
    """A run of `count` whole transactions of `SMTPClient`, each reply a read of its own.

    `SMTPClient` sends RSET after every message; that reply is part of its transaction.
    """
    protocol: Any = _Client(HOST)
    # Its texts have LF line ends: that is its interface.
    protocol.text = content.replace(b"\r\n", b"\n")
    protocol.makeConnection(_Transport(write))
    protocol.dataReceived(GREETING)
    protocol.dataReceived(b"250 mx.example.com\r\n")
    replies = cycle(
        [
            b"250 2.1.0 OK\r\n",
            *[b"250 2.1.5 OK\r\n"] * 3,
            b"354 go\r\n",
            b"250 2.0.0 OK\r\n",
            b"250 2.0.0 reset\r\n",
        ]
    )

    def run() -> int:
        feed = protocol.dataReceived
        for _ in range(count * 7):
            feed(next(replies))
        return int(protocol.accepted)

    return run

"""smtplib and imaplib, over a fake socket and a fake file.

smtplib reads its replies with `readline()` from `sock.makefile("rb")`; the fake file hands out one
prepared line per call, which costs less than any real buffered file. Nothing of smtplib is
replaced: `connect()`, `ehlo()`, `sendmail()` and `data()` are its own.

imaplib reads lines from `sock.makefile("rb")`, a `BufferedReader` over a `SocketIO` (Python 3.14:
from `sock.recv()`). All of that is the real thing here; only the socket below is not. It gives one
octet per read, as one does whose peer sends one octet at a time, but makes no system call.
"""

import imaplib
import io
import smtplib
import socket
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Any

from benchmarks.workloads import EHLO_REPLY, GREETING, HOST, RECIPIENTS, SENDER

__all__ = ["client", "line", "stuffing"]

# MAIL, three times RCPT, DATA, the text.
_TRANSACTION = (b"250 2.1.0 OK\r\n", *[b"250 2.1.5 OK\r\n"] * 3, b"354 go\r\n", b"250 2.0.0 OK\r\n")


class _File:
    """The reading side: one prepared line per call."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines

    def readline(self, _limit: int = -1) -> bytes:
        return next(self._lines)

    def close(self) -> None:
        pass


class _Socket:
    """The writing side: hands everything to `write`."""

    def __init__(self, write: Callable[[bytes], object], lines: Iterator[bytes]) -> None:
        self.sendall = write
        self._lines = lines

    def makefile(self, _mode: str) -> _File:
        return _File(self._lines)

    def close(self) -> None:
        pass


class _Connected(smtplib.SMTP):
    """An `SMTP` whose `connect()` gets a fake socket."""

    def __init__(self, sock: _Socket) -> None:
        self._fake = sock
        super().__init__("mx.example.com", local_hostname=HOST)

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        return self._fake


def _session(write: Callable[[bytes], object], transaction: Sequence[bytes]) -> smtplib.SMTP:
    """A connected client behind EHLO, whose transactions are answered by `transaction`."""

    def lines() -> Iterator[bytes]:
        yield GREETING
        yield from EHLO_REPLY.splitlines(keepends=True)
        yield from cycle(transaction)

    smtp = _Connected(_Socket(write, lines()))
    smtp.ehlo()
    return smtp


def client(count: int, content: bytes, write: Callable[[bytes], object]) -> Callable[[], int]:
    """A run of `count` whole transactions."""
    smtp = _session(write, _TRANSACTION)

    def run() -> int:
        accepted = 0
        for _ in range(count):
            accepted += not smtp.sendmail(SENDER, RECIPIENTS, content)
        return accepted

    return run


def stuffing(content: bytes, write: Callable[[bytes], object]) -> Callable[[], int]:
    """A run that sends one large text with `data()`."""
    smtp = _session(write, [b"354 go\r\n", b"250 2.0.0 OK\r\n"])

    def run() -> int:
        code, _ = smtp.data(content)
        return len(content) if code == 250 else -1

    return run


class _OneOctet:
    """As much of a socket as imaplib needs for reading: gives one octet per read."""

    def __init__(self, data: bytes) -> None:
        self._octets = iter(data)

    def recv_into(self, buffer: Any) -> int:
        buffer[0] = next(self._octets)
        return 1

    def recv(self, _size: int) -> bytes:
        return b"%c" % next(self._octets)

    def makefile(self, _mode: str) -> io.BufferedReader:
        sock: Any = self
        return io.BufferedReader(socket.SocketIO(sock, "r"))

    def _decref_socketios(self) -> None:
        pass


class _Reading(imaplib.IMAP4):
    """An `IMAP4` that is opened on a fake socket, and only reads."""

    def __init__(self, sock: _OneOctet) -> None:
        # IMAP4.__init__ would open, and then wait for a greeting. Python 3.14 buffers by itself.
        self._fake: Any = sock
        self._readbuf: list[bytes] = []
        self.open()

    def _create_socket(self, timeout: float | None) -> Any:
        return self._fake

    def __del__(self) -> None:
        pass


def line(data: bytes) -> Callable[[], int]:
    """A run that reads the one line that `data` is, one octet per read."""
    imap = _Reading(_OneOctet(data))
    return lambda: len(imap.readline())

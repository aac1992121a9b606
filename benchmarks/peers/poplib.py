"""poplib, over a fake socket whose file is a `BytesIO`.

poplib reads line by line from `sock.makefile("rb")`. A `BytesIO` hands out lines for less than any
file that has a socket below it. Nothing of poplib is replaced but the connecting.
"""

import io
import poplib
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.workloads import Sink
from benchmarks.workloads_pop3 import GREETING, LOGIN_REPLIES

__all__ = ["listing", "retrieval"]


class _Socket:
    """Drops what is written; its file has all that will ever be read."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def sendall(self, data: bytes) -> None:
        pass

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


class _Connected(poplib.POP3):
    """A `POP3` that gets a fake socket."""

    def __init__(self, sock: _Socket) -> None:
        self._fake: Any = sock
        super().__init__("pop.example.com")

    def _create_socket(self, timeout: float | None) -> Any:
        return self._fake


def _session(reads: Sequence[bytes]) -> poplib.POP3:
    """A client behind the login, whose next command is answered by `reads`."""
    client = _Connected(_Socket(b"".join([GREETING, *LOGIN_REPLIES, *reads])))
    client.user("anna")
    client.pass_("secret")
    return client


def listing(reads: Sequence[bytes]) -> Callable[[], list[bytes]]:
    """A run that reads the answer to UIDL, and returns its lines as poplib does."""
    client = _session(reads)
    return lambda: client.uidl()[1]


def retrieval(reads: Sequence[bytes], sink: Sink) -> Callable[[], None]:
    """A run that reads the answer to RETR, as the list of lines that poplib makes of it."""
    client = _session(reads)

    def run() -> None:
        _, lines, octets = client.retr(1)
        if sink.keep:
            sink.write(b"".join(line + b"\r\n" for line in lines))
        else:
            sink.octets += octets
        sink.end("", ())

    return run

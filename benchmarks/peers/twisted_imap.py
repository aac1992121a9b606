"""twisted.mail.imap4, over the string transport of Twisted's own tests.

The client keeps a literal in a `BytesIO`, above 10 MB in a temporary file (`messageFile()`): that
is its default. What it gives is that literal as a `str`, one character for each octet.

Of the server only the reading of commands takes part: a command that has been read is not carried
out but kept, with its arguments, and nothing is written. Switched off, since it is an option: the
timeout (it needs a reactor).
"""

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.mail import imap4

from benchmarks.workloads import Sink
from benchmarks.workloads_imap import GREETING

__all__ = ["bodies", "commands"]


def bodies(reads: Sequence[bytes], sink: Sink) -> Callable[[], None]:
    """A run that reads messages, as the lists that Twisted makes of them."""
    client: Any = imap4.IMAP4Client()
    transport = StringTransport()
    client.makeConnection(transport)
    client.dataReceived(GREETING)
    transport.clear()

    def done(messages: dict[int, Any]) -> None:
        for (found,) in messages.values():
            if sink.keep:
                sink.write(found[-1].encode("latin-1"))
            else:
                sink.octets += len(found[-1])
            sink.end("", ())

    def run() -> None:
        fetched = client.fetchSpecific("1:*")
        fetched.addCallback(done)
        failures: list[Any] = []
        fetched.addErrback(failures.append)
        tag = transport.value().partition(b" ")[0]
        feed = client.dataReceived
        for read in reads:
            feed(read)
        feed(tag + b" OK done\r\n")
        if failures:
            failures[0].raiseException()

    return run


class _Server(imap4.IMAP4Server):
    """Keeps commands."""

    state = "select"

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[Any, ...]] = []

    def lookupCommand(self, cmd: bytes) -> Any:
        found = super().lookupCommand(cmd)
        if not found or cmd == b"UID":
            return found

        def keep(_self: Any, tag: bytes, *arguments: Any, uid: int = 0) -> None:
            self.found.append((tag, cmd, uid, arguments))

        return keep, *found[1:]


def commands(reads: Sequence[bytes]) -> Callable[[], list[tuple[Any, ...]]]:
    """A run that reads commands: tag, name, whether UID stood before it, arguments."""
    server: Any = _Server()
    server.timeOut = None
    server.makeConnection(StringTransport())

    def run() -> list[tuple[Any, ...]]:
        feed = server.dataReceived
        for read in reads:
            feed(read)
        return server.found

    return run

"""twisted.mail.pop3, over the string transport of Twisted's own tests.

Switched off, since they are options: the timeout (`timeOut = None`; it needs a reactor), and the
scheduler that would put long answers off to later turns of the reactor (`schedule`: they are
written at once).

Its mailbox knows which messages are deleted and says so when asked for their sizes, each time all
of them for STAT: that is its interface.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from twisted.internet import defer
from twisted.internet.testing import StringTransport
from twisted.mail import pop3
from zope.interface import implementer

from benchmarks.workloads_pop3 import maildrop

__all__ = ["commands"]


@implementer(pop3.IMailbox)
class _Mailbox:
    """The maildrop: two lists."""

    def __init__(self, messages: int) -> None:
        self._all = [size for size, _ in maildrop(messages)]
        self._sizes = list(self._all)
        self._ids = [unique_id.encode("ascii") for _, unique_id in maildrop(messages)]

    def listMessages(self, i: int | None = None) -> Any:
        return self._sizes if i is None else self._sizes[i]

    def getUidl(self, i: int) -> bytes:
        return self._ids[i]

    def deleteMessage(self, i: int) -> None:
        self._sizes[i] = 0

    def undeleteMessages(self) -> None:
        self._sizes[:] = self._all

    def sync(self) -> None:
        pass


def _at_once(steps: Iterator[object]) -> Any:
    for _ in steps:
        pass
    return defer.succeed(None)


def commands(
    reads: Sequence[bytes], messages: int, write: Callable[[bytes], object]
) -> Callable[[], None]:
    """A run that feeds commands behind the login."""
    protocol: Any = pop3.POP3()
    protocol.timeOut = None
    protocol.schedule = _at_once
    transport = StringTransport()
    protocol.makeConnection(transport)
    protocol.mbox = _Mailbox(messages)
    transport.clear()

    def run() -> None:
        feed, taken, clear = protocol.dataReceived, transport.value, transport.clear
        for read in reads:
            feed(read)
            write(taken())
            clear()

    return run

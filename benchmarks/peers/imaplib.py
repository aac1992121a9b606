"""imaplib, and IMAPClient above it, over a fake socket whose file is a `BytesIO`.

imaplib reads lines and literals from `sock.makefile("rb")`. A `BytesIO` hands them out for less
than any file that has a socket below it. Nothing is replaced but the connecting.

The limit of a line is raised (`_MAXLINE`), which is what programs do that search large mailboxes:
200,000 UIDs are more than the million octets that it has.
"""

import imaplib
import io
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.workloads import Sink
from benchmarks.workloads_imap import GREETING, ITEMS

__all__ = ["Connected", "Socket", "bodies", "fetches", "load"]

setattr(imaplib, "_MAXLINE", 1 << 30)  # noqa: B010 -- to mypy it is not there

CAPABILITIES = b"IMAP4REV1"


class Socket:
    """Answers CAPABILITY, and drops what else is written; its file has all that will be read."""

    def __init__(self) -> None:
        self.file = io.BytesIO(GREETING)
        self.recv = self.file.read  # Python 3.14 has a buffer of its own

    def put(self, data: bytes) -> None:
        """Have `data` read next."""
        at = self.file.seek(0, io.SEEK_CUR)
        self.file.seek(0, io.SEEK_END)
        self.file.write(data)
        self.file.seek(at)

    def sendall(self, data: bytes) -> None:
        tag, _, command = data.partition(b" ")
        if command == b"CAPABILITY\r\n":
            self.put(b"* CAPABILITY %b\r\n%b OK done\r\n" % (CAPABILITIES, tag))

    def makefile(self, _mode: str) -> io.BytesIO:
        return self.file


class Connected(imaplib.IMAP4):
    """An `IMAP4` that gets a fake socket, and has a mailbox selected."""

    def __init__(self) -> None:
        self.fake: Any = Socket()
        super().__init__("imap.example.com")
        self.state = "SELECTED"

    def _create_socket(self, timeout: float | None = None) -> Any:
        return self.fake

    def __del__(self) -> None:
        pass


def load(session: Any, reads: Sequence[bytes]) -> None:
    """Answer the next command with `reads`."""
    tag = session.tagpre + b"%d" % session.tagnum
    session.fake.put(b"".join(reads) + tag + b" OK done\r\n")


def fetches(reads: Sequence[bytes], _count: int) -> Callable[[], list[Any]]:
    """A run that reads the answer to UID FETCH, and returns its lines as imaplib does."""
    session = Connected()
    load(session, reads)
    return lambda: session.uid("FETCH", "1:*", f"({' '.join(ITEMS)})")[1]


def bodies(reads: Sequence[bytes], sink: Sink) -> Callable[[], None]:
    """A run that reads messages, as the pairs of a line and octets that imaplib makes of them."""
    session = Connected()
    load(session, reads)

    def run() -> None:
        for found in session.uid("FETCH", "1:*", "(BODY[])")[1]:
            if isinstance(found, tuple):
                sink.write(found[1])
                sink.end("", ())

    return run

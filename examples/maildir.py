"""Maildirs, octet for octet: how the programs here write and read messages.

A message is never held in memory: it is written and read in pieces. `mailbox.Maildir` makes and
cleans the folders; it does not write the files, because its `add()` would turn CRLF into LF.

What is read may have been written by anybody, with LF at the end of its lines. POP3 counts octets
as they are sent, with CRLF (RFC 1939 section 11), so `Maildir.open()` counts them so: it reads each
message once, and remembers.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import os
import re
import time
from pathlib import Path
from typing import BinaryIO

__all__ = ["PIECE", "Delivery", "Maildir", "Maildrop"]

PIECE = 65_536
"""Octets that are read at a time."""

LOCK = "pop3.lock"
"""The file that a program locks to have the Maildir for itself. The lock ends with the program."""


class Delivery:
    """A message on its way into a Maildir."""

    _serial = itertools.count()

    def __init__(self, maildir: Path, by: str) -> None:
        self.name = f"{time.time():.6f}.{os.getpid()}_{next(self._serial)}.{by}"
        self.temporary = maildir / "tmp" / self.name
        self.final = maildir / "new" / self.name
        self.file = self.temporary.open("xb")
        self.failure: OSError | None = None

    def write(self, data: bytes) -> None:
        """Add to the message. A failure is kept: before the end there is nobody to tell."""
        try:
            if self.failure is None:
                self.file.write(data)
        except OSError as error:
            self.failure = error

    def commit(self) -> None:
        """Store the message for good: when this returns, it survives a crash. Raises OSError."""
        if self.failure is not None:
            raise self.failure
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self.temporary.rename(self.final)
        folder = os.open(self.final.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Leave nothing behind of what was not committed."""
        with contextlib.suppress(OSError):  # what could not be written cannot be flushed either
            self.file.close()
        self.temporary.unlink(missing_ok=True)


class Maildir:
    """A Maildir that is there, and may be opened by one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sizes: dict[str, int] = {}  # what is in a file of a Maildir never changes

    def scan(self) -> dict[str, Path]:
        """Where each message is now, by the part of its name that never changes. Raises OSError."""
        return {
            path.name.partition(":")[0]: path
            for folder in ("new", "cur")  # in this order messages move
            for path in (self.path / folder).iterdir()
            if not path.name.startswith(".")
        }

    def open(self) -> Maildrop:
        """Lock it, and see what is in it.

        Raises BlockingIOError when somebody else has it, OSError when it cannot be read.
        """
        with contextlib.ExitStack() as stack:
            lock = stack.enter_context((self.path / LOCK).open("ab"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            drop = Maildrop(self, lock)
            sizes: dict[str, int] = {}
            for name in sorted(drop.paths, key=_arrival):
                with contextlib.suppress(FileNotFoundError):  # removed in this moment
                    sizes[name] = self.sizes.get(name) or drop.measure(name)
            self.sizes = sizes
            drop.names = list(sizes)
            stack.pop_all()
        return drop


class Maildrop:
    """The messages of a Maildir, numbered from 1, as long as one has it for oneself."""

    def __init__(self, maildir: Maildir, lock: BinaryIO) -> None:
        self.maildir = maildir
        self.lock = lock
        self.paths = maildir.scan()
        self.names: list[str] = []

    def listing(self) -> list[tuple[int, str]]:
        """(octets, unique-id) of each message."""
        return [(self.maildir.sizes[name], _unique_id(name)) for name in self.names]

    def read(self, number: int) -> BinaryIO:
        """The file of a message. Raises OSError."""
        return self.find(self.names[number - 1]).open("rb")

    def remove(self, number: int) -> None:
        """Remove a message for good. Raises OSError; never because it is gone already."""
        with contextlib.suppress(FileNotFoundError):
            self.find(self.names[number - 1]).unlink()

    def close(self) -> None:
        """Let the next one in."""
        self.lock.close()

    def find(self, name: str) -> Path:
        """Where a message is, also if a mail reader has moved or flagged it meanwhile."""
        if not self.paths[name].exists():
            self.paths |= self.maildir.scan()
        return self.paths[name]

    def measure(self, name: str) -> int:
        """Octets of a message with CRLF at the end of each line. Raises OSError."""
        size, last = 0, b""
        with self.find(name).open("rb") as file:
            while piece := file.read(PIECE):
                ends = piece.count(b"\r") + piece.count(b"\n") - piece.count(b"\r\n")
                size += len(piece) - piece.count(b"\r") - piece.count(b"\n") + 2 * ends
                if last == b"\r" and piece.startswith(b"\n"):
                    size -= 2  # one end of a line, and we have counted two
                last = piece[-1:]
        return size if last in (b"", b"\r", b"\n") else size + 2


def _arrival(name: str) -> tuple[int, str]:
    seconds = re.match(r"[0-9]{1,12}(?=\.)", name)
    return (int(seconds[0]) if seconds else 0, name)


def _unique_id(name: str) -> str:
    """The name itself, if RFC 1939 section 7 lets it be one: 1 to 70 characters from ! to ~."""
    if re.fullmatch(r"[!-~]{1,70}", name):
        return name
    return hashlib.sha256(os.fsencode(name)).hexdigest()

"""What a peer delivered, read back from its Maildirs as bytes; and what it is to find there.

A final delivery adds trace information at the top: Return-Path, Received (RFC 5321 4.4), and by
custom Delivered-To and X-Original-To. `split_trace()` takes exactly that off, by name and in one
piece, so that what follows can be compared with what was sent, byte for byte.

Line endings are the one documented translation. Maildir files of Postfix and of most other
Unix programs end their lines with LF where the wire had CRLF; `on_disk_with_lf()` computes, from
the message that was *sent*, what such a file must hold. What was received is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import attrs

__all__ = [
    "Delivered",
    "on_disk_with_lf",
    "read_maildir",
    "split_trace",
    "wire_with_crlf",
    "write_maildir",
]

_TRACE = (b"return-path", b"x-original-to", b"delivered-to", b"received")


@attrs.frozen
class Delivered:
    """One file of a Maildir."""

    trace: bytes
    """The header fields that the delivering program put on top."""
    message: bytes
    """All the rest: what the client sent, as this peer stores it."""


def split_trace(stored: bytes) -> Delivered:
    """Cut a stored message behind the fields of the final delivery.

    They end with the first Received field, which every delivery adds last of all (lowest); a
    Received field of the sender's own comes after it and is part of the message.
    """
    position = 0
    while position < len(stored):
        name = stored[position : position + 64].partition(b":")[0].lower()
        if name not in _TRACE:
            break
        position = _field_end(stored, position)
        if name == b"received":
            break
    return Delivered(stored[:position], stored[position:])


def _field_end(stored: bytes, start: int) -> int:
    """Where the field that starts at `start` ends, with its continuation lines."""
    end = start
    while True:
        newline = stored.find(b"\n", end)
        if newline < 0:
            return len(stored)
        end = newline + 1
        if stored[end : end + 1] not in {b" ", b"\t"}:
            return end


def on_disk_with_lf(sent: bytes) -> bytes:
    """What a file with LF line endings holds for a message whose lines ended in CRLF."""
    return sent.replace(b"\r\n", b"\n")


def wire_with_crlf(stored: bytes) -> bytes:
    """The other way round: what a file with LF line endings is on the wire."""
    return stored.replace(b"\n", b"\r\n")


def read_maildir(folder: Path) -> list[bytes]:
    """Take every message out of a Maildir, oldest first; a folder not there yet is empty."""
    files = [
        file for part in ("new", "cur") for file in (folder / part).glob("*") if file.is_file()
    ]
    files.sort(key=_age)
    stored = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    return stored


def _age(file: Path) -> tuple[int, tuple[int, ...]]:
    # The clock of files ticks a few hundred times a second. What a program puts into names within
    # a tick counts up: seconds, microseconds, a serial number; but is not always of the same width.
    return file.stat().st_mtime_ns, tuple(map(int, re.findall("[0-9]+", file.name)))


def write_maildir(folder: Path, stored: Iterable[bytes], first: int = 1_000_000_000) -> None:
    """Make a Maildir of unseen messages, in this order for whoever sorts them by their names.

    `first` is a name that was never used in it; the others follow.
    """
    for part in ("tmp", "new", "cur"):
        (folder / part).mkdir(parents=True)
    for number, octets in enumerate(stored, first):
        (folder / "new" / f"{number}.lab").write_bytes(octets)

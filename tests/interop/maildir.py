"""What a peer delivered, read back from its Maildirs as bytes.

A final delivery adds trace information at the top: Return-Path, Received (RFC 5321 4.4), and by
custom Delivered-To and X-Original-To. `split_trace()` takes exactly that off, by name and in one
piece, so that what follows can be compared with what was sent, byte for byte.

Line endings are the one documented translation. Maildir files of Postfix and of most other
Unix programs end their lines with LF where the wire had CRLF; `on_disk_with_lf()` computes, from
the message that was *sent*, what such a file must hold. What was received is never touched.
"""

from __future__ import annotations

from pathlib import Path

import attrs

__all__ = ["Delivered", "on_disk_with_lf", "read_maildir", "split_trace"]

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


def read_maildir(folder: Path) -> list[bytes]:
    """Take every message out of a Maildir, oldest first; a folder not there yet is empty."""
    files = [
        file for part in ("new", "cur") for file in (folder / part).glob("*") if file.is_file()
    ]
    files.sort(key=lambda file: (file.stat().st_mtime_ns, file.name))
    stored = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    return stored

"""TOP (RFC 1939 section 7): where a message is to be cut.

The header, the empty line behind it, and so many lines of the body; of a shorter message, all of
it. The message comes in pieces, cut anywhere, and so does the answer.

A line ends with LF here, whether CR stands before it or not: what goes out has been through the
newline policy, and where that let bare LFs pass, people count lines by them.
"""

from __future__ import annotations

import re

__all__ = ["Head"]

_EMPTY_LINE = re.compile(rb"\n\r?\n")


class Head:
    """Lets the top of a message pass, and drops the rest."""

    __slots__ = ("_in_header", "_last", "_left", "enough")

    def __init__(self, lines: int) -> None:
        self._left = lines
        self._in_header = True
        self._last = b"\n"  # the last two octets that passed; a message begins behind a line end
        self.enough = False
        """Whether all that was asked for has passed."""

    def feed(self, data: bytes) -> bytes:
        """What may pass of the next piece."""
        if self.enough:
            return b""
        end = 0
        if self._in_header:
            before = self._last
            seen = before + data
            found = _EMPTY_LINE.search(seen)
            if found is None:
                self._last = seen[-2:]
                return data
            self._in_header = False
            end = found.end() - len(before)
        left = self._left
        here = data.count(b"\n", end)
        if here < left:
            self._left = left - here
            return data
        for _ in range(left):
            end = data.index(b"\n", end) + 1
        self.enough = True
        return data[:end]

"""The only code that touches buffers.

Two directions, a few classes:

* `Input` holds the bytes that came in and are not consumed yet, and cuts lines and counted octets
  from them.
* `TextDecoder` reads dot-stuffed text (SMTP DATA, POP3 multi-line answers) from an `Input`;
  `LooseTextDecoder` does so where lines may end with LF alone.
* `NewlineScan` looks at a body as it passes, chunk by chunk: bare CR and LF, NUL, long lines, 8-bit
  octets; it can rewrite bare newlines.
* `NewlineFilter` does the same on the way out, `TextEncoder` adds the dot-stuffing, whatever the
  edges of the chunks they are given.
* `Output` holds the bytes that are to be written.

Invariants

* **Chunk law.** What these classes return depends on the bytes, never on how they were cut. State
  that crosses a cut (a CR whose LF may still come, "the next octet starts a line") is a field, and
  octets whose meaning is open stay in the `Input`.
* **Linear time.** No byte is searched, joined or moved more than a constant number of times: what
  has been searched is remembered, and pieces that came while a line was incomplete are joined once,
  when its end has come. A chunk that starts and ends between two items is passed on uncopied.
* **Plain data.** `bytes`, `bytearray`, numbers: all of it pickles.
"""

from __future__ import annotations

import enum
import re

from .errors import Defect

__all__ = [
    "BareNewlines",
    "Input",
    "LooseTextDecoder",
    "NewlineFilter",
    "NewlineScan",
    "Output",
    "TextDecoder",
    "TextEncoder",
    "as_bytes",
    "normalize",
]


def as_bytes(data: bytes | bytearray | memoryview) -> bytes:
    """`data` itself if it is bytes, a copy of any other buffer. Raises TypeError for the rest."""
    if type(data) is bytes:
        return data
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    # bytes(5) would be five NULs and bytes(["a"]) something else again: only real buffers get in.
    raise TypeError(f"a bytes-like object is required, not {type(data).__name__!r}")


_LF = ord("\n")  # `10 in data` is quicker than `b"\n" in data`


class Input:
    """Bytes received and not consumed.

    `head[pos:]` comes first and `tail` behind it. A chunk that arrives when everything before it
    has been consumed becomes `head` uncopied; one that arrives in the middle of something is
    appended to `tail`, and the two are joined only when what they hold together can be consumed.
    """

    __slots__ = ("_head", "_patience", "_pos", "_scanned", "_tail", "stalled")

    def __init__(self) -> None:
        self._head = b""
        self._pos = 0
        self._tail: bytearray = bytearray()
        self._scanned = 0  # octets of head[pos:] + tail known to hold no line end
        self._patience = 0  # octets in tail at which a stalled line is worth another look, if any
        self.stalled = False
        """Whether the last `line()` found no end, and nothing that came since can be one."""

    def __len__(self) -> int:
        return len(self._head) - self._pos + len(self._tail)

    def feed(self, data: bytes) -> None:
        """Append `data`."""
        if self.stalled and self._patience:
            self.drip(data)
        elif self._pos == len(self._head) and not self._tail:
            self._head = data
            self._pos = self._scanned = 0
            self.stalled = False
        else:
            self._tail += data

    def drip(self, data: bytes) -> None:
        """Append `data` while stalled: the short way of a line that comes in small pieces."""
        patience = self._patience
        if not patience:
            self.feed(data)
            return
        tail = self._tail
        tail += data
        if _LF in data or len(tail) >= patience:
            self.stalled = False

    def clear(self) -> None:
        """Drop everything."""
        self._head = b""
        self._tail.clear()
        self._pos = self._scanned = 0
        self.stalled = False

    def peek(self, size: int) -> bytes:
        """The next octets, at most `size`, left where they are."""
        piece = self._head[self._pos : self._pos + size]
        if len(piece) < size and self._tail:
            piece += bytes(self._tail[: size - len(piece)])
        return piece

    def line(self, terminator: bytes, limit: int | None = None) -> bytes | None:
        """The next line with its `terminator` (CRLF or LF), or None while its end has not come.

        After None nothing new is to be expected (`stalled`) before an LF has come, or three
        octets, or more than `limit` octets.
        """
        head = self._head
        pos = self._pos
        end = head.find(terminator, pos + self._scanned)
        if end < 0:
            if pos == len(head) and not self._tail:
                self._patience = 0
                self.stalled = True
                return None
            if not self._ends_in_tail(terminator):
                self._stall(limit)
                return None
            self._join()
            head = self._head
            pos = 0
            end = head.find(terminator, self._scanned)
        end += len(terminator)
        self._pos = end
        self._scanned = 0
        return head[pos:end]

    def _stall(self, limit: int | None) -> None:
        held = len(self)
        if limit is None:
            limit = 2**62
        if held > limit:
            return
        self.stalled = True
        # The first octets of a line may tell that it is none: they are worth a look of their own.
        worth = min(3, limit + 1) if held < 3 else limit + 1
        self._patience = worth - (len(self._head) - self._pos)

    def _ends_in_tail(self, terminator: bytes) -> bool:
        # The head has been searched. Search what is new of the tail, and the seam between the two.
        rest = len(self._head) - self._pos
        overlap = len(terminator) - 1
        if not self._tail:
            self._scanned = max(0, rest - overlap)
            return False
        if self._scanned < rest:
            self._scanned = rest
            if overlap and rest and self._head[-1:] + self._tail[:1] == terminator:
                self._scanned = rest - overlap
                return True
        if self._tail.find(terminator, self._scanned - rest) >= 0:
            return True
        self._scanned = rest + max(0, len(self._tail) - overlap)
        return False

    def match(self, line: re.Pattern[bytes], limit: int | None) -> re.Match[bytes] | None:
        """The next line, consumed, if `line` matches it and it is not longer than `limit` octets.

        `line` has to match one whole line, end included, or nothing. None says nothing: ask
        `line()`.
        """
        match = line.match(self._head, self._pos)
        if match is not None:
            end = match.end()
            if limit is None or end - self._pos <= limit:
                self._pos = end
                self._scanned = 0
                return match
        return None

    def skip_line(self, terminator: bytes) -> tuple[int, bool]:
        """Drop octets up to and with the next line end: (how many, whether the end was there)."""
        line = self.line(terminator)
        if line is not None:
            return len(line), True
        self._join()
        keep = len(terminator) - 1 if self._head.endswith(terminator[:-1], self._pos) else 0
        gone = max(0, len(self) - keep)
        self.advance(gone)
        self.stalled = False
        return gone, False

    def take(self, size: int) -> bytes:
        """The next octets, at most `size`; fewer only when fewer are there."""
        head, pos = self._head, self._pos
        if self._tail and len(head) - pos < size:
            self._join()
            head, pos = self._head, 0
        end = min(pos + size, len(head))
        self._pos = end
        self._scanned = 0
        return head if end - pos == len(head) else head[pos:end]

    def window(self, size: int) -> tuple[bytes, int, int]:
        """(buffer, start, end) of the next octets, at most `size`, in place.

        When fewer than `size` are in the first piece, the pieces are joined first. Use `advance()`
        to consume what was used.
        """
        if self._tail and len(self._head) - self._pos < size:
            self._join()
        return self._head, self._pos, min(len(self._head), self._pos + size)

    def advance(self, size: int) -> None:
        """Consume `size` octets of the last `window()`."""
        self._pos += size
        self._scanned = 0

    def _join(self) -> None:
        self._head = self._head[self._pos :] + bytes(self._tail)
        self._tail.clear()
        self._pos = 0


class Output:
    """Bytes to be written, in order."""

    __slots__ = ("_pieces", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def put(self, data: bytes) -> None:
        """Queue `data`."""
        self._pieces.append(data)
        self.size += len(data)

    def take(self) -> bytes:
        """Everything queued; the queue is empty afterwards."""
        pieces = self._pieces
        if not pieces:
            return b""
        self._pieces = []
        self.size = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class TextDecoder:
    """Reads text that ends with CRLF . CRLF, or with . CRLF at once (RFC 5321 section 4.5.2).

    A dot that starts a line is dropped, and only CRLF starts a line: `LF . CR LF` is content, and
    so is every other look-alike. What is returned is the text with its last CRLF.
    """

    __slots__ = ("_at_line_start", "ended")

    def __init__(self) -> None:
        self._at_line_start = True
        self.ended = False

    def read(self, source: Input, size: int) -> bytes:
        """The next text from at most `size` octets (never fewer than 8) of `source`.

        b"" when it needs more octets or has ended; `ended` tells.
        """
        if self.ended:
            return b""
        buffer, pos, stop = source.window(max(size, 8))
        if pos == stop:
            return b""
        start = pos
        if self._at_line_start and pos < stop and buffer[pos] == _DOT:
            opening = buffer[pos : pos + 3]
            if opening == b".\r\n":
                source.advance(3)
                self.ended = True
                return b""
            if b".\r\n".startswith(opening):
                return b""  # "." or ".\r": nobody knows yet
            pos += 1
        # Most pieces have no line that starts with a dot; one that ends the text has just that.
        pieces: list[bytes] = []
        begin, end = pos, -1
        while (dot := _LINE_DOT.search(buffer, begin, stop)) is not None:
            if dot.lastindex:
                end = dot.start() + 2
                source.advance(end + 3 - start)
                self.ended = True
                break
            pieces.append(buffer[begin : dot.start() + 2])
            begin = dot.end()
        if end < 0:
            end, at_line_start = stop, False
            if buffer.endswith(b"\r\n", pos, stop):
                at_line_start = True
            elif buffer.endswith(b"\r", pos, stop):
                end -= 1
                if buffer.endswith(b"\r\n.\r", pos, stop):
                    end -= 1
                    at_line_start = True
            elif buffer.endswith(b"\r\n.", pos, stop):
                end -= 1
                at_line_start = True
            if end > pos:
                self._at_line_start = at_line_start
            source.advance(end - start)
        # Every CRLF-dot inside is stuffing: one that might be the end was held back.
        if not pieces:
            return buffer[begin:end]
        pieces.append(buffer[begin:end])
        return b"".join(pieces)


_DOT = ord(".")
# `re` looks for them in half the time that the methods of bytes take.
_LINE_DOT = re.compile(rb"\r\n\.(\r\n)?")
_DOTTED = re.compile(rb"\r\n\.")


class BareNewlines(enum.Enum):
    """What to do about a CR or LF that is not part of a CRLF, in a text."""

    REJECT = "reject"
    """Refuse the body: a server swallows it to its true end and answers 550 5.6.0; a client
    raises ValueError."""
    NORMALIZE = "normalize"
    """Read each as the CRLF it was probably meant to be. The octets handed on differ from the
    wire's."""
    PRESERVE = "preserve"
    """Hand it on as it is. Whoever passes the text on must know that others may read it
    otherwise."""


_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def _all_crlf(data: bytes) -> bool:
    """Whether every CR and LF of `data` is part of a CRLF."""
    # Without its CRs, and with one before each LF, it is what it was: quicker than counting.
    return data.replace(b"\r", b"").replace(b"\n", b"\r\n") == data


_EIGHT_BIT = re.compile(rb"[\x80-\xff]")
_WIDTH = 1_000  # RFC 5321 section 4.5.3.1.6: a line with its CRLF


class NewlineScan:
    """Watches a body go by: newlines, NUL, long lines, 8-bit octets, at memory speed.

    `feed()` is given the content in order, cut anywhere but between a CR and its LF (the
    `TextDecoder` sees to that). `defects` has the first occurrence of each kind, with its offset
    in the body.
    """

    __slots__ = ("_column", "_found", "size")

    def __init__(self) -> None:
        self.size = 0
        self._column = 0  # octets of the unfinished last line
        self._found: dict[str, Defect] = {}

    @property
    def defects(self) -> tuple[Defect, ...]:
        """The first occurrence of each kind, in the order they were met."""
        if not self._found:
            return ()
        return tuple(sorted(self._found.values(), key=lambda defect: (defect.offset, defect.code)))

    def feed(self, data: bytes) -> int:
        """Look at `data`. Returns the index of its first bare CR or LF, or -1."""
        found = self._found
        bare = -1
        if data.replace(b"\r", b"").replace(b"\n", b"\r\n") != data:  # see _all_crlf()
            match = _BARE.search(data)
            assert match is not None
            bare = match.start()
            for code, pattern in _BARE_KINDS:
                if code not in found and (first := pattern.search(data)):
                    found[code] = Defect(code, self.size + first.start(), first.group())
        if 0 in data and "nul" not in found:
            found["nul"] = Defect("nul", self.size + data.index(0), b"\0")
        if not data.isascii() and "eight_bit" not in found:
            first = _EIGHT_BIT.search(data)
            assert first is not None
            found["eight_bit"] = Defect("eight_bit", self.size + first.start(), first.group())
        if "long_line" not in found:
            self._measure(data)
        self.size += len(data)
        return bare

    def _measure(self, data: bytes) -> None:
        # A line of more than 998 octets leaves a window of 1,000 without LF (its CR counted): step
        # from window to window, each time to behind the last LF in it.
        rfind = data.rfind
        end = len(data)
        start = -self._column  # where the current line starts, relative to data
        line = 0  # the part of it that is here
        while start + _WIDTH <= end:
            last = rfind(b"\n", line, start + _WIDTH)
            if last < 0:
                self._found["long_line"] = Defect("long_line", self.size + start)
                return
            line = start = last + 1
        self._column = end - (rfind(b"\n", line) + 1 or start)


_BARE_KINDS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("bare_cr", re.compile(rb"\r(?!\n)")),
    ("bare_lf", re.compile(rb"(?<!\r)\n")),
)


def normalize(data: bytes) -> bytes:
    """`data` with every bare CR or LF as CRLF; it must not end in a CR that LF may follow."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


class NewlineFilter:
    """Applies a newline policy to a body that goes out.

    A CR that ends a piece waits for the next one.
    """

    __slots__ = ("_carry", "_policy")

    def __init__(self, policy: BareNewlines) -> None:
        self._policy = policy
        self._carry = b""

    def feed(self, data: bytes) -> bytes:
        """The next piece as it may go out. Raises ValueError, unchanged, for what is refused."""
        if self._policy is BareNewlines.PRESERVE:
            return data
        if self._carry:
            data = self._carry + data
        if data[-1:] != b"\r":
            data = self._clean(data)
            self._carry = b""
            return data
        data = self._clean(data[:-1])
        self._carry = b"\r"
        return data

    def end(self) -> bytes:
        """What was waiting. Raises ValueError as `feed()` does."""
        rest = self._clean(self._carry)
        self._carry = b""
        return rest

    def _clean(self, data: bytes) -> bytes:
        if _all_crlf(data):
            return data
        if self._policy is BareNewlines.REJECT:
            raise ValueError(
                "the body has a bare CR or LF: give it CRLF line ends, or choose"
                " BareNewlines.NORMALIZE in the machine's quirks"
            )
        return normalize(data)


class TextEncoder(NewlineFilter):
    """Turns a body into the lines of a text: newline policy, dot-stuffing, the end."""

    __slots__ = ("_last",)

    def __init__(self, policy: BareNewlines) -> None:
        self._policy = policy
        self._carry = b""
        self._last = b"\r\n"  # the last two octets that went out

    def feed(self, data: bytes) -> bytes:
        """The wire form of the next piece. Raises ValueError, unchanged, for what is refused."""
        text = NewlineFilter.feed(self, data)
        if not text:
            return text
        pieces = _DOTTED.split(text)
        stuffed = text if len(pieces) == 1 else b"\r\n..".join(pieces)
        first = text[0]
        if first == _DOT and self._last == b"\r\n":
            stuffed = b"." + stuffed
        elif first == _LF and text[1:2] == b"." and self._last[-1:] == b"\r":
            stuffed = b"\n." + stuffed[1:]  # PRESERVE cuts where it was cut
        self._last = text[-2:] if len(text) > 1 else self._last[-1:] + text
        return stuffed

    def end(self) -> bytes:
        """The rest of the text: a missing last CRLF, then the dot. Raises as `feed()` does."""
        rest = NewlineFilter.end(self)  # a CR made CRLF, or nothing
        if rest or self._last == b"\r\n":
            return rest + b".\r\n"
        return b"\r\n.\r\n"


class LooseTextDecoder:
    """Reads text whose lines may end with LF alone, and so may its end: `LF . LF`.

    For peers that know no CRLF. Its faces are those of `TextDecoder`; bare LFs stay as they are.
    """

    __slots__ = ("_at_line_start", "ended")

    def __init__(self) -> None:
        self._at_line_start = True
        self.ended = False

    def read(self, source: Input, size: int) -> bytes:
        """The next text from at most `size` octets (never fewer than 8) of `source`.

        b"" when it needs more octets or has ended; `ended` tells.
        """
        if self.ended:
            return b""
        buffer, start, stop = source.window(max(size, 8))
        pos = start
        lines: list[bytes] = []
        while pos < stop:
            end = buffer.find(b"\n", pos, stop) + 1
            line = buffer[pos : end or stop]
            dotted = self._at_line_start and line[:1] == b"."
            if dotted and line in (b".", b".\r"):
                break  # nobody knows yet
            pos += len(line)
            if dotted and line in (b".\n", b".\r\n"):
                self.ended = True
                break
            lines.append(line[1:] if dotted else line)
            self._at_line_start = bool(end)
        source.advance(pos - start)
        return b"".join(lines)

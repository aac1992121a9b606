"""Octets in, commands or responses out: the push parsers.

`ResponseParser` is what a client reads with, `CommandParser` what a server does; a proxy has both.
They collect frames and hand them to the readers. A session's state is not theirs: whoever drives
one knows that an answer to AUTHENTICATE is base64, or that what follows COMPRESS is compressed.

Invariants

* **Chunk law.** What `next()` gives depends on the octets, never on how they were cut.
* **In step.** Where a frame ends is decided by `announced()` alone. A response that cannot be read
  is an event, and the next one starts where it has to.
* **Bounded.** A response is at most `limits.response` octets, a command `limits.command`; a section
  above `limits.stream` passes through. A response that is too large is an error, since nobody could
  tell where it ends without reading it; a command is swallowed and refused.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any, Final, TypeAlias

import attrs

from .._structure import Section
from .._wire import Input, as_bytes
from ..errors import Defect, LimitExceeded
from ..limits import Limits
from ._command_syntax import SyntaxRefused, read_command
from ._commands import Command
from ._events import BadCommand, BodyChunk, BodyEnd, BodyStart, FetchItem, FetchStart
from ._fetch import read_fetch_items
from ._lexer import Announced, Frame, Lexer, announced, opened
from ._response_syntax import read_line, read_response
from ._responses import Condition, FetchData, Response
from ._syntax import plain_section
from ._values import Binary, Body, FetchAttribute, Streamed

__all__ = ["CommandParser", "LiteralWanted", "ParsedCommand", "ParsedResponse", "ResponseParser"]

_NONE: Final[dict[int, tuple[int, int]]] = {}
_UNBOUNDED: Final = 2**62


def bound(limit: int | None) -> int:
    """A limit as a number."""
    return _UNBOUNDED if limit is None else limit


class _Collector:
    """Collects the lines and literals of one frame."""

    __slots__ = ("base", "depth", "literals", "need", "pieces", "size", "uncounted")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self.literals: dict[int, tuple[int, int]] = {}
        self.need = 0  # octets of a literal that are missing
        self.base = 0  # where the line starts that is looked at
        self.depth = 0  # parentheses open before the lines in `uncounted`
        self.uncounted: list[bytes] = []

    def add(self, octets: bytes) -> None:
        self.pieces.append(octets)
        self.size += len(octets)

    def add_line(self, line: bytes) -> None:
        self.base = self.size
        self.add(line)
        self.uncounted.append(line)

    def is_open(self) -> bool:
        """Whether a parenthesis is open. Each line is counted once."""
        self.depth += sum(map(opened, self.uncounted))
        self.uncounted.clear()
        return self.depth > 0

    def take(self, source: Input) -> bool:
        """Take octets of the literal. Whether all of them have come."""
        data = source.take(self.need)
        self.need -= len(data)
        if data:
            self.add(data)
        return not self.need

    def open_literal(self, found: Announced) -> None:
        """Expect the octets of the literal that the last line announced."""
        self.literals[self.base + found.at] = (self.size, self.size + found.size)
        self.need = found.size

    def frame(self) -> Frame:
        """What was collected."""
        octets = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        frame = Frame(octets, self.literals or _NONE)
        self.clear()
        return frame


# --- Responses ------------------------------------------------------------------------------------

# Lines in which `{5}` is text whatever it looks like: text for people, and what holds no string.
_TEXTUAL: Final = re.compile(
    rb"(?:\+|\* *\[|\*? *(?:OK|NO|BAD|BYE|PREAUTH)[ \r\n]|[!#-'+-~]+ +(?:OK|NO|BAD)[ \r\n]"
    rb"|\* +(?:CAPABILITY|ENABLED|FLAGS|SEARCH|SORT|THREAD|VANISHED) "
    rb"|\* +[0-9]+ +(?:EXISTS|EXPUNGE|RECENT)[ \r\n]"
    rb"|(?!\0*\*))",
    re.IGNORECASE,
)
_STREAMING: Final = re.compile(rb"\* ([0-9]{1,10}) (UID)?FETCH \(", re.IGNORECASE)
_USUAL_SECTION: Final = re.compile(
    rb"\* ([1-9][0-9]{0,8}) (UID)?FETCH \((?:UID ([1-9][0-9]{0,8}) )?"
    rb"BODY(\[[0-9A-Z.]{0,100}+\])(?:<(0|[1-9][0-9]{0,9})>)? \{([1-9][0-9]{0,9})\}\r\n"
)
_RFC822: Final[dict[FetchAttribute, Section]] = {
    "RFC822": Section(),
    "RFC822.HEADER": Section((), "HEADER"),
    "RFC822.TEXT": Section((), "TEXT"),
}

ParsedResponse: TypeAlias = Response | FetchStart | FetchItem | BodyStart | BodyChunk | BodyEnd
"""What a `ResponseParser` gives."""


_LITERAL_FOLLOWS: Final = (b"}\r\n", b"}\n")


class ResponseParser:
    """Reads what a server says.

    `receive_data()` takes octets, `next()` gives the next response, or None when more are needed.
    A large section of a message comes in pieces, see `FetchStart`. Raises LimitExceeded for a
    response above `limits.response`, and nothing else. `utf8` may be set between two responses.
    """

    def __init__(self, limits: Limits | None = None, *, utf8: bool = False) -> None:
        self.utf8 = utf8
        """Whether names and strings are UTF-8: UTF8=ACCEPT or IMAP4rev2 is enabled."""
        self._limits = Limits() if limits is None else limits
        self._most = bound(self._limits.response)
        self._stream = bound(self._limits.stream)
        self._chunk = self._limits.chunk
        self._in = Input()
        self._got = _Collector()
        self._textual = False
        self._hold = False  # nothing of this response passes through any more
        self._ready: deque[ParsedResponse] = deque()
        # A FETCH that comes in pieces: its number, items and defects so far.
        self._fetch: FetchStart | None = None
        self._items: list[tuple[FetchAttribute, Any]] = []
        self._defects: list[Defect] = []
        self._held = 0  # octets of the pieces before
        self._left = 0  # octets of the section that passes through
        self._body = False

    @property
    def open(self) -> bool:
        """Whether a response has begun and not ended."""
        return bool(self._got.pieces or self._fetch is not None or len(self._in) or self._ready)

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take octets. Never parses."""
        octets = data if type(data) is bytes else as_bytes(data)
        source = self._in
        if source.stalled:  # usual, for input that comes in small pieces
            source.drip(octets)
        elif octets:
            source.feed(octets)

    def next(self) -> ParsedResponse | None:
        """The next response or piece of one; None: more octets are needed."""
        source = self._in
        return None if source.stalled else self.read(source)

    def read(self, source: Input) -> ParsedResponse | None:
        """`next()`, from another input."""
        if self._ready:
            return self._ready.popleft()
        if self._body:
            return self._read_body(source)
        if self._got.pieces or self._fetch is not None:
            return self._read_more(source, None)
        # The way of nearly everything: one line, and no literal.
        line = source.line(b"\n", self._most)
        if (len(source) if line is None else len(line)) > self._most:
            raise LimitExceeded("a response larger than limits.response")
        if line is None:
            return None
        if not line.endswith(_LITERAL_FOLLOWS):
            return read_line(line, self.utf8, self._limits)
        usual = self._start_usual(line)
        if usual is not None:
            return usual
        self._textual = _TEXTUAL.match(line) is not None
        self._hold = False
        return self._read_more(source, line)

    def _read_more(self, source: Input, line: bytes | None) -> ParsedResponse | None:
        """Read a response of several lines on; `line` is its first."""
        got = self._got
        while True:
            if line is None:
                if got.need and not got.take(source):
                    return None
                most = self._most - self._held - got.size
                line = source.line(b"\n", most)
                if (len(source) if line is None else len(line)) > most:
                    raise LimitExceeded("a response larger than limits.response")
                if line is None:
                    return None
                if line == b")\r\n" and not got.pieces:
                    return self._end_fetch()  # nothing but the section that passed through
            got.add_line(line)
            found = None if self._textual else announced(line)
            if found is None:
                if self._continues(line):
                    line = None
                    continue
                return self._complete()
            if found.size > self._stream and not self._hold:
                started = self._start_body(found)
                if started is not None:
                    return started
                self._hold = True
            if self._held + got.size + found.size > self._most:
                raise LimitExceeded("a response larger than limits.response")
            got.open_literal(found)
            line = None

    def _continues(self, line: bytes) -> bool:
        """Whether a line end behind a literal is none: parentheses are open."""
        if line not in (b"\r\n", b"\n"):
            return False
        if self._fetch is not None:
            return True
        return bool(self._got.literals) and self._got.is_open()

    def _complete(self) -> ParsedResponse:
        frame = self._got.frame()
        if self._fetch is None:
            return read_response(frame, utf8=self.utf8, limits=self._limits)
        self._take_items(frame)
        return self._end_fetch()

    def _end_fetch(self) -> ParsedResponse:
        """The end of a FETCH that came in pieces."""
        start = self._fetch
        assert start is not None
        data = FetchData(
            start.number, self._items, uidfetch=start.uidfetch, defects=tuple(self._defects)
        )
        self._fetch, self._items, self._defects, self._held = None, [], [], 0
        if not self._ready:
            return data
        self._ready.append(data)
        return self._ready.popleft()

    def _take_items(self, frame: Frame) -> None:
        """Read the items in a piece of a FETCH, up to its end, and make events of them."""
        if self._fetch is None or not self._items:
            begin = 0
            match = _STREAMING.match(frame.octets)
            begin = match.end() if match is not None else 0
        else:
            begin = 0
        lexer = Lexer(frame, begin, lenient=True, utf8=self.utf8, limits=self._limits)
        while lexer.peek() in b" \r\n\t" and lexer.pos < lexer.end:
            if lexer.peek() != 0x20:
                lexer.odd("extra_line_end")
            lexer.pos += 1
        if lexer.at(b")"):
            lexer.pos += 1
            rest = lexer.rest()
            if rest:
                lexer.odd("trailing_text" if rest.strip() else "trailing_space")
            items: Any = ()
        else:
            items = read_fetch_items(lexer)
        self._items += items
        self._defects += lexer.defects
        self._ready += (FetchItem(attribute, value) for attribute, value in items)

    def _start_usual(self, line: bytes) -> ParsedResponse | None:
        """Let the section pass through that a line announces as every server writes it."""
        match = _USUAL_SECTION.match(line)
        if match is None:
            return None
        number, uidfetch, uid, brackets, start, octets = match.groups()
        section, size = plain_section(brackets), int(octets)
        if section is None or size <= self._stream:
            return None
        attribute = Body(section, None if start is None else int(start))
        first = self._fetch = FetchStart(int(number), uidfetch is not None)
        if uid is not None:
            self._items.append(("UID", int(uid)))
            self._ready.append(FetchItem("UID", int(uid)))
        self._items.append((attribute, Streamed(size)))
        self._ready.append(BodyStart(section, attribute.offset, size, attribute))
        self._held += len(line)
        self._left = size
        self._body = True
        return first

    def _start_body(self, found: Announced) -> ParsedResponse | None:
        """Let a large literal pass through, if it is a section of a FETCH."""
        got = self._got
        octets = b"".join(got.pieces)
        first = self._fetch is None
        match = _STREAMING.match(octets) if first else None
        if first and (match is None or not 0 < int(match[1]) < 2**32):
            return None
        # Read what is here as if the literal were empty and the last: then the last item is it.
        at = got.base + found.at
        closed = Frame(octets + b")\r\n", {**got.literals, at: (len(octets), len(octets))})
        lexer = Lexer(
            closed, match.end() if match else 0, lenient=True, utf8=self.utf8, limits=self._limits
        )
        while lexer.peek() in b" \r\n\t" and lexer.pos < lexer.end:
            lexer.pos += 1
        items = read_fetch_items(lexer)
        if not items or items[-1][1] != b"" or lexer.pos != lexer.end:
            return None
        attribute = items[-1][0]
        if isinstance(attribute, (Body, Binary)):
            section, origin = attribute.section, attribute.offset
        elif attribute in _RFC822:
            section, origin = _RFC822[attribute], None
        else:
            return None
        if octets[at : at + 1] not in (b"{", b"~"):
            return None
        if first:
            assert match is not None
            self._fetch = FetchStart(int(match[1]), match[2] is not None)
            self._ready.append(self._fetch)
        self._ready += (FetchItem(name, value) for name, value in items[:-1])
        self._ready.append(BodyStart(section, origin, found.size, attribute))
        self._items += (*items[:-1], (attribute, Streamed(found.size)))
        # The lexer compared what was announced with an empty literal.
        self._defects += (one for one in lexer.defects if one.offset != at)
        mark = octets[at:]
        if mark[mark[:1] == b"~" :] != b"{%d}\r\n" % found.size:
            self._defects.append(Defect("odd_literal", at, mark[:80]))
        self._held += got.size
        got.clear()
        self._left = found.size
        self._body = True
        return self._ready.popleft()

    def _read_body(self, source: Input) -> ParsedResponse | None:
        left = self._left
        if left:
            data = source.take(min(left, self._chunk))
            if not data:
                return None
            self._left = left - len(data)
            return BodyChunk(data)
        self._body = False
        return BodyEnd()


# --- Commands -------------------------------------------------------------------------------------


@attrs.frozen
class LiteralWanted:
    """A literal was announced that its sender waits with: say `+`, or `CommandParser.refuse()`."""

    tag: str
    size: int


ParsedCommand: TypeAlias = Command | BadCommand | LiteralWanted
"""What a `CommandParser` gives."""

_BEGINNING: Final = 256
_END: Final = 64
_TAG: Final = re.compile(rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,100}+)(?: |\r\n)")


class CommandParser:
    """Reads what a client says.

    `receive_data()` takes octets, `next()` gives the next command, or None when more are needed. A
    synchronising literal gives a `LiteralWanted` first: the client waits for `+`. What cannot be
    read, or is larger than `limits.command`, is a `BadCommand`, and the next command is read.
    """

    def __init__(self, limits: Limits | None = None, *, utf8: bool = False) -> None:
        self.utf8 = utf8
        """Whether names are UTF-8."""
        self._limits = Limits() if limits is None else limits
        self._most = bound(self._limits.command)
        self._in = Input()
        self._got = _Collector()
        self._dropped: bytes | None = None  # the start of a command that is swallowed
        self._skip = 0  # octets of a literal that is swallowed

    @property
    def open(self) -> bool:
        """Whether a command has begun and not ended."""
        return bool(self._got.pieces or self._dropped is not None or len(self._in))

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take octets. Never parses."""
        octets = data if type(data) is bytes else as_bytes(data)
        source = self._in
        if source.stalled:  # usual, for input that comes in small pieces
            source.drip(octets)
        elif octets:
            source.feed(octets)

    def next(self) -> ParsedCommand | None:
        """The next command; None: more octets are needed."""
        source = self._in
        return None if source.stalled else self.read(source)

    def refuse(self) -> None:
        """Forget the command whose literal was asked about: the client will not send it."""
        self._got.clear()

    def read(self, source: Input) -> ParsedCommand | None:
        """`next()`, from another input."""
        if self._dropped is not None or self._got.pieces:
            return self._read_more(source, None)
        # The way of nearly everything: one line, and no literal.
        line = source.line(b"\r\n", self._most)
        if line is None or line[-3:-2] == b"}" or len(line) > self._most:
            return self._read_more(source, line)
        return self._command(Frame(line, _NONE))

    def _read_more(self, source: Input, line: bytes | None) -> ParsedCommand | None:
        """Read a command of several lines, or one that is too large, on; `line` comes next."""
        got = self._got
        while True:
            most = self._most - got.size
            if line is None:
                if self._dropped is not None:
                    if not self._swallow(source):
                        return None
                    return self._too_large()
                if got.need and not got.take(source):
                    return None
                most = self._most - got.size
                line = source.line(b"\r\n", most)
                if line is None:
                    if len(source) > most:
                        self._drop(source.peek(_BEGINNING))
                        continue
                    return None
            if len(line) > most:
                self._drop(line)
                if self._ended(line):
                    return self._too_large()
                line = None
                continue
            got.add_line(line)
            found = announced(line)
            if found is None or (found.sync and not self._may(line)):
                return self._command(got.frame())
            if got.size + found.size > self._most:
                self._drop(line)
                if found.sync:
                    return self._too_large()
                self._skip = found.size
                line = None
                continue
            got.open_literal(found)
            if found.sync:
                return LiteralWanted(self._tag(got.pieces[0]) or "", found.size)
            line = None

    def _may(self, line: bytes) -> bool:
        """Whether the grammar has a literal in this command at all."""
        words = self._got.pieces[0].split(b" ", 2)
        return len(words) > 2 and words[1].rstrip(b"\r\n").upper() not in _WITHOUT_STRINGS

    def _tag(self, octets: bytes) -> str | None:
        match = _TAG.match(octets)
        return None if match is None else match[1].decode("ascii")

    def _drop(self, line: bytes) -> None:
        first = self._got.pieces[0] if self._got.pieces else line
        self._got.clear()
        self._dropped = first[: min(_BEGINNING, self._most)]

    def _ended(self, line: bytes) -> bool:
        """Whether a command that is swallowed ends with this line; if not, a literal follows.

        Of a line that is too long only its end is looked at, since no more of it may be there.
        """
        found = announced(b" " + line[-_END:])
        if found is None or found.sync:  # one that is asked for will not be agreed to
            return True
        self._skip = found.size
        return False

    def _swallow(self, source: Input) -> bool:
        """Drop octets up to the end of the command. Whether it has come."""
        while True:
            if self._skip:
                gone = len(source.take(min(self._skip, 65_536)))
                self._skip -= gone
                if self._skip and not gone:
                    return False
                continue
            line = source.line(b"\r\n", self._most)
            if line is None:
                if len(source) > max(self._most, _END):  # only its end matters
                    source.take(len(source) - _END)
                return False
            if self._ended(line):
                return True

    def _too_large(self) -> BadCommand:
        raw, self._dropped = self._dropped or b"", None
        tag = self._tag(raw)
        return BadCommand(raw, Condition("BAD", "The command is too large", tag=tag))

    def _command(self, frame: Frame) -> ParsedCommand:
        try:
            return read_command(frame, self.utf8, self._limits)
        except SyntaxRefused as refused:
            return BadCommand(
                frame.octets[:_BEGINNING], Condition("BAD", str(refused), tag=refused.tag)
            )


_WITHOUT_STRINGS: Final = frozenset(
    b"CAPABILITY NOOP LOGOUT STARTTLS NAMESPACE IDLE UNAUTHENTICATE CHECK CLOSE UNSELECT EXPUNGE"
    b" COMPRESS ENABLE CANCELUPDATE AUTHENTICATE".split()
)

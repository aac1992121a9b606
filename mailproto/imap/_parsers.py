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
from functools import lru_cache
from typing import Any, Final, TypeAlias

import attrs

from .._structure import Section
from .._wire import Input, as_bytes
from ..errors import Defect, LimitExceeded
from ..limits import Limits, bound
from ._command_syntax import SyntaxRefused, read_command
from ._commands import Append, Command, Replace
from ._events import BadCommand, BodyChunk, BodyEnd, BodyStart, FetchItem, FetchStart
from ._fetch import at_end, read_fetch_items
from ._lexer import NO_LITERALS, Announced, Frame, Lexer, announced, opened
from ._response_syntax import read_line, read_response
from ._responses import Condition, FetchData, Response
from ._syntax import plain_section
from ._values import AppendMessage, Binary, Body, FetchAttribute, Streamed

__all__ = [
    "CommandParser",
    "Dropped",
    "LiteralWanted",
    "MessageEnd",
    "MessageLiteral",
    "ParsedCommand",
    "ParsedResponse",
    "ResponseParser",
]


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
        frame = Frame(octets, self.literals or NO_LITERALS)
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


@lru_cache(maxsize=256)
def _usual_body(brackets: bytes, start: bytes | None) -> Body | None:
    """`BODY[1.2]<34>`: clients ask for the same sections again and again."""
    section = plain_section(brackets)
    return None if section is None else Body(section, None if start is None else int(start))


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
        lexer = Lexer(frame, 0, lenient=True, utf8=self.utf8, limits=self._limits)
        items = () if at_end(lexer) else read_fetch_items(lexer)
        self._items += items
        self._defects += lexer.defects
        self._ready += (FetchItem(attribute, value) for attribute, value in items)

    def _start_usual(self, line: bytes) -> ParsedResponse | None:
        """Let the section pass through that a line announces as every server writes it."""
        match = _USUAL_SECTION.match(line)
        if match is None:
            return None
        number, uidfetch, uid, brackets, start, octets = match.groups()
        attribute, size = _usual_body(brackets, start), int(octets)
        if attribute is None or size <= self._stream:
            return None
        first = self._fetch = FetchStart(int(number), uidfetch is not None)
        if uid is not None:
            item = "UID", int(uid)
            self._items.append(item)
            self._ready.append(FetchItem(*item))
        self._items.append((attribute, Streamed(size)))
        self._ready.append(BodyStart(attribute.section, attribute.offset, size, attribute))
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
        ended = lexer.at(b")") if first else at_end(lexer)
        items = () if ended else read_fetch_items(lexer)
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
        # To the lexer the literal is empty, which is not what was announced.
        self._defects += (
            one for one in lexer.defects if (one.code, one.offset) != ("odd_literal", at)
        )
        if octets[at + found.binary :] != b"{%d}\r\n" % found.size:
            self._defects.append(Defect("odd_literal", at, octets[at:][:80]))
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


@attrs.frozen
class MessageLiteral:
    """The octets of a message were announced: `CommandParser.accept()` or `refuse()` them.

    Behind an accepted one come `BodyChunk`s, the next `MessageLiteral` of the same command if there
    is one, and at the end of the command `MessageEnd`.
    """

    command: Append | Replace
    """As far as it has come; the message is the last, and its data `Streamed`."""
    sync: bool
    """Whether the client waits for `+`."""
    first: bool = True
    """Whether it is the first message of its command."""

    @property
    def message(self) -> AppendMessage:
        """What is said of it."""
        command = self.command
        return command.messages[-1] if isinstance(command, Append) else command.message


@attrs.frozen
class MessageEnd:
    """The end of a command with messages, behind all of their octets."""


@attrs.frozen
class Dropped:
    """The octets of a message that was refused, and the rest of its command, have passed by."""


ParsedCommand: TypeAlias = (
    Command | BadCommand | LiteralWanted | MessageLiteral | BodyChunk | MessageEnd | Dropped
)
"""What a `CommandParser` gives; the last four only with `messages=True`."""

_WITH_MESSAGE: Final = re.compile(rb"[^ ]+ (?:APPEND|(?:UID )?REPLACE) ", re.IGNORECASE)
_TOO_LARGE: Final = "The command is too large"
_NO_MESSAGE: Final = "Nothing of this kind follows a message"
_BEGINNING: Final = 256
_END: Final = 64
_TAG: Final = re.compile(rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,100}+)(?: |\r\n)")


class CommandParser:
    """Reads what a client says.

    `receive_data()` takes octets, `next()` gives the next command, or None when more are needed. A
    synchronising literal gives a `LiteralWanted` first: the client waits for `+`. What cannot be
    read, or is larger than `limits.command`, is a `BadCommand`, and the next command is read.

    With `messages=True` the messages of APPEND and REPLACE are not held: see `MessageLiteral`.
    (Those that CATENATE puts together are.) Raises LimitExceeded when more than `limits.drain`
    octets had to be swallowed, and nothing else.
    """

    def __init__(
        self, limits: Limits | None = None, *, utf8: bool = False, messages: bool = False
    ) -> None:
        self.utf8 = utf8
        """Whether names are UTF-8."""
        self._messages = messages
        self._literal: MessageLiteral | None = None  # that is to be accepted or refused
        self._closing = b""  # what stands behind its octets: the `)` of UTF8
        self._passing = False
        self._left = 0  # octets of it to come
        self._behind: bytes | None = None  # what the rest of the command is read behind
        self._refused = False
        self._drained = 0
        self._limits = Limits() if limits is None else limits
        self._most = bound(self._limits.command)
        self._drain = bound(self._limits.drain)
        self._in = Input()
        self._got = _Collector()
        self.raw = b""
        """How the last command began, at most 256 octets. It may hold a secret."""
        self._dropped: bytes | None = None  # the start of a command that is swallowed
        self._reason = _TOO_LARGE  # what is said of it
        self._skip = 0  # octets of a literal that is swallowed

    @property
    def open(self) -> bool:
        """Whether a command has begun and not ended."""
        return bool(
            self._got.pieces
            or self._dropped is not None
            or self._literal is not None
            or self._passing
            or self._behind is not None
            or len(self._in)
        )

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

    def accept(self) -> None:
        """Let the octets of the `MessageLiteral` come."""
        literal, self._literal = self._literal, None
        if literal is None:
            raise ValueError("no message was announced")
        data = literal.message.data
        assert isinstance(data, Streamed)
        self._left = data.size
        self._passing = True
        self._behind = b"A APPEND x" if isinstance(literal.command, Append) else b""

    def refuse(self) -> None:
        """Forget the command whose literal was asked about.

        A client that waits will not send it; octets that come all the same are swallowed, with the
        rest of the command, and then there is a `Dropped`.
        """
        literal, self._literal = self._literal, None
        self._behind = None
        self._got.clear()
        if literal is not None and not literal.sync:
            data = literal.message.data
            assert isinstance(data, Streamed)
            self._dropped, self._skip, self._refused = b"", data.size, True

    def read(self, source: Input) -> ParsedCommand | None:
        """`next()`, from another input."""
        if self._literal is not None:
            self.accept()
        if self._passing:
            if self._left:
                data = source.take(min(self._left, self._limits.chunk))
                self._left -= len(data)
                return BodyChunk(data) if data else None
            self._passing = False
        got = self._got
        while True:
            if self._dropped is not None:
                if not self._swallow(source):
                    return None
                if self._refused:
                    self._refused, self._dropped = False, None
                    return Dropped()
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
                self._count(len(line))
                if self._ended(line):
                    self._drained = 0
                    return self._too_large()
                continue
            if not got.pieces and line[-3:-2] != b"}" and self._behind is None:
                return self._command(Frame(line, NO_LITERALS))
            got.add_line(line)
            found = announced(line)
            if found is not None and self._messages:
                literal = self._message_literal(found)
                if literal is not None:
                    got.clear()
                    self._literal = literal
                    return literal
            if self._behind is not None:
                if found is None:
                    return self._rest(got.frame())
                self._drop(line)
                self._reason = _NO_MESSAGE
                if found.sync:
                    return self._too_large()
                self._skip = found.size
                continue
            if found is None or (found.sync and not self._may(line)):
                return self._command(got.frame())
            if got.size + found.size > self._most:
                self._drop(line)
                if found.sync:
                    return self._too_large()
                self._skip = found.size
                continue
            got.open_literal(found)
            if found.sync:
                return LiteralWanted(self._tag(got.pieces[0]) or "", found.size)

    def _message_literal(self, found: Announced) -> MessageLiteral | None:
        """The message that was announced, if it is one and not some other literal."""
        got = self._got
        octets = b"".join(got.pieces)
        at = got.base + found.at
        shift = 0
        self.raw = octets[:_BEGINNING]
        if self._behind is None:
            if _WITH_MESSAGE.match(octets) is None:
                return None
        else:
            if not octets.startswith(self._closing + b" ") or not self._behind:
                return None
            shift = len(self._behind) - len(self._closing)
            octets = self._behind + octets[len(self._closing) :]
            at += shift
        closing = b")" if octets[at - 1 : at] == b"(" else b""
        # Read what is here as if the message were empty and the last: then the last is it.
        literals = {
            brace + shift: (start + shift, end + shift)
            for brace, (start, end) in got.literals.items()
        }
        literals[at] = (len(octets), len(octets))
        try:
            command = read_command(
                Frame(octets + closing + b"\r\n", literals), utf8=self.utf8, limits=self._limits
            )
        except SyntaxRefused:
            return None
        body = Streamed(found.size)
        first, self._closing = self._behind is None, closing
        if isinstance(command, Append) and command.messages[-1].data == b"":
            message = attrs.evolve(command.messages[-1], data=body)
            return MessageLiteral(attrs.evolve(command, messages=(message,)), found.sync, first)
        if isinstance(command, Replace) and command.message.data == b"":
            message = attrs.evolve(command.message, data=body)
            return MessageLiteral(attrs.evolve(command, message=message), found.sync, first)
        return None

    def _rest(self, frame: Frame) -> ParsedCommand:
        """The rest of a command, behind a message."""
        self._behind = None
        if frame.octets.rstrip(b" \r\n") == self._closing:
            return MessageEnd()
        return BadCommand(frame.octets[:_BEGINNING], Condition("BAD", _NO_MESSAGE))

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
        self._behind = None
        self._dropped = first[: min(_BEGINNING, self._most)]

    def _ended(self, line: bytes) -> bool:
        """Whether a command that is swallowed ends with this line; if not, a literal follows.

        Of a line that is too long only its end is looked at, since no more of it may be there. No
        quote in it is taken for the start of a string: what follows `{5+}` is never a command.
        """
        found = announced(b" " + line[-_END:].replace(b'"', b"x"))
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
                self._count(gone)
                if self._skip and not gone:
                    return False
                continue
            line = source.line(b"\r\n", self._most)
            if line is None:
                if len(source) > max(self._most, _END):  # only its end matters
                    self._count(len(source.take(len(source) - _END)))
                return False
            self._count(len(line))
            if self._ended(line):
                self._drained = 0
                return True

    def _count(self, swallowed: int) -> None:
        self._drained += swallowed
        if self._drained > self._drain:
            raise LimitExceeded(
                "more refused octets than limits.drain", Condition("BYE", "Too much of it")
            )

    def _too_large(self) -> BadCommand:
        raw, self._dropped = self._dropped or b"", None
        reason, self._reason = self._reason, _TOO_LARGE
        return BadCommand(raw, Condition("BAD", reason, tag=self._tag(raw)))

    def _command(self, frame: Frame) -> ParsedCommand:
        self.raw = frame.octets[:_BEGINNING]
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

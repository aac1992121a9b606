"""Where a command or response ends, and how its words are read.

Two things: `Framer` finds the end of what was said, and `Lexer` reads its words one by one.

What is said in IMAP is a line in which literals may stand: `{5}`, a line end, five octets, and the
line goes on. Whether `{5}` announces a literal can only be known from where it stands: inside a
quoted string it is text, and so it is in the text of a status response. The framer decides that
once, from the line alone, and notes what it found; the lexer takes its word for it. So the two
never disagree about where the next command starts, whatever the octets mean.

Invariants

* One pass: no octet is looked at more than a constant number of times. Quoted strings, atoms and
  numbers are each one match of an anchored pattern that cannot go back.
* A `Frame` is all of it in one `bytes`, as it came; `literals` says where the octets of each
  literal are.
* A lexer that is `lenient` (a client reading what a server said) goes on where the meaning is
  certain, and keeps a defect. One that is not raises `Refused` at the first octet that the grammar
  does not allow there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

from ..errors import Defect
from ..limits import Limits, bound

__all__ = ["NO_LITERALS", "Frame", "Lexer", "Refused", "announced", "decode_text", "opened"]

T = TypeVar("T")


class Refused(ValueError):
    """What stands here is not what the grammar wants here."""


class Frame(NamedTuple):
    """All of a command or response, its line end included."""

    octets: bytes
    literals: Mapping[int, tuple[int, int]]
    """Where the octets of a literal start and end, by where its `{` is."""


NO_LITERALS: Final[Mapping[int, tuple[int, int]]] = {}
"""Of a frame that is one line."""


# --- Framing --------------------------------------------------------------------------------------

_ANNOUNCED: Final = re.compile(rb"(~?)\{([0-9]{1,20}+)([^}\r\n0-9][^}\r\n]*+)?\}\r?\n")

# A quoted string starts where a string can start, and ends with the first quote that is not
# escaped, if a string can end there. Else some quotes inside were not escaped: then it ends with
# the first behind which the next word starts, or nothing.
_STRICT_STRING: Final = re.compile(rb'"(?:[^"\\\r\n]++|\\[^\r\n])*+"(?=[ )\]\r\n]|\Z)')
_WORD_FOLLOWS: Final = (
    rb'[)\]\r\n]|\Z| +(?:["(){~\\0-9\-]|NIL[ )]|[A-Z][A-Z0-9.\-]*+[ \[<]|\r?\n|\Z)'
)
_LOOSE_STRING: Final = re.compile(rb'"(?:[^"\\\r\n]++|\\[^\r\n]|"(?!' + _WORD_FOLLOWS + rb'))*+"?')
_OPENS: Final = re.compile(rb'(?<=[ (\[])"')


def _string_end(octets: bytes, pos: int) -> int:
    """Where the quoted string ends that starts here; one that is not closed ends with the line."""
    match = _STRICT_STRING.match(octets, pos) or _LOOSE_STRING.match(octets, pos)
    assert match is not None
    return match.end()


class Announced(NamedTuple):
    """A literal that was announced at the end of a line."""

    at: int
    """Where its `{` is, or the `~` before it."""
    size: int
    sync: bool
    """Whether the peer waits for `+` before it sends the octets."""
    binary: bool
    odd: bool
    """Whether it was spelled otherwise than the grammar says."""


def announced(line: bytes, start: int = 0) -> Announced | None:
    """The literal that a line announces at its end, if `{n}` there is no text.

    `start` is where the line, or what follows the last literal, begins. Linear in what follows it.
    """
    if line[-2:-1] != b"}" and line[-3:-1] != b"}\r":
        return None
    brace = line.rfind(b"{", start)
    if brace < 0:
        return None
    if brace > start and line[brace - 1] == 0x7E:  # ~
        brace -= 1
    match = _ANNOUNCED.match(line, brace)
    if match is None or match.end() != len(line):
        return None
    if brace > start and line[brace - 1 : brace] not in (b" ", b"(", b"["):
        return None
    if b'"' in line[start:brace]:
        pos = start
        while (quote := _OPENS.search(line, pos, brace)) is not None:
            pos = _string_end(line, quote.start())
            if pos > brace:
                return None
    mark = match[3] or b""
    odd = mark not in (b"", b"+") or (match[2][:1] == b"0" and len(match[2]) > 1)
    return Announced(brace, int(match[2]), b"+" not in mark, bool(match[1]), odd)


def opened(line: bytes) -> int:
    """How many more parentheses a line opens than it closes, strings aside."""
    found = pos = 0
    while (match := _MARK.search(line, pos)) is not None:
        octet = line[match.start()]
        pos = _string_end(line, match.start()) if octet == 0x22 else match.end()
        found += (octet == 0x28) - (octet == 0x29)
    return found


_MARK: Final = re.compile(rb'[()"]')


# --- Words ----------------------------------------------------------------------------------------

# Everything but ( ) { SP CTL % * " \ ] is an atom (RFC 9051 section 9); `]` is allowed in astrings.
_ATOM: Final = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]++")
_ASTRING: Final = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]++")
_LIST_CHARS: Final = re.compile(rb"[!#$%&'*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]++")
_LOOSE: Final = re.compile(rb"[^ (){\x00-\x1f\x7f\"]++")
_QUOTED: Final = re.compile(rb'"([^"\\\r\n\x00]*+)"(?=[ )\]\r\n]|\Z)')
_ESCAPED: Final = re.compile(rb'"((?:[^"\\\r\n\x00]++|\\["\\])*+)"')
_UNESCAPE: Final = re.compile(rb'\\(["\\])')
_NUMBER: Final = re.compile(rb"[0-9]{1,20}+(?![0-9])")
_NIL: Final = re.compile(rb"NIL(?=[ )\r\n]|\Z)", re.IGNORECASE)
_LABEL: Final = re.compile(rb"[A-Za-z_.\-][A-Za-z0-9_.:\-]*+")
_FLAG: Final = re.compile(rb"\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]++|\\\*")
_LOOSE_FLAG: Final = re.compile(rb"[^ ()\x00-\x1f\x7f]++")
_SPACES: Final = re.compile(rb"[ \t]*+")


def decode_text(octets: bytes) -> str:
    """Text, what is not UTF-8 in it kept."""
    return octets.decode("utf-8", "surrogateescape")


_LIMITS: Final = Limits()
_MOST_DEFECTS: Final = 100


class Lexer:
    """Reads the words of one frame, from left to right."""

    __slots__ = ("defects", "end", "frame", "lenient", "limits", "most", "octets", "pos", "utf8")

    def __init__(
        self,
        frame: Frame,
        pos: int,
        *,
        lenient: bool,
        utf8: bool = False,
        limits: Limits = _LIMITS,
    ) -> None:
        self.frame = frame
        self.octets = octets = frame.octets
        self.pos = pos
        tail = octets[-2:]
        self.end = len(octets) - (2 if tail == b"\r\n" else tail[-1:] == b"\n")
        self.lenient = lenient
        self.utf8 = utf8
        """Whether names of mailboxes are UTF-8 (RFC 6855, RFC 9051)."""
        self.limits = limits
        self.most = bound(limits.depth)
        """Levels of parentheses."""
        self.defects: list[Defect] = []

    # --- What is said about the reading -----------------------------------------------------------

    def odd(self, code: str, start: int | None = None, assumed: str = "") -> None:
        """Keep a defect about the octets from `start` to here; the first hundred of them."""
        if len(self.defects) >= _MOST_DEFECTS:
            return
        at = self.pos if start is None else start
        self.defects.append(Defect(code, at, self.octets[at : max(self.pos, at)][:80], assumed))

    def refuse(self, wanted: str) -> NoReturn:
        """Raise `Refused`: `wanted` does not stand here."""
        raise Refused(f"expected {wanted} at octet {self.pos}")

    # --- Single octets ----------------------------------------------------------------------------

    def peek(self) -> int:
        """The next octet, or 0 at the end."""
        return self.octets[self.pos] if self.pos < self.end else 0

    def at(self, octets: bytes) -> bool:
        """Whether `octets` come next."""
        return self.octets.startswith(octets, self.pos, self.end)

    def take(self, octets: bytes) -> bool:
        """Whether `octets` came next; they are read then."""
        if self.octets.startswith(octets, self.pos, self.end):
            self.pos += len(octets)
            return True
        return False

    def expect(self, octets: bytes) -> None:
        """Read `octets`."""
        if not self.take(octets):
            self.refuse(repr(octets.decode("latin-1")))

    def space(self) -> None:
        """Read a space. Lenient: several, or none beside a parenthesis or a quote."""
        octets, pos = self.octets, self.pos
        if octets[pos : pos + 1] == b" ":  # what follows the end is CR or LF
            self.pos = pos + 1
            if self.lenient and octets[pos + 1 : pos + 2] in (b" ", b"\t"):
                self._spaces()
            return
        if (
            self.lenient
            and pos < self.end
            and (octets[pos] in b'("\t' or octets[pos - 1 : pos] in (b")", b'"'))
        ):
            if octets[pos] == 0x09:
                self._spaces()
            else:
                self.odd("missing_space")
            return
        self.refuse("a space")

    def _spaces(self) -> None:
        start = self.pos
        match = _SPACES.match(self.octets, self.pos, self.end)
        assert match is not None
        self.pos = match.end()
        self.odd("extra_space", start)

    def more(self) -> bool:
        """Whether another argument follows: reads the space before it. Lenient: not at the end."""
        start = self.pos
        if self.octets[start : start + 1] != b" " or start >= self.end:
            return False
        if not self.lenient:
            self.pos = start + 1
            return True
        self.space()
        if self.pos >= self.end:
            self.odd("trailing_space", start)
            return False
        return True

    def finish(self) -> None:
        """Be at the end. A trailing space is odd; servers see it from clients too."""
        if self.pos < self.end:
            start = self.pos
            match = _SPACES.match(self.octets, self.pos, self.end)
            assert match is not None
            if match.end() < self.end:
                self.refuse("the end of the line")
            self.pos = self.end
            self.odd("trailing_space", start)

    # --- Words ------------------------------------------------------------------------------------

    def match(self, pattern: re.Pattern[bytes], wanted: str) -> bytes:
        """Read what `pattern` matches."""
        match = pattern.match(self.octets, self.pos, self.end)
        if match is None:
            self.refuse(wanted)
        self.pos = match.end()
        return match[0]

    def atom(self) -> str:
        """An atom."""
        return self.match(_ATOM, "an atom").decode("ascii")

    def name(self) -> str:
        """An atom that is compared without case: in upper case."""
        match = _ATOM.match(self.octets, self.pos, self.end)
        if match is None:
            self.refuse("a name")
        self.pos = match.end()
        return match[0].decode("ascii").upper()

    def label(self) -> str:
        """A tagged-ext-label: in upper case."""
        return self.match(_LABEL, "a name").decode("ascii").upper()

    def number(self, most: int = 2**63 - 1) -> int:
        """A number. Lenient: -1, 9.3e+06, or too large, with the nearest that is meant."""
        match = _NUMBER.match(self.octets, self.pos, self.end)
        if match is None or (self.lenient and self.octets[match.end()] in b".eE"):
            return self._odd_number(most)
        value = int(match[0])
        if value > most:
            if not self.lenient:
                self.refuse("a smaller number")
            start, self.pos = self.pos, match.end()
            self.odd("large_number", start)
            return value
        self.pos = match.end()
        return value

    def _odd_number(self, most: int) -> int:
        match = _ODD_NUMBER.match(self.octets, self.pos, self.end) if self.lenient else None
        if match is None:
            self.refuse("a number")
        start, self.pos = self.pos, match.end()
        if match[0].startswith(b"-"):
            self.odd("negative_number", start, "0")
            return 0
        self.odd("not_an_integer", start)
        return min(int(float(match[0])), most)

    def nz_number(self) -> int:
        """A number from 1 to 4,294,967,295. Lenient: 0 too."""
        start = self.pos
        value = self.number(2**32 - 1)
        if value == 0:
            if not self.lenient:
                self.pos = start
                self.refuse("a number above 0")
            self.odd("zero", start)
        return value

    def literal(self) -> bytes | None:
        """The octets of the literal that starts here, or None if none does."""
        found = self.frame.literals.get(self.pos)
        if found is None:
            return None
        brace = self.pos
        start, self.pos = found
        if self.lenient:
            mark = self.octets[brace:start]
            if mark[mark[:1] == b"~" :] != b"{%d}\r\n" % (self.pos - start):
                self.defects.append(Defect("odd_literal", brace, mark[:80]))
        return self.octets[start : self.pos]

    def string(self) -> bytes:
        """A quoted string or a literal."""
        match = _QUOTED.match(self.octets, self.pos)
        if match is not None:
            self.pos = match.end()
            octets = match[1]
            if self.lenient and not self.utf8 and not octets.isascii():
                self.odd("eight_bit", match.start())
            return octets
        found = self.string_or_none()
        if found is None:
            self.refuse("a string")
        return found

    def string_or_none(self) -> bytes | None:
        """A string if one starts here."""
        octets = self.octets
        first = octets[self.pos] if self.pos < self.end else 0
        if first == 0x22:  # "
            match = _ESCAPED.match(octets, self.pos, self.end)
            if match is not None and (
                match.end() >= self.end or octets[match.end()] in b" )]" or not self.lenient
            ):
                self.pos = match.end()
                text = match[1]
                return _UNESCAPE.sub(rb"\1", text) if b"\\" in text else text
            if self.lenient:
                return self._loose_string()
            self.refuse("the end of a quoted string, with nothing unusual in it")
        if first in (0x7B, 0x7E):  # { ~
            return self.literal()
        return None

    def _loose_string(self) -> bytes:
        # Quotes inside that were not escaped, and escapes of what needs none: both stay.
        start = self.pos
        end = _string_end(self.octets, start)
        text = self.octets[start:end]
        if len(text) < 2 or not text.endswith(b'"'):
            self.refuse("the end of a quoted string")
        self.pos = end
        self.odd("bad_quoting", start)
        return _UNESCAPE.sub(rb"\1", text[1:-1])

    def nil(self) -> bool:
        """Whether NIL stood here; it is read then."""
        match = _NIL.match(self.octets, self.pos)
        if match is None:
            return False
        self.pos = match.end()
        return True

    def astring(self) -> bytes:
        """An atom, with `]`, or a string."""
        octets, pos = self.octets, self.pos
        if octets[pos : pos + 1] != b'"':
            match = _ASTRING.match(octets, pos, self.end)
            if match is not None:
                end = match.end()
                if not self.lenient or octets[end] in b" )\r\n":
                    self.pos = end
                    return match[0]
        found = self.string_or_none()
        if found is not None:
            return found
        if self.lenient:
            match = _LOOSE.match(self.octets, self.pos, self.end)
            if match is not None:
                start, self.pos = self.pos, match.end()
                self.odd("odd_atom", start)
                return match[0]
        return self.refuse("an atom or a string")

    def list_mailbox(self) -> bytes:
        """An astring in which `*` and `%` may stand."""
        match = _LIST_CHARS.match(self.octets, self.pos, self.end)
        if match is not None:
            self.pos = match.end()
            return match[0]
        return self.string()

    def text(self) -> str:
        """An astring as text."""
        return decode_text(self.astring())

    def nstring(self) -> bytes | None:
        """A string or NIL. Lenient: an atom."""
        match = _QUOTED.match(self.octets, self.pos)
        if match is not None:
            self.pos = match.end()
            octets = match[1]
            if self.lenient and not self.utf8 and not octets.isascii():
                self.odd("eight_bit", match.start())
            return octets
        if self.nil():
            return None
        found = self.string_or_none()
        if found is None and self.lenient and (match := _LOOSE.match(self.octets, self.pos)):
            start, self.pos = self.pos, match.end()
            self.odd("unquoted", start)
            return match[0]
        if found is None:
            self.refuse("a string or NIL")
        return found

    def flag(self) -> bytes:
        """A flag, as it is spelled."""
        match = _FLAG.match(self.octets, self.pos, self.end)
        if match is not None and (not self.lenient or self.octets[match.end()] in b" )\r\n"):
            self.pos = match.end()
            return match[0]
        if self.lenient:
            match = _LOOSE_FLAG.match(self.octets, self.pos, self.end)
            if match is not None:
                start, self.pos = self.pos, match.end()
                self.odd("odd_flag", start)
                return match[0]
        return self.refuse("a flag")

    # --- Lists ------------------------------------------------------------------------------------

    def list_of(self, read: Callable[[Any], T], *, least: int = 0) -> tuple[T, ...]:
        """`(a b c)`, each read by `read`. Lenient: spaces inside the parentheses too."""
        self.expect(b"(")
        found: list[T] = []
        octets = self.octets
        most = bound(self.limits.items)
        if self.lenient:
            self._skip_inside()
        if not self.take(b")"):
            while True:
                found.append(read(self))
                if len(found) > most:
                    self.refuse(f"a list of at most {most}")
                pos = self.pos
                octet = octets[pos : pos + 1]
                if octet == b")":
                    self.pos = pos + 1
                    break
                if octet == b" " and octets[pos + 1 : pos + 2] not in _AMISS:
                    self.pos = pos + 1
                elif self.lenient:
                    self._skip_inside(between=True)
                    if self.take(b")"):
                        break
                elif self.take(b")"):
                    break
                else:
                    self.space()
        if len(found) < least:
            if not self.lenient:
                self.refuse("something in the list")
            self.odd("empty_list")
        return tuple(found)

    def _skip_inside(self, *, between: bool = False) -> None:
        start = self.pos
        match = _SPACES.match(self.octets, self.pos, self.end)
        assert match is not None
        self.pos = match.end()
        gap = self.pos - start
        if between and not self.at(b")"):
            if gap == 0:
                if self.pos >= self.end:
                    self.refuse("a closing parenthesis")
                self.odd("missing_space")
            elif gap > 1:
                self.odd("extra_space", start)
        elif gap:
            self.odd("extra_space", start)

    def skip(self) -> bytes:
        """Read whatever is here, up to the space or parenthesis behind it: the raw octets.

        Parentheses, brackets, strings and literals are read as wholes. Linear, and without
        recursion.
        """
        start = self.pos
        depth = 0
        octets, literals = self.octets, self.frame.literals
        while self.pos < self.end:
            octet = octets[self.pos]
            if octet == 0x22:
                self.pos = _string_end(octets, self.pos)
            elif self.pos in literals:
                self.pos = literals[self.pos][1]
            elif octet in (0x28, 0x5B):
                depth += 1
                self.pos += 1
            elif octet in (0x29, 0x5D):
                if depth == 0 and octet == 0x29:
                    break
                depth = max(0, depth - 1)
                self.pos += 1
            elif octet == 0x20 and depth == 0:
                break
            else:
                match = _PLAIN.match(octets, self.pos, self.end)
                self.pos = self.pos + 1 if match is None else match.end()
        return octets[start : self.pos]

    def rest(self) -> bytes:
        """Everything up to the line end."""
        start, self.pos = self.pos, self.end
        return self.octets[start : self.end]


_AMISS: Final = (b" ", b"\t", b")")  # behind a space in a list
_PLAIN: Final = re.compile(rb'[^ ()\[\]{~"]++')
_ODD_NUMBER: Final = re.compile(
    rb"-[0-9]{1,20}+|[0-9]{1,20}+(?:\.[0-9]{1,20}+)?(?:[eE][+\-]?[0-9]{1,2})?"
)

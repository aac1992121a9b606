"""What a message is asked before it is trusted or sent: ambiguities, and conformance.

What lives here: the table of defects that make two readings of one message (`READINGS`), the search
for them over all parts, and the counts that transports care about. What does not: the defects
themselves; whoever reads a thing reports them.

An ambiguity is a place where programs in the field are known to differ, so that a filter and a
reader may see two messages. Each says how it was read here and how others read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import attrs

from ..errors import Defect
from ._content import WIDTHS
from ._vocabulary import Ambiguity

if TYPE_CHECKING:
    from ._header import Header
    from ._message import Message, Part

__all__ = ["READINGS", "Conformance", "ambiguities", "conformance"]

_REPORTED: Final = 1_000

READINGS: Final[dict[str, tuple[str, str]]] = {
    # defect code: how it is read here, how it is read elsewhere
    "space_before_colon": ("a field", "the end of the header, or another field"),
    "junk_in_header": ("a fold of the field before it", "the end of the header, or skipped"),
    "junk_before_header": ("skipped", "the body"),
    "leading_fold": ("skipped", "the body, or a part of the first field"),
    "nul": ("kept", "the end of the value, or dropped"),
    "bare_cr": ("no line end", "a line end"),
    "duplicate_parameter": ("the first counts", "the last counts"),
    "filename_twice": ("the extended form (filename*) counts", "the plain form counts"),
    "comment_in_parameter": ("a comment", "a part of the value"),
    "unquoted_parameter": ("as far as it is a token, or up to the semicolon", "less or more of it"),
    "junk_in_base64": ("skipped", "the end of the content, or an error"),
    "data_after_padding": ("see the defect", "decoded on, or dropped"),
    "parameter_twice": ("the extended form counts", "the plain form, or the first, counts"),
    "encoded_word_in_parameter": ("decoded", "as it stands"),
    "missing_section": ("the ones before it", "all of them, or none"),
    "unreadable_parameter": ("skipped up to the semicolon", "read on at the next space"),
    "unclosed_quote": ("see the defect", "the rest of the field"),
    "missing_boundary": ("one opaque part", "a multipart, with a guess at its delimiter"),
    "comment_in_encoding": ("a comment", "a part of the name, so that it is not known"),
    "encoded_multipart": ("not encoded", "encoded, so that there are other parts, or none"),
    "empty_line_in_field": ("a fold", "the end of the header, or an empty value"),
    "two_filenames": ("that of Content-Disposition counts", "that of Content-Type counts"),
    "missing_padding": ("decoded as far as it goes", "an error, or nothing"),
    "unknown_encoding": ("not encoded", "a guess"),
    "odd_encoding": ("the encoding that was meant", "not encoded"),
    "empty_boundary": ("one opaque part", "a multipart with the delimiter --"),
    "no_header": ("the body begins at once", "the lines are a header"),
    "header_overflow": ("the fields before it", "all fields"),
    "parts_overflow": ("the rest belongs to the part it is in", "more parts"),
    "depth_overflow": ("an opaque part", "more parts"),
}
"""Defects that programs in the field answer with different readings."""

_ONCE: Final = (
    # RFC 5322 section 3.6 and RFC 2045 section 3: at most one of each
    *("date", "from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to"),
    *("references", "subject", "mime-version", "content-type", "content-transfer-encoding"),
    *("content-disposition", "content-id"),
)
_TOGETHER: Final = frozenset(["from", "sender", "reply-to", "to", "cc", "bcc"])


def ambiguities(message: Message) -> tuple[Ambiguity, ...]:
    """All of a message, in order of offset; at most 1,000."""
    found = list(message.index.ambiguities)
    found += _of_defects(message.index.defects)
    for part in message.walk():
        found += _repeated(part.header)
        found += _of_defects(part.own_defects)
        found += _of_mime(part)
        if len(found) >= _REPORTED:
            break
    found += _bare_cr(message)
    return tuple(sorted(found, key=lambda one: one.offset)[:_REPORTED])


def _of_defects(defects: Iterable[Defect]) -> Iterator[Ambiguity]:
    for defect in defects:
        readings = READINGS.get(defect.code)
        if readings is not None:
            here, elsewhere = readings
            yield Ambiguity(
                defect.code, defect.offset, defect.raw, defect.assumed or here, elsewhere
            )


def _repeated(header: Header) -> Iterator[Ambiguity]:
    """Fields that stand more than once where they may stand once."""
    for name in _ONCE:
        fields = header.all(name)
        for field in fields[1:2]:
            yield Ambiguity(
                "duplicate_field",
                field.offset,
                field.raw[:80],
                "all count together" if name in _TOGETHER else "the first counts",
                "the first or the last counts",
            )


def _of_mime(part: Part) -> Iterator[Ambiguity]:
    """What is allowed (or nearly), and read in more than one way all the same."""
    header, span = part.header, part.span
    encoding = header.get("content-transfer-encoding")
    if encoding is not None:
        if b"(" in encoding.body:
            yield _found("comment_in_encoding", encoding.offset, encoding.raw)
        if part.is_multipart and part.encoding not in WIDTHS:
            yield _found("encoded_multipart", encoding.offset, encoding.raw)
    empty = _EMPTY_LINE.search(header.raw)
    if empty is not None:
        yield _found("empty_line_in_field", span.start + empty.start(), empty[0])
    disposition = header.get("content-disposition")
    if disposition is not None:
        name, filename = part.content_type.get("name"), part.filename
        if name and filename and name != filename:
            yield _found("two_filenames", disposition.offset, disposition.raw)


# A fold of white space alone (RFC 5322 section 4.2), or a field of MIME whose first line is empty.
_EMPTY_LINE: Final = re.compile(
    rb"^(?:[ \t]++\r?(?:\n|\Z)"
    rb"|Content-(?:Type|Disposition|Transfer-Encoding)[ \t]*+:[ \t]*+\r?\n[ \t])",
    re.MULTILINE | re.IGNORECASE,
)


def _found(code: str, at: int, raw: bytes) -> Ambiguity:
    return Ambiguity(code, at, raw[:80], *READINGS[code])


def _bare_cr(message: Message) -> Iterator[Ambiguity]:
    """A CR that no LF follows, in a body: some take it as a line end, and find parts there."""
    raw = message.raw
    at = raw.find(b"\r")
    if at < 0 or raw.count(b"\r") == raw.count(b"\r\n"):
        return
    while raw.startswith(b"\r\n", at):
        at = raw.find(b"\r", at + 1)
    yield Ambiguity(
        "bare_cr", at + message.span.start, raw[max(at - 20, 0) : at + 20], *READINGS["bare_cr"]
    )


# --- Conformance ----------------------------------------------------------------------------------


@attrs.frozen
class Conformance:
    """Counts over a whole message, and what follows from them."""

    octets: int
    longest_line: int
    """Octets, line end not counted."""
    over_78: int
    """Lines longer than 78 octets: they should not be (RFC 5322 section 2.1.1). Count."""
    over_998: int
    """Lines longer than 998 octets: they must not be. Count."""
    bare_cr: int
    """Count."""
    bare_lf: int
    """Count."""
    nul: int
    """Count."""
    eight_bit_header: bool
    """A header holds octets above 127: it needs SMTPUTF8 (RFC 6531), if they are UTF-8."""
    eight_bit_body: bool
    """A body holds octets above 127: it needs 8BITMIME (RFC 6152)."""
    problems: tuple[Defect, ...]
    """The first of each thing that is wrong; required and repeated fields among them."""

    @property
    def ascii(self) -> bool:
        """Whether it is NVT-ASCII: 7 bits, no NUL, no bare CR or LF, lines of at most 998."""
        return not (
            self.eight_bit_header
            or self.eight_bit_body
            or self.nul
            or self.bare_cr
            or self.bare_lf
            or self.over_998
        )

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def conformance(message: Message) -> Conformance:
    """Look at every line of a message."""
    raw = message.raw
    lengths = [len(line) for line in raw.split(b"\n")]
    carriage = raw.count(b"\r\n")
    bare_cr = raw.count(b"\r") - carriage
    bare_lf = raw.count(b"\n") - carriage
    longest, over_78, over_998, first_long, at = 0, 0, 0, -1, 0
    if max(lengths) > 78:
        for length in lengths:
            # The CR in front of the LF, where it is one, does not count.
            size = length - (raw[at + length - 1 : at + length + 1] == b"\r\n")
            longest = max(longest, size)
            over_78 += size > 78
            if size > 998:
                over_998 += 1
                first_long = at if first_long < 0 else first_long
            at += length + 1
    else:
        *lines, last = raw.split(b"\n")  # behind the last there is no LF: a CR there is bare
        longest = max([len(last), *(len(line) - line.endswith(b"\r") for line in lines)])
    header = body = False
    if not raw.isascii():
        base = message.span.start
        for part in message.walk():
            span = part.span
            header = header or not raw[span.start - base : span.body - base].isascii()
        ascii_headers = sum(
            len(part.header.raw) - len(part.header.raw.translate(None, _HIGH))
            for part in message.walk()
        )
        body = len(raw) - len(raw.translate(None, _HIGH)) > ascii_headers
    problems = list(_required(message))
    if first_long >= 0:
        problems.append(Defect("long_line", first_long, raw[first_long : first_long + 80]))
    if raw.find(b"\0") >= 0:
        problems.append(Defect("nul", raw.find(b"\0"), b"\0"))
    if bare_cr:
        problems.append(Defect("bare_cr", next(_bare_cr(message)).offset, b"\r"))
    if bare_lf:
        problems.append(Defect("bare_lf", _first_bare_lf(raw), b"\n"))
    return Conformance(
        len(raw),
        longest,
        over_78,
        over_998,
        bare_cr,
        bare_lf,
        raw.count(b"\0"),
        header,
        body,
        tuple(sorted(problems, key=lambda one: one.offset)),
    )


_HIGH: Final = bytes(range(128, 256))


def _first_bare_lf(raw: bytes) -> int:
    at = raw.find(b"\n")
    while at > 0 and raw[at - 1] == 13:
        at = raw.find(b"\n", at + 1)
    return at


def _required(message: Message) -> Iterator[Defect]:
    """RFC 5322 section 3.6: Date and From once, the others at most once."""
    header = message.header
    for name in ("date", "from"):
        if name not in header:
            yield Defect(f"missing_{name}", message.span.start)
    for name in _ONCE:
        for field in header.all(name)[1:2]:
            yield Defect("duplicate_field", field.offset, field.raw[:80])
    if len(header.from_.mailboxes) > 1 and "sender" not in header:
        yield Defect("missing_sender", header["from"].offset, header["from"].raw[:80])

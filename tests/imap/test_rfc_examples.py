"""The sessions that the RFCs show, read and written.

`examples/rfc*.txt` has their protocol lines: `C:` and `S:` as in the RFC, lines that are wrapped
there joined, `# 6.1.1` the section. After a line that announces a literal come its lines; `...`
stands for octets that the RFC leaves out, `+` for `+ `, `;` begins a remark. Lines that an RFC
abbreviates (`* 4 FETCH (...)`) are not there. Where it differs from its own grammar, `WRONG` says
how.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from mailproto import imap
from mailproto.imap import (
    UnknownCommand,
    UnknownData,
    Unparsed,
    encode,
    parse_command,
    parse_response,
)

EXAMPLES = Path(__file__).parent / "examples"


@attrs.frozen
class Line:
    """One command or response: `octets` with its literals and line ends."""

    rfc: str
    section: str
    side: str
    octets: bytes

    @property
    def command(self) -> bool:
        return self.side == "C"


_ANNOUNCED = re.compile(rb"~?\{([0-9]+)\+?\}$")


def load(name: str) -> list[Line]:
    """What is in one file. Answers to AUTHENTICATE are left out: they are base64."""
    found: list[Line] = []
    section = ""
    open_: dict[str, list[bytes]] = {"C": [], "S": []}
    left = {"C": 0, "S": 0}
    exchange = False
    for line in (EXAMPLES / f"{name}.txt").read_bytes().split(b"\n")[:-1]:
        if line[:1] == b";":
            continue
        if line[:1] == b"#":
            assert left == {"C": 0, "S": 0}, (name, section)
            section = line[2:].decode()
            continue
        side, text = line[:1].decode(), line[3:]
        pieces = open_[side]
        if left[side]:
            if text == b"...":
                text = b"x" * left[side]
                left[side] = 0
                pieces.append(text)
                continue
            assert len(text) + 2 <= left[side] or len(text) >= left[side], (name, section, line)
            inside = min(len(text) + 2, left[side])
            left[side] -= inside
            pieces.append(text + b"\r\n" if inside > len(text) else text[:inside])
            if inside > len(text):
                continue
            text = text[inside:]
        if side == "C" and exchange:
            assert re.fullmatch(rb"[A-Za-z0-9+/]*=*", text), line
            continue
        pieces.append((b"+ " if text == b"+" else text) + b"\r\n")
        announced = _ANNOUNCED.search(text)
        if announced and int(announced[1]):
            left[side] = int(announced[1])
            continue
        octets = b"".join(pieces)
        pieces.clear()
        if side == "C" and b"AUTHENTICATE" in octets.upper():
            exchange = True
        elif side == "S" and octets[:1] not in b"*+":
            exchange = False
        found.append(Line(name, section, side, octets))
    assert left == {"C": 0, "S": 0}, (name, section)
    return found


def inside(value: Any) -> list[Any]:
    """A value and all that it is made of."""
    found = [value]
    for one in found:
        if isinstance(one, imap.FetchData):
            found += one.items
        elif isinstance(one, tuple):
            found += one
        elif attrs.has(type(one)):
            found += (getattr(one, field.name) for field in attrs.fields(type(one)))
    return found


def written(value: Any, **how: Any) -> bytes:
    fragments: Any = encode(value, **how)
    return b"".join(fragment.octets for fragment in fragments)


@attrs.frozen
class Wrong:
    """A line of an example that is not in the grammar."""

    names: str
    """The RFCs that have it."""
    line: bytes
    """The start of it."""
    outcome: str
    """The code of the defect that it is read with; or "refused" (a command), "unknown"."""
    why: str


NO_TEXT = "resp-text: a space follows the bracket, and in RFC 3501 a text as well"
_WIDE = "one space separates words"
_PARENTHESES = "the parentheses do not match"
_NO_OK = "there is neither OK nor NO nor BAD"
_CONFUSED = "the RFC shows how other servers and clients go wrong, or uses a shorthand"
WRONG = (
    *(
        Wrong(names, line, "no_text", NO_TEXT)
        for names, line in (
            ("2177 9051", b"* OK [UIDVALIDITY 1]"),
            ("9051", b"* OK [UIDNEXT 1]"),
            ("9051", b"e NO [CONTACTADMIN]"),
            ("5530", b"e OK [CONTACTADMIN]"),
            ("2193", b"* OK [UIDVALIDITY 123456789]"),
            ("4978", b"* OK [CAPABILITY IMAP4REV1 STARTTLS COMPRESS=DEFLATE]"),
            ("5257", rb"* OK [PERMANENTFLAGS (\Answered \Flagged \Draft \Deleted \Seen \*)]"),
            ("5257", b"* OK [UNSEEN 10268]"),
            ("5257", b"* OK [UIDVALIDITY 890061587]"),
            ("5257", b"* OK [UIDNEXT 34643]"),
            ("5257", b"* OK [ANNOTATIONS 20480 NOPRIVATE]"),
            ("5465", b"* OK [CAPABILITY IMAP4REV1 NOTIFY]"),
            ("5465", b"a00 OK"),
            ("6851 9051", b"* OK [COPYUID 432432 42:69 1202:1229]"),
            ("7162", b"* OK [HIGHESTMODSEQ 715194045007]"),
            ("7162", b"* OK [HIGHESTMODSEQ 12111230047]"),
            ("7162", b"* OK [CLOSED]"),
            ("7162", b"a107 OK"),
            ("7162", b"b107 OK"),
        )
    ),
    Wrong("2342 9051", b'* NAMESPACE (("INBOX." ".")) NIL  NIL', "extra_space", _WIDE),
    Wrong("5819 7889 9051", b'* LIST () "."  "INBOX"', "extra_space", _WIDE),
    Wrong("5819 9051", rb'* LIST (\Subscribed) "."  "INBOX"', "extra_space", _WIDE),
    Wrong("9394", b"101 UID FETCH 25900:26600 (UID FLAGS )", "refused", _WIDE),
    Wrong("9394", rb"* 12888 FETCH (FLAGS (\Flagged \Answered )", "extra_space", _WIDE),
    Wrong("2683", rb"* 3 FETCH (FLAGS(\Seen) BODY[1]<0>", "missing_space", _WIDE),
    Wrong("5255", b'* NAMESPACE (("" "/"))((', "missing_space", _WIDE),
    Wrong("5819", b'A02 LIST (SUBSCRIBED RECURSIVEMATCH)"" %', "refused", _WIDE),
    Wrong("4314", rb"* 1 FETCH (FLAGS (\Draft \Deleted)", "missing_parenthesis", _PARENTHESES),
    Wrong("4314", rb"* 2 FETCH (FLAGS (\Answered)", "missing_parenthesis", _PARENTHESES),
    Wrong("4314", rb"* 3 FETCH (FLAGS ($Forwarded \Seen)", "missing_parenthesis", _PARENTHESES),
    Wrong("5257", rb"* 1 FETCH (FLAGS (\Seen)) ANNOTATION", "extra_parenthesis", _PARENTHESES),
    Wrong("2193", b"* OK [PERMANENTFLAGS (Answered Deleted Seen ]", "unknown", _PARENTHESES),
    Wrong("5465", b'* ESEARCH (TAG "a00") (COUNT 17)', "unknown", "no list: search-return-data"),
    Wrong("5464", b'a GETMETADATA "INBOX" /private/comment /sh', "refused", "two are a list"),
    Wrong("5465", b"b notify set status (selected MessageNew", "refused", "events are a list"),
    Wrong("5465", b"e notify set (selected MessageNew", "refused", "events are a list"),
    Wrong(
        "5182 9051",
        b"B283 NO [BADCHARSET UTF-8]",
        "missing_parenthesis",
        "charsets are a list (RFC 9051 section 9)",
    ),
    Wrong("9051", rb'* LIST (\Marked) ":" Tables (', "missing_parenthesis", "tagged-ext-val"),
    Wrong("4314", b"a005 Listrights successful", "not_a_response", _NO_OK),
    Wrong("4314", b"A006 Select Completed", "not_a_response", _NO_OK),
    Wrong("5465", b"d STATUS completed", "not_a_response", _NO_OK),
    Wrong("5032", b"a1 * SEARCH 4 8 15", "not_a_response", "an untagged response has no tag"),
    Wrong("5465", b"* EXISTS 93", "unknown", "the number stands before EXISTS"),
    Wrong("5267", b"B01 SORT RETURN (UPDATE) FLAGGED", "refused", "no criteria and no charset"),
    Wrong("5267", b"B02 UID SORT RETURN (UPDATE COUNT) UTF-8", "refused", "no criteria"),
    Wrong("6237 7377", b"tag1 UID ESEARCH", "refused", "section 5 has ESEARCH without UID only"),
    Wrong("9051", b"* OK [UIDVALIDITY 9877410381]", "large_number", "an nz-number has 32 bits"),
    Wrong("2683", b'* LIST () "" INBOX', "empty_delimiter", _CONFUSED),
    Wrong("2683", b"001 FETCH 1 UID FLAGS INTERNALDATE", "refused", _CONFUSED),
    Wrong("2683", b"002 FETCH 2 UID FLAGS INTERNALDATE", "refused", _CONFUSED),
    Wrong("3501 9051", b"A442 XPIG-LATIN", "unknown", "an extension that nobody knows"),
    Wrong("3501 9051", b"* XPIG-LATIN", "unknown", "an extension that nobody knows"),
)


def read(line: Line) -> Any:
    return parse_command(line.octets) if line.command else parse_response(line.octets)


def outcome(line: Line) -> str:
    """What is wrong with a line: an `outcome` of `Wrong`, or "" if it is understood as it is."""
    try:
        value = read(line)
    except imap.SyntaxRefused:
        return "refused"
    if any(isinstance(one, (UnknownCommand, UnknownData, Unparsed)) for one in inside(value)):
        return "unknown"
    return " ".join(dict.fromkeys(defect.code for defect in value.defects))


NAMES = sorted(path.stem for path in EXAMPLES.glob("*.txt"))


by_rfc = pytest.mark.parametrize("name", NAMES)


@by_rfc
def test_every_line_is_understood(name: str) -> None:
    wrong = [one for one in WRONG if name[3:] in one.names.split()]
    found: list[tuple[Line, str]] = []
    for line in load(name):
        expected = [one.outcome for one in wrong if line.octets.startswith(one.line)]
        if [outcome(line)] != (expected or [""]):
            found.append((line, outcome(line)))
    assert found == []


@by_rfc
def test_every_wrong_line_is_there(name: str) -> None:
    lines = load(name)
    for one in WRONG:
        if name[3:] in one.names.split():
            assert any(line.octets.startswith(one.line) for line in lines), one


@by_rfc
def test_what_was_read_is_written_and_read_again(name: str) -> None:
    for line in load(name):
        if outcome(line) in ("refused", "unknown", "not_a_response", "large_number"):
            continue
        value = read(line)
        if not line.command:
            assert parse_response(written(value)) == value
            continue
        tag = getattr(value, "tag", "")  # DONE has none
        again = parse_command(written(value, tag=tag))
        assert again == value
        assert getattr(again, "tag", "") == tag

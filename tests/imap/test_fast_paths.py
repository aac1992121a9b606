"""What is written as usual is read by one pattern, all else by the tolerant reader: both agree.

Each line here is read with the patterns and without them, and so is each line that differs from it
in one octet: values and defects are the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

from mailproto import imap
from mailproto.imap import _fetch, _mutf7, _parsers, _response_syntax, _structures

NEVER = re.compile(rb"(?!)")
PATTERNS = [
    (_fetch, "_USUAL_ITEM"),
    (_response_syntax, "_FETCH"),
    (_response_syntax, "_USUAL_LIST"),
    (_structures, "_USUAL_ENVELOPE"),
    (_structures, "_USUAL_ADDRESS"),
    (_structures, "_USUAL_PART"),
]
ADDRESS = b'("Anna \\"B\\"" NIL "anna" "example.org")'
ANNA = b'("Anna B" NIL "anna" "a.org")'
PLAIN = b'("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 12 1 NIL NIL NIL NIL)'
FIRST = (
    b"* 1 FETCH (UID 7 FLAGS (\\Seen $Junk) RFC822.SIZE 44 "
    b'INTERNALDATE " 1-Jul-2026 02:44:25 -0700" MODSEQ (9))\r\n'
)
LINES = [
    FIRST,
    b"* 4294967295 FETCH (FLAGS () UID 4294967295)\r\n",
    b"* 999999999 UIDFETCH (MODSEQ (18446744073709551615) UID 7)\r\n",
    b'* 2 FETCH (UID 0 INTERNALDATE "31-Feb-2026 02:44:25 +0000" RFC822.SIZE 007)\r\n',
    b"* 2 FETCH (UID 7 UID 8 FLAGS (\\SEEN) FLAGS (a NIL) EMAILID (M1) UID 9)\r\n",
    b"* 2 FETCH (UID 7 )\r\n",
    b"* 2 FETCH ()\r\n",
    b'* 3 FETCH (UID 1 ENVELOPE ("1 Jan" "a \\"b\\" \\\\" (' + ANNA + b") (" + ANNA + b"(NIL NIL "
    b'"x" "y")) NIL ((NIL NIL "g" NIL)(NIL NIL NIL NIL)) NIL NIL NIL "<1@a>"))\r\n',
    b'* 3 FETCH (ENVELOPE (NIL "" ('
    + ANNA
    + b") ("
    + ANNA
    + b') NIL NIL NIL NIL NIL "") UID 1)\r\n',
    b"* 3 FETCH (ENVELOPE (NIL NIL (" + ADDRESS + b") NIL NIL NIL NIL NIL NIL NIL))\r\n",
    b"* 4 FETCH (BODYSTRUCTURE " + PLAIN + b" UID 3)\r\n",
    b'* 4 FETCH (BODY ("TEXT" "HTML" NIL NIL NIL "BASE64" 12 1))\r\n',
    b"* 4 FETCH (UID 1 BODYSTRUCTURE ((" + PLAIN + b'("Image" "PNG" ("Name" "A" "x" "") "<i>" "d" '
    b'"base64" 900 "md5" ("Inline" ("filename" "a.png" "size" "1")) "en" "loc") "Related" '
    b'("boundary" "x") NIL NIL NIL)("application" "pdf" NIL NIL NIL "base64" 4 NIL ("attachment" '
    b'NIL)) "MIXED"))\r\n',
    b'* 4 FETCH (BODYSTRUCTURE ("message" "rfc822" NIL NIL NIL "7bit" 4 ("d" "s" NIL NIL NIL NIL '
    b"NIL NIL NIL NIL) " + PLAIN + b" 7 NIL NIL NIL NIL))\r\n",
    b'* 4 FETCH (BODYSTRUCTURE ("application" "x" NIL NIL NIL "7bit" 4 5 NIL NIL))\r\n',
    b'* 4 FETCH (BODYSTRUCTURE ("multipart" "mixed" NIL NIL NIL "7bit" 4))\r\n',
]
LISTS = [
    b'* LIST (\\HasNoChildren \\Sent) "/" "a &APw- b"\r\n',
    b'* LSUB () "\\\\" inbox\r\n',
    b"* LIST (NIL) NIL &-&APwA5A-[1]\r\n",
    b'* LIST () "" ""\r\n',
    b"* LIST () NIL nil\r\n",
    b'* LIST (\\Marked) "/" a (CHILDINFO ("SUBSCRIBED"))\r\n',
]
OCTETS = [b"", b" ", b'"', b"(", b")", b"\\", b"0", b"x", b"\x80"]


def changed(line: bytes) -> Iterator[bytes]:
    yield line
    for at in range(2, len(line) - 2):
        for octet in OCTETS:
            yield line[:at] + octet + line[at + 1 :]
        yield line[:at] + line[at : at + 1] * 2 + line[at + 1 :]


def read(line: bytes, **options: Any) -> Any:
    """What a parser gives: it knows that there are no literals in most lines."""
    parser = imap.ResponseParser(**options)
    parser.receive_data(line + b"* BYE\r\n")
    found: Any = parser.next()
    return found, found.defects


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Takes the patterns away."""

    def take() -> None:
        for module, name in PATTERNS:
            monkeypatch.setattr(module, name, NEVER)
        monkeypatch.setattr(_fetch, "_recent", [NEVER])

    return take


@pytest.mark.parametrize("line", [*LINES, *LISTS])
@pytest.mark.parametrize("utf8", [False, True])
def test_fast_and_slow_agree(line: bytes, utf8: bool, slowly: Callable[[], None]) -> None:
    lines = list(changed(line))
    fast = [read(one, utf8=utf8) for one in lines]
    slowly()
    for one, found in zip(lines, fast, strict=True):
        assert read(one, utf8=utf8) == found, one


@pytest.mark.parametrize("depth", range(5))
def test_limits_hold_on_both(depth: int, slowly: Callable[[], None]) -> None:
    """Levels of parts, and entries of a list."""
    lines = [
        b"* 4 FETCH (BODYSTRUCTURE " + b"(" * n + PLAIN + b' "mixed")' * n + b")\r\n"
        for n in range(5)
    ]
    limits = imap.Limits(depth=depth, items=depth)
    fast = [read(line, limits=limits) for line in lines]
    slowly()
    assert fast == [read(line, limits=limits) for line in lines]


def test_limits_of_a_list_hold_on_both(slowly: Callable[[], None]) -> None:
    found = [read(line, limits=imap.Limits(items=n)) for line in LISTS for n in range(3)]
    slowly()
    assert found == [read(line, limits=imap.Limits(items=n)) for line in LISTS for n in range(3)]


SECTIONS = [
    b"* 7 FETCH (UID 1001 BODY[] {10}\r\n",
    b"* 7 UIDFETCH (BODY[1.2.MIME]<12> {10}\r\n",
    b"* 7 FETCH (BODY[HEADER.FIELDS (To)] {10}\r\n",
    b"* 7 FETCH (BODY[0] {010+}\r\n",
    b"* 7 FETCH (BODY[TEXT]<0> {5}\r\n",
]


def events(octets: bytes) -> list[Any]:
    parser = imap.ResponseParser(imap.Limits(stream=5, chunk=4))
    parser.receive_data(octets)
    found: list[Any] = []
    while (event := parser.next()) is not None:
        found += (event, getattr(event, "defects", None))
    return [*found, parser.open]


@pytest.mark.parametrize("line", SECTIONS)
def test_sections_pass_through_alike(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a message is handed on in pieces, and as what, does not depend on the pattern."""
    rest = b"0123456789 FLAGS (a))\r\n)\r\n* BYE\r\n"
    lines = [one + rest[at:] for one in changed(line) for at in (0, 5)]
    fast = list(map(events, lines))
    monkeypatch.setattr(_parsers, "_USUAL_SECTION", NEVER)
    for one, found in zip(lines, fast, strict=True):
        assert events(one) == found, one


SHIFTS = [b"&", b"-", b"&-", b"&APw-", b"&APwA5A-", b"&ACY-", b"&AGE-", b"a", b"&2AHcAA-", b"&AA0-"]


def test_names_are_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 3501 section 5.1.3: with shifts in any order, and such as must not be."""
    names = [b"".join(pieces) for n in (1, 2, 3) for pieces in product(SHIFTS, repeat=n)]
    fast = list(map(imap.decode_name, names))
    monkeypatch.setattr(_mutf7, "_LONG", 0)
    assert fast == list(map(imap.decode_name, names))
    assert {type(name) for name in fast} == {str, bytes}


def test_items_are_read_as_far_as_they_are_asked_for() -> None:
    """A `FetchData` looks the same whichever of its values was asked for first."""
    for line in LINES:
        whole = imap.parse_response(line)
        assert isinstance(whole, imap.FetchData)
        expected = (whole.items, whole.defects)
        for name in ("uid", "flags", "size", "internaldate", "envelope", "bodystructure"):
            found = imap.parse_response(line)
            assert isinstance(found, imap.FetchData)
            assert getattr(found, name) == getattr(whole, name)
            assert (found.items, found.defects) == expected


def test_an_order_of_items_that_changes_is_no_matter() -> None:
    one, other = LINES[0], b"* 1 FETCH (RFC822.SIZE 4 FLAGS () UID 7)\r\n"
    first = [read(one), read(other)]
    assert [read(line) for line in (other, one, one, other)] == [
        first[1],
        first[0],
        first[0],
        first[1],
    ]

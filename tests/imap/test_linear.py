"""Law 8 for IMAP: what peers may write costs what its size says, at 1x, 4x and 16x.

Work is counted (see `tests.message.counting`). What is nested, or comes tens of thousands of times,
ends in a value or in a clean refusal, with limits and without.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from mailproto import LimitExceeded, Limits, imap
from tests.message.counting import assert_linear

UNLIMITED = Limits(command=None, response=None, items=None, depth=None, stream=None)
STREAMING = Limits(command=None, response=None, items=None, depth=None, stream=0)

FETCH, END = b"* 1 FETCH (", b")\r\n"
LEAF = b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1)'
MESSAGE = b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 1 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) '
ADDRESS = b'("a" NIL "b" "c")'
NILS = b" NIL NIL NIL NIL NIL NIL NIL"

RESPONSES: dict[str, Callable[[int], bytes]] = {
    # levels
    "parentheses in FETCH": lambda n: FETCH + b"X " + b"(" * n + b")" * n + END,
    "parentheses in FETCH, open": lambda n: FETCH + b"X " + b"(" * n + b"\r\n",
    "parentheses in FETCH, closed": lambda n: FETCH + b"X " + b")" * n + b"\r\n",
    "parentheses before an item": lambda n: FETCH + b"(" * n + b"UID 1" + END,
    "multiparts": lambda n: FETCH + b"BODY " + b"(" * n + LEAF + b' "MIXED")' * n + END,
    "multiparts, open": lambda n: FETCH + b"BODYSTRUCTURE " + b"(" * n + LEAF + END,
    "messages in messages": lambda n: FETCH + b"BODY " + MESSAGE * n + LEAF + b" 1)" * n + END,
    "multiparts without parts": lambda n: FETCH + b"BODY " + b'("MIXED" ' * n + b")" * n + END,
    "parts of nearly a type": lambda n: FETCH + b"BODY " + b"(" + b'("MIXED" NIL NIL)' * n + END,
    "levels of extension": lambda n: (
        FETCH
        + b"BODYSTRUCTURE "
        + LEAF[:-1]
        + b" NIL NIL NIL NIL "
        + b"(" * n
        + b")" * n
        + b")"
        + END
    ),
    "threads": lambda n: b"* THREAD " + b"(1 " * n + b"(2)(3)" + b")" * n + b"\r\n",
    "threads, open": lambda n: b"* THREAD " + b"(1 " * n + b"\r\n",
    "branches": lambda n: b"* THREAD (1 " + b"(2)" * n + b")\r\n",
    "levels of LIST": lambda n: b'* LIST () "/" a (X ' + b"(" * n + b")" * n + b")\r\n",
    "levels of ESEARCH": lambda n: b"* ESEARCH X " + b"(" * n + b")" * n + b"\r\n",
    "levels of STATUS": lambda n: b"* STATUS a (X " + b"(" * n + b")" * n + b")\r\n",
    "brackets in a code": lambda n: b"* OK [X " + b"[" * n + b"]" * n + b"] x\r\n",
    "brackets in a code, open": lambda n: b"* OK [X " + b"[" * n + b" x\r\n",
    "brackets behind brackets": lambda n: b"* OK [COPYUID " + b"]a" * n + b" x\r\n",
    # lengths
    "an atom": lambda n: FETCH + b"X " + b"a" * n + END,
    "a quoted string": lambda n: FETCH + b'PREVIEW "' + b"a" * n + b'"' + END,
    "escapes": lambda n: FETCH + b'PREVIEW "' + b"\\\\" * n + b'"' + END,
    "escapes of nothing": lambda n: FETCH + b'PREVIEW "' + b"\\a" * n + b'"' + END,
    "a number": lambda n: FETCH + b"UID " + b"1" * n + END,
    "a text": lambda n: b"* OK " + b"a " * n + b"\r\n",
    "a tag": lambda n: b"A" * n + b" OK x\r\n",
    "a name": lambda n: b"* LIST () NIL " + b"&AOk-" * n + b"\r\n",
    "a name that does not decode": lambda n: b"* LIST () NIL " + b"&" * n + b"\r\n",
    "a name without quotes": lambda n: b"* LIST () NIL " + b'a "' * n + b"\r\n",
    "a status without quotes": lambda n: b"* STATUS " + b"a (" * n + b"\r\n",
    "NUL before a response": lambda n: b"\0" * n + b"* OK x\r\n",
    "a sequence set": lambda n: b"* VANISHED " + b"1:2," * n + b"3\r\n",
    # quotes
    "quotes": lambda n: FETCH + b"ENVELOPE (" + b'"' * n + END,
    "strings that do not end": lambda n: FETCH + b"ENVELOPE (" + b'"a ' * n + END,
    "strings that end too late": lambda n: FETCH + b"ENVELOPE (" + b'"a"b ' * n + END,
    "quotes in quotes": lambda n: FETCH + b'PREVIEW "' + b'"a' * n + b'"' + END,
    "strings before what may be a literal": lambda n: b"* X " + b'"a ' * n + b"{1}\r\na\r\n",
    "braces": lambda n: b"* X " + b"{1}" * n + b"\r\n",
    "openings before what may be a literal": lambda n: b"* X " + b' "' * n + b"{1}\r\na\r\n",
    # many
    "flags": lambda n: b"* FLAGS (" + b"a " * n + b"a)\r\n",
    "flags in FETCH": lambda n: FETCH + b"FLAGS (" + b"\\Seen " * n + b"a)" + END,
    "odd flags": lambda n: b"* FLAGS (" + b"a] " * n + b"a)\r\n",
    "spaces": lambda n: b"* FLAGS (" + b"  a" * n + b")\r\n",
    "spaces alone": lambda n: FETCH + b" " * n + b"UID 1" + END,
    "labels": lambda n: FETCH + b"X-GM-LABELS (" + b'"\\\\Inbox" a ' * n + b"a)" + END,
    "addresses": lambda n: FETCH + b"ENVELOPE (NIL NIL (" + ADDRESS * n + b")" + NILS + b")" + END,
    "odd addresses": lambda n: (
        FETCH + b"ENVELOPE (NIL NIL (" + b"(a b c) " * n + b")" + NILS + b")" + END
    ),
    "fields of an address": lambda n: (
        FETCH + b"ENVELOPE (NIL NIL ((" + b"a " * n + b"a))" + NILS + b")" + END
    ),
    "fields of an envelope": lambda n: FETCH + b"ENVELOPE (NIL NIL" + b" NIL" * n + b")" + END,
    "parameters": lambda n: (
        FETCH + b'BODY ("A" "B" (' + b'"a" "b" ' * n + b'"c" "d") NIL NIL "7BIT" 1)' + END
    ),
    "parts": lambda n: FETCH + b"BODY (" + LEAF * n + b' "MIXED")' + END,
    "unknown fields": lambda n: FETCH + b"BODY " + LEAF[:-1] + b" 5" * n + b")" + END,
    "items": lambda n: FETCH + b"UID 1 " * n + b"UID 1" + END,
    "items that cannot be read": lambda n: FETCH + b"UID x " * n + b"UID 1" + END,
    "values that are missing": lambda n: FETCH + b"BODY[] " * n + b"UID 1" + END,
    "parts asked for": lambda n: FETCH + b"BODY[" + b"1." * n + b"1] NIL" + END,
    "field names": lambda n: FETCH + b"BODY[HEADER.FIELDS (" + b"a " * n + b"a)] NIL" + END,
    "extra parentheses": lambda n: FETCH + b"UID 1" + b")" * n + b"\r\n",
    "capabilities": lambda n: b"* CAPABILITY " + b"A " * n + b"+\r\n",
    "numbers": lambda n: b"* SEARCH" + b" 1" * n + b"\r\n",
    "odd numbers": lambda n: b"* SEARCH" + b" 0" * n + b"\r\n",
    "quota": lambda n: b"* QUOTA a (" + b"X 1 2 " * n + b"X 1 2)\r\n",
    "rights": lambda n: b"* ACL a" + b" b c" * n + b"\r\n",
    "namespaces": lambda n: b"* NAMESPACE (" + b'("" "/")' * n + b") NIL NIL\r\n",
    "code arguments": lambda n: b"* NO [BADCHARSET (" + b"a " * n + b"a)] x\r\n",
    # literals
    "literals": lambda n: b"* X" + b" {1}\r\na" * n + b"\r\n",
    "literals of nothing": lambda n: b"* X" + b" {0}\r\n" * n + b"\r\n",
    "literals in FETCH": lambda n: FETCH + b"BODY[] {1}\r\na " * n + b"UID 1" + END,
    "literals in a list": lambda n: FETCH + b"X (" + b"{1}\r\na " * n + b"a)" + END,
    "line ends behind a literal": lambda n: FETCH + b"X ({1}\r\na" + b"\r\n" * n + b")" + END,
    "line ends behind literals": lambda n: FETCH + b"X (" + b"{1}\r\na\r\n " * n + b")" + END,
    "responses": lambda n: b"* OK x\r\n" * n,
    "empty lines": lambda n: b"\n" * n,
}

LOGIN = b"A LOGIN"
SEARCH = b"A SEARCH "
COMMANDS: dict[str, Callable[[int], bytes]] = {
    "AND": lambda n: SEARCH + b"(" * n + b"ALL" + b")" * n + b"\r\n",
    "AND, open": lambda n: SEARCH + b"(" * n + b"\r\n",
    "NOT": lambda n: SEARCH + b"NOT " * n + b"ALL\r\n",
    "OR": lambda n: SEARCH + b"OR ALL " * n + b"ALL\r\n",
    "OR first": lambda n: SEARCH + b"OR " * n + b"ALL" + b" ALL" * n + b"\r\n",
    "FUZZY": lambda n: b"A THREAD REFS x " + b"FUZZY " * n + b"ALL\r\n",
    "keys": lambda n: SEARCH + b"ALL " * n + b"ALL\r\n",
    "options": lambda n: b"A LIST (X " + b"(" * n + b")" * n + b') "" *\r\n',
    "options, open": lambda n: b"A SELECT a (X " + b"(" * n + b"\r\n",
    "options in options": lambda n: b"A FETCH 1 UID (X " + b"(" * n + b")" * n + b")\r\n",
    "many options": lambda n: b"A SELECT a (" + b"X " * n + b"X)\r\n",
    "an atom": lambda n: b"A LOGIN " + b"a" * n + b" b\r\n",
    "a quoted string": lambda n: b'A LOGIN "' + b"a" * n + b'" b\r\n',
    "escapes": lambda n: b'A LOGIN "' + b"\\\\" * n + b'" b\r\n',
    "a verb": lambda n: b"A " + b"X" * n + b" b\r\n",
    "a tag": lambda n: b"A" * n + b" NOOP\r\n",
    "a set": lambda n: b"A FETCH " + b"1:2," * n + b"3 UID\r\n",
    "a set that is none": lambda n: b"A FETCH " + b"1:2," * n + b" UID\r\n",
    "quotes": lambda n: LOGIN + b' "' * n + b"\r\n",
    "strings that do not end": lambda n: LOGIN + b' "a' * n + b" {1+}\r\n\r\n",
    "braces": lambda n: LOGIN + b" {1+}" * n + b"\r\n",
    "items": lambda n: b"A FETCH 1 (" + b"UID " * n + b"UID)\r\n",
    "flags": lambda n: b"A STORE 1 FLAGS (" + b"\\Seen " * n + b"a)\r\n",
    "flags without parentheses": lambda n: b"A STORE 1 FLAGS" + b" a" * n + b"\r\n",
    "patterns": lambda n: b'A LIST "" (' + b"* " * n + b"*)\r\n",
    "entries": lambda n: b"A GETMETADATA a (" + b"/a " * n + b"/a)\r\n",
    "entries that might be options": lambda n: b"A GETMETADATA a (" + b"A " * n + b"A) x\r\n",
    "groups": lambda n: b"A NOTIFY SET" + b" (SELECTED NONE)" * n + b"\r\n",
    "messages": lambda n: b"A APPEND a" + b" {1+}\r\na" * n + b"\r\n",
    "pieces": lambda n: b"A APPEND a CATENATE (" + b"TEXT {1+}\r\na " * n + b"URL x)\r\n",
    "literals": lambda n: b"A ID (" + b"{1+}\r\na NIL " * n + b"a a)\r\n",
    "literals of nothing": lambda n: b"A X" + b" {0+}\r\n" * n + b"\r\n",
    "literals that wait": lambda n: b"A ID (" + b"{1}\r\na NIL " * n + b"a a)\r\n",
    "commands": lambda n: b"A NOOP\r\n" * n,
    "empty lines": lambda n: b"\r\n" * n,
    "line feeds": lambda n: b"\n" * n + b"\r\n",
}


def look(item: Any) -> None:
    """Only that all of it is read."""
    getattr(item, "items", None)


def look_through(item: Any) -> None:
    """Whatever goes through all of a value."""
    repr(item)
    hash(item)
    assert item == pickle.loads(pickle.dumps(item))


def reading(
    kind: Any, limits: Limits, size: int | None = None, then: Callable[[Any], object] = look
) -> Callable[[bytes], None]:
    """What reads octets through a parser, `size` at a time."""

    def read(octets: bytes) -> None:
        parser = kind(limits)
        step = size or len(octets)
        with contextlib.suppress(LimitExceeded):
            for at in range(0, len(octets), step):
                parser.receive_data(octets[at : at + step])
                while (item := parser.next()) is not None:
                    then(item)

    return read


# (parser, name, what makes it)
CASES = [
    *((imap.ResponseParser, name, make) for name, make in RESPONSES.items()),
    *((imap.CommandParser, name, make) for name, make in COMMANDS.items()),
]


@pytest.mark.parametrize("limits", [UNLIMITED, STREAMING], ids=["held", "in pieces"])
@pytest.mark.parametrize(("kind", "name", "make"), CASES)
def test_work_is_linear(kind: Any, name: str, make: Callable[[int], bytes], limits: Limits) -> None:
    assert_linear(make, reading(kind, limits), 100)


@pytest.mark.parametrize(("kind", "name", "make"), CASES)
def test_work_is_linear_however_it_arrives(
    kind: Any, name: str, make: Callable[[int], bytes]
) -> None:
    assert_linear(make, reading(kind, UNLIMITED, 3), 20)


@pytest.mark.parametrize(("kind", "name", "make"), CASES)
def test_tens_of_thousands_are_read_or_refused(
    kind: Any, name: str, make: Callable[[int], bytes]
) -> None:
    """No RecursionError, and no minutes: what is quadratic in C would take them."""
    octets = make(30_000)
    reading(kind, UNLIMITED)(octets)
    reading(kind, Limits(), then=look_through)(octets)


@pytest.mark.parametrize("name", ["an atom", "a quoted string", "quotes", "braces", "a name"])
def test_a_megabyte_is_read_or_refused(name: str) -> None:
    reading(imap.ResponseParser, UNLIMITED)(RESPONSES[name](2**20))


def test_a_million_literals_are_read() -> None:
    items: list[Any] = []
    reading(imap.ResponseParser, UNLIMITED, then=items.append)(
        b"* ID (" + b"{1}\r\na " * 10**6 + b"{1}\r\na {1}\r\nb)\r\n"
    )
    (data,) = items
    assert isinstance(data, imap.IdData)
    assert data.parameters is not None
    assert len(data.parameters) == 500_001


def deep(kind: str, levels: int) -> imap.Command | imap.Response:
    """A value with so many levels."""
    found: Any = ()
    if kind == "extension":
        for _ in range(levels):
            found = (found,)
        return imap.FetchData(1, [("X-OWN", found)])
    if kind == "thread":
        found = imap.ThreadNode((1,))
        for _ in range(levels):
            found = imap.ThreadNode((), (found, imap.ThreadNode((2,))))
        return imap.ThreadData((found,))
    if kind == "parts":
        leaf = imap.parse_response(FETCH + b"BODY " + LEAF + END)
        assert isinstance(leaf, imap.FetchData)
        found = leaf.bodystructure
        for _ in range(levels):
            found = imap.BodyStructure(
                *("multipart", "mixed", (), None, None, "7bit", 0, None, None, None, (), None),
                parts=(found,),
            )
        return imap.FetchData(1, [("BODYSTRUCTURE", found)])
    found = imap.Key("ALL")
    for _ in range(levels):
        found = imap.And((imap.Not(found),))
    return imap.Search((found,))


@pytest.mark.parametrize("kind", ["extension", "thread", "parts", "search"])
def test_what_is_deep_is_written(kind: str) -> None:
    def write(item: imap.Command | imap.Response) -> None:
        imap.encode(item, tag="A")

    assert_linear(lambda n: deep(kind, n), write, 100)
    write(deep(kind, 10_000))

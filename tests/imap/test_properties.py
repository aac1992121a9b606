"""What holds for all of IMAP: whatever is said, however it arrives, whoever is lying."""

from __future__ import annotations

import itertools
import pickle
import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import LimitExceeded, Limits, imap
from mailproto import strategies as mail
from mailproto.imap._lexer import announced
from tests.imap.talk import held, joined

DIALECTS = mail.imap_dialects()


# -- values ----------------------------------------------------------------------------------------


def framing(octets: bytes, *, literals: str) -> None:
    """RFC 9051 section 9: CR LF stands at the end and before a literal, NUL in a literal8."""
    at = 0
    while True:
        end = octets.index(b"\r\n", at) + 2
        line = octets[at:end]
        assert not set(line[:-2]) & {0, 10, 13}
        found = announced(line) if end < len(octets) else None
        if found is None:
            assert end == len(octets)
            return
        assert not found.odd
        assert found.sync or literals == "+" or (literals == "-" and found.size <= 4_096)
        assert found.binary or 0 not in octets[end : end + found.size]
        at = end + found.size


@given(mail.imap_commands(), mail.imap_tags(), DIALECTS)
def test_a_command_is_read_as_it_was_said(
    command: imap.Command, tag: str, dialect: imap.Dialect
) -> None:
    fragments = imap.encode(command, tag=tag, dialect=dialect)
    wire = joined(fragments)
    framing(wire, literals=dialect.literals)
    read = imap.parse_command(wire, utf8=dialect.utf8)
    assert read == held(command)
    assert type(read) is type(command)
    assert read.defects == ()
    assert getattr(read, "tag", tag) == tag
    if held(command) == command:
        assert imap.encode(read, dialect=dialect) == fragments


@given(mail.imap_responses(), DIALECTS)
def test_a_response_is_read_as_it_was_said(response: imap.Response, dialect: imap.Dialect) -> None:
    fragments = imap.encode(response, dialect=dialect)
    wire = joined(fragments)
    framing(wire, literals="")
    assert not any(one.wait for one in fragments if isinstance(one, imap.Fragment))
    read = imap.parse_response(wire, utf8=dialect.utf8)
    assert read == held(response)
    assert type(read) is type(response)
    # Text for people is UTF-8 in any dialect (RFC 5255); a name may have no text behind it.
    assert read.anomalies <= {"eight_bit", "undecodable_name"}
    if held(response) == response:
        assert imap.encode(read, dialect=dialect) == fragments


@given(mail.imap_commands(), mail.imap_tags())
def test_a_client_waits_behind_each_literal_unless_it_need_not(
    command: imap.Command, tag: str
) -> None:
    """RFC 9051 section 4.3, RFC 7888."""
    for literals in ("", "+", "-"):
        dialect: Any = imap.Dialect(literals=literals)
        fragments = imap.encode(command, tag=tag, dialect=dialect)
        for at, one in enumerate(fragments):
            if isinstance(one, imap.Fragment):
                more = at + 1 < len(fragments)
                assert one.wait == (more and re.search(rb"[0-9]\}\r\n\Z", one.octets) is not None)


@given(mail.imap_commands(imap.AuthResponse, imap.AuthCancel))
def test_an_answer_to_a_challenge_is_one_line(answer: imap.Command) -> None:
    """RFC 9051 section 6.2.2: a line of base64, or `*`."""
    (fragment,) = imap.encode(answer)
    assert isinstance(fragment, imap.Fragment)
    assert re.fullmatch(rb"(?:\*|[A-Za-z0-9+/=]*)\r\n", fragment.octets)


@given(mail.imap_responses(imap.UnknownData))
def test_what_was_not_understood_cannot_be_said(data: imap.Response) -> None:
    with pytest.raises((TypeError, ValueError)):
        imap.encode(data)


# -- streams ---------------------------------------------------------------------------------------

FAIR = Limits()
TIGHT = Limits(command=60, response=200, stream=10, chunk=7, items=5, depth=3)


def entire(item: Any) -> Any:
    """All that a parser says with an item."""
    return item, getattr(item, "defects", ())


def pulled(parser: Any, pieces: Iterable[bytes]) -> tuple[list[Any], str]:
    """What a parser makes of octets that come so, and its error. Chunks of a body are joined.

    Every third literal that it asks about is refused.
    """
    items: list[Any] = []
    asked = 0
    try:
        for piece in pieces:
            parser.receive_data(piece)
            while (item := parser.next()) is not None:
                before = items[-1][0] if items else None
                if isinstance(item, imap.BodyChunk) and isinstance(before, imap.BodyChunk):
                    items[-1] = (imap.BodyChunk(before.data + item.data), ())
                    continue
                items.append(entire(item))
                if isinstance(item, imap.LiteralWanted):
                    asked += 1
                    if asked % 3 == 0:
                        parser.refuse()
    except LimitExceeded as error:
        return items, str(error)
    return items, ""


def same_however_cut(make: Any, pieces: list[bytes], *args: Any, **kwargs: Any) -> None:
    whole = pulled(make(*args, **kwargs), [b"".join(pieces)])
    cut = pulled(make(*args, **kwargs), pieces)
    assert cut == whole
    assert repr(cut) == repr(whole)


@given(mail.imap_server_streams(), st.data())
def test_responses_do_not_depend_on_how_they_arrive(stream: bytes, data: st.DataObject) -> None:
    for limits in (FAIR, TIGHT):
        same_however_cut(imap.ResponseParser, data.draw(mail.cuts(stream)), limits)


@given(mail.imap_near_responses(), st.sampled_from([FAIR, TIGHT]), st.booleans(), st.data())
def test_near_responses_do_not_depend_on_how_they_arrive(
    octets: bytes, limits: Limits, utf8: bool, data: st.DataObject
) -> None:
    same_however_cut(imap.ResponseParser, data.draw(mail.cuts(octets)), limits, utf8=utf8)


@given(mail.imap_client_streams(), st.data())
def test_commands_do_not_depend_on_how_they_arrive(stream: bytes, data: st.DataObject) -> None:
    for limits in (FAIR, TIGHT):
        same_however_cut(imap.CommandParser, data.draw(mail.cuts(stream)), limits)


@given(mail.imap_near_commands(), st.sampled_from([FAIR, TIGHT]), st.booleans(), st.data())
def test_near_commands_do_not_depend_on_how_they_arrive(
    octets: bytes, limits: Limits, utf8: bool, data: st.DataObject
) -> None:
    same_however_cut(imap.CommandParser, data.draw(mail.cuts(octets)), limits, utf8=utf8)


SHORT: list[tuple[Any, bytes]] = [
    (imap.ResponseParser, b"* OK {3}\r\n* 1 FETCH (BODY[] {3}\r\na\r\n UID 2)\r\n+ \r\n"),
    (imap.ResponseParser, b"* 1 FETCH (X ({0}\r\n\r\n) BODY[] {12}\r\n0123456789ab)\r\n* BYE\r\n"),
    (
        imap.ResponseParser,
        b"\0* LIST () NIL {1}\na\n\r\n\n* 1 FETCH (BODY[] ~{11+}\r\n01234567890\n)\n",
    ),
    (imap.ResponseParser, b'* X "{1}\r\n* 1 FETCH (BODY[1]<0> {11}\r\n\r\n\r\n\r\n\r\n\r\n)'),
    (imap.CommandParser, b"A LOGIN {1}\r\na {0}\r\n\r\nB LOGIN {2+}\r\n\r\n x\r\nC NOOP\r\n"),
    (imap.CommandParser, b"A NOOP {1}\r\nA X {99+}\r\n\nDONE\r\nB LOGIN {9999999}\r\nC NOOP \r\n"),
    (
        imap.CommandParser,
        b"A X 23456789012345678901234567890123456789012345678901234567890\r\n\r\n",
    ),
    (
        imap.CommandParser,
        b"\0\r\r\nA SELECT ~{1+}\r\n\0\r\n\r\n{1}\r\n a\r\nB APPEND a (\\Seen) {3}\r\nab",
    ),
]


@pytest.mark.parametrize(("kind", "stream"), SHORT)
@pytest.mark.parametrize("limits", [FAIR, TIGHT], ids=["fair", "tight"])
def test_every_pair_of_cuts(kind: Any, stream: bytes, limits: Limits) -> None:
    whole = pulled(kind(limits), [stream])
    for one, two in itertools.combinations_with_replacement(range(len(stream) + 1), 2):
        pieces = [stream[:one], stream[one:two], stream[two:]]
        assert pulled(kind(limits), pieces) == whole, pieces
    assert pulled(kind(limits), [stream[at : at + 1] for at in range(len(stream))]) == whole


@given(st.lists(mail.imap_responses(), max_size=4), DIALECTS)
def test_a_parser_reads_what_was_said_one_by_one(
    responses: list[imap.Response], dialect: imap.Dialect
) -> None:
    said = [joined(imap.encode(one, dialect=dialect)) for one in responses]
    items, error = pulled(imap.ResponseParser(utf8=dialect.utf8), [b"".join(said)])
    assert error == ""
    assert items == [entire(imap.parse_response(one, utf8=dialect.utf8)) for one in said]


@given(st.lists(mail.imap_commands(), max_size=4), DIALECTS, st.sampled_from([FAIR, TIGHT]))
def test_each_command_is_answered_once(
    commands: list[imap.Command], dialect: imap.Dialect, limits: Limits
) -> None:
    """A client that waits where it must, and gives a command up that is refused."""
    parser = imap.CommandParser(limits, utf8=dialect.utf8)
    for at, command in enumerate(commands):
        fragments = imap.encode(command, tag=f"A{at}", dialect=dialect)
        answers: list[Any] = []
        for fragment in fragments:
            assert answers == []
            parser.receive_data(joined((fragment,)))
            answers = [*iter(parser.next, None)]
            if not (isinstance(fragment, imap.Fragment) and fragment.wait):
                continue
            (answer,) = answers
            if isinstance(answer, imap.BadCommand):
                break
            size = re.search(rb"([0-9]+)\}\r\n\Z", fragment.octets)
            assert size is not None
            assert answer == imap.LiteralWanted(f"A{at}", int(size[1]))
            answers = []
        (answer,) = answers
        if isinstance(answer, imap.BadCommand):
            assert limits is TIGHT
            assert answer.reply.tag == f"A{at}" or isinstance(command, imap.Done)
        else:
            assert answer == held(command)
        assert not parser.open


# -- anything at all -------------------------------------------------------------------------------


def read_through(item: Any) -> None:
    """Look at all of it: nothing that is read late may raise."""
    repr(item)
    hash(item)
    assert item == item  # noqa: PLR0124 - an __eq__ of our own
    again = pickle.loads(pickle.dumps(item))
    assert repr(again) == repr(item)
    assert isinstance(item, Exception) or entire(again) == entire(item)
    for name in dir(item):
        if not name.startswith("_"):
            getattr(item, name)
    if isinstance(item, imap.FetchData):
        assert ("UID" in item) == any(name == "UID" for name, _ in item.items)
        item.section()
        item.section("1.MIME")
        assert [*item] == [attribute for attribute, _ in item.items]
    for defect in getattr(item, "defects", ()):
        assert defect.code in imap.DEFECTS


ANYTHING = st.one_of(mail.imap_near_responses(), mail.imap_near_commands(), st.binary(max_size=99))


@given(ANYTHING, st.sampled_from([FAIR, TIGHT]), st.booleans())
def test_parsers_survive_anything(octets: bytes, limits: Limits, utf8: bool) -> None:
    for parser in (imap.ResponseParser(limits, utf8=utf8), imap.CommandParser(limits, utf8=utf8)):
        items, _ = pulled(parser, [octets])
        for item, _ in items:
            read_through(item)


@given(ANYTHING, st.sampled_from([FAIR, TIGHT]), st.booleans())
def test_a_command_is_read_or_refused(octets: bytes, limits: Limits, utf8: bool) -> None:
    for one in (octets, octets + b"\r\n"):
        try:
            command = imap.parse_command(one, utf8=utf8, limits=limits)
        except imap.SyntaxRefused as refused:
            read_through(refused)
        else:
            read_through(command)


@given(ANYTHING, st.sampled_from([FAIR, TIGHT]), st.booleans())
def test_a_response_that_is_a_line_is_read(octets: bytes, limits: Limits, utf8: bool) -> None:
    """Only octets that are not one response, whole, are refused."""
    try:
        read_through(imap.parse_response(octets, utf8=utf8, limits=limits))
    except imap.SyntaxRefused:
        raise
    except ValueError:
        assert not octets.endswith(b"\n") or b"\n" in octets[:-1]
    line = octets.replace(b"\n", b"") + b"\n"
    read_through(imap.parse_response(line, utf8=utf8, limits=limits))


_ANNOUNCED = re.compile(rb"\{[0-9]+[^}\r\n]*\}\r?\n")


@given(ANYTHING)
def test_the_next_response_is_found(octets: bytes) -> None:
    """Whatever a line says: if it announces no literal, it ends where it ends."""
    octets += b"\r\n"
    if _ANNOUNCED.search(octets):
        return
    items, error = pulled(imap.ResponseParser(), [octets + b"* 23 EXISTS\r\n"])
    assert error == ""
    assert items[-1][0] == imap.Exists(23)
    assert len(items) == octets.count(b"\n") + 1


@given(ANYTHING, st.integers(9, 60))
def test_the_next_command_is_found(octets: bytes, most: int) -> None:
    octets += b"\r\n"
    if _ANNOUNCED.search(octets):
        return
    for limits in (FAIR, Limits(command=most)):
        items, error = pulled(imap.CommandParser(limits), [octets + b"Z9 NOOP\r\n"])
        assert error == ""
        assert items[-1][0] == imap.Noop()
        assert items[-1][0].tag == "Z9"
        assert len(items) == octets.count(b"\r\n") + 1


# -- messages that pass through --------------------------------------------------------------------


def same_but_streamed(octets: bytes, limits: Limits, *, utf8: bool = False) -> None:
    """A FETCH in pieces tells what one that is held tells."""
    whole, error = pulled(imap.ResponseParser(utf8=utf8), [octets])
    pieces, other = pulled(imap.ResponseParser(limits, utf8=utf8), [octets])
    assert other == error
    left = iter(pieces)
    for held_, _ in whole:
        item: Any = next(left)[0]
        if not isinstance(item, imap.FetchStart):
            assert item == held_
            continue
        assert (item.number, item.uidfetch) == (held_.number, held_.uidfetch)
        told: list[Any] = []
        while not isinstance(item := next(left)[0], imap.FetchData):
            if isinstance(item, imap.FetchItem):
                told.append((item.attribute, item.value))
                continue
            assert isinstance(item, imap.BodyStart)
            assert item.size > (limits.stream or 0)
            start, body = item, b""
            while isinstance(item := next(left)[0], imap.BodyChunk):
                body += item.data
            assert isinstance(item, imap.BodyEnd)
            told.append((start.attribute, body))
        assert tuple(told) == held_.items
        assert item.number == held_.number
        assert [attribute for attribute, _ in item.items] == [*held_]
        for (_, value), (_, text) in zip(item.items, held_.items, strict=True):
            assert value == (text if value == text else imap.Streamed(len(text)))
        assert item.anomalies == held_.anomalies
    assert not [*left]


@given(st.lists(mail.imap_responses(imap.FetchData, imap.Exists), max_size=3), st.booleans())
def test_a_large_section_comes_in_pieces(responses: list[imap.Response], utf8: bool) -> None:
    dialect = imap.Dialect(utf8=utf8)
    octets = b"".join(joined(imap.encode(one, dialect=dialect)) for one in responses)
    same_but_streamed(octets, Limits(stream=10, chunk=7), utf8=utf8)


FETCHES = mail.imap_near_responses().map(
    lambda octets: b"* 1 FETCH (" + octets.replace(b"* 1 FETCH (", b"") + b")\r\n* 2 EXPUNGE\r\n"
)


@given(FETCHES, st.sampled_from([0, 2, 10]), st.booleans())
def test_near_messages_tell_the_same_in_pieces(octets: bytes, stream: int, utf8: bool) -> None:
    if re.search(rb"\{[0-9]{4}", octets):
        return  # what is held would be too much, or never come
    same_but_streamed(octets, Limits(stream=stream, chunk=7), utf8=utf8)

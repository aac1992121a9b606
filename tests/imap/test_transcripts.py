"""Sessions between real clients and Dovecot, read in both directions.

`sessions/*.txt` has what they said: `C:` the client, `S:` the server, a line ends with CRLF on the
wire, `+` stands for `+ `. They are cut down: commands are left out, and lines of long listings;
each line is as it was. What was compressed is compressed again.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailproto import imap
from mailproto._wire import Input
from mailproto.imap import (
    Authenticate,
    BadCommand,
    BodyChunk,
    BodyEnd,
    BodyStart,
    CommandParser,
    Compress,
    Condition,
    FetchData,
    FetchItem,
    FetchStart,
    Limits,
    LiteralWanted,
    ResponseParser,
    Streamed,
    UnknownCommand,
    UnknownData,
    Unparsed,
    encode,
    parse_command,
    parse_response,
)

SESSIONS = sorted((Path(__file__).parent / "sessions").glob("*.txt"))
every_session = pytest.mark.parametrize("path", SESSIONS, ids=[path.stem for path in SESSIONS])

MISTAKES = {"A006", "A009", "A066", "A089"}
"""The tags of what `scripted` said to be refused; Dovecot did."""


# --- What was said --------------------------------------------------------------------------------


def recorded(path: Path) -> list[tuple[str, bytes]]:
    """(side, octets): neighbouring lines of one side are one group."""
    groups: list[tuple[str, bytes]] = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        side, octets = line[:1].decode(), line[3:] + b"\r\n"
        if line == b"S: +":
            octets = b"+ \r\n"
        # What is compressed begins a group of its own.
        fresh = not groups or groups[-1][0] != side or begins_to_compress(groups[-1][1])
        if fresh:
            groups.append((side, octets))
        else:
            groups[-1] = (side, groups[-1][1] + octets)
    return groups


def begins_to_compress(octets: bytes) -> bool:
    return re.search(rb"OK Begin compression.*\r\n\Z", octets) is not None


def on_the_wire(groups: Iterable[tuple[str, bytes]]) -> Iterable[tuple[str, bytes]]:
    """The groups, compressed from where it was agreed (RFC 4978)."""
    deflate: dict[str, Any] = {}
    for side, octets in groups:
        if side in deflate:
            packed = deflate[side].compress(octets) + deflate[side].flush(zlib.Z_SYNC_FLUSH)
            yield side, packed
            continue
        yield side, octets
        if side == "S" and begins_to_compress(octets):
            deflate = {one: zlib.compressobj(wbits=-15) for one in "CS"}


# --- Those who listen -----------------------------------------------------------------------------


class Listener:
    """Hears both sides of a session, and reads what they say."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.inputs = {"C": Input(), "S": Input()}
        self.client = CommandParser()
        self.server = ResponseParser(limits)
        self.parsers: dict[str, Any] = {"C": self.client, "S": self.server}
        self.exchange: str | None = None  # the tag of an AUTHENTICATE that goes on
        self.compress: str | None = None  # the tag of a COMPRESS that is not answered
        self.literal: str | None = None  # the tag of a command that waits with a literal
        self.inflate: dict[str, Any] = {}

    def hear(self, side: str, octets: bytes) -> None:
        source = self.inputs[side]
        if side in self.inflate:
            octets = self.inflate[side].decompress(octets)
        source.feed(octets)
        while True:
            if side == "C" and self.exchange is not None:
                line = source.line(b"\r\n", 10_000)
                if line is None:
                    return
                self.heard.append((side, line))
                continue
            found = self.parsers[side].read(source)
            if found is None:
                return
            if isinstance(found, LiteralWanted):
                self.literal = found.tag
                continue
            if side == "C":
                self.literal = None
            self.heard.append((side, found))
            self.follow(found)

    def follow(self, found: Any) -> None:
        match found:
            case Authenticate():
                self.exchange = found.tag
            case Compress():
                self.compress = found.tag
            case Condition(status=status, tag=tag) if tag is not None:
                if tag == self.literal:
                    self.client.refuse()
                if tag == self.exchange:
                    self.exchange = None
                if tag == self.compress:
                    self.compress = None
                    if status == "OK":
                        self.start_inflating()
            case _:
                pass

    def start_inflating(self) -> None:
        for side, source in self.inputs.items():
            self.inflate[side] = zlib.decompressobj(-15)
            source.feed(self.inflate[side].decompress(source.take(len(source))))


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


def listened(path: Path, sizes: Iterable[int] = (), limits: Limits | None = None) -> Listener:
    """Someone who has heard a session, in pieces of these sizes if there are any."""
    listener = Listener(limits)
    sizes = tuple(sizes)
    turn = 0
    for side, octets in on_the_wire(recorded(path)):
        rest = octets
        while rest:
            size = sizes[turn % len(sizes)] if sizes else len(rest)
            turn += 1
            listener.hear(side, rest[:size])
            rest = rest[size:]
    return listener


def without_mistakes(listener: Listener) -> list[tuple[str, Any]]:
    """What was heard, without SASL and what was meant to be refused."""
    return [
        (side, found)
        for side, found in listener.heard
        if not isinstance(found, bytes)
        and getattr(found, "tag", None) not in MISTAKES
        and not (isinstance(found, BadCommand) and found.reply.tag in MISTAKES)
    ]


# --- The laws -------------------------------------------------------------------------------------


@every_session
def test_every_line_is_understood(path: Path) -> None:
    listener = listened(path)
    assert not any(map(len, listener.inputs.values()))
    assert not listener.client.open
    assert not listener.server.open
    odd = (BadCommand, UnknownCommand, UnknownData, Unparsed)
    for side, found in without_mistakes(listener):
        assert not any(isinstance(one, odd) for one in inside(found)), (side, found)
        if found != RAW_NAME:
            assert found.defects == (), (side, found)
    mistakes = {
        found.reply.tag if isinstance(found, BadCommand) else found.tag
        for _, found in listener.heard
        if isinstance(found, (BadCommand, UnknownCommand))
    }
    assert mistakes == (MISTAKES if path.stem == "scripted" else set())


RAW_NAME = imap.StatusData(
    "Entwürfe".encode(),
    (
        ("MESSAGES", 0),
        ("UIDNEXT", 1),
        ("UIDVALIDITY", 1795404988),
        ("UNSEEN", 0),
        ("HIGHESTMODSEQ", 1),
    ),
)
"""What Dovecot 2.3 tells for NOTIFY has names in UTF-8, though nothing had been agreed."""


@every_session
def test_every_line_is_written_and_read_again(path: Path) -> None:
    for side, found in without_mistakes(listened(path)):
        fragments: Any = encode(found, tag=getattr(found, "tag", None) or "")
        octets = b"".join(fragment.octets for fragment in fragments)
        again: Any = parse_command(octets) if side == "C" else parse_response(octets)
        assert again == found
        assert getattr(again, "tag", None) == getattr(found, "tag", None)


@every_session
def test_octet_by_octet(path: Path) -> None:
    assert listened(path, [1]).heard == listened(path).heard


@every_session
@settings(max_examples=10, deadline=None)
@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=30))
def test_cut_anywhere(path: Path, sizes: list[int]) -> None:
    assert listened(path, sizes).heard == listened(path).heard


@every_session
@pytest.mark.parametrize("sizes", [(), (1,), (7, 64)])
def test_sections_that_come_in_pieces_are_the_same(path: Path, sizes: tuple[int, ...]) -> None:
    """Whatever `limits.stream` is: the pieces together are what one FETCH is without it."""
    wanted = [found for side, found in listened(path).heard if side == "S"]
    found = joined(
        found for side, found in listened(path, sizes, Limits(stream=16)).heard if side == "S"
    )
    assert found == wanted


def joined(events: Iterable[Any]) -> list[Any]:
    """The responses, with the pieces of each FETCH made into one."""
    found: list[Any] = []
    items: list[tuple[Any, Any]] = []
    for event in events:
        match event:
            case FetchStart():
                items = []
            case FetchItem(attribute, value):
                items.append((attribute, value))
            case BodyStart(attribute=attribute):
                items.append((attribute, b""))
            case BodyChunk(data):
                items[-1] = (items[-1][0], items[-1][1] + data)
            case BodyEnd():
                pass
            case FetchData() if items:
                told = [
                    (name, Streamed(len(value)) if isinstance(one, Streamed) else value)
                    for (name, value), (_, one) in zip(items, event.items, strict=True)
                ]
                assert list(event.items) == told
                found.append(FetchData(event.number, items))
                items = []
            case _:
                found.append(event)
    return found


def test_the_sessions_are_of_some_size() -> None:
    heard = [listened(path).heard for path in SESSIONS]
    assert len(heard) >= 11
    assert sum(map(len, heard)) > 1000
    kinds = {type(found) for one in heard for _, found in one}
    assert len(kinds) > 60

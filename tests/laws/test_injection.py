"""Law 9: no value can put on the wire what the grammar did not put there."""

from __future__ import annotations

import contextlib
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import BodyWanted, Limits, RemoteProtocolError, Want
from mailproto._wire import BareNewlines, Input, TextDecoder, TextEncoder
from mailproto.testing import EOF, run

from .machines import CODECS, REFUSALS, ROWS, SERVERS, Codec, Row, Steps, careless

POISON = ["\r\nQUIT", "\nQUIT", "\rQUIT", "\0", "\r\n.\r\n", "\x85", "\u2028", "\r\n250 fine"]


def poisoned(value: Any, poison: str) -> list[Any]:
    """`value` with `poison` somewhere in it, once for every place where it fits."""
    if isinstance(value, str):
        return [value + poison, poison + value]
    if isinstance(value, bytes):
        return [value + poison.encode(), poison.encode() + value]
    if isinstance(value, tuple):
        return [
            (*value[:at], bad, *value[at + 1 :])
            for at, one in enumerate(value)
            for bad in poisoned(one, poison)
        ]
    if attrs.has(type(value)):
        found: list[Any] = []
        for field in attrs.fields(type(value)):
            if field.init and field.name != "defects":
                for bad in poisoned(getattr(value, field.name), poison):
                    # Some values refuse to exist.
                    with contextlib.suppress(TypeError, ValueError):
                        found.append(attrs.evolve(value, **{field.alias: bad}))
        return found
    return []


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@given(data=st.data())
def test_no_value_ends_its_line(codec: Codec, data: st.DataObject) -> None:
    value = data.draw(codec.values)
    poison = data.draw(st.sampled_from(POISON))
    for bad in poisoned(value, poison):
        try:
            wire = codec.encode(bad)
        except (*REFUSALS,):
            continue
        # It was sayable after all (octets in base64, several lines of text): then as itself.
        assert wire.count(b"\r\n") == codec.lines(bad)
        assert not set(wire.replace(b"\r\n", b"")) & {0, 10, 13}
        assert codec.parse(wire) == bad


body_pieces = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b".\r\n", b"x", b"", b"\r\n.\r\n"]),
    max_size=12,
)


@pytest.mark.parametrize("policy", [BareNewlines.NORMALIZE, BareNewlines.PRESERVE])
@given(pieces=body_pieces)
def test_a_text_ends_once(policy: BareNewlines, pieces: list[bytes]) -> None:
    """RFC 5321 section 4.1.1.4: CRLF . CRLF ends the text, and nothing else does."""
    encoder = TextEncoder(policy)
    wire = b"".join([*(encoder.feed(piece) for piece in pieces), encoder.end()])
    assert (b"\r\n" + wire).find(b"\r\n.\r\n") == len(wire) - 3
    source = Input()
    source.feed(wire)
    decoder = TextDecoder()
    read = b""
    while not decoder.ended:
        read += decoder.read(source, 65_536)
    assert len(source) == 0
    body = b"".join(pieces)
    if policy is BareNewlines.PRESERVE:
        assert read in (body, body + b"\r\n")


@pytest.mark.parametrize("row", [row for row in ROWS if row.to_body], ids=lambda row: row.name)
@given(pieces=body_pieces)
def test_a_body_cannot_end_itself(row: Row, pieces: list[bytes]) -> None:
    left = list(pieces)

    def play(machine: Any, event: object) -> None:
        if not isinstance(machine.awaiting, BodyWanted):
            careless(machine, event)
        elif event is Want.ANSWER:
            try:
                machine.send_body(left.pop(0)) if left else machine.end_body()
            except ValueError:
                machine.abort()  # a bare CR or LF was refused

    before = run(row.make(Limits()), row.to_body[:-1], careless)
    trace = run(row.make(Limits()), row.to_body, play)
    text = b"\r\n" + trace.output[len(before.output) :]
    end = text.find(b"\r\n.\r\n")
    assert end == -1 or end == len(text) - 5


@pytest.mark.parametrize("row", [row for row in ROWS if row.to_tls], ids=lambda row: row.name)
@pytest.mark.parametrize("octets", [b"\r", b"X", b"\x16\x03\x01", b"NOOP\r\n", b"220 hi\r\n"])
def test_no_plaintext_survives_into_tls(row: Row, octets: bytes) -> None:
    """RFC 3207 section 5: whatever came before the handshake must be forgotten, not read."""
    assert row.to_tls is not None
    *before, last = row.to_tls
    assert isinstance(last, bytes)
    together = run(row.make(Limits()), [*before, last + octets], row.make_play())
    assert isinstance(together.error, RemoteProtocolError)

    # The same in a second segment, while the handshake is going on.
    machine: Any = row.make(Limits())

    def stop() -> None:
        raise StopIteration

    machine.tls_established = stop
    with pytest.raises(StopIteration):
        run(machine, row.to_tls, row.make_play())
    del machine.tls_established
    machine.receive_data(octets)
    later = run(machine, [], row.make_play())
    assert isinstance(later.error, RemoteProtocolError)
    assert not later.machine.tls
    assert later.events == ()


@pytest.mark.parametrize("row", SERVERS, ids=lambda row: row.name)
def test_the_rest_of_a_line_that_is_too_long_is_no_command(row: Row) -> None:
    """Whatever it says, and wherever a read begins."""
    limits = Limits(line=60)
    for before in (b"", row.words[0]):
        for word in row.words:
            text: Steps = [before, b"?" * 70 + word + b"\r\n", EOF]
            whole = run(row.make(limits), text, row.make_play())
            cut = run(row.make(limits), text, row.make_play(), cuts=[len(before), 70])
            assert cut.differs_from(whole) is None

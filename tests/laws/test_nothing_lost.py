"""Law 4: what is read tolerantly is said to be odd, and nothing is skipped."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import BodyChunk, Limits
from mailproto.testing import assert_chunk_invariant, run

from .machines import ROWS, SERVERS, Row, careless

ODD = [(row, name) for row in ROWS for name in row.odd]


@pytest.mark.parametrize(("row", "name"), ODD, ids=lambda one: getattr(one, "name", one))
def test_a_deviation_is_on_its_event(row: Row, name: str) -> None:
    before, octets, code = row.odd[name]

    def codes(events: tuple[Any, ...]) -> list[str]:
        # A client's events carry the reply, and the reply carries the defects.
        found = [event for event in events for event in (event, getattr(event, "reply", None))]
        return [defect.code for one in found for defect in getattr(one, "defects", ())]

    clean = run(row.make(Limits()), before, row.make_play())
    trace = assert_chunk_invariant(
        lambda: row.make(Limits()), [*before, octets], make_play=row.make_play
    )
    assert codes(trace.events).count(code) == codes(clean.events).count(code) + 1
    assert trace.error is None


@pytest.mark.parametrize("row", [row for row in SERVERS if row.probe], ids=lambda row: row.name)
@given(data=st.data())
def test_every_line_gives_an_event_and_the_next_line_is_read(row: Row, data: st.DataObject) -> None:
    assert row.probe is not None
    probe, event = row.probe
    # Whatever it is, it is one line: no CR, no LF, and no known word that would open a body.
    lines = data.draw(
        st.lists(
            st.binary(max_size=30).map(lambda line: b"?" + line.translate(None, b"\r\n") + b"\r\n"),
            max_size=5,
        )
    )
    trace = run(row.make(Limits()), b"".join(lines) + probe, careless)
    assert trace.error is None
    assert len(trace.events) == len(lines) + 1
    assert trace.events[-1] == event
    shown = [getattr(one, "raw", line) for one, line in zip(trace.events, lines, strict=False)]
    assert [bytes(one) for one in shown] == lines


@pytest.mark.parametrize("row", [row for row in ROWS if row.carry], ids=lambda row: row.name)
@given(data=st.data())
def test_every_octet_of_a_body_arrives(row: Row, data: st.DataObject) -> None:
    """RFC 5321 section 4.5.2, RFC 1939 section 3: the receiver takes away the dots that the sender
    added, no more.
    """
    assert row.carry is not None
    lines = data.draw(
        st.lists(
            st.sampled_from([b"", b".", b"..", b".x", b"x."])
            | st.binary(max_size=30).map(lambda line: line.translate(None, b"\r\n\0")),
            max_size=8,
        )
    )
    body = b"".join(line + b"\r\n" for line in lines)
    cuts = data.draw(st.lists(st.integers(0, 9), max_size=40))
    trace = run(row.make(Limits(stream=0)), row.carry(body), careless, cuts=cuts)
    assert trace.error is None
    assert body == b"".join(one.data for one in trace.events if isinstance(one, BodyChunk))

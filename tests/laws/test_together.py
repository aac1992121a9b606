"""Laws 1 and 2 with both sides of a protocol: what one says is what the other hears."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import BodyChunk
from mailproto.testing import Link, script

from .machines import PAIRS, Pair

cuts = st.lists(st.integers(0, 12), max_size=200)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
@given(cuts=cuts, pipe=st.sampled_from([1, 7, 65_536]))
def test_what_is_said_is_heard(pair: Pair, cuts: list[int], pipe: int) -> None:
    link = Link(
        pair.client(),
        pair.server(),
        play_client=script(*pair.talk),
        play_server=pair.make_play(),
        cuts=cuts,
        pipe=pipe,
    )
    link.run()
    assert link.closed
    heard = [event for event in link.server.events if not isinstance(event, BodyChunk)]
    assert tuple(heard) == pair.heard


def _a_body(data: st.DataObject) -> tuple[bytes, list[bytes]]:
    """Lines that are hard on dot-stuffing, whole and in pieces."""
    lines = st.sampled_from([b"", b".", b"..", b".x", b"text", b"QUIT", b"\xff\0"])
    body = b"".join(line + b"\r\n" for line in data.draw(st.lists(lines, max_size=8)))
    pieces = []
    left = body
    while left:
        size = data.draw(st.integers(1, len(left)))
        pieces.append(left[:size])
        left = left[size:]
    return body, pieces


CARRIES = [(pair, name) for pair in PAIRS for name in pair.carries]


@pytest.mark.parametrize(("pair", "name"), CARRIES, ids=lambda one: getattr(one, "name", one))
@given(data=st.data())
def test_a_body_arrives_as_it_was(pair: Pair, name: str, data: st.DataObject) -> None:
    """Whatever the edges of the pieces on the way out, and of the reads on the way in."""
    body, pieces = _a_body(data)
    link = Link(
        pair.client(),
        pair.server(),
        play_client=script(*pair.carries[name](pieces)),
        play_server=pair.make_play(),
        cuts=data.draw(cuts),
    )
    link.run()
    assert link.closed
    chunks = [event.data for event in link.server.events if isinstance(event, BodyChunk)]
    assert b"".join(chunks) == body


BRINGS = [(pair, name) for pair in PAIRS for name in pair.brings]


@pytest.mark.parametrize(("pair", "name"), BRINGS, ids=lambda one: getattr(one, "name", one))
@given(data=st.data())
def test_a_body_comes_back_as_it_was(pair: Pair, name: str, data: st.DataObject) -> None:
    """The same for what the server has."""
    body, pieces = _a_body(data)
    talk, play_server = pair.brings[name](pieces)
    link = Link(
        pair.client(),
        pair.server(),
        play_client=script(*talk),
        play_server=play_server,
        cuts=data.draw(cuts),
    )
    link.run()
    assert link.closed
    chunks = [event.data for event in link.client.events if isinstance(event, BodyChunk)]
    assert b"".join(chunks) == body

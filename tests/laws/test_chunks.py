"""Law 1: what comes out does not depend on how the input was cut."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import BodyChunk, BodyWanted, Limits, LocalProtocolError, Want
from mailproto._machine import ServerMachine
from mailproto.testing import EOF, Play, assert_chunk_invariant, run

from .machines import CLIENTS, ROWS, SERVERS, Row, slow, yes

SESSIONS = [(row, name) for row in ROWS for name in row.sessions]
TIGHT = Limits(
    line=40,
    reply=60,
    recipients=1,
    challenges=1,
    logins=1,
    batch=2,
    chunk=8,
    window=1,
    output=64,
    drain=32,
)


@pytest.mark.parametrize(("row", "name"), SESSIONS, ids=lambda one: getattr(one, "name", one))
def test_sessions_at_every_cut(row: Row, name: str) -> None:
    assert_chunk_invariant(lambda: row.make(Limits()), row.sessions[name], make_play=row.make_play)


@pytest.mark.parametrize(("row", "name"), SESSIONS, ids=lambda one: getattr(one, "name", one))
def test_when_the_application_takes_its_time(row: Row, name: str) -> None:
    assert_chunk_invariant(
        lambda: row.make(Limits()), row.sessions[name], make_play=lambda: slow(row.make_play())
    )


@pytest.mark.parametrize(("row", "name"), SESSIONS, ids=lambda one: getattr(one, "name", one))
def test_the_verdicts_of_limits_too(row: Row, name: str) -> None:
    steps = [_may_fail(step) if callable(step) else step for step in row.sessions[name]]
    assert_chunk_invariant(lambda: row.make(TIGHT), steps, make_play=row.make_play)


def _may_fail(step: Any) -> Any:
    # A client cannot send many commands at once through an output of 64 octets.
    def act(machine: Any) -> None:
        try:
            step(machine)
        except LocalProtocolError:
            machine.abort()

    return act


def moody(mood: list[bool]) -> Play:
    """A server's application that says yes and no as drawn, now or when asked."""
    left = iter(mood)

    def play(machine: Any, event: object) -> None:
        if machine.awaiting is None or not isinstance(machine, ServerMachine):
            return
        if isinstance(machine.awaiting, BodyWanted):
            # Whatever the mood was, it is not in the middle of a message that it changes.
            if event is Want.ANSWER:
                machine.end_body() if next(left, True) else machine.abort()
            return
        if event is Want.ANSWER or next(left, True):
            if next(left, True):
                yes(machine)
            else:
                machine.reject()

    return play


@pytest.mark.parametrize("row", SERVERS, ids=lambda row: row.name)
@given(data=st.data())
def test_random_sessions(row: Row, data: st.DataObject) -> None:
    words = st.sampled_from(row.words) | st.binary(max_size=6)
    text = b"".join(data.draw(st.lists(words, max_size=12)))
    # A mood per event would shift with the number of BodyChunks: only what is awaited counts.
    mood = data.draw(st.lists(st.booleans(), max_size=12))
    cuts = data.draw(st.lists(st.integers(0, 20), max_size=30))
    limits = data.draw(st.sampled_from([Limits(), TIGHT]))
    whole = run(row.make(limits), [text, EOF], moody(mood))
    for other in (cuts, [1] * len(text)):
        trace = run(row.make(limits), [text, EOF], moody(mood), cuts=other)
        assert trace.differs_from(whole) is None


def busy(items: list[Any]) -> Play:
    """A client's application that, at each event, sends what comes next if it may.

    It answers in the event and not when asked: what has arrived by the time of `Want.ANSWER` is a
    matter of cuts, as for a body that is refused while it is being written.
    """
    left = iter(items)

    def play(machine: Any, event: object) -> None:
        if event is Want.ANSWER:
            machine.abort()
        elif isinstance(event, BodyChunk):
            return  # how many there are is a matter of cuts
        elif isinstance(machine.awaiting, BodyWanted):
            with contextlib.suppress(LocalProtocolError):
                machine.end_body()
        else:
            with contextlib.suppress(LocalProtocolError, TypeError, ValueError):
                machine.send(next(left, None))

    return play


# The toy client has no event for the server's go-ahead, so this application could not act on it.
@pytest.mark.parametrize(
    "row", [row for row in CLIENTS if "toy" not in row.name], ids=lambda row: row.name
)
@given(data=st.data())
def test_random_replies(row: Row, data: st.DataObject) -> None:
    words = st.sampled_from(row.words) | st.binary(max_size=6)
    text = row.words[0] + b"".join(data.draw(st.lists(words, max_size=12)))
    items = data.draw(st.lists(st.sampled_from(row.items), max_size=12))
    cuts = data.draw(st.lists(st.integers(0, 20), max_size=30))
    limits = data.draw(st.sampled_from([Limits(), TIGHT]))
    whole = run(row.make(limits), [text, EOF], busy(items))
    for other in (cuts, [1] * len(text)):
        trace = run(row.make(limits), [text, EOF], busy(items), cuts=other)
        assert trace.differs_from(whole) is None

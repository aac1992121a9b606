"""Law 5: whatever the peer sends and the application does, only the documented exceptions."""

from __future__ import annotations

import contextlib
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import Limits
from mailproto.testing import EOF, TIMEOUT, run

from .machines import REFUSALS, ROWS, Row, acts, careless, moments

# `run()` lets nothing through but RemoteProtocolError (as `Trace.error`), and it counts: a machine
# that asks for ever is a Livelock.

HOSTILE = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\r\r\n",
    b"\r\n.\r\n",
    b"\r\n.\n",
    b" \r\n",
    b"\xff\xfe\r\n",
    "é ü 一\r\n".encode(),
    b"\x80" * 40,
    b"9" * 40 + b"\r\n",
    b"-1\r\n",
    b"(" * 500 + b"\r\n",
    b"<" * 500 + b"\r\n",
    b'"' * 501 + b"\r\n",
    b"A" * 20_000 + b"\r\n",
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@given(data=st.data())
def test_random_octets(row: Row, data: st.DataObject) -> None:
    words = st.sampled_from(row.words + HOSTILE) | st.binary(max_size=40)
    pieces = data.draw(st.lists(words, max_size=20))
    end = data.draw(st.sampled_from([[], [EOF], [TIMEOUT]]))
    run(row.make(Limits()), [*pieces, *end], careless)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@given(data=st.data())
def test_mutated_sessions(row: Row, data: st.DataObject) -> None:
    steps = list(row.sessions[data.draw(st.sampled_from(sorted(row.sessions)))])
    texts = [number for number, step in enumerate(steps) if isinstance(step, bytes) and step]
    for number in data.draw(st.lists(st.sampled_from(texts), min_size=1, max_size=3)):
        step = steps[number]
        assert isinstance(step, bytes)
        at = data.draw(st.integers(0, len(step)))
        drop = data.draw(st.integers(0, 3))
        new = data.draw(st.sampled_from((b"", *row.words, *HOSTILE)) | st.binary(max_size=4))
        steps[number] = step[:at] + new + step[at + drop :]
    play = row.make_play()
    # The application goes on as if nothing had happened, and may be told so.
    with contextlib.suppress(*REFUSALS):
        run(row.make(Limits()), [*steps, EOF], play)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_input_in_every_state(row: Row) -> None:
    """At any moment: also octets that come when nobody asked for them."""
    words = (*row.words, *HOSTILE)
    for where, frozen in moments(row):
        for word in words:
            machine = pickle.loads(frozen)
            try:
                machine.receive_data(word)
            except REFUSALS:
                assert machine._eof, where
            run(machine, [EOF], careless)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_end_and_the_clock_in_every_state(row: Row) -> None:
    for where, frozen in moments(row):
        for act in ("receive_eof", "receive_timeout", "abort"):
            machine = pickle.loads(frozen)
            getattr(machine, act)()
            trace = run(machine, [], careless)
            if act != "receive_eof" and trace.error is None:
                assert trace.end is not None, (where, act)
            # Whatever it was, the machine keeps its word: the same answer ever after.
            again = run(machine, [], careless)
            assert (again.end, again.error, again.events) == (trace.end, trace.error, ()), where


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_act_in_every_state(row: Row) -> None:
    for where, frozen in moments(row):
        for name, act in acts(row):
            machine = pickle.loads(frozen)
            try:
                act(machine)
            except REFUSALS:
                pass
            except Exception as error:
                error.add_note(f"{name} at {where}")
                raise
            run(machine, [EOF], careless)

"""Laws 7 and 8: what a peer can make us hold, and how much work it can make."""

from __future__ import annotations

import contextlib
import pickle
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from mailproto import BodyWanted, LimitExceeded, Limits, Want, _wire
from mailproto.testing import Cuts, run

from .machines import (
    LENIENT_POP3_SERVER,
    LENIENT_SERVER,
    ROWS,
    SERVERS,
    Row,
    Step,
    Steps,
    moments,
    yes,
)

MIB = 1 << 20


def growth(act: Callable[[], object]) -> int:
    """By how many octets memory grows, at most, while `act` runs."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        act()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def feed(machine: Any, pieces: Iterable[Step]) -> None:
    """Drive a machine as lawfully as `run()` does, and keep nothing."""
    left: Iterator[Step] = iter(pieces)
    while True:
        want = machine.next_event()
        if want is Want.DATA:
            piece = next(left, None)
            if piece is None:
                return
            if callable(piece):
                piece(machine)
            else:
                machine.receive_data(piece)
        elif want is Want.SEND:
            machine.data_to_send()
        elif want is Want.CLOSE:
            return
        elif want is Want.ANSWER:
            yes(machine)


@pytest.mark.parametrize("row", [row for row in ROWS if row.stream], ids=lambda row: row.name)
def test_a_body_costs_no_memory_on_its_way_in(row: Row) -> None:
    assert row.stream is not None
    stream = row.stream
    machine = row.make(Limits())
    feed(machine, stream(MIB))
    machine = row.make(Limits())
    assert growth(lambda: feed(machine, stream(64 * MIB))) < MIB


@pytest.mark.parametrize("row", [row for row in ROWS if row.listing], ids=lambda row: row.name)
def test_a_listing_costs_no_memory(row: Row) -> None:
    assert row.listing is not None
    listing = row.listing
    machine = row.make(Limits())
    feed(machine, listing(MIB))
    machine = row.make(Limits())
    assert growth(lambda: feed(machine, listing(16 * MIB))) < MIB


@pytest.mark.parametrize("row", [row for row in ROWS if row.to_body], ids=lambda row: row.name)
def test_a_body_costs_no_memory_on_its_way_out(row: Row) -> None:
    machine = _wants_body(row)
    piece = (b"." + b"x" * 60 + b"\r\n") * 1000
    sent = 0

    def write() -> None:
        nonlocal sent
        for _ in range(500):
            machine.send_body(piece)
            while machine.next_event() is Want.SEND:
                sent += len(machine.data_to_send())

    assert growth(write) < MIB
    assert sent >= 500 * len(piece)


def _wants_body(row: Row) -> Any:
    """A machine to which a body's octets can be given now."""
    found: list[Any] = []
    play = row.make_play()

    def stop(machine: Any, event: object) -> None:
        if event is Want.ANSWER and isinstance(machine.awaiting, BodyWanted):
            found.append(machine)
            raise StopIteration
        play(machine, event)

    with contextlib.suppress(StopIteration):
        run(row.make(Limits()), row.to_body, stop)
    assert found, "to_body does not lead to a body"
    return found[0]


@pytest.mark.parametrize("octets", [b"x", b"\n", b"\r", b"2", b"\0"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_line_without_end_is_not_kept(row: Row, octets: bytes) -> None:
    """It is dropped, or refused; `limits` bounds what is held: line, reply, command, response."""
    if row in (LENIENT_SERVER, LENIENT_POP3_SERVER) and octets == b"\n":
        return  # to it, that is many lines
    block = octets * 65_536

    def flood() -> None:
        run(row.make(Limits(response=MIB)), [block] * 128)

    assert growth(flood) < 3 * MIB


@pytest.mark.parametrize(
    ("row", "name"),
    [(row, name) for row in SERVERS for name in row.hostile],
    ids=lambda one: getattr(one, "name", one),
)
def test_output_waits_within_its_limit(row: Row, name: str) -> None:
    """However much is pipelined: at the limit comes `Want.SEND`, and nothing is parsed before."""
    waiting: list[int] = []

    def measure(machine: Any) -> Any:
        waiting.append(machine._out.size)
        return machine

    machine = row.make(Limits(output=400, recipients=None))
    run(machine, row.hostile[name](300), row.make_play(), between=measure)
    assert max(waiting) < 400 + 300  # 300: the longest single answer, EHLO's


@pytest.mark.parametrize("row", SERVERS, ids=lambda row: row.name)
def test_input_that_may_not_be_read_is_bounded(row: Row) -> None:
    """For drivers that read when they were not told to: `limits.input`."""
    asked = 0
    for _, frozen in moments(row):
        machine = pickle.loads(frozen)
        if machine.awaiting is None or isinstance(machine.awaiting, BodyWanted):
            continue
        asked += 1
        for _ in range(40):
            machine.receive_data(bytes(65_536))
        assert len(machine._in) <= MIB + 65_536
        assert isinstance(run(machine, []).error, LimitExceeded)
        if asked == 20:
            break
    assert asked


# --- Work is counted, not timed -------------------------------------------------------------------


class Work:
    """Counts calls, and the octets that the buffers join or search."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.octets = 0
        join, line = _wire.Input._join, _wire.Input.line

        def counted_join(source: _wire.Input) -> None:
            self.octets += len(source)
            join(source)

        def counted_line(source: _wire.Input, *how: Any) -> bytes | None:
            held, scanned = len(source), source._scanned
            found = line(source, *how)
            self.octets += (len(found) if found is not None else held) - scanned
            return found

        monkeypatch.setattr(_wire.Input, "_join", counted_join)
        monkeypatch.setattr(_wire.Input, "line", counted_line)

    def of(self, row: Row, steps: Steps, cuts: Cuts | None) -> tuple[int, int]:
        """(calls, octets moved) of one run."""
        self.calls = self.octets = 0
        machine = row.make(Limits(line=None, reply=None, recipients=None, blank_lines=None))
        play = row.make_play()

        def count(_frame: object, kind: str, _what: object) -> None:
            self.calls += kind in ("call", "c_call")

        sys.setprofile(count)
        try:
            run(machine, steps, play, cuts=cuts)
        finally:
            sys.setprofile(None)
        return self.calls, self.octets


HOSTILE = [(row, name) for row in ROWS for name in row.hostile]


@pytest.mark.parametrize("size", [None, 1, 512], ids=["whole", "octets", "pieces"])
@pytest.mark.parametrize(("row", "name"), HOSTILE, ids=lambda one: getattr(one, "name", one))
def test_work_is_linear(
    row: Row, name: str, size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """16 times the input may cost 16 times the calls; each octet is moved a few times at most."""
    work = Work(monkeypatch)
    make = row.hostile[name]
    cuts = None if size is None else (lambda _: size)
    unit = 40 if size == 1 else 200
    work.of(row, make(unit), cuts)  # whatever is made on first use
    small, _ = work.of(row, make(unit), cuts)
    for factor in (4, 16):
        steps = make(unit * factor)
        calls, octets = work.of(row, steps, cuts)
        fed = sum(len(step) for step in steps if isinstance(step, bytes))
        assert calls <= small * factor * 1.1 + 500
        assert octets <= 4 * fed + 10_000


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("size", [1, 7])
def test_a_long_line_in_small_pieces_is_searched_once(
    row: Row, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(monkeypatch)
    line = b"2" * 20_000 + b"\r\n"
    _, octets = work.of(row, [*row.to_line, line], lambda _: size)
    assert octets < 8 * len(line)

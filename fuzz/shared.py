"""What the targets have in common: drawn applications, and what must hold whatever happens.

* The peer causes no exception but RemoteProtocolError; the application none but ProtocolError,
  TypeError and ValueError, and a refused call changes nothing.
* A machine asks a bounded number of questions per octet, and a server writes a bounded number of
  octets.
* Every way of cutting the input gives the same events, errors and output: to servers, and to
  clients whose application goes by what it is told.
* A machine that was pickled in the middle goes on as if nothing had happened.

An input is a head and what comes over the wire::

    kind, limits, number of decisions (three octets), the decisions, the wire

so that the words of a dictionary stay whole.
"""

from __future__ import annotations

import contextlib
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["mailproto"]):
    from mailproto import ProtocolError, RemoteProtocolError, Want
    from mailproto.testing import EOF, run

__all__ = [
    "REFUSALS",
    "Decisions",
    "Play",
    "check_client",
    "check_scripted_client",
    "check_server",
    "fuzz",
    "refused_calls_change_nothing",
    "split",
]

REFUSALS = (ProtocolError, TypeError, ValueError)


class Decisions:
    """What the application does: one octet for each decision, zeros when they are used up."""

    def __init__(self, octets: bytes) -> None:
        self._left = iter(octets)
        self.over = not octets

    def __call__(self, below: int) -> int:
        """The next decision, from 0 up to but not with `below`."""
        octet = next(self._left, None)
        self.over = octet is None
        return (octet or 0) % below


Play = Callable[[Any, object], None]
"""An application: called with the machine and each event, as `mailproto.testing.run` does."""


def cuts_of(octets: bytes) -> Iterator[int]:
    """An endless schedule."""
    while True:
        yield 1
        for octet in octets:
            yield octet % 23


def moved(machine: Any) -> Any:
    """The machine in another process."""
    return pickle.loads(pickle.dumps(machine))  # noqa: S301 - we wrote it


def check_server(
    make: Callable[[], Any],
    answers: Callable[[Decisions], Play],
    decisions: bytes,
    wire: bytes,
    *,
    carried: bool,
) -> None:
    """One input to a server, whole, cut, and perhaps carried about."""

    def trace(**how: Any) -> Any:
        return run(make(), [wire, EOF], answers(Decisions(decisions)), **how)

    whole = trace()
    assert len(whole.output) <= 2_000 + 100 * len(wire), "more output than the input is worth"
    _compare(whole, trace, decisions, carried=carried)


def check_scripted_client(
    make: Callable[[], Any],
    items: Sequence[Any],
    decisions: bytes,
    wire: bytes,
    *,
    carried: bool,
) -> None:
    """One input to a client that says something whenever the server has: whole, cut, carried."""

    def script(decide: Decisions) -> Play:
        def play(machine: Any, event: object) -> None:
            if machine.awaiting is None and not machine.outstanding:
                with contextlib.suppress(REFUSALS):
                    machine.send(items[decide(len(items))])
            elif machine.awaiting is not None and event is Want.ANSWER:
                machine.abort()

        return play

    def trace(**how: Any) -> Any:
        return run(make(), [wire, EOF], script(Decisions(decisions)), **how)

    _compare(trace(), trace, decisions, carried=carried)


def _compare(whole: Any, trace: Callable[..., Any], decisions: bytes, *, carried: bool) -> None:
    difference = trace(cuts=cuts_of(decisions)).differs_from(whole)
    assert difference is None, f"cut otherwise: {difference}"
    if carried:
        difference = trace(between=moved).differs_from(whole)
        assert difference is None, f"carried about: {difference}"


def refused_calls_change_nothing(
    machine: Any, decide: Decisions, act: Callable[[Any, Decisions], object]
) -> None:
    """The application does something, allowed or not."""
    before = pickle.dumps(machine) if decide(4) == 0 else None
    try:
        act(machine, decide)
    except REFUSALS:
        assert before is None or pickle.dumps(machine) == before, "a refusal changed something"


def check_client(
    machine: Any,
    act: Callable[[Any, Decisions], object],
    answer: Callable[[Any, Decisions], object],
    decisions: bytes,
    wire: bytes,
    *,
    carried: bool,
) -> None:
    """One input to a client whose application does as it likes."""
    decide = Decisions(decisions)
    kept: RemoteProtocolError | None = None
    at = written = questions = 0
    while True:
        questions += 1
        assert questions < 1_000 + 16 * len(wire) + 16 * len(decisions) + written, "no end"
        if not decide.over and decide(3) == 2:
            refused_calls_change_nothing(machine, decide, act)
        if carried and decide(16) == 15:
            machine = moved(machine)
        try:
            want = machine.next_event()
        except RemoteProtocolError as error:
            kept = error
            break
        if want is Want.DATA:
            size = decide(29) + 1
            if at < len(wire):
                machine.receive_data(wire[at : at + size])
                at += size
            else:
                machine.receive_eof()
        elif want is Want.SEND:
            data = machine.data_to_send()
            assert data
            written += len(data)
        elif want is Want.TLS:
            machine.tls_established()
        elif want is Want.CLOSE:
            return
        elif want is Want.ANSWER:
            try:
                answer(machine, decide)
            except REFUSALS:
                if decide.over:
                    machine.abort()
    try:
        machine.next_event()
    except RemoteProtocolError as again:
        assert str(again) == str(kept)  # noqa: PT017 - not under pytest
    else:
        raise AssertionError("the error went away")


def split(data: bytes) -> tuple[int, int, bytes, bytes] | None:
    """(kind, limits, decisions, wire) of an input."""
    if len(data) < 3:
        return None
    kind, limits, count = data[:3]
    return kind, limits, data[3 : 3 + count], data[3 + count :]


def plant(folder: Path, seeds: Sequence[tuple[int, bytes]]) -> None:
    """Give an empty corpus something to begin with."""
    if not any(folder.iterdir()):
        for number, (kind, wire) in enumerate(seeds):
            head = bytes([kind, number, 40])
            (folder / f"seed-{number}").write_bytes(head + bytes(range(4, 244, 6)) + wire)


def fuzz(one_input: Callable[[bytes], None], seeds: Sequence[tuple[int, bytes]]) -> None:
    """Run, as the command line says. `seeds` are (kind, wire)."""
    for argument in sys.argv[1:]:
        if Path(argument).is_dir():
            plant(Path(argument), seeds)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

"""Which sides meet on which workload, and what is to be reached.

The goals are ratios: how many times less CPU time than the named peer, measured in the same run.
They were set before the code was written. Absolute times say something about one machine only.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any

from mailproto import smtp

from . import floor, ours, peers, workloads
from .timing import Measured, Side, measure, ratio
from .workloads import Sink

__all__ = [
    "EXPONENT_GOAL",
    "FLOOR",
    "FULL",
    "OURS",
    "QUICK",
    "Goal",
    "Result",
    "Row",
    "Sizes",
    "exponents",
    "rows",
]

EXPONENT_GOAL = 1.1
OURS = "mailproto"
FLOOR = "floor"


@dataclass(frozen=True)
class Sizes:
    """How much each row does."""

    transactions: int
    large: int
    """Octets of a large text."""
    line: int
    """Octets of a long line; the exponent is taken from a quarter of it to four times as much."""
    rounds: int
    memory: int
    """Octets of the body of the memory rows."""


FULL = Sizes(transactions=10_000, large=100_000_000, line=65_536, rounds=5, memory=1 << 30)
QUICK = Sizes(transactions=200, large=4_000_000, line=8_192, rounds=3, memory=1 << 25)


@dataclass(frozen=True)
class Goal:
    """To be `factor` times faster than `peer`. `first` is the milestone on the way there."""

    peer: str
    factor: float
    first: float | None = None

    def verdict(self, reached: float) -> str:
        """In a word or two."""
        if reached >= self.factor:
            return "reached"
        if self.first is not None and reached >= self.first:
            return f"first goal ({self.first:g}x) reached"
        return "not reached"

    def __str__(self) -> str:
        return f"{self.factor:g}x" + (f" ({self.first:g}x first)" if self.first else "")


@dataclass(frozen=True)
class Row:
    """One workload, and who takes part in it. `missing` are the peers that are not installed."""

    name: str
    unit: str
    per: Callable[[Measured], float]
    sides: tuple[Side, ...]
    goals: tuple[Goal, ...] = ()
    missing: tuple[str, ...] = ()
    note: str = ""

    def run(self, rounds: int) -> "Result":
        """Measure it."""
        measured = measure(self.sides, rounds)
        mine = measured[OURS]
        return Result(
            self,
            measured,
            {name: ratio(other, mine) for name, other in measured.items() if name != OURS},
        )


@dataclass(frozen=True)
class Result:
    """What was measured. `ratios` says how many times longer each other side took than ours."""

    row: Row
    measured: dict[str, Measured]
    ratios: dict[str, float]


def rows(sizes: Sizes) -> Iterator[Row]:
    """The rows, one at a time: the bytes of one need not be held while another runs."""
    yield _transactions_in(sizes.transactions)
    content = workloads.message(sizes.large)
    yield _data_in(content)
    yield _bdat_in(content)
    yield from _transactions_out(sizes.transactions)
    yield from _data_out(content)
    del content
    yield from _lines(sizes.line)


class _Sides:
    """Collects the sides of a row; a peer that is not installed is noted instead."""

    def __init__(self) -> None:
        self.sides: list[Side] = []
        self.missing: list[str] = []

    def add(self, name: str, prepare: Callable[[], Callable[[], int]]) -> None:
        """A side that is always there."""
        self.sides.append(Side(name, prepare))

    def peer(self, name: str, module: str, prepare: Callable[[Any], Callable[[], int]]) -> None:
        """A side that needs the peer's package: `prepare` is given the module that drives it."""
        driver = peers.load(module)
        if driver is None:
            self.missing.append(name)
        else:
            self.add(name, lambda: prepare(driver))

    def row(
        self,
        name: str,
        unit: tuple[str, Callable[[Measured], float]],
        goals: Sequence[Goal] = (),
        note: str = "",
    ) -> Row:
        """The row they make."""
        text, per = unit
        return Row(name, text, per, tuple(self.sides), tuple(goals), tuple(self.missing), note)


_EACH = ("us each", lambda measured: measured.median / measured.done * 1e6)
_SECONDS = ("s", lambda measured: measured.median)
_RATE = ("MB/s", lambda measured: measured.done / 1e6 / max(measured.median, 1e-9))
_OCTET = ("us an octet", lambda measured: measured.median / measured.done * 1e6)


def _delivering(
    prepare: Callable[[Sink], Callable[[], object]], count: Callable[[Sink], int]
) -> Callable[[], int]:
    """The run that `prepare` makes for a new sink; it returns what the sink counted."""
    sink = Sink()
    run = prepare(sink)

    def counted() -> int:
        run()
        return count(sink)

    return counted


def _messages(sink: Sink) -> int:
    return sink.messages


def _octets(sink: Sink) -> int:
    return sink.octets


def _transactions_in(count: int) -> Row:
    reads = workloads.sessions(count, workloads.message())
    sides = _Sides()
    sides.add(OURS, lambda: _delivering(lambda sink: ours.server(reads, sink), _messages))
    sides.peer(
        "Twisted",
        "twisted",
        lambda driver: _delivering(lambda sink: driver.server(reads, sink), _messages),
    )
    sides.peer(
        "aiosmtpd",
        "aiosmtpd",
        lambda driver: _delivering(lambda sink: driver.server(reads, sink, count), _messages),
    )
    sides.add(FLOOR, lambda: lambda: floor.server(reads, Sink()))
    return sides.row(
        f"SMTP server: {count:,} pipelined transactions (MAIL, 3 RCPT, DATA 2 KB)",
        _EACH,
        [Goal("Twisted", 4, first=3), Goal("aiosmtpd", 18)],
    )


def _data_in(content: bytes) -> Row:
    reads = workloads.data_stream(content)
    sides = _Sides()
    sides.add(OURS, lambda: _delivering(lambda sink: ours.server(reads, sink), _octets))
    sides.peer(
        "aiosmtpd",
        "aiosmtpd",
        lambda driver: _delivering(lambda sink: driver.server(reads, sink, 1), _octets),
    )
    sides.peer(
        "Twisted",
        "twisted",
        lambda driver: _delivering(lambda sink: driver.server(reads, sink), _octets),
    )
    sides.add(FLOOR, lambda: lambda: floor.data(reads, Sink()))
    return sides.row(
        f"SMTP server: DATA of {_size(content)}, dot-stuffed, in 64 KiB reads",
        _SECONDS,
        [Goal("aiosmtpd", 8)],
        "ours with the bare CR/LF check",
    )


def _bdat_in(content: bytes) -> Row:
    reads = workloads.bdat_stream(content)
    sides = _Sides()
    sides.add(OURS, lambda: _delivering(lambda sink: ours.server(reads, sink), _octets))
    sides.add(FLOOR, lambda: lambda: floor.bdat(reads, Sink()))
    return sides.row(
        f"SMTP server: BDAT of {_size(content)} in 64 KiB reads", _RATE, note="no peer has it"
    )


def _transactions_out(count: int) -> Iterator[Row]:
    content = workloads.message()
    for pipelining in (True, False):
        sides = _Sides()
        sides.add(OURS, partial(ours.client, count, content, len, pipelining=pipelining))
        sides.peer("Twisted", "twisted", lambda driver: driver.client(count, content, len))
        sides.peer("smtplib", "stdlib", lambda driver: driver.client(count, content, len))
        sides.peer("smtpproto", "smtpproto", lambda driver: driver.client(count, content, len))
        sides.add(FLOOR, lambda: lambda: floor.client(count, content, len, cycle(_ACCEPTED)))
        yield sides.row(
            f"SMTP client: {count:,} transactions (MAIL, 3 RCPT, DATA 2 KB), "
            + ("ours pipelined" if pipelining else "ours in lock step too"),
            _EACH,
            [Goal("Twisted", 2), Goal("smtplib", 2)] if pipelining else (),
            "peers in lock step: they know no pipelining",
        )


_ACCEPTED = (b"250 2.1.0 OK\r\n", *[b"250 2.1.5 OK\r\n"] * 3, b"354 go\r\n", b"250 2.0.0 OK\r\n")


def _data_out(content: bytes) -> Iterator[Row]:
    pieces = workloads.chunks(content)
    for policy, factor in ((smtp.BareNewlines.REJECT, 1.25), (smtp.BareNewlines.PRESERVE, 2.5)):
        sides = _Sides()
        quirks = smtp.Quirks(bare_newlines=policy)
        sides.add(OURS, partial(ours.client_large, pieces, len, quirks=quirks))
        sides.peer("smtplib", "stdlib", lambda driver: driver.stuffing(content, len))
        sides.add(FLOOR, lambda: lambda: floor.stuffing(pieces, len))
        checked = policy is smtp.BareNewlines.REJECT
        yield sides.row(
            f"SMTP client: dot-stuffing {_size(content)}, "
            + ("with the bare CR/LF check" if checked else "without it, as smtplib"),
            _SECONDS,
            [Goal("smtplib", factor)],
        )


def _lines(octets: int) -> Iterator[Row]:
    for kind, mine, begin in (
        ("command", ours.server_line, b"NOOP "),
        ("reply", ours.client_line, b"250 "),
    ):
        line = workloads.long_line(octets, begin)
        yield _line(kind, mine, line)


def _line(kind: str, mine: Callable[[Sequence[bytes]], Callable[[], int]], line: bytes) -> Row:
    octets = workloads.chunks(line, 1)
    sides = _Sides()
    sides.add(OURS, lambda: mine(octets))
    sides.peer("imaplib", "stdlib", lambda driver: driver.line(line))
    sides.add(FLOOR, lambda: lambda: floor.line(octets))
    return sides.row(
        f"any: a {kind} line of {len(line) // 1024} KiB, one octet per read",
        _OCTET,
        [Goal("imaplib", 1.5)],
    )


def exponents(octets: int, rounds: int) -> dict[str, float]:
    """How the cost of a line in one-octet reads grows with its length: 1 is linear.

    From a quarter of `octets` to four times as many; the quickest of `rounds` each, since noise
    only ever adds.
    """
    found: dict[str, float] = {}
    for name, mine, begin in (
        ("command line (server)", ours.server_line, b"NOOP "),
        ("reply line (client)", ours.client_line, b"250 "),
    ):
        quickest = []
        for size in (octets // 4, octets, octets * 4):
            reads = workloads.chunks(workloads.long_line(size, begin), 1)
            side = Side(OURS, partial(mine, reads))
            quickest.append(min(measure([side], rounds)[OURS].seconds))
        found[name] = math.log(quickest[-1] / quickest[0], 16)
    return found


def _size(content: bytes) -> str:
    return f"{len(content) / 1e6:.0f} MB"

"""What a row of the table of speed is, and how its sides are gathered.

The goals are ratios: how many times less CPU time than the named peer, measured in the same run.
They were set before the code was written. Absolute times say something about one machine only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from . import peers
from .timing import Measured, Side, measure, ratio
from .workloads import Sink

__all__ = [
    "EACH",
    "FLOOR",
    "FULL",
    "OCTET",
    "OURS",
    "QUICK",
    "RATE",
    "SECONDS",
    "Goal",
    "Result",
    "Row",
    "Sides",
    "Sizes",
    "delivering",
    "megabytes",
]

OURS = "mailproto"
FLOOR = "floor"


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much each row does."""

    transactions: int
    commands: int
    """Of one POP3 session."""
    entries: int
    """Of one POP3 listing."""
    large: int
    """Octets of a large text."""
    mails: int
    """Mails of 2 KB."""
    newsletters: int
    """Mails of 20 KB."""
    attachment: int
    """Octets of a mail with a large attachment."""
    parts: int
    """Of one mail, all in one multipart."""
    levels: int
    """Of multiparts in each other, in one mail."""
    addresses: int
    """In one field."""
    built: int
    """Mails with a text and an attachment."""
    attack: int
    """Octets of a message that is hard to read; the exponent is taken as that of a line."""
    fetches: int
    """Messages of an IMAP listing."""
    structures: int
    """Messages of an IMAP listing with their structure."""
    literals: int
    """Messages of 100 KB."""
    mailboxes: int
    found: int
    """UIDs that an IMAP search finds."""
    imap_commands: int
    """Of one IMAP session."""
    line: int
    """Octets of a long line; the exponent is taken from a quarter of it to four times as much."""
    rounds: int
    memory: int
    """Octets of the body of the memory rows."""


FULL = Sizes(
    transactions=10_000,
    commands=50_000,
    entries=100_000,
    large=100_000_000,
    mails=1_000,
    newsletters=200,
    attachment=10_000_000,
    parts=1_000,
    levels=500,
    addresses=10_000,
    built=500,
    attack=262_144,  # a quarter has more levels than a reader keeps Content-Types of
    fetches=100_000,
    structures=20_000,
    literals=1_000,
    mailboxes=10_000,
    found=200_000,
    imap_commands=20_000,
    line=65_536,
    rounds=5,
    memory=1 << 30,
)
QUICK = Sizes(
    transactions=200,
    commands=1_000,
    entries=5_000,
    large=4_000_000,
    mails=50,
    newsletters=10,
    attachment=1_000_000,
    parts=200,
    levels=100,
    addresses=500,
    built=50,
    attack=8_192,
    fetches=2_000,
    structures=300,
    literals=50,
    mailboxes=1_000,
    found=10_000,
    imap_commands=1_000,
    line=8_192,
    rounds=3,
    memory=1 << 25,
)


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


class Sides:
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


EACH = ("us each", lambda measured: measured.median / measured.done * 1e6)
SECONDS = ("s", lambda measured: measured.median)
RATE = ("MB/s", lambda measured: measured.done / 1e6 / max(measured.median, 1e-9))
OCTET = ("us an octet", lambda measured: measured.median / measured.done * 1e6)


def delivering(
    prepare: Callable[[Sink], Callable[[], object]], count: Callable[[Sink], int]
) -> Callable[[], int]:
    """The run that `prepare` makes for a new sink; it returns what the sink counted."""
    sink = Sink()
    run = prepare(sink)

    def counted() -> int:
        run()
        return count(sink)

    return counted


def megabytes(content: bytes) -> str:
    """How large it is, for the name of a row."""
    return f"{len(content) / 1e6:.0f} MB"

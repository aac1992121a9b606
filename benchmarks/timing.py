"""Sides of one row, run in turn (A B C A B C ...), in CPU time.

Interleaving is the point: whatever the machine does meanwhile, it does to all sides. CPU time of
this process is measured, not time on the wall. The garbage collector stays on, as in normal use;
what the side before left behind is collected before the clock starts. The figure of a side is the
median of its rounds; a ratio is the median of the rounds' ratios, each against the run next to it.
"""

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time

__all__ = ["Measured", "Side", "measure", "ratio"]


@dataclass(frozen=True)
class Side:
    """One contestant: `prepare()` gives the run to be timed.

    What `prepare` does (connecting, greeting, EHLO) is not timed. The run returns how much it did,
    in whatever the row counts, and all sides of a row must return the same.
    """

    name: str
    prepare: Callable[[], Callable[[], int]]


@dataclass(frozen=True)
class Measured:
    """What one side did in a row: seconds of CPU of each round, and how much it did in one."""

    name: str
    seconds: tuple[float, ...]
    done: int

    @property
    def median(self) -> float:
        """Seconds of CPU of the median round."""
        return statistics.median(self.seconds)


def measure(sides: Sequence[Side], rounds: int) -> dict[str, Measured]:
    """Run all `sides` in turn, `rounds` times, after one round that does not count."""
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    done: dict[str, int] = {}
    for number in range(rounds + 1):
        for side in sides:
            run = side.prepare()
            gc.collect()
            start = process_time()
            count = run()
            spent = process_time() - start
            del run
            if number:
                seconds[side.name].append(spent)
            if done.setdefault(side.name, count) != count:
                raise AssertionError(f"{side.name} did {count}, but {done[side.name]} before")
    if len(set(done.values())) != 1:
        raise AssertionError(f"the sides did not do the same: {done}")
    return {name: Measured(name, tuple(times), done[name]) for name, times in seconds.items()}


def ratio(slower: Measured, faster: Measured) -> float:
    """How many times longer `slower` took: the median over the rounds."""
    pairs = zip(slower.seconds, faster.seconds, strict=True)
    return statistics.median(a / max(b, 1e-9) for a, b in pairs)

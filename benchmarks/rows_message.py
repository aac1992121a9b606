"""The rows of messages."""

import gc
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any

from . import ours_message, workloads_message
from .row import EACH, OURS, Goal, Row, Sides, Sizes, megabytes
from .timing import Side, measure

__all__ = ["exponents", "rows"]

_COMPAT32 = "email compat32"
_DEFAULT = "email default"
_RUST = "fast-mail-parser"
_INDEX = "mailproto, the index alone"

_CONTEXT = "fast-mail-parser (Rust) is here for context"

Reader = Callable[[bytes], object]


def rows(sizes: Sizes) -> Iterator[Row]:
    """The rows, one at a time."""
    mails = workloads_message.mails(sizes.mails)
    name = f"Message: {len(mails):,} mails of 2 KB, "
    yield _row(name + "structure and raw headers", "headers", mails, [Goal(_COMPAT32, 2.9)])
    yield _row(
        name + "subject, addresses, date and text decoded",
        "decoded",
        mails,
        [Goal(_COMPAT32, 2.8), Goal(_DEFAULT, 28)],
    )
    mails = workloads_message.newsletters(sizes.newsletters)
    name = f"Message: {len(mails):,} newsletters of 20 KB, "
    yield _row(name + "structure", "structure", mails, [Goal(_COMPAT32, 12)])
    yield _row(name + "all decoded", "decoded", mails, [Goal(_COMPAT32, 4.8)])
    mails = [workloads_message.attached(sizes.attachment)]
    name = f"Message: a mail of {megabytes(mails[0])} with an attachment, "
    yield _row(name + "structure", "structure", mails, [Goal(_COMPAT32, 20)])
    yield _row(name + "all decoded", "decoded", mails, [Goal(_COMPAT32, 4)])
    mails = [workloads_message.many_parts(sizes.parts)]
    name = f"Message: a mail of {sizes.parts:,} small parts, structure (per part)"
    yield _row(name, "structure", mails, [Goal(_COMPAT32, 3)], units=sizes.parts)
    mails = [workloads_message.nested(sizes.levels)]
    name = f"Message: a mail of {sizes.levels:,} levels, structure (per level)"
    yield _row(name, "structure", mails, [Goal(_COMPAT32, 23)], units=sizes.levels, rust=False)
    mails = [workloads_message.addressed(sizes.addresses)]
    name = f"Message: {sizes.addresses:,} addresses in one field (per address)"
    yield _row(name, "recipients", mails, [Goal(_COMPAT32, 3)], units=sizes.addresses)
    # The ratio depends on the size: `email` is the slower the more there is to encode. The goal was
    # set where compat32 took 590 us, which is what 5 KB cost it.
    yield _building(sizes.built, 5_000, [Goal(_COMPAT32, 7.9)])
    yield _building(sizes.built, 50_000, [])


def _run(read: Reader, texts: Sequence[bytes], serials: Iterator[int], units: int) -> Any:
    """A run that reads all `texts`, with boundaries that no round before it had."""
    mails = workloads_message.fresh(texts, next(serials))

    def run() -> int:
        for mail in mails:
            read(mail)
        return len(mails) * units

    return run


def _row(
    name: str,
    job: str,
    texts: Sequence[bytes],
    goals: Sequence[Goal],
    *,
    units: int = 1,
    rust: bool = True,
) -> Row:
    """A row of one job: a function of that name in the module of each side."""
    serials = count(1)

    def prepared(module: Any, job: str = job) -> Callable[[], int]:
        run: Callable[[], int] = _run(getattr(module, job), texts, serials, units)
        return run

    sides = Sides()
    sides.add(OURS, partial(prepared, ours_message))
    sides.peer(_COMPAT32, "email", prepared)
    if job == "decoded" and any(goal.peer == _DEFAULT for goal in goals):
        sides.peer(_DEFAULT, "email", lambda module: prepared(module, "decoded_default"))
    if rust:
        sides.peer(_RUST, "fast_mail_parser", prepared)
    if job in ("headers", "structure"):
        sides.add(_INDEX, partial(prepared, ours_message, "indexed"))
    return sides.row(
        name, EACH, goals, _CONTEXT if rust else "fast-mail-parser stops at 256 levels"
    )


def _building(mails: int, attachment: int, goals: Sequence[Goal]) -> Row:
    """Text and attachment in, octets out."""
    given = workloads_message.ingredients(mails, attachment)

    def prepared(compose: Callable[..., bytes]) -> Callable[[], int]:
        def run() -> int:
            for values in given:
                compose(*values)
            return len(given)

        return run

    sides = Sides()
    sides.add(OURS, lambda: prepared(ours_message.compose))
    sides.peer(_COMPAT32, "email", lambda module: prepared(module.compose))
    sides.peer(_DEFAULT, "email", lambda module: prepared(module.compose_default))
    return sides.row(
        f"Message: {mails:,} mails built, of a text and an attachment of {attachment // 1_000} KB",
        EACH,
        goals,
        "fast-mail-parser does not write",
    )


def exponents(octets: int, rounds: int) -> dict[str, float]:
    """How the cost of what is hard to read grows with its length: 1 is linear.

    From a quarter of `octets` to four times as many; the quickest of `rounds` each, since noise
    only ever adds. Everything is asked for, and every limit is off. So is the garbage collector:
    whether a full collection falls into a run is a matter of how many objects there are, and makes
    a step where the algorithm has none.
    """
    found: dict[str, float] = {}
    for name, made in workloads_message.ATTACKS.items():
        quickest = []
        for size in (octets // 4, octets * 4):
            side = Side(OURS, partial(_thorough, made(size)))
            gc.disable()
            try:
                quickest.append(min(measure([side], rounds)[OURS].seconds))
            finally:
                gc.enable()
        found[name] = math.log(quickest[-1] / quickest[0], 16)
    return found


def _thorough(raw: bytes) -> Callable[[], int]:
    return partial(ours_message.thoroughly, raw)

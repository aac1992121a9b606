"""The rows of POP3."""

from collections.abc import Callable, Iterator, Sequence

from . import floor_pop3, ours_pop3, workloads, workloads_pop3
from .row import EACH, FLOOR, OURS, SECONDS, Goal, Row, Sides, Sizes, delivering, megabytes
from .workloads import Sink

__all__ = ["rows"]


def rows(sizes: Sizes) -> Iterator[Row]:
    """The rows, one at a time."""
    yield _commands(sizes.commands, workloads_pop3.MESSAGES, [Goal("Twisted", 6)])
    yield _commands(sizes.commands, 10, [])
    yield _listing(sizes.entries)
    yield _retrieval(workloads.message(sizes.large))


def _replies(
    prepare: Callable[[Callable[[bytes], object]], Callable[[], object]],
) -> Callable[[], int]:
    """The run that `prepare` makes; it returns how many positive replies were written."""
    count = 0

    def write(data: bytes) -> None:
        nonlocal count
        count += data.count(b"+OK")

    run = prepare(write)

    def counted() -> int:
        run()
        return count

    return counted


def _commands(count: int, messages: int, goals: Sequence[Goal]) -> Row:
    reads = workloads_pop3.commands(count, messages)
    sides = Sides()
    sides.add(OURS, lambda: _replies(lambda write: ours_pop3.commands(reads, messages, write)))
    sides.peer(
        "Twisted",
        "twisted_pop3",
        lambda driver: _replies(lambda write: driver.commands(reads, messages, write)),
    )
    sides.add(
        FLOOR,
        lambda: _replies(lambda write: lambda: floor_pop3.commands(reads, messages, write)),
    )
    return sides.row(
        f"POP3 server: {count:,} pipelined commands (STAT, LIST n, UIDL n, NOOP, DELE n, RSET), "
        f"a maildrop of {messages}",
        EACH,
        goals,
        "Twisted looks at every message to answer STAT",
    )


def _length(run: Callable[[], list[object]]) -> Callable[[], int]:
    return lambda: len(run())


def _listing(count: int) -> Row:
    reads = workloads_pop3.listing(count)
    sides = Sides()
    sides.add(OURS, lambda: _length(ours_pop3.listing(reads)))
    sides.peer("poplib", "poplib", lambda driver: _length(driver.listing(reads)))
    sides.add(FLOOR, lambda: _length(lambda: floor_pop3.listing(reads)))
    return sides.row(
        f"POP3 client: UIDL of {count:,} messages, ours as numbers and unique-ids",
        EACH,
        [Goal("poplib", 1.1)],
        "poplib gives raw lines",
    )


def _octets(sink: Sink) -> int:
    return sink.octets


def _retrieval(content: bytes) -> Row:
    reads = workloads_pop3.retrieval(content)
    sides = Sides()
    sides.add(OURS, lambda: delivering(lambda sink: ours_pop3.retrieval(reads, sink), _octets))
    sides.peer(
        "poplib",
        "poplib",
        lambda driver: delivering(lambda sink: driver.retrieval(reads, sink), _octets),
    )
    sides.add(
        FLOOR,
        lambda: delivering(lambda sink: lambda: floor_pop3.retrieval(reads, sink), _octets),
    )
    return sides.row(
        f"POP3 client: RETR of {megabytes(content)} in 64 KiB reads",
        SECONDS,
        [Goal("poplib", 3.5)],
        "ours with the bare CR/LF check",
    )

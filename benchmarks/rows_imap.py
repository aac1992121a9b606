"""The rows of IMAP: what the parsers of the language cost."""

from collections.abc import Callable, Iterator, Sequence, Sized
from typing import Any

from . import floor_imap, ours_imap, workloads, workloads_imap
from .row import EACH, FLOOR, OURS, SECONDS, Goal, Row, Sides, Sizes, delivering, megabytes
from .workloads import Sink

__all__ = ["rows"]


def rows(sizes: Sizes) -> Iterator[Row]:
    """The rows, one at a time."""
    yield _fetches(sizes.fetches)
    yield from _structures(sizes.structures)
    content = workloads.message(sizes.large)
    yield _body(workloads_imap.literal(content), megabytes(content))
    del content
    yield _bodies(sizes.literals)
    yield _listing(sizes.mailboxes)
    yield _search(sizes.found)
    yield _esearch(sizes.found, workloads_imap.RUNS, "in runs of 1 to 30")
    yield _esearch(sizes.found, workloads_imap.PAIRS, "all in pairs")
    yield _commands(sizes.imap_commands)


def _length(run: Callable[[], Sized]) -> Callable[[], int]:
    return lambda: len(run())


def _fetches(count: int) -> Row:
    reads = workloads_imap.fetches(count)
    sides = Sides()
    sides.add(OURS, lambda: _length(lambda: ours_imap.fetches(reads)))
    sides.peer("IMAPClient", "imapclient", lambda driver: _length(driver.fetches(reads, count)))
    sides.peer("imaplib", "imaplib", lambda driver: _length(driver.fetches(reads, count)))
    sides.peer("imap-codec", "imap_codec", lambda driver: _length(driver.fetches(reads, count)))
    sides.add(FLOOR, lambda: _length(lambda: floor_imap.fetches(reads)))
    return sides.row(
        f"IMAP client: FETCH ({' '.join(workloads_imap.ITEMS)}) of {count:,} messages",
        EACH,
        [Goal("IMAPClient", 10), Goal("imaplib", 1)],
        "every value looked at; imaplib gives raw lines",
    )


def _structures(count: int) -> Iterator[Row]:
    reads = workloads_imap.structures(count)
    name = f"IMAP client: FETCH ({' '.join(workloads_imap.STRUCTURE)}) of {count:,} messages"
    looks: list[tuple[str, Callable[[Sequence[bytes]], list[Any]], float]] = [
        ("every value looked at", ours_imap.structures, 3.8),
        ("only UIDs looked at", ours_imap.skimmed, 10),
    ]
    for looked, mine, factor in looks:
        yield _structure(name, reads, count, mine, Goal("IMAPClient", factor), looked)


def _structure(
    name: str,
    reads: Sequence[bytes],
    count: int,
    mine: Callable[[Sequence[bytes]], list[Any]],
    goal: Goal,
    looked: str,
) -> Row:
    sides = Sides()
    sides.add(OURS, lambda: _length(lambda: mine(reads)))
    sides.peer("IMAPClient", "imapclient", lambda driver: _length(driver.structures(reads, count)))
    sides.peer("imap-codec", "imap_codec", lambda driver: _length(driver.structures(reads, count)))
    sides.add(FLOOR, lambda: _length(lambda: floor_imap.structures(reads)))
    return sides.row(f"{name}, {looked}", EACH, [goal], "all of it kept; peers read all they get")


def _octets(sink: Sink) -> int:
    return sink.octets


def _messages(sink: Sink) -> int:
    return sink.messages


def _body(reads: Sequence[bytes], size: str) -> Row:
    sides = Sides()
    sides.add(OURS, lambda: delivering(lambda sink: ours_imap.bodies(reads, sink), _octets))
    for name, module in (
        ("Twisted", "twisted_imap"),
        ("aioimaplib", "aioimaplib"),
        ("imaplib", "imaplib"),
    ):
        sides.peer(
            name,
            module,
            lambda driver: delivering(lambda sink: driver.bodies(reads, sink), _octets),
        )
    sides.add(
        FLOOR, lambda: delivering(lambda sink: lambda: floor_imap.bodies(reads, sink), _octets)
    )
    return sides.row(
        f"IMAP client: FETCH (BODY[]) of one message of {size} in 64 KiB reads",
        SECONDS,
        [Goal("Twisted", 12)],
        "ours hands it on as it comes, the peers collect it",
    )


def _bodies(count: int) -> Row:
    reads = workloads_imap.literals(count, workloads.message(100_000))
    sides = Sides()
    sides.add(OURS, lambda: delivering(lambda sink: ours_imap.bodies(reads, sink), _messages))
    for name, module in (("Twisted", "twisted_imap"), ("imaplib", "imaplib")):
        sides.peer(
            name,
            module,
            lambda driver: delivering(lambda sink: driver.bodies(reads, sink), _messages),
        )
    sides.add(
        FLOOR, lambda: delivering(lambda sink: lambda: floor_imap.bodies(reads, sink), _messages)
    )
    return sides.row(
        f"IMAP client: FETCH (BODY[]) of {count:,} messages of 100 KB",
        EACH,
        [Goal("Twisted", 12)],
    )


def _listing(count: int) -> Row:
    reads = workloads_imap.listing(count)
    sides = Sides()
    sides.add(OURS, lambda: _length(lambda: ours_imap.listing(reads)))
    sides.peer("IMAPClient", "imapclient", lambda driver: _length(driver.listing(reads)))
    sides.add(FLOOR, lambda: _length(lambda: floor_imap.listing(reads)))
    return sides.row(
        f"IMAP client: LIST of {count:,} mailboxes",
        EACH,
        [Goal("IMAPClient", 6)],
        "the floor decodes no names",
    )


def _search(count: int) -> Row:
    reads = workloads_imap.found(count)
    sides = Sides()
    sides.add(OURS, lambda: _length(lambda: ours_imap.search(reads)))
    sides.peer("IMAPClient", "imapclient", lambda driver: _length(driver.search(reads)))
    sides.add(FLOOR, lambda: _length(lambda: floor_imap.search(reads)))
    return sides.row(
        f"IMAP client: SEARCH that finds {count:,} UIDs", EACH, [Goal("IMAPClient", 1.8)]
    )


def _esearch(count: int, runs: Sequence[int], how: str) -> Row:
    reads, plain = workloads_imap.esearch(count, runs), workloads_imap.found(count, runs)
    sides = Sides()
    sides.add(OURS, lambda: _length(lambda: ours_imap.esearch(reads)))
    sides.peer("IMAPClient", "imapclient", lambda driver: _length(driver.search(plain)))
    sides.add(FLOOR, lambda: _length(lambda: floor_imap.esearch(reads)))
    return sides.row(
        f"IMAP client: ESEARCH with a set of {count:,} UIDs {how}, every number looked at",
        EACH,
        [Goal("IMAPClient", 1.8)],
        "IMAPClient has no ESEARCH: the same by SEARCH",
    )


def _commands(count: int) -> Row:
    reads = workloads_imap.commands(count)
    sides = Sides()
    sides.add(OURS, lambda: _length(lambda: ours_imap.commands(reads)))
    sides.peer("Twisted", "twisted_imap", lambda driver: _length(driver.commands(reads)))
    sides.peer("imap-codec", "imap_codec", lambda driver: _length(driver.commands(reads)))
    sides.add(FLOOR, lambda: _length(lambda: floor_imap.commands(reads)))
    return sides.row(
        f"IMAP server: {count:,} mixed pipelined commands, read and not carried out",
        EACH,
        [Goal("Twisted", 5)],
        "ours with typed arguments",
    )

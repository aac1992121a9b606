"""Which sides meet on which workload, and what is to be reached: SMTP, and what all share.

Each other protocol has a module of its own; `rows()` has them all.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle

from mailproto import smtp

from . import floor, ours, ours_imap, rows_imap, rows_message, rows_pop3, workloads
from .row import (
    EACH,
    FLOOR,
    OCTET,
    OURS,
    RATE,
    SECONDS,
    Goal,
    Row,
    Sides,
    Sizes,
    delivering,
    megabytes,
)
from .timing import Side, measure
from .workloads import Sink

__all__ = ["EXPONENT_GOAL", "exponents", "rows"]

EXPONENT_GOAL = 1.1


def rows(sizes: Sizes) -> Iterator[Row]:
    """The rows, one at a time: the bytes of one need not be held while another runs."""
    yield _transactions_in(sizes.transactions)
    content = workloads.message(sizes.large)
    yield _data_in(content)
    yield _bdat_in(content)
    yield from _transactions_out(sizes.transactions)
    yield from _data_out(content)
    del content
    yield from rows_pop3.rows(sizes)
    yield from rows_imap.rows(sizes)
    yield from rows_message.rows(sizes)
    yield from _lines(sizes.line)


def _messages(sink: Sink) -> int:
    return sink.messages


def _octets(sink: Sink) -> int:
    return sink.octets


def _transactions_in(count: int) -> Row:
    reads = workloads.sessions(count, workloads.message())
    sides = Sides()
    sides.add(OURS, lambda: delivering(lambda sink: ours.server(reads, sink), _messages))
    sides.peer(
        "Twisted",
        "twisted",
        lambda driver: delivering(lambda sink: driver.server(reads, sink), _messages),
    )
    sides.peer(
        "aiosmtpd",
        "aiosmtpd",
        lambda driver: delivering(lambda sink: driver.server(reads, sink, count), _messages),
    )
    sides.add(FLOOR, lambda: lambda: floor.server(reads, Sink()))
    return sides.row(
        f"SMTP server: {count:,} pipelined transactions (MAIL, 3 RCPT, DATA 2 KB)",
        EACH,
        [Goal("Twisted", 4, first=3), Goal("aiosmtpd", 18)],
    )


def _data_in(content: bytes) -> Row:
    reads = workloads.data_stream(content)
    sides = Sides()
    sides.add(OURS, lambda: delivering(lambda sink: ours.server(reads, sink), _octets))
    sides.peer(
        "aiosmtpd",
        "aiosmtpd",
        lambda driver: delivering(lambda sink: driver.server(reads, sink, 1), _octets),
    )
    sides.peer(
        "Twisted",
        "twisted",
        lambda driver: delivering(lambda sink: driver.server(reads, sink), _octets),
    )
    sides.add(FLOOR, lambda: lambda: floor.data(reads, Sink()))
    return sides.row(
        f"SMTP server: DATA of {megabytes(content)}, dot-stuffed, in 64 KiB reads",
        SECONDS,
        [Goal("aiosmtpd", 8)],
        "ours with the bare CR/LF check",
    )


def _bdat_in(content: bytes) -> Row:
    reads = workloads.bdat_stream(content)
    sides = Sides()
    sides.add(OURS, lambda: delivering(lambda sink: ours.server(reads, sink), _octets))
    sides.add(FLOOR, lambda: lambda: floor.bdat(reads, Sink()))
    return sides.row(
        f"SMTP server: BDAT of {megabytes(content)} in 64 KiB reads", RATE, note="no peer has it"
    )


def _transactions_out(count: int) -> Iterator[Row]:
    content = workloads.message()
    for pipelining in (True, False):
        sides = Sides()
        sides.add(OURS, partial(ours.client, count, content, len, pipelining=pipelining))
        sides.peer("Twisted", "twisted", lambda driver: driver.client(count, content, len))
        sides.peer("smtplib", "stdlib", lambda driver: driver.client(count, content, len))
        sides.peer("smtpproto", "smtpproto", lambda driver: driver.client(count, content, len))
        sides.add(FLOOR, lambda: lambda: floor.client(count, content, len, cycle(_ACCEPTED)))
        yield sides.row(
            f"SMTP client: {count:,} transactions (MAIL, 3 RCPT, DATA 2 KB), "
            + ("ours pipelined" if pipelining else "ours in lock step too"),
            EACH,
            [Goal("Twisted", 2), Goal("smtplib", 2)] if pipelining else (),
            "peers in lock step: they know no pipelining",
        )


_ACCEPTED = (b"250 2.1.0 OK\r\n", *[b"250 2.1.5 OK\r\n"] * 3, b"354 go\r\n", b"250 2.0.0 OK\r\n")


def _data_out(content: bytes) -> Iterator[Row]:
    pieces = workloads.chunks(content)
    for policy, factor in ((smtp.BareNewlines.REJECT, 1.25), (smtp.BareNewlines.PRESERVE, 2.5)):
        sides = Sides()
        quirks = smtp.Quirks(bare_newlines=policy)
        sides.add(OURS, partial(ours.client_large, pieces, len, quirks=quirks))
        sides.peer("smtplib", "stdlib", lambda driver: driver.stuffing(content, len))
        sides.add(FLOOR, lambda: lambda: floor.stuffing(pieces, len))
        checked = policy is smtp.BareNewlines.REJECT
        yield sides.row(
            f"SMTP client: dot-stuffing {megabytes(content)}, "
            + ("with the bare CR/LF check" if checked else "without it, as smtplib"),
            SECONDS,
            [Goal("smtplib", factor)],
        )


def _lines(octets: int) -> Iterator[Row]:
    for kind, mine, begin in (
        ("a command", ours.server_line, b"NOOP "),
        ("a reply", ours.client_line, b"250 "),
        ("an IMAP command", ours_imap.command_line, b"A1 NOOP "),
        ("an IMAP response", ours_imap.line, b"* OK "),
    ):
        line = workloads.long_line(octets, begin)
        yield _line(kind, mine, line)


def _line(kind: str, mine: Callable[[Sequence[bytes]], Callable[[], int]], line: bytes) -> Row:
    octets = workloads.chunks(line, 1)
    sides = Sides()
    sides.add(OURS, lambda: mine(octets))
    sides.peer("imaplib", "stdlib", lambda driver: driver.line(line))
    sides.add(FLOOR, lambda: lambda: floor.line(octets))
    return sides.row(
        f"any: {kind} line of {len(line) // 1024} KiB, one octet per read",
        OCTET,
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
        ("IMAP command line (server)", ours_imap.command_line, b"A1 NOOP "),
        ("IMAP response line (client)", ours_imap.line, b"* OK "),
    ):
        quickest = []
        for size in (octets // 4, octets, octets * 4):
            reads = workloads.chunks(workloads.long_line(size, begin), 1)
            side = Side(OURS, partial(mine, reads))
            quickest.append(min(measure([side], rounds)[OURS].seconds))
        found[name] = math.log(quickest[-1] / quickest[0], 16)
    return found

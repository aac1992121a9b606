"""How much memory a body of 1 GiB, a listing of a million messages, or a mail of 10 MB, costs.

And, without a goal, what the answers of an IMAP listing weigh that a client keeps.

Each case in a fresh process.

The growth is the peak above what was there when the body had begun (some pieces are fed first, so
that every buffer has its size). Two figures: what Python allocated (`tracemalloc`, exact), and how
much the peak of the resident set rose (Linux only; what the operating system saw). The body is one
block of 64 KiB, fed again and again, so the input itself does not grow. A server that lists a
maildrop holds it, and so does who reads a whole message: that is there before the measurement
begins.

``python -m benchmarks.memory CASE OCTETS`` measures one case and prints it as JSON.
"""

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from mailproto import smtp

from . import (
    ours,
    ours_imap,
    ours_message,
    ours_pop3,
    peers,
    workloads,
    workloads_imap,
    workloads_message,
    workloads_pop3,
)
from .workloads import CHUNK, HOST, RECIPIENTS, SENDER, Sink

__all__ = [
    "CASES",
    "GOAL",
    "HELD",
    "LISTED",
    "Growth",
    "Kept",
    "kept",
    "measure",
    "measure_here",
]

GOAL = 1 << 20
"""Octets that the growth has to stay below."""
LISTED = 1_000_000
"""Messages of a listing at most."""
HELD = 10_000_000
"""Octets of a whole message at most."""

_WARM_UP = 32
"""Blocks that are fed before the measurement begins."""


@dataclass(frozen=True)
class Growth:
    """Octets that one case grew by. `resident` is None where the system does not tell."""

    case: str
    octets: int
    allocated: int
    resident: int | None


def _block() -> bytes:
    """64 KiB of stuffed text: whole lines, so that it may follow itself."""
    text = workloads.stuff(workloads.message(CHUNK - 4096)).removesuffix(b".\r\n")
    return text + b"x" * (CHUNK - len(text) - 2) + b"\r\n"


def _server(pieces: Iterator[bytes], command: bytes, end: bytes) -> None:
    reads = [
        f"EHLO {HOST}\r\n".encode("ascii"),
        f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECIPIENTS[0]}>\r\n".encode("ascii") + command,
    ]
    sink = Sink()
    ours.server_reads(smtp.Server(), chain(reads, pieces, [end]), sink, len)
    if sink.messages != 1:
        raise AssertionError("the message did not arrive")


def _client(pieces: Iterator[bytes], *, chunking: bool) -> None:
    if ours.client_large(pieces, len, chunking=chunking)() < 0:
        raise AssertionError("the message was not accepted")


def _retrieved(pieces: Iterator[bytes]) -> None:
    sink = Sink()
    ours_pop3.retrieved(chain([b"+OK\r\n"], pieces, [b".\r\n"]), sink)
    if sink.messages != 1:
        raise AssertionError("the message did not arrive")


def _counted(pieces: Iterator[bytes], octets: int) -> None:
    # The same entries over and over: a client does not mind.
    line = b"1234567 0012d68f5f3b2c1a\r\n".rjust(workloads_pop3.ENTRY + 1, b"0")
    lines = CHUNK // len(line)
    block = line * lines
    reads = chain([b"+OK\r\n"], (block for _ in pieces), [b".\r\n"])
    if ours_pop3.counted(reads) != octets // CHUNK * lines:
        raise AssertionError("entries are missing")


def _listed(pieces: Iterator[bytes], octets: int) -> None:
    # What is written counts as what was fed elsewhere.
    ours_pop3.listed(
        octets // workloads_pop3.ENTRY,
        lambda data: [next(pieces, None) for _ in range(len(data) // CHUNK)],
    )


def _section(pieces: Iterator[bytes], octets: int) -> None:
    head, tail = workloads_imap.section(1, octets)
    sink = Sink()
    ours_imap.streamed(chain([head], pieces, [tail]), sink)
    if sink.messages != 1:
        raise AssertionError("the message did not arrive")


def _skimmed(pieces: Iterator[bytes], octets: int) -> None:
    # The same answers over and over, none of them kept.
    block = b"".join(workloads_imap.fetches(CHUNK // 100))
    if ours_imap.counted(block for _ in pieces) != octets // CHUNK * (CHUNK // 100):
        raise AssertionError("answers are missing")


def _structure(pieces: Iterator[bytes], octets: int) -> None:
    # The message is there before the first piece is asked for; the pieces only set the clock.
    raw = workloads_message.attached(octets)
    ours_message.structure(raw)
    for _ in pieces:
        pass
    if len(ours_message.structure(raw)) != 3:
        raise AssertionError("parts are missing")


def _pushed(pieces: Iterator[bytes]) -> None:
    head, _, tail = workloads_message.attached(0).rpartition(b"\r\n--")
    if ours_message.parts_pushed(chain([head, b"\r\n"], pieces, [b"--", tail])) != 3:
        raise AssertionError("parts are missing")


_RUNS: dict[str, Callable[[Iterator[bytes], int], None]] = {
    "SMTP server: DATA": lambda pieces, _: _server(pieces, b"DATA\r\n", b".\r\n"),
    "SMTP server: BDAT": lambda pieces, octets: _server(
        pieces, f"BDAT {octets} LAST\r\n".encode("ascii"), b""
    ),
    "SMTP client: DATA": lambda pieces, _: _client(pieces, chunking=False),
    "SMTP client: BDAT": lambda pieces, _: _client(pieces, chunking=True),
    "POP3 server: RETR": lambda pieces, _: ours_pop3.served(pieces, len),
    "POP3 client: RETR": lambda pieces, _: _retrieved(pieces),
    "POP3 server: UIDL": _listed,
    "POP3 client: UIDL": _counted,
    "IMAP client: FETCH (BODY[])": _section,
    "IMAP client: FETCH (UID FLAGS ...), none kept": _skimmed,
    "Message: push parser": lambda pieces, _: _pushed(pieces),
    "Message: structure": _structure,
}

CASES = tuple(_RUNS)
"""What can be measured."""
_MOST: dict[str, int] = {
    "POP3 server: UIDL": LISTED * workloads_pop3.ENTRY,
    "POP3 client: UIDL": LISTED * workloads_pop3.ENTRY,
    "IMAP client: FETCH (UID FLAGS ...), none kept": LISTED * 100,
    "Message: structure": HELD,
}
"""Octets of cases that are not to have more."""


def measure(case: str, octets: int) -> Growth:
    """Measure one of `CASES` in a process of its own."""
    command = [sys.executable, "-m", __spec__.name, case, str(octets)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Growth(**json.loads(done.stdout))


def measure_here(case: str, octets: int) -> Growth:
    """Measure in this process: `octets` is rounded down to whole blocks."""
    run, block = _RUNS[case], _block()
    count = min(octets, _MOST.get(case, octets)) // CHUNK
    resident: list[int] = []

    def pieces(begin: Callable[[], None]) -> Iterator[bytes]:
        for number in range(count):
            if number == min(_WARM_UP, count - 1):
                begin()
            yield block

    def reset() -> None:
        _reset_resident_peak()
        resident.extend(_resident_peak())

    run(pieces(reset), count * CHUNK)
    resident.extend(_resident_peak())

    held = -1

    def begin() -> None:
        nonlocal held
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()

    tracemalloc.start()
    run(pieces(begin), count * CHUNK)
    allocated = tracemalloc.get_traced_memory()[1] - held
    tracemalloc.stop()
    if held < 0:
        raise AssertionError("the measurement never began")
    rise = max(resident[1] - resident[0], 0) if len(resident) == 2 else None
    return Growth(case, count * CHUNK, allocated, rise)


@dataclass(frozen=True)
class Kept:
    """What one answer weighs in the memory of `side` that keeps all of them. None: no such peer."""

    side: str
    octets: float | None


def kept(count: int) -> list[Kept]:
    """Each side with the answers to FETCH (UID FLAGS RFC822.SIZE INTERNALDATE), all of them kept.

    The answers come one by one, so that no side keeps a read alive.
    """
    reads = b"".join(workloads_imap.fetches(count)).splitlines(keepends=True)
    runs: dict[str, Callable[[], object] | None] = {
        "mailproto, as they came": lambda: ours_imap.skimmed(reads),
        "mailproto, values only": lambda: ours_imap.fetches(reads),
    }
    for name, module in (("IMAPClient", "imapclient"), ("imaplib, raw lines", "imaplib")):
        driver = peers.load(module)
        runs[name] = None if driver is None else driver.fetches(reads, count)
    found: list[Kept] = []
    for name, run in runs.items():
        if run is None:
            found.append(Kept(name, None))
            continue
        tracemalloc.start()
        answers = run()
        found.append(Kept(name, tracemalloc.get_traced_memory()[0] / count))
        tracemalloc.stop()
        del answers
    return found


def _resident_peak() -> list[int]:
    """The peak of the resident set in octets, or nothing where that cannot be known."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(line.split()[1]) * 1024 for line in status.splitlines() if line[:6] == "VmHWM:"]


def _reset_resident_peak() -> None:
    """Let the peak begin at what is resident now, where that is allowed."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return  # the peak of the warm-up stays: the growth may be told too small, never too large


if __name__ == "__main__":
    print(json.dumps(asdict(measure_here(sys.argv[1], int(sys.argv[2])))))

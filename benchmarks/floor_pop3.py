"""The floor of POP3: hand-written loops with no state machine, which believe whatever they get."""

import re
from collections.abc import Callable, Sequence

from . import floor
from .workloads import Sink
from .workloads_pop3 import maildrop

__all__ = ["commands", "listing", "retrieval"]

_ENTRY = re.compile(rb"([0-9]+) ([^\r]+)\r\n")


def listing(reads: Sequence[bytes]) -> list[object]:
    """The entries of UIDL: one `findall` on the whole lines of each read."""
    found: list[object] = []
    held = reads[0].partition(b"\r\n")[2]
    for read in [b"", *reads[1:]]:
        lines, end, held = (held + read).rpartition(b"\r\n")
        found += [(int(one), two.decode("ascii")) for one, two in _ENTRY.findall(lines + end)]
    return found


def retrieval(reads: Sequence[bytes], sink: Sink) -> None:
    """A message: unstuffed chunk by chunk."""
    floor.text(reads[1:], sink)
    sink.end("", ())


def commands(reads: Sequence[bytes], messages: int, write: Callable[[bytes], object]) -> None:
    """One `split` for the lines, one for the words, an if-chain for the verbs."""
    sizes = [size for size, _ in maildrop(messages)]
    ids = [unique_id.encode("ascii") for _, unique_id in maildrop(messages)]
    left, octets = len(sizes), sum(sizes)
    deleted = set[int]()
    held = b""
    for read in reads:
        out: list[bytes] = []
        *lines, held = (held + read).split(b"\r\n")
        for line in lines:
            verb, _, argument = line.partition(b" ")
            if verb == b"LIST":
                out.append(b"+OK %b %d\r\n" % (argument, sizes[int(argument) - 1]))
            elif verb == b"UIDL":
                out.append(b"+OK %b %b\r\n" % (argument, ids[int(argument) - 1]))
            elif verb == b"DELE":
                number = int(argument) - 1
                deleted.add(number)
                left -= 1
                octets -= sizes[number]
                out.append(b"+OK\r\n")
            elif verb == b"STAT":
                out.append(b"+OK %d %d\r\n" % (left, octets))
            elif verb == b"RSET":
                deleted.clear()
                left, octets = len(sizes), sum(sizes)
                out.append(b"+OK\r\n")
            else:
                out.append(b"+OK\r\n")
        write(b"".join(out))

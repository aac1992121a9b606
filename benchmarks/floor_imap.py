"""The floor of IMAP: hand-written loops with no state machine, which believe whatever they get.

They know how the lines of `workloads_imap` are built: one pattern for each kind, no other order of
items, nothing escaped.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from .workloads import Sink

__all__ = ["bodies", "commands", "esearch", "fetches", "listing", "search", "structures"]


def _lines(reads: Sequence[bytes]) -> Iterator[bytes]:
    held = b""
    for read in reads:
        *lines, held = (held + read).split(b"\r\n")
        yield from lines


_FETCH = re.compile(
    rb"\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\) RFC822.SIZE (\d+) INTERNALDATE \"([^\"]*)\"\)"
)
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: f"{number:02}" for number, name in enumerate(_NAMES, 1)}


def _date(text: str) -> datetime:
    day = text[:2].replace(" ", "0")
    return datetime.fromisoformat(
        f"{text[7:11]}-{_MONTHS[text[3:6]]}-{day}T{text[12:20]}{text[21:]}"
    )


def fetches(reads: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """UID, flags, size, date: one `match` for a line."""
    found: list[tuple[Any, ...]] = []
    for line in _lines(reads):
        match = _FETCH.match(line)
        assert match is not None
        uid, flags, size, date = match.groups()
        words = flags.decode("ascii").split()
        found.append((int(uid), words, int(size), _date(date.decode("ascii"))))
    return found


_TOKEN = re.compile(r'"([^"]*)"|([()])|([^ ()"]+)')


def structures(reads: Sequence[bytes]) -> list[list[Any]]:
    """Nested lists of strings: one `finditer` for a line."""
    found: list[list[Any]] = []
    for line in _lines(reads):
        stack: list[list[Any]] = [[]]
        for string, parenthesis, word in _TOKEN.findall(line.decode("ascii")):
            if parenthesis == "(":
                stack.append([])
            elif parenthesis:
                done = stack.pop()
                stack[-1].append(done)
            elif word:
                stack[-1].append(None if word == "NIL" else word)
            else:
                stack[-1].append(string)
        found.append(stack[0][3])
    return found


def bodies(reads: Sequence[bytes], sink: Sink) -> None:
    """Messages: the octets that a line announces are counted down."""
    held, left = b"", 0
    for read in reads:
        if left:
            sink.write(read if len(read) <= left else read[:left])
            if left > len(read):
                left -= len(read)
                continue
            held, left = read[left:], 0
            sink.end("", ())
        else:
            held += read
        while (end := held.find(b"}\r\n")) > 0:
            left = int(held[held.rindex(b"{", 0, end) + 1 : end])
            body = held[end + 3 : end + 3 + left]
            sink.write(body)
            held = held[end + 3 + len(body) :]
            left -= len(body)
            if left:
                break
            sink.end("", ())


_LIST = re.compile(r'\* LIST \(([^)]*)\) "(.)" (?:"([^"]*)"|(.*))')


def listing(reads: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """Attributes, delimiter, name: one `match` for a line, no name decoded."""
    found: list[tuple[Any, ...]] = []
    for line in _lines(reads):
        match = _LIST.match(line.decode("ascii"))
        assert match is not None
        attributes, delimiter, quoted, atom = match.groups()
        found.append((tuple(attributes.split()), delimiter, quoted or atom))
    return found


def search(reads: Sequence[bytes]) -> list[int]:
    """Numbers: one `split`."""
    return list(map(int, b"".join(reads).split()[2:]))


def esearch(reads: Sequence[bytes]) -> list[int]:
    """Numbers: each range of the set by hand."""
    found: list[int] = []
    for one in b"".join(reads).split()[-1].split(b","):
        first, colon, last = one.partition(b":")
        if colon:
            found += range(int(first), int(last) + 1)
        else:
            found.append(int(first))
    return found


def commands(reads: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """One `split` for the words."""
    found: list[tuple[Any, ...]] = []
    for line in _lines(reads):
        tag, verb, *arguments = line.decode("ascii").split(" ", 2)
        if verb == "UID":
            verb, *arguments = arguments[0].split(" ", 1)
        words = arguments[0].split(" ", 1) if arguments else []
        found.append((tag, verb, words))
    return found

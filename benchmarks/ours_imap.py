"""mailproto's side in IMAP: the parsers of the language, fed from memory.

What is read is looked at, value by value, and kept as a program would keep it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from mailproto import Limits, imap
from mailproto.imap import BodyChunk, BodyEnd, FetchData, ListData, ParsedResponse

from .workloads import Sink

__all__ = [
    "bodies",
    "command_line",
    "commands",
    "counted",
    "esearch",
    "fetches",
    "line",
    "listing",
    "search",
    "skimmed",
    "streamed",
    "structures",
]


def _responses(reads: Iterable[bytes]) -> Iterator[ParsedResponse]:
    parser = imap.ResponseParser()
    receive_data, following = parser.receive_data, parser.next
    for read in reads:
        receive_data(read)
        while (found := following()) is not None:
            yield found


R = TypeVar("R")


def _seen(reads: Iterable[bytes], kind: type[R], look: Callable[[R], Any]) -> list[Any]:
    """What `look` sees in each response of a kind."""
    parser = imap.ResponseParser()
    receive_data, following = parser.receive_data, parser.next
    found: list[Any] = []
    for read in reads:
        receive_data(read)
        while (data := following()) is not None:
            if isinstance(data, kind):
                found.append(look(data))
    return found


def fetches(reads: Iterable[bytes]) -> list[tuple[Any, ...]]:
    """Each message of a listing: UID, flags, size, date."""
    return _seen(
        reads, FetchData, lambda data: (data.uid, data.flags, data.size, data.internaldate)
    )


def structures(reads: Iterable[bytes]) -> list[tuple[Any, ...]]:
    """Each message of a listing with its structure: UID, flags, envelope, structure."""
    return _seen(
        reads, FetchData, lambda data: (data.uid, data.flags, data.envelope, data.bodystructure)
    )


def skimmed(reads: Iterable[bytes]) -> list[tuple[Any, ...]]:
    """The same listing kept as it is, of which only the UIDs are looked at."""
    return _seen(reads, FetchData, lambda data: (data.uid, data))


def counted(reads: Iterable[bytes]) -> int:
    """How many messages of a listing have a UID; none is kept."""
    return sum(
        isinstance(data, FetchData) and data.uid is not None and data.internaldate is not None
        for data in _responses(reads)
    )


def streamed(reads: Iterable[bytes], sink: Sink) -> None:
    """Messages into `sink`, whatever their size."""
    parser = imap.ResponseParser()
    receive_data, following = parser.receive_data, parser.next
    write = sink.write
    came = False  # in pieces
    for read in reads:
        receive_data(read)
        while (found := following()) is not None:
            if isinstance(found, BodyChunk):
                write(found.data)
            elif isinstance(found, BodyEnd):
                sink.end("", ())
                came = True
            elif isinstance(found, FetchData):
                if not came and isinstance(small := found.section(), bytes):
                    write(small)
                    sink.end("", ())
                came = False


def bodies(reads: Sequence[bytes], sink: Sink) -> Callable[[], None]:
    """A run that reads messages into `sink`."""
    return lambda: streamed(reads, sink)


def listing(reads: Iterable[bytes]) -> list[tuple[Any, ...]]:
    """Each mailbox: attributes, delimiter, name."""
    return _seen(reads, ListData, lambda data: (data.attributes, data.delimiter, data.mailbox))


def search(reads: Iterable[bytes]) -> tuple[int, ...]:
    """The numbers that were found."""
    (data,) = _responses(reads)
    assert isinstance(data, imap.SearchData)
    return data.numbers


def esearch(reads: Iterable[bytes]) -> list[int]:
    """The numbers that were found, from a set."""
    (data,) = _responses(reads)
    assert isinstance(data, imap.ESearchData)
    return list(data["ALL"].numbers())


def commands(reads: Iterable[bytes]) -> list[imap.ParsedCommand]:
    """Commands."""
    parser = imap.CommandParser()
    receive_data, following = parser.receive_data, parser.next
    found: list[imap.ParsedCommand] = []
    for read in reads:
        receive_data(read)
        while (command := following()) is not None:
            found.append(command)
    return found


def line(octets: Sequence[bytes]) -> Callable[[], int]:
    """A run that reads one response from one-octet reads."""
    return lambda: _octet_by_octet(imap.ResponseParser(), octets)


def command_line(octets: Sequence[bytes]) -> Callable[[], int]:
    """A run that reads one command from one-octet reads."""
    return lambda: _octet_by_octet(imap.CommandParser(Limits(command=None)), octets)


def _octet_by_octet(
    parser: imap.ResponseParser | imap.CommandParser, octets: Sequence[bytes]
) -> int:
    receive_data, following = parser.receive_data, parser.next
    for number, octet in enumerate(octets, 1):
        receive_data(octet)
        if following() is not None:
            return number
    raise AssertionError("no line")

"""IMAPClient, above imaplib over a fake socket.

Switched off, since they are options: the logging of every line (`debug` of its imaplib), and times
turned into those of this machine (`normalise_times`: they keep their zone, as ours do). All else is
its own way from `fetch()`, `list_folders()` and `search()` to the values.

It has no ESEARCH: what a set answers is measured beside its SEARCH, which is how one gets the same
numbers from it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from imapclient import IMAPClient

from benchmarks.workloads_imap import ITEMS, STRUCTURE, numbers

from .imaplib import Connected, load

__all__ = ["fetches", "listing", "search", "structures"]


class _Client(IMAPClient):
    """An `IMAPClient` that gets a fake socket."""

    def _create_IMAP4(self) -> Any:
        return Connected()

    def _set_read_timeout(self) -> None:
        pass


def _session(reads: Sequence[bytes]) -> Any:
    """A client whose next command is answered by `reads`."""
    client: Any = _Client("imap.example.com", ssl=False)
    client.normalise_times = False
    imap = client._imap
    imap.debug = 0
    client.capabilities()
    load(imap, reads)
    return client


def _fetched(
    reads: Sequence[bytes], count: int, items: Sequence[str]
) -> Callable[[], dict[int, dict[bytes, Any]]]:
    client = _session(reads)
    messages = list(numbers(count))
    return lambda: client.fetch(messages, items)


def fetches(reads: Sequence[bytes], count: int) -> Callable[[], dict[int, dict[bytes, Any]]]:
    """A run that reads the answer to UID FETCH: for each UID its items."""
    return _fetched(reads, count, ITEMS)


def structures(reads: Sequence[bytes], count: int) -> Callable[[], dict[int, dict[bytes, Any]]]:
    """A run that reads a listing with structures: for each UID its items."""
    return _fetched(reads, count, STRUCTURE)


def listing(reads: Sequence[bytes]) -> Any:
    """A run that reads the answer to LIST: attributes, delimiter and name of each mailbox."""
    client = _session(reads)
    return client.list_folders


def search(reads: Sequence[bytes]) -> Callable[[], list[int]]:
    """A run that reads the answer to UID SEARCH."""
    client = _session(reads)
    return lambda: client.search("UNSEEN")

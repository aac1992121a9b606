"""mailproto's side in POP3: the loop an embedder writes, with memory in place of a socket."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from mailproto import BodyWanted, Want, pop3
from mailproto.pop3 import BodyChunk, BodyEnd, Listing, Replied

from .workloads import Sink
from .workloads_pop3 import GREETING, LOGIN, LOGIN_REPLIES, maildrop

__all__ = ["commands", "counted", "listed", "listing", "retrieval", "retrieved", "served"]

_DATA = Want.DATA
_SEND = Want.SEND

Write = Callable[[bytes], object]


# --- Server ---------------------------------------------------------------------------------------


def _server(messages: Iterable[tuple[int, str]]) -> pop3.Server:
    """A server behind the login."""
    machine = pop3.Server(pop3.ServerConfig(hostname="pop.example.com"), tls=True)
    machine.data_to_send()
    for line in LOGIN:
        machine.receive_data(line)
        machine.next_event()
    machine.accept(maildrop=messages)
    machine.data_to_send()
    return machine


def commands(reads: Sequence[bytes], messages: int, write: Write) -> Callable[[], None]:
    """A run that feeds commands which the machine answers by itself."""
    machine = _server(maildrop(messages))

    def run() -> None:
        receive_data, next_event, data_to_send = (
            machine.receive_data,
            machine.next_event,
            machine.data_to_send,
        )
        for read in reads:
            receive_data(read)
            while (event := next_event()) is not _DATA:
                if event is _SEND:
                    write(data_to_send())
                elif machine.awaiting is not None:
                    raise AssertionError(event)

    return run


def served(pieces: Iterable[bytes], write: Write) -> None:
    """RETR of one message that the application gives in `pieces`."""
    machine = _server([(0, "id")])
    machine.receive_data(b"RETR 1\r\n")
    body = iter(pieces)
    while (event := machine.next_event()) is not _DATA:
        if event is _SEND:
            write(machine.data_to_send())
        elif not isinstance(machine.awaiting, BodyWanted):
            machine.accept()
        elif (piece := next(body, None)) is None:
            machine.end_body()
        else:
            machine.send_body(piece)


def listed(messages: int, write: Write) -> None:
    """UIDL of a whole maildrop."""
    machine = _server(maildrop(messages))
    machine.receive_data(b"UIDL\r\n")
    while (event := machine.next_event()) is not _DATA:
        if event is _SEND:
            write(machine.data_to_send())


# --- Client ---------------------------------------------------------------------------------------


def _client() -> pop3.Client:
    """A client behind the login."""
    machine = pop3.Client(tls=True)
    machine.receive_data(GREETING)
    machine.next_event()
    login: tuple[pop3.Command, ...] = (pop3.User("anna"), pop3.Pass("secret"))
    for command, reply in zip(login, LOGIN_REPLIES, strict=True):
        machine.send(command)
        machine.data_to_send()
        machine.receive_data(reply)
        machine.next_event()
    return machine


def _answers(
    machine: pop3.Client, command: pop3.Command, reads: Iterable[bytes]
) -> Iterator[pop3.ClientEvent]:
    """What comes in answer to `command`, up to its `Replied`."""
    machine.send(command)
    machine.data_to_send()
    next_event = machine.next_event
    for read in reads:
        machine.receive_data(read)
        while not isinstance(event := next_event(), Want):
            if isinstance(event, Replied):
                return
            yield event
    raise AssertionError("no reply")


def listing(reads: Sequence[bytes]) -> Callable[[], list[object]]:
    """A run that reads the answer to UIDL, and returns its entries."""
    machine = _client()

    def run() -> list[object]:
        found: list[object] = []
        for event in _answers(machine, pop3.Uidl(), reads):
            if isinstance(event, Listing):
                found += event.entries
        return found

    return run


def retrieved(reads: Iterable[bytes], sink: Sink) -> None:
    """The answer to RETR, into `sink`."""
    for event in _answers(_client(), pop3.Retr(1), reads):
        if isinstance(event, BodyChunk):
            sink.write(event.data)
        elif isinstance(event, BodyEnd):
            sink.end("", ())


def retrieval(reads: Sequence[bytes], sink: Sink) -> Callable[[], None]:
    """A run that reads the answer to RETR into `sink`."""
    return lambda: retrieved(reads, sink)


def counted(reads: Iterable[bytes]) -> int:
    """How many entries the answer to UIDL has; none is kept."""
    return sum(
        len(event.entries)
        for event in _answers(_client(), pop3.Uidl(), reads)
        if isinstance(event, Listing)
    )

"""mailproto's side: the loop an embedder writes, with memory in place of a socket.

The loops do what `docs/` tells everyone to do: ask `next_event()` until it says `DATA`, write what
`SEND` asks for, answer each event in the event. Nothing here knows a private name.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, count

from mailproto import Limits, Want, smtp
from mailproto.smtp import Bdat, BodyChunk, BodyEnd, Data, Mail, Outcome, Rcpt

from .workloads import EHLO_REPLY, GREETING, HOST, RECIPIENTS, SENDER, Sink

__all__ = ["client", "client_large", "client_line", "server", "server_line", "server_reads"]

_DATA = Want.DATA
_SEND = Want.SEND
_ANSWER = Want.ANSWER


def server_reads(
    server: smtp.Server, reads: Iterable[bytes], sink: Sink, write: Callable[[bytes], object]
) -> None:
    """Feed `reads` to `server`; accept everything; deliver to `sink` as it comes."""
    receive_data, next_event, accept = server.receive_data, server.next_event, server.accept
    sender = ""
    recipients: list[str] = []
    for read in chain((b"",), reads):
        receive_data(read)
        while (event := next_event()) is not _DATA:
            if event is _SEND:
                write(server.data_to_send())
                continue
            if isinstance(event, Rcpt):
                recipients.append(event.recipient)
                accept()
            elif isinstance(event, BodyChunk):
                sink.write(event.data)
            elif isinstance(event, Mail):
                sender = event.sender
                recipients = []
                accept()
            elif isinstance(event, BodyEnd):
                sink.end(sender, recipients)
                accept()
            elif isinstance(event, (Data, Bdat)):
                accept()
            elif isinstance(event, Want) or server.awaiting is not None:
                raise AssertionError(event)


def server(reads: Sequence[bytes], sink: Sink) -> Callable[[], None]:
    """A run that feeds everything behind the EHLO to `smtp.Server`."""
    machine = smtp.Server(smtp.ServerConfig(hostname="mx.example.com"))
    out: list[bytes] = []
    server_reads(machine, reads[:1], sink, out.append)
    out.clear()

    def write(data: bytes) -> None:
        out.append(data)
        out.clear()

    return lambda: server_reads(machine, reads[1:], sink, write)


class _Responder:
    """The other end of a client: accepts everything. It sees what was written, gives replies."""

    def __init__(self, ehlo: bytes) -> None:
        self._ehlo = ehlo
        self._in_text = False
        self._end = b""
        self._skip = 0

    def __call__(self, data: bytes) -> bytes:
        replies: list[bytes] = []
        while data:
            if self._in_text:
                self._end = (self._end + data[-5:])[-5:]
                if self._end != b"\r\n.\r\n":
                    break
                self._in_text = False
                replies.append(b"250 2.0.0 OK\r\n")
                break
            if self._skip:
                taken = min(self._skip, len(data))
                self._skip -= taken
                data = data[taken:]
                if not self._skip:
                    replies.append(b"250 2.0.0 OK\r\n")
                continue
            line, data = data.split(b"\r\n", 1)
            verb, _, argument = line.partition(b" ")
            if verb == b"DATA":
                self._in_text = True
                replies.append(b"354 go\r\n")
            elif verb == b"BDAT":
                self._skip = int(argument.split()[0])
                if not self._skip:
                    replies.append(b"250 2.0.0 OK\r\n")
            else:
                replies.append(self._ehlo if verb == b"EHLO" else _OK[verb])
        return b"".join(replies)


_OK = {b"MAIL": b"250 2.1.0 OK\r\n", b"RCPT": b"250 2.1.5 OK\r\n"}


class _Live:
    """The replies of a `_Responder`, read by read. Keeps them, to be played again."""

    def __init__(self, responder: _Responder) -> None:
        self._responder = responder
        self._pending: list[bytes] = []
        self.played: list[bytes] = []

    def write(self, data: bytes) -> None:
        if reply := self._responder(data):
            self._pending.append(reply)

    def __iter__(self) -> Iterator[bytes]:
        while self._pending:
            read = b"".join(self._pending)
            self._pending.clear()
            self.played.append(read)
            yield read


def _transaction(
    machine: smtp.Client,
    pieces: Iterable[bytes],
    write: Callable[[bytes], object],
    replies: Iterator[bytes],
) -> bool:
    """Pump until the `Outcome`, giving `pieces` when asked. Whether all was accepted."""
    next_event, body = machine.next_event, iter(pieces)
    while True:
        event = next_event()
        if event is _SEND:
            write(machine.data_to_send())
        elif event is _DATA:
            machine.receive_data(next(replies))
        elif event is _ANSWER:
            if (piece := next(body, None)) is None:
                machine.end_body()
            else:
                machine.send_body(piece)
        elif isinstance(event, Outcome):
            return event.reply is not None and event.reply.code == 250
        elif event is Want.CLOSE or event is Want.TLS:
            raise AssertionError(event)


def _connect(machine: smtp.Client, live: _Live) -> None:
    machine.receive_data(GREETING)
    _settle(machine, live)
    machine.send(smtp.Ehlo(HOST))
    _settle(machine, live)
    live.played.clear()


def _settle(machine: smtp.Client, live: _Live) -> None:
    """Pump until both sides wait."""
    while True:
        event = machine.next_event()
        if event is _SEND:
            live.write(machine.data_to_send())
        elif event is _DATA:
            if not (reads := list(live)):
                return
            machine.receive_data(b"".join(reads))
        elif isinstance(event, Want):
            raise AssertionError(event)


def client(
    times: int, content: bytes, write: Callable[[bytes], object], *, pipelining: bool = True
) -> Callable[[], int]:
    """A run of `times` whole transactions.

    One transaction goes ahead, against a peer that reads what it is sent; what this peer said, read
    by read, is played again for each of the others.
    """
    ehlo = EHLO_REPLY if pipelining else EHLO_REPLY.replace(b"250-PIPELINING\r\n", b"")
    ehlo = ehlo.replace(b"250 CHUNKING\r\n", b"250 HELP\r\n")
    machine = smtp.Client()
    live = _Live(_Responder(ehlo))
    _connect(machine, live)
    envelope = smtp.Envelope(SENDER, RECIPIENTS)
    pieces = (content,)
    machine.submit(envelope)
    if not _transaction(machine, pieces, live.write, _forever(live)):
        raise AssertionError("not accepted")
    replies = _queued(live.played)

    def run() -> int:
        accepted = 0
        for _ in range(times):
            machine.submit(envelope)
            accepted += _transaction(machine, pieces, write, replies)
        return accepted

    return run


def _queued(reads: Sequence[bytes]) -> Iterator[bytes]:
    """`reads` again and again, the last with a queue id of its own, as from a real server."""
    *first, _ = reads
    for number in count(1):
        yield from first
        yield b"250 2.0.0 OK: queued as %X\r\n" % number


def _forever(live: _Live) -> Iterator[bytes]:
    while True:
        yield from live


def client_large(
    pieces: Iterable[bytes],
    write: Callable[[bytes], object],
    *,
    chunking: bool = False,
    quirks: smtp.Quirks | None = None,
) -> Callable[[], int]:
    """A run that sends one large body, by DATA or by BDAT, in the pieces given."""
    machine = smtp.Client() if quirks is None else smtp.Client(quirks=quirks)
    live = _Live(_Responder(EHLO_REPLY))
    _connect(machine, live)
    total = 0

    def counted() -> Iterator[bytes]:
        nonlocal total
        for piece in pieces:
            total += len(piece)
            yield piece

    def both(data: bytes) -> None:
        write(data)
        live.write(data)

    def run() -> int:
        machine.submit(smtp.Envelope(SENDER, RECIPIENTS[:1]), chunking=chunking)
        accepted = _transaction(machine, counted(), both, _forever(live))
        return total if accepted else -1

    return run


def server_line(octets: Sequence[bytes]) -> Callable[[], int]:
    """A run that reads one command line from one-octet reads."""
    machine = smtp.Server(limits=Limits(line=None))
    server_reads(machine, [f"EHLO {HOST}\r\n".encode("ascii")], Sink(), len)
    return lambda: _octet_by_octet(machine, octets)


def client_line(octets: Sequence[bytes]) -> Callable[[], int]:
    """A run that reads one reply line from one-octet reads."""
    machine = smtp.Client(limits=Limits(reply=None))
    _connect(machine, _Live(_Responder(EHLO_REPLY)))
    machine.send(smtp.Noop())
    machine.data_to_send()
    return lambda: _octet_by_octet(machine, octets)


def _octet_by_octet(machine: smtp.Server | smtp.Client, octets: Sequence[bytes]) -> int:
    receive_data, next_event = machine.receive_data, machine.next_event
    for number, octet in enumerate(octets, 1):
        receive_data(octet)
        if next_event() is not _DATA:
            return number
    raise AssertionError("no event")

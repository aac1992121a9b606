"""What the SMTP tests share: machines brought to where a test begins, and what they said.

Nothing here expects anything: the tests do.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from mailproto import BodyWanted, Limits, Want
from mailproto.smtp import (
    AuthResponse,
    Challenge,
    Client,
    Data,
    Ehlo,
    Envelope,
    Lhlo,
    Quirks,
    Server,
    ServerConfig,
)
from mailproto.testing import Mark, Play, Trace, accept

Steps: TypeAlias = Sequence[bytes | Mark | Callable[[Any], object]]

EHLO = b"EHLO client.example\r\n"
LHLO = b"LHLO client.example\r\n"
MAIL = b"MAIL FROM:<a@a.example>\r\n"
RCPT = b"RCPT TO:<b@b.example>\r\n"
RCPT_2 = b"RCPT TO:<c@b.example>\r\n"

EVERYTHING = (
    "PIPELINING",
    "8BITMIME",
    "SMTPUTF8",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
    "SIZE",
    "BINARYMIME",
    "DSN",
    "DELIVERBY 60",
    "FUTURERELEASE 86400 2030-01-01T00:00:00Z",
    "MT-PRIORITY MIXER",
    "RRVS",
    "REQUIRETLS",
    "ETRN",
    "BURL imap",
    "XCLIENT NAME ADDR PORT PROTO HELO REVERSE_NAME LOGIN DESTADDR DESTPORT",
    "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
)


def prepared(machine: Any, *steps: Any, play: Play | None = None) -> Callable[[], Any]:
    """A maker of copies of `machine` as it is behind `steps`.

    Without a `play`, servers accept, and clients do only what the steps say.
    """
    if play is None and isinstance(machine, Server):
        play = accept
    for step in steps:
        _pump(machine, play)
        if callable(step):
            step(machine)
        else:
            machine.receive_data(step)
    _pump(machine, play)
    # What never changes is shared.
    shared = [getattr(machine, name) for name in _UNCHANGING if hasattr(machine, name)]
    return lambda: copy.deepcopy(machine, {id(value): value for value in shared})


_UNCHANGING = {"config", "_rows", "_limits", "_quirks", "_registry", "_capabilities"}


def _pump(machine: Any, play: Play | None) -> None:
    while True:
        want = machine.next_event()
        if want is Want.SEND:
            machine.data_to_send()
        elif want is Want.TLS:
            machine.tls_established()
        elif want is Want.DATA or want is Want.CLOSE or (want is Want.ANSWER and play is None):
            return
        elif play is not None:
            play(machine, want)


# --- Servers --------------------------------------------------------------------------------------


def server(
    *steps: Any,
    quirks: Quirks = Quirks(),  # noqa: B008 - frozen
    limits: Limits = Limits(),  # noqa: B008 - frozen
    tls: bool = False,
    play: Play | None = None,
    **config: Any,
) -> Callable[[], Any]:
    """A maker of servers to which `steps` have happened, and whose greeting has been sent."""
    config.setdefault("hostname", "mx.example")
    machine = Server(ServerConfig(**config), quirks=quirks, limits=limits, tls=tls)
    return prepared(machine, *steps, play=play)


def codes(said: bytes | Trace) -> list[int]:
    """The code of each reply in a server's output."""
    output = said.output if isinstance(said, Trace) else said
    return [int(code) for code in re.findall(rb"^([0-9]{3}) ", output, re.MULTILINE)]


def statuses(said: bytes | Trace) -> list[str]:
    """Code and enhanced code of each reply: "550 5.1.1"."""
    output = said.output if isinstance(said, Trace) else said
    found = re.findall(rb"^([0-9]{3}(?: [245]\.[0-9]+\.[0-9]+)?)(?: |$)", output, re.MULTILINE)
    return [status.decode() for status in found]


def names(trace: Trace) -> list[str]:
    """The classes of its events."""
    return [type(event).__name__ for event in trace.events]


def left(trace: Trace) -> Any:
    """The machine as it was left."""
    return trace.machine


def kind(trace: Trace, cls: type[Any]) -> Any:
    """Its only event of this class."""
    found = [event for event in trace.events if isinstance(event, cls)]
    assert len(found) == 1, f"{len(found)} events of {cls.__name__} in {trace.events}"
    return found[0]


def answering(*answers: Any) -> Callable[[], Play]:
    """Maker of a server's play that answers with these, in order, and then accepts.

    True accepts, False rejects, anything else is sent.
    """

    def make() -> Play:
        left = list(answers)

        def play(machine: Any, event: object) -> None:
            while machine.awaiting is not None:
                answer = left.pop(0) if left else True
                if answer is True:
                    machine.accept()
                elif answer is False:
                    machine.reject()
                else:
                    machine.send(answer)

        return play

    return make


# --- Clients --------------------------------------------------------------------------------------


def hello(*keywords: str, lmtp: bool = False) -> list[Any]:
    """Steps: the greeting, EHLO, and an answer that offers `keywords`."""
    lines = ["mx.example", *keywords]
    answer = "".join(
        f"250{' ' if number == len(lines) else '-'}{line}\r\n"
        for number, line in enumerate(lines, 1)
    )
    name = "client.example"
    return [
        b"220 mx.example ESMTP\r\n",
        sends(Lhlo(name) if lmtp else Ehlo(name)),
        answer.encode(),
    ]


def client(
    *keywords: str,
    lmtp: bool = False,
    quirks: Quirks = Quirks(),  # noqa: B008 - frozen
    limits: Limits = Limits(),  # noqa: B008 - frozen
    tls: bool = False,
    then: Sequence[Any] = (),
    play: Play | None = None,
) -> Callable[[], Any]:
    """A maker of clients that know a server which offers `keywords`."""
    machine = Client(quirks=quirks, limits=limits, tls=tls)
    return prepared(machine, *hello(*keywords, lmtp=lmtp), *then, play=play)


def sends(*items: Any) -> Any:
    """A step: the application sends these."""

    def act(machine: Any) -> None:
        for item in items:
            machine.send(item)

    return act


def submits(*recipients: str, sender: str = "a@x", **options: Any) -> Any:
    """A step: the application submits an envelope."""

    def act(machine: Any) -> None:
        machine.submit(Envelope(sender, recipients), **options)

    return act


def writing(*pieces: bytes) -> Callable[[], Play]:
    """Maker of a client's play that gives these as the body, one for each `ANSWER`."""

    def make() -> Play:
        left = list(pieces)

        def play(machine: Any, event: object) -> None:
            if event is Want.ANSWER and isinstance(machine.awaiting, BodyWanted):
                if left:
                    machine.send_body(left.pop(0))
                else:
                    machine.end_body()

        return play

    return make


def silent(machine: Any, event: object) -> None:
    """A client's play that answers each challenge with nothing."""
    if isinstance(machine.awaiting, Challenge):
        machine.send(AuthResponse(b""))


def flushed(machine: Any) -> bytes:
    """What it has to say now, until it wants something else than `SEND`."""
    said: list[bytes] = []
    while machine.next_event() is Want.SEND:
        said.append(machine.data_to_send())
    return b"".join(said)


IN_DATA: list[Any] = [sends(Data()), b"354 go\r\n"]

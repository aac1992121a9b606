"""What the POP3 tests share: machines brought to where a test begins, and what they said.

Nothing here expects anything: the tests do.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from mailproto import BodyWanted, Limits, Want
from mailproto.pop3 import (
    Apop,
    Auth,
    AuthResponse,
    Capa,
    Challenge,
    Client,
    Pass,
    Quirks,
    Reply,
    Server,
    ServerConfig,
)
from mailproto.testing import Play, Trace

MESSAGES = (
    b"Subject: one\r\n\r\n.dot\r\nline two\r\nline three\r\n",
    b"Subject: two\r\n\r\n",
    b"Subject: three\r\n\r\nx\r\n",
)
MAILDROP = tuple((len(text), f"uid-{at}") for at, text in enumerate(MESSAGES, 1))
LOGIN = b"USER bob\r\nPASS secret\r\n"
GREETING = b"+OK ready\r\n"
CAPA = b"+OK\r\nTOP\r\nUIDL\r\nUSER\r\nPIPELINING\r\nSTLS\r\nSASL SCRAM-SHA-256 PLAIN\r\n.\r\n"
LOGINS = (Pass, Apop, Auth, AuthResponse)


def prepared(machine: Any, *steps: Any, play: Play | None = None) -> Callable[[], Any]:
    """A maker of copies of `machine` as it is behind `steps`."""
    for step in steps:
        _pump(machine, play)
        if callable(step):
            step(machine)
        else:
            machine.receive_data(step)
    _pump(machine, play)
    return lambda: copy.deepcopy(machine)


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


def serving(
    messages: Sequence[bytes] = MESSAGES,
    *,
    maildrop: Sequence[tuple[int, str]] | None = None,
    size: int | None = None,
    say: Sequence[Any] = (),
) -> Callable[[], Play]:
    """Maker of a server's play that serves these messages, and says yes.

    `say` are answers to what is asked, in order, before that: True accepts, False rejects, anything
    else is sent. `size` cuts the messages into pieces.
    """
    drop = maildrop
    if drop is None:
        drop = [(len(text), f"uid-{at}") for at, text in enumerate(messages, 1)]

    def make() -> Play:
        left = list(say)
        pieces: list[bytes] = []
        begun: list[Any] = []

        def play(machine: Any, event: object) -> None:
            awaiting = machine.awaiting
            if isinstance(awaiting, BodyWanted):
                if event is not Want.ANSWER:
                    return
                if not begun:
                    begun.append(awaiting)
                    command: Any = awaiting.command
                    text = messages[command.number - 1]
                    step = size or len(text) or 1
                    pieces[:] = [text[at : at + step] for at in range(0, len(text), step)]
                if pieces and not machine.enough:
                    machine.send_body(pieces.pop(0))
                else:
                    begun.clear()
                    machine.end_body()
            elif awaiting is not None:
                answer = left.pop(0) if left else True
                if answer is True and isinstance(awaiting, LOGINS):
                    machine.accept(maildrop=drop)
                elif answer is True:
                    machine.accept()
                elif answer is False:
                    machine.reject()
                else:
                    machine.send(answer)

        return play

    return make


def server(
    *steps: Any,
    quirks: Quirks = Quirks(),  # noqa: B008 - frozen
    limits: Limits = Limits(),  # noqa: B008 - frozen
    tls: bool = True,
    greeting: Reply | None = None,
    play: Play | None = None,
    **config: Any,
) -> Callable[[], Any]:
    """A maker of servers to which `steps` have happened, and whose greeting has been sent."""
    config.setdefault("hostname", "pop.example")
    machine = Server(
        ServerConfig(**config), quirks=quirks, limits=limits, tls=tls, greeting=greeting
    )
    return prepared(machine, *steps, play=play or serving()())


def lines(said: bytes | Trace) -> list[str]:
    """The lines of a server's output."""
    output = said.output if isinstance(said, Trace) else said
    return output.decode("utf-8", "surrogateescape").split("\r\n")[:-1]


def statuses(said: bytes | Trace) -> list[str]:
    """+OK or -ERR of each reply, if no answer had several lines."""
    return [line.split(" ")[0] for line in lines(said)]


def names(trace: Trace) -> list[str]:
    """The classes of its events."""
    return [type(event).__name__ for event in trace.events]


def kind(trace: Trace, cls: type[Any]) -> Any:
    """Its only event of this class."""
    found = [event for event in trace.events if isinstance(event, cls)]
    assert len(found) == 1, f"{len(found)} events of {cls.__name__} in {trace.events}"
    return found[0]


# --- Clients --------------------------------------------------------------------------------------


def sends(*items: Any) -> Any:
    """A step: the application sends these."""

    def act(machine: Any) -> None:
        for item in items:
            machine.send(item)

    return act


def client(
    *steps: Any,
    quirks: Quirks = Quirks(),  # noqa: B008 - frozen
    limits: Limits = Limits(),  # noqa: B008 - frozen
    tls: bool = False,
    greeting: bytes = GREETING,
    capa: bytes | None = CAPA,
) -> Callable[[], Any]:
    """A maker of clients that have been greeted, know what the server can, and did `steps`."""
    before = [greeting] if capa is None else [greeting, sends(Capa()), capa]
    return prepared(Client(quirks=quirks, limits=limits, tls=tls), *before, *steps)


def logged_in(*steps: Any, **how: Any) -> Callable[[], Any]:
    """The same, in TRANSACTION."""
    return client(sends(Auth("SCRAM-SHA-256", b"x")), b"+OK\r\n", *steps, **how)


def silent(machine: Any, event: object) -> None:
    """A client's play that answers each challenge with nothing."""
    if isinstance(machine.awaiting, Challenge):
        machine.send(AuthResponse(b""))

"""POP3: commands and replies, what each side writes, and whole sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, cast

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .. import pop3
from .._machine import BodyWanted, Want
from ..limits import Limits
from ..testing import Link
from ._shared import (
    LINE,
    MECHANISMS,
    OCTETS,
    STRING,
    Shown,
    bodies,
    chunk_schedules,
    domains,
    once,
    text_form,
)

__all__ = [
    "Pop3Session",
    "pop3_client_streams",
    "pop3_commands",
    "pop3_configs",
    "pop3_maildrops",
    "pop3_replies",
    "pop3_server_streams",
    "pop3_sessions",
]

# --- Values ---------------------------------------------------------------------------------------

_NUMBER = st.sampled_from([1, 2, 2**63 - 1]) | st.integers(1, 20)
_NAME = st.sampled_from(["bob", "bob@example.com", "two words"]) | STRING.filter(bool)
_PASSWORD = st.sampled_from(["secret", " two  words "]) | LINE.filter(bool)
_DIGEST = st.text("0123456789abcdef", min_size=32, max_size=32)
_VERBS_3 = st.sampled_from(["LAST", "XTND", "RPOP", "X-1"])

_POP3_COMMANDS: Final[Mapping[type[object], SearchStrategy[pop3.Command]]] = {
    pop3.User: st.builds(pop3.User, _NAME),
    pop3.Pass: st.builds(
        pop3.Pass, st.sampled_from(["secret", " two  words "]) | LINE.filter(bool)
    ),
    pop3.Apop: st.builds(pop3.Apop, _NAME, _DIGEST),
    pop3.Auth: st.builds(pop3.Auth, MECHANISMS, st.none() | st.just(b"") | OCTETS),
    pop3.AuthResponse: st.builds(pop3.AuthResponse, st.just(b"") | OCTETS),
    pop3.AuthCancel: st.just(pop3.AuthCancel()),
    pop3.Stls: st.just(pop3.Stls()),
    pop3.Capa: st.just(pop3.Capa()),
    pop3.Stat: st.just(pop3.Stat()),
    pop3.List: st.builds(pop3.List, st.none() | _NUMBER),
    pop3.Retr: st.builds(pop3.Retr, _NUMBER),
    pop3.Dele: st.builds(pop3.Dele, _NUMBER),
    pop3.Noop: st.just(pop3.Noop()),
    pop3.Rset: st.just(pop3.Rset()),
    pop3.Quit: st.just(pop3.Quit()),
    pop3.Top: st.builds(pop3.Top, _NUMBER, st.sampled_from([0, 1, 10]) | st.integers(0, 2**63 - 1)),
    pop3.Uidl: st.builds(pop3.Uidl, st.none() | _NUMBER),
    pop3.Utf8: st.just(pop3.Utf8()),
    pop3.Lang: st.builds(pop3.Lang, st.none() | st.sampled_from(["*", "en", "de-AT", "x-own"])),
    pop3.UnknownCommand: st.builds(pop3.UnknownCommand, _VERBS_3, st.just("") | STRING),
}
_POP3_ANSWERS = (pop3.AuthResponse, pop3.AuthCancel)  # no commands: they stand behind a challenge


@once
def pop3_commands(*kinds: type[object]) -> SearchStrategy[pop3.Command]:
    """Commands of the given classes; without any, of all that `pop3.parse_command` can read.

    `pop3_commands(pop3.AuthResponse, pop3.AuthCancel)` are the answers to a challenge. Names and
    passwords may need UTF8 USER (RFC 6856).
    """
    wanted = kinds or tuple(kind for kind in _POP3_COMMANDS if kind not in _POP3_ANSWERS)
    return st.one_of([_POP3_COMMANDS[kind] for kind in wanted])


@once
def pop3_replies(ok: bool | None = None) -> SearchStrategy[pop3.Reply]:
    """Replies, with and without response codes; with `ok`, only +OK or only -ERR."""
    codes = st.sampled_from([*pop3.ResponseCode, "SYS/TEMP/DISK", "X-OWN"])
    text = LINE | st.builds("[{}] {}".format, codes, LINE)
    return st.builds(pop3.Reply, st.booleans() if ok is None else st.just(ok), text)


@once
def pop3_maildrops(*, max_size: int = 4) -> SearchStrategy[tuple[tuple[int, str], ...]]:
    """(octets, unique-id) of each message, as a server's `accept()` takes them."""
    octets = st.sampled_from([0, 1, 120, 2**63 - 1]) | st.integers(0, 10_000)
    edges = ["~" * 70, "!", ".", "<a@b>"]
    ids = st.sampled_from(edges) | st.text(st.characters(min_codepoint=33, max_codepoint=126))
    usable = ids.map(lambda text: text[:70] or "a")
    return st.lists(st.tuples(octets, usable), max_size=max_size).map(tuple)


_POP3_OFFERS = (
    "TOP",
    "UIDL",
    "USER",
    "PIPELINING",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "UTF8 USER",
    "EXPIRE 5 USER",
    "LOGIN-DELAY 60",
    "IMPLEMENTATION own",
    "X-OWN a b=c",
)


@once
def pop3_configs() -> SearchStrategy[pop3.ServerConfig]:
    """Server configurations with any set of capabilities; one can always log in with TLS."""
    every = st.just(_POP3_OFFERS)
    some = st.lists(st.sampled_from(_POP3_OFFERS), unique=True).map(lambda some: ("USER", *some))
    return st.builds(
        pop3.ServerConfig,
        hostname=domains(),
        capabilities=(every | some).map(lambda lines: tuple(dict.fromkeys(lines))),
        auth=st.sampled_from([(), ("SCRAM-SHA-256", "PLAIN"), ("PLAIN", "LOGIN")]),
        plaintext_auth=st.booleans(),
        stls=st.booleans(),
        languages=st.sampled_from([(), (("en", "English"), ("de-AT", ""))]),
        verbs=st.sampled_from([(), ("XTND",)]),
    )


# --- Streams --------------------------------------------------------------------------------------


@once
def pop3_client_streams() -> SearchStrategy[bytes]:
    """What a client writes in a whole session, pipelined: a login, then whatever, perhaps QUIT.

    Message numbers are 1 and others. No STLS: what is behind it does not come in plaintext.
    """
    logins = st.sampled_from(
        [[pop3.User("bob"), pop3.Pass("secret")], [pop3.Auth("PLAIN", b"\0bob\0secret")]]
    )
    kinds = [kind for kind in _POP3_COMMANDS if kind not in (*_POP3_ANSWERS, pop3.Stls, pop3.Quit)]
    number = st.sampled_from([1, 1, 2, 3, 9])
    usual = st.one_of(
        st.builds(pop3.Retr, number),
        st.builds(pop3.Dele, number),
        st.builds(pop3.Top, number, st.integers(0, 3)),
        st.builds(pop3.List, st.none() | number),
        st.builds(pop3.Uidl, st.none() | number),
    )
    rest = st.lists(usual | pop3_commands(*kinds), max_size=8)
    ends = st.sampled_from([[], [pop3.Quit()]])
    before = st.lists(pop3_commands(pop3.Capa, pop3.Lang), max_size=1)
    return st.builds(_said, before, logins, rest, ends)


def _said(*parts: list[pop3.Command]) -> bytes:
    return b"".join(pop3.encode(command) for part in parts for command in part)


@once
def pop3_server_streams() -> SearchStrategy[bytes]:
    """What a server writes: a greeting, mostly an answer to CAPA, and answers to whatever comes."""
    capa = st.lists(st.sampled_from([*_POP3_OFFERS, "STLS", "SASL PLAIN"]), max_size=8)
    entries = st.lists(
        st.builds("{} {}".format, st.integers(0, 99), st.integers(0, 999) | STRING), max_size=4
    )
    several = st.one_of(
        capa.map(lambda lines: "".join(f"{line}\r\n" for line in lines).encode()),
        entries.map(lambda lines: "".join(f"{line}\r\n" for line in lines).encode()),
        bodies(max_size=4),
    ).map(text_form)
    status = pop3_replies().map(pop3.encode)
    challenges = st.builds(pop3.Challenge, OCTETS).map(pop3.encode)
    texts = several.map(lambda text: b"+OK\r\n" + text)
    greetings = st.sampled_from(
        [b"+OK ready <1896.697170952@example.com>\r\n", b"+OK\r\n", b"-ERR [SYS/TEMP] no\r\n"]
    )
    rest = st.lists(status | texts | challenges, max_size=6)
    return st.tuples(greetings, rest).map(lambda said: said[0] + b"".join(said[1]))


# --- Sessions -------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, repr=False)
class Pop3Session(Shown):
    """Everything that decides about a session in which messages are retrieved, some deleted."""

    config: pop3.ServerConfig = pop3.ServerConfig(plaintext_auth=True)  # noqa: RUF009 - frozen
    """The server. When it offers STLS, the client starts TLS."""
    messages: tuple[bytes, ...] = ()
    """What is in the maildrop."""
    commands: tuple[pop3.Command, ...] = ()
    """What the client says between login and QUIT: in one go, where that is offered."""
    login: Literal["USER", "APOP", "AUTH"] = "USER"
    """How the client logs in."""
    step: int = 65_536
    """How many octets of a message the server's application gives at a time."""
    at_once: bool = True
    """Whether the server's application answers in the event, or waits until it is asked."""
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    """Of both sides."""
    schedule: tuple[int, ...] = ()
    """How much each read gives, on both sides."""
    pipe: int = 65_536
    """How many octets are on their way at most, in each direction."""

    @property
    def maildrop(self) -> tuple[tuple[int, str], ...]:
        """What the server's application opens."""
        return tuple((len(text), f"uid-{at}") for at, text in enumerate(self.messages, 1))

    def link(self) -> Link:
        """Both machines, with applications that play this session up to QUIT. `run()` runs it."""
        quirks = pop3.Quirks(plaintext_auth=True)
        return Link(
            pop3.Client(limits=self.limits, quirks=quirks),
            pop3.Server(
                self.config, limits=self.limits, greeting=self.config.greeting("1896.697170952")
            ),
            play_client=self._client(),
            play_server=self._server(),
            cuts=self.schedule,
            pipe=self.pipe,
        )

    def _server(self) -> Callable[[pop3.Server, object], None]:
        given = 0

        def play(server: pop3.Server, event: object) -> None:
            nonlocal given
            awaiting = server.awaiting
            if isinstance(awaiting, BodyWanted):
                if event is not Want.ANSWER:
                    return
                command = cast("pop3.Retr | pop3.Top", awaiting.command)
                piece = self.messages[command.number - 1][given : given + self.step]
                given += len(piece)
                if piece and not server.enough:
                    server.send_body(piece)
                else:
                    given = 0
                    server.end_body()
            elif awaiting is None or (event is not Want.ANSWER and not self.at_once):
                return
            elif isinstance(awaiting, (pop3.Pass, pop3.Apop, pop3.Auth)):
                server.accept(maildrop=self.maildrop)
            else:
                server.accept()

        return play

    def _client(self) -> Callable[[pop3.Client, object], None]:
        left: list[pop3.Command] = [*self.commands, pop3.Quit()]

        def login(client: pop3.Client) -> None:
            if self.login == "APOP" and client.timestamp is not None:
                client.send(pop3.Apop.make("bob", client.timestamp, "secret"))
            elif self.login == "AUTH" and client.capabilities and client.capabilities.sasl:
                client.send(pop3.Auth(client.capabilities.sasl[0], b"secret"))
            else:
                client.send(pop3.User("bob"))

        def play(client: pop3.Client, event: object) -> None:
            if isinstance(event, pop3.Greeting):
                client.send(pop3.Capa())
            elif not isinstance(event, pop3.Replied):
                return
            elif client.state is pop3.State.TRANSACTION:
                together = client.capabilities is not None and "PIPELINING" in client.capabilities
                while left and (together or not client.outstanding) and _free(client):
                    client.send(left.pop(0))
            elif isinstance(event.command, pop3.Stls):
                client.send(pop3.Capa())
            elif isinstance(event.command, pop3.Capa):
                offers = client.capabilities
                if offers is not None and "STLS" in offers and not client.tls:
                    client.send(pop3.Stls())
                else:
                    login(client)
            elif isinstance(event.command, pop3.User):
                client.send(pop3.Pass("secret"))

        return play


def _free(client: pop3.Client) -> bool:
    """Whether there is room for one more command."""
    room = client.limits.output > 100 or not client.outstanding
    return room and not any(pop3.RULES[one.verb].sync for _, one in client.outstanding)


@st.composite
def pop3_sessions(draw: st.DrawFn) -> Pop3Session:
    """Whole sessions: any configuration, any messages, and what may be said about them."""
    config = draw(pop3_configs())
    login = draw(st.sampled_from(["USER", "APOP", "AUTH"]))
    config = attrs.evolve(config, plaintext_auth=True)
    messages = draw(st.lists(bodies(bare_newlines=True, max_size=5), max_size=3))
    number = st.integers(1, len(messages) + 1)
    kinds: list[SearchStrategy[pop3.Command]] = [
        st.builds(pop3.Retr, number),
        st.builds(pop3.Dele, number),
        st.builds(pop3.List, st.none() | number),
        pop3_commands(pop3.Stat, pop3.Noop, pop3.Rset, pop3.Capa),
    ]
    if "TOP" in config.offered:
        kinds.append(st.builds(pop3.Top, number, st.integers(0, 3)))
    if "UIDL" in config.offered:
        kinds.append(st.builds(pop3.Uidl, st.none() | number))
    limits = st.builds(
        Limits,
        chunk=st.sampled_from([1, 7, 65_536]),
        output=st.sampled_from([1, 100, 262_144]),
        batch=st.sampled_from([1, 2, 1_000]),
    )
    return Pop3Session(
        config=config,
        messages=tuple(messages),
        commands=tuple(draw(st.lists(st.one_of(kinds), max_size=6))),
        login=cast(Any, login),
        step=draw(st.sampled_from([1, 3, 65_536])),
        at_once=draw(st.booleans()),
        limits=draw(limits),
        schedule=tuple(draw(chunk_schedules())),
        pipe=draw(st.sampled_from([65_536, 100, 1])),
    )

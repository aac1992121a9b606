"""mailproto's POP3 server serves poplib, curl, fetchmail, mpop and getmail.

It is `examples/pop3_server`, run as a program; what each client has is compared with what the
Maildir holds, byte for byte. That each client keeps exactly this was established in `test_lab.py`.
"""

from __future__ import annotations

import itertools
import poplib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from .certificates import Certificates, make_certificates
from .fetchers import FETCHERS, Retrieval
from .maildir import on_disk_with_lf
from .mechanisms import TOKENS
from .messages import MAILDROP, SPECIAL, expected
from .our_pop3_server import OurPop3Server
from .our_token_server import TokenServer
from .peers import PASSWORD
from .processes import HOST, PATIENCE

pytestmark = pytest.mark.interop

FEW = [one.raw for one in SPECIAL[:3]]

#: The servers, and the flags each is started with.
SERVERS = {
    "asyncio": ("--plaintext-auth", "--apop"),
    "trio": ("--plaintext-auth", "--apop", "--driver", "trio"),
    "tls-only": ("--apop",),
    "implicit": ("--implicit-tls", "--apop"),
}

#: What it lets one log in by.
OFFERED = ("USER", "APOP", "PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")


@pytest.fixture(scope="session")
def pop3_servers(
    lab_folder: Path, certificates: Certificates
) -> Iterator[dict[str, OurPop3Server]]:
    started = {
        name: OurPop3Server(lab_folder / f"pop3-{name}", certificates, flags)
        for name, flags in SERVERS.items()
    }
    try:
        for server in started.values():
            server.start()
        yield started
    finally:
        for server in started.values():
            server.stop()


@pytest.fixture
def pop3_server(pop3_servers: dict[str, OurPop3Server]) -> OurPop3Server:
    return pop3_servers["asyncio"]


MakeTask = Callable[[OurPop3Server], Retrieval]


@pytest.fixture
def make_task(open_folder: Path, certificates: Certificates) -> MakeTask:
    return lambda server: Retrieval(
        port=server.port, user="alice", folder=open_folder, certificates=certificates
    )


# --- The messages --------------------------------------------------------------------------------


@pytest.mark.parametrize("client", FETCHERS)
@pytest.mark.parametrize("driver", ["asyncio", "trio"])
@pytest.mark.parametrize("lf", [False, True], ids=["crlf", "lf"])
def test_every_message(
    pop3_servers: dict[str, OurPop3Server],
    make_task: MakeTask,
    client: str,
    driver: str,
    lf: bool,
) -> None:
    """Whatever the file has at the end of its lines, there is CRLF on the wire."""
    server, fetcher = pop3_servers[driver], FETCHERS[client]
    sent = [one.raw for one in MAILDROP[:20] if fetcher.can_keep(one)]
    stored = [on_disk_with_lf(one) if lf else one for one in sent]
    server.fill(stored)
    fetched = fetcher.fetch(make_task(server))
    assert fetched.ok, fetched.log
    assert list(fetched.messages) == [fetcher.kept(expected(one)) for one in sent]
    assert server.left() == stored


@pytest.mark.parametrize("client", FETCHERS)
def test_an_empty_maildrop(pop3_server: OurPop3Server, make_task: MakeTask, client: str) -> None:
    pop3_server.fill([])
    fetched = FETCHERS[client].fetch(make_task(pop3_server))
    assert fetched.ok, fetched.log
    assert fetched.messages == ()


@pytest.mark.parametrize("client", ["poplib", "curl"])
@pytest.mark.parametrize("driver", ["asyncio", "trio"])
def test_a_thousand_messages(
    pop3_servers: dict[str, OurPop3Server], make_task: MakeTask, client: str, driver: str
) -> None:
    """Each is fetched, then all are deleted."""
    server, fetcher = pop3_servers[driver], FETCHERS[client]
    sent = [one.raw for one in MAILDROP if fetcher.can_keep(one)]
    assert len(sent) > 1_000
    server.fill(sent)
    fetched = fetcher.fetch(attrs.evolve(make_task(server), keep=False))
    assert fetched.ok, fetched.log
    assert list(fetched.messages) == [fetcher.kept(expected(one)) for one in sent]
    assert server.left() == []


# --- Logging in ----------------------------------------------------------------------------------

LOGINS = [
    (name, auth)
    for name, one in FETCHERS.items()
    for auth in (None, *one.auth)
    if auth is None or auth in OFFERED
]


@pytest.mark.parametrize(("client", "auth"), LOGINS)
def test_every_login(
    pop3_server: OurPop3Server, make_task: MakeTask, client: str, auth: str | None
) -> None:
    """And each message is deleted when it was fetched."""
    fetcher = FETCHERS[client]
    pop3_server.fill(FEW)
    fetched = fetcher.fetch(attrs.evolve(make_task(pop3_server), auth=auth, keep=False))
    assert fetched.ok, fetched.log
    assert list(fetched.messages) == [fetcher.kept(one) for one in FEW]
    assert pop3_server.left() == []
    if fetcher.shows_commands and auth is not None:
        command = auth if auth in {"USER", "APOP"} else f"AUTH {auth}"
        assert re.search(rf"> {command}\b", fetched.log), fetched.log


@pytest.mark.parametrize(("client", "auth"), LOGINS)
def test_every_login_with_a_wrong_password(
    pop3_server: OurPop3Server, make_task: MakeTask, client: str, auth: str | None
) -> None:
    pop3_server.fill(FEW)
    task = attrs.evolve(make_task(pop3_server), auth=auth, password="wrong", keep=False)
    fetched = FETCHERS[client].fetch(task)
    assert not fetched.ok, fetched.log
    assert fetched.messages == ()
    assert pop3_server.left() == FEW


@pytest.fixture(scope="session")
def token_server() -> Iterator[TokenServer]:
    server = TokenServer()
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("client", "auth"),
    [(name, auth) for name, one in FETCHERS.items() for auth in TOKENS if auth in one.auth],
)
@pytest.mark.parametrize("good", [True, False])
def test_tokens(
    token_server: TokenServer,
    open_folder: Path,
    certificates: Certificates,
    client: str,
    auth: str,
    good: bool,
) -> None:
    """RFC 7628: a token that is refused, too, with the reason and the client's empty answer."""
    token_server.messages = FEW
    task = Retrieval(
        port=token_server.port,
        user="alice",
        folder=open_folder,
        certificates=certificates,
        password=token_server.token if good else "another-token",
        auth=auth,
    )
    fetcher = FETCHERS[client]
    fetched = fetcher.fetch(task)
    assert fetched.ok is good, fetched.log
    assert list(fetched.messages) == [fetcher.kept(one) for one in FEW if good]


# --- TLS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "implicit"),
    [
        (name, implicit)
        for (name, one), implicit in itertools.product(FETCHERS.items(), (False, True))
        if one.stls or implicit
    ],
)
def test_tls(
    pop3_servers: dict[str, OurPop3Server],
    make_task: MakeTask,
    open_folder: Path,
    client: str,
    implicit: bool,
) -> None:
    """RFC 2595, RFC 8314: every client verifies the server, and then all messages come."""
    server, fetcher = pop3_servers["implicit" if implicit else "tls-only"], FETCHERS[client]
    sent = [one.raw for one in SPECIAL if fetcher.can_keep(one)]
    server.fill(sent)
    ours, theirs, folder = (open_folder / name for name in ("ours", "theirs", "other"))
    for one in (ours, theirs, folder):
        one.mkdir()
    task = attrs.evolve(
        make_task(server), folder=ours, stls=not implicit, implicit_tls=implicit, auth="USER"
    )
    if "USER" not in fetcher.auth:
        task = attrs.evolve(task, auth="PLAIN")
    fetched = fetcher.fetch(task)
    assert fetched.ok, fetched.log
    assert list(fetched.messages) == [fetcher.kept(expected(one)) for one in sent]
    other = make_certificates(folder)
    fetched = fetcher.fetch(attrs.evolve(task, folder=theirs, certificates=other))
    assert not fetched.ok, fetched.log
    assert fetched.messages == ()
    assert server.left() == sent


@pytest.mark.parametrize("client", ["poplib", "curl", "mpop"])
def test_no_password_without_tls(
    pop3_servers: dict[str, OurPop3Server], make_task: MakeTask, client: str
) -> None:
    """RFC 2595 section 2.1: refused where everybody can read it; APOP shows none."""
    server, fetcher = pop3_servers["tls-only"], FETCHERS[client]
    server.fill(FEW)
    auth = "USER" if "USER" in fetcher.auth else "PLAIN"
    fetched = fetcher.fetch(attrs.evolve(make_task(server), auth=auth))
    assert not fetched.ok, fetched.log
    assert fetched.messages == ()


# --- The maildrop --------------------------------------------------------------------------------


def login(server: OurPop3Server) -> poplib.POP3:
    client = poplib.POP3(HOST, server.port, timeout=PATIENCE)
    client.user("alice")
    client.pass_(PASSWORD)
    return client


def test_what_poplib_hears(pop3_server: OurPop3Server) -> None:
    """STAT, LIST, UIDL, TOP and CAPA, which the programs above use little of."""
    sent = [one for one in SPECIAL if not one.long_lines]
    pop3_server.fill([on_disk_with_lf(one.raw) for one in sent])
    messages = [expected(one.raw) for one in sent]
    sizes = [len(one) for one in messages]
    client = login(pop3_server)
    assert client.stat() == (len(sent), sum(sizes))
    listed = [tuple(map(int, line.split())) for line in client.list()[1]]
    assert listed == list(enumerate(sizes, 1))
    names = [line.split()[1] for line in client.uidl()[1]]
    assert len(set(names)) == len(sent)
    # The annotations of poplib know the long answers only.
    short: list[object] = [client.uidl(2), client.list(2)]
    assert short == [b"+OK 2 " + names[1], b"+OK 2 %d" % sizes[1]]
    for number, message in enumerate(messages, 1):
        header, empty, body = message.partition(b"\r\n\r\n")
        for lines in (0, 1, 3, 1_000_000):
            top = b"".join(line + b"\r\n" for line in client.top(number, lines)[1])
            wanted = header + empty + b"".join(re.findall(rb"[^\n]*\n", body)[:lines])
            assert top == wanted
    capabilities = client.capa()
    assert {"TOP", "UIDL", "USER", "PIPELINING", "RESP-CODES", "SASL"} <= set(capabilities)
    with pytest.raises(poplib.error_proto):
        client.retr(len(sent) + 1)
    client.quit()


def test_only_quit_deletes(pop3_server: OurPop3Server) -> None:
    """RFC 1939 section 6: and never a connection that just ends, or what RSET has taken back."""
    pop3_server.fill(FEW)
    client = login(pop3_server)
    client.dele(1)
    client.close()
    pop3_server.wait()
    client = login(pop3_server)
    assert client.stat()[0] == 3
    client.dele(1)
    client.rset()
    client.dele(2)
    with pytest.raises(poplib.error_proto):
        client.retr(2)
    client.quit()
    assert pop3_server.left() == [FEW[0], FEW[2]]


def test_one_session_at_a_time(pop3_server: OurPop3Server) -> None:
    """RFC 1939 section 4: the maildrop is locked; RFC 2449 section 8.1.1 says how to tell."""
    pop3_server.fill(FEW)
    client = login(pop3_server)
    with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
        login(pop3_server)
    client.quit()
    pop3_server.wait()
    login(pop3_server).quit()

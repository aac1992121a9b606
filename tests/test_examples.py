"""The examples, each run as anyone would run it: as a program, against the others.

`send_mail` sends, `relay` passes on, `smtp_sink` stores; what the Maildir holds in the end is
compared with what was sent, octet for octet. Nothing here looks inside a program: only command
lines, exit statuses, what is printed, and files.
"""

from __future__ import annotations

import contextlib
import importlib
import mailbox
import os
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import attrs
import pytest
import trustme

ROOT = Path(__file__).resolve().parents[1]
DEADLINE = 120.0
"""Seconds anything may take; far above what it takes."""

EXAMPLES = ("smtp_sink", "send_mail", "relay")

MESSAGE = b"".join(
    [
        b"From: alice@a.example\r\n",
        b"Subject: dots, tabs, \xc3\xa9\r\n",
        b"\r\n",
        b".\r\n",
        b"..two\r\n",
        b"From here\tthere \r\n",
        b"\r\n",
        b"caf\xc3\xa9 \xff\r\n",
        b"x" * 2_000 + b"\r\n",
    ]
)
"""In the form it has on the wire, with what transfers and mailboxes like to damage."""


# --- Programs -----------------------------------------------------------------------------------


def command(example: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", f"examples.{example}", *map(str, arguments)]


ENVIRONMENT = {**os.environ, "SEND_MAIL_PASSWORD": "secret", "PYTHONWARNINGS": "error"}


@attrs.frozen
class Ran:
    """A program that has ended."""

    status: int
    output: str
    errors: str


def run(example: str, *arguments: object, stdin: bytes = b"") -> Ran:
    done = subprocess.run(
        command(example, *arguments),
        input=stdin,
        capture_output=True,
        timeout=DEADLINE,
        cwd=ROOT,
        env=ENVIRONMENT,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


class Program:
    """A server, from its first line of output to its end."""

    def __init__(self, example: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            command(example, *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=ENVIRONMENT,
            text=True,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout
        self._killer = threading.Timer(DEADLINE, self._process.kill)  # ends every wait below
        self._killer.start()
        self._ended: Ran | None = None
        first = self._output.readline()
        found = re.fullmatch(r"\w+: listening on 127\.0\.0\.1 port (\d+)\n", first)
        if found is None:
            pytest.fail(f"{example}: {first}{self.stop().output}")
        self.port = int(found[1])

    def wait(self) -> Ran:
        """Wait for its end."""
        if self._ended is None:
            output = self._output.read()
            self._output.close()
            self._ended = Ran(self._process.wait(), output, "")
            self._killer.cancel()
        return self._ended

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self) -> Ran:
        """Ask it to end, and wait."""
        if self._ended is None:
            self.signal(signal.SIGTERM)
        return self.wait()

    def peak(self) -> int:
        """Octets of memory it has had at most (resident)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024


Start = Callable[..., Program]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start servers on free ports, and stop them in the end."""
    with contextlib.ExitStack() as stack:

        def one(example: str, *arguments: object) -> Program:
            program = Program(example, "--port", 0, *arguments)
            stack.callback(program.stop)
            return program

        yield one


@attrs.frozen
class Certificates:
    ca: Path
    server: tuple[str, ...]
    """The options of a server."""


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    server = authority.issue_cert("127.0.0.1")
    server.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return Certificates(folder / "ca.pem", ("--cert", str(folder / "server.pem")))


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    return tmp_path / "Maildir"


@pytest.fixture
def message(tmp_path: Path) -> Path:
    path = tmp_path / "message.eml"
    path.write_bytes(MESSAGE)
    return path


ALICE = ("--from", "alice@a.example")
BOB = ("--to", "bob@b.example")


def send(port: int, *arguments: object, stdin: bytes = b"") -> Ran:
    return run("send_mail", "--port", port, *ALICE, *arguments, stdin=stdin)


def stored(maildir: Path) -> list[bytes]:
    """Every complete message; and there must be nothing incomplete."""
    assert list((maildir / "tmp").iterdir()) == []
    return [path.read_bytes() for path in (maildir / "new").iterdir()]


# --- The command lines --------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES)
def test_help(example: str) -> None:
    ran = run(example, "--help")
    assert ran.status == 0
    assert ran.output.startswith(f"usage: {example} ")
    assert "--host" in ran.output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("smtp_sink", "--maildir"),
        ("smtp_sink --maildir M --port many", "invalid int value"),
        ("smtp_sink --maildir M --user alice", "NAME:PASSWORD"),
        ("smtp_sink --maildir M --user alice:secret", "--cert, or --plaintext-auth"),
        ("smtp_sink --maildir M --require-auth", "--require-auth needs --user"),
        ("smtp_sink --maildir M --implicit-tls", "need --cert"),
        ("smtp_sink --maildir M --full bob@b.example", "--full needs --lmtp or --offer PRDR"),
        ("send_mail --from a@a.example -", "--to"),
        ("send_mail --from a@a.example --to b@b.example", "FILE"),
        ("send_mail --from a --to b --starttls --implicit-tls -", "not allowed with"),
        ("send_mail --from a --to b --ret SOME -", "invalid choice"),
        ("send_mail --from a --to b --notify SOMETIMES -", "NEVER is expected"),
        ("send_mail --from a --to b no-such-file", "no-such-file"),
        ("relay", "--to-host"),
        ("relay --to-host h --key K", "--key needs --cert"),
    ],
)
def test_bad_arguments(arguments: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    example, *rest = arguments.split()
    with pytest.raises(SystemExit) as ended:
        sys.exit(importlib.import_module(f"examples.{example}").main(rest))
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_server_that_cannot_start(tmp_path: Path, maildir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for ran in (
            run("smtp_sink", "--maildir", maildir, "--port", port),
            run("relay", "--to-host", "127.0.0.1", "--port", port),
            run("smtp_sink", "--maildir", maildir, "--cert", tmp_path / "none.pem"),
            run("relay", "--to-host", "127.0.0.1", "--cert", tmp_path / "none.pem"),
        ):
            assert ran.status == 1
            assert re.fullmatch(r"\w+: error: .*\n", ran.errors)


def test_nobody_listens(message: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ran = send(port, *BOB, message)
    assert ran.status == 2
    assert re.fullmatch(r"send_mail: error: .*refused.*\n", ran.errors)


# --- From send_mail to smtp_sink ----------------------------------------------------------------


def test_octets_arrive_as_they_were_sent(start: Start, maildir: Path, message: Path) -> None:
    sink = start("smtp_sink", "--maildir", maildir)
    ran = send(sink.port, *BOB, message)
    assert (ran.status, ran.errors) == (0, "")
    assert re.fullmatch(r"<bob@b\.example> accepted: 250 2\.0\.0 .*\n", ran.output)
    assert stored(maildir) == [MESSAGE]
    assert mailbox.Maildir(maildir).values()[0]["From"] == "alice@a.example"


def test_line_ends_become_crlf(start: Start, maildir: Path) -> None:
    """RFC 5321 section 2.3.8."""
    sink = start("smtp_sink", "--maildir", maildir)
    ran = send(sink.port, *BOB, "--progress", "-", stdin=b"Subject: x\n\n.\nlast\n")
    assert ran.status == 0
    assert stored(maildir) == [b"Subject: x\r\n\r\n.\r\nlast\r\n"]
    assert "sent 19 octets" in ran.errors


def test_starttls_and_auth(
    start: Start, maildir: Path, message: Path, tmp_path: Path, certificates: Certificates
) -> None:
    sink = start("smtp_sink", "--maildir", maildir, *certificates.server, "--user", "alice:secret")
    tls = ("--starttls", "--cafile", certificates.ca)
    assert send(sink.port, *BOB, *tls, "--user", "alice", message).status == 0
    assert stored(maildir) == [MESSAGE]
    password = tmp_path / "password"
    password.write_text("wrong\n")
    ran = send(sink.port, *BOB, *tls, "--user", "alice", "--password-file", password, message)
    assert ran.status == 2
    assert "refused AUTH: 535" in ran.errors
    assert len(stored(maildir)) == 1


def test_auth_is_required(start: Start, maildir: Path, message: Path) -> None:
    """RFC 4954 section 6: 530 to who has not authenticated."""
    sink = start(
        "smtp_sink",
        *("--maildir", maildir, "--user", "alice:secret", "--plaintext-auth", "--require-auth"),
    )
    ran = send(sink.port, *BOB, message)
    assert ran.status == 2
    assert "refused: 530" in ran.output
    assert stored(maildir) == []
    ran = send(sink.port, *BOB, "--user", "alice", message)
    assert ran.status == 2
    assert "without TLS" in ran.errors
    ran = send(sink.port, *BOB, "--user", "alice", "--plaintext-auth", message)
    assert ran.status == 0


@pytest.mark.parametrize("mechanism", ["plain", "login"])
@pytest.mark.parametrize("initial", [False, True])
def test_auth_step_by_step(start: Start, maildir: Path, mechanism: str, initial: bool) -> None:
    """RFC 4954 section 4: with an initial response, and by challenges alone."""
    sink = start(
        "smtp_sink", "--maildir", maildir, "--user", "alice:secret", "--plaintext-auth", "--once"
    )
    with smtplib.SMTP("127.0.0.1", sink.port, timeout=DEADLINE) as client:
        client.ehlo()

        def authenticate(user: str, password: str) -> int:
            client.user, client.password = user, password
            answer = getattr(client, f"auth_{mechanism}")
            return client.auth(mechanism.upper(), answer, initial_response_ok=initial)[0]

        for user, password in (("alice", "wrong"), ("bob", "secret"), ("", "")):
            with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
                authenticate(user, password)
        assert authenticate("alice", "secret") == 235
        assert client.docmd("AUTH PLAIN")[0] == 503  # authenticated: once a session
    assert sink.wait().status == 0


def test_implicit_tls(
    start: Start, maildir: Path, message: Path, certificates: Certificates
) -> None:
    """RFC 8314 section 3.3."""
    sink = start("smtp_sink", "--maildir", maildir, *certificates.server, "--implicit-tls")
    tls = ("--implicit-tls", "--cafile", certificates.ca)
    assert send(sink.port, *BOB, *tls, message).status == 0
    assert stored(maildir) == [MESSAGE]


@pytest.mark.parametrize("how", ["--starttls", "--implicit-tls"])
def test_a_certificate_nobody_vouches_for(
    start: Start, maildir: Path, message: Path, certificates: Certificates, how: str
) -> None:
    implicit = (how,) if how == "--implicit-tls" else ()
    sink = start("smtp_sink", "--maildir", maildir, *certificates.server, *implicit)
    ran = send(sink.port, *BOB, how, message)
    assert ran.status == 2
    assert "certificate verify failed" in ran.errors
    ran = send(sink.port, *BOB, how, "--cafile", certificates.ca, "--server-name", "x.org", message)
    assert ran.status == 2
    assert "certificate verify failed" in ran.errors
    assert stored(maildir) == []


def test_no_starttls_no_mail(start: Start, maildir: Path, message: Path) -> None:
    sink = start("smtp_sink", "--maildir", maildir)
    ran = send(sink.port, *BOB, "--starttls", message)
    assert ran.status == 2
    assert "STARTTLS" in ran.errors
    assert stored(maildir) == []


def test_some_recipients_are_refused(start: Start, maildir: Path, message: Path) -> None:
    """RFC 5321 section 3.3: the message goes to the others."""
    sink = start("smtp_sink", "--maildir", maildir, "--refuse", "no@b.example")
    ran = send(sink.port, "--to", "no@b.example", *BOB, message)
    assert ran.status == 1
    refused, accepted = ran.output.splitlines()
    assert refused.startswith("<no@b.example> refused: 550")
    assert accepted.startswith("<bob@b.example> accepted: 250")
    ran = send(sink.port, "--to", "No@B.example", message)
    assert ran.status == 2
    assert ran.output.startswith("<No@B.example> refused: 550")
    assert stored(maildir) == [MESSAGE]


def test_lmtp_answers_for_each_recipient(start: Start, maildir: Path, message: Path) -> None:
    """RFC 2033 section 4.2."""
    sink = start(
        "smtp_sink",
        *("--maildir", maildir, "--lmtp", "--refuse", "no@b.example", "--full", "full@b.example"),
    )
    others = ("--to", "no@b.example", "--to", "full@b.example")
    ran = send(sink.port, "--lmtp", *others, *BOB, message)
    assert ran.status == 1
    no, full, bob = ran.output.splitlines()
    assert no.startswith("<no@b.example> refused: 550")
    assert full.startswith("<full@b.example> refused: 452")
    assert bob.startswith("<bob@b.example> accepted: 250")
    assert stored(maildir) == [MESSAGE]
    ran = send(sink.port, "--lmtp", *others, message)
    assert ran.status == 2
    assert stored(maildir) == [MESSAGE]


@contextlib.contextmanager
def scripted(*answers: bytes, end: bytes = b"") -> Generator[tuple[int, list[bytes]], None, None]:
    """A server that says its lines, whatever it hears, and takes all the rest in silence.

    It hangs up at the line `end`. Gives its port, and the first line it heard behind each answer.
    """
    heard: list[bytes] = []

    def play() -> None:
        peer, _ = server.accept()
        with peer, peer.makefile("rb") as lines:
            for answer in answers:
                peer.sendall(answer + b"\r\n")
                heard.append(lines.readline())
            while lines.readline() != end:
                pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(DEADLINE)
        thread = threading.Thread(target=play)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join(DEADLINE)


def test_send_mail_knows_login(message: Path) -> None:
    script = (
        b"220 x",
        b"250-x\r\n250 AUTH LOGIN",
        b"334 VXNlcm5hbWU6",
        b"334 UGFzc3dvcmQ6",
        b"535 no",
    )
    with scripted(*script) as (port, heard):
        ran = send(port, *BOB, "--user", "alice", "--plaintext-auth", message)
    assert heard[1:4] == [b"AUTH LOGIN\r\n", b"YWxpY2U=\r\n", b"c2VjcmV0\r\n"]
    assert ran.status == 2
    assert "refused AUTH: 535 no" in ran.errors


def test_send_mail_keeps_eight_bits_from_seven(message: Path) -> None:
    """RFC 6152 section 3: not to a server that has not offered 8BITMIME."""
    with scripted(b"220 x", b"250 x", b"250 ok", b"250 ok", b"354 go") as (port, heard):
        ran = send(port, *BOB, message)
    assert heard[-1] == b""
    assert ran.status == 2
    assert "8BITMIME" in ran.errors


def test_send_mail_without_a_last_word(tmp_path: Path) -> None:
    """RFC 5321 section 4.5.4.1: who does not hear the answer to a message does not know it."""
    message = tmp_path / "message.eml"
    message.write_bytes(b"Subject: x\r\n")
    script = (b"220 x", b"250 x", b"250 ok", b"250 ok", b"354 go")
    with scripted(*script, end=b".\r\n") as (port, _):
        ran = send(port, *BOB, message)
    assert ran.status == 2
    assert "may have been delivered all the same" in ran.errors


def test_too_large(start: Start, maildir: Path, message: Path) -> None:
    """RFC 1870 section 6.1: refused at MAIL, or when it turns out."""
    sink = start("smtp_sink", "--maildir", maildir, "--size", 1_000)
    for arguments, stdin in (((message,), b""), (("-",), MESSAGE)):
        ran = send(sink.port, *BOB, *arguments, stdin=stdin)
        assert ran.status == 2
        assert "refused: 552" in ran.output
    assert stored(maildir) == []


@pytest.mark.parametrize("folder", ["tmp", "new"])
def test_a_message_that_cannot_be_stored(
    start: Start, maildir: Path, tmp_path: Path, message: Path, folder: str
) -> None:
    """RFC 5321 section 4.2.5: 451, and the client still has the message."""
    sink = start("smtp_sink", "--maildir", maildir)
    (maildir / folder).rename(tmp_path / "away")
    ran = send(sink.port, *BOB, message)
    assert ran.status == 2
    assert "refused: 451" in ran.output
    (tmp_path / "away").rename(maildir / folder)
    assert stored(maildir) == []
    assert send(sink.port, *BOB, message).status == 0


def test_dsn(start: Start, maildir: Path, message: Path) -> None:
    """RFC 3461 section 5: the parameters are for servers that offer the extension."""
    dsn = ("--notify", "SUCCESS,FAILURE", "--ret", "HDRS", "--envid", "QQ314159")
    deaf = start("smtp_sink", "--maildir", maildir)
    ran = send(deaf.port, *BOB, *dsn, message)
    assert ran.status == 2
    assert "needs DSN" in ran.errors
    sink = start("smtp_sink", "--maildir", maildir, "--offer", "DSN")
    assert send(sink.port, *BOB, *dsn, message).status == 0


def test_trace_fields(start: Start, maildir: Path, message: Path) -> None:
    """RFC 5321 section 4.4: a final delivery adds Return-Path and Received."""
    sink = start("smtp_sink", "--maildir", maildir, "--trace")
    assert (
        send(sink.port, *BOB, "--to", "carol@b.example", "--hello", "a.example", message).status
        == 0
    )
    (octets,) = stored(maildir)
    assert octets.endswith(MESSAGE)
    assert re.fullmatch(
        rb"Return-Path: <alice@a\.example>\r\n"
        rb"Delivered-To: bob@b\.example\r\n"
        rb"Delivered-To: carol@b\.example\r\n"
        rb"Received: from a\.example \(\[127\.0\.0\.1\]\)\r\n"
        rb"\tby localhost with ESMTP;\r\n"
        rb"\t[^\r\n]+\r\n",
        octets.removesuffix(MESSAGE),
    )


# --- Through the relay --------------------------------------------------------------------------


def relayed(octets: bytes) -> bytes:
    """The message without the one field that the relay has put on top of it."""
    field = re.match(rb"Received: [^\r\n]+\r\n(?:\t[^\r\n]+\r\n)+", octets)
    assert field is not None
    return octets[field.end() :]


def test_relay(start: Start, maildir: Path, message: Path) -> None:
    sink = start("smtp_sink", "--maildir", maildir, "--refuse", "no@b.example")
    relay = start("relay", "--to-host", "127.0.0.1", "--to-port", sink.port)
    ran = send(relay.port, "--to", "no@b.example", *BOB, message)
    assert ran.status == 1
    refused, accepted = ran.output.splitlines()
    assert refused.startswith("<no@b.example> refused: 550 5.1.1")  # as the sink said it
    assert "Stored as" in accepted
    ran = send(relay.port, "--to", "no@b.example", message)
    assert ran.status == 2
    assert [relayed(octets) for octets in stored(maildir)] == [MESSAGE]


def test_relay_with_tls_and_auth(
    start: Start, maildir: Path, message: Path, tmp_path: Path, certificates: Certificates
) -> None:
    """The relay knows no password: the exchange is between the client and the next server."""
    sink = start(
        *("smtp_sink", "--maildir", maildir, *certificates.server),
        *("--user", "alice:secret", "--require-auth"),
    )
    relay = start(
        *("relay", "--to-host", "127.0.0.1", "--to-port", sink.port, "--to-starttls"),
        *("--cafile", certificates.ca, *certificates.server),
    )
    tls = ("--starttls", "--cafile", certificates.ca)
    ran = send(relay.port, *BOB, *tls, "--user", "alice", message)
    assert (ran.status, ran.errors) == (0, "")
    (octets,) = stored(maildir)
    assert b"with ESMTPSA;" in octets.removesuffix(MESSAGE)
    assert relayed(octets) == MESSAGE
    password = tmp_path / "password"
    password.write_text("wrong")
    ran = send(relay.port, *BOB, *tls, "--user", "alice", "--password-file", password, message)
    assert ran.status == 2
    assert "535" in ran.errors
    ran = send(relay.port, *BOB, *tls, message)
    assert ran.status == 2
    assert "530" in ran.output
    assert len(stored(maildir)) == 1


def test_relay_of_lmtp(start: Start, maildir: Path, message: Path) -> None:
    """RFC 2033 section 4.2: each recipient's own answer comes through."""
    sink = start("smtp_sink", "--maildir", maildir, "--lmtp", "--full", "full@b.example")
    relay = start("relay", "--to-host", "127.0.0.1", "--to-port", sink.port, "--lmtp")
    ran = send(relay.port, "--lmtp", "--to", "full@b.example", *BOB, message)
    assert ran.status == 1
    full, bob = ran.output.splitlines()
    assert full.startswith("<full@b.example> refused: 452 4.2.2")
    assert bob.startswith("<bob@b.example> accepted: 250")
    assert [relayed(octets) for octets in stored(maildir)] == [MESSAGE]


def test_relay_keeps_both_sides_in_step(start: Start, maildir: Path) -> None:
    """A transaction that the client gave up (RSET, EHLO), the next server forgets, too."""
    sink = start("smtp_sink", "--maildir", maildir, "--size", 1_000_000)
    relay = start("relay", "--to-host", "127.0.0.1", "--to-port", sink.port)
    with smtplib.SMTP("127.0.0.1", relay.port, timeout=DEADLINE) as client:
        client.ehlo("a.example")
        assert client.esmtp_features["size"] == "1000000"
        assert "chunking" not in client.esmtp_features
        assert client.mail("alice@a.example")[0] == 250
        assert client.rset()[0] == 250
        assert client.mail("alice@a.example")[0] == 250
        assert client.rcpt("bob@b.example")[0] == 250
        assert client.ehlo("a.example")[0] == 250
        assert client.sendmail("alice@a.example", ["bob@b.example"], b"1\r\n") == {}
        assert client.sendmail("alice@a.example", ["bob@b.example"], b"2\r\n") == {}
    assert sorted(map(relayed, stored(maildir))) == [b"1\r\n", b"2\r\n"]


def test_relay_of_auth_that_is_given_up(
    start: Start, maildir: Path, certificates: Certificates
) -> None:
    """RFC 4954 section 4: `*`, and what is not base64, end the exchange; for both servers."""
    sink = start("smtp_sink", "--maildir", maildir, *certificates.server, "--user", "alice:secret")
    relay = start(
        *("relay", "--to-host", "127.0.0.1", "--to-port", sink.port, "--to-starttls"),
        *("--cafile", certificates.ca, *certificates.server),
    )
    context = ssl.create_default_context(cafile=certificates.ca)
    with smtplib.SMTP("127.0.0.1", relay.port, timeout=DEADLINE) as client:
        client.starttls(context=context)
        client.ehlo("a.example")
        for answer in ("*", "!"):
            assert client.docmd("AUTH LOGIN") == (334, b"VXNlcm5hbWU6")
            assert client.docmd(answer)[0] == 501
        client.user, client.password = "alice", "secret"
        assert client.auth("LOGIN", client.auth_login, initial_response_ok=False)[0] == 235


def test_relay_when_the_message_is_refused_half_way(start: Start, maildir: Path) -> None:
    """Refused by the relay's own machine: the next server must not take the half for a whole."""
    sink = start("smtp_sink", "--maildir", maildir, "--size", 100_000)
    relay = start("relay", "--to-host", "127.0.0.1", "--to-port", sink.port)
    with half_a_message(relay.port) as peer:
        peer.sendall(b"\r\n" + (b"z" * 78 + b"\r\n") * 2_000 + b".\r\n")
        lines = peer.makefile("rb")
        assert lines.readline().startswith(b"552 ")
        assert lines.readline().startswith(b"421 ")
        assert lines.readline() == b""
        lines.close()
    assert sink.stop().status == 0
    assert stored(maildir) == []


def test_relay_when_the_next_server_interrupts(start: Start, tmp_path: Path) -> None:
    """A refusal in the middle of the message reaches the client where it can hear it."""
    large = tmp_path / "large.eml"
    large.write_bytes((b"z" * 78 + b"\r\n") * 20_000)
    script = (b"220 x", b"250 x", b"250 ok", b"250 ok", b"354 go\r\n552 5.3.4 Enough")
    with scripted(*script) as (port, _):
        relay = start("relay", "--to-host", "127.0.0.1", "--to-port", port)
        ran = send(relay.port, *BOB, large)
    assert ran.status == 2
    assert "refused: 552 5.3.4 Enough" in ran.output


def test_relay_without_a_next_server(start: Start, message: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    relay = start("relay", "--to-host", "127.0.0.1", "--to-port", port)
    ran = send(relay.port, *BOB, message)
    assert ran.status == 2
    assert "421" in ran.errors


def half_a_message(port: int) -> socket.socket:
    """Say the first half of a message, and nothing more."""
    peer = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    lines = peer.makefile("rb")
    for word in (b"", b"HELO a", b"MAIL FROM:<a@a.example>", b"RCPT TO:<b@b.example>", b"DATA"):
        if word:
            peer.sendall(word + b"\r\n")
        assert lines.readline()[:1] in (b"2", b"3")
    lines.close()
    peer.sendall(b"Subject: half\r\n\r\nthis is not")
    return peer


def test_half_a_message_is_no_message(start: Start, maildir: Path) -> None:
    """RFC 5321 section 4.1.1.4: only the end of mail data makes it one; also through the relay."""
    sink = start("smtp_sink", "--maildir", maildir)
    relay = start("relay", "--to-host", "127.0.0.1", "--to-port", sink.port)
    half_a_message(relay.port).close()
    half_a_message(sink.port).close()
    assert relay.stop().status == 0
    assert sink.stop().status == 0
    assert stored(maildir) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_a_message_of_any_size_takes_little_memory(
    start: Start, tmp_path: Path, maildir: Path
) -> None:
    sink = start("smtp_sink", "--maildir", maildir)
    relay = start("relay", "--to-host", "127.0.0.1", "--to-port", sink.port)
    line = b"y" * 78 + b"\r\n"
    message = tmp_path / "message.eml"
    peaks: list[tuple[int, int]] = []
    for size in (2**20, 2**25):
        message.write_bytes(line * (size // len(line)))
        assert send(relay.port, *BOB, message).status == 0
        peaks.append((sink.peak(), relay.peak()))
    small, large = sorted(len(relayed(octets)) for octets in stored(maildir))
    assert large - small == 2**25 // len(line) * len(line) - 2**20 // len(line) * len(line)
    for before, after in zip(*peaks, strict=True):
        assert after - before < 2**23


# --- The end ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("example", ["smtp_sink", "relay"])
def test_open_sessions_are_told(
    start: Start, maildir: Path, example: str, number: signal.Signals
) -> None:
    """RFC 5321 section 3.8: a server that shuts down says 421."""
    sink = program = start("smtp_sink", "--maildir", maildir)
    if example == "relay":
        program = start("relay", "--to-host", "127.0.0.1", "--to-port", sink.port)
    with socket.create_connection(("127.0.0.1", program.port), timeout=DEADLINE) as peer:
        lines = peer.makefile("rb")
        assert lines.readline().startswith(b"220 ")
        program.signal(number)
        assert lines.readline().startswith(b"421 ")
        assert lines.readline() == b""
        lines.close()
    ran = program.wait()
    assert (ran.status, ran.output) == (0, "")


def test_send_mail_is_interrupted(message: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(DEADLINE)
        with subprocess.Popen(
            command("send_mail", "--port", silent.getsockname()[1], *ALICE, *BOB, message),
            stderr=subprocess.PIPE,
            cwd=ROOT,
        ) as process:
            peer, _ = silent.accept()
            with peer:
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 2
    assert errors == b"send_mail: error: interrupted\n"

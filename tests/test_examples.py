"""The examples, each run as anyone would run it: as a program, against the others.

`send_mail` sends, `relay` passes on, `smtp_sink` stores, `pop3_server` serves, `pop3_fetch`
fetches; what the Maildir holds in the end is compared with what was sent, octet for octet. Nothing
here looks inside a program: only command lines, exit statuses, what is printed, and files.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import mailbox
import os
import poplib
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

EXAMPLES = ("smtp_sink", "send_mail", "relay", "pop3_server", "pop3_fetch")

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


ENVIRONMENT = {
    **os.environ,
    "SEND_MAIL_PASSWORD": "secret",
    "POP3_FETCH_PASSWORD": "secret",
    "PYTHONWARNINGS": "error",
}


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
ALICES = ("--user", "alice:secret")


def send(port: int, *arguments: object, stdin: bytes = b"") -> Ran:
    return run("send_mail", "--port", port, *ALICE, *arguments, stdin=stdin)


def fetch(port: int, maildir: Path, *arguments: object) -> Ran:
    return run("pop3_fetch", "--port", port, "--maildir", maildir, "--user", "alice", *arguments)


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
        ("smtp_sink --maildir M --user alice:\u0007", "control character"),
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
        ("pop3_server --user alice:secret", "--maildir"),
        ("pop3_server --maildir M", "--user"),
        ("pop3_server --maildir M --user alice", "NAME:PASSWORD"),
        ("pop3_server --maildir M --user alice:secret --implicit-tls", "need --cert"),
        ("pop3_server --maildir M --user alice:secret --driver curio", "invalid choice"),
        ("pop3_fetch --user alice", "--maildir"),
        ("pop3_fetch --maildir M", "--user"),
        ("pop3_fetch --maildir M --user alice --stls --implicit-tls", "not allowed with"),
        ("pop3_fetch --maildir M --user alice --apop --token", "without AUTH"),
        ("pop3_fetch --maildir M --user alice --apop --stls", "--apop needs the greeting"),
    ],
)
def test_bad_arguments(arguments: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    example, *rest = arguments.split()
    with pytest.raises(SystemExit) as ended:
        sys.exit(importlib.import_module(f"examples.{example}").main(rest))
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_server_that_cannot_start(tmp_path: Path, maildir: Path) -> None:
    mailbox.Maildir(maildir, create=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for ran in (
            run("smtp_sink", "--maildir", maildir, "--port", port),
            run("relay", "--to-host", "127.0.0.1", "--port", port),
            run("smtp_sink", "--maildir", maildir, "--cert", tmp_path / "none.pem"),
            run("relay", "--to-host", "127.0.0.1", "--cert", tmp_path / "none.pem"),
            run("pop3_server", *ALICES, "--maildir", tmp_path / "none"),
            run("pop3_server", *ALICES, "--maildir", maildir, "--port", port),
            run("pop3_server", *ALICES, "--maildir", maildir, "--port", port, "--driver", "trio"),
            run("pop3_server", *ALICES, "--maildir", maildir, "--cert", tmp_path / "none.pem"),
        ):
            assert ran.status == 1
            assert re.fullmatch(r"\w+: error: .*\n", ran.errors)


def test_nobody_listens(message: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ran = send(port, *BOB, message)
    assert ran.status == 2
    assert re.fullmatch(r"send_mail: error: .*refused.*\n", ran.errors)
    ran = fetch(port, message.parent / "fetched")
    assert ran.status == 2
    assert re.fullmatch(r"pop3_fetch: error: .*refused.*\n", ran.errors)


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
    plain = ("--user", "alice", "--mechanism", "PLAIN")
    ran = send(sink.port, *BOB, *plain, message)
    assert ran.status == 2
    assert "start TLS first" in ran.errors
    assert send(sink.port, *BOB, *plain, "--plaintext-auth", message).status == 0
    assert send(sink.port, *BOB, "--user", "alice", message).status == 0  # SCRAM shows nothing
    assert stored(maildir) == [MESSAGE, MESSAGE]


MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism(
    start: Start, maildir: Path, message: Path, certificates: Certificates, mechanism: str
) -> None:
    sink = start("smtp_sink", "--maildir", maildir, *certificates.server, "--user", "alice:secret")
    how = ("--starttls", "--cafile", certificates.ca, "--mechanism", mechanism)
    assert send(sink.port, *BOB, *how, "--user", "alice", message).status == 0
    for nobody in ("bob", "Alice"):
        ran = send(sink.port, *BOB, *how, "--user", nobody, message)
        assert ran.status == 2
        assert "refused AUTH: 535" in ran.errors
    assert stored(maildir) == [MESSAGE]


@pytest.mark.parametrize(
    ("mechanism", "initial"),
    [("plain", False), ("plain", True), ("login", False), ("login", True), ("cram_md5", False)],
)
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
            return client.auth(
                mechanism.upper().replace("_", "-"), answer, initial_response_ok=initial
            )[0]

        for user, password in (("alice", "wrong"), ("bob", "secret"), ("", "secret")):
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
def scripted(
    *answers: bytes, end: bytes | None = b"", last: bytes = b""
) -> Generator[tuple[int, list[bytes]], None, None]:
    """A server that says its lines, whatever it hears, and takes all the rest in silence.

    It hangs up at the line `end`, or behind its last line if that is None. Gives its port, and the
    first line it heard behind each answer; all lines of the rest too, if it has something to say
    behind them: `last`, and another line.
    """
    heard: list[bytes] = []

    def play() -> None:
        peer, _ = server.accept()
        with peer, peer.makefile("rb") as lines:
            for answer in answers:
                peer.sendall(answer + b"\r\n")
                if answer is answers[-1] and end is None:
                    return
                heard.append(lines.readline())
            while (line := lines.readline()) != end:
                if last:
                    heard.append(line)
            if last:
                peer.sendall(last + b"\r\n")
                heard.append(lines.readline())

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


@pytest.mark.parametrize(
    ("mechanism", "said"),
    [
        (b"XOAUTH2", b"user=alice\x01auth=Bearer secret\x01\x01"),
        (b"OAUTHBEARER", b"n,a=alice,\x01host=127.0.0.1\x01port=%d\x01auth=Bearer secret\x01\x01"),
    ],
)
def test_send_mail_has_a_token(message: Path, mechanism: bytes, said: bytes) -> None:
    """RFC 7628 section 3.1, and what came before it."""
    script = (b"220 x", b"250-x\r\n250 AUTH PLAIN " + mechanism, b"535 no")
    with scripted(*script) as (port, heard):
        ran = send(port, *BOB, "--user", "alice", "--token", "--plaintext-auth", message)
    verb, name, response = heard[1].split()
    assert (verb, name) == (b"AUTH", mechanism)
    assert base64.b64decode(response) == said.replace(b"%d", b"%d" % port)
    assert ran.status == 2
    assert "refused AUTH: 535 no" in ran.errors


def test_what_a_server_says_does_not_speak_to_the_terminal(message: Path, maildir: Path) -> None:
    with scripted(b"554 \x1b[2J\xff") as (port, _):
        ran = send(port, *BOB, message)
    assert "554 \\x1b[2J" in ran.errors
    with scripted(b"-ERR \x1b[2J\xff") as (port, _):
        ran = fetch(port, maildir)
    assert "-ERR \\x1b[2J" in ran.errors
    assert ran.status == 2


def test_send_mail_says_it_in_seven_bits(tmp_path: Path) -> None:
    """RFC 6152 section 3: a server that has not offered 8BITMIME gets no 8-bit octets."""
    message = tmp_path / "message.eml"
    text = "Viele herzliche Grüße aus Wien"
    message.write_bytes(f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n".encode())
    script = (b"220 x", b"250 x", b"250 ok", b"250 ok", b"354 go")
    with scripted(*script, end=b".\r\n", last=b"250 taken") as (port, heard):
        ran = send(port, *BOB, message)
    assert ran.status == 0, ran.errors
    said = b"".join(heard)
    assert said.isascii()
    assert b"Viele herzliche Gr=C3=BC=C3=9Fe aus Wien" in said


def test_send_mail_gives_up_on_what_cannot_be_said_in_seven_bits(tmp_path: Path) -> None:
    """RFC 6530 section 8: a local part that is not ASCII."""
    message = tmp_path / "message.eml"
    message.write_bytes("From: gr\u00fc\u00df@a.example\r\n\r\n".encode())
    with scripted(b"220 x", b"250 x") as (port, heard):
        ran = send(port, *BOB, message)
    assert ran.status == 2
    assert "cannot be sent to this server" in ran.errors
    assert not any(b"MAIL" in one for one in heard)


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


# --- From pop3_server to pop3_fetch -------------------------------------------------------------

DRIVERS = ("asyncio", "trio")

UNIX = b"Subject: LF, and no end\n\n.\n..two\nlast"
SENT = b"Subject: LF, and no end\r\n\r\n.\r\n..two\r\nlast\r\n"
"""What becomes of it on the wire."""


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """A Maildir with two messages: one is new, one was read."""
    path = tmp_path / "drop"
    mailbox.Maildir(path, create=True)
    (path / "new" / "20.two").write_bytes(MESSAGE)
    (path / "cur" / "3.one:2,S").write_bytes(UNIX)
    return path


def there(drop: Path) -> list[str]:
    """The names of the messages in a Maildir, without their flags."""
    files = [*(drop / "new").iterdir(), *(drop / "cur").iterdir()]
    return sorted(path.name.partition(":")[0] for path in files)


def fetched(maildir: Path) -> list[bytes]:
    """What `pop3_fetch` has stored, in order; its names begin with the time."""
    assert list((maildir / "tmp").iterdir()) == []
    return [path.read_bytes() for path in sorted((maildir / "new").iterdir())]


def reader(program: Program, *, password: str = "secret") -> poplib.POP3:
    client = poplib.POP3("127.0.0.1", program.port, timeout=DEADLINE)
    client.user("alice")
    try:
        client.pass_(password)
    except poplib.error_proto:
        client.close()
        raise
    return client


PLAIN_DROP = (*ALICES, "--plaintext-auth")


@pytest.mark.parametrize("driver", DRIVERS)
def test_new_mail_is_fetched_once(start: Start, drop: Path, maildir: Path, driver: str) -> None:
    server = start("pop3_server", "--maildir", drop, *ALICES, "--driver", driver)
    ran = fetch(server.port, maildir, "--auth")
    assert (ran.status, ran.output, ran.errors) == (0, "2 new, 0 fetched before\n", "")
    assert fetched(maildir) == [SENT, MESSAGE]
    (drop / "new" / "100.three").write_bytes(b"Subject: three\r\n")
    ran = fetch(server.port, maildir, "--auth", "--progress")
    assert (ran.status, ran.output) == (0, "1 new, 2 fetched before\n")
    assert "message 1 of 1: 16 of 16 octets" in ran.errors
    assert fetched(maildir) == [SENT, MESSAGE, b"Subject: three\r\n"]
    assert there(drop) == ["100.three", "20.two", "3.one"]


@pytest.mark.parametrize("driver", DRIVERS)
def test_delete(start: Start, drop: Path, maildir: Path, driver: str) -> None:
    """What an earlier run has fetched is deleted, too."""
    server = start("pop3_server", "--maildir", drop, *ALICES, "--driver", driver)
    assert fetch(server.port, maildir, "--auth").status == 0
    (drop / "new" / "100.three").write_bytes(b"Subject: three\r\n")
    ran = fetch(server.port, maildir, "--auth", "--delete")
    assert (ran.status, ran.output) == (0, "1 new, 2 fetched before, 3 deleted\n")
    assert there(drop) == []
    assert len(fetched(maildir)) == 3
    ran = fetch(server.port, maildir, "--auth", "--delete")
    assert (ran.status, ran.output) == (0, "0 new, 0 fetched before, 0 deleted\n")
    assert (server.stop().status, server.stop().output) == (0, "")


def test_many_messages(start: Start, drop: Path, maildir: Path) -> None:
    messages = [b"Subject: %d\r\n\r\n" % n + b"z\r\n" * n for n in range(100)]
    for number, octets in enumerate(messages):
        (drop / "new" / f"{number + 100}.x").write_bytes(octets)
    server = start("pop3_server", "--maildir", drop, *ALICES)
    ran = fetch(server.port, maildir, "--auth", "--delete")
    assert (ran.status, ran.output) == (0, "102 new, 0 fetched before, 102 deleted\n")
    assert fetched(maildir) == [SENT, MESSAGE, *messages]
    assert there(drop) == []


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_of_pop3(
    start: Start,
    drop: Path,
    maildir: Path,
    tmp_path: Path,
    certificates: Certificates,
    mechanism: str,
    driver: str,
) -> None:
    """RFC 5034."""
    server = start(
        *("pop3_server", "--maildir", drop, *ALICES, *certificates.server, "--driver", driver)
    )
    how = ("--stls", "--cafile", certificates.ca, "--mechanism", mechanism)
    assert fetch(server.port, maildir, *how).status == 0
    assert len(fetched(maildir)) == 2
    password = tmp_path / "password"
    password.write_text("wrong\n")
    ran = fetch(server.port, maildir, *how, "--password-file", password)
    assert ran.status == 2
    assert "refused AUTH: -ERR [AUTH]" in ran.errors


@pytest.mark.parametrize("driver", DRIVERS)
def test_user_and_pass_under_tls(
    start: Start, drop: Path, maildir: Path, certificates: Certificates, driver: str
) -> None:
    """RFC 2595 section 4, RFC 8314 section 3.3."""
    served = ("--maildir", drop, *ALICES, *certificates.server, "--driver", driver)
    stls = start("pop3_server", *served)
    ran = fetch(stls.port, maildir, "--plaintext-auth")
    assert ran.status == 2
    assert "does not offer USER" in ran.errors
    assert fetch(stls.port, maildir, "--stls", "--cafile", certificates.ca).status == 0
    ran = fetch(stls.port, maildir, "--stls")
    assert ran.status == 2
    assert "certificate verify failed" in ran.errors
    implicit = start("pop3_server", *served, "--implicit-tls")
    ran = fetch(implicit.port, maildir, "--implicit-tls", "--cafile", certificates.ca)
    assert (ran.status, ran.output) == (0, "0 new, 2 fetched before\n")
    ran = fetch(implicit.port, maildir, "--implicit-tls")
    assert ran.status == 2
    assert "certificate verify failed" in ran.errors
    open_to_all = start("pop3_server", "--maildir", drop, *PLAIN_DROP, "--driver", driver)
    ran = fetch(open_to_all.port, maildir)
    assert ran.status == 2
    assert "without TLS" in ran.errors
    ran = fetch(open_to_all.port, maildir, "--stls")
    assert ran.status == 2
    assert "refused STLS" in ran.errors
    assert fetch(open_to_all.port, maildir, "--plaintext-auth").status == 0


def test_apop(start: Start, drop: Path, maildir: Path, tmp_path: Path) -> None:
    """RFC 1939 section 7: where it is offered and asked for; with another timestamp each time."""
    ran = fetch(start("pop3_server", "--maildir", drop, *ALICES).port, maildir, "--apop")
    assert ran.status == 2
    assert "no APOP" in ran.errors
    server = start("pop3_server", "--maildir", drop, *ALICES, "--apop")
    greetings: set[bytes] = set()
    for _ in range(2):
        client = poplib.POP3("127.0.0.1", server.port, timeout=DEADLINE)
        greetings.add(client.getwelcome())
        client.apop("alice", "secret")
        client.quit()
    assert len(greetings) == 2
    assert fetch(server.port, maildir, "--apop").status == 0
    assert len(fetched(maildir)) == 2
    password = tmp_path / "password"
    for nobody, word in (("alice", "wrong"), ("bob", "")):
        password.write_text(word)
        ran = fetch(server.port, maildir, "--apop", "--user", nobody, "--password-file", password)
        assert ran.status == 2
        assert "refused APOP: -ERR [AUTH]" in ran.errors


@pytest.mark.parametrize("driver", DRIVERS)
def test_sizes_are_those_on_the_wire(start: Start, drop: Path, driver: str) -> None:
    """RFC 1939 section 11: each line end counts as two octets, however it is stored."""
    (drop / "cur" / "30.seam:2,").write_bytes(b"x" * 65_535 + b"\r\n\n\r\r\n" + b"y\n" * 40_000)
    (drop / "new" / "40.empty").write_bytes(b"")
    server = start("pop3_server", "--maildir", drop, *PLAIN_DROP, "--driver", driver)
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE) as peer:
        lines = peer.makefile("rb")
        lines.readline()
        for word in (b"USER alice", b"PASS secret", b"LIST"):
            peer.sendall(word + b"\r\n")
            assert lines.readline().startswith(b"+OK")
        sizes = [int(line.split()[1]) for line in iter(lines.readline, b".\r\n")]
        assert sizes[:2] == [len(SENT), len(MESSAGE)]
        for number, size in enumerate(sizes, 1):
            peer.sendall(b"RETR %d\r\n" % number)
            assert lines.readline() == b"+OK %d octets\r\n" % size
            octets = b"".join(line.removeprefix(b".") for line in iter(lines.readline, b".\r\n"))
            assert len(octets) == size
            assert octets.count(b"\r") == octets.count(b"\n") == octets.count(b"\r\n")
        lines.close()


def test_unique_ids_are_the_names(start: Start, drop: Path) -> None:
    """RFC 1939 section 7: 1 to 70 characters from ! to ~, the same in every session."""
    long = "50." + "n" * 80
    (drop / "new" / long).write_bytes(b"1\r\n")
    (drop / "new" / "60.a b").write_bytes(b"2\r\n")
    server = start("pop3_server", "--maildir", drop, *PLAIN_DROP)
    seen: list[list[bytes]] = []
    for _ in range(2):
        client = reader(server)
        seen.append([line.split(b" ")[1] for line in client.uidl()[1]])
        client.quit()
        (drop / "new" / "20.two").replace(drop / "cur" / "20.two:2,RS")  # it was read meanwhile
        (drop / "cur" / "20.two:2,RS").replace(drop / "new" / "20.two")
        (drop / "new" / long).replace(drop / "cur" / f"{long}:2,S")
        (drop / "cur" / f"{long}:2,S").replace(drop / "new" / long)
    first, second = seen
    assert first == second
    assert first[:2] == [b"3.one", b"20.two"]
    assert all(re.fullmatch(rb"[0-9a-f]{64}", one) for one in first[2:])
    assert len(set(first)) == 4


@pytest.mark.parametrize("driver", DRIVERS)
def test_only_quit_removes(start: Start, drop: Path, driver: str) -> None:
    """RFC 1939 section 6: messages are removed in the UPDATE state, and in no other way."""
    server = start("pop3_server", "--maildir", drop, *PLAIN_DROP, "--driver", driver)
    client = reader(server)
    client.dele(1)
    client.rset()
    client.quit()
    assert there(drop) == ["20.two", "3.one"]
    client = reader(server)
    client.dele(1)
    assert client.sock is not None
    client.sock.sendall(b"NOOP")  # half a command, and then nothing
    client.close()
    assert server.stop().status == 0
    assert there(drop) == ["20.two", "3.one"]
    client = reader(start("pop3_server", "--maildir", drop, *PLAIN_DROP, "--driver", driver))
    client.dele(2)
    assert client.quit().startswith(b"+OK")
    assert there(drop) == ["3.one"]


@pytest.mark.parametrize("driver", DRIVERS)
def test_one_session_at_a_time(start: Start, drop: Path, maildir: Path, driver: str) -> None:
    """RFC 1939 section 4: the maildrop is locked; RFC 2449 section 8.1.2: [IN-USE] says so."""
    served = ("--maildir", drop, *PLAIN_DROP, "--driver", driver)
    server = start("pop3_server", *served)
    other = start("pop3_server", *served)
    first = reader(server)
    for program in (server, other):
        with pytest.raises(poplib.error_proto, match=r"-ERR \[IN-USE\]"):
            reader(program)
    ran = fetch(server.port, maildir, "--auth")
    assert ran.status == 2
    assert "refused AUTH: -ERR [IN-USE]" in ran.errors
    first.quit()
    for program in (server, other, server):
        reader(program).quit()


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_maildir_that_changes_meanwhile(start: Start, drop: Path, driver: str) -> None:
    """Other programs move messages, set flags and remove them; a session goes on."""
    server = start("pop3_server", "--maildir", drop, *PLAIN_DROP, "--driver", driver)
    client = reader(server)
    (drop / "new" / "20.two").rename(drop / "cur" / "20.two:2,RS")
    (drop / "cur" / "3.one:2,S").unlink()
    with pytest.raises(poplib.error_proto, match=r"-ERR \[SYS/TEMP\]"):
        client.retr(1)
    with pytest.raises(poplib.error_proto, match=r"-ERR \[SYS/TEMP\]"):
        client.top(1, 0)
    assert len(client.retr(2)[1]) == MESSAGE.count(b"\n")
    assert client.top(2, 1)[1][-1] == b"."
    client.dele(1)
    client.dele(2)
    client.quit()
    assert there(drop) == []
    assert "a message cannot be read" in server.stop().output


def test_a_maildrop_that_cannot_be_read(start: Start, drop: Path) -> None:
    """RFC 3206 section 4: [SYS/TEMP] is not the user's fault."""
    server = start("pop3_server", "--maildir", drop, *PLAIN_DROP)
    (drop / "cur").rename(drop / "away")
    with pytest.raises(poplib.error_proto, match=r"-ERR \[SYS/TEMP\]"):
        reader(server)
    (drop / "away").rename(drop / "cur")
    reader(server).quit()


GREETED = (b"+OK x", b"-ERR no CAPA", b"+OK", b"+OK")
"""Up to the login by USER and PASS."""
ONE = b"+OK\r\nSubject: one\r\n\r\n."


def test_an_interrupted_run_goes_on(start: Start, drop: Path, maildir: Path) -> None:
    script = (*GREETED, b"+OK\r\n1 3.one\r\n2 20.two\r\n.", ONE, b"+OK", b"+OK\r\nSubject: ha")
    with scripted(*script, end=None) as (port, heard):
        ran = fetch(port, maildir, "--plaintext-auth", "--delete")
    assert heard[4:7] == [b"RETR 1\r\n", b"DELE 1\r\n", b"RETR 2\r\n"]
    assert ran.status == 2
    assert "1 new before that" in ran.errors
    assert fetched(maildir) == [b"Subject: one\r\n\r\n"]
    server = start("pop3_server", "--maildir", drop, *ALICES)
    ran = fetch(server.port, maildir, "--auth", "--delete")
    assert (ran.status, ran.output) == (0, "1 new, 1 fetched before, 2 deleted\n")
    assert fetched(maildir) == [b"Subject: one\r\n\r\n", MESSAGE]
    assert there(drop) == []


def test_a_line_that_was_half_written_down(start: Start, drop: Path, maildir: Path) -> None:
    """A crash in the middle of a unique-id: the message comes again, and the file is sound."""
    seen = maildir.parent / "seen"
    seen.write_text("3.one\n20.tw")
    server = start("pop3_server", "--maildir", drop, *ALICES)
    ran = fetch(server.port, maildir, "--auth", "--seen", seen)
    assert (ran.status, ran.output) == (0, "1 new, 1 fetched before\n")
    assert seen.read_text() == "3.one\n20.two\n"
    assert fetched(maildir) == [MESSAGE]


def test_what_is_not_stored_is_not_deleted(maildir: Path) -> None:
    mailbox.Maildir(maildir, create=True)
    (maildir / "new").rename(maildir / "away")
    script = (*GREETED, b"+OK\r\n1 a\r\n.", ONE)
    with scripted(*script) as (port, heard):
        ran = fetch(port, maildir, "--plaintext-auth", "--delete", "--seen", maildir / "seen")
    assert heard[4:] == [b"RETR 1\r\n", b""]
    assert ran.status == 2
    assert "new" in ran.errors
    assert (maildir / "seen").read_bytes() == b""


def test_commands_are_pipelined_where_that_is_offered(maildir: Path) -> None:
    """RFC 2449 section 6.6: three RETRs are there before the first is answered."""
    heard: list[bytes] = []
    answers = (b"+OK x", b"+OK\r\nPIPELINING\r\nUSER\r\nUIDL\r\n.", b"+OK", b"+OK")

    def play() -> None:
        peer, _ = server.accept()
        with peer, peer.makefile("rb") as lines:
            for answer in (*answers, b"+OK\r\n1 a\r\n2 b\r\n3 c\r\n."):
                peer.sendall(answer + b"\r\n")
                heard.append(lines.readline())
            heard.extend([lines.readline(), lines.readline()])
            peer.sendall(b"".join(b"+OK\r\nSubject: %d\r\n.\r\n" % number for number in range(3)))
            for _ in range(4):
                heard.append(lines.readline())
                peer.sendall(b"+OK\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=play)
        thread.start()
        ran = fetch(server.getsockname()[1], maildir, "--plaintext-auth", "--delete")
        thread.join(DEADLINE)
    assert (ran.status, ran.output) == (0, "3 new, 0 fetched before, 3 deleted\n")
    assert heard[4:7] == [b"RETR 1\r\n", b"RETR 2\r\n", b"RETR 3\r\n"]
    assert sorted(heard[7:10]) == [b"DELE 1\r\n", b"DELE 2\r\n", b"DELE 3\r\n"]
    assert heard[10:] == [b"QUIT\r\n"]
    assert len(fetched(maildir)) == 3


def test_a_unique_id_that_is_not_unique(maildir: Path) -> None:
    """RFC 1939 section 7 allows it. Nothing is deleted that this run has not stored."""
    listing = b"+OK\r\n1 same\r\n2 same\r\n."
    once = (*GREETED, listing, ONE, ONE)
    with scripted(*once, b"+OK bye", end=None) as (port, heard):
        ran = fetch(port, maildir, "--plaintext-auth")
    assert heard[4:7] == [b"RETR 1\r\n", b"RETR 2\r\n", b"QUIT\r\n"]
    assert ran.output == "2 new, 0 fetched before\n"
    with scripted(*GREETED, listing, b"+OK bye", end=None) as (port, heard):
        ran = fetch(port, maildir, "--plaintext-auth", "--delete")
    assert heard[4] == b"QUIT\r\n"
    assert (ran.status, ran.output) == (0, "0 new, 2 fetched before, 0 deleted\n")


def test_what_the_server_refuses(maildir: Path) -> None:
    """RETR and DELE of one message are refused, and so is QUIT; the other message is here."""
    script = (
        *(*GREETED, b"+OK\r\n1 a\r\n?\r\n2 b\r\n3 c\r\n."),
        *(b"-ERR [SYS/TEMP] not now", ONE, b"+OK", ONE, b"-ERR no", b"-ERR not removed"),
    )
    with scripted(*script, end=None) as (port, heard):
        ran = fetch(port, maildir, "--plaintext-auth", "--delete")
    commands = (b"RETR 1", b"RETR 2", b"DELE 2", b"RETR 3", b"DELE 3", b"QUIT")
    assert heard[4:10] == [command + b"\r\n" for command in commands]
    assert (ran.status, ran.output) == (1, "2 new, 0 fetched before, 0 deleted\n")
    assert ran.errors.splitlines() == [
        "pop3_fetch: message 1 is refused: -ERR [SYS/TEMP] not now",
        "pop3_fetch: message 3 cannot be deleted: -ERR no",
        "pop3_fetch: what was to be deleted may still be there: -ERR not removed",
        "pop3_fetch: 1 entries of UIDL cannot be read",
    ]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ((b"-ERR [SYS/PERM] go away",), "refused the connection: -ERR [SYS/PERM] go away"),
        ((b"+OK x", b"-ERR", b"+OK", b"-ERR [AUTH] no"), "refused PASS: -ERR [AUTH] no"),
        ((*GREETED, b"-ERR no UIDL"), "refused UIDL: -ERR no UIDL"),
        ((b"+OK x", b"+OK\r\nUSER\r\n.", b"+OK", b"+OK"), "does not offer UIDL"),
        ((b"220 x", b"250 x"), "no reply"),
    ],
)
def test_why_nothing_was_fetched(maildir: Path, script: tuple[bytes, ...], why: str) -> None:
    with scripted(*script) as (port, _):
        ran = fetch(port, maildir, "--plaintext-auth")
    assert (ran.status, ran.output) == (2, "")
    assert ran.errors.startswith("pop3_fetch: error: ")
    assert why in ran.errors
    assert fetched(maildir) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_stored_message_of_any_size_takes_little_memory(
    start: Start, drop: Path, maildir: Path, driver: str
) -> None:
    server = start("pop3_server", "--maildir", drop, *ALICES, "--driver", driver)
    line = b"y" * 78 + b"\n"
    peaks: list[int] = []
    for number, size in enumerate((2**20, 2**25)):
        (drop / "new" / f"{number + 100}.large").write_bytes(line * (size // len(line)))
        assert fetch(server.port, maildir, "--auth").status == 0
        peaks.append(server.peak())
    assert fetched(maildir)[-1] == line.replace(b"\n", b"\r\n") * (2**25 // len(line))
    assert peaks[1] - peaks[0] < 2**23


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("driver", DRIVERS)
def test_open_pop3_sessions_are_told(
    start: Start, drop: Path, driver: str, number: signal.Signals
) -> None:
    """A reply nobody asked for is a farewell; and RFC 1939 section 6: nothing is removed."""
    server = start("pop3_server", "--maildir", drop, *PLAIN_DROP, "--driver", driver)
    client = reader(server)
    client.dele(1)
    server.signal(number)
    assert client.file.readline().startswith(b"-ERR [SYS/TEMP] ")
    assert client.file.readline() == b""
    client.close()
    ran = server.wait()
    assert (ran.status, ran.output) == (0, "")
    assert there(drop) == ["20.two", "3.one"]


def test_pop3_fetch_is_interrupted(maildir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(DEADLINE)
        port = silent.getsockname()[1]
        with subprocess.Popen(
            command("pop3_fetch", "--port", port, "--maildir", maildir, "--user", "alice"),
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=ENVIRONMENT,
        ) as process:
            peer, _ = silent.accept()
            with peer, peer.makefile("rb") as lines:
                peer.sendall(b"+OK x\r\n")
                assert lines.readline() == b"CAPA\r\n"
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=DEADLINE)
                assert lines.readline() == b""  # not QUIT
    assert process.returncode == 2
    assert errors == b"pop3_fetch: error: interrupted\n"

"""The real POP3 clients: poplib, curl, fetchmail, mpop and getmail, each behind one function.

`fetch(Retrieval) -> Fetched` runs a client that downloads a whole maildrop. What a client keeps of
a message is in the form its program gives it: with LF line endings, mostly. `Fetcher.kept()`
computes, from the message as it was *sent*, what that must be; what was fetched is never touched.
Nothing here knows which server listens.

The programs run as the user `nobody`: getmail delivers to no Maildir as root, and nobody should.
"""

from __future__ import annotations

import functools
import poplib
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import attrs

from .certificates import Certificates
from .maildir import on_disk_with_lf, read_maildir, write_maildir
from .messages import Sample
from .peers import PASSWORD
from .processes import HOST, PATIENCE, run_program

__all__ = ["FETCHERS", "Fetched", "Fetcher", "Retrieval"]


@attrs.frozen
class Retrieval:
    """What a client is asked to do."""

    port: int
    user: str
    folder: Path
    """An empty folder, the client's home, which every user can reach."""
    certificates: Certificates
    password: str = PASSWORD
    """Or the token, for OAUTHBEARER and XOAUTH2."""
    auth: str | None = None
    """USER (with PASS), APOP, or a SASL mechanism; None is what the client chooses."""
    stls: bool = False
    implicit_tls: bool = False
    """TLS from the first octet on (RFC 8314)."""
    keep: bool = True
    """Leave the messages where they are; otherwise each is deleted when it was fetched."""


@attrs.frozen
class Fetched:
    """How it ended."""

    ok: bool
    """The client reported success."""
    messages: tuple[bytes, ...] = attrs.field(repr=False)
    """What it has, in the order of the maildrop, as it keeps it."""
    log: str
    """What the client said, for the reader of a failed test. Not to be searched for numbers: there
    are ports, process ids, times and fingerprints in it."""


@attrs.frozen
class Fetcher:
    """A client, and what is to be known about it."""

    fetch: Callable[[Retrieval], Fetched]
    auth: tuple[str, ...]
    """The ways to log in that it can be told to take."""
    kept: Callable[[bytes], bytes] = on_disk_with_lf
    """What it keeps of a message that came like this (CRLF)."""
    stls: bool = True
    shows_commands: bool = True
    """Its log has them, behind `>`."""
    empty: bool = True
    """It keeps a message without any octet as it is."""
    long_lines: bool = True
    """It keeps lines that are longer than the 998 octets of RFC 5322 2.1.1, as they are."""

    def can_keep(self, sample: Sample) -> bool:
        return (self.empty or sample.raw != b"") and (self.long_lines or not sample.long_lines)


# --- poplib --------------------------------------------------------------------------------------


def fetch_poplib(task: Retrieval) -> Fetched:
    """The standard library's, which refuses lines of more than 2,048 octets."""
    messages: list[bytes] = []
    try:
        make: Callable[..., poplib.POP3] = poplib.POP3
        if task.implicit_tls:
            make = functools.partial(poplib.POP3_SSL, context=task.certificates.client_context())
        client = make(HOST, task.port, timeout=PATIENCE)
        try:
            if task.stls:
                client.stls(task.certificates.client_context())
            if task.auth == "APOP":
                client.apop(task.user, task.password)
            else:
                client.user(task.user)
                client.pass_(task.password)
            for line in client.list()[1]:
                number = int(line.split()[0])
                messages.append(b"".join(one + b"\r\n" for one in client.retr(number)[1]))
                if not task.keep:
                    client.dele(number)
            client.quit()
        finally:
            client.close()
    except (poplib.error_proto, OSError) as error:
        return Fetched(ok=False, messages=tuple(messages), log=repr(error))
    return Fetched(ok=True, messages=tuple(messages), log="")


# --- Programs ------------------------------------------------------------------------------------


def _run(
    task: Retrieval, name: str, *arguments: str | Path, secrets: Iterable[Path] = ()
) -> subprocess.CompletedProcess[bytes]:
    for one in secrets:
        one.chmod(0o600)
    for one in (task.folder, *task.folder.rglob("*")):
        shutil.chown(one, "nobody", "nogroup")
    return run_program(name, arguments, home=task.folder, user="nobody")


def _finished(
    done: subprocess.CompletedProcess[bytes], messages: Iterable[bytes], *good: int
) -> Fetched:
    log = (done.stdout + done.stderr).decode("utf-8", "replace")
    return Fetched(
        ok=done.returncode in {0, *good},
        messages=tuple(messages),
        log=f"status {done.returncode}\n{log}",
    )


def _numbered(folder: Path) -> list[bytes]:
    """The files named `got.N`, in the order of N."""
    files = sorted(folder.glob("got.*"), key=lambda file: int(file.suffix[1:]))
    return [file.read_bytes() for file in files]


def fetch_curl(task: Retrieval) -> Fetched:
    """curl, which is told what to do: LIST, then RETR and DELE for each, in one connection."""
    scheme = "pop3s" if task.implicit_tls else "pop3"
    url = f"{scheme}://{HOST}:{task.port}/"
    common = ["verbose", "show-error", "silent", f"max-time = {PATIENCE}"]
    if task.auth in {"OAUTHBEARER", "XOAUTH2"}:
        common += [f'user = "{task.user}:"', f'oauth2-bearer = "{task.password}"']
    else:
        common += [f'user = "{task.user}:{task.password}"']
    if task.auth is not None:
        common += [f'login-options = "AUTH={"+" * (task.auth == "APOP")}{task.auth}"']
    if task.stls or task.implicit_tls:
        common += ["ssl-reqd", f'cacert = "{task.certificates.ca}"']
    configuration = task.folder / "curlrc"

    def run(lines: list[str]) -> subprocess.CompletedProcess[bytes]:
        configuration.write_text("\n".join(lines) + "\n")
        arguments = ["--disable", "--config", str(configuration)]
        return _run(task, "curl", *arguments, secrets=[configuration])

    listed = run([*common, f'url = "{url}"'])
    numbers = re.findall(rb"^([0-9]+) [0-9]+\r$", listed.stdout, re.MULTILINE)
    if listed.returncode or not numbers:
        return _finished(listed, [])
    lines = list(common)
    for number in map(bytes.decode, numbers):
        lines += [f'url = "{url}{number}"', f'output = "{task.folder}/got.{number}"']
    if not task.keep:
        lines += ["next", *common, "head", 'request = "DELE"']
        lines += [f'url = "{url}{number.decode()}"' for number in numbers]
    done = run(lines)
    return _finished(done, _numbered(task.folder))


def fetch_fetchmail(task: Retrieval) -> Fetched:
    """fetchmail, which gives each message to a program: here, one that numbers the files.

    `--invisible`: without a Received field of its own.
    """
    deliver = task.folder / "deliver"
    deliver.write_text(
        "read last <last; number=$((last + 1)); echo $number >last; cat >got.$number\n"
    )
    (task.folder / "last").write_text("0\n")
    tls = "sslproto ''"
    if task.stls or task.implicit_tls:
        # It looks for an address only among the certificate's names.
        tls = f"sslproto TLS1.2+ sslcertck sslcertfile {task.certificates.ca}"
        tls += " sslcommonname localhost"
        tls += " ssl" * task.implicit_tls
    configuration = task.folder / "fetchmailrc"
    configuration.write_text(
        f"poll {HOST} service {task.port} timeout {PATIENCE} uidl"
        f" protocol {'apop' if task.auth == 'APOP' else 'pop3'}"
        f" {'auth password' if task.auth == 'USER' else ''}"
        f" {'auth cram-md5' if task.auth == 'CRAM-MD5' else ''}:\n"
        f'  user "{task.user}" password "{task.password}" {"keep" if task.keep else "no keep"}'
        f' fetchall no rewrite {tls} mda "sh {deliver}"\n'
    )
    arguments = ["--nodetach", "--nosyslog", "--verbose", "--verbose", "--invisible"]
    arguments += ["--fetchmailrc", str(configuration), "--pidfile", str(task.folder / "pid")]
    done = _run(task, "fetchmail", *arguments, secrets=[configuration])
    return _finished(done, _numbered(task.folder), 1)  # 1: there was no mail


def fetch_mpop(task: Retrieval) -> Fetched:
    """mpop, which pipelines where it may."""
    maildir = task.folder / "Maildir"
    write_maildir(maildir, [])
    configuration = task.folder / "mpoprc"
    lines = [
        "account lab",
        f"host {HOST}",
        f"port {task.port}",
        f"user {task.user}",
        f"password {task.password}",
        f"auth {'user' if task.auth is None else task.auth.lower()}",
        f"keep {'on' if task.keep else 'off'}",
        f"timeout {PATIENCE}",
        f"uidls_file {task.folder}/uidls",
        "received_header off",
        f"delivery maildir {maildir}",
    ]
    if task.stls or task.implicit_tls:
        lines += ["tls on", f"tls_starttls {'on' if task.stls else 'off'}"]
        lines += [f"tls_trust_file {task.certificates.ca}"]
    else:
        lines += ["tls off"]
    configuration.write_text("\n".join(lines) + "\n")
    arguments = ["--debug", f"--file={configuration}", "lab"]
    done = _run(task, "mpop", *arguments, secrets=[configuration])
    return _finished(done, read_maildir(maildir))


def fetch_getmail(task: Retrieval) -> Fetched:
    """getmail, which has no STLS."""
    maildir = task.folder / "Maildir"
    write_maildir(maildir, [])
    configuration = task.folder / "getmailrc"
    lines = [
        "[retriever]",
        f"type = SimplePOP3{'SSL' * task.implicit_tls}Retriever",
        f"server = {HOST}",
        f"port = {task.port}",
        f"timeout = {PATIENCE}",
        f"username = {task.user}",
        f"password = {task.password}",
        f"use_apop = {task.auth == 'APOP'}",
    ]
    if task.implicit_tls:
        lines += [f"ca_certs = {task.certificates.ca}", f"ssl_cert_hostname = {HOST}"]
    lines += [
        "[destination]",
        "type = Maildir",
        f"path = {maildir}/",
        "[options]",
        "read_all = true",
        f"delete = {not task.keep}",
        "verbose = 2",
        "received = false",
        "delivered_to = false",
    ]
    configuration.write_text("\n".join(lines) + "\n")
    arguments = ["--getmaildir", str(task.folder), "--rcfile", str(configuration)]
    done = _run(task, "getmail", *arguments, secrets=[configuration])
    return _finished(done, read_maildir(maildir))


def _with_return_path(message: bytes) -> bytes:
    # It puts an empty line behind a header, also where there is neither.
    return b"Return-Path: <unknown>\n" + on_disk_with_lf(message or b"\r\n")


def _as_it_came(message: bytes) -> bytes:
    return message


def _with_a_line(message: bytes) -> bytes:
    # curl counts on the CRLF in front of the last dot, also where it is that of the status line.
    return message or b"\r\n"


FETCHERS: dict[str, Fetcher] = {
    "poplib": Fetcher(
        fetch_poplib,
        auth=("USER", "APOP"),
        kept=_as_it_came,
        shows_commands=False,
        long_lines=False,
    ),
    "curl": Fetcher(
        fetch_curl,
        auth=("APOP", "PLAIN", "LOGIN", "CRAM-MD5", "OAUTHBEARER"),
        kept=_with_a_line,
    ),
    # It breaks long lines, and writes a header for a message that has none.
    "fetchmail": Fetcher(
        fetch_fetchmail, auth=("USER", "APOP", "CRAM-MD5"), empty=False, long_lines=False
    ),
    # It has APOP, too, but refuses the greetings of some servers.
    "mpop": Fetcher(
        fetch_mpop,
        auth=(
            *("USER", "PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"),
            *("OAUTHBEARER", "XOAUTH2"),
        ),
    ),
    "getmail": Fetcher(
        fetch_getmail,
        auth=("USER", "APOP"),
        kept=_with_return_path,
        stls=False,
        shows_commands=False,
    ),
}
"""Every client, by its name."""

"""The real clients: smtplib, aiosmtplib, swaks, msmtp, and curl, each behind one function.

`send(Submission) -> Sent` runs a client to its end. `Submission.message` is in wire form (CRLF);
each function hands it over in the form its client takes, and says so. Nothing here knows which
server listens.
"""

from __future__ import annotations

import asyncio
import functools
import re
import smtplib
import subprocess
from collections.abc import Callable
from pathlib import Path

import aiosmtplib
import attrs

from .certificates import Certificates
from .peers import PASSWORD
from .processes import HOST, PATIENCE, missing, run_program

__all__ = ["SENDERS", "Sent", "Submission", "reply_codes", "run_swaks"]

_HELO = "client.lab.test"


@attrs.frozen
class Submission:
    """What a client is asked to do."""

    port: int
    message: bytes = attrs.field(repr=False)
    folder: Path
    """An empty folder, the client's home."""
    certificates: Certificates
    recipients: tuple[str, ...] = ("bob@lab.test",)
    sender: str = "alice@lab.test"
    starttls: bool = False
    implicit_tls: bool = False
    """TLS from the first octet on (RFC 8314)."""
    auth: str | None = None
    """A SASL mechanism, for the user `alice`; None for none."""
    password: str = PASSWORD
    lmtp: bool = False
    smtputf8: bool = False
    mail_options: tuple[str, ...] = ()
    """Parameters of MAIL, for the clients that can be told (smtplib and aiosmtplib)."""


@attrs.frozen
class Sent:
    """How it ended."""

    ok: bool
    """The client reported success."""
    codes: tuple[int, ...]
    """The replies it shows, in order: a program every one, a library those that refused."""
    log: str
    """What the client said, for the reader of a failed test. Not to be searched for numbers: there
    are ports, process ids, times and fingerprints in it."""


#: A reply (its last line), as shown by swaks (`<-`, `<~`, `<**`, `<~*`), msmtp (`<--`), curl (`<`).
_REPLY = re.compile(r"^<[-*~]* +([0-9]{3})(?!-)", re.MULTILINE)


def reply_codes(log: str) -> tuple[int, ...]:
    """The replies in the log of a program."""
    return tuple(int(code) for code in _REPLY.findall(log))


def _finished(done: subprocess.CompletedProcess[bytes]) -> Sent:
    log = (done.stdout + done.stderr).decode("utf-8", "replace")
    return Sent(
        ok=done.returncode == 0,
        codes=reply_codes(log),
        log=f"status {done.returncode}\n{log}",
    )


def send_smtplib(task: Submission) -> Sent:
    """The standard library's; one reply per message, so an LMTP task has one recipient."""
    make: Callable[..., smtplib.SMTP] = smtplib.LMTP if task.lmtp else smtplib.SMTP
    if task.implicit_tls:
        make = functools.partial(smtplib.SMTP_SSL, context=task.certificates.client_context())
    try:
        with make(HOST, task.port, local_hostname=_HELO, timeout=PATIENCE) as client:
            if task.starttls:
                client.starttls(context=task.certificates.client_context())
            if task.auth is not None:
                client.ehlo_or_helo_if_needed()
                client.user, client.password = "alice", task.password
                attempt = getattr(client, "auth_" + task.auth.lower().replace("-", "_"))
                client.auth(task.auth, attempt)
            refused = client.sendmail(
                task.sender, task.recipients, task.message, mail_options=list(_options(task))
            )
    except smtplib.SMTPException as error:
        codes: tuple[int, ...] = ()
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            codes = tuple(code for code, _ in error.recipients.values())
        elif isinstance(error, smtplib.SMTPResponseException):
            codes = (error.smtp_code,)
        return Sent(ok=False, codes=codes, log=repr(error))
    return Sent(ok=True, codes=tuple(code for code, _ in refused.values()), log=repr(refused))


def send_aiosmtplib(task: Submission) -> Sent:
    """aiosmtplib, which has no LMTP."""

    async def run() -> Sent:
        client = aiosmtplib.SMTP(
            hostname=HOST,
            port=task.port,
            local_hostname=_HELO,
            use_tls=task.implicit_tls,
            start_tls=False,
            tls_context=task.certificates.client_context() if task.implicit_tls else None,
            timeout=PATIENCE,
        )
        try:
            async with client:
                if task.starttls:
                    await client.starttls(tls_context=task.certificates.client_context())
                if task.auth is not None:
                    await client.ehlo()
                    attempt = getattr(client, "auth_" + task.auth.lower().replace("-", "_"))
                    await attempt("alice", task.password)
                refused, reply = await client.sendmail(
                    task.sender,
                    list(task.recipients),
                    task.message,
                    mail_options=list(_options(task)),
                )
        except aiosmtplib.SMTPException as error:
            codes: tuple[int, ...] = ()
            if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
                codes = tuple(one.code for one in error.recipients)
            elif isinstance(error, aiosmtplib.SMTPResponseException):
                codes = (error.code,)
            return Sent(ok=False, codes=codes, log=repr(error))
        codes = tuple(one.code for one in refused.values())
        return Sent(ok=True, codes=codes, log=f"{refused!r} {reply}")

    return asyncio.run(run())


def _options(task: Submission) -> tuple[str, ...]:
    return task.mail_options + (("SMTPUTF8",) if task.smtputf8 else ())


def run_swaks(task: Submission, *flags: str) -> Sent:
    """swaks, told to send the given octets as they are: stuffed here (RFC 5321 4.5.2).

    Without `--no-data-fixup` it would end every message with an empty line of its own.
    """
    stuffed = (b"\r\n" + _ended(task.message)).replace(b"\r\n.", b"\r\n..")[2:]
    data = task.folder / "data"
    data.write_bytes(stuffed + b".")
    arguments: list[str] = [
        "--server", HOST, "--port", str(task.port), "--helo", _HELO,
        "--timeout", str(PATIENCE),
        "--from", task.sender, "--to", ",".join(task.recipients),
        "--data", f"@{data}", "--no-data-fixup", "--suppress-data",
    ]  # fmt: skip
    if task.lmtp:
        arguments += ["--protocol", "LMTP"]
    if task.starttls or task.implicit_tls:
        arguments += ["--tls" if task.starttls else "--tls-on-connect"]
        arguments += ["--tls-verify", "--tls-ca-path", str(task.certificates.ca)]
    if task.auth is not None:
        arguments += ["--auth", task.auth]
        arguments += ["--auth-user", "alice", "--auth-password", task.password]
    sent = _finished(run_program("swaks", [*arguments, *flags], home=task.folder))
    if "requires Net::SSLeay" in sent.log:
        raise missing("swaks --tls")
    return sent


def send_swaks(task: Submission) -> Sent:
    """swaks, one command at a time."""
    return run_swaks(task)


def send_swaks_pipelining(task: Submission) -> Sent:
    """swaks, with MAIL, RCPT and DATA in one group (RFC 2920)."""
    return run_swaks(task, "--pipeline")


def send_msmtp(task: Submission) -> Sent:
    """msmtp, which reads LF line endings as sendmail does, and pipelines where it may."""
    configuration = task.folder / "msmtprc"
    lines = [
        "account lab",
        f"host {HOST}",
        f"port {task.port}",
        f"domain {_HELO}",
        f"from {task.sender}",
        f"protocol {'lmtp' if task.lmtp else 'smtp'}",
        "set_from_header off",
        "set_date_header off",
        "set_msgid_header off",
        "remove_bcc_headers off",
        f"auth {'off' if task.auth is None else task.auth.lower()}",
        "user alice",
        f"password {task.password}",
        f"timeout {PATIENCE}",
    ]
    if task.starttls or task.implicit_tls:
        lines += ["tls on", f"tls_starttls {'on' if task.starttls else 'off'}"]
        lines += [f"tls_trust_file {task.certificates.ca}"]
    else:
        lines += ["tls off"]
    configuration.write_text("\n".join(lines) + "\n")
    configuration.chmod(0o600)
    return _finished(
        run_program(
            "msmtp",
            ["--debug", f"--file={configuration}", "--account=lab", "--", *task.recipients],
            home=task.folder,
            stdin=task.message.replace(b"\r\n", b"\n"),
        )
    )


def send_curl(task: Submission) -> Sent:
    """curl, given the octets of the wire; it ends the last line and stuffs the dots."""
    body = task.folder / "body"
    body.write_bytes(task.message)
    arguments: list[str] = [
        "--silent", "--show-error", "--verbose", "--max-time", str(PATIENCE), "--disable",
        "--upload-file", str(body), "--mail-from", task.sender,
    ]  # fmt: skip
    for one in task.recipients:
        arguments += ["--mail-rcpt", one]
    if len(task.recipients) > 1:
        arguments += ["--mail-rcpt-allowfails"]
    if task.starttls or task.implicit_tls:
        arguments += ["--ssl-reqd", "--cacert", str(task.certificates.ca)]
    if task.auth is not None:
        arguments += ["--user", f"alice:{task.password}", "--login-options", f"AUTH={task.auth}"]
    scheme = "smtps" if task.implicit_tls else "smtp"
    url = f"{scheme}://{HOST}:{task.port}/{_HELO}"
    return _finished(run_program("curl", [*arguments, url], home=task.folder))


def _ended(message: bytes) -> bytes:
    return message if not message or message.endswith(b"\r\n") else message + b"\r\n"


#: Every client in its plainest use.
SENDERS: dict[str, Callable[[Submission], Sent]] = {
    "smtplib": send_smtplib,
    "aiosmtplib": send_aiosmtplib,
    "swaks": send_swaks,
    "swaks-pipelining": send_swaks_pipelining,
    "msmtp": send_msmtp,
    "curl": send_curl,
}

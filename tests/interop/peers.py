"""The real servers: Postfix, Dovecot's LMTP, POP3 and IMAP services, and aiosmtpd.

Each is a class with `start()` and `stop()`; what a test that sends sees is `Peer`, what one that
fetches is a `Maildrop` of Dovecot's. The people of `lab.test` are the same everywhere:

=============  ===========================================================================
alice, bob     have a mailbox; the password is `secret`
reject         550 5.1.1 at RCPT (Postfix, aiosmtpd); Dovecot does not know the user: 550 too
defer          450 4.2.0 at RCPT (Postfix, aiosmtpd)
full           552 5.2.2 at RCPT (Postfix, aiosmtpd); over quota *after* the data (Dovecot)
blocked        as the sender: 554 5.7.1 at MAIL (Postfix, aiosmtpd)
drop0, ...     have a maildrop each, for POP3 (Dovecot), with what a test puts there
anonymous      has one, too, that is empty; who says ANONYMOUS (RFC 4505) is this user
=============  ===========================================================================

The daemons must be started by root, because they change to other users themselves. Mailboxes
belong to the system user `mail`, which every Debian has; nothing outside the temporary folder is
written or read but the installed programs.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import pwd
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import attrs
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from .certificates import Certificates
from .maildir import (
    Delivered,
    on_disk_with_lf,
    read_maildir,
    split_trace,
    wire_with_crlf,
    write_maildir,
)
from .messages import expected
from .processes import (
    HOST,
    PATIENCE,
    Daemon,
    LabError,
    Ports,
    find_program,
    missing,
    poll,
    run_program,
)

__all__ = [
    "MECHANISMS",
    "PASSWORD",
    "SMALL",
    "Aiosmtpd",
    "Dovecot",
    "Maildrop",
    "Peer",
    "Postfix",
]

PASSWORD = "secret"

#: The message size limit, in octets, of the servers that refuse more.
SMALL = 10_000

_LARGE = 60_000_000


class Peer(Protocol):
    """A server of the lab, as a test sees it."""

    name: str
    host: str
    port: int
    """SMTP or LMTP, with every extension the server has."""
    ca: Path
    """What to trust for STARTTLS (PEM); the certificate says `localhost` and `127.0.0.1`."""

    def take(self, user: str) -> list[Delivered]:
        """Wait until nothing is in flight; return and forget what was delivered to `user`."""
        ...

    def stored(self, sent: bytes) -> bytes:
        """What this peer keeps of a message that was sent with CRLF line endings."""
        ...


def _mail_user() -> tuple[int, int]:
    if os.geteuid() != 0:
        raise LabError("the interop tests start Postfix and Dovecot, which takes root")
    try:
        entry = pwd.getpwnam("mail")
    except KeyError:
        raise LabError("the system has no user 'mail' to own the mailboxes") from None
    return entry.pw_uid, entry.pw_gid


def _mail_folder(folder: Path) -> Path:
    uid, gid = _mail_user()
    folder.mkdir()
    os.chown(folder, uid, gid)
    return folder


# --- Dovecot ---------------------------------------------------------------------------------


_DOVECOT = """\
base_dir = {run}
state_dir = {state}
instance_name = interop
log_path = {log}
protocols = lmtp pop3 imap
listen = {host}
hostname = dovecot.lab.test
postmaster_address = postmaster@lab.test
first_valid_uid = 1
mail_uid = {uid}
mail_gid = {gid}
mail_location = maildir:{mail}/%Ln/Maildir
mail_save_crlf = no
ssl = yes
ssl_cert = <{certificates.certificate}
ssl_key = <{certificates.key}
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_anonymous_username = anonymous
auth_failure_delay = 0
auth_username_format = %Ln
default_vsz_limit = 0
mail_max_userip_connections = 0
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = {oauth2}
}}
passdb {{
  driver = passwd-file
  args = {users}
}}
userdb {{
  driver = passwd-file
  args = {users}
}}
mail_plugins = quota
plugin {{
  quota = maildir:User quota
  acl = vfile
}}
protocol lmtp {{
  lmtp_rcpt_check_quota = no
}}
protocol imap {{
  mail_plugins = quota imap_quota zlib imap_zlib acl imap_acl
}}
service lmtp {{
  inet_listener lmtp {{
    address = {host}
    port = {port}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    address = {host}
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    address = {host}
    port = {pop3s_port}
    ssl = yes
  }}
}}
service imap-login {{
  inet_listener imap {{
    address = {host}
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {auth_socket} {{
    mode = 0666
  }}
}}
"""


#: Tokens are checked by Dovecot itself, with the key that `token()` signs them with.
_OAUTH2 = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={keys}/
username_attribute = email
username_format = %u
"""

#: As Dovecot names them; in upper case, what AUTH and CAPA say. APOP is a command of its own.
MECHANISMS = (
    "plain",
    "login",
    "cram-md5",
    "digest-md5",
    "scram-sha-1",
    "scram-sha-256",
    "apop",
    "oauthbearer",
    "xoauth2",
    "anonymous",
)

_OAUTH2_KEY = b"the key of the lab, for every token of the lab"

#: How many a run can have; each is one line of a file.
_MAILDROPS = 1_000


@attrs.frozen
class Maildrop:
    """One user's mail, as POP3 has it. The password is `PASSWORD`."""

    user: str
    messages: tuple[bytes, ...] = attrs.field(repr=False)
    """What RETR gives: number 1 first, CRLF line endings, the last line ended. Dovecot ends that of
    an empty message, too, though it has none."""


class Dovecot:
    """Dovecot: LMTP, POP3, IMAP, and the authentication socket that Postfix asks."""

    name = "dovecot"
    host = HOST

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self.folder = folder
        self.ca = certificates.ca
        #: `port` is LMTP's; `pop3_port` offers STLS; on `pop3s_port` there is TLS from the first
        #: octet on (RFC 8314).
        self._ports = Ports(4)
        self.port, self.pop3_port, self.pop3s_port, self.imap_port = self._ports.numbers
        self.auth_socket = folder / "auth-client"
        self.log = folder / "dovecot.log"
        self._certificates = certificates
        self._daemon: Daemon | None = None
        self._unused = (f"drop{number}" for number in range(_MAILDROPS))

    def start(self) -> None:
        program = find_program("dovecot")
        uid, gid = self._owner = _mail_user()
        keys = self.folder / "keys"
        for one in (self.folder / "run", self.folder / "state", keys / "default" / "HS256"):
            one.mkdir(parents=True)
        (keys / "default" / "HS256" / "default").write_bytes(base64.b64encode(_OAUTH2_KEY))
        self._mail = _mail_folder(self.folder / "mail")
        users = self.folder / "users"
        people = ("alice", "bob", *(f"drop{number}" for number in range(_MAILDROPS)))
        users.write_text(
            "".join(f"{name}:{{PLAIN}}{PASSWORD}::::::\n" for name in people)
            + f"full:{{PLAIN}}{PASSWORD}::::::userdb_quota_rule=*:bytes=1\n"
            + f"anonymous:{{PLAIN}}{secrets.token_hex()}::::::\n"
        )
        oauth2 = self.folder / "oauth2.conf"
        oauth2.write_text(_OAUTH2.format(keys=keys))
        configuration = self.folder / "dovecot.conf"
        configuration.write_text(
            _DOVECOT.format(
                run=self.folder / "run",
                state=self.folder / "state",
                log=self.log,
                host=HOST,
                uid=uid,
                gid=gid,
                mail=self._mail,
                users=users,
                mechanisms=" ".join(MECHANISMS),
                oauth2=oauth2,
                port=self.port,
                pop3_port=self.pop3_port,
                pop3s_port=self.pop3s_port,
                imap_port=self.imap_port,
                auth_socket=self.auth_socket,
                certificates=self._certificates,
            )
        )
        asked = ["-c", str(configuration), "-h", "libexec_dir"]
        programs = run_program("doveconf", asked, home=self.folder).stdout.decode().strip()
        for service in ("pop3", "imap"):
            if not (Path(programs) / f"{service}-login").exists():
                raise missing(f"dovecot {service}")
        self._daemon = Daemon([program, "-F", "-c", configuration], log=self.log)
        self._daemon.wait_until_listening(*self._ports.numbers)
        poll(self.auth_socket.exists, lambda: "Dovecot made no auth socket")

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.stop()
        self._ports.release()

    def take(self, user: str) -> list[Delivered]:
        # Its replies are sent after the message was saved (RFC 2033 4.2): nothing to wait for.
        return [split_trace(one) for one in read_maildir(self._mail / user / "Maildir")]

    def stored(self, sent: bytes) -> bytes:
        return on_disk_with_lf(sent)

    def maildrop(self, messages: Sequence[bytes]) -> Maildrop:
        """Put messages in wire form into a maildrop of their own.

        The user is a new one each time: nobody has to wait until the session that a test has left
        is over, also for Dovecot.
        """
        user = next(self._unused)
        maildir = self._mail / user / "Maildir"
        write_maildir(maildir, [on_disk_with_lf(one) for one in messages])
        for path in (maildir.parent, maildir, *maildir.rglob("*")):
            os.chown(path, *self._owner)
        return Maildrop(user, tuple(_retrieved(one) for one in messages))

    def left(self, drop: Maildrop) -> tuple[bytes, ...]:
        """Take what is still there, as `Maildrop.messages` has it; when QUIT has been answered."""
        left = read_maildir(self._mail / drop.user / "Maildir")
        return tuple(_retrieved(wire_with_crlf(one)) for one in left)

    def token(self, user: str) -> str:
        """A bearer token (RFC 7519, 7515) that says: this is `user`."""
        header = {"alg": "HS256", "typ": "JWT"}
        claims = {"email": user, "sub": user, "iat": 0, "exp": 1 << 31}
        signed = ".".join(_base64url(json.dumps(one).encode()) for one in (header, claims))
        proof = hmac.digest(_OAUTH2_KEY, signed.encode(), "sha256")
        return f"{signed}.{_base64url(proof)}"


def _retrieved(message: bytes) -> bytes:
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


# --- Postfix ---------------------------------------------------------------------------------


_POSTFIX_MASTER = """\
{port} inet n - n - - smtpd
{small_port} inet n - n - - smtpd -o message_size_limit={small}
{tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
{bare_port} inet n - n - - smtpd -o smtpd_discard_ehlo_keywords={discarded}
{proxy_port} inet n - n - - smtpd
  -o smtpd_authorized_xclient_hosts={host}
  -o smtpd_authorized_xforward_hosts={host}
  -o smtpd_sasl_authenticated_header=yes
  -o inet_protocols=all
forward   unix - - n - - smtp
  -o smtp_send_xforward_command=yes
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
proxymap  unix - - n - - proxymap
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""

_POSTFIX_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
inet_interfaces = {host}
inet_protocols = ipv4
myhostname = postfix.lab.test
mydomain = lab.test
myorigin = lab.test
mydestination =
mynetworks = 127.0.0.2/32
# 127.0.0.1 is a stranger, whose messages are left as they are.
local_header_rewrite_clients =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = lab.test
virtual_mailbox_base = {mail}
virtual_mailbox_maps = texthash:{etc}/mailboxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
mailbox_size_limit = 0
message_size_limit = {large}
# Nothing leaves this machine: mail for elsewhere is accepted from who logged in, and dropped.
default_transport = discard:
relay_transport = discard:
# But for one domain, whose mail goes to a server of ours.
relay_domains = forward.test
transport_maps = inline:{{forward.test=forward:[{host}]:{forward_port}}}
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sender_restrictions = check_sender_access texthash:{etc}/senders
smtpd_recipient_restrictions = check_recipient_access texthash:{etc}/recipients
smtpd_data_restrictions = reject_unauth_pipelining
smtpd_helo_required = yes
smtpd_delay_reject = no
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificates.certificate}
smtpd_tls_key_file = {certificates.key}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth_socket}
smtpd_sasl_security_options = noanonymous
smtputf8_enable = yes
biff = no
readme_directory = no
html_directory = no
"""

#: A server as of RFC 821, all but for 8-bit text: nothing to pipeline, to chunk or to announce.
_DISCARDED = "pipelining,size,vrfy,etrn,starttls,auth,enhancedstatuscodes,dsn,smtputf8,chunking"


class Postfix:
    """Postfix, delivering into Maildirs through its `virtual` agent."""

    name = "postfix"
    host = HOST

    def __init__(self, folder: Path, certificates: Certificates, auth_socket: Path) -> None:
        self.folder = folder
        self.ca = certificates.ca
        #: `small_port` takes at most `SMALL` octets; `bare_port` offers only 8BITMIME; on
        #: `tls_port` there is TLS from the first octet on (RFC 8314).
        #: On `proxy_port` it believes XCLIENT and XFORWARD. It forwards the mail for
        #: `forward.test` to `forward_port`, and says XFORWARD there.
        self._ports = Ports(6)
        self.port, self.small_port, self.bare_port, self.tls_port, *more = self._ports.numbers
        self.proxy_port, self.forward_port = more
        self.log = folder / "postfix.log"
        self._certificates = certificates
        self._auth_socket = auth_socket
        self._daemon: Daemon | None = None

    def start(self) -> None:
        program = find_program("postfix")
        uid, gid = _mail_user()
        etc, spool, data = (self.folder / name for name in ("etc", "spool", "data"))
        for one in (etc, spool, data):
            one.mkdir()
        os.chown(data, pwd.getpwnam("postfix").pw_uid, -1)
        self._spool = spool
        self._mail = _mail_folder(self.folder / "mail")
        (etc / "mailboxes").write_text(
            "alice@lab.test alice/Maildir/\nbob@lab.test bob/Maildir/\nünï@lab.test bob/Maildir/\n"
        )
        (etc / "recipients").write_text(
            "reject@lab.test 550 5.1.1 No such user here\n"
            "defer@lab.test 450 4.2.0 Try again later\n"
            "full@lab.test 552 5.2.2 Mailbox full\n"
        )
        (etc / "senders").write_text("blocked@lab.test 554 5.7.1 Sender refused\n")
        (etc / "main.cf").write_text(
            _POSTFIX_MAIN.format(
                folder=self.folder,
                etc=etc,
                mail=self._mail,
                host=HOST,
                uid=uid,
                gid=gid,
                large=_LARGE,
                certificates=self._certificates,
                auth_socket=self._auth_socket,
                forward_port=self.forward_port,
            )
        )
        (etc / "master.cf").write_text(
            _POSTFIX_MASTER.format(
                port=self.port,
                small_port=self.small_port,
                small=SMALL,
                bare_port=self.bare_port,
                tls_port=self.tls_port,
                proxy_port=self.proxy_port,
                host=HOST,
                discarded=_DISCARDED,
            )
        )
        # `check` makes the queue's folders with their owners; then `master` is our own child.
        checked = subprocess.run(
            [program, "-c", etc, "check"], capture_output=True, timeout=PATIENCE, check=False
        )
        if checked.returncode:
            raise LabError(f"postfix check: {checked.stderr.decode('utf-8', 'replace')}")
        folder = subprocess.run(
            [Path(program).with_name("postconf"), "-c", etc, "-h", "daemon_directory"],
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        ).stdout.decode()
        self._daemon = Daemon([Path(folder.strip()) / "master", "-s", "-c", etc], log=self.log)
        self._daemon.wait_until_listening(self.port, self.small_port, self.bare_port, self.tls_port)

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.stop()
        self._ports.release()

    def take(self, user: str) -> list[Delivered]:
        self.settle()
        return [split_trace(one) for one in read_maildir(self._mail / user / "Maildir")]

    def settle(self) -> None:
        """Return when the queue is empty: everything was delivered, or bounced and delivered."""
        # A look at the queue takes time. A report that is queued behind it, before the message it
        # is about leaves the queue in front of it, is seen by the second look.
        poll(
            lambda: not (self._queued() or self._queued()),
            lambda: f"Postfix still holds {self._queued()}",
        )

    def _queued(self) -> list[str]:
        return [
            str(file.relative_to(self._spool))
            for queue in ("maildrop", "incoming", "active", "deferred", "hold", "corrupt")
            for file in (self._spool / queue).rglob("*")
            if file.is_file()
        ]

    def stored(self, sent: bytes) -> bytes:
        # It keeps a message as lines, so the last one is ended also where BDAT did not end it.
        return on_disk_with_lf(expected(sent))


# --- aiosmtpd --------------------------------------------------------------------------------


@attrs.frozen
class Received:
    """One transaction, as aiosmtpd saw it."""

    sender: str
    recipients: tuple[str, ...]
    mail_options: tuple[str, ...]
    content: bytes = attrs.field(repr=False)


class _LongLines(SMTP):
    # Its own limit is the RFC's 1000; the lab asks for more, as Postfix and Dovecot allow.
    line_length_limit = 1 << 20


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _LongLines(self.handler, **self.SMTP_kwargs)


class _Handler:
    """Keeps every message in memory, exactly as it came."""

    def __init__(self) -> None:
        self.received: list[Received] = []

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == "blocked@lab.test":
            return "554 5.7.1 Sender refused"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusals = {
            "reject@lab.test": "550 5.1.1 No such user here",
            "defer@lab.test": "450 4.2.0 Try again later",
            "full@lab.test": "552 5.2.2 Mailbox full",
        }
        if address in refusals:
            return refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.original_content, bytes)
        self.received.append(
            Received(
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                mail_options=tuple(envelope.mail_options),
                content=envelope.original_content,
            )
        )
        return "250 2.0.0 Queued"


def _authenticate(
    server: object, session: object, envelope: object, mechanism: str, data: object
) -> AuthResult:
    good = (
        isinstance(data, LoginPassword)
        and data.login == b"alice"
        and data.password == PASSWORD.encode()
    )
    return AuthResult(success=good, handled=False)


class Aiosmtpd:
    """aiosmtpd in a thread of the test process: the one peer that keeps the exact octets."""

    name = "aiosmtpd"
    host = HOST

    def __init__(self, certificates: Certificates) -> None:
        self.ca = certificates.ca
        self._ports = Ports(2)
        self.port, self.small_port = self._ports.numbers
        self._handler = _Handler()
        self._controllers = [
            _Controller(
                self._handler,
                hostname=HOST,
                port=port,
                server_hostname="aiosmtpd.lab.test",
                data_size_limit=size,
                enable_SMTPUTF8=True,
                tls_context=certificates.server_context(),
                authenticator=_authenticate,
                auth_require_tls=False,
                timeout=PATIENCE,
                ready_timeout=PATIENCE,
            )
            for port, size in ((self.port, _LARGE), (self.small_port, SMALL))
        ]

    def start(self) -> None:
        for one in self._controllers:
            one.start()

    def stop(self) -> None:
        for one in self._controllers:
            one.stop(no_assert=True)
        self._ports.release()

    def transactions(self) -> list[Received]:
        """Return and forget the transactions since the last call."""
        received = list(self._handler.received)
        self._handler.received.clear()
        return received

    def take(self, user: str) -> list[Delivered]:
        mine = [
            one
            for one in self._handler.received
            if any(recipient.partition("@")[0] == user for recipient in one.recipients)
        ]
        self._handler.received.clear()
        return [Delivered(b"", one.content) for one in mine]

    def stored(self, sent: bytes) -> bytes:
        return sent

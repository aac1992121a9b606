"""SMTP, LMTP and submission: both ends, as machines that never touch a socket.

The rooms, from the ground up:

* `_vocabulary`: what is said, as frozen values. The same class goes out of one role and into the
  other.
* `_extensions`: the registry of extensions; typed parameters and EHLO keywords.
* `_codec`: lines to values and back.
* `_states`: the table of what may be said when, timeouts, quirks.
* `_server`, `_client`: the machines; `_transaction` is what `Client.submit()` runs.

A server::

    server = smtp.Server(smtp.ServerConfig(hostname="mx.example.org"))

and a client::

    client = smtp.Client()
    client.submit(smtp.Envelope("a@example.org", ["b@example.net"]))

are driven as `mailproto.Machine` says. LMTP is `ServerConfig(lmtp=True)` and
`client.hello(domain, lmtp=True)`; submission is `ServerConfig(require_auth=True, auth=(...))`.
"""

from __future__ import annotations

from .._envelope import Envelope, Param, Parameter, Recipient
from .._grammar import Address, parse_address
from ..errors import NotOffered
from ..limits import Limits
from ._client import Client
from ._codec import SyntaxRefused, encode, parse_command, parse_reply
from ._extensions import (
    AUTH,
    BODY,
    BY,
    ENVID,
    EXTENSIONS,
    HOLDFOR,
    HOLDUNTIL,
    MT_PRIORITY,
    NOTIFY,
    ORCPT,
    PEER_ADDR,
    PEER_DESTADDR,
    PEER_DESTPORT,
    PEER_HELO,
    PEER_IDENT,
    PEER_LOGIN,
    PEER_NAME,
    PEER_PORT,
    PEER_PROTO,
    PEER_REVERSE_NAME,
    PEER_SOURCE,
    PRDR,
    REQUIRETLS,
    RET,
    RRVS,
    SIZE,
    SMTPUTF8,
    Absent,
    Capabilities,
    DeliverBy,
    Extension,
    OriginalRecipient,
    RecipientValidSince,
)
from ._server import Server, ServerConfig
from ._states import RULES, TIMEOUTS, BareNewlines, Quirks, Rule, State
from ._transaction import Plannable, Planned
from ._vocabulary import (
    Auth,
    AuthCancel,
    AuthResponse,
    BadCommand,
    Bdat,
    BodyChunk,
    BodyEnd,
    BodyRefused,
    BodyWanted,
    Burl,
    Challenge,
    ClientEvent,
    Command,
    Data,
    Ehlo,
    Etrn,
    Event,
    Expn,
    Goodbye,
    Greeting,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Outcome,
    Quit,
    Rcpt,
    Replied,
    Reply,
    Rset,
    ServerEvent,
    StartTls,
    Timeout,
    TlsEstablished,
    UnknownCommand,
    Vrfy,
    XClient,
    XForward,
)

__all__ = [
    "AUTH",
    "BODY",
    "BY",
    "ENVID",
    "EXTENSIONS",
    "HOLDFOR",
    "HOLDUNTIL",
    "MT_PRIORITY",
    "NOTIFY",
    "ORCPT",
    "PEER_ADDR",
    "PEER_DESTADDR",
    "PEER_DESTPORT",
    "PEER_HELO",
    "PEER_IDENT",
    "PEER_LOGIN",
    "PEER_NAME",
    "PEER_PORT",
    "PEER_PROTO",
    "PEER_REVERSE_NAME",
    "PEER_SOURCE",
    "PRDR",
    "REQUIRETLS",
    "RET",
    "RRVS",
    "RULES",
    "SIZE",
    "SMTPUTF8",
    "TIMEOUTS",
    "Absent",
    "Address",
    "Auth",
    "AuthCancel",
    "AuthResponse",
    "BadCommand",
    "BareNewlines",
    "Bdat",
    "BodyChunk",
    "BodyEnd",
    "BodyRefused",
    "BodyWanted",
    "Burl",
    "Capabilities",
    "Challenge",
    "Client",
    "ClientEvent",
    "Command",
    "Data",
    "DeliverBy",
    "Ehlo",
    "Envelope",
    "Etrn",
    "Event",
    "Expn",
    "Extension",
    "Goodbye",
    "Greeting",
    "Helo",
    "Help",
    "Lhlo",
    "Limits",
    "Mail",
    "Noop",
    "NotOffered",
    "OriginalRecipient",
    "Outcome",
    "Param",
    "Parameter",
    "Plannable",
    "Planned",
    "Quirks",
    "Quit",
    "Rcpt",
    "Recipient",
    "RecipientValidSince",
    "Replied",
    "Reply",
    "Rset",
    "Rule",
    "Server",
    "ServerConfig",
    "ServerEvent",
    "StartTls",
    "State",
    "SyntaxRefused",
    "Timeout",
    "TlsEstablished",
    "UnknownCommand",
    "Vrfy",
    "XClient",
    "XForward",
    "encode",
    "parse_address",
    "parse_command",
    "parse_reply",
]

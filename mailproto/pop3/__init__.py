"""POP3: both ends, as machines that never touch a socket.

RFC 1939, with CAPA (2449), STLS (2595), AUTH (5034), UTF8 and LANG (6856), and the response codes
of 2449, 3206 and 6856. The rooms, from the ground up:

* `_vocabulary`: what is said, as frozen values. The same class goes out of one role and into the
  other.
* `_codec`: lines to values and back.
* `_states`: the table of what may be said when, timeouts, quirks.
* `_top`: where TOP cuts a message.
* `_server`, `_client`: the machines.

A server is given the maildrop with its yes to a login, and then only octets::

    server = pop3.Server(pop3.ServerConfig(hostname="pop.example.org", stls=True))
    ...
    server.accept(maildrop=[(1250, "uid-1"), (880, "uid-2")])

It removes messages when, and only when, it is told to `Commit`. A client sends commands and gets
their replies::

    client = pop3.Client()
    client.send(pop3.Retr(1))

Both are driven as `mailproto.Machine` says.
"""

from __future__ import annotations

from ..errors import NotOffered
from ..limits import Limits
from ._client import Client
from ._codec import SyntaxRefused, encode, parse_command, parse_reply
from ._server import Server, ServerConfig
from ._states import RULES, TIMEOUT, BareNewlines, Quirks, Rule, State
from ._vocabulary import (
    Apop,
    Auth,
    AuthCancel,
    AuthResponse,
    BadCommand,
    BodyChunk,
    BodyEnd,
    BodyStart,
    BodyWanted,
    Capa,
    Capabilities,
    Challenge,
    ClientEvent,
    Command,
    Commit,
    Dele,
    Event,
    Goodbye,
    Greeting,
    Lang,
    Language,
    List,
    Listing,
    Noop,
    Pass,
    Quit,
    Replied,
    Reply,
    ResponseCode,
    Retr,
    Rset,
    ServerEvent,
    Size,
    Stat,
    Stls,
    Timeout,
    TlsEstablished,
    Top,
    Totals,
    Uidl,
    UniqueId,
    UnknownCommand,
    Unparsed,
    User,
    Utf8,
    Value,
    apop_digest,
    find_timestamp,
)

__all__ = [
    "RULES",
    "TIMEOUT",
    "Apop",
    "Auth",
    "AuthCancel",
    "AuthResponse",
    "BadCommand",
    "BareNewlines",
    "BodyChunk",
    "BodyEnd",
    "BodyStart",
    "BodyWanted",
    "Capa",
    "Capabilities",
    "Challenge",
    "Client",
    "ClientEvent",
    "Command",
    "Commit",
    "Dele",
    "Event",
    "Goodbye",
    "Greeting",
    "Lang",
    "Language",
    "Limits",
    "List",
    "Listing",
    "Noop",
    "NotOffered",
    "Pass",
    "Quirks",
    "Quit",
    "Replied",
    "Reply",
    "ResponseCode",
    "Retr",
    "Rset",
    "Rule",
    "Server",
    "ServerConfig",
    "ServerEvent",
    "Size",
    "Stat",
    "State",
    "Stls",
    "SyntaxRefused",
    "Timeout",
    "TlsEstablished",
    "Top",
    "Totals",
    "Uidl",
    "UniqueId",
    "UnknownCommand",
    "Unparsed",
    "User",
    "Utf8",
    "Value",
    "apop_digest",
    "encode",
    "find_timestamp",
    "parse_command",
    "parse_reply",
]

"""What clients say, as frozen values.

One class for each command of RFC 9051, RFC 3501 and the extensions. The same class is what a client
sends and what a server is given. `uid=True` is the UID form of a command.

`tag` is what the client's command was marked with; a client's machine makes it itself. It does not
take part in `==`, because it does not change what was asked, and neither do `defects`.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import attrs

from .._vocabulary import Auth, AuthCancel, AuthResponse, Read
from ._sets import SequenceSet
from ._values import (
    Annotations,
    AppendMessage,
    EventGroup,
    FetchAttribute,
    MailboxFilter,
    MailboxName,
    Name,
    Options,
    SearchKey,
    SortKey,
)

__all__ = [
    "Append",
    "Authenticate",
    "CancelUpdate",
    "Capability",
    "Check",
    "Close",
    "Command",
    "Comparator",
    "Compress",
    "Copy",
    "Create",
    "Delete",
    "DeleteAcl",
    "Done",
    "ESearch",
    "Enable",
    "Examine",
    "Expunge",
    "Fetch",
    "GenUrlAuth",
    "GetAcl",
    "GetJmapAccess",
    "GetMetadata",
    "GetQuota",
    "GetQuotaRoot",
    "Id",
    "Idle",
    "Language",
    "List",
    "ListRights",
    "Login",
    "Logout",
    "Lsub",
    "Move",
    "MyRights",
    "Namespace",
    "Noop",
    "Notify",
    "Rename",
    "Replace",
    "ResetKey",
    "Rlist",
    "Rlsub",
    "Search",
    "Select",
    "SetAcl",
    "SetMetadata",
    "SetQuota",
    "Sort",
    "StartTls",
    "Status",
    "Store",
    "Subscribe",
    "Thread",
    "Unauthenticate",
    "UnknownCommand",
    "Unselect",
    "Unsubscribe",
    "UrlFetch",
    "Xlist",
]


@attrs.frozen(repr=False)
class _Tagged(Read):
    """What every command has."""

    tag: str = attrs.field(default="", eq=False, kw_only=True)


# --- In any state (RFC 9051 section 6.1) ----------------------------------------------------------


@attrs.frozen(repr=False)
class Capability(_Tagged):
    """CAPABILITY (RFC 9051 section 6.1.1)."""

    verb: ClassVar[str] = "CAPABILITY"


@attrs.frozen(repr=False)
class Noop(_Tagged):
    """NOOP (RFC 9051 section 6.1.2)."""

    verb: ClassVar[str] = "NOOP"


@attrs.frozen(repr=False)
class Logout(_Tagged):
    """LOGOUT (RFC 9051 section 6.1.3)."""

    verb: ClassVar[str] = "LOGOUT"


@attrs.frozen(repr=False)
class Id(_Tagged):
    """ID (RFC 2971): who each side is; None says nothing."""

    verb: ClassVar[str] = "ID"
    parameters: tuple[tuple[str, str | None], ...] | None = None


@attrs.frozen(repr=False)
class Language(_Tagged):
    """LANGUAGE (RFC 5255 section 3.2): the languages of texts for people, the best first."""

    verb: ClassVar[str] = "LANGUAGE"
    ranges: tuple[str, ...] = ()
    """None of them asks for the list."""


# --- Not authenticated (RFC 9051 section 6.2) -----------------------------------------------------


@attrs.frozen(repr=False)
class StartTls(_Tagged):
    """STARTTLS (RFC 9051 section 6.2.1)."""

    verb: ClassVar[str] = "STARTTLS"


@attrs.frozen(repr=False)
class Authenticate(Auth):
    """AUTHENTICATE (RFC 9051 section 6.2.2, RFC 4959): begin a SASL exchange."""

    verb = "AUTHENTICATE"
    tag: str = attrs.field(default="", eq=False, kw_only=True)


@attrs.frozen(repr=False)
class Login(_Tagged):
    """LOGIN (RFC 9051 section 6.2.3): name and password in the clear."""

    verb: ClassVar[str] = "LOGIN"
    user: str
    password: str = attrs.field(repr=False)


# --- Authenticated (RFC 9051 section 6.3) ---------------------------------------------------------


@attrs.frozen(repr=False)
class Enable(_Tagged):
    """ENABLE (RFC 5161)."""

    verb: ClassVar[str] = "ENABLE"
    capabilities: tuple[str, ...]


@attrs.frozen(repr=False)
class Select(_Tagged):
    """SELECT (RFC 9051 section 6.3.2): open a mailbox."""

    verb: ClassVar[str] = "SELECT"
    mailbox: MailboxName
    parameters: Options = ()
    """("CONDSTORE", None); ("QRESYNC", (uidvalidity, modseq, known uids or None, (message numbers,
    uids) or None)) (RFC 7162)."""


@attrs.frozen(repr=False)
class Examine(_Tagged):
    """EXAMINE (RFC 9051 section 6.3.3): open a mailbox for reading only."""

    verb: ClassVar[str] = "EXAMINE"
    mailbox: MailboxName
    parameters: Options = ()


@attrs.frozen(repr=False)
class Create(_Tagged):
    """CREATE (RFC 9051 section 6.3.4)."""

    verb: ClassVar[str] = "CREATE"
    mailbox: MailboxName
    parameters: Options = ()
    """("USE", (attributes)) (RFC 6154)."""


@attrs.frozen(repr=False)
class Delete(_Tagged):
    """DELETE (RFC 9051 section 6.3.5)."""

    verb: ClassVar[str] = "DELETE"
    mailbox: MailboxName


@attrs.frozen(repr=False)
class Rename(_Tagged):
    """RENAME (RFC 9051 section 6.3.6)."""

    verb: ClassVar[str] = "RENAME"
    mailbox: MailboxName
    to: MailboxName
    parameters: Options = ()


@attrs.frozen(repr=False)
class Subscribe(_Tagged):
    """SUBSCRIBE (RFC 9051 section 6.3.7)."""

    verb: ClassVar[str] = "SUBSCRIBE"
    mailbox: MailboxName


@attrs.frozen(repr=False)
class Unsubscribe(_Tagged):
    """UNSUBSCRIBE (RFC 9051 section 6.3.8)."""

    verb: ClassVar[str] = "UNSUBSCRIBE"
    mailbox: MailboxName


@attrs.frozen(repr=False)
class List(_Tagged):
    """LIST (RFC 9051 section 6.3.9): which mailboxes there are."""

    verb: ClassVar[str] = "LIST"
    reference: MailboxName
    patterns: tuple[MailboxName, ...]
    """Names with `*` and `%` as wildcards. One of them is written without parentheses."""
    selection: Options | None = None
    """("SUBSCRIBED", None), ...; None is not the same as (): see RFC 5258 section 3."""
    returns: Options | None = None
    """("CHILDREN", None), ("STATUS", (names)), ("METADATA", (entries)), ..."""


@attrs.frozen(repr=False)
class Lsub(_Tagged):
    """LSUB (RFC 3501 section 6.3.9)."""

    verb: ClassVar[str] = "LSUB"
    reference: MailboxName
    pattern: MailboxName


@attrs.frozen(repr=False)
class Xlist(_Tagged):
    """XLIST: LIST with special uses, as Gmail had it before RFC 6154."""

    verb: ClassVar[str] = "XLIST"
    reference: MailboxName
    pattern: MailboxName


@attrs.frozen(repr=False)
class Rlist(_Tagged):
    """RLIST (RFC 2193): LIST with the mailboxes of other servers."""

    verb: ClassVar[str] = "RLIST"
    reference: MailboxName
    pattern: MailboxName


@attrs.frozen(repr=False)
class Rlsub(_Tagged):
    """RLSUB (RFC 2193): LSUB with the mailboxes of other servers."""

    verb: ClassVar[str] = "RLSUB"
    reference: MailboxName
    pattern: MailboxName


@attrs.frozen(repr=False)
class Namespace(_Tagged):
    """NAMESPACE (RFC 9051 section 6.3.10)."""

    verb: ClassVar[str] = "NAMESPACE"


@attrs.frozen(repr=False)
class Status(_Tagged):
    """STATUS (RFC 9051 section 6.3.11)."""

    verb: ClassVar[str] = "STATUS"
    mailbox: MailboxName
    items: tuple[Name, ...]


@attrs.frozen(repr=False)
class Append(_Tagged):
    """APPEND (RFC 9051 section 6.3.12), of several messages at once too (RFC 3502)."""

    verb: ClassVar[str] = "APPEND"
    mailbox: MailboxName
    messages: tuple[AppendMessage, ...]


@attrs.frozen(repr=False)
class Idle(_Tagged):
    """IDLE (RFC 9051 section 6.3.13): tell me what happens, until `Done`."""

    verb: ClassVar[str] = "IDLE"


@attrs.frozen(repr=False)
class Done(Read):
    """DONE: ends IDLE. A line of its own, without a tag."""

    verb: ClassVar[str] = "DONE"


@attrs.frozen(repr=False)
class GetQuota(_Tagged):
    """GETQUOTA (RFC 9208 section 4.1)."""

    verb: ClassVar[str] = "GETQUOTA"
    root: str


@attrs.frozen(repr=False)
class GetQuotaRoot(_Tagged):
    """GETQUOTAROOT (RFC 9208 section 4.1)."""

    verb: ClassVar[str] = "GETQUOTAROOT"
    mailbox: MailboxName


@attrs.frozen(repr=False)
class SetQuota(_Tagged):
    """SETQUOTA (RFC 9208 section 4.1)."""

    verb: ClassVar[str] = "SETQUOTA"
    root: str
    limits: tuple[tuple[Name, int], ...]


@attrs.frozen(repr=False)
class GetAcl(_Tagged):
    """GETACL (RFC 4314 section 3.3)."""

    verb: ClassVar[str] = "GETACL"
    mailbox: MailboxName


@attrs.frozen(repr=False)
class SetAcl(_Tagged):
    """SETACL (RFC 4314 section 3.1)."""

    verb: ClassVar[str] = "SETACL"
    mailbox: MailboxName
    identifier: str
    rights: str
    """`+` or `-` in front adds or takes away."""


@attrs.frozen(repr=False)
class DeleteAcl(_Tagged):
    """DELETEACL (RFC 4314 section 3.2)."""

    verb: ClassVar[str] = "DELETEACL"
    mailbox: MailboxName
    identifier: str


@attrs.frozen(repr=False)
class ListRights(_Tagged):
    """LISTRIGHTS (RFC 4314 section 3.4)."""

    verb: ClassVar[str] = "LISTRIGHTS"
    mailbox: MailboxName
    identifier: str


@attrs.frozen(repr=False)
class MyRights(_Tagged):
    """MYRIGHTS (RFC 4314 section 3.5)."""

    verb: ClassVar[str] = "MYRIGHTS"
    mailbox: MailboxName


@attrs.frozen(repr=False)
class GetMetadata(_Tagged):
    """GETMETADATA (RFC 5464 section 4.2). An empty mailbox is the server itself."""

    verb: ClassVar[str] = "GETMETADATA"
    mailbox: MailboxName
    entries: tuple[str, ...]
    options: Options = ()
    """("MAXSIZE", octets), ("DEPTH", "0", "1" or "infinity")."""


@attrs.frozen(repr=False)
class SetMetadata(_Tagged):
    """SETMETADATA (RFC 5464 section 4.3)."""

    verb: ClassVar[str] = "SETMETADATA"
    mailbox: MailboxName
    entries: tuple[tuple[str, bytes | None], ...]
    """(entry, value); None removes it."""


@attrs.frozen(repr=False)
class Notify(_Tagged):
    """NOTIFY (RFC 5465): tell me what happens, also elsewhere."""

    verb: ClassVar[str] = "NOTIFY"
    groups: tuple[EventGroup, ...] | None = None
    """None is NOTIFY NONE."""
    status: bool = False
    """A STATUS of each mailbox first."""


@attrs.frozen(repr=False)
class Compress(_Tagged):
    """COMPRESS (RFC 4978)."""

    verb: ClassVar[str] = "COMPRESS"
    algorithm: Name = "DEFLATE"


@attrs.frozen(repr=False)
class Comparator(_Tagged):
    """COMPARATOR (RFC 5255 section 4.7): how texts are compared."""

    verb: ClassVar[str] = "COMPARATOR"
    order: tuple[str, ...] = ()


@attrs.frozen(repr=False)
class Unauthenticate(_Tagged):
    """UNAUTHENTICATE (RFC 8437)."""

    verb: ClassVar[str] = "UNAUTHENTICATE"


@attrs.frozen(repr=False)
class GenUrlAuth(_Tagged):
    """GENURLAUTH (RFC 4467): URLs by which others may read."""

    verb: ClassVar[str] = "GENURLAUTH"
    urls: tuple[tuple[str, str], ...]
    """(URL, mechanism)"""


@attrs.frozen(repr=False)
class ResetKey(_Tagged):
    """RESETKEY (RFC 4467): forget what `GenUrlAuth` gave."""

    verb: ClassVar[str] = "RESETKEY"
    mailbox: MailboxName | None = None
    mechanisms: tuple[str, ...] = ()


@attrs.frozen(repr=False)
class UrlFetch(_Tagged):
    """URLFETCH (RFC 4467): what is behind a URL."""

    verb: ClassVar[str] = "URLFETCH"
    urls: tuple[str, ...]


@attrs.frozen(repr=False)
class ESearch(_Tagged):
    """ESEARCH (RFC 7377): search in several mailboxes."""

    verb: ClassVar[str] = "ESEARCH"
    keys: tuple[SearchKey, ...]
    charset: str | None = None
    returns: Options | None = None
    sources: tuple[MailboxFilter, ...] = ()
    """Where; none of them is the selected mailbox."""
    options: Options = ()
    """Scope options."""


@attrs.frozen(repr=False)
class GetJmapAccess(_Tagged):
    """GETJMAPACCESS (RFC 9698): where the same mail is to be had by JMAP."""

    verb: ClassVar[str] = "GETJMAPACCESS"


# --- Selected (RFC 9051 section 6.4) --------------------------------------------------------------


@attrs.frozen(repr=False)
class Check(_Tagged):
    """CHECK (RFC 3501 section 6.4.1)."""

    verb: ClassVar[str] = "CHECK"


@attrs.frozen(repr=False)
class Close(_Tagged):
    """CLOSE (RFC 9051 section 6.4.1): what is marked as deleted goes, silently."""

    verb: ClassVar[str] = "CLOSE"


@attrs.frozen(repr=False)
class Unselect(_Tagged):
    """UNSELECT (RFC 9051 section 6.4.2)."""

    verb: ClassVar[str] = "UNSELECT"


@attrs.frozen(repr=False)
class Expunge(_Tagged):
    """EXPUNGE (RFC 9051 section 6.4.3), or UID EXPUNGE (section 6.4.9)."""

    verb: ClassVar[str] = "EXPUNGE"
    uids: SequenceSet | None = None
    """Of what is \\Deleted, only these: UID EXPUNGE."""


@attrs.frozen(repr=False)
class Search(_Tagged):
    """SEARCH (RFC 9051 section 6.4.4)."""

    verb: ClassVar[str] = "SEARCH"
    keys: tuple[SearchKey, ...]
    """All of them have to match."""
    charset: str | None = None
    returns: Options | None = None
    """("MIN", None), ("PARTIAL", (first, last)), ...; None asks for a SEARCH response (rev1)."""
    uid: bool = False


@attrs.frozen(repr=False)
class Sort(_Tagged):
    """SORT (RFC 5256, RFC 5267)."""

    verb: ClassVar[str] = "SORT"
    criteria: tuple[SortKey, ...]
    charset: str
    keys: tuple[SearchKey, ...]
    returns: Options | None = None
    uid: bool = False


@attrs.frozen(repr=False)
class Thread(_Tagged):
    """THREAD (RFC 5256)."""

    verb: ClassVar[str] = "THREAD"
    algorithm: Name
    """ORDEREDSUBJECT, REFERENCES, REFS."""
    charset: str
    keys: tuple[SearchKey, ...]
    uid: bool = False


@attrs.frozen(repr=False)
class Fetch(_Tagged):
    """FETCH (RFC 9051 section 6.4.5)."""

    verb: ClassVar[str] = "FETCH"
    messages: SequenceSet
    items: tuple[FetchAttribute, ...]
    modifiers: Options = ()
    """("CHANGEDSINCE", modseq), ("VANISHED", None), ("PARTIAL", (first, last))."""
    uid: bool = False


@attrs.frozen(repr=False)
class Store(_Tagged):
    """STORE (RFC 9051 section 6.4.6)."""

    verb: ClassVar[str] = "STORE"
    messages: SequenceSet
    action: str
    """`+`, `-`, or "" to replace."""
    flags: tuple[str, ...]
    silent: bool = False
    modifiers: Options = ()
    """("UNCHANGEDSINCE", modseq) (RFC 7162)."""
    labels: bool = False
    """X-GM-LABELS, not FLAGS."""
    annotations: Annotations = ()
    """ANNOTATION instead of flags (RFC 5257): action and flags are empty."""
    uid: bool = False


@attrs.frozen(repr=False)
class Copy(_Tagged):
    """COPY (RFC 9051 section 6.4.7)."""

    verb: ClassVar[str] = "COPY"
    messages: SequenceSet
    mailbox: MailboxName
    uid: bool = False


@attrs.frozen(repr=False)
class Move(_Tagged):
    """MOVE (RFC 9051 section 6.4.8)."""

    verb: ClassVar[str] = "MOVE"
    messages: SequenceSet
    mailbox: MailboxName
    uid: bool = False


@attrs.frozen(repr=False)
class Replace(_Tagged):
    """REPLACE (RFC 8508): append, and expunge what it replaces."""

    verb: ClassVar[str] = "REPLACE"
    number: int
    """A message number, or a UID. `*` is 2**32 (`STAR`)."""
    mailbox: MailboxName
    message: AppendMessage
    uid: bool = False


@attrs.frozen(repr=False)
class CancelUpdate(_Tagged):
    """CANCELUPDATE (RFC 5267 section 4.3.5)."""

    verb: ClassVar[str] = "CANCELUPDATE"
    tags: tuple[str, ...]


@attrs.frozen(repr=False)
class UnknownCommand(_Tagged):
    """Any other verb."""

    verb: Name
    arguments: bytes = b""
    """What follows the verb and a space, literals with their `{n}` and line end."""


Command: TypeAlias = (
    Append
    | Authenticate
    | AuthCancel
    | AuthResponse
    | CancelUpdate
    | Capability
    | Check
    | Close
    | Comparator
    | Compress
    | Copy
    | Create
    | Delete
    | DeleteAcl
    | Done
    | Enable
    | ESearch
    | Examine
    | Expunge
    | Fetch
    | GenUrlAuth
    | GetAcl
    | GetJmapAccess
    | GetMetadata
    | GetQuota
    | GetQuotaRoot
    | Id
    | Idle
    | Language
    | List
    | ListRights
    | Login
    | Logout
    | Lsub
    | Move
    | MyRights
    | Namespace
    | Noop
    | Notify
    | Rename
    | Replace
    | ResetKey
    | Rlist
    | Rlsub
    | Search
    | Select
    | SetAcl
    | SetMetadata
    | SetQuota
    | Sort
    | StartTls
    | Status
    | Store
    | Subscribe
    | Thread
    | Unauthenticate
    | UnknownCommand
    | Unselect
    | Unsubscribe
    | UrlFetch
    | Xlist
)
"""Everything a client says."""

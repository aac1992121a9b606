"""What commands and responses are made of: flags, attributes of messages, search keys, codes.

The words of IMAP that are neither a command nor a response. Some live in rooms of their own:
`_sets` has sequence sets, `_mutf7` the names of mailboxes, and `mailproto._structure` what a server
says about the inside of a message (ENVELOPE, BODYSTRUCTURE, sections), because the message model
has it too.

Rules

* Text is `str`; what is not UTF-8 in it is kept by surrogateescape. Octets of messages are `bytes`.
  NIL is None.
* A mailbox is a `str`, decoded. One whose octets do not decode is `bytes`, and goes out as it came
  (see `_mutf7`).
* Names that the grammar compares without case (attributes, options, search keys, codes) are in
  upper case; flags are as they were spelled, except for the system flags, which are spelled as in
  the RFC.
* A list of named values is a tuple of pairs. `Pairs` finds a value by its name.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, TypeAlias

import attrs

from .._structure import Section
from .._vocabulary import Shown
from ._sets import SequenceSet

__all__ = [
    "And",
    "Annotation",
    "Annotations",
    "AppendMessage",
    "Binary",
    "BinarySize",
    "Body",
    "CatenateUrl",
    "EventGroup",
    "FetchAttribute",
    "Flag",
    "Fuzzy",
    "Key",
    "MailboxAttribute",
    "MailboxFilter",
    "MailboxName",
    "Name",
    "NamespaceItem",
    "Not",
    "Options",
    "Or",
    "Pairs",
    "PartialRange",
    "QuotaResource",
    "ResponseCode",
    "SearchKey",
    "SortKey",
    "Streamed",
    "ThreadNode",
    "Unparsed",
]

MailboxName: TypeAlias = str | bytes
"""The name of a mailbox: decoded, or the octets that no text stands behind."""


# --- Flags and attributes -------------------------------------------------------------------------


class Flag(enum.StrEnum):
    """Flags that have a meaning (RFC 9051 section 2.3.2, RFC 5788). Any atom is a keyword."""

    SEEN = "\\Seen"
    ANSWERED = "\\Answered"
    FLAGGED = "\\Flagged"
    DELETED = "\\Deleted"
    DRAFT = "\\Draft"
    RECENT = "\\Recent"
    """RFC 3501 only: this session is the first to be told of the message."""
    ANY = "\\*"
    """In PERMANENTFLAGS: new keywords may be made."""
    FORWARDED = "$Forwarded"
    MDN_SENT = "$MDNSent"
    JUNK = "$Junk"
    NOT_JUNK = "$NotJunk"
    PHISHING = "$Phishing"
    IMPORTANT = "$Important"


class MailboxAttribute(enum.StrEnum):
    """Attributes of mailboxes (RFC 9051 section 7.3.1, RFC 5258, RFC 6154, RFC 8457)."""

    NOSELECT = "\\Noselect"
    NOINFERIORS = "\\Noinferiors"
    NONEXISTENT = "\\NonExistent"
    HASCHILDREN = "\\HasChildren"
    HASNOCHILDREN = "\\HasNoChildren"
    MARKED = "\\Marked"
    UNMARKED = "\\Unmarked"
    SUBSCRIBED = "\\Subscribed"
    REMOTE = "\\Remote"
    NOACCESS = "\\NoAccess"
    ALL = "\\All"
    ARCHIVE = "\\Archive"
    DRAFTS = "\\Drafts"
    FLAGGED = "\\Flagged"
    IMPORTANT = "\\Important"
    JUNK = "\\Junk"
    SENT = "\\Sent"
    TRASH = "\\Trash"


# --- Named values ---------------------------------------------------------------------------------

Name: TypeAlias = str
"""A name that is compared without case: in upper case."""

Options: TypeAlias = tuple[tuple[Name, Any], ...]
"""Options, modifiers or parameters: (name, value); None where there is no value."""


class Pairs:
    """Finds a value among `items`, which are (name, value), by its name in any case."""

    __slots__ = ()
    items: Any

    def __getitem__(self, name: Any) -> Any:
        key = name.upper() if isinstance(name, str) else name
        for item, value in self.items:
            if item == key:
                return value
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        key = name.upper() if isinstance(name, str) else name
        return any(item == key for item, _ in self.items)

    def __iter__(self) -> Iterator[Any]:
        return (item for item, _ in self.items)

    def get(self, name: Any, default: Any = None) -> Any:
        """The value of `name`, or `default`."""
        try:
            return self[name]
        except KeyError:
            return default


@attrs.frozen
class Unparsed:
    """What stands where a value was expected, and cannot be read as one."""

    raw: bytes
    """The octets as they came, literals with their `{n}` and line end."""


@attrs.frozen
class Streamed:
    """Octets that are not held: they come, or are to be given, as the pieces of a body."""

    size: int
    """How many there are."""


# --- What FETCH asks for, and answers with (RFC 9051 sections 6.4.5 and 7.5.2) --------------------


_WHOLE = Section()


@attrs.frozen(repr=False)
class Body(Shown):
    """`BODY[section]<offset.count>`: octets of a message or a part. `Body(Section((1,)))`."""

    section: Section = _WHOLE
    offset: int | None = None
    """Where the octets start in the section; None is all of it."""
    count: int | None = None
    """The most octets that are asked for. None in a response."""
    peek: bool = False
    """BODY.PEEK: \\Seen is not set. False in a response."""


@attrs.frozen(repr=False)
class Binary(Shown):
    """`BINARY[1.2]<offset.count>`: a part without its transfer encoding (RFC 3516)."""

    section: Section = _WHOLE
    """Part numbers only."""
    offset: int | None = None
    count: int | None = None
    peek: bool = False


@attrs.frozen(repr=False)
class BinarySize(Shown):
    """`BINARY.SIZE[1.2]`: how many octets a part has without its transfer encoding (RFC 3516)."""

    section: Section = _WHOLE


@attrs.frozen(repr=False)
class Annotation(Shown):
    """`ANNOTATION (entries attributes)`: asks for annotations of a message (RFC 5257)."""

    entries: tuple[str, ...]
    """May have `*` and `%` as wildcards."""
    attributes: tuple[str, ...]


FetchAttribute: TypeAlias = Name | Body | Binary | BinarySize | Annotation
"""A name (`"UID"`, `"ENVELOPE"`, `"X-GM-MSGID"`, a macro such as `"ALL"`, `"PREVIEW (LAZY)"`), or
one that says which part of the message."""

Annotations: TypeAlias = tuple[tuple[str, tuple[tuple[str, bytes | None], ...]], ...]
"""(entry, ((attribute, value), ...)) of RFC 5257."""


# --- What a message to be stored is made of (RFC 9051 section 6.3.12, RFC 4469) -------------------


@attrs.frozen
class CatenateUrl:
    """A piece of a message that the server has already: an IMAP URL (RFC 4469)."""

    url: str


@attrs.frozen(repr=False)
class AppendMessage(Shown):
    """One message of APPEND or REPLACE."""

    data: bytes | Streamed | tuple[bytes | Streamed | CatenateUrl, ...] = attrs.field(repr=False)
    """Its octets; `Streamed` if they come as a body; a tuple of pieces (CATENATE)."""
    flags: tuple[str, ...] | None = None
    """None: there is no list, which says the same as an empty one."""
    date: datetime | None = None
    """INTERNALDATE, with its zone; None is the time at which it is stored."""
    annotations: Annotations = ()
    binary: bool = False
    """Sent as a literal8: it may hold NUL (RFC 3516)."""
    utf8: bool = False
    """Sent as `UTF8 (~{n})`, so `binary` too: its header is UTF-8 (RFC 6855)."""


# --- Searching and sorting (RFC 9051 section 6.4.4, RFC 5256) -------------------------------------


@attrs.frozen(init=False, repr=False)
class Key:
    """A search key with its arguments: `Key("FROM", "ann")`, `Key("SINCE", date(2026, 1, 1))`.

    Text is `str`, days are `datetime.date`, numbers int, flags and names `str`, `UID` takes a
    `SequenceSet`. A set of message numbers is a `SequenceSet` itself, without a `Key`.
    """

    name: Name
    arguments: tuple[str | int | date | SequenceSet | bytes | None, ...]

    def __init__(
        self, name: str, *arguments: str | int | date | SequenceSet | bytes | None
    ) -> None:
        object.__setattr__(self, "name", name.upper())
        object.__setattr__(self, "arguments", arguments)

    def __repr__(self) -> str:
        return f"Key({', '.join(map(repr, (self.name, *self.arguments)))})"


@attrs.frozen
class Not:
    """NOT: messages that `key` does not match."""

    key: SearchKey


@attrs.frozen
class Or:
    """OR: messages that one of the two matches."""

    left: SearchKey
    right: SearchKey


@attrs.frozen
class And:
    """Keys in parentheses: messages that all of them match."""

    keys: tuple[SearchKey, ...]


@attrs.frozen
class Fuzzy:
    """FUZZY: messages that `key` nearly matches (RFC 6203)."""

    key: SearchKey


SearchKey: TypeAlias = Key | Not | Or | And | Fuzzy | SequenceSet

PartialRange: TypeAlias = tuple[int, int]
"""(first, last) of PARTIAL (RFC 5267, RFC 9394): both from 1, or both from -1 downwards."""


@attrs.frozen(repr=False)
class SortKey(Shown):
    """A criterion of SORT: `SortKey("SUBJECT", reverse=True)` (RFC 5256, RFC 5957)."""

    name: Name
    reverse: bool = False
    entry: str | None = None
    """ANNOTATION only: the entry, and its attribute (RFC 5257)."""
    attribute: str | None = None


@attrs.frozen(repr=False)
class ThreadNode(Shown):
    """A thread: messages that follow each other, then the branches behind the last of them.

    `(3 6 (4 23)(44 7))` is
    `ThreadNode((3, 6), (ThreadNode((4, 23)), ThreadNode((44, 7))))` (RFC 5256).
    """

    members: tuple[int, ...]
    """Empty where the first message is not there."""
    branches: tuple[ThreadNode, ...] = ()


# --- Mailboxes and their rights -------------------------------------------------------------------


@attrs.frozen(repr=False)
class NamespaceItem(Shown):
    """One namespace: a prefix and its delimiter (RFC 9051 section 7.3.5)."""

    prefix: MailboxName
    delimiter: str | None
    extension: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(name, values), such as TRANSLATION (RFC 5255)."""


@attrs.frozen
class QuotaResource:
    """What is used and allowed of one resource (RFC 9208)."""

    name: Name
    """STORAGE (in units of 1,024 octets), MESSAGE, MAILBOX, ANNOTATION-STORAGE."""
    usage: int
    limit: int


@attrs.frozen(repr=False)
class MailboxFilter(Shown):
    """Some mailboxes, told by what they are (RFC 5465 section 6, RFC 7377)."""

    kind: Name
    """SELECTED, SELECTED-DELAYED, INBOXES, PERSONAL, SUBSCRIBED, SUBTREE, SUBTREE-ONE,
    MAILBOXES."""
    mailboxes: tuple[MailboxName, ...] = ()
    """For SUBTREE, SUBTREE-ONE and MAILBOXES."""


@attrs.frozen(repr=False)
class EventGroup(Shown):
    """Which mailboxes NOTIFY watches, and for what (RFC 5465)."""

    filter: MailboxFilter
    events: tuple[Name, ...] = ()
    """MESSAGENEW, MESSAGEEXPUNGE, FLAGCHANGE...; none of them is NONE."""
    fetch: tuple[FetchAttribute, ...] = ()
    """What MESSAGENEW tells of a new message."""


# --- Response codes (RFC 9051 section 7.1, RFC 5530, and the extensions) --------------------------


@attrs.frozen(repr=False)
class ResponseCode(Shown):
    """What stands in brackets before the text of a status response.

    `ResponseCode("UIDVALIDITY", 3857529045)`. What type the value has depends on the name; see the
    table in the reference. A code that is not known has its text, and one whose argument cannot be
    read an `Unparsed`.
    """

    name: Name
    value: Any = None

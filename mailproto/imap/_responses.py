"""What servers say, as frozen values.

One class for each response. Where a command has the same name, the response has `Data` behind it:
`Status` asks, `StatusData` answers. The same class is what a server sends and what a client is
given.

`FetchData` is apart: a client gets thousands of them, and looks into few. One that came from the
wire keeps its octets, and reads its items when they are first asked for. It has been framed and
measured before, and reading never raises: what cannot be read is an `Unparsed` in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

import attrs

from .._structure import BodyStructure, Envelope, Section
from .._vocabulary import Offered, Read
from ..errors import Defect
from ..limits import Limits
from ._sets import SequenceSet
from ._values import (
    Binary,
    Body,
    FetchAttribute,
    MailboxName,
    Name,
    NamespaceItem,
    Options,
    Pairs,
    QuotaResource,
    ResponseCode,
    Streamed,
    ThreadNode,
    Unparsed,
)

__all__ = [
    "AclData",
    "CapabilityData",
    "ComparatorData",
    "Condition",
    "Continuation",
    "ESearchData",
    "Enabled",
    "Exists",
    "Expunged",
    "FetchData",
    "Flags",
    "GenUrlAuthData",
    "IdData",
    "JmapAccess",
    "LanguageData",
    "ListData",
    "ListRightsData",
    "MetadataData",
    "MyRightsData",
    "NamespaceData",
    "QuotaData",
    "QuotaRootData",
    "Recent",
    "Response",
    "SearchData",
    "SortData",
    "StatusData",
    "ThreadData",
    "UnknownData",
    "UrlFetchData",
    "Vanished",
]

# --- Status (RFC 9051 section 7.1) ----------------------------------------------------------------


@attrs.frozen(repr=False)
class Condition(Read):
    """OK, NO, BAD, BYE or PREAUTH: `Condition("OK", "Done", tag="A1")` (RFC 9051 section 7.1)."""

    status: Literal["OK", "NO", "BAD", "BYE", "PREAUTH"]
    text: str = ""
    """For people. Without the code."""
    code: ResponseCode | None = None
    tag: str | None = None
    """Of the command it completes; None is `*`."""


@attrs.frozen(repr=False)
class Continuation(Read):
    """`+`: go on (RFC 9051 section 7.6). In AUTHENTICATE, `text` is base64."""

    text: str = ""
    code: ResponseCode | None = None


# --- The server and the account -------------------------------------------------------------------


@attrs.frozen(repr=False)
class CapabilityData(Read, Offered):
    """CAPABILITY (RFC 9051 section 7.2.2): `"IDLE" in data`, `data.arguments("AUTH")`.

    A capability with `=` is a keyword with an argument: `AUTH=PLAIN`, `LITERAL+` is none.
    """

    capabilities: tuple[str, ...]
    """In the order they came, as they are spelled."""

    # What is a field elsewhere is worked out here, from the words as they are spelled.
    @property
    def offered(self) -> tuple[tuple[str, tuple[str, ...]], ...]:  # type: ignore[override] # pyright: ignore[reportIncompatibleVariableOverride]
        """(keyword, arguments)."""
        return self.merged(
            [key, value] if equals else [key]
            for key, equals, value in (word.partition("=") for word in self.capabilities)
        )


@attrs.frozen(repr=False)
class Enabled(Read):
    """ENABLED (RFC 9051 section 7.2.1)."""

    capabilities: tuple[str, ...]


@attrs.frozen(repr=False)
class IdData(Read):
    """ID (RFC 2971)."""

    parameters: tuple[tuple[str, str | None], ...] | None = None


@attrs.frozen(repr=False)
class LanguageData(Read):
    """LANGUAGE (RFC 5255 section 3.3): the one in use, or all there are."""

    tags: tuple[str, ...]


@attrs.frozen(repr=False)
class ComparatorData(Read):
    """COMPARATOR (RFC 5255 section 4.8)."""

    active: str
    known: tuple[str, ...] = ()


@attrs.frozen(repr=False)
class NamespaceData(Read):
    """NAMESPACE (RFC 9051 section 7.3.5). None is NIL: there are none of this kind."""

    personal: tuple[NamespaceItem, ...] | None
    other: tuple[NamespaceItem, ...] | None
    shared: tuple[NamespaceItem, ...] | None


@attrs.frozen(repr=False)
class JmapAccess(Read):
    """JMAPACCESS (RFC 9698)."""

    url: str


@attrs.frozen(repr=False)
class GenUrlAuthData(Read):
    """GENURLAUTH (RFC 4467)."""

    urls: tuple[str, ...]


@attrs.frozen(repr=False)
class UrlFetchData(Read):
    """URLFETCH (RFC 4467): (URL, octets), None where there are none."""

    urls: tuple[tuple[str, bytes | None], ...]


# --- Mailboxes ------------------------------------------------------------------------------------


@attrs.frozen(repr=False)
class ListData(Read):
    """LIST, LSUB, XLIST (RFC 9051 section 7.3.1): one mailbox."""

    attributes: tuple[str, ...]
    """`MailboxAttribute`s, spelled as in the RFC where they are known."""
    delimiter: str | None
    """Between the levels of a name; None: there are no levels."""
    mailbox: MailboxName
    extended: Options = ()
    """("CHILDINFO", (options)), ("OLDNAME", mailbox), ... (RFC 5258)."""
    verb: Name = "LIST"
    """LSUB and XLIST differ in nothing else."""


@attrs.frozen(repr=False)
class StatusData(Pairs, Read):
    """STATUS (RFC 9051 section 7.3.4): `data["MESSAGES"]`."""

    mailbox: MailboxName
    items: Options
    """Numbers; MAILBOXID is a `str`; APPENDLIMIT may be None."""


@attrs.frozen(repr=False)
class QuotaData(Read):
    """QUOTA (RFC 9208 section 4.2)."""

    root: str
    resources: tuple[QuotaResource, ...]


@attrs.frozen(repr=False)
class QuotaRootData(Read):
    """QUOTAROOT (RFC 9208 section 4.2)."""

    mailbox: MailboxName
    roots: tuple[str, ...]


@attrs.frozen(repr=False)
class AclData(Read):
    """ACL (RFC 4314 section 3.6): (identifier, rights)."""

    mailbox: MailboxName
    rights: tuple[tuple[str, str], ...]


@attrs.frozen(repr=False)
class ListRightsData(Read):
    """LISTRIGHTS (RFC 4314 section 3.7)."""

    mailbox: MailboxName
    identifier: str
    required: str
    """Always granted."""
    optional: tuple[str, ...] = ()
    """Rights of one group are granted together."""


@attrs.frozen(repr=False)
class MyRightsData(Read):
    """MYRIGHTS (RFC 4314 section 3.8)."""

    mailbox: MailboxName
    rights: str


@attrs.frozen(repr=False)
class MetadataData(Read):
    """METADATA (RFC 5464 section 4.4): values, or the names of what has changed."""

    mailbox: MailboxName
    """"" is the server itself."""
    values: tuple[tuple[str, bytes | None], ...] = ()
    """(entry, value)."""
    changed: tuple[str, ...] = ()
    """Entries, told without being asked."""


# --- The selected mailbox -------------------------------------------------------------------------


@attrs.frozen(repr=False)
class Flags(Read):
    """FLAGS (RFC 9051 section 7.3.6)."""

    flags: tuple[str, ...]


@attrs.frozen(repr=False)
class Exists(Read):
    """EXISTS (RFC 9051 section 7.4.1): how many messages there are."""

    count: int


@attrs.frozen(repr=False)
class Recent(Read):
    """RECENT (RFC 3501 section 7.3.2)."""

    count: int


@attrs.frozen(repr=False)
class Expunged(Read):
    """EXPUNGE (RFC 9051 section 7.5.1): this message is gone, and those behind move up."""

    number: int


@attrs.frozen(repr=False)
class Vanished(Read):
    """VANISHED (RFC 7162 section 3.2.10): these UIDs are gone."""

    uids: SequenceSet
    earlier: bool = False
    """VANISHED (EARLIER): they were gone before, and no number changes."""


@attrs.frozen(repr=False)
class SearchData(Read):
    """SEARCH (RFC 3501 section 7.2.5): message numbers, or UIDs."""

    numbers: tuple[int, ...]
    modseq: int | None = None
    """The highest among them (RFC 7162)."""


@attrs.frozen(repr=False)
class SortData(Read):
    """SORT (RFC 5256): message numbers or UIDs, in the order asked for."""

    numbers: tuple[int, ...]
    modseq: int | None = None


@attrs.frozen(repr=False)
class ThreadData(Read):
    """THREAD (RFC 5256)."""

    threads: tuple[ThreadNode, ...]


@attrs.frozen(repr=False)
class ESearchData(Pairs, Read):
    """ESEARCH (RFC 9051 section 7.3.4): `data.get("ALL")`.

    MIN, MAX, COUNT and MODSEQ are numbers, ALL a `SequenceSet`, PARTIAL is ((first, last), set or
    None), ADDTO and REMOVEFROM are ((position, set), ...), RELEVANCY is numbers.
    """

    items: Options
    tag: str | None = None
    """Of the command it answers."""
    uid: bool = False
    mailbox: MailboxName | None = None
    """Which was searched (RFC 7377)."""
    uidvalidity: int | None = None


# --- FETCH (RFC 9051 section 7.5.2) ---------------------------------------------------------------

FetchItems: TypeAlias = tuple[tuple[FetchAttribute, Any], ...]

FetchSource: TypeAlias = tuple[
    bytes, Mapping[int, tuple[int, int]], int, bool, Limits, FetchItems | None
]
"""Octets, where their literals are, where to begin, whether names are UTF-8, limits, and the items
that were read before; None: not even a beginning was made."""

FetchReader: TypeAlias = Callable[
    [FetchSource],
    tuple[Sequence[Any], Sequence[FetchAttribute], tuple[Defect, ...], FetchSource | None],
]
"""Values, their attributes, defects, and what is left to be read."""

_EMPTY: FetchItems = ()
_NOTHING: Any = ((), ())
_WHOLE = Section()


class FetchData(Pairs):
    """FETCH: what is told of one message, as (attribute, value) pairs in order.

    An attribute is what the `Fetch` command asked for (`"UID"`, `Body(Section((1,)))`); an offset
    stays, PEEK and the count do not. Values: int (UID, RFC822.SIZE, MODSEQ, BINARY.SIZE,
    X-GM-MSGID, X-GM-THRID), tuple of str (FLAGS, X-GM-LABELS), datetime (INTERNALDATE, SAVEDATE),
    `Envelope`, `BodyStructure` (BODY, BODYSTRUCTURE), bytes, None or `Streamed` (sections, RFC822,
    BINARY), str (EMAILID, THREADID, PREVIEW), `Unparsed` for what cannot be read.

    `data["UID"]` and `data.get("FLAGS")` find them; the properties do it for the usual ones.
    Immutable.
    """

    __slots__ = ("_defects", "_names", "_read", "_source", "_values", "number", "uidfetch")

    _names: Sequence[FetchAttribute]  # all, or as far as they were read
    _values: Sequence[Any]
    _source: FetchSource | None  # what is left to be read
    _read: FetchReader

    number: int
    """The message number; for a UIDFETCH response the UID."""
    uidfetch: bool
    """UIDFETCH (RFC 9586)."""

    def __init__(
        self,
        number: int,
        items: Iterable[tuple[FetchAttribute, Any]] = _EMPTY,
        *,
        uidfetch: bool = False,
        defects: tuple[Defect, ...] = (),
    ) -> None:
        self.number = number
        self.uidfetch = uidfetch
        self._source: FetchSource | None = None
        self._names, self._values = tuple(zip(*items, strict=True)) or _NOTHING
        self._defects = defects

    @classmethod
    def from_wire(
        cls, number: int, uidfetch: bool, read: FetchReader, source: FetchSource
    ) -> FetchData:
        """One whose items `read(source)` gives when they are first asked for.

        It gives some, and what to read on with, or all.
        """
        self = cls.__new__(cls)
        self.number = number
        self.uidfetch = uidfetch
        self._read = read
        self._names = self._values = ()
        self._source = source
        return self

    def _read_on(self, source: FetchSource) -> None:
        # What is left comes last: a thread that looks on reads the same again.
        self._values, self._names, self._defects, self._source = self._read(source)

    @property
    def items(self) -> FetchItems:
        """(attribute, value), in the order they came."""
        while (source := self._source) is not None:
            self._read_on(source)
        return tuple(zip(self._names, self._values, strict=True))

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What was odd about the way it was written."""
        while (source := self._source) is not None:
            self._read_on(source)
        return self._defects

    @property
    def anomalies(self) -> frozenset[str]:
        """The codes of `defects`."""
        return frozenset(defect.code for defect in self.defects)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FetchData):
            return NotImplemented
        return (
            self.number == other.number
            and self.uidfetch == other.uidfetch
            and self.items == other.items
        )

    def __hash__(self) -> int:
        return hash((self.number, self.items))

    def __repr__(self) -> str:
        shown = f"FetchData({self.number}, {self.items!r}"
        return f"{shown}, uidfetch=True)" if self.uidfetch else f"{shown})"

    def __getstate__(self) -> Any:
        return (self.number, self.uidfetch, self.items, self.defects)

    def __setstate__(self, state: Any) -> None:
        self.number, self.uidfetch, items, self._defects = state
        self._names, self._values = tuple(zip(*items, strict=True)) or _NOTHING
        self._source = None

    def _value(self, name: str, kind: type) -> Any:
        while True:
            try:
                value = self._values[self._names.index(name)]
            except ValueError:  # not among those that have been read
                source = self._source
                if source is None:
                    return None
                self._read_on(source)
            else:
                return value if isinstance(value, kind) else None

    @property
    def uid(self) -> int | None:
        """UID, or None."""
        if self.uidfetch:
            return self.number
        found: int | None = self._value("UID", int)
        return found

    @property
    def flags(self) -> tuple[str, ...] | None:
        """FLAGS, or None."""
        found: tuple[str, ...] | None = self._value("FLAGS", tuple)
        return found

    @property
    def size(self) -> int | None:
        """RFC822.SIZE in octets, or None."""
        found: int | None = self._value("RFC822.SIZE", int)
        return found

    @property
    def internaldate(self) -> datetime | None:
        """INTERNALDATE, or None."""
        found: datetime | None = self._value("INTERNALDATE", datetime)
        return found

    @property
    def modseq(self) -> int | None:
        """MODSEQ, or None."""
        found: int | None = self._value("MODSEQ", int)
        return found

    @property
    def envelope(self) -> Envelope | None:
        """ENVELOPE, or None."""
        found: Envelope | None = self._value("ENVELOPE", Envelope)
        return found

    @property
    def bodystructure(self) -> BodyStructure | None:
        """BODYSTRUCTURE or BODY, or None."""
        found: BodyStructure | None = self._value("BODYSTRUCTURE", BodyStructure)
        return self._value("BODY", BodyStructure) if found is None else found

    def section(self, section: Section | str = "") -> bytes | Streamed | None:
        """The octets of `BODY[section]`, of all of it or from some offset; None if it is not here.

        `data.section("1.MIME")`; names of fields are compared without case, as servers do not keep
        it. Raises ValueError for what is no section.
        """
        if section == "":
            wanted = _WHOLE
        else:
            wanted = Section.parse(section) if isinstance(section, str) else section
        for attribute, value in self.items:
            if isinstance(attribute, (Body, Binary)) and _same(attribute.section, wanted):
                found: bytes | Streamed | None = value
                return found
        return None


def _same(one: Section, other: Section) -> bool:
    """Whether two sections are the same, the case of field names aside."""
    if one == other:
        return True
    if not one.names or (one.path, one.text) != (other.path, other.text):
        return False
    return [name.lower() for name in one.names] == [name.lower() for name in other.names]


@attrs.frozen(repr=False)
class UnknownData(Read):
    """An untagged response of another kind, or one of a known kind that cannot be read."""

    name: Name
    """In upper case; "" if it has none."""
    data: Unparsed
    """What follows the name and a space."""
    number: int | None = None
    """What stands before the name."""


Response: TypeAlias = (
    AclData
    | CapabilityData
    | ComparatorData
    | Condition
    | Continuation
    | ESearchData
    | Enabled
    | Exists
    | Expunged
    | FetchData
    | Flags
    | GenUrlAuthData
    | IdData
    | JmapAccess
    | LanguageData
    | ListData
    | ListRightsData
    | MetadataData
    | MyRightsData
    | NamespaceData
    | QuotaData
    | QuotaRootData
    | Recent
    | SearchData
    | SortData
    | StatusData
    | ThreadData
    | UnknownData
    | UrlFetchData
    | Vanished
)
"""Everything a server says."""

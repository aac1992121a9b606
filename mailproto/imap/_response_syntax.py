"""Responses, read and written: one row for each name.

Clients read leniently. A deviation that has one sensible reading is that reading and a defect; an
item of a FETCH that cannot be read is `Unparsed` in its place; a response that cannot be read is
`UnknownData`, and a line that is none at all a `Condition` that says BAD. `read_response()` never
raises. Servers write strictly.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ..errors import Defect
from ..limits import Limits
from ._codes import read_code, write_capabilities, write_code
from ._command_syntax import PARAMETERS
from ._fetch import fetch_reader, write_fetch
from ._lexer import NO_LITERALS, Frame, Lexer, Refused, decode_text
from ._mutf7 import decode_name, encode_name
from ._responses import (
    AclData,
    CapabilityData,
    ComparatorData,
    Condition,
    Continuation,
    Enabled,
    ESearchData,
    Exists,
    Expunged,
    FetchData,
    Flags,
    GenUrlAuthData,
    IdData,
    JmapAccess,
    LanguageData,
    ListData,
    ListRightsData,
    MetadataData,
    MyRightsData,
    NamespaceData,
    QuotaData,
    QuotaRootData,
    Recent,
    Response,
    SearchData,
    SortData,
    StatusData,
    ThreadData,
    UnknownData,
    UrlFetchData,
    Vanished,
)
from ._sets import SequenceSet
from ._syntax import (
    ATOM,
    EXTENSION,
    FLAG,
    FLAGS,
    MAILBOX,
    MODSEQ,
    NAME,
    NUMBER,
    NZ_NUMBER,
    PARTIAL,
    SET,
    STRING,
    TEXT,
    VALUE,
    Kind,
    in_parentheses,
    listed,
    options,
    or_nil,
    pair,
    sequence,
    spaced,
    usual_flags,
)
from ._values import (
    NamespaceItem,
    QuotaResource,
    ResponseCode,
    ThreadNode,
    Unparsed,
)
from ._writer import Writer, octets_of

__all__ = ["WRITERS", "read_line", "read_response"]


# --- Status responses -----------------------------------------------------------------------------

_WORDS_OF_STATUS: Final = frozenset({"OK", "NO", "BAD", "BYE", "PREAUTH"})


def _read_text(lexer: Lexer) -> tuple[str, ResponseCode | None]:
    """resp-text: (text, code). The space before it has been read, if there was one."""
    code = None
    if lexer.at(b"["):
        code = read_code(lexer)
        if code is not None and not lexer.take(b" "):
            lexer.odd("missing_space" if lexer.pos < lexer.end else "no_text")
    text = lexer.rest()
    if not text.isascii() and not lexer.utf8:
        lexer.defects.append(Defect("eight_bit", lexer.end - len(text), text[:80]))
    if 0 in text:
        lexer.defects.append(Defect("nul", lexer.end - len(text), text[:80]))
    return decode_text(text), code


def _write_text(writer: Writer, text: str, code: ResponseCode | None) -> None:
    octets = octets_of(text)
    if any(octet in octets for octet in b"\r\n\0"):
        raise ValueError("the text of a response is one line, without NUL")
    if code is not None:
        write_code(writer, code)
    elif text.startswith("["):
        raise ValueError("a text that starts with [ would be read as a response code")
    writer.put(octets)


def _write_condition(writer: Writer, value: Condition) -> None:
    if value.status not in _WORDS_OF_STATUS:
        raise ValueError(f"OK, NO, BAD, BYE or PREAUTH is wanted, not {value.status!r}")
    if value.tag is None:
        writer.put(b"*")
    elif value.status in ("BYE", "PREAUTH"):
        raise ValueError(f"{value.status} is never tagged")
    else:
        writer.tag(value.tag)
    writer.put(b" " + value.status.encode("ascii") + b" ")
    _write_text(writer, value.text, value.code)


def _write_continuation(writer: Writer, value: Continuation) -> None:
    writer.put(b"+ ")
    _write_text(writer, value.text, value.code)


# --- The other data -------------------------------------------------------------------------------


def _read_delimiter(lexer: Lexer) -> str | None:
    octets = lexer.nstring()
    if octets == b"":
        lexer.odd("empty_delimiter")
        return None
    return None if octets is None else decode_text(octets)


def _write_delimiter(writer: Writer, value: str | None) -> None:
    if value is None:
        writer.put(b"NIL")
    elif len(value) != 1 or not value.isascii():
        raise ValueError(f"a delimiter is one character: {value[:80]!r}")
    else:
        writer.quoted(octets_of(value))


def _read_upper(lexer: Lexer) -> str:
    return lexer.text().upper()


_CHILDINFO: Final = listed(Kind(STRING.read, STRING.write), least=1)
_EXTENDED: Final = options(
    {"CHILDINFO": _CHILDINFO, "OLDNAME": in_parentheses(MAILBOX)},
    label=Kind(_read_upper, TEXT.write),
    valued=True,
)


def _read_list(lexer: Lexer, name: str) -> ListData:
    attributes = lexer.list_of(FLAG.read)
    lexer.space()
    delimiter = _read_delimiter(lexer)
    lexer.space()
    start, defects = lexer.pos, len(lexer.defects)
    try:
        is_nil = lexer.octets[start : lexer.end].upper() == b"NIL"
        mailbox = MAILBOX.read(lexer)
        if is_nil:
            lexer.odd("nil_name", start, "a mailbox of that name")
        extended: Any = ()
        if lexer.more():
            extended = _EXTENDED.read(lexer)
        if lexer.pos < lexer.end:
            lexer.refuse("the end of the line")
    except Refused:
        # A name that should have been quoted, up to the end of the line.
        del lexer.defects[defects:]
        lexer.pos = start
        if start >= lexer.end:
            raise
        mailbox = decode_name(lexer.rest(), utf8=lexer.utf8)
        extended = ()
        lexer.odd("unquoted_name", start)
    return ListData(attributes, delimiter, mailbox, extended, name, defects=tuple(lexer.defects))


def _write_list(writer: Writer, value: ListData) -> None:
    if value.verb not in ("LIST", "LSUB", "XLIST", "RLIST", "RLSUB"):
        raise ValueError(f"not LIST, LSUB or XLIST: {value.verb!r}")
    writer.put(b"* " + value.verb.encode("ascii") + b" ")
    FLAGS.write(writer, value.attributes)
    writer.put(b" ")
    _write_delimiter(writer, value.delimiter)
    writer.put(b" ")
    MAILBOX.write(writer, value.mailbox)
    if value.extended:
        writer.put(b" ")
        _EXTENDED.write(writer, value.extended)


_STATUS_VALUES: Final = options(
    {
        **dict.fromkeys(
            ("MESSAGES", "RECENT", "UNSEEN", "DELETED", "SIZE", "HIGHESTMODSEQ", "DELETED-STORAGE"),
            NUMBER,
        ),
        "UIDNEXT": NZ_NUMBER,
        "UIDVALIDITY": NZ_NUMBER,
        "APPENDLIMIT": or_nil(NUMBER),
        "MAILBOXID": in_parentheses(ATOM),
    }
)


def _read_status(lexer: Lexer, _name: str) -> StatusData:
    start, defects = lexer.pos, len(lexer.defects)
    try:
        mailbox = MAILBOX.read(lexer)
        lexer.space()
        items = _STATUS_VALUES.read(lexer)
    except Refused:
        del lexer.defects[defects:]
        bracket = lexer.octets.rfind(b" (", start, lexer.end)
        # MAILBOXID has parentheses of its own.
        inner = lexer.octets.rfind(b" (", start, max(start, bracket))
        if inner > 0 and lexer.octets.find(b")", inner, bracket) < 0:
            bracket = inner
        if bracket <= start:
            raise
        lexer.pos = bracket
        lexer.odd("unquoted_name", start)
        mailbox = decode_name(lexer.octets[start:bracket], utf8=lexer.utf8)
        lexer.pos = bracket + 1
        items = _STATUS_VALUES.read(lexer)
    return StatusData(mailbox, items, defects=tuple(lexer.defects))


def _read_namespace(lexer: Lexer, _name: str) -> NamespaceData:
    kinds: list[Any] = [_NAMESPACES.read(lexer)]
    for _ in range(2):
        lexer.space()
        kinds.append(_NAMESPACES.read(lexer))
    return NamespaceData(*kinds)


def _write_namespace(writer: Writer, value: NamespaceData) -> None:
    writer.put(b"* NAMESPACE")
    for kind in (value.personal, value.other, value.shared):
        writer.put(b" ")
        _NAMESPACES.write(writer, kind)


def _read_namespace_item(lexer: Lexer) -> NamespaceItem:
    lexer.expect(b"(")
    prefix = decode_name(lexer.string(), utf8=lexer.utf8)
    lexer.space()
    delimiter = _read_delimiter(lexer)
    extension: list[Any] = []
    while not lexer.take(b")"):
        lexer.space()
        key = decode_text(lexer.string())
        lexer.space()
        extension.append((key, _STRINGS.read(lexer)))
    return NamespaceItem(prefix, delimiter, tuple(extension))


def _write_namespace_item(writer: Writer, item: NamespaceItem) -> None:
    writer.put(b"(")
    _write_quoted_mailbox(writer, item.prefix)
    writer.put(b" ")
    _write_delimiter(writer, item.delimiter)
    for key, values in item.extension:
        writer.put(b" ")
        writer.string(octets_of(key))
        writer.put(b" ")
        _STRINGS.write(writer, values)
    writer.put(b")")


def _write_quoted_mailbox(writer: Writer, name: Any) -> None:
    writer.string(encode_name(name, utf8=writer.dialect.utf8))


_STRINGS: Final = listed(STRING, least=1)


def _read_namespaces(lexer: Lexer) -> Any:
    if lexer.nil():
        return None
    lexer.expect(b"(")
    found: list[NamespaceItem] = []
    while not lexer.take(b")"):
        if lexer.take(b" "):
            lexer.odd("extra_space")
            continue
        found.append(_read_namespace_item(lexer))
    return tuple(found)


def _write_namespaces(writer: Writer, values: Any) -> None:
    if values is None:
        writer.put(b"NIL")
        return
    if not values:
        raise ValueError("no namespace of a kind is None")
    writer.put(b"(")
    for item in values:
        _write_namespace_item(writer, item)
    writer.put(b")")


_NAMESPACES: Final = Kind(_read_namespaces, _write_namespaces)


def _read_quota(lexer: Lexer, _name: str) -> QuotaData:
    root = ""
    if lexer.at(b"("):
        lexer.odd("no_root")
    else:
        root = lexer.text()
        lexer.space()
    return QuotaData(root, lexer.list_of(_RESOURCE.read))


_USAGE: Final = sequence(NAME, NUMBER, NUMBER)


def _read_resource(lexer: Lexer) -> QuotaResource:
    return QuotaResource(*_USAGE.read(lexer))


def _write_resource(writer: Writer, item: QuotaResource) -> None:
    _USAGE.write(writer, (item.name, item.usage, item.limit))


_RESOURCE: Final = Kind(_read_resource, _write_resource)
_RESOURCES: Final = listed(_RESOURCE)


def _write_quota(writer: Writer, value: QuotaData) -> None:
    writer.put(b"* QUOTA ")
    TEXT.write(writer, value.root)
    writer.put(b" ")
    _RESOURCES.write(writer, value.resources)


def _read_metadata(lexer: Lexer, _name: str) -> MetadataData:
    mailbox = MAILBOX.read(lexer)
    lexer.space()
    if lexer.at(b"("):
        return MetadataData(mailbox, lexer.list_of(_ENTRY_VALUE.read))
    changed = [lexer.text()]
    while lexer.more():
        changed.append(lexer.text())
    return MetadataData(mailbox, (), tuple(changed))


_ENTRY_VALUE: Final = pair(TEXT, VALUE)
_ENTRY_VALUES: Final = listed(_ENTRY_VALUE)
_ENTRIES: Final = spaced(TEXT, least=1)


def _write_metadata(writer: Writer, value: MetadataData) -> None:
    writer.put(b"* METADATA ")
    MAILBOX.write(writer, value.mailbox)
    if value.changed:
        if value.values:
            raise ValueError("METADATA tells values or names, not both")
        _ENTRIES.write(writer, value.changed)
    else:
        writer.put(b" ")
        _ENTRY_VALUES.write(writer, value.values)


_NUMBERS: Final = re.compile(rb"(?: [1-9][0-9]{0,9}+)*+(?= ?\r?\n)")
_SEARCH_MODSEQ: Final = re.compile(rb" *\(MODSEQ ([0-9]{1,19}+)\)", re.IGNORECASE)


def _read_numbers(lexer: Lexer, name: str) -> SearchData | SortData:
    make = SearchData if name == "SEARCH" else SortData
    start = lexer.pos
    octets = lexer.octets
    # 200,000 of them are no rarity: one match and one split.
    match = _NUMBERS.match(octets, start - 1) if start and octets[start - 1] == 0x20 else None
    if match is not None and match.end() >= lexer.end - 1:
        numbers = tuple(map(int, octets[start : match.end()].split()))
        lexer.pos = match.end()
        if not numbers or max(numbers) < 2**32:
            return make(numbers)
        lexer.pos = start
    found: list[int] = []
    modseq = None
    while lexer.pos < lexer.end:
        tail = _SEARCH_MODSEQ.match(octets, lexer.pos, lexer.end)
        if tail is not None:
            modseq = int(tail[1])
            lexer.pos = tail.end()
            break
        found.append(lexer.nz_number())
        if not lexer.more():
            break
    return make(tuple(found), modseq)


def _write_numbers(writer: Writer, value: SearchData | SortData) -> None:
    writer.put(b"* SEARCH" if isinstance(value, SearchData) else b"* SORT")
    for number in value.numbers:
        writer.put(b" ")
        writer.number(number, 2**32 - 1, least=1)
    if value.modseq is not None:
        if not value.numbers:
            raise ValueError("MODSEQ is told of numbers only")
        writer.put(b" (MODSEQ ")
        writer.number(value.modseq, least=1)
        writer.put(b")")


def _read_threads(lexer: Lexer, _name: str) -> ThreadData:
    roots: list[ThreadNode] = []
    # What is open: (numbers, branches).
    stack: list[tuple[list[int], list[ThreadNode]]] = []
    while lexer.pos < lexer.end:
        if lexer.take(b"("):
            if len(stack) >= lexer.most:
                lexer.refuse(f"at most {lexer.most} levels of threads")
            stack.append(([], []))
        elif lexer.take(b")"):
            if not stack:
                lexer.refuse("a thread")
            members, branches = stack.pop()
            node = ThreadNode(tuple(members), tuple(branches))
            (stack[-1][1] if stack else roots).append(node)
        elif lexer.take(b" "):
            continue
        elif not stack or stack[-1][1]:
            lexer.refuse("a thread")
        else:
            stack[-1][0].append(lexer.nz_number())
    if stack:
        lexer.refuse("a closing parenthesis")
    return ThreadData(tuple(roots))


def _write_threads(writer: Writer, value: ThreadData) -> None:
    writer.put(b"* THREAD")
    if value.threads:
        writer.put(b" ")
    waiting: list[Any] = list(reversed(value.threads))
    while waiting:
        node = waiting.pop()
        if node is None:
            writer.put(b")")
            continue
        if len(node.branches) == 1 or not (node.members or node.branches):
            raise ValueError("a thread has members, and no branch or at least two")
        writer.put(b"(")
        gap = b""
        for number in node.members:
            writer.put(gap)
            writer.number(number, 2**32 - 1, least=1)
            gap = b" "
        if node.branches:
            writer.put(gap)
        waiting.append(None)
        waiting += reversed(node.branches)


_PARTIAL_RESULT: Final = in_parentheses(sequence(PARTIAL, or_nil(SET)))


def _read_updates(lexer: Lexer) -> tuple[Any, ...]:
    lexer.expect(b"(")
    found: list[tuple[int, SequenceSet]] = []
    while True:
        position = lexer.number()
        lexer.space()
        found.append((position, SET.read(lexer)))
        if lexer.take(b")"):
            return tuple(found)
        lexer.space()


def _write_updates(writer: Writer, values: tuple[Any, ...]) -> None:
    if not values:
        raise ValueError("there is at least one change")
    gap = b"("
    for position, numbers in values:
        writer.put(gap)
        writer.number(position, 2**32 - 1)
        writer.put(b" ")
        SET.write(writer, numbers)
        gap = b" "
    writer.put(b")")


_UPDATES: Final = Kind(_read_updates, _write_updates)

_ESEARCH_VALUES: Final[dict[str, Kind]] = {
    "MIN": NZ_NUMBER,
    "MAX": NZ_NUMBER,
    "COUNT": NUMBER,
    "ALL": SET,
    "MODSEQ": MODSEQ,
    "PARTIAL": _PARTIAL_RESULT,
    "ADDTO": _UPDATES,
    "REMOVEFROM": _UPDATES,
    "RELEVANCY": listed(NUMBER),
}


def _read_esearch(lexer: Lexer, _name: str) -> ESearchData:
    tag = mailbox = validity = None
    uid = False
    items: list[tuple[str, Any]] = []
    if lexer.take(b"("):
        while True:
            key = lexer.name()
            lexer.space()
            if key == "TAG":
                tag = lexer.text()
            elif key == "MAILBOX":
                mailbox = MAILBOX.read(lexer)
            elif key == "UIDVALIDITY":
                validity = lexer.nz_number()
            else:
                lexer.refuse("TAG, MAILBOX or UIDVALIDITY")
            if lexer.take(b")"):
                break
            lexer.space()
        if not lexer.more():
            return ESearchData((), tag, uid, mailbox, validity)
    while lexer.pos < lexer.end:
        label = lexer.label()
        if label == "UID" and not items:
            uid = True
        else:
            lexer.space()
            items.append((label, _ESEARCH_VALUES.get(label, EXTENSION).read(lexer)))
        if not lexer.more():
            break
    return ESearchData(tuple(items), tag, uid, mailbox, validity)


def _write_esearch(writer: Writer, value: ESearchData) -> None:
    writer.put(b"* ESEARCH")
    gap = b" ("
    if value.tag is not None:
        writer.put(gap + b"TAG ")
        writer.string(octets_of(value.tag))
        gap = b" "
    if value.mailbox is not None:
        writer.put(gap + b"MAILBOX ")
        MAILBOX.write(writer, value.mailbox)
        gap = b" "
    if value.uidvalidity is not None:
        writer.put(gap + b"UIDVALIDITY ")
        NZ_NUMBER.write(writer, value.uidvalidity)
        gap = b" "
    if gap == b" ":
        writer.put(b")")
    if value.uid:
        writer.put(b" UID")
    for label, item in value.items:
        if label == "UID":
            raise ValueError("UID is no item, but uid=True")
        writer.put(b" ")
        writer.label(label)
        writer.put(b" ")
        _ESEARCH_VALUES.get(label, EXTENSION).write(writer, item)


def _read_capability(lexer: Lexer, _name: str) -> CapabilityData:
    words: list[str] = []
    for word in decode_text(lexer.rest()).split(" "):
        if word in ("+", "-") and words:  # `LITERAL +`
            words[-1] += word
            lexer.odd("space_in_capability")
        elif word:
            words.append(word)
        else:
            lexer.odd("extra_space")
    return CapabilityData(tuple(words), defects=tuple(lexer.defects))


def _write_capability(writer: Writer, value: CapabilityData) -> None:
    writer.put(b"* CAPABILITY ")
    write_capabilities(writer, value.capabilities)


def _read_vanished(lexer: Lexer, _name: str) -> Vanished:
    earlier = lexer.octets[lexer.pos : lexer.pos + 10].upper() == b"(EARLIER) "
    if earlier:
        lexer.pos += 10
    return Vanished(SET.read(lexer), earlier)


def _write_vanished(writer: Writer, value: Vanished) -> None:
    writer.put(b"* VANISHED (EARLIER) " if value.earlier else b"* VANISHED ")
    SET.write(writer, value.uids)


def _read_flat_pairs(lexer: Lexer) -> tuple[tuple[str, str], ...]:
    flat: list[str] = []
    while lexer.more():
        flat.append(lexer.text())
    if len(flat) % 2:
        lexer.refuse("an identifier and its rights")
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _read_acl(lexer: Lexer, _name: str) -> AclData:
    return AclData(MAILBOX.read(lexer), _read_flat_pairs(lexer))


def _write_acl(writer: Writer, value: AclData) -> None:
    writer.put(b"* ACL ")
    MAILBOX.write(writer, value.mailbox)
    for identifier, rights in value.rights:
        writer.put(b" ")
        TEXT.write(writer, identifier)
        writer.put(b" ")
        TEXT.write(writer, rights)


def _read_urls(lexer: Lexer, _name: str) -> UrlFetchData:
    found: list[Any] = []
    while True:
        url = lexer.text()
        lexer.space()
        found.append((url, lexer.nstring()))
        if not lexer.more():
            return UrlFetchData(tuple(found))


def _write_urls(writer: Writer, value: UrlFetchData) -> None:
    if not value.urls:
        raise ValueError("URLFETCH tells of at least one URL")
    writer.put(b"* URLFETCH")
    for url, octets in value.urls:
        writer.put(b" ")
        TEXT.write(writer, url)
        writer.put(b" ")
        writer.nstring(octets)


def _read_comparator(lexer: Lexer, _name: str) -> ComparatorData:
    active = lexer.text()
    known: tuple[str, ...] = ()
    if lexer.more():
        known = lexer.list_of(Lexer.text)
    return ComparatorData(active, known)


def _write_comparator(writer: Writer, value: ComparatorData) -> None:
    writer.put(b"* COMPARATOR ")
    TEXT.write(writer, value.active)
    if value.known:
        writer.put(b" ")
        _LANGUAGES.write(writer, value.known)


_LANGUAGES: Final = listed(TEXT, least=1)


class Line(NamedTuple):
    """A response that is its name and some arguments."""

    name: bytes
    make: type[Any]
    kinds: tuple[Kind, ...]
    rest: Kind | None = None
    """Any number of these behind them."""


_LINES: Final = (
    Line(b"FLAGS", Flags, (FLAGS,)),
    Line(b"ENABLED", Enabled, (), ATOM),
    Line(b"ID", IdData, (PARAMETERS,)),
    Line(b"LANGUAGE", LanguageData, (_LANGUAGES,)),
    Line(b"JMAPACCESS", JmapAccess, (STRING,)),
    Line(b"GENURLAUTH", GenUrlAuthData, (), TEXT),
    Line(b"QUOTAROOT", QuotaRootData, (MAILBOX,), TEXT),
    Line(b"LISTRIGHTS", ListRightsData, (MAILBOX, TEXT, TEXT), TEXT),
    Line(b"MYRIGHTS", MyRightsData, (MAILBOX, TEXT)),
)


def _line_reader(line: Line) -> Callable[[Lexer, str], Any]:
    def read(lexer: Lexer, _name: str) -> Any:
        values: list[Any] = []
        for kind in line.kinds:
            if values:
                lexer.space()
            values.append(kind.read(lexer))
        if line.rest is not None:
            many: list[Any] = []
            if not values and lexer.pos < lexer.end:
                many.append(line.rest.read(lexer))
            while lexer.more():
                many.append(line.rest.read(lexer))
            values.append(tuple(many))
        return line.make(*values)

    return read


def _line_writer(line: Line) -> Callable[[Writer, Any], None]:
    fields = [field.name for field in line.make.__attrs_attrs__ if not field.kw_only]

    def write(writer: Writer, value: Any) -> None:
        writer.put(b"* " + line.name)
        for name, kind in zip(fields, line.kinds, strict=False):
            writer.put(b" ")
            kind.write(writer, getattr(value, name))
        if line.rest is not None:
            for item in getattr(value, fields[-1]):
                writer.put(b" ")
                line.rest.write(writer, item)

    return write


_READERS: Final[dict[str, Callable[[Lexer, str], Any]]] = {
    **{line.name.decode("ascii"): _line_reader(line) for line in _LINES},
    **dict.fromkeys(("LIST", "LSUB", "XLIST", "RLIST", "RLSUB"), _read_list),
    "STATUS": _read_status,
    "NAMESPACE": _read_namespace,
    "QUOTA": _read_quota,
    "METADATA": _read_metadata,
    "SEARCH": _read_numbers,
    "SORT": _read_numbers,
    "THREAD": _read_threads,
    "ESEARCH": _read_esearch,
    "CAPABILITY": _read_capability,
    "VANISHED": _read_vanished,
    "ACL": _read_acl,
    "URLFETCH": _read_urls,
    "COMPARATOR": _read_comparator,
}
"""How the arguments of each response are read; the lexer stands behind the space."""

_NUMBERED: Final[dict[str, type[Any]]] = {"EXISTS": Exists, "RECENT": Recent, "EXPUNGE": Expunged}


def _write_status(writer: Writer, value: StatusData) -> None:
    writer.put(b"* STATUS ")
    MAILBOX.write(writer, value.mailbox)
    writer.put(b" ")
    _STATUS_VALUES.write(writer, value.items)


def _counter(word: bytes, least: int) -> Callable[[Writer, Any], None]:
    def write(writer: Writer, value: Any) -> None:
        writer.put(b"* ")
        writer.number(value.number if least else value.count, 2**32 - 1, least=least)
        writer.put(b" " + word)

    return write


WRITERS: Final[dict[type, Callable[[Writer, Any], None]]] = {
    **{line.make: _line_writer(line) for line in _LINES},
    Condition: _write_condition,
    Continuation: _write_continuation,
    FetchData: write_fetch,
    ListData: _write_list,
    StatusData: _write_status,
    NamespaceData: _write_namespace,
    QuotaData: _write_quota,
    MetadataData: _write_metadata,
    SearchData: _write_numbers,
    SortData: _write_numbers,
    ThreadData: _write_threads,
    ESearchData: _write_esearch,
    CapabilityData: _write_capability,
    Vanished: _write_vanished,
    AclData: _write_acl,
    UrlFetchData: _write_urls,
    ComparatorData: _write_comparator,
    Exists: _counter(b"EXISTS", 0),
    Recent: _counter(b"RECENT", 0),
    Expunged: _counter(b"EXPUNGE", 1),
}
"""How each response is written, without its line end."""


# --- All of it ------------------------------------------------------------------------------------

_UNTAGGED: Final = re.compile(rb"\* (?:([0-9]{1,20}) )?([A-Za-z][A-Za-z0-9.\-]*+)( ?)")
_TAGGED: Final = re.compile(
    rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]++) +(OK|NO|BAD)(?=[ \r\n])( ?)", re.IGNORECASE
)
_BARE_STATUS: Final = re.compile(rb"(OK|NO|BAD|BYE|PREAUTH)(?=[ \r\n])( ?)", re.IGNORECASE)
_FETCH: Final = re.compile(rb"\* ([1-9][0-9]{0,8}) (FETCH|UIDFETCH) \(")


_USUAL_LIST: Final = re.compile(
    rb"\* (LIST|LSUB) \(([!#-'*-\[\\\]-z|}~ ]{0,200}+)\) "
    rb'(?:"([^"\\\r\n\x00\x80-\xff]|\\\\)"|NIL) '
    rb'(?:"([^"\\\r\n\x00]*+)"|(?![Nn][Ii][Ll]\r)([!#$&\'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]++))\r\n'
)
_MOST_ATTRIBUTES: Final = 101


def read_line(octets: bytes, utf8: bool, limits: Limits) -> Response:
    """The response in a line without literals. Never raises."""
    match = _FETCH.match(octets)
    if match is not None:
        number, name = match.groups()
        source = octets, NO_LITERALS, match.end(), utf8, limits, None
        return FetchData.from_wire(int(number), name == b"UIDFETCH", fetch_reader, source)
    match = _USUAL_LIST.match(octets)
    if match is not None and (limits.items is None or limits.items >= _MOST_ATTRIBUTES):
        name, words, delimiter, quoted, atom = match.groups()
        attributes = usual_flags(words)
        mailbox = decode_name(atom if quoted is None else quoted, utf8=utf8)
        if attributes is not None and isinstance(mailbox, str):
            if delimiter is not None:
                delimiter = chr(delimiter[0])
            return ListData(attributes, delimiter, mailbox, (), name.decode("ascii"))
    return _read_response(Frame(octets, NO_LITERALS), utf8, limits)


def read_response(frame: Frame, *, utf8: bool, limits: Limits) -> Response:
    """The response in a frame. Never raises."""
    octets = frame.octets
    match = _FETCH.match(octets)
    if match is not None:
        number, name = match.groups()
        source = octets, frame.literals, match.end(), utf8, limits, None
        return FetchData.from_wire(int(number), name == b"UIDFETCH", fetch_reader, source)
    return _read_response(frame, utf8, limits)


def _read_response(frame: Frame, utf8: bool, limits: Limits) -> Response:
    octets = frame.octets
    lexer = Lexer(frame, 0, lenient=True, utf8=utf8, limits=limits)
    if not octets.endswith(b"\r\n"):
        lexer.pos = lexer.end
        lexer.odd("bare_lf")
        lexer.pos = 0
    if octets[:1] == b"\0":
        while lexer.take(b"\0"):
            pass
        lexer.odd("nul", 0)
    if lexer.at(b"+"):
        return _read_continuation(lexer)
    if lexer.at(b"*"):
        return _read_untagged(lexer)
    match = _TAGGED.match(octets, lexer.pos)
    if match is not None:
        lexer.pos = match.end()
        return _condition(lexer, match[2], match[1].decode("ascii"))
    match = _BARE_STATUS.match(octets, lexer.pos)
    start = lexer.pos
    if match is not None:
        lexer.pos = match.end()
        lexer.odd("no_tag", start)
        return _condition(lexer, match[1], None)
    text = lexer.rest()
    lexer.odd("not_a_response", start)
    return Condition("BAD", decode_text(text), defects=tuple(lexer.defects))


def _condition(lexer: Lexer, word: bytes, tag: str | None) -> Condition:
    if lexer.pos == lexer.end and lexer.octets[lexer.pos - 1] != 0x20:
        lexer.odd("no_text")
    text, code = _read_text(lexer)
    status: Any = word.decode("ascii").upper()
    return Condition(status, text, code, tag, defects=tuple(lexer.defects))


def _read_continuation(lexer: Lexer) -> Continuation:
    lexer.pos += 1
    if not lexer.take(b" "):
        lexer.odd("missing_space")
    text, code = _read_text(lexer)
    return Continuation(text, code, defects=tuple(lexer.defects))


def _read_untagged(lexer: Lexer) -> Response:
    start = lexer.pos
    match = _UNTAGGED.match(lexer.octets, start, lexer.end)
    if match is None:
        return _read_odd_untagged(lexer)
    lexer.pos = match.end()
    name = match[2].decode("ascii").upper()
    number = None if match[1] is None else int(match[1])
    if number is None and name in _WORDS_OF_STATUS and (match[3] or lexer.pos == lexer.end):
        return _condition(lexer, match[2], None)
    argument = lexer.pos
    try:
        if number is not None:
            found = _read_numbered(lexer, name, number)
        else:
            read = _READERS.get(name)
            if read is None or not (match[3] or name in _MAY_BE_EMPTY):
                found = None
            else:
                found = read(lexer, name)
        if found is not None:
            if lexer.pos < lexer.end:
                lexer.finish()
            done: Response = _with_defects(found, lexer)
            return done
        lexer.pos = argument
        if name in _READERS or name in _NUMBERED or name in ("FETCH", "UIDFETCH"):
            lexer.odd("unreadable", argument)
    except Refused as refused:
        lexer.defects.clear()
        lexer.pos = argument
        data = lexer.rest()
        lexer.odd("unreadable", argument, str(refused))
        return UnknownData(name, Unparsed(data), number, defects=tuple(lexer.defects))
    return UnknownData(name, Unparsed(lexer.rest()), number, defects=tuple(lexer.defects))


_MAY_BE_EMPTY: Final = frozenset({"SEARCH", "SORT", "THREAD", "ENABLED", "ESEARCH", "GENURLAUTH"})


def _with_defects(found: Any, lexer: Lexer) -> Any:
    if not lexer.defects or isinstance(found, FetchData):
        return found
    fields = [getattr(found, field.name) for field in found.__attrs_attrs__ if not field.kw_only]
    return type(found)(*fields, defects=tuple(lexer.defects))


def _read_numbered(lexer: Lexer, name: str, number: int) -> Any:
    make = _NUMBERED.get(name)
    if make is not None:
        if number > 4294967295:
            lexer.odd("large_number", 0)
        return make(number)
    if name not in ("FETCH", "UIDFETCH"):
        return None
    defects = list(lexer.defects)
    if number == 0:
        defects.append(Defect("zero", 2, b"0"))
    if not lexer.take(b"("):
        lexer.refuse("a list of items")
    octets, literals = lexer.frame
    source = octets, literals, lexer.pos, lexer.utf8, lexer.limits, None
    read = FetchData.from_wire(number, name == "UIDFETCH", fetch_reader, source)
    lexer.pos = lexer.end
    return FetchData(number, read.items, uidfetch=read.uidfetch, defects=(*defects, *read.defects))


_ODD_UNTAGGED: Final = re.compile(rb"\*[ \t]*(?=[\[A-Za-z0-9])")


def _read_odd_untagged(lexer: Lexer) -> Response:
    """`*` and something that is not a name behind one space."""
    start = lexer.pos
    match = _ODD_UNTAGGED.match(lexer.octets, start, lexer.end)
    if match is not None:
        lexer.pos = match.end()
        if lexer.at(b"["):
            lexer.odd("no_status", start, "OK")
            return _condition(lexer, b"OK", None)
        rest = lexer.octets[match.end() :]
        again = _UNTAGGED.match(b"* " + rest)
        if again is not None and match[0] != b"* ":
            shift = 2 - match.end()
            frame = Frame(
                b"* " + rest,
                {
                    at + shift: (begin + shift, end + shift)
                    for at, (begin, end) in lexer.frame.literals.items()
                },
            )
            found = read_response(frame, utf8=lexer.utf8, limits=lexer.limits)
            if isinstance(found, FetchData):
                return found
            defect = Defect("odd_space", start, match[0])
            fields = [
                getattr(found, field.name) for field in found.__attrs_attrs__ if not field.kw_only
            ]
            return type(found)(*fields, defects=(defect, *found.defects))
    lexer.pos = min(start + 2, lexer.end)
    data = lexer.rest()
    lexer.odd("unreadable", start)
    return UnknownData("", Unparsed(data), defects=tuple(lexer.defects))

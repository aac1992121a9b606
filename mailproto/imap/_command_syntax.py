"""Commands, read and written: one row for each verb.

A row says which kinds of arguments follow the verb and which fields of the class they are. Most are
that simple; the rest (APPEND, FETCH, LIST, NOTIFY, SEARCH, STORE...) have a reader and a writer
each, side by side.

Servers read strictly: what RFC 9051 does not allow is refused, with a space at the end of the line
and words in lower case as the only exceptions. A refusal knows the tag, so it can be answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from .._grammar import b64decode, b64encode
from .._vocabulary import AuthCancel, AuthResponse
from ..limits import Limits
from ._commands import (
    Append,
    Authenticate,
    CancelUpdate,
    Capability,
    Check,
    Close,
    Command,
    Comparator,
    Compress,
    Copy,
    Create,
    Delete,
    DeleteAcl,
    Done,
    Enable,
    ESearch,
    Examine,
    Expunge,
    Fetch,
    GenUrlAuth,
    GetAcl,
    GetJmapAccess,
    GetMetadata,
    GetQuota,
    GetQuotaRoot,
    Id,
    Idle,
    Language,
    List,
    ListRights,
    Login,
    Logout,
    Lsub,
    Move,
    MyRights,
    Namespace,
    Noop,
    Notify,
    Rename,
    Replace,
    ResetKey,
    Rlist,
    Rlsub,
    Search,
    Select,
    SetAcl,
    SetMetadata,
    SetQuota,
    Sort,
    StartTls,
    Status,
    Store,
    Subscribe,
    Thread,
    Unauthenticate,
    UnknownCommand,
    Unselect,
    Unsubscribe,
    UrlFetch,
    Xlist,
)
from ._lexer import NO_LITERALS, Frame, Lexer, Refused
from ._search import RETURNS, SORT_KEYS, read_program, write_program
from ._sets import STAR
from ._syntax import (
    ANNOTATIONS,
    ATOM,
    DATE_TIME,
    FETCH_ATTRIBUTE,
    FLAG,
    FLAGS,
    GMAIL_LABEL,
    MAILBOX,
    MODSEQ,
    NAME,
    NTEXT,
    NUMBER,
    NZ_NUMBER,
    PARTIAL,
    PATTERN,
    SET,
    STRING,
    TEXT,
    VALUE,
    Kind,
    listed,
    one_or_listed,
    options,
    pair,
    spaced,
)
from ._values import AppendMessage, CatenateUrl, EventGroup, MailboxFilter, Streamed
from ._writer import Writer, octets_of

__all__ = ["VERBS", "Row", "SyntaxRefused", "read_command", "write_command"]


class SyntaxRefused(ValueError):
    """A command that is not in the grammar. `tag` is that of the command, or None without one."""

    def __init__(self, message: str, tag: str | None = None) -> None:
        super().__init__(message, tag)

    def __str__(self) -> str:
        return str(self.args[0])

    @property
    def tag(self) -> str | None:
        """The tag to answer with."""
        tag: str | None = self.args[1]
        return tag


class Row(NamedTuple):
    """How one verb is read and written."""

    make: type[Any]
    read: Callable[[Lexer, bool], tuple[Any, ...]]
    """The fields of the class, in order; whether UID stood before the verb is given."""
    write: Callable[[Writer, Any], None]
    """Everything behind the verb, spaces included."""
    uid: bool = False
    """Whether there is a UID form."""


def _plain(make: type[Any]) -> Row:
    def read(_lexer: Lexer, _uid: bool) -> tuple[Any, ...]:
        return ()

    def write(writer: Writer, command: Any) -> None:
        pass

    return Row(make, read, write)


def _row(make: type[Any], *kinds: Kind, then: Kind | None = None, uid: bool = False) -> Row:
    """A verb with arguments; `then` may follow them, and is written unless it is empty."""
    fields = [field.name for field in make.__attrs_attrs__ if not field.kw_only]
    names = fields[: len(kinds)]
    last = fields[len(kinds)] if then is not None else ""

    def read(lexer: Lexer, is_uid: bool) -> tuple[Any, ...]:
        values: list[Any] = []
        for kind in kinds:
            lexer.space()
            values.append(kind.read(lexer))
        if then is not None and lexer.more():
            values.append(then.read(lexer))
        if uid:
            values.append(is_uid)
        return tuple(values)

    def write(writer: Writer, command: Any) -> None:
        for name, kind in zip(names, kinds, strict=True):
            writer.put(b" ")
            kind.write(writer, getattr(command, name))
        if then is not None and getattr(command, last):
            writer.put(b" ")
            then.write(writer, getattr(command, last))

    return Row(make, read, write, uid)


def _rest(make: type[Any], kind: Kind, *, least: int = 0) -> Row:
    """A verb with any number of the same."""
    many = spaced(kind, least=least)
    field = next(field.name for field in make.__attrs_attrs__ if not field.kw_only)

    def read(lexer: Lexer, _uid: bool) -> tuple[Any, ...]:
        return (many.read(lexer),)

    def write(writer: Writer, command: Any) -> None:
        many.write(writer, getattr(command, field))

    return Row(make, read, write)


# --- ID, AUTHENTICATE -----------------------------------------------------------------------------


def read_parameters(lexer: Lexer) -> tuple[tuple[str, str | None], ...] | None:
    """The fields and values of ID, or NIL (RFC 2971)."""
    if lexer.nil():
        return None
    flat = lexer.list_of(NTEXT.read)
    if len(flat) % 2 or None in flat[::2]:
        lexer.refuse("pairs of a field and its value")
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def write_parameters(writer: Writer, value: tuple[tuple[str, str | None], ...] | None) -> None:
    """The fields and values of ID, or NIL."""
    if value is None:
        writer.put(b"NIL")
        return
    writer.put(b"(")
    gap = b""
    for field, text in value:
        writer.put(gap)
        writer.string(octets_of(field))
        writer.put(b" ")
        NTEXT.write(writer, text)
        gap = b" "
    writer.put(b")")


PARAMETERS: Final = Kind(read_parameters, write_parameters)

_MECHANISM: Final = re.compile(r"[A-Z0-9\-_]{1,20}")


def _read_authenticate(lexer: Lexer, _uid: bool) -> tuple[Any, ...]:
    lexer.space()
    mechanism = lexer.name()
    if _MECHANISM.fullmatch(mechanism) is None:
        lexer.refuse("a mechanism")
    if not lexer.more():
        return mechanism, None
    octets = lexer.rest()
    try:
        return mechanism, b"" if octets == b"=" else b64decode(octets)
    except ValueError:
        lexer.refuse("base64")


def _write_authenticate(writer: Writer, command: Authenticate) -> None:
    if _MECHANISM.fullmatch(command.mechanism) is None:
        raise ValueError("a mechanism is 1 to 20 of A-Z, 0-9, - and _")
    writer.put(b" " + command.mechanism.encode("ascii"))
    if command.initial_response is not None:
        writer.put(b" " + (b64encode(command.initial_response) or b"="))


# --- LIST -----------------------------------------------------------------------------------------

_SELECTION: Final = options({"SUBSCRIBED": None, "REMOTE": None, "RECURSIVEMATCH": None})
_NAMES: Final = listed(NAME, least=1)
_ENTRY_LIST: Final = listed(TEXT, least=1)
_LIST_RETURNS: Final = options(
    {
        "SUBSCRIBED": None,
        "CHILDREN": None,
        "SPECIAL-USE": None,
        "MYRIGHTS": None,
        "STATUS": _NAMES,
        "METADATA": _ENTRY_LIST,
    }
)


def _read_list(lexer: Lexer, _uid: bool) -> tuple[Any, ...]:
    lexer.space()
    selection = returns = None
    if lexer.at(b"("):
        selection = _SELECTION.read(lexer)
        lexer.space()
    reference = MAILBOX.read(lexer)
    lexer.space()
    patterns = _PATTERNS.read(lexer)
    if lexer.more():
        if lexer.name() != "RETURN":
            lexer.refuse("RETURN")
        lexer.space()
        returns = _LIST_RETURNS.read(lexer)
    return reference, patterns, selection, returns


def _write_list(writer: Writer, command: List) -> None:
    writer.put(b" ")
    if command.selection is not None:
        _SELECTION.write(writer, command.selection)
        writer.put(b" ")
    MAILBOX.write(writer, command.reference)
    writer.put(b" ")
    _PATTERNS.write(writer, command.patterns)
    if command.returns is not None:
        writer.put(b" RETURN ")
        _LIST_RETURNS.write(writer, command.returns)


_PATTERNS: Final = one_or_listed(PATTERN)


# --- SELECT (RFC 7162 section 3.2.5) --------------------------------------------------------------


def _read_qresync(lexer: Lexer) -> tuple[Any, ...]:
    lexer.expect(b"(")
    validity = lexer.nz_number()
    lexer.space()
    modseq = lexer.number()
    known = match = None
    if lexer.take(b" "):
        if not lexer.at(b"("):
            known = SET.read(lexer)
        if known is None or lexer.take(b" "):
            lexer.expect(b"(")
            numbers = SET.read(lexer)
            lexer.space()
            match = (numbers, SET.read(lexer))
            lexer.expect(b")")
    lexer.expect(b")")
    return validity, modseq, known, match


def _write_qresync(writer: Writer, value: tuple[Any, ...]) -> None:
    validity, modseq, known, match = value
    writer.put(b"(")
    NZ_NUMBER.write(writer, validity)
    writer.put(b" ")
    MODSEQ.write(writer, modseq)
    if known is not None:
        writer.put(b" ")
        SET.write(writer, known)
    if match is not None:
        numbers, uids = match
        writer.put(b" (")
        SET.write(writer, numbers)
        writer.put(b" ")
        SET.write(writer, uids)
        writer.put(b")")
    writer.put(b")")


_SELECT: Final = options(
    {"CONDSTORE": None, "QRESYNC": Kind(_read_qresync, _write_qresync), "ANNOTATE": None}
)
_CREATE: Final = options({"USE": FLAGS})


# --- APPEND and REPLACE (RFC 9051 section 6.3.12, RFC 3502, 4466, 4469, 5257, 6855, 8508) ---------


def _message_octets(lexer: Lexer) -> tuple[bytes | Streamed, bool]:
    binary = lexer.at(b"~")
    found = lexer.literal()
    if found is None:
        lexer.refuse("a literal")
    return found, binary


def _read_message(lexer: Lexer) -> AppendMessage:
    """One message; the space before it has been read."""
    flags = date = None
    annotations: Any = ()
    if lexer.at(b"("):
        flags = FLAGS.read(lexer)
        lexer.space()
    if lexer.at(b'"'):
        date = DATE_TIME.read(lexer)
        lexer.space()
    while lexer.pos not in lexer.frame.literals:
        name = lexer.name()
        if name == "ANNOTATION" and not annotations:
            lexer.space()
            annotations = ANNOTATIONS.read(lexer)
            lexer.space()
        elif name == "UTF8":
            lexer.space()
            lexer.expect(b"(")
            data, binary = _message_octets(lexer)
            lexer.expect(b")")
            return AppendMessage(data, flags, date, annotations, binary, True)
        elif name == "CATENATE":
            lexer.space()
            return AppendMessage(lexer.list_of(_read_piece, least=1), flags, date, annotations)
        else:
            lexer.refuse("a message")
    data, binary = _message_octets(lexer)
    return AppendMessage(data, flags, date, annotations, binary)


def _read_piece(lexer: Lexer) -> bytes | Streamed | CatenateUrl:
    name = lexer.name()
    lexer.space()
    if name == "URL":
        return CatenateUrl(lexer.text())
    if name != "TEXT":
        lexer.refuse("URL or TEXT")
    return _message_octets(lexer)[0]


def _write_octets(writer: Writer, data: Any, binary: bool) -> None:
    if isinstance(data, Streamed):
        writer.streamed(data, binary=binary)
    else:
        writer.literal(data, binary=binary)


def _write_message(writer: Writer, message: AppendMessage) -> None:
    if message.flags is not None:
        writer.put(b" ")
        FLAGS.write(writer, message.flags)
    if message.date is not None:
        writer.put(b" ")
        DATE_TIME.write(writer, message.date)
    if message.annotations:
        writer.put(b" ANNOTATION ")
        ANNOTATIONS.write(writer, message.annotations)
    if isinstance(message.data, tuple):
        if message.binary or message.utf8:
            raise ValueError("CATENATE has neither BINARY nor UTF8")
        if not message.data:
            raise ValueError("CATENATE needs at least one piece")
        gap = b" CATENATE ("
        for piece in message.data:
            writer.put(gap)
            if isinstance(piece, CatenateUrl):
                writer.put(b"URL ")
                writer.text(piece.url)
            else:
                writer.put(b"TEXT ")
                _write_octets(writer, piece, False)
            gap = b" "
        writer.put(b")")
    elif message.utf8:
        if not message.binary:
            raise ValueError("UTF8 takes a literal8 (RFC 6855 section 4): binary=True")
        writer.put(b" UTF8 (")
        _write_octets(writer, message.data, True)
        writer.put(b")")
    else:
        writer.put(b" ")
        _write_octets(writer, message.data, message.binary)


def _read_append(lexer: Lexer, _uid: bool) -> tuple[Any, ...]:
    lexer.space()
    mailbox = MAILBOX.read(lexer)
    lexer.space()
    messages = [_read_message(lexer)]
    while lexer.more():
        messages.append(_read_message(lexer))
    return mailbox, tuple(messages)


def _write_append(writer: Writer, command: Append) -> None:
    if not command.messages:
        raise ValueError("APPEND needs a message")
    writer.put(b" ")
    MAILBOX.write(writer, command.mailbox)
    for message in command.messages:
        _write_message(writer, message)


def _read_replace(lexer: Lexer, uid: bool) -> tuple[Any, ...]:
    lexer.space()
    number = STAR if lexer.take(b"*") else lexer.nz_number()
    lexer.space()
    mailbox = MAILBOX.read(lexer)
    lexer.space()
    return number, mailbox, _read_message(lexer), uid


def _write_replace(writer: Writer, command: Replace) -> None:
    writer.put(b" ")
    if command.number == STAR:
        writer.put(b"*")
    else:
        NZ_NUMBER.write(writer, command.number)
    writer.put(b" ")
    MAILBOX.write(writer, command.mailbox)
    _write_message(writer, command.message)


# --- METADATA (RFC 5464), URLAUTH (RFC 4467) ------------------------------------------------------

_GET_OPTIONS: Final = options({"MAXSIZE": NUMBER, "DEPTH": TEXT})
_ENTRIES: Final = one_or_listed(TEXT)
_ENTRY_VALUES: Final = listed(pair(TEXT, VALUE), least=1)


def _read_getmetadata(lexer: Lexer, _uid: bool) -> tuple[Any, ...]:
    lexer.space()
    found: Any = ()
    if lexer.at(b"("):
        found = _GET_OPTIONS.read(lexer)
        lexer.space()
    mailbox = MAILBOX.read(lexer)
    lexer.space()
    if not found and lexer.at(b"("):
        # RFC 5464 section 4.2 shows the options behind the mailbox as well.
        start = lexer.pos
        try:
            found = _GET_OPTIONS.read(lexer)
            lexer.space()
        except Refused:
            found, lexer.pos = (), start
    return mailbox, _ENTRIES.read(lexer), found


def _write_getmetadata(writer: Writer, command: GetMetadata) -> None:
    if command.options:
        writer.put(b" ")
        _GET_OPTIONS.write(writer, command.options)
    writer.put(b" ")
    MAILBOX.write(writer, command.mailbox)
    writer.put(b" ")
    _ENTRIES.write(writer, command.entries)


def _read_resetkey(lexer: Lexer, _uid: bool) -> tuple[Any, ...]:
    if not lexer.more():
        return None, ()
    return MAILBOX.read(lexer), _MECHANISMS.read(lexer)


def _write_resetkey(writer: Writer, command: ResetKey) -> None:
    if command.mailbox is not None:
        writer.put(b" ")
        MAILBOX.write(writer, command.mailbox)
        _MECHANISMS.write(writer, command.mechanisms)
    elif command.mechanisms:
        raise ValueError("RESETKEY names mechanisms only with a mailbox")


_MECHANISMS: Final = spaced(NAME)
_URL_RUMPS: Final = spaced(pair(TEXT, NAME), least=1)


def _read_genurlauth(lexer: Lexer, _uid: bool) -> tuple[Any, ...]:
    return (_URL_RUMPS.read(lexer),)


def _write_genurlauth(writer: Writer, command: GenUrlAuth) -> None:
    _URL_RUMPS.write(writer, command.urls)


# --- NOTIFY (RFC 5465) and ESEARCH (RFC 7377) -----------------------------------------------------

_WITH_MAILBOXES: Final = frozenset({"SUBTREE", "SUBTREE-ONE", "MAILBOXES"})
_SOME_MAILBOXES: Final = one_or_listed(MAILBOX)
_MESSAGE_NEW: Final = listed(FETCH_ATTRIBUTE, least=1)


def _read_filter(lexer: Lexer) -> MailboxFilter:
    name = lexer.name()
    if name not in _WITH_MAILBOXES:
        return MailboxFilter(name)
    lexer.space()
    return MailboxFilter(name, _SOME_MAILBOXES.read(lexer))


def _write_filter(writer: Writer, value: MailboxFilter) -> None:
    writer.atom(value.kind)
    if (value.kind in _WITH_MAILBOXES) != bool(value.mailboxes):
        raise ValueError(
            f"SUBTREE, SUBTREE-ONE and MAILBOXES name mailboxes, {value.kind} does not"
            if value.mailboxes
            else f"{value.kind} needs mailboxes"
        )
    if value.mailboxes:
        writer.put(b" ")
        _SOME_MAILBOXES.write(writer, value.mailboxes)


def _read_group(lexer: Lexer) -> EventGroup:
    lexer.expect(b"(")
    which = _read_filter(lexer)
    lexer.space()
    fetch: tuple[Any, ...] = ()
    events: list[str] = []
    if lexer.take(b"("):
        while True:
            event = lexer.name()
            events.append(event)
            if event == "MESSAGENEW" and lexer.at(b" (") and not fetch:
                lexer.space()
                fetch = _MESSAGE_NEW.read(lexer)
            if lexer.take(b")"):
                break
            lexer.space()
    elif lexer.name() != "NONE":
        lexer.refuse("NONE or a list of events")
    lexer.expect(b")")
    return EventGroup(which, tuple(events), fetch)


def _write_group(writer: Writer, group: EventGroup) -> None:
    writer.put(b"(")
    _write_filter(writer, group.filter)
    if group.fetch and "MESSAGENEW" not in group.events:
        raise ValueError("what is fetched belongs to the event MESSAGENEW")
    fetch = group.fetch
    gap = b" ("
    for event in group.events:
        writer.put(gap)
        writer.atom(event)
        if event == "MESSAGENEW" and fetch:
            writer.put(b" ")
            _MESSAGE_NEW.write(writer, fetch)
            fetch = ()
        gap = b" "
    writer.put(b"))" if group.events else b" NONE)")


_GROUPS: Final = spaced(Kind(_read_group, _write_group), least=1)


def _read_notify(lexer: Lexer, _uid: bool) -> tuple[Any, ...]:
    lexer.space()
    word = lexer.name()
    if word == "NONE":
        return None, False
    if word != "SET":
        lexer.refuse("SET or NONE")
    status = False
    if lexer.octets[lexer.pos : lexer.pos + 8].upper() == b" STATUS ":
        lexer.pos += 7
        status = True
    return _GROUPS.read(lexer), status


def _write_notify(writer: Writer, command: Notify) -> None:
    if command.groups is None:
        if command.status:
            raise ValueError("NOTIFY NONE has no STATUS")
        writer.put(b" NONE")
        return
    writer.put(b" SET STATUS" if command.status else b" SET")
    _GROUPS.write(writer, command.groups)


_SCOPE: Final = options({})


def _read_esearch(lexer: Lexer, _uid: bool) -> tuple[Any, ...]:
    sources: list[MailboxFilter] = []
    scope: Any = ()
    if lexer.octets[lexer.pos : lexer.pos + 5].upper() == b" IN (":
        lexer.pos += 5
        while True:
            sources.append(_read_filter(lexer))
            if lexer.at(b" ("):
                lexer.space()
                scope = _SCOPE.read(lexer)
                lexer.expect(b")")
                break
            if lexer.take(b")"):
                break
            lexer.space()
    returns, charset, keys = _read_search_program(lexer)
    return keys, charset, returns, tuple(sources), scope


def _write_esearch(writer: Writer, command: ESearch) -> None:
    gap = b" IN ("
    for source in command.sources:
        writer.put(gap)
        _write_filter(writer, source)
        gap = b" "
    if command.sources:
        if command.options:
            writer.put(b" ")
            _SCOPE.write(writer, command.options)
        writer.put(b")")
    elif command.options:
        raise ValueError("options of the scope need a scope")
    _write_search_program(writer, command)


# --- SEARCH, SORT, THREAD -------------------------------------------------------------------------


def _read_returns(lexer: Lexer) -> Any:
    if lexer.octets[lexer.pos : lexer.pos + 9].upper() != b" RETURN (":
        return None
    lexer.pos += 8
    return RETURNS.read(lexer)


def _write_returns(writer: Writer, value: Any) -> None:
    if value is not None:
        writer.put(b" RETURN ")
        RETURNS.write(writer, value)


def _read_search_program(lexer: Lexer) -> tuple[Any, ...]:
    returns = _read_returns(lexer)
    charset = None
    if lexer.octets[lexer.pos : lexer.pos + 9].upper() == b" CHARSET ":
        lexer.pos += 9
        charset = lexer.text()
    lexer.space()
    return returns, charset, read_program(lexer)


def _write_search_program(writer: Writer, command: Search | ESearch) -> None:
    _write_returns(writer, command.returns)
    if command.charset is not None:
        writer.put(b" CHARSET ")
        _write_charset(writer, command.charset)
    write_program(writer, command.keys)


def _write_charset(writer: Writer, charset: str) -> None:
    if not charset or not charset.isascii():
        raise ValueError(f"not a charset: {charset[:80]!r}")
    writer.text(charset)


def _read_search(lexer: Lexer, uid: bool) -> tuple[Any, ...]:
    returns, charset, keys = _read_search_program(lexer)
    return keys, charset, returns, uid


def _read_sort(lexer: Lexer, uid: bool) -> tuple[Any, ...]:
    returns = _read_returns(lexer)
    lexer.space()
    criteria = SORT_KEYS.read(lexer)
    lexer.space()
    charset = lexer.text()
    lexer.space()
    return criteria, charset, read_program(lexer), returns, uid


def _write_sort(writer: Writer, command: Sort) -> None:
    _write_returns(writer, command.returns)
    writer.put(b" ")
    SORT_KEYS.write(writer, command.criteria)
    writer.put(b" ")
    _write_charset(writer, command.charset)
    write_program(writer, command.keys)


def _read_thread(lexer: Lexer, uid: bool) -> tuple[Any, ...]:
    lexer.space()
    algorithm = lexer.name()
    lexer.space()
    charset = lexer.text()
    lexer.space()
    return algorithm, charset, read_program(lexer), uid


def _write_thread(writer: Writer, command: Thread) -> None:
    writer.put(b" ")
    writer.atom(command.algorithm)
    writer.put(b" ")
    _write_charset(writer, command.charset)
    write_program(writer, command.keys)


# --- FETCH, STORE ---------------------------------------------------------------------------------

_FETCH_MODIFIERS: Final = options({"CHANGEDSINCE": MODSEQ, "VANISHED": None, "PARTIAL": PARTIAL})
_FETCH_ITEMS: Final = listed(FETCH_ATTRIBUTE, least=1)
_MACROS: Final = frozenset({"ALL", "FAST", "FULL"})


def _fetch_arguments(lexer: Lexer) -> tuple[Any, Any]:
    items = _FETCH_ITEMS.read(lexer) if lexer.at(b"(") else (FETCH_ATTRIBUTE.read(lexer),)
    modifiers: Any = ()
    if lexer.more():
        modifiers = _FETCH_MODIFIERS.read(lexer)
    return items, modifiers


@lru_cache(maxsize=256)
def _usual_fetch(octets: bytes) -> tuple[Any, Any] | None:
    """What stands behind the set, if it can be read: clients ask for the same again and again."""
    lexer = Lexer(Frame(octets, NO_LITERALS), 0, lenient=False)
    try:
        found = _fetch_arguments(lexer)
        lexer.finish()
    except Refused:
        return None
    return None if lexer.defects else found


def _read_fetch(lexer: Lexer, uid: bool) -> tuple[Any, ...]:
    lexer.space()
    messages = SET.read(lexer)
    lexer.space()
    if len(lexer.octets) - lexer.pos < 200 and not lexer.frame.literals:
        usual = _usual_fetch(lexer.octets[lexer.pos :])
        if usual is not None:
            lexer.pos = lexer.end
            return messages, *usual, uid
    return messages, *_fetch_arguments(lexer), uid


def _write_fetch(writer: Writer, command: Fetch) -> None:
    writer.put(b" ")
    SET.write(writer, command.messages)
    writer.put(b" ")
    if len(command.items) == 1:
        FETCH_ATTRIBUTE.write(writer, command.items[0])
    else:
        if not _MACROS.isdisjoint(item for item in command.items if isinstance(item, str)):
            raise ValueError("ALL, FAST and FULL stand alone")
        _FETCH_ITEMS.write(writer, command.items)
    if command.modifiers:
        writer.put(b" ")
        _FETCH_MODIFIERS.write(writer, command.modifiers)


_STORE_MODIFIERS: Final = options({"UNCHANGEDSINCE": MODSEQ})
_WHAT: Final = re.compile(rb"([+\-]?)(FLAGS|X-GM-LABELS)(\.SILENT)?(?= )", re.IGNORECASE)


_LABELS: Final = listed(GMAIL_LABEL)


def _read_store(lexer: Lexer, uid: bool) -> tuple[Any, ...]:
    lexer.space()
    messages = SET.read(lexer)
    lexer.space()
    modifiers: Any = ()
    if lexer.at(b"("):
        modifiers = _STORE_MODIFIERS.read(lexer)
        lexer.space()
    match = _WHAT.match(lexer.octets, lexer.pos, lexer.end)
    if match is None:
        if lexer.name() != "ANNOTATION":
            lexer.refuse("FLAGS")
        lexer.space()
        return messages, "", (), False, modifiers, False, ANNOTATIONS.read(lexer), uid
    lexer.pos = match.end()
    lexer.space()
    labels = match[2][:1] in b"Xx"
    kind = GMAIL_LABEL if labels else FLAG
    if lexer.at(b"("):
        flags = _LABELS.read(lexer) if labels else FLAGS.read(lexer)
    else:
        found = [kind.read(lexer)]
        while lexer.more():
            found.append(kind.read(lexer))
        flags = tuple(found)
    return (
        messages,
        match[1].decode("ascii"),
        flags,
        match[3] is not None,
        modifiers,
        labels,
        (),
        uid,
    )


def _write_store(writer: Writer, command: Store) -> None:
    writer.put(b" ")
    SET.write(writer, command.messages)
    if command.modifiers:
        writer.put(b" ")
        _STORE_MODIFIERS.write(writer, command.modifiers)
    if command.annotations:
        if command.flags or command.action or command.silent or command.labels:
            raise ValueError("STORE changes flags or annotations, not both")
        writer.put(b" ANNOTATION ")
        ANNOTATIONS.write(writer, command.annotations)
        return
    if command.action not in ("", "+", "-"):
        raise ValueError("the action of STORE is +, - or nothing")
    writer.put(
        b" %b%b%b "
        % (
            command.action.encode("ascii"),
            b"X-GM-LABELS" if command.labels else b"FLAGS",
            b".SILENT" if command.silent else b"",
        )
    )
    (_LABELS if command.labels else FLAGS).write(writer, command.flags)


def _read_expunge(lexer: Lexer, uid: bool) -> tuple[Any, ...]:
    if not uid:
        return (None,)
    lexer.space()
    return (SET.read(lexer),)


def _write_expunge(writer: Writer, command: Expunge) -> None:
    if command.uids is not None:
        writer.put(b" ")
        SET.write(writer, command.uids)


# --- The table ------------------------------------------------------------------------------------


def _write_quoted(writer: Writer, value: str) -> None:
    writer.quoted(octets_of(value))


_QUOTED: Final = Kind(STRING.read, _write_quoted)
_LIMITS: Final = listed(pair(NAME, NUMBER))

VERBS: Final[dict[str, Row]] = {
    **{
        make.verb: _plain(make)
        for make in (
            Capability,
            Noop,
            Logout,
            StartTls,
            Namespace,
            Idle,
            Unauthenticate,
            GetJmapAccess,
            Check,
            Close,
            Unselect,
        )
    },
    "ID": _row(Id, PARAMETERS),
    "LANGUAGE": _rest(Language, TEXT),
    "AUTHENTICATE": Row(Authenticate, _read_authenticate, _write_authenticate),
    "LOGIN": _row(Login, TEXT, TEXT),
    "ENABLE": _rest(Enable, ATOM, least=1),
    "SELECT": _row(Select, MAILBOX, then=_SELECT),
    "EXAMINE": _row(Examine, MAILBOX, then=_SELECT),
    "CREATE": _row(Create, MAILBOX, then=_CREATE),
    "DELETE": _row(Delete, MAILBOX),
    "RENAME": _row(Rename, MAILBOX, MAILBOX, then=options({})),
    "SUBSCRIBE": _row(Subscribe, MAILBOX),
    "UNSUBSCRIBE": _row(Unsubscribe, MAILBOX),
    "LIST": Row(List, _read_list, _write_list),
    "LSUB": _row(Lsub, MAILBOX, PATTERN),
    "XLIST": _row(Xlist, MAILBOX, PATTERN),
    "RLIST": _row(Rlist, MAILBOX, PATTERN),
    "RLSUB": _row(Rlsub, MAILBOX, PATTERN),
    "STATUS": _row(Status, MAILBOX, _NAMES),
    "APPEND": Row(Append, _read_append, _write_append),
    "GETQUOTA": _row(GetQuota, TEXT),
    "GETQUOTAROOT": _row(GetQuotaRoot, MAILBOX),
    "SETQUOTA": _row(SetQuota, TEXT, _LIMITS),
    "GETACL": _row(GetAcl, MAILBOX),
    "SETACL": _row(SetAcl, MAILBOX, TEXT, TEXT),
    "DELETEACL": _row(DeleteAcl, MAILBOX, TEXT),
    "LISTRIGHTS": _row(ListRights, MAILBOX, TEXT),
    "MYRIGHTS": _row(MyRights, MAILBOX),
    "GETMETADATA": Row(GetMetadata, _read_getmetadata, _write_getmetadata),
    "SETMETADATA": _row(SetMetadata, MAILBOX, _ENTRY_VALUES),
    "NOTIFY": Row(Notify, _read_notify, _write_notify),
    "COMPRESS": _row(Compress, NAME),
    "COMPARATOR": _rest(Comparator, TEXT),
    "GENURLAUTH": Row(GenUrlAuth, _read_genurlauth, _write_genurlauth),
    "RESETKEY": Row(ResetKey, _read_resetkey, _write_resetkey),
    "URLFETCH": _rest(UrlFetch, TEXT, least=1),
    "ESEARCH": Row(ESearch, _read_esearch, _write_esearch),
    "EXPUNGE": Row(Expunge, _read_expunge, _write_expunge, True),
    "SEARCH": Row(Search, _read_search, _write_search_program, True),
    "SORT": Row(Sort, _read_sort, _write_sort, True),
    "THREAD": Row(Thread, _read_thread, _write_thread, True),
    "FETCH": Row(Fetch, _read_fetch, _write_fetch, True),
    "STORE": Row(Store, _read_store, _write_store, True),
    "COPY": _row(Copy, SET, MAILBOX, uid=True),
    "MOVE": _row(Move, SET, MAILBOX, uid=True),
    "REPLACE": Row(Replace, _read_replace, _write_replace, True),
    "CANCELUPDATE": _rest(CancelUpdate, _QUOTED, least=1),
}
"""How every verb is read and written; DONE and the answers to a challenge have no verb."""

_BY_OCTETS: Final = {verb.encode("ascii"): row for verb, row in VERBS.items()}

_HEAD: Final = re.compile(
    rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]++) (?:([Uu][Ii][Dd]) )?([A-Za-z0-9.\-]++)"
)
_TAG: Final = re.compile(rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,100}+) ")


def read_command(frame: Frame, utf8: bool, limits: Limits) -> Command:
    """The command in a frame. Raises `SyntaxRefused`."""
    head = _HEAD.match(frame.octets)
    if head is None:
        if frame.octets.rstrip(b" \r\n").upper() == b"DONE":
            return Done()
        tag = _TAG.match(frame.octets)
        if tag is None:
            raise SyntaxRefused("A command starts with a tag")
        raise SyntaxRefused("A tag is followed by a command", tag[1].decode("ascii"))
    mark, prefix, word = head.groups()
    tag_text = mark.decode("ascii")
    row = _BY_OCTETS.get(word)
    if row is None:
        row = VERBS.get(word.decode("ascii").upper())
    lexer = Lexer(frame, head.end(), lenient=False, utf8=utf8, limits=limits)
    if row is None or (prefix is not None and not row.uid):
        verb = word.decode("ascii").upper()
        name = verb if prefix is None else f"UID {verb}"
        if prefix is not None:
            raise SyntaxRefused(f"There is no {name}", tag_text)
        lexer.take(b" ")
        return UnknownCommand(verb, lexer.rest(), tag=tag_text)
    try:
        values = row.read(lexer, prefix is not None)
        if lexer.pos != lexer.end:
            lexer.finish()
    except Refused as refused:
        verb = word.decode("ascii").upper()
        raise SyntaxRefused(f"{verb}: {refused}", tag_text) from None
    command: Command
    if lexer.defects:
        command = row.make(*values, tag=tag_text, defects=tuple(lexer.defects))
    else:
        command = row.make(*values, tag=tag_text)
    return command


_VERB: Final = re.compile(r"[A-Z0-9.\-]+")


def write_command(writer: Writer, command: Command, tag: str) -> None:
    """A command, without its line end. Raises ValueError and TypeError."""
    if isinstance(command, Done):
        writer.put(b"DONE")
        return
    if isinstance(command, AuthResponse):
        writer.put(b64encode(command.data))
        return
    if isinstance(command, AuthCancel):
        writer.put(b"*")
        return
    row = VERBS.get(command.verb)
    unknown = isinstance(command, UnknownCommand)
    if not unknown and (row is None or row.make is not type(command)):
        raise TypeError(f"not an IMAP command: {type(command).__name__}")
    writer.tag(tag)
    if isinstance(command, UnknownCommand) or row is None:
        _write_unknown(writer, cast(UnknownCommand, command))
        return
    uid = command.uids is not None if isinstance(command, Expunge) else getattr(command, "uid", 0)
    writer.put(b" UID " if uid else b" ")
    writer.put(command.verb.encode("ascii"))
    row.write(writer, command)


def _write_unknown(writer: Writer, command: UnknownCommand) -> None:
    if command.verb in VERBS or command.verb == "UID" or _VERB.fullmatch(command.verb) is None:
        raise ValueError("a private verb is letters, digits, dots and hyphens, and private")
    arguments = command.arguments
    if any(octet in arguments for octet in b"\r\n\0") or arguments.endswith(b"}"):
        raise ValueError("the arguments of a private verb are one line, without literals")
    writer.put(b" " + command.verb.encode("ascii"))
    if arguments:
        writer.put(b" " + arguments)

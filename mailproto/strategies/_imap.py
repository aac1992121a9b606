"""IMAP: commands and responses, what they are made of, and octets that are nearly IMAP.

What lives here: a table with a row for each class of `mailproto.imap.Command` and `Response`, and
tables for the response codes, search keys and message data items. What does not: which of them
there are. The grammar's own tables say that, so a row that is added there is missed here at once.

Invariants

* Every command and response can be written in every dialect, and is read back as itself. Names that
  are compared without case are in upper case, system flags are spelled as in the RFC, the name of a
  mailbox is `str` if it has one spelling, `bytes` if it has none.
* Text is whatever a string can hold: empty, quotes and backslashes, line ends, what is not ASCII,
  octets that are not UTF-8 (as surrogates). NUL is in octets of binary literals only.
* What is nearly IMAP is octets, and need not be readable as anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .. import imap
from ..imap._codes import CODES
from ..imap._fetch import FETCH_VALUES
from ..imap._search import SEARCH_KEYS
from ..imap._syntax import flag_text
from ._shared import BEYOND, MECHANISMS, OCTETS, PRINTABLE, bodies, mutated, once

__all__ = [
    "imap_bodystructures",
    "imap_client_streams",
    "imap_commands",
    "imap_dialects",
    "imap_envelopes",
    "imap_fetch_attributes",
    "imap_fetch_items",
    "imap_flags",
    "imap_mailbox_names",
    "imap_near_commands",
    "imap_near_responses",
    "imap_response_codes",
    "imap_responses",
    "imap_search_keys",
    "imap_sequence_sets",
    "imap_server_streams",
    "imap_tags",
]

_Kinds = tuple[type[object], ...]

P = ParamSpec("P")
T = TypeVar("T")


def _named(make: Callable[P, SearchStrategy[T]]) -> Callable[P, SearchStrategy[T]]:
    """As `once`, and with a repr that can be read: theirs would be some 100,000 characters."""

    @once
    @wraps(make)
    def named(*args: P.args, **kwargs: P.kwargs) -> SearchStrategy[T]:
        strategy = make(*args, **kwargs)

        def drawn(draw: st.DrawFn) -> T:
            return draw(strategy)

        drawn.__name__ = drawn.__qualname__ = make.__name__
        return st.composite(drawn)()

    return named


# --- Numbers and words ----------------------------------------------------------------------------

_MOST: Final = 2**32 - 1
_NUMBER = st.sampled_from([0, 1, 2**63 - 1]) | st.integers(0, 999)
_NZ = st.sampled_from([1, 2, _MOST]) | st.integers(1, 99)
_COUNT = st.sampled_from([0, _MOST]) | st.integers(0, 99)
_MODSEQ = st.sampled_from([1, 2**63 - 1]) | st.integers(1, 999)

# RFC 9051 section 9: what an atom is made of.
_ATOM_CHARS: Final = "abcXYZ0129!#$&'+,-./:;<=>?@[^_`|}~"
_ATOMS = st.sampled_from(["x", "NIL", "5", "$x", "}"]) | st.text(
    _ATOM_CHARS, min_size=1, max_size=8
)
_NAMES = _ATOMS.map(str.upper)
_LABEL_FIRST: Final = "ABCXYZ_.-"
_LABELS = st.builds(
    "{}{}".format, st.sampled_from(_LABEL_FIRST), st.text(_LABEL_FIRST + "012:", max_size=6)
)

_ODD_TEXTS: Final = (
    "",
    "NIL",
    "nil",
    '"',
    "\\",
    '\\"',
    'say "a\\b"',
    "two words",
    " x ",
    "(a)",
    ")",
    "{5}",
    "a {5}",
    "{5+}\r\n",
    "~{1}",
    "*",
    "%",
    "a]",
    "[x]",
    "\r\n",
    "a\r\nA1 LOGOUT\r\n",
    "\n",
    "\r",
    "\t",
    "\x7f",
    "ü",
    "日本語",
    "x" * 1_001,
)


def _as_read(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


_TEXT: Final = st.one_of(
    st.sampled_from(["ann", "hello", "/private/comment"]),
    st.sampled_from(_ODD_TEXTS),
    st.text(PRINTABLE | BEYOND, max_size=12),
    st.binary(max_size=8).map(lambda octets: _as_read(octets.replace(b"\0", b"0"))),
)
_NTEXT = st.none() | _TEXT
_LINE = st.one_of(
    st.sampled_from(
        ["Done", "", " ", "two  words ", "{5}", "a {5}", "[x", "]", "ü", '"', "=", "("]
    ),
    _TEXT.map(lambda text: text.replace("\r", " ").replace("\n", " ")),
)
"""Text of one line."""
_QUOTED = st.sampled_from(["A1", "", '"', "\\", "two words", "NIL", "{5}"]) | st.text(
    PRINTABLE, max_size=8
)
"""What a quoted string can hold in any dialect."""
_STRING_OCTETS = st.one_of(
    st.sampled_from([b"", b"x", b"From: a@b\r\n\r\n", b"NIL", b'"', b"\xff", b"{5}\r\n", b")\r\n"]),
    OCTETS.map(lambda octets: octets.replace(b"\0", b"0")),
    bodies(max_size=3).map(lambda body: body.replace(b"\0", b"0")),
)
_BINARY = _STRING_OCTETS | OCTETS | st.just(b"\0\r\n\0")
_NOCTETS = st.none() | _STRING_OCTETS
_NBINARY = st.none() | _BINARY

_DAYS = st.sampled_from([date(2026, 2, 1), date(1, 1, 1), date(9999, 12, 31)]) | st.dates()
_ZONES = st.sampled_from([UTC, *(timezone(timedelta(minutes=m)) for m in (-480, 330, 1439, -1439))])


def _in_zone(when: datetime, zone: timezone) -> datetime:
    return when.replace(microsecond=0, tzinfo=zone)


_TIMES = st.builds(
    _in_zone,
    st.sampled_from([datetime(2026, 11, 23, 9, 30, 0)]) | st.datetimes(),  # noqa: DTZ001
    _ZONES,
)


def _tuples(
    values: SearchStrategy[Any], *, least: int = 0, most: int = 3
) -> SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, min_size=least, max_size=most).map(tuple)


@_named
def imap_tags() -> SearchStrategy[str]:
    """Tags of commands (RFC 9051 section 9): no `+`, and nothing that no astring has."""
    odd = st.text(_ATOM_CHARS.replace("+", "]"), min_size=1, max_size=6)
    return st.sampled_from(["A1", "a", "OK", "NO", "BAD", "1"]) | odd


@_named
def imap_dialects() -> SearchStrategy[imap.Dialect]:
    """How two peers may have agreed to write: UTF-8 or not, and which literals need no `+`."""
    literals: Any = st.sampled_from(["", "+", "-"])
    return st.builds(imap.Dialect, utf8=st.booleans(), literals=literals)


# Values of any form: tagged-ext-val and body-extension (RFC 9051 section 9).
_LEAVES = st.none() | _NUMBER | _TEXT | st.sampled_from(["5", "05", "18446744073709551616"])
_EXTENSIONS: Final[SearchStrategy[Any]] = st.recursive(_LEAVES, _tuples, max_leaves=5)


# A set that is a single number would be read as that number.
_EXTENSION_SETS: Final = (imap.SequenceSet("1:*"), imap.SequenceSet("2,4:5"))


def _options(
    known: Mapping[str, SearchStrategy[Any]],
    *,
    names: SearchStrategy[str] = _LABELS,
    valued: bool = False,
) -> SearchStrategy[tuple[tuple[str, Any], ...]]:
    """Options: those that are known with their values, unknown ones with any, or with none."""
    own = [st.tuples(st.just(name), value) for name, value in known.items()]
    values: SearchStrategy[Any] = _NUMBER | _tuples(_EXTENSIONS) | st.sampled_from(_EXTENSION_SETS)
    if not valued:
        values = st.none() | values
    other = st.tuples(names.filter(lambda name: name not in known), values)
    return _tuples(st.one_of(*own, other))


_GMAIL_LABELS = st.sampled_from(
    ["\\Inbox", "\\Important", "Own", "two words", "été", "NIL", "inbox", "&AOk-"]
)


# --- Sets, names, flags ---------------------------------------------------------------------------


@_named
def imap_sequence_sets(*, uids: bool = False) -> SearchStrategy[imap.SequenceSet]:
    """Sets of messages, in any order and with numbers that come twice; `*` and `$` among them.

    With `uids`, those that a server may tell: without `*` and `$`.
    """
    ranges = st.tuples(_NZ, _NZ)
    if uids:
        return st.lists(_NZ | ranges, min_size=1, max_size=4).map(_set_of)
    ends = _NZ | st.just(imap.STAR)
    some = st.lists(ends | st.tuples(ends, ends), min_size=1, max_size=4)
    return st.sampled_from([imap.SAVED, imap.SequenceSet("1:*")]) | some.map(_set_of)


def _set_of(items: list[Any]) -> imap.SequenceSet:
    return imap.SequenceSet.of(*items)


_SETS = imap_sequence_sets()
_UIDS = imap_sequence_sets(uids=True)

_UNDECODABLE: Final = (b"\xff", b"a\xe4b", b"\xc3", b"&\xff-", b"INBOX\xff", b'\x80"\\', b"\xf0(")
_REV1_OCTETS: Final = (b"&", b"&&", b"&AGE-", b"&2AA-", b"&AOk", b"a&b", b"\xc3\xa9", b"&AAo-")
_NAMES_OF_MAILBOXES: Final = (
    "INBOX",
    "Sent",
    "",
    "NIL",
    "nil",
    "INBOX/a",
    "a&b",
    "&AOk-",
    "&-",
    "été",
    "日本/語",
    "\U0001f4e7",
    "two words",
    'a"b\\c',
    "{5}",
    "*",
    "%",
    "(a)",
    "a]b",
    "\x7f",
    "\t",
    "x" * 1_001,
)


@_named
def imap_mailbox_names(*, rev1: bool = False) -> SearchStrategy[imap.MailboxName]:
    """Names of mailboxes: `str`, and the octets of those that no text stands behind.

    With `rev1`, octets too that are no modified UTF-7, but a name for peers that write UTF-8.
    """
    text = st.text(PRINTABLE | BEYOND | st.sampled_from("&/.*%"), max_size=10)
    octets = [*_UNDECODABLE, *(_REV1_OCTETS if rev1 else ())]
    names = st.sampled_from(_NAMES_OF_MAILBOXES) | text.filter(lambda one: one.upper() != "INBOX")
    return names | st.sampled_from(octets)


_MAILBOX = imap_mailbox_names()
_PATTERN = st.sampled_from(["*", "%", "Archive/%", "a*b", "&AOk-*"]) | _MAILBOX


def _spelled_right(flag: str) -> bool:
    return flag_text(flag.encode()) == flag


@_named
def imap_flags() -> SearchStrategy[str]:
    """Flags: those of the RFCs, other keywords, other system flags."""
    known = st.sampled_from([str(flag) for flag in imap.Flag])
    unknown = st.builds("{}{}".format, st.sampled_from(["", "\\", "$"]), _ATOMS)
    return known | unknown.filter(_spelled_right).filter(lambda flag: flag.upper() != "NIL")


_FLAGS = _tuples(imap_flags())
_ATTRIBUTES = _tuples(st.sampled_from([str(one) for one in imap.MailboxAttribute]) | imap_flags())


# --- Search keys ----------------------------------------------------------------------------------

_ARGUMENTS: Final[dict[str, tuple[SearchStrategy[Any], ...]]] = {
    **dict.fromkeys(
        (
            *("ALL", "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "NEW", "OLD", "RECENT", "SEEN"),
            *("UNANSWERED", "UNDELETED", "UNDRAFT", "UNFLAGGED", "UNSEEN", "SAVEDATESUPPORTED"),
        ),
        (),
    ),
    **dict.fromkeys(("BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO", "X-GM-RAW"), (_TEXT,)),
    "X-GM-LABELS": (_GMAIL_LABELS,),
    **dict.fromkeys(
        (
            *("BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE"),
            *("SAVEDBEFORE", "SAVEDON", "SAVEDSINCE"),
        ),
        (_DAYS,),
    ),
    **dict.fromkeys(("LARGER", "SMALLER", "X-GM-MSGID", "X-GM-THRID"), (_NUMBER,)),
    **dict.fromkeys(("OLDER", "YOUNGER"), (_NZ,)),
    **dict.fromkeys(("KEYWORD", "UNKEYWORD", "EMAILID", "THREADID", "FILTER"), (_ATOMS,)),
    "HEADER": (_TEXT, _TEXT),
    "UID": (_SETS,),
    "MODSEQ": (_NUMBER,),
    "ANNOTATION": (_TEXT, _ATOMS, _NOCTETS),
}


_WITH_ENTRY = st.builds(imap.Key, st.just("MODSEQ"), _QUOTED, _ATOMS, _NUMBER)


@_named
def imap_search_keys(*names: str, max_leaves: int = 4) -> SearchStrategy[imap.SearchKey]:
    """Search keys of the given names, without any of all: AND, OR, NOT and FUZZY of them, and sets.

    At most `max_leaves` keys in one.
    """
    leaves: list[SearchStrategy[Any]] = [
        st.builds(imap.Key, st.just(name), *_ARGUMENTS[name]) for name in names or SEARCH_KEYS
    ]
    if not names or "MODSEQ" in names:
        leaves.append(_WITH_ENTRY)

    def branches(inner: SearchStrategy[Any]) -> SearchStrategy[Any]:
        return st.one_of(
            st.builds(imap.Not, inner),
            st.builds(imap.Fuzzy, inner),
            st.builds(imap.Or, inner, inner),
            st.builds(imap.And, _tuples(inner, least=1)),
        )

    return st.recursive(st.one_of(*leaves, _SETS), branches, max_leaves=max_leaves)


_KEYS = _tuples(imap_search_keys(max_leaves=3), least=1, most=2)
_CHARSETS = st.sampled_from(["UTF-8", "US-ASCII", "x-own", "NIL", '"', "two words"])


# --- What FETCH asks for --------------------------------------------------------------------------


def _sections() -> SearchStrategy[imap.Section]:
    path = _tuples(st.sampled_from([1, 2, _MOST]), most=2)
    fields = _tuples(st.sampled_from(["From", "X-Own", 'od"d']) | _TEXT, least=1)
    text = st.sampled_from(["", "HEADER", "TEXT"])
    listed = st.sampled_from(["HEADER.FIELDS", "HEADER.FIELDS.NOT"])
    return st.one_of(
        st.builds(imap.Section, path, text),
        st.builds(imap.Section, path, listed, fields),
        st.builds(
            imap.Section, _tuples(st.sampled_from([1, 2, _MOST]), least=1, most=2), st.just("MIME")
        ),
    )


_SECTIONS = _sections()
_PARTS = st.builds(imap.Section, _tuples(st.sampled_from([1, 2, _MOST]), most=2))
_SIMPLE = st.text("ABCXYZ019.-", min_size=1, max_size=8).filter(
    lambda name: not name.startswith("ANNOTATION") and name not in ("ALL", "FAST", "FULL")
)
_ITEM_NAMES: Final = tuple(name for name in FETCH_VALUES if name != "ANNOTATION")


@_named
def imap_fetch_attributes() -> SearchStrategy[imap.FetchAttribute]:
    """What FETCH can ask for, macros apart, since those stand alone."""
    ranges = st.sampled_from([(None, None), (0, None), (0, 1), (2**63 - 1, 2**63 - 1)])

    def part(make: Any, sections: SearchStrategy[imap.Section]) -> SearchStrategy[Any]:
        def one(section: imap.Section, range_: tuple[Any, Any], peek: bool) -> Any:
            return make(section, *range_, peek)

        return st.builds(
            one,
            sections,
            ranges,
            st.booleans(),
        )

    return st.one_of(
        st.sampled_from([*_ITEM_NAMES, "PREVIEW (LAZY)"]),
        _SIMPLE,
        part(imap.Body, _SECTIONS),
        part(imap.Binary, _PARTS),
        st.builds(imap.BinarySize, _PARTS),
        st.builds(imap.Annotation, _tuples(_TEXT, least=1), _tuples(_TEXT, least=1)),
    )


_FETCHED = _tuples(imap_fetch_attributes(), least=1)
_PARTIALS = st.tuples(_NZ, _NZ).flatmap(lambda ends: st.sampled_from([ends, (-ends[0], -ends[1])]))
_ANNOTATIONS: Final = _tuples(
    st.tuples(_TEXT, _tuples(st.tuples(_TEXT, _NBINARY), most=2)), least=1, most=2
)


# --- ENVELOPE and BODYSTRUCTURE -------------------------------------------------------------------


@_named
def imap_envelopes() -> SearchStrategy[imap.Envelope]:
    """ENVELOPE: text of any kind, groups, and NIL in every place."""
    usual = st.sampled_from(
        [
            imap.Address("Ada", None, "ada", "example.org"),
            imap.Address(None, None, "A group", None),
            imap.Address(None, None, None, None),
        ]
    )
    address = usual | st.builds(imap.Address, _NTEXT, _NTEXT, _NTEXT, _NTEXT)
    lists = _tuples(address, most=2)
    return st.builds(imap.Envelope, _NTEXT, _NTEXT, *[lists] * 6, _NTEXT, _NTEXT)


def _lower(texts: SearchStrategy[str]) -> SearchStrategy[str]:
    return texts.map(str.lower).filter(_stays_lower)


def _stays_lower(text: str) -> bool:
    return text == text.lower()


_LOW_TEXT = _lower(_TEXT)
_TYPES = st.sampled_from(["application", "image", "x-own", 'o"dd', "ü"]) | _LOW_TEXT.filter(bool)
_SUBTYPES = st.sampled_from(["plain", "octet-stream", "nil"]) | _LOW_TEXT.filter(bool)
_PARAMS = _tuples(st.tuples(st.sampled_from(["charset", "name*"]) | _LOW_TEXT, _TEXT), most=2)
_BASIC: Final = {
    "params": _PARAMS,
    "id": _NTEXT,
    "description": _NTEXT,
    "encoding": st.sampled_from(["7bit", "base64", ""]) | _LOW_TEXT,
    "octets": _NUMBER,
}
_WITHOUT: Final[dict[str, SearchStrategy[Any]]] = {
    "md5": st.none(),
    "disposition": st.none(),
    "language": st.just(()),
    "location": st.none(),
}
_KINDS_OF_DISPOSITION = st.sampled_from(["attachment", "inline"]) | _LOW_TEXT.filter(
    lambda text: '"' not in text
)
_WITH: Final[dict[str, SearchStrategy[Any]]] = {
    "md5": _NTEXT,
    "disposition": st.none() | st.tuples(_KINDS_OF_DISPOSITION, _PARAMS),
    "language": _tuples(_TEXT),
    "location": _NTEXT,
    "extension": _tuples(_EXTENSIONS, most=2),
}
_LEAF_TYPES = _TYPES.filter(lambda name: name not in ("text", "message", "multipart"))


@_named
def imap_bodystructures(
    *, extended: bool = True, max_leaves: int = 4
) -> SearchStrategy[imap.BodyStructure]:
    """BODYSTRUCTURE: parts of every kind inside multiparts and messages.

    Without `extended`, what BODY can tell: no disposition, no parameters of a multipart.
    """
    more = _WITH if extended else _WITHOUT
    text = st.builds(
        imap.BodyStructure, st.just("text"), _SUBTYPES, **_BASIC, lines=_NUMBER, **more
    )
    other = st.builds(imap.BodyStructure, _LEAF_TYPES, _SUBTYPES, **_BASIC, lines=st.none(), **more)
    partial = st.builds(
        imap.BodyStructure,
        st.just("message"),
        st.sampled_from(["partial", "delivery-status"]),
        **_BASIC,
        lines=st.none(),
        **more,
    )

    def around(inner: SearchStrategy[Any]) -> SearchStrategy[Any]:
        outer = {**more, "md5": st.none()}
        multipart = st.builds(
            imap.BodyStructure,
            st.just("multipart"),
            _SUBTYPES,
            params=_PARAMS if extended else st.just(()),
            id=st.none(),
            description=st.none(),
            encoding=st.just("7bit"),
            octets=st.just(0),
            lines=st.none(),
            parts=_tuples(inner, least=1),
            **outer,
        )
        message = st.builds(
            imap.BodyStructure,
            st.just("message"),
            st.sampled_from(["rfc822", "global"]),
            **_BASIC,
            lines=_NUMBER,
            envelope=imap_envelopes(),
            body=inner,
            **more,
        )
        return multipart | message

    return st.recursive(text | other | partial, around, max_leaves=max_leaves)


# --- Response codes -------------------------------------------------------------------------------

_WORD = st.text('abXY01/:{}()"\\-ü', min_size=1, max_size=8)
_WORDS = _tuples(_WORD, least=1)
_CODE_TEXT = st.sampled_from(["x", "two words", "{5}", "(", 'a"b', "ü ", "imap://x/"]) | _LINE.map(
    lambda text: text.replace("]", "").replace("[", "").lstrip(" ")
).filter(bool)
_CODE_VALUES: Final[dict[str, SearchStrategy[Any]]] = {
    "APPENDUID": st.tuples(_NZ, _UIDS),
    "BADCHARSET": st.none() | _tuples(st.sampled_from(["UTF-8", "NIL"]) | _QUOTED, least=1),
    "BADEVENT": _tuples(_NAMES, least=1),
    "BADURL": _CODE_TEXT,
    "CAPABILITY": _tuples(
        st.sampled_from(["IMAP4rev2", "AUTH=PLAIN", "LITERAL+"])
        | _ATOMS.filter(lambda word: word not in "+-"),
        least=1,
    ),
    "COPYUID": st.tuples(_NZ, _UIDS, _UIDS),
    "HIGHESTMODSEQ": _NUMBER,
    "INPROGRESS": st.none()
    | st.tuples(st.none() | _QUOTED, st.none() | _NUMBER, st.none() | _NUMBER),
    "MAILBOXID": _ATOMS,
    "MESSAGELIMIT": st.tuples(_NUMBER) | st.tuples(_NUMBER, _NUMBER),
    "MODIFIED": _SETS,
    "NOUPDATE": _QUOTED,
    "PERMANENTFLAGS": _FLAGS,
    **dict.fromkeys(("UIDNEXT", "UIDVALIDITY", "UNSEEN"), _NZ),
    "UNDEFINED-FILTER": _ATOMS,
    **dict.fromkeys(("METADATA", "NEWNAME", "ANNOTATE", "ANNOTATIONS", "REFERRAL"), _WORDS),
}
_CODE_NAMES = _NAMES.map(lambda name: name.replace("[", "")).filter(
    lambda name: bool(name) and name not in CODES
)


@_named
def imap_response_codes(*names: str) -> SearchStrategy[imap.ResponseCode]:
    """Response codes of the given names; without any, of all in the RFCs, and others.

    Those have the argument that belongs to them, others one or none.
    """
    known: list[SearchStrategy[Any]] = []
    for name in names or CODES:
        values = st.none() if CODES[name].kind is None else _CODE_VALUES[name]
        known.append(st.builds(imap.ResponseCode, st.just(name), values))
    if not names:
        known.append(st.builds(imap.ResponseCode, _CODE_NAMES, st.none() | _CODE_TEXT))
    return st.one_of(known)


# --- Commands -------------------------------------------------------------------------------------

_STREAMED = st.builds(imap.Streamed, st.sampled_from([0, 1, 5, 100]))
_PIECES = st.one_of(_STRING_OCTETS, _STREAMED, st.builds(imap.CatenateUrl, _TEXT))


def _append_messages() -> SearchStrategy[imap.AppendMessage]:
    common = (st.none() | _FLAGS, st.none() | _TIMES, st.just(()) | _ANNOTATIONS)
    return st.one_of(
        st.builds(imap.AppendMessage, _STRING_OCTETS | _STREAMED, *common),
        st.builds(imap.AppendMessage, _tuples(_PIECES, least=1), *common),
        st.builds(
            imap.AppendMessage,
            _BINARY | _STREAMED,
            *common,
            binary=st.just(True),
            utf8=st.booleans(),
        ),
    )


_MESSAGES = _append_messages()

_QRESYNC = st.tuples(_NZ, _NUMBER, st.none() | _SETS, st.none() | st.tuples(_SETS, _SETS))
_SELECT = _options({"CONDSTORE": st.none(), "QRESYNC": _QRESYNC, "ANNOTATE": st.none()})
_SELECTION = _options({"SUBSCRIBED": st.none(), "REMOTE": st.none(), "RECURSIVEMATCH": st.none()})
_LIST_RETURNS = _options(
    {
        **dict.fromkeys(("SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "MYRIGHTS"), st.none()),
        "STATUS": _tuples(_NAMES, least=1),
        "METADATA": _tuples(_TEXT, least=1),
    }
)
_PLAIN_RETURNS: Final = ("MIN", "MAX", "ALL", "COUNT", "SAVE", "CONTEXT", "RELEVANCY")
_RETURNS = st.none() | _options(
    {
        **dict.fromkeys(_PLAIN_RETURNS, st.none()),
        "PARTIAL": _PARTIALS,
        "UPDATE": st.none() | _FETCHED,
    }
)
_FILTERS = st.builds(
    imap.MailboxFilter,
    st.sampled_from(["SELECTED", "SELECTED-DELAYED", "INBOXES", "PERSONAL", "SUBSCRIBED", "X-OWN"]),
) | st.builds(
    imap.MailboxFilter,
    st.sampled_from(["SUBTREE", "SUBTREE-ONE", "MAILBOXES"]),
    _tuples(_MAILBOX, least=1),
)
_EVENTS = _tuples(st.sampled_from(["FLAGCHANGE", "MAILBOXNAME", "X-OWN", "MESSAGEEXPUNGE"]))
_GROUPS = st.builds(imap.EventGroup, _FILTERS, _EVENTS) | st.builds(
    imap.EventGroup,
    _FILTERS,
    _EVENTS.map(lambda events: (*events, "MESSAGENEW")),
    st.just(()) | _FETCHED,
)
_SORT_KEYS = st.builds(
    imap.SortKey,
    st.sampled_from(["ARRIVAL", "DATE", "SUBJECT", "DISPLAYFROM"])
    | _NAMES.filter(lambda name: name not in ("REVERSE", "ANNOTATION")),
    st.booleans(),
) | st.builds(imap.SortKey, st.just("ANNOTATION"), st.booleans(), _TEXT, _ATOMS)
_MODIFIERS = _options({"CHANGEDSINCE": _NUMBER, "VANISHED": st.none(), "PARTIAL": _PARTIALS})
_MACROS: Final = ("ALL", "FAST", "FULL")
_VERBS = st.text("ABXYZ019.-", min_size=1, max_size=8).map("X{}".format)
_ARGUMENT_OCTETS = st.sampled_from([b"", b"a b", b"(x", b'"', b"{5} ", b"\xff"]) | OCTETS.map(
    lambda octets: octets.translate(None, b"\r\n\0}")
)
_FLAG_STORES: Final = {"action": st.sampled_from(["", "+", "-"]), "silent": st.booleans()}
_STORE_MODIFIERS = _options({"UNCHANGEDSINCE": _NUMBER})
_LABELS_OF_GMAIL = imap_flags() | _GMAIL_LABELS
_UID = st.booleans()

_NO_ARGUMENTS: Final = (
    imap.Capability,
    imap.Noop,
    imap.Logout,
    imap.StartTls,
    imap.Namespace,
    imap.Idle,
    imap.Done,
    imap.Unauthenticate,
    imap.GetJmapAccess,
    imap.Check,
    imap.Close,
    imap.Unselect,
)
_IMAP_COMMANDS: Final[Mapping[type[object], SearchStrategy[Any]]] = {
    **{kind: st.builds(kind) for kind in _NO_ARGUMENTS},
    imap.Id: st.builds(imap.Id, st.none() | _tuples(st.tuples(_TEXT, _NTEXT))),
    imap.Language: st.builds(imap.Language, _tuples(_TEXT)),
    imap.Authenticate: st.builds(imap.Authenticate, MECHANISMS, st.none() | st.just(b"") | OCTETS),
    imap.AuthResponse: st.builds(imap.AuthResponse, st.just(b"") | OCTETS),
    imap.AuthCancel: st.just(imap.AuthCancel()),
    imap.Login: st.builds(imap.Login, _TEXT, _TEXT),
    imap.Enable: st.builds(imap.Enable, _tuples(_ATOMS, least=1)),
    imap.Select: st.builds(imap.Select, _MAILBOX, _SELECT),
    imap.Examine: st.builds(imap.Examine, _MAILBOX, _SELECT),
    imap.Create: st.builds(imap.Create, _MAILBOX, _options({"USE": _ATTRIBUTES})),
    imap.Delete: st.builds(imap.Delete, _MAILBOX),
    imap.Rename: st.builds(imap.Rename, _MAILBOX, _MAILBOX, _options({})),
    imap.Subscribe: st.builds(imap.Subscribe, _MAILBOX),
    imap.Unsubscribe: st.builds(imap.Unsubscribe, _MAILBOX),
    imap.List: st.builds(
        imap.List,
        _MAILBOX,
        _tuples(_PATTERN, least=1),
        st.none() | _SELECTION,
        st.none() | _LIST_RETURNS,
    ),
    imap.Lsub: st.builds(imap.Lsub, _MAILBOX, _PATTERN),
    imap.Xlist: st.builds(imap.Xlist, _MAILBOX, _PATTERN),
    imap.Rlist: st.builds(imap.Rlist, _MAILBOX, _PATTERN),
    imap.Rlsub: st.builds(imap.Rlsub, _MAILBOX, _PATTERN),
    imap.Status: st.builds(imap.Status, _MAILBOX, _tuples(_NAMES, least=1)),
    imap.Append: st.builds(imap.Append, _MAILBOX, _tuples(_MESSAGES, least=1, most=2)),
    imap.GetQuota: st.builds(imap.GetQuota, _TEXT),
    imap.GetQuotaRoot: st.builds(imap.GetQuotaRoot, _MAILBOX),
    imap.SetQuota: st.builds(imap.SetQuota, _TEXT, _tuples(st.tuples(_NAMES, _NUMBER))),
    imap.GetAcl: st.builds(imap.GetAcl, _MAILBOX),
    imap.SetAcl: st.builds(imap.SetAcl, _MAILBOX, _TEXT, _TEXT),
    imap.DeleteAcl: st.builds(imap.DeleteAcl, _MAILBOX, _TEXT),
    imap.ListRights: st.builds(imap.ListRights, _MAILBOX, _TEXT),
    imap.MyRights: st.builds(imap.MyRights, _MAILBOX),
    imap.GetMetadata: st.builds(
        imap.GetMetadata,
        _MAILBOX,
        _tuples(_TEXT, least=1),
        _options({"MAXSIZE": _NUMBER, "DEPTH": _TEXT}),
    ),
    imap.SetMetadata: st.builds(
        imap.SetMetadata, _MAILBOX, _tuples(st.tuples(_TEXT, _NBINARY), least=1)
    ),
    imap.Notify: st.just(imap.Notify())
    | st.builds(imap.Notify, _tuples(_GROUPS, least=1, most=2), st.booleans()),
    imap.Compress: st.builds(imap.Compress, st.just("DEFLATE") | _NAMES),
    imap.Comparator: st.builds(imap.Comparator, _tuples(_TEXT)),
    imap.GenUrlAuth: st.builds(imap.GenUrlAuth, _tuples(st.tuples(_TEXT, _NAMES), least=1)),
    imap.ResetKey: st.just(imap.ResetKey()) | st.builds(imap.ResetKey, _MAILBOX, _tuples(_NAMES)),
    imap.UrlFetch: st.builds(imap.UrlFetch, _tuples(_TEXT, least=1)),
    imap.ESearch: st.builds(imap.ESearch, _KEYS, st.none() | _CHARSETS, _RETURNS)
    | st.builds(
        imap.ESearch,
        _KEYS,
        st.none() | _CHARSETS,
        _RETURNS,
        _tuples(_FILTERS, least=1),
        _options({}),
    ),
    imap.Expunge: st.builds(imap.Expunge, st.none() | _SETS),
    imap.Search: st.builds(imap.Search, _KEYS, st.none() | _CHARSETS, _RETURNS, _UID),
    imap.Sort: st.builds(imap.Sort, _tuples(_SORT_KEYS, least=1), _CHARSETS, _KEYS, _RETURNS, _UID),
    imap.Thread: st.builds(
        imap.Thread, st.sampled_from(["REFERENCES", "REFS"]) | _NAMES, _CHARSETS, _KEYS, _UID
    ),
    imap.Fetch: st.builds(
        imap.Fetch,
        _SETS,
        _FETCHED | st.sampled_from(_MACROS).map(lambda name: (name,)),
        _MODIFIERS,
        _UID,
    ),
    imap.Store: st.one_of(
        st.builds(
            imap.Store, _SETS, flags=_FLAGS, modifiers=_STORE_MODIFIERS, uid=_UID, **_FLAG_STORES
        ),
        st.builds(
            imap.Store,
            _SETS,
            flags=_tuples(_LABELS_OF_GMAIL),
            modifiers=_STORE_MODIFIERS,
            labels=st.just(True),
            uid=_UID,
            **_FLAG_STORES,
        ),
        st.builds(
            imap.Store,
            _SETS,
            action=st.just(""),
            flags=st.just(()),
            modifiers=_STORE_MODIFIERS,
            annotations=_ANNOTATIONS,
            uid=_UID,
        ),
    ),
    imap.Copy: st.builds(imap.Copy, _SETS, _MAILBOX, _UID),
    imap.Move: st.builds(imap.Move, _SETS, _MAILBOX, _UID),
    imap.Replace: st.builds(imap.Replace, _NZ | st.just(imap.STAR), _MAILBOX, _MESSAGES, _UID),
    imap.CancelUpdate: st.builds(imap.CancelUpdate, _tuples(_QUOTED, least=1)),
    imap.UnknownCommand: st.builds(imap.UnknownCommand, _VERBS, _ARGUMENT_OCTETS),
}
_IMAP_ANSWERS = (imap.AuthResponse, imap.AuthCancel)  # no commands: they stand behind a challenge


@_named
def imap_commands(*kinds: type[object]) -> SearchStrategy[imap.Command]:
    """Commands of the given classes; without any, of all that `imap.parse_command` can read.

    `imap_commands(imap.AuthResponse, imap.AuthCancel)` are the answers to a challenge. Messages may
    be `Streamed`. They have no tag: `imap.encode` is given one.
    """
    wanted = kinds or tuple(kind for kind in _IMAP_COMMANDS if kind not in _IMAP_ANSWERS)
    return st.one_of(
        [cast("SearchStrategy[imap.Command]", _IMAP_COMMANDS[kind]) for kind in wanted]
    )


# --- Responses ------------------------------------------------------------------------------------

_CODED = st.tuples(_LINE, imap_response_codes())
_UNCODED = st.tuples(_LINE.filter(lambda text: not text.startswith("[")), st.none())
_RESP_TEXTS = _UNCODED | _CODED


def _condition(status: Any, said: tuple[str, Any], tag: str | None) -> imap.Condition:
    return imap.Condition(status, *said, tag=tag)


_UNTAGGED: Any = st.sampled_from(["OK", "NO", "BAD", "BYE", "PREAUTH"])
_TAGGED: Any = st.sampled_from(["OK", "NO", "BAD"])

_DELIMITERS = st.none() | st.sampled_from(["/", ".", '"', "\\", " ", "\t"])
_NAMESPACES = st.none() | _tuples(
    st.builds(
        imap.NamespaceItem,
        _MAILBOX,
        _DELIMITERS,
        _tuples(st.tuples(_TEXT, _tuples(_TEXT, least=1)), most=1),
    ),
    least=1,
    most=2,
)
_UPPER_TEXT = _TEXT.map(str.upper).filter(lambda text: text == text.upper())
_EXTENDED = _options(
    {"CHILDINFO": _tuples(_TEXT, least=1), "OLDNAME": _MAILBOX},
    names=_LABELS | _UPPER_TEXT,
    valued=True,
)
_STATUS_ITEMS = _options(
    {
        **dict.fromkeys(
            ("MESSAGES", "RECENT", "UNSEEN", "DELETED", "SIZE", "HIGHESTMODSEQ", "DELETED-STORAGE"),
            _NUMBER,
        ),
        **dict.fromkeys(("UIDNEXT", "UIDVALIDITY"), _NZ),
        "APPENDLIMIT": st.none() | _NUMBER,
        "MAILBOXID": _ATOMS,
    }
)
_UPDATES = _tuples(st.tuples(_COUNT, _UIDS), least=1)
_ESEARCH_VALUES: Final[dict[str, SearchStrategy[Any]]] = {
    **dict.fromkeys(("MIN", "MAX"), _NZ),
    "COUNT": _NUMBER,
    "ALL": _UIDS,
    "MODSEQ": _NUMBER,
    "PARTIAL": st.tuples(_PARTIALS, st.none() | _UIDS),
    "ADDTO": _UPDATES,
    "REMOVEFROM": _UPDATES,
    "RELEVANCY": _tuples(_NUMBER),
}
_ESEARCH_ITEMS = _tuples(
    st.one_of(
        *(st.tuples(st.just(name), value) for name, value in _ESEARCH_VALUES.items()),
        st.tuples(
            _LABELS.filter(lambda name: name not in (*_ESEARCH_VALUES, "UID")),
            _NUMBER | _tuples(_EXTENSIONS),
        ),
    )
)
_FOUND = _tuples(_NZ, most=5)


def _thread_nodes() -> SearchStrategy[imap.ThreadNode]:
    members = _tuples(_NZ, least=1)
    return st.recursive(
        st.builds(imap.ThreadNode, members),
        lambda inner: st.builds(imap.ThreadNode, st.just(()) | members, _tuples(inner, least=2)),
        max_leaves=6,
    )


_BODY_VALUES = _NOCTETS | _STREAMED
_ITEM_VALUES: Final[dict[str, SearchStrategy[Any]]] = {
    "UID": _NZ,
    "FLAGS": _FLAGS,
    "RFC822.SIZE": _NUMBER,
    "INTERNALDATE": _TIMES,
    "SAVEDATE": st.none() | _TIMES,
    "ENVELOPE": imap_envelopes(),
    "BODY": imap_bodystructures(extended=False),
    "BODYSTRUCTURE": imap_bodystructures(),
    **dict.fromkeys(("RFC822", "RFC822.HEADER", "RFC822.TEXT"), _BODY_VALUES),
    "MODSEQ": _MODSEQ,
    "EMAILID": _ATOMS,
    "THREADID": st.none() | _ATOMS,
    "PREVIEW": _NTEXT,
    **dict.fromkeys(("X-GM-MSGID", "X-GM-THRID"), _NUMBER),
    "X-GM-LABELS": _tuples(_GMAIL_LABELS),
    "ANNOTATION": _ANNOTATIONS,
}
_ORIGINS = st.none() | _NUMBER


@_named
def imap_fetch_items(*names: str) -> SearchStrategy[tuple[imap.FetchAttribute, Any]]:
    """What FETCH tells: attributes of the given names with their values.

    Without names, all in the RFCs, others, and sections of messages, which may be `Streamed`.
    """
    items: list[SearchStrategy[Any]] = [
        st.tuples(st.just(name), _ITEM_VALUES[name]) for name in names or FETCH_VALUES
    ]
    if not names:
        items += (
            st.tuples(st.builds(imap.Body, _SECTIONS, _ORIGINS), _BODY_VALUES),
            st.tuples(st.builds(imap.Binary, _PARTS, _ORIGINS), _BODY_VALUES | _BINARY),
            st.tuples(st.builds(imap.BinarySize, _PARTS), _NUMBER),
            st.tuples(_SIMPLE.filter(lambda name: name not in FETCH_VALUES), _EXTENSIONS),
        )
    return st.one_of(items)


_IMAP_RESPONSES: Final[Mapping[type[object], SearchStrategy[Any]]] = {
    imap.Condition: st.builds(_condition, _UNTAGGED, _RESP_TEXTS, st.none())
    | st.builds(_condition, _TAGGED, _RESP_TEXTS, imap_tags()),
    imap.Continuation: _RESP_TEXTS.map(lambda said: imap.Continuation(*said)),
    imap.CapabilityData: st.builds(imap.CapabilityData, _CODE_VALUES["CAPABILITY"]),
    imap.Enabled: st.builds(imap.Enabled, _tuples(_ATOMS)),
    imap.IdData: st.builds(imap.IdData, st.none() | _tuples(st.tuples(_TEXT, _NTEXT))),
    imap.LanguageData: st.builds(imap.LanguageData, _tuples(_TEXT, least=1)),
    imap.ComparatorData: st.builds(imap.ComparatorData, _TEXT, _tuples(_TEXT)),
    imap.NamespaceData: st.builds(imap.NamespaceData, _NAMESPACES, _NAMESPACES, _NAMESPACES),
    imap.JmapAccess: st.builds(imap.JmapAccess, st.just("https://x.example/") | _TEXT),
    imap.GenUrlAuthData: st.builds(imap.GenUrlAuthData, _tuples(_TEXT)),
    imap.UrlFetchData: st.builds(imap.UrlFetchData, _tuples(st.tuples(_TEXT, _NOCTETS), least=1)),
    imap.ListData: st.builds(
        imap.ListData,
        _ATTRIBUTES,
        _DELIMITERS,
        _MAILBOX,
        _EXTENDED,
        st.sampled_from(["LIST", "LSUB", "XLIST", "RLIST", "RLSUB"]),
    ),
    imap.StatusData: st.builds(imap.StatusData, _MAILBOX, _STATUS_ITEMS),
    imap.QuotaData: st.builds(
        imap.QuotaData,
        _TEXT,
        _tuples(
            st.builds(
                imap.QuotaResource,
                st.sampled_from(["STORAGE", "MESSAGE"]) | _NAMES,
                _NUMBER,
                _NUMBER,
            )
        ),
    ),
    imap.QuotaRootData: st.builds(imap.QuotaRootData, _MAILBOX, _tuples(_TEXT)),
    imap.AclData: st.builds(imap.AclData, _MAILBOX, _tuples(st.tuples(_TEXT, _TEXT))),
    imap.ListRightsData: st.builds(imap.ListRightsData, _MAILBOX, _TEXT, _TEXT, _tuples(_TEXT)),
    imap.MyRightsData: st.builds(imap.MyRightsData, _MAILBOX, _TEXT),
    imap.MetadataData: st.builds(imap.MetadataData, _MAILBOX, _tuples(st.tuples(_TEXT, _NBINARY)))
    | st.builds(imap.MetadataData, _MAILBOX, st.just(()), _tuples(_TEXT, least=1)),
    imap.Flags: st.builds(imap.Flags, _FLAGS),
    imap.Exists: st.builds(imap.Exists, _COUNT),
    imap.Recent: st.builds(imap.Recent, _COUNT),
    imap.Expunged: st.builds(imap.Expunged, _NZ),
    imap.Vanished: st.builds(imap.Vanished, _UIDS, st.booleans()),
    imap.SearchData: st.builds(imap.SearchData, _FOUND)
    | st.builds(imap.SearchData, _tuples(_NZ, least=1), _MODSEQ),
    imap.SortData: st.builds(imap.SortData, _FOUND)
    | st.builds(imap.SortData, _tuples(_NZ, least=1), _MODSEQ),
    imap.ThreadData: st.builds(imap.ThreadData, _tuples(_thread_nodes())),
    imap.ESearchData: st.builds(
        imap.ESearchData,
        _ESEARCH_ITEMS,
        st.none() | imap_tags() | _TEXT,
        st.booleans(),
        st.none() | _MAILBOX,
        st.none() | _NZ,
    ),
    imap.FetchData: st.builds(
        imap.FetchData, _NZ, _tuples(imap_fetch_items(), most=4), uidfetch=st.booleans()
    ),
    imap.UnknownData: st.builds(
        imap.UnknownData,
        st.sampled_from(["XOWN", "X-OWN"]),
        st.builds(imap.Unparsed, _ARGUMENT_OCTETS),
        st.none() | _COUNT,
    ),
}


@_named
def imap_responses(*kinds: type[object]) -> SearchStrategy[imap.Response]:
    """Responses of the given classes; without any, of all that `imap.encode` can write.

    That is all but `UnknownData`. Sections of messages may be `Streamed`.
    """
    wanted = kinds or tuple(kind for kind in _IMAP_RESPONSES if kind is not imap.UnknownData)
    return st.one_of(
        [cast("SearchStrategy[imap.Response]", _IMAP_RESPONSES[kind]) for kind in wanted]
    )


# --- Streams --------------------------------------------------------------------------------------


def _octets(fragments: imap.Fragments) -> bytes:
    """What is sent, bodies that come as pieces made up."""
    return b"".join(
        b"x" * one.size if isinstance(one, imap.Streamed) else one.octets for one in fragments
    )


@_named
def imap_client_streams() -> SearchStrategy[bytes]:
    """Commands as a client writes them that waits for nothing (LITERAL+), each with a tag."""
    dialect = imap.Dialect(literals="+")
    commands = st.lists(imap_commands(), max_size=4)

    def said(commands: list[imap.Command]) -> bytes:
        return b"".join(
            _octets(imap.encode(command, tag=f"A{at}", dialect=dialect))
            for at, command in enumerate(commands, 1)
        )

    return commands.map(said)


@_named
def imap_server_streams() -> SearchStrategy[bytes]:
    """Responses as a server writes them that has enabled nothing, in no order that makes sense."""
    return st.lists(imap_responses(), max_size=4).map(
        lambda responses: b"".join(_octets(imap.encode(one)) for one in responses)
    )


# --- What is nearly IMAP --------------------------------------------------------------------------

_TOKENS: Final = (
    *(
        b" ",
        b" ",
        b" ",
        b"  ",
        b"\t",
        b"(",
        b")",
        b"((",
        b"))",
        b"()",
        b"[",
        b"]",
        b"<0>",
        b"<0.5>",
    ),
    *(b'"', b'""', b'"a"', b'"a\\"b"', b'"\\', b'"\\x"', b'"a"b"', b"NIL", b"nil", b"{0}\r\n"),
    *(
        b"{1}\r\nx",
        b"{5}\r\n",
        b"{5+}\r\nabcde",
        b"~{1}\r\n\0",
        b"{5}",
        b"{99999999999999999999}\r\n",
    ),
    *(b"{-1}\r\n", b"{05}\r\nabcde", b"{5 }\r\nabcde", b"{3}\nabc", b"{0}\r\n\r\n", b"\r\n", b"\n"),
    *(b"\r", b"\0", b"\xff", b"\xc3\xa9", b"*", b"%", b"\\", b"\\Seen", b"\\*", b"$", b"+", b"-"),
    *(b"0", b"1", b"-1", b"4294967296", b"18446744073709551616", b"9.3e+06", b"1:*", b"1,", b"1:2"),
    *(b"~", b"=", b"a", b"]x", b"A1", b"UID", b"INBOX", b"&AOk-", b"&"),
)
_ANSWERS: Final = (
    *(b"* ", b"* ", b"A1 ", b"+ ", b"+", b"OK", b"NO ", b"BAD", b"BYE ", b"* OK [", b"* 1 FETCH ("),
    *(b"* 2 UIDFETCH (", b"FLAGS ", b"UID 1 ", b"BODY[] ", b"BODY[1.MIME]<0> ", b"BINARY[1] "),
    *(b"RFC822 ", b"INTERNALDATE ", b"ENVELOPE (", b"BODYSTRUCTURE (", b'("text" "plain" NIL NIL'),
    *(b' NIL "7bit" 1 1)', b"* LIST () ", b"* STATUS a (", b"* SEARCH ", b"* ESEARCH (TAG "),
    *(b"* THREAD (", b"* NAMESPACE ", b"* CAPABILITY ", b"* 5 EXISTS", b"* VANISHED ", b"* ID ("),
    *(b"UIDVALIDITY ", b"COPYUID 1 2 ", b"CAPABILITY", b"* QUOTA ", b"* METADATA a ", b"* ACL a "),
    *(b"X-OWN ", b"MODSEQ (1)", b"X-GM-LABELS (", b"PREVIEW ", b"ANNOTATION (", b"* 0 FETCH ("),
)
_ASKED: Final = (
    *(
        b"A1 ",
        b"A1 ",
        b"a UID ",
        b"LOGIN ",
        b"SELECT ",
        b"FETCH 1 ",
        b"BODY.PEEK[",
        b"HEADER.FIELDS",
    ),
    *(
        b"SEARCH ",
        b"RETURN (",
        b"CHARSET ",
        b"OR ",
        b"NOT ",
        b"FUZZY ",
        b"SINCE 1-Feb-2026",
        b"ALL",
    ),
    *(b"APPEND a ", b"CATENATE (", b"TEXT ", b"URL ", b"UTF8 (", b'"23-Nov-2026 09:30:00 +0000" '),
    *(b"LIST ", b"STORE 1 +FLAGS ", b"NOTIFY SET (", b"SELECTED ", b"MESSAGENEW ", b"ID ", b"DONE"),
    *(
        b"AUTHENTICATE PLAIN ",
        b"SORT (",
        b"THREAD REFS ",
        b"GETMETADATA ",
        b"ESEARCH IN (",
        b"NOOP",
    ),
    *(b"X-OWN ", b"ENABLE ", b"STATUS a (", b"QRESYNC (", b"REPLACE 1 a ", b"COPY 1 ", b"IDLE"),
)
_LINE_ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b""])


def _near(streams: SearchStrategy[bytes], words: tuple[bytes, ...]) -> SearchStrategy[bytes]:
    tokens = st.lists(st.sampled_from([*words, *_TOKENS]), max_size=12).map(b"".join)
    glued = st.lists(
        st.tuples(st.sampled_from(words), tokens, _LINE_ENDS).map(b"".join), max_size=3
    )
    damaged = mutated(streams, lines=[*words, *_TOKENS])
    return st.one_of(glued.map(b"".join), damaged, st.binary(max_size=60))


@_named
def imap_near_commands() -> SearchStrategy[bytes]:
    """What is nearly what a client says: commands with damage, words of IMAP in no order."""
    return _near(imap_client_streams(), _ASKED)


@_named
def imap_near_responses() -> SearchStrategy[bytes]:
    """What is nearly what a server says: responses with damage, words of IMAP in no order."""
    return _near(imap_server_streams(), _ANSWERS)

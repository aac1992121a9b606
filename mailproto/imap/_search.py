"""Search programs: the keys of SEARCH, SORT, THREAD and ESEARCH, both ways.

A program is keys one behind the other, and all have to match; keys in parentheses are one key. NOT
and FUZZY take one key, OR takes two. The tree is read and written with a stack, so its depth is a
number that `limits.depth` bounds and not a matter of luck.

The table says what each key takes (RFC 9051 section 6.4.4; RFC 5032, 5257, 5466, 6203, 7162, 8474,
8514; Gmail's). A key that is not in it is refused: nobody could tell where it ends.
"""

from __future__ import annotations

import re
from typing import Any, Final

from ._lexer import Lexer, decode_text
from ._sets import SequenceSet
from ._syntax import (
    ATOM,
    DATE,
    ENTRY_PATTERN,
    EXTENSION,
    FETCH_ATTRIBUTE,
    GMAIL_LABEL,
    MODSEQ,
    NSTRING,
    NUMBER,
    NZ_NUMBER,
    PARTIAL,
    SET,
    TEXT,
    Kind,
    listed,
)
from ._values import And, Fuzzy, Key, Not, Or, SearchKey, SortKey
from ._writer import Writer

__all__ = ["RETURNS", "SEARCH_KEYS", "SORT_KEYS", "read_program", "write_program"]

SEARCH_KEYS: Final[dict[str, tuple[Kind, ...]]] = {
    **dict.fromkeys(
        (
            "ALL",
            "ANSWERED",
            "DELETED",
            "DRAFT",
            "FLAGGED",
            "NEW",
            "OLD",
            "RECENT",
            "SEEN",
            "UNANSWERED",
            "UNDELETED",
            "UNDRAFT",
            "UNFLAGGED",
            "UNSEEN",
            "SAVEDATESUPPORTED",
        ),
        (),
    ),
    **dict.fromkeys(("BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO", "X-GM-RAW"), (TEXT,)),
    "X-GM-LABELS": (GMAIL_LABEL,),
    **dict.fromkeys(
        (
            "BEFORE",
            "ON",
            "SINCE",
            "SENTBEFORE",
            "SENTON",
            "SENTSINCE",
            "SAVEDBEFORE",
            "SAVEDON",
            "SAVEDSINCE",
        ),
        (DATE,),
    ),
    **dict.fromkeys(("LARGER", "SMALLER", "X-GM-MSGID", "X-GM-THRID"), (NUMBER,)),
    **dict.fromkeys(("OLDER", "YOUNGER"), (NZ_NUMBER,)),
    **dict.fromkeys(("KEYWORD", "UNKEYWORD"), (ATOM,)),
    **dict.fromkeys(("EMAILID", "THREADID", "FILTER"), (ATOM,)),
    "HEADER": (TEXT, TEXT),
    "UID": (SET,),
    "MODSEQ": (MODSEQ,),
    "ANNOTATION": (ENTRY_PATTERN, ATOM, NSTRING),
}
"""What stands behind the name of each key. MODSEQ may name an entry and its type first."""

_PREFIXES: Final[dict[str, type[Not | Fuzzy | Or]]] = {
    "NOT": Not,
    "FUZZY": Fuzzy,
    "OR": Or,
}
_SET_STARTS: Final = frozenset(b"0123456789*$")


def _read_leaf(lexer: Lexer, name: str) -> Key:
    if name == "MODSEQ" and lexer.at(b' "'):
        lexer.space()
        entry = decode_text(lexer.string())
        lexer.space()
        kind = lexer.atom()
        lexer.space()
        return Key(name, entry, kind, lexer.number())
    kinds = SEARCH_KEYS.get(name)
    if kinds is None:
        lexer.refuse("a search key")
    arguments: list[Any] = []
    for kind_ in kinds:
        lexer.space()
        arguments.append(kind_.read(lexer))
    return Key(name, *arguments)


_AND: Final = object()


def read_program(lexer: Lexer) -> tuple[SearchKey, ...]:
    """The keys up to the end of the line."""
    keys: list[SearchKey] = []
    # What is open: (what, keys so far). Not and Fuzzy wait for one key, Or for two, And for `)`.
    stack: list[tuple[Any, list[SearchKey]]] = []
    while True:
        if len(stack) > lexer.most:
            lexer.refuse(f"at most {lexer.most} levels of search keys")
        key: SearchKey
        octet = lexer.peek()
        if octet == 0x28:  # (
            lexer.pos += 1
            stack.append((And, []))
            continue
        if octet in _SET_STARTS:
            key = SET.read(lexer)
        else:
            name = lexer.name()
            prefix = _PREFIXES.get(name)
            if prefix is not None:
                lexer.space()
                stack.append((prefix, []))
                continue
            key = _read_leaf(lexer, name)
        # A key is complete: so may be what it stands in, and so on.
        while stack:
            kind, inside = stack[-1]
            inside.append(key)
            if kind is And:
                if not lexer.take(b")"):
                    break
                key = And(tuple(inside))
            elif kind is Or:
                if len(inside) < 2:
                    break
                key = Or(*inside)
            else:
                key = kind(key)
            stack.pop()
        else:
            keys.append(key)
            if not lexer.more():
                return tuple(keys)
            continue
        lexer.space()


def write_program(writer: Writer, keys: tuple[SearchKey, ...]) -> None:
    """The keys, each with a space before it."""
    if not keys:
        raise ValueError("a search needs at least one key: Key('ALL') matches everything")
    waiting: list[Any] = list(reversed(keys))
    gap = b" "
    while waiting:
        key = waiting.pop()
        if key is _AND:
            writer.put(b")")
            gap = b" "
            continue
        writer.put(gap)
        gap = b" "
        match key:
            case SequenceSet():
                SET.write(writer, key)
            case Key(name, arguments):
                _write_leaf(writer, name, arguments)
            case Not(inner) | Fuzzy(inner):
                writer.put(b"NOT" if isinstance(key, Not) else b"FUZZY")
                waiting.append(inner)
            case Or(left, right):
                writer.put(b"OR")
                waiting += (right, left)
            case And(inside):
                if not inside:
                    raise ValueError("And() needs at least one key")
                writer.put(b"(")
                waiting.append(_AND)
                waiting += reversed(inside)
                gap = b""
            case _:
                raise TypeError(f"not a search key: {key!r}")


def _write_leaf(writer: Writer, name: str, arguments: tuple[Any, ...]) -> None:
    writer.atom(name)
    if name == "MODSEQ" and len(arguments) == 3:
        entry, kind, number = arguments
        writer.put(b" ")
        writer.quoted(entry.encode("utf-8", "surrogateescape"))
        writer.put(b" ")
        writer.atom(kind)
        writer.put(b" ")
        writer.number(number)
        return
    kinds = SEARCH_KEYS.get(name)
    if kinds is None:
        raise ValueError(f"not a search key: {name}")
    if len(kinds) != len(arguments):
        raise ValueError(f"{name} takes {len(kinds)} arguments, not {len(arguments)}")
    for kind_, argument in zip(kinds, arguments, strict=True):
        writer.put(b" ")
        kind_.write(writer, argument)


# --- What is to be returned (RFC 9051 section 6.4.4, RFC 5267, RFC 9394, RFC 5465) ----------------

_UPDATE_ITEMS: Final = listed(FETCH_ATTRIBUTE, least=1)


def _read_return(lexer: Lexer) -> tuple[str, Any]:
    name = lexer.label()
    if name == "PARTIAL":
        lexer.space()
        return name, PARTIAL.read(lexer)
    if name == "UPDATE":
        # The grammar of RFC 5465 has no space there; its examples have one.
        if lexer.at(b" (") or lexer.at(b"("):
            lexer.take(b" ")
            return name, _UPDATE_ITEMS.read(lexer)
        return name, None
    if name not in _PLAIN_RETURNS and _VALUE_FOLLOWS.match(lexer.octets, lexer.pos, lexer.end):
        lexer.space()
        return name, EXTENSION.read(lexer)
    return name, None


_VALUE_FOLLOWS: Final = re.compile(rb" [(0-9*$]")
_PLAIN_RETURNS: Final = frozenset({"MIN", "MAX", "ALL", "COUNT", "SAVE", "CONTEXT", "RELEVANCY"})


def _write_return(writer: Writer, option: tuple[str, Any]) -> None:
    name, value = option
    writer.label(name)
    if name == "PARTIAL":
        writer.put(b" ")
        PARTIAL.write(writer, value)
    elif value is None:
        return
    elif name == "UPDATE":
        writer.put(b" ")
        _UPDATE_ITEMS.write(writer, value)
    elif name in _PLAIN_RETURNS:
        raise ValueError(f"{name} has no value")
    else:
        writer.put(b" ")
        EXTENSION.write(writer, value)


RETURNS: Final = listed(Kind(_read_return, _write_return))
"""(MIN COUNT PARTIAL 1:500 ...)"""


# --- SORT (RFC 5256, RFC 5957, RFC 5257) ----------------------------------------------------------


def _read_sort(lexer: Lexer) -> SortKey:
    name = lexer.name()
    reverse = name == "REVERSE"
    if reverse:
        lexer.space()
        name = lexer.name()
    if name != "ANNOTATION":
        return SortKey(name, reverse)
    lexer.space()
    entry = lexer.text()
    lexer.space()
    return SortKey(name, reverse, entry, lexer.atom())


def _write_sort(writer: Writer, key: SortKey) -> None:
    if key.reverse:
        writer.put(b"REVERSE ")
    if key.name == "REVERSE":
        raise ValueError("REVERSE is no criterion, but reverse=True")
    writer.atom(key.name)
    if (key.name == "ANNOTATION") != (key.entry is not None and key.attribute is not None):
        raise ValueError("ANNOTATION, and nothing else, wants an entry and an attribute")
    if key.entry is not None and key.attribute is not None:
        writer.put(b" ")
        writer.text(key.entry)
        writer.put(b" ")
        writer.atom(key.attribute)


SORT_KEYS: Final = listed(Kind(_read_sort, _write_sort), least=1)

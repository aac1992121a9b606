"""Response codes, read and written: one row for each (RFC 9051 section 7.1, RFC 5530, extensions).

A code that is not in the table keeps its argument as text. One that is, and whose argument cannot
be read, has an `Unparsed`; where it ends is found by the bracket that a space follows.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ._lexer import Lexer, Refused, decode_text
from ._sets import EMPTY
from ._syntax import (
    ATOM,
    FLAGS,
    MODSEQ,
    NAME,
    NUMBER,
    NZ_NUMBER,
    SET,
    TEXT,
    Kind,
    in_parentheses,
    listed,
    or_nil,
    sequence,
)
from ._values import ResponseCode, Unparsed
from ._writer import Writer, octets_of

__all__ = ["CODES", "Code", "read_code", "write_capabilities", "write_code"]

_CODE_REST: Final = re.compile(r"[^\[\]\r\n\x00]+")


def _read_code_rest(lexer: Lexer) -> str:
    return decode_text(lexer.match(_TO_BRACKET, "text"))


def _write_code_rest(writer: Writer, value: str) -> None:
    if _CODE_REST.fullmatch(value) is None or value[0] == " ":
        raise ValueError("the text of a response code has neither brackets nor a line end")
    writer.put(octets_of(value))


_TO_BRACKET: Final = re.compile(rb"[^\]\r\n\x00 ][^\]\r\n\x00]*+")
_REST: Final = Kind(_read_code_rest, _write_code_rest)


def _read_words(lexer: Lexer) -> tuple[str, ...]:
    return tuple(_read_code_rest(lexer).split(" "))


def _write_words(writer: Writer, value: tuple[str, ...]) -> None:
    if any(" " in word for word in value):
        raise ValueError("a word of a response code has no space")
    _write_code_rest(writer, " ".join(value))


def _read_tag(lexer: Lexer) -> str:
    return decode_text(lexer.astring())


def _write_tag(writer: Writer, value: str) -> None:
    writer.quoted(octets_of(value))


def _read_capabilities(lexer: Lexer) -> tuple[str, ...]:
    return tuple(_read_code_rest(lexer).split())


_USUAL_CHARSET: Final = re.compile(r"[A-Za-z0-9.:_\-]+")


def _write_charset(writer: Writer, value: str) -> None:
    """An atom or a quoted string: a literal cannot stand in a line of text."""
    if _USUAL_CHARSET.fullmatch(value) is not None:
        writer.atom(value)
    else:
        writer.quoted(octets_of(value))


_WORDS: Final = Kind(_read_words, _write_words)

_CHARSET: Final = Kind(TEXT.read, _write_charset)
_TAG_STRING: Final = Kind(_read_tag, _write_tag)
_PROGRESS: Final = in_parentheses(sequence(or_nil(_TAG_STRING), or_nil(NUMBER), or_nil(NUMBER)))


_COPY: Final = sequence(NZ_NUMBER, SET, SET)


def _read_copy(lexer: Lexer) -> tuple[Any, ...]:
    """COPYUID. No sets at all are met where the messages were gone."""
    match = _NO_SETS.match(lexer.octets, lexer.pos, lexer.end)
    if match is None:
        found: tuple[Any, ...] = _COPY.read(lexer)
        return found
    start, lexer.pos = lexer.pos, match.end()
    lexer.odd("no_sets", start)
    return int(match[1]), EMPTY, EMPTY


_NO_SETS: Final = re.compile(rb"([1-9][0-9]{0,9}+) *(?=\])")


def _read_limit(lexer: Lexer) -> tuple[int, ...]:
    found = [lexer.number()]
    if lexer.take(b" "):
        found.append(lexer.number())
    return tuple(found)


def _write_limit(writer: Writer, value: tuple[int, ...]) -> None:
    if not 1 <= len(value) <= 2:
        raise ValueError("MESSAGELIMIT has one number or two")
    writer.number(value[0])
    if len(value) == 2:
        writer.put(b" ")
        writer.number(value[1])


def write_capabilities(writer: Writer, values: tuple[str, ...]) -> None:
    if not values:
        raise ValueError("CAPABILITY needs at least one capability")
    gap = b""
    for value in values:
        writer.put(gap)
        writer.atom(value)
        gap = b" "


_CHARSETS: Final = listed(_CHARSET, least=1)


def _read_charsets(lexer: Lexer) -> tuple[str, ...]:
    if lexer.lenient and not lexer.at(b"("):
        # So it is shown in RFC 9051 section 6.4.4.4, against its grammar.
        lexer.odd("missing_parenthesis")
        return _read_capabilities(lexer)
    found: tuple[str, ...] = _CHARSETS.read(lexer)
    return found


class Code(NamedTuple):
    """What may follow the name of a response code."""

    kind: Kind | None = None
    optional: bool = False
    """Whether it may be left out; the value is None then."""


CODES: Final[dict[str, Code]] = {
    **dict.fromkeys(
        (
            "ALERT",
            "ALREADYEXISTS",
            "AUTHENTICATIONFAILED",
            "AUTHORIZATIONFAILED",
            "BADCOMPARATOR",
            "CANNOT",
            "CLIENTBUG",
            "CLOSED",
            "COMPRESSIONACTIVE",
            "CONTACTADMIN",
            "CORRUPTION",
            "EXPIRED",
            "EXPUNGEISSUED",
            "HASCHILDREN",
            "INUSE",
            "LIMIT",
            "NOMODSEQ",
            "NONEXISTENT",
            "NOPERM",
            "NOTIFICATIONOVERFLOW",
            "NOTSAVED",
            "OVERQUOTA",
            "PARSE",
            "PRIVACYREQUIRED",
            "READ-ONLY",
            "READ-WRITE",
            "SERVERBUG",
            "TOOBIG",
            "TRYCREATE",
            "UIDNOTSTICKY",
            "UIDREQUIRED",
            "UNAVAILABLE",
            "UNKNOWN-CTE",
            "USEATTR",
        ),
        Code(),
    ),
    "APPENDUID": Code(sequence(NZ_NUMBER, SET)),
    "BADCHARSET": Code(Kind(_read_charsets, _CHARSETS.write), optional=True),
    "BADEVENT": Code(listed(NAME, least=1)),
    "BADURL": Code(_REST),
    "CAPABILITY": Code(Kind(_read_capabilities, write_capabilities)),
    "COPYUID": Code(Kind(_read_copy, _COPY.write)),
    "HIGHESTMODSEQ": Code(MODSEQ),
    "INPROGRESS": Code(_PROGRESS, optional=True),
    "MAILBOXID": Code(in_parentheses(ATOM)),
    "MESSAGELIMIT": Code(Kind(_read_limit, _write_limit)),
    "METADATA": Code(_WORDS),
    "MODIFIED": Code(SET),
    "NEWNAME": Code(_WORDS),
    "NOUPDATE": Code(_TAG_STRING),
    "ANNOTATE": Code(_WORDS),
    "ANNOTATIONS": Code(_WORDS),
    "PERMANENTFLAGS": Code(FLAGS),
    "REFERRAL": Code(_WORDS),
    "UIDNEXT": Code(NZ_NUMBER),
    "UIDVALIDITY": Code(NZ_NUMBER),
    "UNDEFINED-FILTER": Code(ATOM),
    "UNSEEN": Code(NZ_NUMBER),
}
"""The codes of RFC 9051, RFC 3501, RFC 5530 and the extensions, and what follows each."""

_CODE_NAME: Final = re.compile(rb"\[ *([!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]++)")


@lru_cache(maxsize=128)
def _bare_code(octets: bytes) -> ResponseCode:
    return ResponseCode(octets.decode("ascii").upper())


_UNKNOWN: Final = Code(_REST, optional=True)


def read_code(lexer: Lexer) -> ResponseCode | None:
    """`[CODE ...]`, or None if none stands here."""
    match = _CODE_NAME.match(lexer.octets, lexer.pos, lexer.end)
    if match is None:
        return None
    start = lexer.pos
    lexer.pos = match.end()
    word = match[1].upper()
    name = word.decode("ascii")
    code = CODES.get(name, _UNKNOWN)
    if lexer.take(b"]"):
        if code.kind is None or code.optional:
            return _bare_code(word)
        lexer.odd("no_argument", start)
        return ResponseCode(name, Unparsed(b""))
    if not lexer.take(b" "):
        lexer.pos = start
        return None
    if code.kind is not None and code.kind not in (_REST, _WORDS):
        defects = len(lexer.defects)
        argument = lexer.pos
        try:
            value = code.kind.read(lexer)
            at = lexer.pos
            while lexer.take(b" "):
                pass
            if lexer.pos > at:
                lexer.odd("extra_space", at)
            lexer.expect(b"]")
        except Refused:
            del lexer.defects[defects:]
            lexer.pos = argument
        else:
            return ResponseCode(name, value)
    raw = _take_argument(lexer)
    if raw is None:
        lexer.pos = start
        lexer.odd("code_without_end", start)
        return None
    if b"]" in raw:
        lexer.odd("bracket_in_code", start)
    text = decode_text(raw)
    if code.kind is _WORDS:
        return ResponseCode(name, tuple(text.split(" ")))
    if code.kind is _REST:
        return ResponseCode(name, text)
    if code.kind is None and not text.strip(" "):
        lexer.odd("extra_space", start)
        return _bare_code(word)
    lexer.odd("unreadable_code", start)
    return ResponseCode(name, Unparsed(raw))


_BRACKET: Final = re.compile(rb"[\[\]]")


def _take_argument(lexer: Lexer) -> bytes | None:
    """Read up to and with the bracket that ends the code; what stood before it.

    It is the first that closes as many as were opened and that a space or the end of the line
    follows. None: there is no such bracket.
    """
    octets, start, end = lexer.octets, lexer.pos, lexer.end
    depth = 1
    for match in _BRACKET.finditer(octets, start, end):
        at = match.start()
        if octets[at] == 0x5B:
            depth += 1
        elif depth > 1:
            depth -= 1
        elif at + 1 == end or octets[at + 1] == 0x20:
            lexer.pos = at + 1
            return octets[start:at]
    # Opened more often than closed: the last bracket will do.
    at = octets.rfind(b"]", start, end)
    if at < 0:
        return None
    lexer.pos = at + 1
    return octets[start:at]


def write_code(writer: Writer, code: ResponseCode) -> None:
    writer.put(b"[")
    if _CODE_WORD.fullmatch(code.name) is None:
        raise ValueError(f"not the name of a response code: {code.name[:80]!r}")
    writer.put(code.name.encode("ascii"))
    known = CODES.get(code.name)
    if code.value is not None:
        kind = _REST if known is None else known.kind
        if kind is None:
            raise ValueError(f"{code.name} has no argument")
        writer.put(b" ")
        kind.write(writer, code.value)
    elif known is not None and known.kind is not None and not known.optional:
        raise ValueError(f"{code.name} needs an argument")
    writer.put(b"] ")


_CODE_WORD: Final = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z^_`|}~]+")

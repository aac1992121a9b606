"""Response codes, read and written: one row for each (RFC 9051 section 7.1, RFC 5530, extensions).

A code that is not in the table keeps its argument as text. One that is, and whose argument cannot
be read, has an `Unparsed`; where it ends is found by the bracket that a space follows.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ._lexer import Lexer, Refused, decode_text
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

_CODE_REST: Final = re.compile(r"[^\]\r\n\x00]+")


def _read_code_rest(lexer: Lexer) -> str:
    return decode_text(lexer.match(_TO_BRACKET, "text"))


def _write_code_rest(writer: Writer, value: str) -> None:
    if _CODE_REST.fullmatch(value) is None or value[0] == " ":
        raise ValueError("the text of a response code has neither ] nor a line end")
    writer.put(octets_of(value))


_TO_BRACKET: Final = re.compile(rb"[^\]\r\n\x00 ][^\]\r\n\x00]*+")
_REST: Final = Kind(_read_code_rest, _write_code_rest)


def _read_words(lexer: Lexer) -> tuple[str, ...]:
    return tuple(_read_code_rest(lexer).split(" "))


def _write_words(writer: Writer, value: tuple[str, ...]) -> None:
    _write_code_rest(writer, " ".join(value))


def _read_tag(lexer: Lexer) -> str:
    return decode_text(lexer.astring())


def _write_tag(writer: Writer, value: str) -> None:
    writer.quoted(octets_of(value))


def _read_capabilities(lexer: Lexer) -> tuple[str, ...]:
    return tuple(_read_code_rest(lexer).split())


_WORDS: Final = Kind(_read_words, _write_words)

_TAG_STRING: Final = Kind(_read_tag, _write_tag)
_PROGRESS: Final = in_parentheses(sequence(or_nil(_TAG_STRING), or_nil(NUMBER), or_nil(NUMBER)))


def _read_set_or_nothing(lexer: Lexer) -> Any:
    """A set; none at all is met in COPYUID (the messages were gone)."""
    if lexer.lenient and lexer.peek() not in b"0123456789*":
        lexer.odd("no_set")
        return None
    return SET.read(lexer)


_MAYBE_SET: Final = Kind(_read_set_or_nothing, SET.write)


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
    "BADCHARSET": Code(listed(TEXT, least=1), optional=True),
    "BADEVENT": Code(listed(NAME, least=1)),
    "BADURL": Code(_REST),
    "CAPABILITY": Code(Kind(_read_capabilities, write_capabilities)),
    "COPYUID": Code(sequence(NZ_NUMBER, _MAYBE_SET, _MAYBE_SET)),
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


def read_code(lexer: Lexer) -> ResponseCode | None:
    """`[CODE ...]`, or None if none stands here."""
    match = _CODE_NAME.match(lexer.octets, lexer.pos, lexer.end)
    if match is None:
        return None
    start = lexer.pos
    lexer.pos = match.end()
    if lexer.take(b"]"):
        name = match[1].upper()
        code = CODES.get(name.decode("ascii"))
        if code is None or code.kind is None or code.optional:
            return _bare_code(name)
        lexer.odd("no_argument", start)
        return ResponseCode(name.decode("ascii"), Unparsed(b""))
    name_text = match[1].decode("ascii").upper()
    if not lexer.take(b" "):
        lexer.pos = start
        return None
    argument = lexer.pos
    known = CODES.get(name_text)
    kind = _REST if known is None else known.kind
    if kind is not None:
        defects = len(lexer.defects)
        try:
            value = kind.read(lexer)
            at = lexer.pos
            while lexer.take(b" "):
                pass
            if lexer.pos > at:
                lexer.odd("extra_space", at)
            lexer.expect(b"]")
        except Refused:
            del lexer.defects[defects:]
        else:
            # `[x ab] c]`: a bracket inside. What follows a code is a space or nothing.
            if known is not None or lexer.pos >= lexer.end or lexer.peek() == 0x20:
                return ResponseCode(name_text, value)
    # The end is the first bracket that a space or the end of the line follows.
    ending = _CODE_END.search(lexer.octets, argument, lexer.end)
    if ending is None:
        lexer.pos = start
        return None
    raw = lexer.octets[argument : ending.start()]
    lexer.pos = ending.start() + 1
    lexer.odd("unreadable_code" if known is not None else "bracket_in_code", start)
    if known is None:
        return ResponseCode(name_text, decode_text(raw))
    if known.kind is _REST:
        return ResponseCode(name_text, decode_text(raw))
    return ResponseCode(name_text, Unparsed(raw))


_CODE_END: Final = re.compile(rb"\](?= |\Z)")


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

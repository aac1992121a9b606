"""MIME fields with parameters (RFC 2045 section 5.1), RFC 2231 undone and done; and single words.

What lives here: Content-Type, Content-Disposition, whatever else is a value with parameters, and
the fields that are one word or a list of words. What does not: what the parameters mean.

How a parameter is put together (RFC 2231)

    `name=value` says it as it is. `name*=charset'language'value` has percents. The sections
    `name*0=`, `name*1*=` have percents or not, and any order; the first has the charset. They are
    gathered under `name` and joined when all are read. Where the same name comes in more than one
    of these forms, the extended form counts, then the sections, then the plain one.

Invariants: one walk forward, at most `most` parameters; every deviation is a defect that says what
was assumed; nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import attrs

from ..errors import Defect
from ._charsets import decode_inner
from ._lexer import FWS, QUOTED, TOKEN, Lexer, quote, unquote
from ._vocabulary import ContentType, Disposition, MimeParam, Token, Tokens
from ._words import decode_words, one_line

__all__ = [
    "MD5",
    "format_parameters",
    "parse_content_type",
    "parse_disposition",
    "parse_parameters",
    "parse_token",
    "parse_tokens",
]

_SPACE: Final = r"[ \t\r\n]*+"
_PLAIN_NAME: Final = r"[!#$&+\-.0-9A-Z^_`a-z{|}~]++"  # a token without * ' %
_VALUE: Final = r'(?:[!#$%&\'*+\-.0-9A-Z^_`a-z{|}~]++|"[^"\\\r\n]*+")'
_PARAMETERS: Final = rf"((?:;{_SPACE}{_PLAIN_NAME}={_VALUE}{_SPACE})*+)"
_USUAL_TYPE: Final = re.compile(
    rf"{_SPACE}([!#$&+\-.0-9A-Z^_a-z]++)/([!#$&+\-.0-9A-Z^_a-z]++){_SPACE}{_PARAMETERS};?{_SPACE}"
)
_USUAL_WORD: Final = re.compile(
    rf"{_SPACE}([!#$&+\-.0-9A-Z^_a-z]++){_SPACE}{_PARAMETERS};?{_SPACE}"
)
_PARAMETER: Final = re.compile(rf"({_PLAIN_NAME})=({_VALUE})")

_SECTION: Final = re.compile(r"([^*]+)(?:\*(0|[1-9][0-9]{0,3}))?(\*)?")
MD5: Final = re.compile(r"[A-Za-z0-9+/]{22}==")
"""What Content-MD5 says (RFC 1864 section 2): 128 bits in base64; one word, though no token."""
_PERCENT: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_SEMICOLONS: Final = re.compile(r"[; \t\r\n]*")
_LOOSE_NAME: Final = re.compile(r"[^=;\"()\s\x00-\x1f\x7f-\uffff]+")
_LOOSE_VALUE: Final = re.compile(r"[^;\r\n]*")
_LOOSE_TOKEN: Final = re.compile(r"[^\s;()\"<>@,:\\/\[\]?=\x00-\x1f]+")
_DEFECTS: Final = 100


def _usual(parameters: str) -> tuple[MimeParam, ...] | None:
    """Parameters that the pattern has read, if there is nothing to undo; names come once."""
    if not parameters:
        return ()
    if "=?" in parameters or "\0" in parameters:
        return None
    found: list[MimeParam] = []
    names: set[str] = set()
    for name, value in _PARAMETER.findall(parameters):
        name = name.lower()
        names.add(name)
        found.append(MimeParam(name, value[1:-1] if value[0] == '"' else value))
    return tuple(found) if len(names) == len(found) else None


def parse_content_type(text: str, *, most: int | None = 1_000) -> ContentType:
    """The value of a Content-Type field. What is no type is text/plain (RFC 2045 section 5.2)."""
    usual = _USUAL_TYPE.fullmatch(text)
    if usual is not None:
        params = _usual(usual[3])
        if params is not None and (most is None or len(params) <= most):
            return ContentType(usual[1].lower(), usual[2].lower(), params)
    lexer = Lexer(text)
    defects: list[Defect] = []
    lexer.skip()
    start = lexer.pos
    maintype = (lexer.take(TOKEN) or lexer.take(_LOOSE_TOKEN)).lower()
    lexer.skip()
    subtype = ""
    if lexer.sign("/"):
        lexer.skip()
        subtype = (lexer.take(TOKEN) or lexer.take(_LOOSE_TOKEN)).lower()
    if not maintype or not subtype:
        assumed = f"{maintype}/plain" if maintype == "text" and not subtype else "text/plain"
        raw = text[start : start + 60].strip().encode("utf-8", "replace")
        defects.append(Defect("bad_content_type", start, raw, assumed))
        if maintype == "multipart" and not subtype:
            subtype = "mixed"
        else:
            maintype, subtype = "text", "plain"
    params = _parameters(lexer, most, defects)
    return ContentType(maintype, subtype, params, defects=tuple(defects[:_DEFECTS]))


def parse_disposition(text: str, *, most: int | None = 1_000) -> Disposition:
    """The value of a Content-Disposition field.

    What has no kind is an attachment (RFC 2183 section 2.8).
    """
    usual = _USUAL_WORD.fullmatch(text)
    if usual is not None:
        params = _usual(usual[2])
        if params is not None and (most is None or len(params) <= most):
            return Disposition(usual[1].lower(), params)
    lexer = Lexer(text)
    defects: list[Defect] = []
    lexer.skip()
    start = lexer.pos
    kind = (lexer.take(TOKEN) or lexer.take(_LOOSE_TOKEN)).lower()
    lexer.skip()
    if not kind or text.startswith("=", lexer.pos):  # `filename=x` and no kind
        lexer.pos = start
        kind = "attachment"
        raw = text[start : start + 60].encode("utf-8", "replace")
        defects.append(Defect("missing_disposition", start, raw, kind))
    params = _parameters(lexer, most, defects)
    return Disposition(kind, params, defects=tuple(defects[:_DEFECTS]))


def parse_parameters(
    text: str, *, most: int | None = 1_000
) -> tuple[tuple[MimeParam, ...], tuple[Defect, ...]]:
    """The parameters of any field, with or without a semicolon before them; and their defects."""
    defects: list[Defect] = []
    params = _parameters(Lexer(text), most, defects)
    return params, tuple(defects[:_DEFECTS])


# --- The walk -------------------------------------------------------------------------------------


class _Gathered:
    """What was said of one name, in its forms."""

    __slots__ = ("extended", "offset", "plain", "sections")

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.plain: str | None = None
        self.extended: str | None = None
        self.sections: dict[int, tuple[str, bool]] = {}


def _parameters(lexer: Lexer, most: int | None, defects: list[Defect]) -> tuple[MimeParam, ...]:
    """All parameters from here on."""
    gathered: dict[str, _Gathered] = {}
    text = lexer.text
    count = 0
    while True:
        lexer.skip()
        start = lexer.pos
        semicolon = lexer.take(_SEMICOLONS)
        lexer.skip()
        if lexer.done:
            break
        if text.startswith(";", lexer.pos):
            continue
        if ";" not in semicolon and (count or start):
            _report(defects, "missing_semicolon", start, text, "a semicolon")
        if count == most:
            _report(defects, "too_many_parameters", lexer.pos, text, "the ones before it")
            break
        at = lexer.pos
        name = lexer.take(TOKEN) or lexer.take(_LOOSE_NAME)
        lexer.skip()
        if not name or not lexer.sign("="):
            _report(defects, "unreadable_parameter", at, text, "skipped up to the semicolon")
            lexer.take(_LOOSE_VALUE)
            while lexer.pos < len(text) and not text.startswith(";", lexer.pos):
                lexer.pos += 1
                lexer.take(_LOOSE_VALUE)
            continue
        lexer.skip()
        value = _value(lexer, defects)
        count += 1
        _gather(gathered, name.lower(), value, at, defects, text)
    if lexer.comments and gathered:
        _report(defects, "comment_in_parameter", 0, text, "a comment")
    return tuple([_param(name, one, defects) for name, one in gathered.items()])


def _report(defects: list[Defect], code: str, at: int, text: str, assumed: str) -> None:
    if len(defects) < _DEFECTS:
        defects.append(Defect(code, at, text[at : at + 60].encode("utf-8", "replace"), assumed))


def _value(lexer: Lexer, defects: list[Defect]) -> str:
    """A value, up to what ends it: a semicolon, or white space before the next parameter."""
    text, at = lexer.text, lexer.pos
    quoted = lexer.take(QUOTED)
    if quoted:
        return unquote(quoted)
    if text.startswith('"', at):  # it is never closed
        _report(defects, "unclosed_quote", at, text, "closed at the semicolon")
        return lexer.take(_LOOSE_VALUE).strip('"').strip()
    value = lexer.take(TOKEN)
    behind = lexer.pos
    if behind == len(text) or text[behind] in "; \t\r\n(":
        after = FWS.match(text, behind)
        assert after is not None  # it matches nothing at all, too
        rest = after.end()
        if rest == len(text) or text[rest] in ";(" or _next_is_parameter(text, rest):
            if not value:
                _report(defects, "empty_value", at, text, "an empty value")
            return value
    lexer.pos = at
    value = lexer.take(_LOOSE_VALUE).strip()
    _report(defects, "unquoted_parameter", at, text, "all up to the semicolon")
    return value


_NEXT: Final = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,60}+[ \t]{0,9}=")


def _next_is_parameter(text: str, at: int) -> bool:
    """Whether `name=` stands there: somebody forgot the semicolon."""
    return _NEXT.match(text, at) is not None


def _gather(
    gathered: dict[str, _Gathered],
    name: str,
    value: str,
    at: int,
    defects: list[Defect],
    text: str,
) -> None:
    match = _SECTION.fullmatch(name)
    base, number, star = (name, None, None) if match is None else match.groups()
    if match is None:
        if "*" in name.strip("*"):
            _report(defects, "bad_section", at, text, "a name of its own")
        base = name
    one = gathered.get(base)
    if one is None:
        one = gathered[base] = _Gathered(at)
    if number is not None:
        section = int(number)
        if section in one.sections:
            _report(defects, "duplicate_parameter", at, text, "the first counts")
        else:
            one.sections[section] = value, star is not None
    elif star is not None:
        if one.extended is not None:
            _report(defects, "duplicate_parameter", at, text, "the first counts")
        else:
            one.extended = value
    elif one.plain is not None:
        _report(defects, "duplicate_parameter", at, text, "the first counts")
    else:
        one.plain = value


def _param(name: str, one: _Gathered, defects: list[Defect]) -> MimeParam:
    forms = (one.plain is not None) + (one.extended is not None) + bool(one.sections)
    if forms > 1:
        code = "filename_twice" if name in ("filename", "name") else "parameter_twice"
        raw = name.encode("utf-8", "replace")
        defects.append(Defect(code, one.offset, raw, "the extended form counts"))
    if one.extended is not None:
        return _extended(name, [(one.extended, True)], one.offset, defects)
    if one.sections:
        sections: list[tuple[str, bool]] = []
        for number in range(len(one.sections)):
            if number not in one.sections:
                raw = f"{name}*{number}".encode("utf-8", "replace")
                defects.append(Defect("missing_section", one.offset, raw, "the ones before it"))
                break
            sections.append(one.sections[number])
        if not sections:  # there is no section 0: in the order of their numbers, then
            sections = [one.sections[number] for number in sorted(one.sections)]
        return _extended(name, sections, one.offset, defects)
    value = one.plain or ""
    if "=?" in value:
        decoded = decode_words(value)
        if decoded != value:
            raw = value[:60].encode("utf-8", "replace")
            code = "encoded_word_in_parameter"
            defects.append(Defect(code, one.offset, raw, "what it says"))
            return MimeParam(name, decoded)
    return MimeParam(name, _said(value, one.offset, defects))


def _said(value: str, offset: int, defects: list[Defect]) -> str:
    """A value without CR, LF and NUL: whoever uses it cannot be made to begin a new line."""
    said = one_line(value)
    if said != value:
        raw = value[:60].encode("utf-8", "replace")
        defects.append(Defect("control_in_parameter", offset, raw, "a space, or U+FFFD"))
    return said


def _extended(
    name: str, sections: list[tuple[str, bool]], offset: int, defects: list[Defect]
) -> MimeParam:
    """Sections with percents or without, the first of which has the charset if it has percents."""
    charset = language = ""
    first, percents = sections[0]
    if percents:
        head, quote_, rest = first.partition("'")
        language, second, behind = rest.partition("'")
        if quote_ and second:
            charset, first = head, behind
        else:
            language = ""
            raw = first[:60].encode("utf-8", "replace")
            defects.append(Defect("missing_charset", offset, raw, "UTF-8, or else windows-1252"))
    octets = b"".join(
        [
            _PERCENT.sub(lambda match: bytes((int(match[1], 16),)), one.encode("utf-8", "replace"))
            if encoded
            else one.encode("utf-8", "replace")
            for one, encoded in [(first, percents), *sections[1:]]
        ]
    )
    if not charset and octets.isascii():
        return MimeParam(name, _said(octets.decode("ascii"), offset, defects), language=language)
    decoded = decode_inner(octets, charset)
    defects += [attrs.evolve(defect, offset=offset) for defect in decoded.defects if charset]
    return MimeParam(name, _said(decoded.text, offset, defects), charset.lower(), language)


# --- Words ----------------------------------------------------------------------------------------


def parse_token(text: str) -> Token:
    """A field that is one word, without its comments: Content-Transfer-Encoding, MIME-Version."""
    word = text.strip(" \t\r\n")
    if TOKEN.fullmatch(word) is not None or MD5.fullmatch(word) is not None:
        return Token(word)
    lexer = Lexer(text)
    lexer.skip()
    words: list[str] = []
    defects: list[Defect] = []
    while not lexer.done:
        at = lexer.pos
        taken = lexer.take(TOKEN) or lexer.take(QUOTED)
        if not taken:
            lexer.pos += 1
            taken = text[at]
        words.append(taken)
        if len(words) > 1 and len(defects) < 1:
            _report(defects, "odd_token", at, text, "one word")
        lexer.skip()
    if not words:
        _report(defects, "empty_value", 0, text, "nothing")
    return Token("".join(words[:1_000]), defects=tuple(defects))


def parse_tokens(text: str) -> Tokens:
    """A field that is words with commas between: Content-Language."""
    lexer = Lexer(text)
    items: list[str] = []
    while True:
        lexer.skip()
        while lexer.sign(","):
            lexer.skip()
        if lexer.done or len(items) == 1_000:
            return Tokens(tuple(items))
        taken = lexer.take(_WORD)
        if taken:
            items.append(taken)
        else:  # a parenthesis that nothing closes
            lexer.pos += 1


_WORD: Final = re.compile(r"[^,\s(]+")


# --- Writing --------------------------------------------------------------------------------------

_EVIL: Final = re.compile(r"[\r\n\x00]")
_NAME: Final = re.compile(r"[!#$&+\-.0-9A-Z^_`a-z{|}~]{1,60}")
_ATTRIBUTE_CHAR: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`{|}~"
)
_ROOM: Final = 74  # of a line of 78: a space before it, a semicolon behind it


def format_parameters(params: Iterable[MimeParam]) -> list[str]:
    """Each parameter as one or more `name=value` pieces of at most 76 characters.

    ASCII that is short is a token or a quoted string; everything else is RFC 2231 in UTF-8. Raises
    ValueError for a name that is no attribute, and for CR, LF, NUL and lone surrogates in a value.
    """
    pieces: list[str] = []
    for param in params:
        name, value = param.name, param.value
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"not a name for a parameter: {name[:60]!r}")
        if value.isascii() and value.isprintable() and not param.language and "=?" not in value:
            plain = value if TOKEN.fullmatch(value) else quote(value)
            if len(name) + 1 + len(plain) <= _ROOM:
                pieces.append(f"{name}={plain}")
                continue
        if _EVIL.search(value) is not None or _EVIL.search(param.language) is not None:
            raise ValueError(f"the parameter {name} holds no CR, LF or NUL")
        pieces += _extended_pieces(name, value, param.language)
    return pieces


def _extended_pieces(name: str, value: str, language: str) -> list[str]:
    if language and re.fullmatch(r"[A-Za-z0-9-]{1,35}", language) is None:
        raise ValueError(f"not a language: {language[:40]!r}")
    try:
        octets = value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"the parameter {name} holds a lone surrogate") from None
    encoded = [chr(one) if one in _ATTRIBUTE_CHAR else f"%{one:02X}" for one in octets]
    head = f"utf-8'{language}'"
    whole = head + "".join(encoded)
    if len(name) + 2 + len(whole) <= _ROOM:
        return [f"{name}*={whole}"]
    pieces: list[str] = []
    line = f"{name}*0*={head}"
    for one in encoded:
        if len(line) + len(one) > _ROOM:
            pieces.append(line)
            line = f"{name}*{len(pieces)}*="
        line += one
    pieces.append(line)
    return pieces

"""ENVELOPE and BODYSTRUCTURE, read and written (RFC 9051 section 7.5.2).

These two are where servers differ most. What is certain is read and told in a defect: a field that
is missing, a list in the wrong place, a part without a type. What is not raises `Refused`, and
whoever asked makes an `Unparsed` of the item.

The usual form is one match of a pattern for each address and string; the tolerant reader stands
behind it. Parts inside parts are read and written with a stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeVar

from .._structure import Address, BodyStructure, Envelope
from ._lexer import Lexer, Refused, decode_text
from ._syntax import ANY_STRING, NTEXT, Kind
from ._writer import Writer, octets_of

__all__ = ["BODY", "BODYSTRUCTURE", "ENVELOPE"]


def _ntext(lexer: Lexer) -> str | None:
    octets = lexer.nstring()
    return None if octets is None else decode_text(octets)


# --- ENVELOPE -------------------------------------------------------------------------------------

_Q: Final = rb'"[^"\\\r\n\x00\x80-\xff]*+"'
_N: Final = rb"(?:" + _Q + rb"|NIL)"
_ADDRESS: Final = rb"\(" + rb" ".join([_N] * 4) + rb"\)"
_ADDRESSES: Final = rb"(NIL|\((?:" + _ADDRESS + rb")++\))"
_TEXT: Final = rb'("(?:[^"\\\r\n\x00\x80-\xff]++|\\["\\])*+"|NIL)'
_USUAL_ENVELOPE: Final = re.compile(
    rb"\(" + rb" ".join([_TEXT] * 2 + [_ADDRESSES] * 6 + [_TEXT] * 2) + rb"\)"
)
_USUAL_ADDRESS: Final = re.compile(
    rb"\(" + rb" ".join([rb'(?:"([^"\\\r\n\x00\x80-\xff]*+)"|NIL)'] * 4) + rb"\)"
)
_ADDRESS_FIELDS: Final = 4


def _usual_text(octets: bytes) -> str | None:
    """A string in ASCII, with its quotes, or NIL."""
    if octets == b"NIL":
        return None
    text = octets[1:-1].decode("ascii")
    return _ESCAPE.sub(r"\1", text) if "\\" in text else text


_ESCAPE: Final = re.compile(r"\\(.)")


def _matched_address(match: re.Match[bytes]) -> Address:
    name, adl, mailbox, host = match.groups()
    return Address(
        None if name is None else name.decode("ascii"),
        None if adl is None else adl.decode("ascii"),
        None if mailbox is None else mailbox.decode("ascii"),
        None if host is None else host.decode("ascii"),
    )


T = TypeVar("T")


def _kept(read: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """`read`, whose last results are kept, but for octets so long that they would weigh much."""
    cached = lru_cache(maxsize=1024)(read)

    def get(octets: bytes) -> T:
        return cached(octets) if len(octets) < _LONG else read(octets)

    return get


_LONG: Final = 300


@_kept
def _usual_addresses(octets: bytes) -> tuple[Address, ...]:
    """A list of addresses. The same come again and again: From, Sender and Reply-To are alike."""
    if octets == b"NIL":
        return ()
    return tuple(map(_matched_address, _USUAL_ADDRESS.finditer(octets)))


def _read_address(lexer: Lexer) -> Address:
    match = _USUAL_ADDRESS.match(lexer.octets, lexer.pos)
    if match is not None:
        lexer.pos = match.end()
        return _matched_address(match)
    lexer.expect(b"(")
    return _address_inside(lexer)


def _address_inside(lexer: Lexer) -> Address:
    start = lexer.pos
    fields: list[str | None] = [_ntext(lexer)]
    while not lexer.take(b")"):
        lexer.space()
        if lexer.lenient and lexer.take(b")"):
            lexer.odd("extra_space")
            break
        fields.append(_ntext(lexer))
    if len(fields) != _ADDRESS_FIELDS:
        if not lexer.lenient or len(fields) < 2:
            raise Refused("an address has four fields")
        # Octets and characters were mixed up, or quotes were forgotten: the last three are sound.
        lexer.odd("address_fields", start)
        if len(fields) < _ADDRESS_FIELDS:
            fields = [*([None] * (_ADDRESS_FIELDS - len(fields))), *fields]
        surplus = len(fields) - _ADDRESS_FIELDS + 1
        name = " ".join(field for field in fields[:surplus] if field is not None)
        fields = [name or None, *fields[surplus:]]
    return Address(*fields)


def _read_addresses(lexer: Lexer) -> tuple[Address, ...]:
    octets = lexer.octets
    if octets.startswith(b"NIL ", lexer.pos):
        lexer.pos += 3
        return ()
    if lexer.nil():
        return ()
    lexer.expect(b"(")
    found: list[Address] = []
    while True:
        octet = octets[lexer.pos]
        if octet == 0x28:
            found.append(_read_address(lexer))
            continue
        if octet == 0x29:
            lexer.pos += 1
            break
        if not lexer.lenient:
            lexer.refuse("an address")
        start = lexer.pos
        if octet == 0x20:
            lexer.pos += 1
            lexer.odd("extra_space", start)
        elif octets[start : start + 4].upper() in (b"NIL ", b"NIL)") and (
            octets[start + 3] == 0x29 or octets[start + 4] in b"()"
        ):
            lexer.pos += 3
            lexer.odd("nil_address", start)
        elif not found:
            found.append(_address_inside(lexer))  # a single address, without its own parentheses
            lexer.odd("bare_address", start)
            break
        else:
            lexer.refuse("an address")
    if not found:
        if not lexer.lenient:
            lexer.refuse("an address")
        lexer.odd("empty_list")
    return tuple(found)


def _read_envelope(lexer: Lexer) -> Envelope | None:
    match = _USUAL_ENVELOPE.match(lexer.octets, lexer.pos)
    if match is None:
        return _read_any_envelope(lexer)
    lexer.pos = match.end()
    date, subject, sender1, sender2, reply_to, to, cc, bcc, parent, ident = match.groups()
    return Envelope(
        _usual_text(date),
        _usual_text(subject),
        _usual_addresses(sender1),
        _usual_addresses(sender2),
        _usual_addresses(reply_to),
        _usual_addresses(to),
        _usual_addresses(cc),
        _usual_addresses(bcc),
        _usual_text(parent),
        _usual_text(ident),
    )


def _read_any_envelope(lexer: Lexer) -> Envelope | None:
    start = lexer.pos
    if lexer.lenient and lexer.nil():
        lexer.odd("no_envelope", start)
        return None
    lexer.expect(b"(")
    date = _ntext(lexer)
    lexer.space()
    subject = _ntext(lexer)
    lists: list[tuple[Address, ...]] = []
    for _ in range(6):
        lexer.space()
        lists.append(_read_addresses(lexer))
    ids: list[str | None] = []
    while not lexer.take(b")"):
        lexer.space()
        if lexer.lenient and lexer.take(b")"):
            lexer.odd("extra_space")
            break
        if len(ids) == 2:
            if not lexer.lenient:
                lexer.refuse("the end of the envelope")
            at = lexer.pos
            if not lexer.skip():
                lexer.refuse("the end of the envelope")
            lexer.odd("extra_field", at)
            continue
        ids.append(_ntext(lexer))
    if len(ids) < 2:
        if not lexer.lenient:
            lexer.refuse("an envelope of ten fields")
        lexer.odd("envelope_fields", start)
        ids = [*([None] * (2 - len(ids))), *ids]
    fields: list[Any] = [date, subject, *lists, *ids]
    return Envelope(*fields)


def _write_addresses(writer: Writer, addresses: tuple[Address, ...]) -> None:
    if not addresses:
        writer.put(b"NIL")
        return
    writer.put(b"(")
    for address in addresses:
        gap = b"("
        for field in address:
            writer.put(gap)
            NTEXT.write(writer, field)
            gap = b" "
        writer.put(b")")
    writer.put(b")")


def _write_envelope(writer: Writer, value: Envelope | None) -> None:
    if not isinstance(value, Envelope):
        raise TypeError(f"not an Envelope: {value!r}")
    writer.put(b"(")
    NTEXT.write(writer, value.date)
    writer.put(b" ")
    NTEXT.write(writer, value.subject)
    for addresses in (value.from_, value.sender, value.reply_to, value.to, value.cc, value.bcc):
        writer.put(b" ")
        _write_addresses(writer, addresses)
    writer.put(b" ")
    NTEXT.write(writer, value.in_reply_to)
    writer.put(b" ")
    NTEXT.write(writer, value.message_id)
    writer.put(b")")


ENVELOPE: Final = Kind(_read_envelope, _write_envelope)


# --- BODYSTRUCTURE --------------------------------------------------------------------------------

_Params = tuple[tuple[str, str], ...]


def _read_params(lexer: Lexer) -> _Params:
    if lexer.nil():
        return ()
    start = lexer.pos
    flat = lexer.list_of(_ntext)
    if len(flat) % 2:
        if not lexer.lenient:
            lexer.refuse("pairs of a name and a value")
        lexer.odd("odd_parameters", start)
        flat = (*flat, None)
    if None in flat:
        if not lexer.lenient:
            lexer.refuse("a string")
        lexer.odd("nil_parameter", start, "an empty value")
    return tuple(
        ((name or "").lower(), value or "")
        for name, value in zip(flat[::2], flat[1::2], strict=True)
    )


def _read_disposition(lexer: Lexer) -> tuple[str, _Params] | None:
    if lexer.nil():
        return None
    start = lexer.pos
    if lexer.lenient and not lexer.at(b"("):
        text = (_ntext(lexer) or "").strip('"').lower()
        if text in ("inline", "attachment"):
            lexer.odd("bare_disposition", start)
            return text, ()
        lexer.odd("no_disposition", start)  # Exchange has a description here
        return None
    lexer.expect(b"(")
    if lexer.lenient and lexer.take(b")"):
        lexer.odd("empty_list", start)
        return None
    kind = _ntext(lexer)
    params: _Params = ()
    if lexer.take(b")"):
        if not lexer.lenient:
            lexer.refuse("parameters of the disposition")
        lexer.odd("no_parameters", start)
    else:
        lexer.space()
        params = _read_params(lexer)
        lexer.expect(b")")
    if kind is None:
        if not lexer.lenient:
            lexer.refuse("a disposition")
        lexer.odd("nil_disposition", start)
        return None
    if '"' in kind:
        lexer.odd("bad_quoting", start)
    return kind.strip('"').lower(), params


def _read_language(lexer: Lexer, *, swapped: bool) -> Any:
    """Languages, or what `_read_disposition` gives if the two may have been swapped."""
    if lexer.nil():
        return ()
    if not lexer.at(b"("):
        text = _ntext(lexer)
        return () if text is None else (text,)
    start = lexer.pos
    if swapped and lexer.lenient and _IS_DISPOSITION.match(lexer.octets, lexer.pos):
        found = _read_disposition(lexer)
        lexer.odd("swapped", start)
        return found
    tags = lexer.list_of(_ntext)
    if None in tags:
        if not lexer.lenient:
            lexer.refuse("a language")
        lexer.odd("nil_language", start)
    return tuple(tag for tag in tags if tag is not None)


_IS_DISPOSITION: Final = re.compile(rb'\("[^"\\\r\n]*+" (?:\(|NIL\))', re.IGNORECASE)


class _Fields:
    """What has been read of a part while those inside it are read."""

    __slots__ = ("basic", "children", "envelope", "extension", "lines", "maintype", "subtype")

    def __init__(self, maintype: str, subtype: str, basic: tuple[Any, ...]) -> None:
        self.maintype = maintype
        self.subtype = subtype
        self.basic = basic  # params, id, description, encoding, octets
        self.children: list[BodyStructure] = []
        self.envelope: Envelope | None = None
        self.lines: int | None = None
        self.extension: tuple[Any, ...] = (None, None, (), None, ())

    def node(self, body: BodyStructure | None = None) -> BodyStructure:
        params, ident, description, encoding, octets = self.basic
        md5, disposition, language, location, extension = self.extension
        return BodyStructure(
            self.maintype,
            self.subtype,
            params,
            ident,
            description,
            encoding,
            octets,
            self.lines,
            md5,
            disposition,
            language,
            location,
            tuple(self.children),
            self.envelope,
            body,
            extension,
        )


_MULTIPART: Final[tuple[Any, ...]] = ((), None, None, "7bit", 0)


def _read_extension(lexer: Lexer, first: Any, *, more: bool = True) -> tuple[Any, ...]:
    """What may follow, from `first` (MD5 or parameters) on, up to the closing parenthesis."""
    disposition = location = None
    language: Any = ()
    extension: list[Any] = []
    if _next(lexer):
        disposition = _read_disposition(lexer)
        if _next(lexer):
            language = _read_language(lexer, swapped=disposition is None)
            if language is None or (language and not isinstance(language[-1], str)):
                disposition, language = language or disposition, ()
            if _next(lexer):
                start = lexer.pos
                if lexer.lenient and lexer.take(b"()"):
                    lexer.odd("empty_list", start)
                else:
                    location = _ntext(lexer)
                while _next(lexer):
                    if not more:
                        lexer.refuse("the end of a multipart")
                    extension.append(ANY_STRING.read(lexer))
    lexer.expect(b")")
    return first, disposition, language, location, tuple(extension)


def _next(lexer: Lexer) -> bool:
    """Whether another field follows, the space before it read."""
    if lexer.at(b")"):
        return False
    lexer.space()
    if lexer.lenient and lexer.at(b")"):
        lexer.odd("extra_space")
        return False
    return True


def _read_childless(lexer: Lexer, subtype: str) -> BodyStructure:
    """The rest of a multipart without parts: parameters and what may follow."""
    fields = _Fields("multipart", subtype.lower(), _MULTIPART)
    params: _Params = ()
    if _next(lexer):
        params = _read_params(lexer)
        _, *rest = _read_extension(lexer, None, more=False)
        fields.extension = (None, *rest)
    else:
        lexer.expect(b")")
    fields.basic = (params, *_MULTIPART[1:])
    return fields.node()


def _attempt_childless(lexer: Lexer, subtype: str) -> BodyStructure | None:
    start, defects = lexer.pos, len(lexer.defects)
    try:
        node = _read_childless(lexer, subtype)
    except Refused:
        lexer.pos = start
        del lexer.defects[defects:]
        return None
    lexer.odd("empty_multipart", start)
    return node


def _read_subtype(lexer: Lexer, maintype: str | None) -> str | BodyStructure | None:
    """What stands behind the type: a subtype, unless the whole is a multipart without parts."""
    if lexer.lenient and maintype and (lexer.at(b")") or _no_subtype(lexer)):
        node = _attempt_childless(lexer, maintype)
        if node is not None:
            return node
    lexer.space()
    subtype = _ntext(lexer)
    if lexer.lenient and maintype is None and subtype is not None:
        node = _attempt_childless(lexer, subtype)
        if node is not None:
            return node
    return subtype


def _read_single(lexer: Lexer, *, typeless: bool) -> tuple[_Fields, bool] | BodyStructure:
    """A part that is no multipart, behind its `(`: (what was read, whether a message follows)."""
    start = lexer.pos
    maintype: str | None
    subtype: str | None
    if typeless:
        maintype, subtype = None, _ntext(lexer)
    else:
        maintype = _ntext(lexer)
        found = _read_subtype(lexer, maintype)
        if isinstance(found, BodyStructure):
            return found
        subtype = found
    if not maintype or not subtype:
        if not lexer.lenient:
            lexer.refuse("a type and a subtype")
        if not maintype:
            maintype = "text" if (subtype or "").lower() in ("plain", "html") else "application"
        subtype = subtype or ("plain" if maintype.lower() == "text" else "octet-stream")
        lexer.odd("no_type", start, f"{maintype}/{subtype}".lower())
    lexer.space()
    params = _read_params(lexer)
    lexer.space()
    ident = _ntext(lexer)
    lexer.space()
    description = _ntext(lexer)
    lexer.space()
    at = lexer.pos
    encoding = _ntext(lexer)
    if encoding is None:
        if not lexer.lenient:
            lexer.refuse("an encoding")
        lexer.odd("no_encoding", at, "7BIT")
        encoding = "7bit"
    lexer.space()
    octets = _count(lexer, 2**63 - 1)
    fields = _Fields(
        maintype.lower(), subtype.lower(), (params, ident, description, encoding.lower(), octets)
    )
    is_message = fields.maintype == "message" and fields.subtype in ("rfc822", "global")
    if is_message and _follows(lexer, b"("):
        lexer.space()
        fields.envelope = _read_envelope(lexer)
        lexer.space()
        at = lexer.pos
        if lexer.lenient and lexer.take(b"()"):
            lexer.odd("empty_list", at)
            _finish_message(lexer, fields)
            return fields.node()
        return fields, True
    if fields.maintype == "text" or is_message:
        if _LINES.match(lexer.octets, lexer.pos):
            lexer.space()
            fields.lines = _count(lexer, 2**63 - 1)
        elif not lexer.lenient:
            lexer.refuse("a number of lines")
        else:
            lexer.odd("no_lines" if not is_message else "opaque_message")
    _finish_single(lexer, fields)
    return fields, False


_LINES: Final = re.compile(rb" +(?:-?[0-9]|NIL \()", re.IGNORECASE)
_SECOND: Final = re.compile(rb" +(?:\(|NIL(?= \())", re.IGNORECASE)


def _no_subtype(lexer: Lexer) -> bool:
    """Whether a list, or NIL and a list, stands where the subtype belongs."""
    return _SECOND.match(lexer.octets, lexer.pos) is not None


def _follows(lexer: Lexer, octet: bytes) -> bool:
    return lexer.octets[lexer.pos : lexer.pos + 2] == b" " + octet


def _count(lexer: Lexer, most: int) -> int:
    start = lexer.pos
    if lexer.lenient and lexer.nil():
        lexer.odd("nil_number", start, "0")
        return 0
    return lexer.number(most)


def _finish_single(lexer: Lexer, fields: _Fields) -> None:
    if _next(lexer):
        start = lexer.pos
        string = lexer.at(b'"') or start in lexer.frame.literals
        if lexer.lenient and not string and not lexer.nil():
            # Numbers and lists where an MD5 belongs: fields of some other kind of part.
            lexer.pos = start
            while True:
                if not lexer.skip():
                    break
                if not _next(lexer):
                    break
            lexer.odd("unknown_fields", start)
            lexer.expect(b")")
            return
        lexer.pos = start
        fields.extension = _read_extension(lexer, _ntext(lexer))
    else:
        lexer.expect(b")")


def _finish_message(lexer: Lexer, fields: _Fields) -> None:
    lexer.space()
    fields.lines = _count(lexer, 2**63 - 1)
    _finish_single(lexer, fields)


def _finish_multipart(lexer: Lexer, fields: _Fields) -> None:
    lexer.space()
    start = lexer.pos
    subtype = _ntext(lexer)
    if subtype is None:
        if not lexer.lenient:
            lexer.refuse("a subtype")
        lexer.odd("no_type", start, "mixed")
        subtype = "mixed"
    fields.subtype = subtype.lower()
    if _next(lexer):
        params = _read_params(lexer)
        fields.basic = (params, *_MULTIPART[1:])
        fields.extension = _read_extension(lexer, None)
    else:
        lexer.expect(b")")


# The usual form: a part is one match, and so is what stands behind the parts of a multipart. What
# is alike in part after part (type, charset, encoding; four times NIL) is kept with its values.

_PAIRS: Final = rb"\(" + _Q + rb" " + _Q + rb"(?: " + _Q + rb" " + _Q + rb"){0,50}+\)"
_PARAMS: Final = rb"(?:NIL|" + _PAIRS + rb")"
_DISPOSITION: Final = rb"(?:NIL|\(" + _Q + rb" " + _PARAMS + rb"\))"
_LANGUAGE_AND_SO_ON: Final = rb"(?: " + _N + rb"(?: " + _N + rb")?+)?+"
_BEHIND: Final = rb"(?: " + _DISPOSITION + _LANGUAGE_AND_SO_ON + rb")?+"
_USUAL_PART: Final = re.compile(
    rb"\((" + _Q + rb" " + _Q + rb" " + _PARAMS + rb" " + _N + rb" " + _N + rb" " + _Q + rb")"
    rb" ([0-9]{1,18}+)(?: ([0-9]{1,18}+))?+((?: " + _N + _BEHIND + rb")?+)\)"
)
_USUAL_TAIL: Final = re.compile(rb" (" + _Q + rb")((?: " + _PARAMS + _BEHIND + rb")?+)\)")
_MOST_PAIRS: Final = 51


def _usual_words(octets: bytes) -> list[Any]:
    """Strings and lists of strings, NIL as None."""
    stack: list[list[Any]] = [[]]
    for token in _WORD.findall(octets.decode("ascii")):
        if token == "(":
            stack.append([])
        elif token == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(None if token == "NIL" else token[1:-1])
    return stack[0]


_WORD: Final = re.compile(r'"[^"]*+"|NIL|[()]')


def _usual_params(flat: list[str] | None) -> _Params:
    if flat is None:
        return ()
    return tuple((name.lower(), value) for name, value in zip(flat[::2], flat[1::2], strict=True))


@_kept
def _usual_type(octets: bytes) -> tuple[str, str, _Params, str | None, str | None, str]:
    """What a part begins with: type, subtype, parameters, id, description, encoding."""
    maintype, subtype, params, ident, description, encoding = _usual_words(octets)
    return (
        maintype.lower(),
        subtype.lower(),
        _usual_params(params),
        ident,
        description,
        encoding.lower(),
    )


@_kept
def _usual_extension(octets: bytes) -> tuple[Any, Any, tuple[str, ...], Any]:
    """What may follow: MD5 or the parameters of a multipart, disposition, language, location."""
    words = _usual_words(octets)
    first, disposition, language, location = words + [None] * (4 - len(words))
    if disposition is not None:
        kind, params = disposition
        disposition = kind.lower(), _usual_params(params)
    return first, disposition, () if language is None else (language,), location


def _read_usual_body(octets: bytes, pos: int, most: int) -> tuple[BodyStructure, int] | None:
    """The structure at `pos` and where it ends, if all of it has the usual form."""
    stack: list[list[BodyStructure]] = []
    while len(stack) < most:
        match = _USUAL_PART.match(octets, pos)
        if match is None:
            if not octets.startswith(b"((", pos):
                return None
            stack.append([])
            pos += 1
            continue
        head, size, lines, more = match.groups()
        maintype, subtype, params, ident, description, encoding = _usual_type(head)
        if (lines is None) == (maintype == "text") or maintype in ("message", "multipart", ""):
            return None
        md5, disposition, language, location = _usual_extension(more)
        node = BodyStructure(
            maintype,
            subtype,
            params,
            ident,
            description,
            encoding,
            int(size),
            None if lines is None else int(lines),
            md5,
            disposition,
            language,
            location,
        )
        pos = match.end()
        while stack:
            stack[-1].append(node)
            if octets[pos] == 0x28:
                break
            match = _USUAL_TAIL.match(octets, pos)
            if match is None:
                return None
            pos = match.end()
            kind, more = match.groups()
            flat, disposition, language, location = _usual_extension(more)
            node = BodyStructure(
                "multipart",
                kind[1:-1].decode("ascii").lower(),
                _usual_params(flat),
                None,
                None,
                "7bit",
                0,
                None,
                None,
                disposition,
                language,
                location,
                tuple(stack.pop()),
            )
        else:
            return node, pos
    return None


def _read_body(lexer: Lexer) -> BodyStructure | None:
    items = lexer.limits.items
    if items is None or items >= 2 * _MOST_PAIRS:
        usual = _read_usual_body(lexer.octets, lexer.pos, lexer.most)
        if usual is not None:
            node, lexer.pos = usual
            return node
    return _read_any_body(lexer)


def _read_any_body(lexer: Lexer) -> BodyStructure | None:
    start = lexer.pos
    if lexer.lenient:
        if lexer.nil():
            lexer.odd("no_structure", start)
            return None
        if lexer.take(b'"" '):
            lexer.odd("extra_string", start)
    stack: list[_Fields] = []
    while True:
        if len(stack) >= lexer.most:
            lexer.refuse(f"at most {lexer.most} levels of parts")
        lexer.expect(b"(")
        typeless = lexer.lenient and lexer.take(b" ")
        if lexer.at(b"("):
            if typeless:
                lexer.odd("extra_space", lexer.pos - 1)
            stack.append(_Fields("multipart", "", _MULTIPART))
            continue
        found = _read_single(lexer, typeless=typeless)
        if isinstance(found, BodyStructure):
            node = found
        else:
            fields, message = found
            if message:
                stack.append(fields)
                continue
            node = fields.node()
        # A part is complete: so may be what it stands in, and so on.
        while stack:
            fields = stack[-1]
            if fields.maintype == "multipart":
                fields.children.append(node)
                if lexer.lenient and lexer.at(b" ("):
                    lexer.space()
                    lexer.odd("extra_space")
                if lexer.at(b"("):
                    break
                _finish_multipart(lexer, fields)
                node = fields.node()
            else:
                _finish_message(lexer, fields)
                node = fields.node(node)
            stack.pop()
        else:
            return node


# --- Written --------------------------------------------------------------------------------------


def _write_params(writer: Writer, params: _Params) -> None:
    if not params:
        writer.put(b"NIL")
        return
    gap = b"("
    for name, value in params:
        if name != name.lower():
            raise ValueError(f"names of parameters are kept in lower case: {name[:80]!r}")
        writer.put(gap)
        writer.string(octets_of(name))
        writer.put(b" ")
        writer.string(octets_of(value))
        gap = b" "
    writer.put(b")")


def _write_upper(writer: Writer, text: str) -> None:
    if text != text.lower():
        raise ValueError(f"types and encodings are kept in lower case: {text[:80]!r}")
    # Upper case is what clients know from the RFC; a letter that has none there stays as it is.
    octets = octets_of(text)
    writer.string(octets.upper())


def _write_single(writer: Writer, part: BodyStructure) -> None:
    _write_upper(writer, part.maintype)
    writer.put(b" ")
    _write_upper(writer, part.subtype)
    writer.put(b" ")
    _write_params(writer, part.params)
    writer.put(b" ")
    NTEXT.write(writer, part.id)
    writer.put(b" ")
    NTEXT.write(writer, part.description)
    writer.put(b" ")
    _write_upper(writer, part.encoding)
    writer.put(b" ")
    writer.number(part.octets)


def _write_extension(writer: Writer, part: BodyStructure, *, multipart: bool) -> None:
    writer.put(b" ")
    if multipart:
        _write_params(writer, part.params)
    else:
        NTEXT.write(writer, part.md5)
    writer.put(b" ")
    if part.disposition is None:
        writer.put(b"NIL ")
    else:
        kind, params = part.disposition
        if kind != kind.lower() or '"' in kind:
            raise ValueError(f"dispositions are in lower case, without quotes: {kind[:80]!r}")
        writer.put(b"(")
        writer.string(octets_of(kind))
        writer.put(b" ")
        _write_params(writer, params)
        writer.put(b") ")
    if not part.language:
        writer.put(b"NIL")
    elif len(part.language) == 1:
        writer.string(octets_of(part.language[0]))
    else:
        gap = b"("
        for tag in part.language:
            writer.put(gap)
            writer.string(octets_of(tag))
            gap = b" "
        writer.put(b")")
    writer.put(b" ")
    NTEXT.write(writer, part.location)
    for value in part.extension:
        writer.put(b" ")
        ANY_STRING.write(writer, value)


def _write_tree(writer: Writer, top: BodyStructure | None, *, extended: bool) -> None:
    if not isinstance(top, BodyStructure):
        raise TypeError(f"not a BodyStructure: {top!r}")
    # What is left to be written: a part, or what comes behind those inside it.
    waiting: list[tuple[BodyStructure, bool]] = [(top, False)]
    while waiting:
        part, entered = waiting.pop()
        if part.parts:
            if part.maintype != "multipart":
                raise ValueError("only a multipart has parts")
            if not entered:
                writer.put(b"(")
                waiting.append((part, True))
                waiting += ((child, False) for child in reversed(part.parts))
                continue
            writer.put(b" ")
            _write_upper(writer, part.subtype)
        elif part.maintype == "multipart":
            raise ValueError("IMAP cannot write a multipart without parts")
        else:
            message = part.maintype == "message" and part.subtype in ("rfc822", "global")
            if not entered:
                writer.put(b"(")
                _write_single(writer, part)
                if message:
                    if part.envelope is None or part.body is None:
                        raise ValueError("a message inside has an envelope and a body")
                    writer.put(b" ")
                    _write_envelope(writer, part.envelope)
                    writer.put(b" ")
                    waiting += ((part, True), (part.body, False))
                    continue
            if message or part.maintype == "text":
                if part.lines is None:
                    raise ValueError("a text or a message has a number of lines")
                writer.put(b" ")
                writer.number(part.lines)
            elif part.lines is not None:
                raise ValueError("only texts and messages have a number of lines")
        if extended:
            _write_extension(writer, part, multipart=bool(part.parts))
        writer.put(b")")


def _write_extended(writer: Writer, value: BodyStructure | None) -> None:
    _write_tree(writer, value, extended=True)


def _write_plain(writer: Writer, value: BodyStructure | None) -> None:
    _write_tree(writer, value, extended=False)


BODYSTRUCTURE: Final = Kind(_read_body, _write_extended)
BODY: Final = Kind(_read_body, _write_plain)
"""The form without what was added later: parameters of a multipart, disposition and so on."""

"""Values to fields: the one place where a header field is written.

What lives here: a formatter for each class of value (`_FORMATTERS`), the folding, and the checks.
What does not: which fields a message has (`_build`), and where they are put (`_edit`).

Invariants

* What is read back from a written field is the value that was written; the reader finds no defect.
* No CR, LF, NUL or other control character gets out of a value, on any path: it is a ValueError. So
  is a lone surrogate, and whatever the grammar of the field cannot hold.
* Lines are folded at 78 characters where there is white space, and are never longer than 998
  octets; no line is white space alone, none ends in white space. What cannot be folded below 998 is
  refused; in free text and display names it is written as encoded-words instead.
* With `utf8` (RFC 6532) text is written as it is; without it is ASCII: encoded-words, RFC 2231,
  A-labels. A local part that is not ASCII has no ASCII form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

from .._grammar import ATEXT, is_address_literal, is_domain, with_utf8
from ._dates import format_date
from ._header import PARSERS, FieldValue, member_defects, parse_field
from ._lexer import DOT_ATOM, TOKEN, quote
from ._parameters import MD5, format_parameters
from ._trace import (
    format_authentication_results,
    format_list_id,
    format_list_urls,
    format_received,
    format_tags,
)
from ._vocabulary import (
    AddressList,
    AuthenticationResults,
    ContentType,
    Date,
    Disposition,
    Group,
    ListId,
    ListUrls,
    Mailbox,
    MessageIds,
    Received,
    TagList,
    Text,
    Token,
    Tokens,
    Unparsed,
)
from ._words import encode_words

__all__ = ["Writable", "format_field", "format_text"]

Writable: TypeAlias = FieldValue | str | Mailbox | Group | datetime | Sequence[Mailbox | Group]
"""What a field can be written from."""

_SHOULD: Final = 78  # RFC 5322 section 2.1.1
_MUST: Final = 998
_NAME: Final = re.compile(r"[!-9;-~]{1,76}")
_NAMES: Final = frozenset(
    ("Date", "From", "To", "Cc", "Subject", "Message-ID", "Content-Type", "Content-Disposition")
)
"""Those that are written most: they are known to be names."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_PLAIN_PHRASE: Final = re.compile(rf"{with_utf8(ATEXT)}+(?: {with_utf8(ATEXT)}+)*")
_ID: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@\[\]:-]+")
_LONG_WORD: Final = 200  # a word of free text longer than that is encoded, so that it can be folded


def format_field(name: str, value: Writable, *, utf8: bool = False) -> bytes:
    """One header field, folded, with CRLF at its end.

    Text for a field whose values are structured (`PARSERS`) is read first, and must be proper.
    Raises ValueError for a name that is none and for what the field cannot hold; TypeError for a
    value of a class that no field has.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a field is str, not {type(name).__name__}")
    if name not in _NAMES and _NAME.fullmatch(name) is None:
        raise ValueError(f"not a name for a field: {name[:80]!r}")
    if isinstance(value, str) and name.lower() in PARSERS:
        value = _proper(name, value)
    formatter = _FORMATTERS.get(type(value))
    if formatter is None:
        raise TypeError(f"no field is written from {type(value).__name__}")
    text = formatter(value, utf8, len(name) + 2)
    if not text.isprintable() and _CONTROL.search(text) is not None:
        raise ValueError(f"{name}: a value holds no control characters")
    if not utf8 and not text.isascii():
        raise ValueError(f"{name}: this needs utf8=True, and a peer with SMTPUTF8")
    return _folded(name, text)


def format_text(name: str, text: str, *, utf8: bool = False) -> bytes:
    """A field whose body is text as it is: nothing in it is encoded.

    Raises ValueError for what would need that, and for white space at an end, which would be lost.
    """
    _check(text, name)
    if text != text.strip(" \t"):
        raise ValueError(f"{name}: white space at an end would be lost")
    if not utf8 and not text.isascii():
        raise ValueError(f"{name}: this is not ASCII, and nothing can be encoded here")
    return _folded(name, text)


def _proper(name: str, text: str) -> FieldValue:
    """The value of a structured field, from text without a defect."""
    _check(text, name)
    value = parse_field(name, text.encode("utf-8"))
    defects = getattr(value, "defects", ())
    if isinstance(value, AddressList):
        defects = (*defects, *member_defects(value.items))
    if defects or isinstance(value, Unparsed):
        what = defects[0].code if defects else "not readable"
        raise ValueError(f"{name}: {what}: {text[:80]!r}")
    return value


def _check(text: str, what: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{what} is str, not {type(text).__name__}")
    if not text.isprintable() and _CONTROL.search(text) is not None:
        raise ValueError(f"{what} holds a control character or a lone surrogate: {text[:80]!r}")
    return text


def _folded(name: str, text: str) -> bytes:
    """The field, with its lines cut where white space is."""
    line = f"{name}: {text}" if text else f"{name}:"
    octets = line.encode("utf-8")
    if len(line) <= _SHOULD:
        return octets + b"\r\n"
    least = len(name) + 2  # never right behind the colon: some readers take that for an empty field
    lines: list[bytes] = []
    start, last = 0, -1
    end = len(octets.rstrip(b" \t"))
    for match in _SPACES.finditer(octets, least):
        at = match.start()
        if at >= end:
            break
        if at - start > _SHOULD and last > start:
            lines.append(octets[start:last])
            start = last
        last = at
    if end - start > _SHOULD and last > start:
        lines.append(octets[start:last])
        start = last
    lines.append(octets[start:])
    if max(map(len, lines)) > _MUST:
        raise ValueError(f"{name}: a line of more than 998 octets that cannot be folded")
    return b"\r\n".join(lines) + b"\r\n"


_SPACES: Final = re.compile(rb"[ \t]+")


# --- Text -----------------------------------------------------------------------------------------


def _text(text: str, utf8: bool, column: int) -> str:
    """Free text: words that need it, and all between them, become encoded-words."""
    _check(text, "text")
    if text.isascii() and "=?" not in text and len(text) <= _LONG_WORD and text == text.strip():
        return text
    words = text.split(" ")
    if "=?" in text or len(text) > _LONG_WORD:
        needy = [
            place
            for place, word in enumerate(words)
            if (not utf8 and not word.isascii()) or "=?" in word or len(word) > _LONG_WORD
        ]
    else:
        needy = [] if utf8 else [at for at, word in enumerate(words) if not word.isascii()]
    if text == text.strip(" \t"):
        if not needy:
            return text
        first, last = needy[0], needy[-1]
    else:
        # White space at an end would be lost: it goes into an encoded-word, with a word beside it.
        full = [place for place, word in enumerate(words) if word] or [0]
        first = full[0] if text[:1] in (" ", "\t") else needy[0] if needy else full[-1]
        last = full[-1] if text[-1:] in (" ", "\t") else needy[-1] if needy else full[0]
    while first and not words[first - 1]:  # white space beside an encoded-word goes into it
        first -= 1
    while last + 1 < len(words) and not words[last + 1]:
        last += 1
    before = words[:first]
    room = _SHOULD - column - len(" ".join(before)) - 1
    encoded = encode_words(" ".join(words[first : last + 1]), first=min(room, 75))
    return " ".join([*before, *encoded, *words[last + 1 :]])


def _phrase(name: str, utf8: bool, column: int) -> str:
    """A display name: atoms, or a quoted string, or encoded-words."""
    _check(name, "a display name")
    plain = (utf8 or name.isascii()) and "=?" not in name
    if plain and _PLAIN_PHRASE.fullmatch(name) is not None and len(name) <= _LONG_WORD:
        return name
    if plain and max(map(len, name.split(" "))) <= _LONG_WORD and name == name.strip():
        return quote(name)
    return " ".join(encode_words(name, phrase=True, first=min(_SHOULD - column, 75)))


# --- Addresses ------------------------------------------------------------------------------------


def _mailbox(box: Mailbox, utf8: bool, column: int) -> str:
    if type(box) is not Mailbox:
        raise TypeError(f"an address is a Mailbox, not {type(box).__name__}")
    local = _check(box.local_part, "a local part")
    domain = box.domain or _check(box.domain, "a domain")  # else `_domain()` looks at it
    if not local and not domain and not box.name:
        return "<>"
    if not utf8 and not local.isascii():
        raise ValueError(f"a local part that is not ASCII needs utf8=True: {local[:80]!r}")
    if not local or not domain:
        raise ValueError(f"an address needs a local part and a domain: {box.addr_spec[:80]!r}")
    if not local.isalnum() and DOT_ATOM.fullmatch(local) is None:
        local = quote(local)
    address = f"{local}@{_domain(domain, utf8)}"
    if not box.name:
        return address
    return f"{_phrase(box.name, utf8, column)} <{address}>"


@lru_cache(maxsize=1024)
def _domain(domain: str, utf8: bool) -> str:
    """A domain as it is written. The same few come again and again."""
    _check(domain, "a domain")
    if domain.startswith("["):
        if not is_address_literal(domain):
            raise ValueError(f"not an address literal: {domain[:80]!r}")
        return domain
    if not domain.isascii() and not utf8:
        label = _a_label(domain)
        if label is None:
            raise ValueError(
                f"a domain without a certain ASCII form, give its A-label: {domain[:80]!r}"
            )
        domain = label
    if not is_domain(domain.replace("_", "-")):
        raise ValueError(f"not a domain: {domain[:80]!r}")
    return domain


def _a_label(domain: str) -> str | None:
    """A domain in ASCII, if that stands for the same domain.

    The codec of the standard library is that of RFC 3490, which changes some letters.
    """
    try:
        label = domain.encode("idna")
        same = label.decode("idna") == domain.lower()
    except UnicodeError:
        return None
    return label.decode("ascii") if same else None


def _group(group: Group, utf8: bool, column: int) -> str:
    name = _phrase(group.name, utf8, column)
    if not group.name:
        raise ValueError("a group needs a name")
    inside = [_member(one, utf8, 0) for one in group.mailboxes]
    return f"{name}: {', '.join(inside)};" if inside else f"{name}:;"


def _member(item: object, utf8: bool, column: int) -> str:
    match item:
        case Mailbox():
            return _mailbox(item, utf8, column)
        case Unparsed():
            raise ValueError(f"what could not be read is not written: {item.raw[:80]!r}")
        case _:
            raise TypeError(f"an address is a Mailbox or a Group, not {type(item).__name__}")


def _addresses(items: Iterable[object], utf8: bool, column: int) -> str:
    written: list[str] = []
    for item in items:
        if type(item) is Mailbox:
            written.append(_mailbox(item, utf8, column))
        elif isinstance(item, Group):
            written.append(_group(item, utf8, column))
        else:
            written.append(_member(item, utf8, column))
        column = 1
    return ", ".join(written)


# --- The others -----------------------------------------------------------------------------------


def _ids(value: MessageIds) -> str:
    for one in value.ids:
        if _ID.fullmatch(_check(one, "a message identifier")) is None:
            raise ValueError(f"not a message identifier: {one[:80]!r}")
    return " ".join([f"<{one}>" for one in value.ids])


def _token(text: str) -> str:
    if TOKEN.fullmatch(_check(text, "a token")) is None:
        raise ValueError(f"not a token: {text[:80]!r}")
    return text


def _word(text: str) -> str:
    """A token, or the one thing that is a word and none (RFC 1864)."""
    return text if MD5.fullmatch(_check(text, "a token")) is not None else _token(text)


def _content_type(value: ContentType) -> str:
    essence = f"{_token(value.maintype)}/{_token(value.subtype)}"
    return "; ".join([essence, *format_parameters(value.params)])


_FORMATTERS: Final[dict[type, Callable[[Any, bool, int], str]]] = {
    str: _text,
    Text: lambda value, utf8, column: _text(value.text, utf8, column),
    AddressList: lambda value, utf8, column: _addresses(value.items, utf8, column),
    list: _addresses,
    tuple: _addresses,
    Mailbox: _mailbox,
    Group: _group,
    Date: lambda value, _utf8, _column: format_date(value),
    datetime: lambda value, _utf8, _column: format_date(value),
    MessageIds: lambda value, _utf8, _column: _ids(value),
    Token: lambda value, _utf8, _column: _word(value.text),
    Tokens: lambda value, _utf8, _column: ", ".join(map(_token, value.items)),
    ContentType: lambda value, _utf8, _column: _content_type(value),
    Disposition: lambda value, _utf8, _column: "; ".join(
        [_token(value.kind), *format_parameters(value.params)]
    ),
    Received: lambda value, _utf8, _column: format_received(value),
    ListUrls: lambda value, _utf8, _column: format_list_urls(value),
    ListId: lambda value, utf8, _column: format_list_id(value, utf8=utf8),
    AuthenticationResults: lambda value, _utf8, _column: format_authentication_results(value),
    TagList: lambda value, _utf8, _column: format_tags(value),
}

"""Messages: header values, drafts, whole messages; and those that are nearly or not at all proper.

What lives here: three rings around RFC 5322 and MIME. What is well-formed is written by
`mailproto.message` from values that are drawn here. What is nearly well-formed is that, with one or
more of the slips that are met in the field. What is hostile are the attacks that mail parsers fell
for, small enough to be read. What does not: octets on their way, and damage as such (`_shared`).

Invariants

* A header value can be written into the field it was drawn for, with the `utf8` it was drawn for,
  and is read back as itself.
* `messages()` have no defect, no ambiguity, and nothing that RFC 5322 asks for is missing.
* The others are octets: what they hold need not be readable as anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .. import message
from ..message._addresses import parse_addresses
from ..message._dates import parse_date
from ..message._header import PARSERS, FieldValue
from ..message._ids import parse_message_ids
from ..message._lexer import unquote
from ..message._parameters import (
    parse_content_type,
    parse_disposition,
    parse_token,
    parse_tokens,
)
from ..message._trace import (
    CLAUSES,
    parse_authentication_results,
    parse_list_id,
    parse_list_urls,
    parse_received,
    parse_tags,
)
from ._shared import (
    BEYOND,
    OCTETS,
    PRINTABLE,
    TEXT,
    address_literals,
    addresses,
    bodies,
    domains,
    local_parts,
    mutated,
    once,
)

__all__ = [
    "drafts",
    "groups",
    "header_fields",
    "header_values",
    "headers",
    "hostile_messages",
    "mailboxes",
    "messages",
    "near_messages",
]

V = TypeVar("V")

# --- Words ----------------------------------------------------------------------------------------

_ODD_WORDS: Final = (
    "=?utf-8?q?typed?=",
    "=?",
    "?=",
    '"',
    "\\",
    "(",
    ")",
    "<a@b>",
    "a, b; c: d",
    " x",
    "x ",
    "a  b",
    "a\tb",
    "x" * 90,
    "ü" * 40,
    "../../etc/passwd",
    "From x",
    ".",
    "e\u0301",
    "\u202egnp.exe",
)
_SAID: Final = st.one_of(
    st.sampled_from(["", "hello", "hello world", "Ada Lovelace", "Grüße", "日本語", "📧 mail"]),
    st.text(PRINTABLE | BEYOND, max_size=20),
    st.text(TEXT, max_size=12),
    st.lists(st.sampled_from([*_ODD_WORDS, "a", "ü", " "]), max_size=3).map("".join),
    st.lists(st.sampled_from(["lorem", "ipsum", "dolor", "größer"]), max_size=20).map(" ".join),
)
"""What text in a header can say: anything but control characters and lone surrogates."""
_ASCII_SAID: Final = st.one_of(
    st.sampled_from(["", "hello world", "a (b) c", '"', "\\", "; x=y", "\u0020"]),
    st.text(PRINTABLE, max_size=20),
)
_ATOM: Final = st.text("abcxyzABC019!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=8)
_DOT_ATOM: Final = st.lists(_ATOM, min_size=1, max_size=3).map(".".join)
_TOKEN: Final = st.text("abcxyz019!#$&+.^_`{|}~-", min_size=1, max_size=8)
_KEYWORD: Final = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,3})?", fullmatch=True)


def _said(utf8: bool) -> SearchStrategy[str]:
    """Text for places where encoded-words are not to be: as it is written."""
    return _SAID.filter(_no_controls) if utf8 else _ASCII_SAID


def _no_controls(text: str) -> bool:
    return not any(one < " " or one == "\x7f" for one in text)


def _trimmed(text: str) -> str:
    return text.strip(" \t")


# --- Addresses ------------------------------------------------------------------------------------

_NULL_PATH: Final = message.Mailbox("", "")


def _bare(local: str) -> str:
    """What a local part says, without its quotes."""
    return unquote(local) if local.startswith('"') else local


@once
def mailboxes(*, utf8: bool = False) -> SearchStrategy[message.Mailbox]:
    """Addresses with and without a display name, which is any text at all.

    With `utf8`, local parts and domains beyond ASCII too (RFC 6532); names are so anyway.
    """
    usual = st.sampled_from(
        [
            message.Mailbox("ada", "example.org", "Ada Lovelace"),
            message.Mailbox("b", "example.net"),
            message.Mailbox("c", "example.com", "Müller, Jörg"),
        ]
    )
    locals_ = local_parts(utf8=utf8).map(_bare).filter(bool)
    domain = domains(utf8=utf8) | address_literals()
    return usual | st.builds(message.Mailbox, locals_, domain, _SAID.filter(_no_controls))


@once
def groups(*, utf8: bool = False, max_size: int = 3) -> SearchStrategy[message.Group]:
    """Groups of at most `max_size` mailboxes, often of none (RFC 5322 section 3.4)."""
    names = st.sampled_from(["undisclosed-recipients", "A Group"]) | _SAID.filter(_no_controls)
    members = st.lists(mailboxes(utf8=utf8), max_size=max_size).map(tuple)
    return st.builds(message.Group, names.filter(str.strip), st.just(()) | members)


# --- Header values, by what reads them ------------------------------------------------------------


def _address_lists(name: str, utf8: bool) -> SearchStrategy[FieldValue]:
    box, most = mailboxes(utf8=utf8), 4
    if name in ("sender", "resent-sender"):
        return box.map(lambda one: message.AddressList((one,)))
    if name == "return-path":
        bare = box.map(lambda one: message.Mailbox(one.local_part, one.domain))
        return (st.just(_NULL_PATH) | bare).map(lambda one: message.AddressList((one,)))
    if name in ("from", "resent-from"):
        return st.lists(box, min_size=1, max_size=most).map(tuple).map(message.AddressList)
    items = st.lists(box | groups(utf8=utf8), min_size=1, max_size=most)
    return items.map(lambda items: message.AddressList(tuple(items)))


def _dates() -> SearchStrategy[message.Date]:
    minutes = st.sampled_from([0, 60, -480, 330, 840, 1_439, -1_439]) | st.integers(-1_439, 1_439)
    zones = minutes.map(lambda count: timezone(timedelta(minutes=count)) if count else UTC)
    usual = st.sampled_from([_WHEN, _WHEN.replace(2000, 2, 29, 23, 59, 59), _WHEN.replace(1900)])
    first, last = _WHEN.replace(1900, 1, 2, tzinfo=None), _WHEN.replace(9999, 12, 30, tzinfo=None)
    moments = (usual | st.datetimes(first, last, timezones=st.just(UTC))).map(_whole_second)
    unknown = moments.map(lambda when: message.Date(when, zone_known=False))
    return st.builds(_date, moments, zones) | unknown


_WHEN: Final = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def _whole_second(when: datetime) -> datetime:
    return when.replace(microsecond=0)


def _date(when: datetime, zone: timezone) -> message.Date:
    return message.Date(when.replace(tzinfo=zone))


def _ids() -> SearchStrategy[str]:
    right = _DOT_ATOM | domains() | st.sampled_from(["[192.0.2.1]", "[IPv6:::1]"])
    return st.sampled_from(["1@example.org", "a.b$c@d"]) | st.builds(
        "{}@{}".format, _DOT_ATOM, right
    )


def _id_lists(name: str) -> SearchStrategy[FieldValue]:
    most = 6 if name in ("references", "in-reply-to") else 1
    return st.lists(_ids(), min_size=1, max_size=most).map(tuple).map(message.MessageIds)


def _params(*names: str) -> SearchStrategy[tuple[message.MimeParam, ...]]:
    """Parameters, each name once; RFC 2231 where it has to be."""
    name = st.sampled_from(names) | _TOKEN.filter(lambda one: one not in ("boundary", "charset"))
    languages = st.sampled_from(["", "", "", "en", "de-CH"])
    values = _SAID.filter(_no_controls)
    param = st.builds(message.MimeParam, name, values, language=languages)
    return st.lists(param, max_size=3, unique_by=lambda one: one.name).map(tuple)


_TYPES: Final = (
    ("text", "plain"),
    ("text", "html"),
    ("image", "png"),
    ("application", "octet-stream"),
    ("application", "vnd.x+json"),
    ("audio", "ogg"),
    ("x-own", "x.y-z"),
)


def _content_types() -> SearchStrategy[message.ContentType]:
    usual = st.sampled_from([message.ContentType(*names) for names in _TYPES])
    given = usual.flatmap(
        lambda one: st.builds(
            message.ContentType, st.just(one.maintype), st.just(one.subtype), _params("name", "x")
        )
    )
    return usual | given


def _dispositions() -> SearchStrategy[message.Disposition]:
    kind = st.sampled_from(["attachment", "inline", "form-data"]) | _TOKEN
    return st.builds(message.Disposition, kind, _params("filename", "size", "creation-date"))


def _received(utf8: bool) -> SearchStrategy[FieldValue]:
    comment = st.sampled_from(["HELO x", "192.0.2.1", "a (b) c"]) | _said(utf8)
    comments = st.lists(comment, max_size=2).map(tuple)
    host = (domains(utf8=utf8) | address_literals()).filter(_is_word)
    values = {
        "from": host,
        "by": host,
        "via": st.just("TCP"),
        "with": st.sampled_from(["SMTP", "ESMTP", "ESMTPS", "UTF8SMTPSA", "LMTP", "HTTP"]),
        "id": st.sampled_from(["4XyZ", "A1B2-C3"]),
        "for": addresses(utf8=utf8).filter(_has_usual_domain).map("<{}>".format),
    }
    chosen = st.sets(st.sampled_from(["from", "via", "with", "id", "for"]))

    def clauses(names: set[str]) -> SearchStrategy[tuple[message.TraceClause, ...]]:
        each = [
            st.builds(message.TraceClause, st.just(name), value, comments)
            for name, value in values.items()
            if name in names or name == "by"
        ]
        return st.tuples(*each)

    return st.builds(message.Received, chosen.flatmap(clauses), _dates())


def _is_word(host: str) -> bool:
    """Whether it can be said in a Received field: not for a clause's name, nor with marks in it."""
    return host.lower() not in CLAUSES and not any(mark in host for mark in '"();')


def _has_usual_domain(address: str) -> bool:
    return _is_word(address.rpartition("@")[2])


def _list_urls(name: str) -> SearchStrategy[FieldValue]:
    path = st.text("abcXYZ019-._~:/?#@!$&'*+;=%,", max_size=12)
    url = st.sampled_from(["mailto:a@example.org?subject=x%20y", "https://example.org/l"])
    url |= path.map("https://example.org/{}".format)
    many = st.lists(url, min_size=1, max_size=3).map(tuple).map(message.ListUrls)
    return many | st.just(message.ListUrls((), no=True)) if name == "list-post" else many


def _list_ids() -> SearchStrategy[FieldValue]:
    names = _SAID.filter(_no_controls).map(_trimmed)
    return st.builds(message.ListId, _DOT_ATOM, names)


def _authentication_results(name: str, utf8: bool) -> SearchStrategy[FieldValue]:
    values = st.one_of(
        st.sampled_from(["example.org", "@example.org", "a@example.org", "s1"]),
        _said(utf8).filter(lambda text: bool(text) and "\t" not in text),
    )
    properties = st.tuples(
        st.sampled_from(["smtp", "header", "policy", "body", "x-own"]), _KEYWORD, values
    )
    result = st.builds(
        message.AuthResult,
        st.sampled_from(["spf", "dkim", "dmarc", "arc", "auth", "iprev"]) | _KEYWORD,
        st.sampled_from(["pass", "fail", "none", "temperror", "softfail"]),
        st.lists(properties, max_size=2).map(tuple),
        st.just("") | values,
        st.sampled_from(["1", "1", "2"]),
    )
    return st.builds(
        message.AuthenticationResults,
        domains(utf8=utf8),
        st.lists(result, max_size=3).map(tuple),
        st.sampled_from(["1", "1", "1", "2"]),
        st.integers(1, 50) if name.startswith("arc") else st.none(),
    )


def _tag_lists(utf8: bool) -> SearchStrategy[FieldValue]:
    base64 = st.sampled_from(["", "frcCV1k9oG9oKj3dpUqdJg==", "AuUoFEfDxTDkHlLXSZEp" * 6])
    free = _said(utf8).filter(lambda text: ";" not in text and "\t" not in text).map(_trimmed)
    usual = st.fixed_dictionaries(
        {"v": st.just("1"), "a": st.sampled_from(["rsa-sha256", "ed25519-sha256"]), "d": domains()},
        optional={
            "h": st.lists(st.sampled_from(["from", "to", "date"]), min_size=1).map(":".join),
            "bh": base64,
            "b": base64,
            "c": st.sampled_from(["relaxed/simple", "simple"]),
            "x_own": free,
        },
    )
    return usual.map(lambda tags: message.TagList(tuple(tags.items())))


def _languages() -> SearchStrategy[FieldValue]:
    languages = st.lists(st.sampled_from(["en", "de-CH", "zh-Hant"]), min_size=1, max_size=3)
    return languages.map(tuple).map(message.Tokens)


_TOKENS: Final = {
    "mime-version": ("1.0",),
    "content-transfer-encoding": ("7bit", "8bit", "binary", "base64", "quoted-printable"),
    "content-md5": ("Q2hlY2sgSW50ZWdyaXR5IQ==", "1B2M2Y8AsgTpgAmY7PhCfg=="),
    "precedence": ("bulk", "list", "junk"),
}


def _tokens(name: str) -> SearchStrategy[FieldValue]:
    return st.sampled_from([message.Token(text) for text in _TOKENS[name]])


_MAKERS: Final[Mapping[object, Callable[[str, bool], SearchStrategy[FieldValue]]]] = {
    # reader of a field's value -> what makes the strategy
    parse_addresses: _address_lists,
    parse_date: lambda _name, _utf8: _dates(),
    parse_message_ids: lambda name, _utf8: _id_lists(name),
    parse_received: lambda _name, utf8: _received(utf8),
    parse_content_type: lambda _name, _utf8: _content_types(),
    parse_disposition: lambda _name, _utf8: _dispositions(),
    parse_token: lambda name, _utf8: _tokens(name),
    parse_tokens: lambda _name, _utf8: _languages(),
    parse_list_urls: lambda name, _utf8: _list_urls(name),
    parse_list_id: lambda _name, _utf8: _list_ids(),
    parse_authentication_results: _authentication_results,
    parse_tags: lambda _name, utf8: _tag_lists(utf8),
}


@once
def header_values(name: str = "Subject", *, utf8: bool = False) -> SearchStrategy[FieldValue]:
    """Values for the field of that name: `format_field(name, value, utf8=utf8)` takes them.

    The class is the one that the field is read as: an `AddressList` for To, a `Date` for Date, a
    `Text` for whatever has no structure. Without `utf8`, what is drawn can be written in ASCII.
    """
    name = name.lower()
    if name not in PARSERS:
        return _SAID.filter(_no_controls).map(message.Text)
    reader: object = PARSERS[name][0]
    return _MAKERS[getattr(reader, "func", reader)](name, utf8)


# --- Headers --------------------------------------------------------------------------------------

_TRACE: Final = (
    "Return-Path",
    "Received",
    "DKIM-Signature",
    "Authentication-Results",
    "ARC-Authentication-Results",
    "ARC-Seal",
)
_AUTHORS: Final = (
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
)
_OTHERS: Final = (
    "List-Id",
    "List-Post",
    "List-Unsubscribe",
    "Archived-At",
    "Content-Language",
    "Precedence",
    "Comments",
    "Keywords",
    "X-Own",
    "Resent-To",
    "Resent-Date",
)


@once
def header_fields(*, utf8: bool = False) -> SearchStrategy[tuple[str, FieldValue]]:
    """(name, value) of one field of any kind, but those that `render()` writes from the draft."""
    names = st.sampled_from([*_TRACE, "Date", "From", "Sender", *_AUTHORS, *_OTHERS])
    return names.flatmap(lambda name: st.tuples(st.just(name), header_values(name, utf8=utf8)))


@once
def headers(*, utf8: bool = False) -> SearchStrategy[tuple[tuple[str, FieldValue], ...]]:
    """The fields of a proper header, as `render()` takes them.

    Date and From are there, Sender where there are several authors, and nothing comes twice but
    trace fields (RFC 5322 section 3.6).
    """

    def field(name: str) -> SearchStrategy[tuple[str, FieldValue]]:
        return st.tuples(st.just(name), header_values(name, utf8=utf8))

    def several(*names: str) -> SearchStrategy[list[tuple[str, FieldValue]]]:
        chosen = st.lists(st.sampled_from(names), max_size=3, unique=True)
        return chosen.flatmap(lambda names: st.tuples(*map(field, names))).map(list)

    def whole(
        trace: list[tuple[str, FieldValue]],
        author: tuple[tuple[str, FieldValue], ...],
        sender: tuple[str, FieldValue],
        rest: list[tuple[str, FieldValue]],
        others: list[tuple[str, FieldValue]],
    ) -> tuple[tuple[str, FieldValue], ...]:
        boxes = author[1][1]
        assert isinstance(boxes, message.AddressList)
        needed = len(boxes.items) > 1 or bool(others)
        return (*trace, *author, *([sender] if needed else []), *rest, *others)

    return st.builds(
        whole,
        st.lists(st.sampled_from(_TRACE).flatmap(field), max_size=2),
        st.tuples(field("Date"), field("From")),
        field("Sender"),
        several(*_AUTHORS),
        several(*_OTHERS),
    )


# --- Drafts and well-formed messages --------------------------------------------------------------

_LINES: Final = (
    "",
    "Hello",
    "Grüße aus Köln",
    "日本語",
    "From me",
    ".",
    "--",
    "--=_",
    "> quoted",
    "-- ",
    "a = b =",
    "trailing ",
    "\tTAB",
    "Subject: not a header",
    "x" * 80,
    "\u2028",
)
_MEDIA: Final = ("image/png", "application/octet-stream", "application/pdf", "audio/ogg")


def _texts() -> SearchStrategy[str]:
    lines = st.lists(st.sampled_from(_LINES) | st.text(TEXT, max_size=8), max_size=4)
    long = st.sampled_from([*[""] * 11, "y" * 1_100])
    ends = st.sampled_from(["", "\r\n", "\n"])
    return st.builds(_joined, lines, st.sampled_from(["\r\n", "\n"]), long, ends)


def _joined(lines: list[str], newline: str, long: str, end: str) -> str:
    return newline.join([*lines, *([long] if long else [])]) + end


_FILES: Final = st.sampled_from(
    ["a.txt", "Bericht für März.pdf", "", 'a"b\\c;d.png']
) | _SAID.filter(_no_controls)


def _coded(charset: str, text: str, subtype: str = "plain") -> message.Leaf:
    """A text in another charset, its lines ended as RFC 2046 section 4.1.1 has them."""
    params = (message.MimeParam("charset", charset),)
    content = text.replace("\n", "\r\n").encode(charset)
    return message.Leaf(content, message.ContentType("text", subtype, params))


_CODED: Final = (
    _coded("us-ascii", "Hello\n"),
    _coded("utf-8", "Grüße\n日本語"),
    _coded("iso-8859-1", "Grüße\naus Köln\n"),
    _coded("ISO-8859-15", "10 €"),
    _coded("windows-1252", "„Grüße“ – 10 €\n"),
    _coded("koi8-r", "Привет\n"),
    _coded("windows-1251", "<p>Привет</p>\n", "html"),
    _coded("shift_jis", "日本語\n"),
    _coded("iso-2022-jp", "日本語\n\n二\n"),
    _coded("gb18030", "中文"),
    _coded("big5", "中文\n"),
    _coded("euc-kr", "한국어\n"),
)


def _leaves() -> SearchStrategy[message.Leaf]:
    named = st.builds(_named, st.sampled_from(["attachment", "inline"]), _FILES)
    disposition = st.none() | named
    ids = st.just("") | _ids()
    content = OCTETS | bodies(bare_newlines=True, max_size=4)
    kinds = _content_types().filter(_is_no_text).map(_without_name)
    return st.one_of(
        st.builds(message.Leaf, _texts(), st.sampled_from(["text/plain", "text/html"])),
        st.builds(
            message.Leaf, _texts(), st.sampled_from(["text/plain", "text/x-own"]), disposition
        ),
        st.builds(message.Leaf, content, st.sampled_from(_MEDIA), disposition, ids),
        st.builds(message.Leaf, content, kinds, disposition, ids),
        st.sampled_from(_CODED),
    )


def _is_no_text(content_type: message.ContentType) -> bool:
    return content_type.maintype != "text"


def _without_name(content_type: message.ContentType) -> message.ContentType:
    """A name there, and another in the disposition, can be read in two ways."""
    params = tuple(one for one in content_type.params if one.name != "name")
    return attrs.evolve(content_type, params=params)


def _named(kind: str, filename: str) -> message.Disposition:
    params = (message.MimeParam("filename", filename),) if filename else ()
    return message.Disposition(kind, params)


@once
def drafts(*, utf8: bool = False, max_leaves: int = 4) -> SearchStrategy[message.Draft]:
    """Bodies of any shape, as `render()` takes them: `Leaf`, `Multipart` and `Nested`.

    Texts and octets with all that has to be encoded; names and ids of parts; messages inside.
    """
    return st.recursive(_leaves(), lambda inside: _around(inside, utf8), max_leaves=max_leaves)


def _around(
    inside: SearchStrategy[message.Draft], utf8: bool
) -> SearchStrategy[message.Multipart | message.Nested]:
    subtypes = st.sampled_from(["mixed", "alternative", "related", "digest", "x-own"])
    parts = st.lists(inside, min_size=1, max_size=3).map(tuple)
    inner = st.builds(
        message.render, inside, headers(utf8=utf8), eight_bit=st.booleans(), utf8=st.just(utf8)
    )
    return st.builds(message.Multipart, subtypes, parts) | st.builds(message.Nested, inner)


def _attachments() -> SearchStrategy[message.Attachment]:
    return st.one_of(
        st.builds(message.Attachment, OCTETS, _FILES, st.sampled_from(["", "image/png"])),
        st.builds(message.Attachment, _texts(), _FILES),
    )


def _composed(utf8: bool) -> SearchStrategy[message.Message]:
    """What mail programs make: text, HTML, what is shown in it, and attachments."""
    box, date = mailboxes(utf8=utf8), _dates()
    inline = st.builds(
        message.Attachment, OCTETS, _FILES, st.just("image/png"), st.just("1@example.org")
    )
    texts = {
        "from_": box,
        "date": date,
        "to": st.lists(box | groups(utf8=utf8), max_size=3),
        "subject": _SAID.filter(_no_controls),
        "references": st.lists(_ids(), max_size=2),
        "attachments": st.lists(_attachments(), max_size=2),
        "eight_bit": st.booleans(),
        "utf8": st.just(utf8),
    }
    shown = st.lists(inline, min_size=1, max_size=2)
    return st.one_of(
        st.builds(message.compose, **texts, text=_texts()),
        st.builds(message.compose, **texts, html=_texts()),
        st.builds(message.compose, **texts, text=_texts(), html=_texts()),
        st.builds(message.compose, **texts, text=_texts(), html=_texts(), inline=shown),
    )


@once
def messages(*, utf8: bool = False, max_leaves: int = 4) -> SearchStrategy[message.Message]:
    """Well-formed messages: those that mail programs make, and trees of any shape.

    Text that is not ASCII everywhere, encoded as it has to be; with `utf8`, headers as RFC 6532 has
    them. `bytes()` of one is what goes over the wire.
    """
    trees = st.builds(
        message.render,
        drafts(utf8=utf8, max_leaves=max_leaves),
        headers(utf8=utf8),
        eight_bit=st.booleans(),
        utf8=st.just(utf8),
    )
    return _composed(utf8) | trees


# --- Nearly well-formed ---------------------------------------------------------------------------

# Fields as they are met, put at the start of a header or of a part's header.
_SLIPPED_FIELDS: Final = (
    b"Subject : space before the colon",
    b"Subject: =?utf-8?q?not closed",
    b"Subject: =?utf-8?b?R3LDvM=?= =?utf-8?b?Zm?=",
    b"Subject: =?utf-8?q?a b c?=",
    b"Subject: =?utf-8?q?=C3?= =?utf-8?q?=BC?=",
    b"Subject: =?klingon?q?=ff?= =?utf-8?x?y?=",
    b"Subject: x=?utf-8?q?y?=z =?utf-8?q?=0A=0D=00?=",
    b"Subject: Gr\xfc\xdfe",
    b"Subject: Gr\xc3\xbc\xc3\x9fe",
    b"Subject: one\r\n \r\n two",
    b"Subject:",
    b"Subject: a\0b",
    b"Subject: " + b"x" * 1_000,
    b"From: ada@example.org <ada@example.org>",
    b"From: Ada Lovelace ada@example.org",
    b"From: A. Lovelace <ada@example.org",
    b'From: "Ada <ada@example.org>',
    b'From: "=?utf-8?q?=C3=84da?=" <ada@example.org>',
    b"From: =?utf-8?q?a=40b?= <ada@example.org>",
    b"From: \xc4da <ada@example.org>",
    b"To: <@a,@b:c@d>, (comment) e . f @ g (x), , h@i;",
    b"To: undisclosed-recipients: ;, g: a@b, c@d",
    b"To: a@b c@d; e@f",
    b"To: alice@example.org(<bob@example.org>",
    b"Cc: a..b.@example.com, user@localhost, only",
    b"Date: 23 Nov 26 09:30 EST",
    b"Date: Sun, 23 Nov 2026 25:61:61 +9999",
    b"Date: 2026-11-23T09:30:00Z",
    b"Date: yesterday",
    b"Message-ID: 1@example.org",
    b"Message-ID: <a b@c>",
    b"References: <a@b>,<c@d> your mail of Monday <e@f",
    b"Received: from x by y with z for <a@b>; Mon, 23 Nov 2026 09:30:00",
    b"Received: (qmail 1 invoked by uid 2); 23 Nov 2026 09:30:00 -0000",
    b"List-Unsubscribe: https://example.org/, <mailto:a@b",
    b"List-Id: A list <>",
    b"Authentication-Results: spf=pass; dkim",
    b"DKIM-Signature: v=1; v=2;; =x; b",
    b"Content-Type: text",
    b"Content-Type: text/plain; charset",
    b"Content-Type: text/plain; charset=klingon",
    b"Content-Type: text/plain; charset=utf-16le",
    b"Content-Type: text/html charset=utf-8",
    b"Content-Type: text/plain;;; charset = iso-8859-1 (comment);",
    b"Content-Type: multipart/mixed",
    b'Content-Type: multipart/mixed; boundary=""',
    b"Content-Type: multipart/alternative; boundary=a; boundary=b",
    b"Content-Type: message/rfc822",
    b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64",
    b"Content-Type: message/delivery-status",
    b"Content-Type : image/png",
    b"Content-Disposition: attachment; filename=a b.txt",
    b"Content-Disposition: attachment; filename=a; filename*=utf-8''b",
    b"Content-Disposition: attachment; filename*1=b; filename*0*=%zz; filename*3=d",
    b'Content-Disposition: attachment; filename="=?utf-8?q?=C3=BC?="',
    b"Content-Disposition: ; filename=x",
    b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: base64 (x)",
    b"Content-Transfer-Encoding: quoted printable",
    b"Content-Transfer-Encoding: 8-bit",
    b"Content-Transfer-Encoding: x-uuencode",
    b"Content-Transfer-Encoding: none of these",
    b"Content-Transfer-Encoding: quoted-printable",
    b"no field at all",
    b": no name",
    b"\tfold of nothing",
    b"From me@example.org Mon Nov 23 09:30:00 2026",
    b">From me",
    b"",
)
_HEADER_STARTS: Final = re.compile(rb"(?:\A|(?<=\n))(?:--[^\r\n]*\r\n)?(?=[!-9;-~]+:)")


@st.composite
def _field_put_in(draw: st.DrawFn, raw: bytes) -> bytes:
    places = [match.end() for match in _HEADER_STARTS.finditer(raw)][:12]
    at = draw(st.sampled_from(places or [0]))
    fields = draw(st.lists(st.sampled_from(_SLIPPED_FIELDS), min_size=1, max_size=3))
    newline = draw(st.sampled_from([b"\r\n", b"\r\n", b"\n"]))
    return raw[:at] + b"".join([field + newline for field in fields]) + raw[at:]


def _replaced(pattern: bytes, by: bytes) -> Callable[[bytes], bytes]:
    """A slip that changes one place."""
    compiled = re.compile(pattern)
    return lambda raw: compiled.sub(by, raw, count=1)


_BOUNDARY: Final = rb'; ?(?:\r\n )?boundary="?([^"\r\n;]*)"?'
_SLIPS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "bare LF": lambda raw: raw.replace(b"\r\n", b"\n"),
    "bare CR": lambda raw: raw.replace(b"\r\n", b"\r"),
    "bare LF in the body": lambda raw: raw[:200] + raw[200:].replace(b"\r\n", b"\n"),
    "one bare LF": _replaced(rb"\r\n(?=[^ \t])", b"\n"),
    "doubled CR": lambda raw: raw.replace(b"\r\n", b"\r\r\n"),
    "mbox line": lambda raw: b"From me@example.org Mon Nov 23 09:30:00 2026\r\n" + raw,
    "empty line first": lambda raw: b"\r\n" + raw,
    "fold first": lambda raw: b" folded\r\n" + raw,
    "no boundary": _replaced(_BOUNDARY, b""),
    "another boundary": _replaced(_BOUNDARY, rb"; boundary=another"),
    "boundary twice": _replaced(_BOUNDARY, rb'; boundary=a; boundary="\1"'),
    "boundary with a comment": _replaced(_BOUNDARY, rb'; boundary="\1" (comment)'),
    "boundary not quoted": _replaced(_BOUNDARY, rb"; boundary=\1"),
    "boundary with a space": _replaced(_BOUNDARY, rb'; boundary="\1 "'),
    "not closed": _replaced(rb"\r\n(--[^\r\n]+)--(?=\r?\n?\Z)", b""),
    "closed too soon": _replaced(rb"\r\n(--=_[^\r\n-]+)\r\n", rb"\r\n\1--\r\n"),
    "delimiter goes on": _replaced(rb"\r\n(--=_[^\r\n-]+)\r\n", rb"\r\n\1x\r\n"),
    "padding": _replaced(rb"(--=_[^\r\n-]+)\r\n", b"\\1 \t\r\n"),
    "preamble": _replaced(rb"\r\n\r\n--", b"\r\n\r\nThis is a message in MIME format.\r\n--"),
    "epilogue": lambda raw: raw + b"\r\n-- \r\na footer that a list put here\r\n",
    "no line end": lambda raw: raw.rstrip(b"\r\n"),
    "no empty line": _replaced(rb"\r\n\r\n", b"\r\n"),
    "space before colon": _replaced(rb"\n([A-Z][A-Za-z-]+):", rb"\n\1 :"),
    "no Date": _replaced(rb"(?<![^\n])Date:[^\n]*\n", b""),
    "no From": _replaced(rb"(?<![^\n])From:[^\n]*\n(?: [^\n]*\n)*", b""),
    "no MIME-Version": _replaced(rb"MIME-Version:[^\n]*\n", b""),
    "no encoding": _replaced(rb"Content-Transfer-Encoding:[^\n]*\n", b""),
    "wrong encoding": _replaced(rb"(Content-Transfer-Encoding:)[^\r]*", rb"\1 base64"),
    "no charset": _replaced(rb"; charset=[^;\r]*", b""),
    "another charset": _replaced(rb"(; charset=)[^;\r]*", rb"\1us-ascii"),
    "folds lost": lambda raw: re.sub(rb"\r\n[ \t]+(?=[^\s])", b"\r\n", raw, count=1),
    "folds of tabs": lambda raw: raw.replace(b"\r\n ", b"\r\n\t"),
    "digest": _replaced(rb"multipart/[a-z-]+", b"multipart/digest"),
    "base64 cut": _replaced(rb"=(?=\r\n)", b""),
    "base64 with junk": _replaced(rb"(?<=base64\r\n\r\n)", b"!=A"),
    "as text in a message": lambda raw: b"Content-Type: message/rfc822\r\n\r\n" + raw,
}


@st.composite
def _slipped(draw: st.DrawFn, proper: SearchStrategy[bytes], most: int) -> bytes:
    raw = draw(proper)
    for _ in range(draw(st.integers(1, most))):
        if draw(st.booleans()):
            raw = draw(_field_put_in(raw))
        else:
            raw = _SLIPS[draw(st.sampled_from(sorted(_SLIPS)))](raw)
    return raw


@once
def near_messages(
    *, proper: SearchStrategy[bytes] | None = None, max_slips: int = 3
) -> SearchStrategy[bytes]:
    """Nearly well-formed messages: proper ones with what the field does to them, once or more.

    Bare LF; boundaries that are missing, given twice, never closed; broken encoded-words; 8-bit
    headers; obsolete and invented forms of addresses, dates and parameters; wrong encodings; white
    space before the colon, mbox lines, forgotten folds. A slip may find nothing to change.
    `proper` are the messages that it begins with, `messages()` if they are not given.
    """
    if proper is None:
        proper = messages(max_leaves=3).map(bytes)
    return _slipped(proper, max_slips)


# --- Hostile --------------------------------------------------------------------------------------

_HEAD: Final = b"From: a@example.org\r\nDate: Mon, 23 Nov 2026 09:30:00 +0000\r\n"


def _nested_parts(count: int) -> bytes:
    opened = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(count)
    )
    return opened + b"\r\nx\r\n" + b"".join(b"--b%d--\r\n" % n for n in reversed(range(count)))


def _in_header(before: bytes, piece: bytes, behind: bytes = b"") -> Callable[[int], bytes]:
    return lambda count: _HEAD + before + piece * count + behind + b"\r\n\r\nx\r\n"


def _in_body(before: bytes, piece: bytes, behind: bytes = b"") -> Callable[[int], bytes]:
    return lambda count: _HEAD + before + b"\r\n\r\n" + piece * count + behind


_MIXED: Final = b"Content-Type: multipart/mixed; boundary=a"
_PART: Final = b"--a\r\nContent-Type: text/plain\r\n\r\nx\r\n"
_PAYLOAD: Final = (
    b"--a\r\nContent-Type: application/x-evil\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"ZXZpbA==\r\n--a--\r\n"
)
_ATTACKS: Final[Mapping[str, Callable[[int], bytes]]] = {
    # how often a piece comes -> the message
    "nested multiparts": _nested_parts,
    "nested messages": lambda n: b"Content-Type: message/rfc822\r\n\r\n" * n,
    "one boundary for all": lambda n: (_MIXED + b"\r\n\r\n--a\r\n") * n + b"\r\nx\r\n--a--",
    "parts of nothing": _in_body(_MIXED, b"--a\n"),
    "headers of nothing": lambda n: b"a:\n" * n,
    "no line end": lambda n: b"X:" * n,
    "empty lines": lambda n: b"\r\n" * n,
    "open comments": _in_header(b"To: ", b"("),
    "nested comments": _in_header(b"To: ", b"(", b"a@b"),
    "open groups": _in_header(b"To: ", b"a:"),
    "open brackets": _in_header(b"To: ", b"<"),
    "open quotes": _in_header(b"To: ", b'"'),
    "backslashes": _in_header(b'To: "', b"\\"),
    "commas": _in_header(b"To: ", b","),
    "at signs": _in_header(b"To: ", b"a@"),
    "routes": _in_header(b"To: <", b"@a,", b":b@c>"),
    "many To": _in_header(b"", b"To: a@b\r\n"),
    "semicolons": _in_header(b"Content-Type: text/plain", b";"),
    "sections": _in_header(b"Content-Type: text/plain", b"; n*1*=a"),
    "a section far away": _in_header(b"Content-Type: text/plain; n*0=a", b"; n*99999999999*=b"),
    "encoded-words": _in_header(b"Subject: ", b"=?utf-8?q?a?= "),
    "encoded-words, open": _in_header(b"Subject: ", b"=?utf-8?q?a"),
    "encoded-words, split": _in_header(b"Subject: ", b"=?utf-8?b?w6?="),
    "folds of white space": _in_header(b"Subject: a", b"\r\n "),
    "semicolons in trace": _in_header(b"Received: from a", b"; by b"),
    "dates": _in_header(b"Date: ", b"Mon, 23 Nov "),
    "results": _in_header(b"Authentication-Results: a", b"; spf=pass (("),
    "tags": _in_header(b"DKIM-Signature: ", b"b=;"),
    "equals signs": _in_body(b"Content-Transfer-Encoding: quoted-printable", b"="),
    "padding": _in_body(b"Content-Transfer-Encoding: base64", b"QQ=="),
    "tags of HTML": _in_body(b"Content-Type: text/html", b"<p><!--<"),
    "entities": _in_body(b"Content-Type: text/html", b"&#x110000;&amp"),
    "uuencode": _in_body(b"Content-Transfer-Encoding: x-uuencode", b"begin 644 x\n"),
    "stateful charset": _in_body(b"Content-Type: text/plain; charset=iso-2022-kr", b"\x1b$)C\x0e"),
    "utf-7": _in_body(b"Content-Type: text/plain; charset=utf-7", b"+AAA-"),
    "closed, then parts": _in_body(_MIXED, b"--a--\r\n", _PAYLOAD),
    "prefix of a line": _in_body(_MIXED, b"--abc\r\n", _PAYLOAD),
    "bare CR": _in_body(_MIXED, b"x\r", _PAYLOAD.replace(b"\r\n", b"\r")),
    "smuggled end": _in_body(b"Subject: s", b"\n.\nMAIL FROM:<>\n", b"\r.\r"),
    "boundary twice": _in_body(_MIXED + b"; boundary=b", _PART, _PAYLOAD),
    "boundary in a comment": _in_body(_MIXED + b" (b)", _PART, _PAYLOAD),
    "boundary without letters": _in_body(
        b'Content-Type: multipart/mixed; boundary=""', b"--\r\n\r\nx\r\n", b"----\r\n"
    ),
    "type with a space": _in_body(b"Content-Type : multipart/mixed; boundary=a", _PART, _PAYLOAD),
    "type behind junk": _in_body(b"junk\r\n" + _MIXED, _PART, _PAYLOAD),
    "type behind an empty fold": _in_body(b"X:\r\n \r\n" + _MIXED, _PART, _PAYLOAD),
    "NUL in a name": _in_body(b"Conte\0nt-Type: text/plain\r\n" + _MIXED, _PART, _PAYLOAD),
    "encoded message": _in_body(
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64",
        b"U3ViamVjdDogcw0KDQo=\r\n",
    ),
    "encoded multipart": _in_body(
        _MIXED + b"\r\nContent-Transfer-Encoding: base64", _PART, _PAYLOAD
    ),
}
_HOSTILE_LINES: Final = (
    b"--a\r\n",
    b"--a--\r\n",
    b"--a--",
    b"--",
    b"\r\n\r\n",
    b" \r\n",
    b"Content-Type: multipart/mixed; boundary=a\r\n",
    b"Content-Type: message/rfc822\r\n\r\n",
    b"Content-Type: text/html\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Subject: =?utf-8?q?=0ABcc:_x@e?=\r\n",
    b"To: (((\r\n",
    b'Content-Disposition: attachment; filename*0="\r\n',
    b"=?utf-8?b?",
    b"=\r\n",
    b"\xff\xfe",
)


def _attack(name: str, count: int) -> bytes:
    return _ATTACKS[name](count)


@once
def hostile_messages(*, max_size: int = 20) -> SearchStrategy[bytes]:
    """Messages made to break, slow down or deceive who reads them; octets of no shape at all.

    The attacks of mail parsers' advisories, each piece at most `max_size` times; well-formed and
    nearly well-formed messages that are `mutated()`; what they are made of, in any order.
    """
    attacks = st.builds(_attack, st.sampled_from(sorted(_ATTACKS)), st.integers(1, max_size))
    lines = [*_HOSTILE_LINES, *[field + b"\r\n" for field in _SLIPPED_FIELDS[:-1]]]
    soup = st.lists(st.sampled_from(lines) | OCTETS, max_size=12).map(b"".join)
    proper = messages(max_leaves=3).map(bytes)
    return st.one_of(
        attacks,
        mutated(attacks, lines=_HOSTILE_LINES),
        mutated(proper, lines=_HOSTILE_LINES),
        mutated(near_messages(), lines=_HOSTILE_LINES),
        soup,
        st.binary(max_size=60),
    )

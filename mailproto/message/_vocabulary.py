"""What a header can say, as frozen values.

What lives here: the typed values of header fields, and what is reported about a message. What does
not: how they are read (`_address`, `_dates`, `_parameters`, `_trace`, ...) and written (`_write`).

Invariants

* The value that is read from a field is the value that the builder is given; reading what was
  written gives an equal value. Defects, comments and the way something was spelled take no part in
  comparing.
* Text is text: encoded-words, quotes, folds and RFC 2231 are undone. Where IMAP needs the spelling
  it is kept beside it (`phrase`).
* Values that were read are right by construction; values that are written are checked by the
  writer, which is where a CR, LF or NUL is refused.
* What could not be read stands in its place as `Unparsed`: nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import attrs

from ..errors import Defect
from ._lexer import DOT_ATOM, quote

__all__ = [
    "AddressList",
    "Ambiguity",
    "AuthResult",
    "AuthenticationResults",
    "ContentType",
    "Date",
    "Disposition",
    "Group",
    "ListId",
    "ListUrls",
    "Mailbox",
    "MessageIds",
    "MimeParam",
    "Received",
    "TagList",
    "Text",
    "Token",
    "Tokens",
    "TraceClause",
    "Unparsed",
]


def _beside() -> tuple[Defect, ...]:
    """A field that takes no part in comparing, nor in the repr when it is empty."""
    return attrs.field(default=(), eq=False, kw_only=True)


@attrs.frozen
class Ambiguity:
    """A place where programs in the field read a message in more than one way."""

    code: str
    """What it is, one word: `duplicate_boundary`, `space_before_colon`, ..."""
    offset: int
    """Where it starts: octets from the start of the message."""
    raw: bytes
    """The octets in question, cut to a reasonable length."""
    read_as: str
    """How it was read here, in words."""
    otherwise: str
    """How others read it, in words."""


@attrs.frozen
class Unparsed:
    """Something in a list that has no certain reading."""

    raw: str
    """As it stands in the field, folds included."""


@attrs.frozen
class Text:
    """The value of an unstructured field (RFC 5322 section 2.2.1), decoded (RFC 2047)."""

    text: str
    defects: tuple[Defect, ...] = _beside()

    def __str__(self) -> str:
        return self.text


@attrs.frozen
class Token:
    """A value that is one word: `MIME-Version`, `Content-Transfer-Encoding`, ..."""

    text: str
    """As written, without comments; `lower()` it to compare."""
    defects: tuple[Defect, ...] = _beside()

    def __str__(self) -> str:
        return self.text


@attrs.frozen
class Tokens:
    """A list of words with commas: `Content-Language`, `Keywords`, `In-Reply-To`'s relatives."""

    items: tuple[str, ...]
    defects: tuple[Defect, ...] = _beside()

    def __iter__(self) -> Iterator[str]:
        return iter(self.items)


@attrs.frozen
class Date:
    """A date-time (RFC 5322 sections 3.3 and 4.3)."""

    value: datetime
    """Always with a time zone. `-0000` and obsolete zones without a meaning are UTC."""
    zone_known: bool = True
    """False for `-0000` and the like: the time is right, the sender's zone is not known."""
    defects: tuple[Defect, ...] = _beside()


@attrs.frozen
class Mailbox:
    """One address with its display name (RFC 5322 section 3.4).

    `Mailbox("ada", "example.org", "Ada Lovelace")`; local part and domain "" are the `<>` of a
    Return-Path.
    """

    local_part: str
    """What it says: without quotes, whether or not it needs them."""
    domain: str = ""
    """A domain (ASCII or UTF-8), or an address literal in its brackets."""
    name: str = ""
    """The display name, decoded."""
    phrase: str | None = attrs.field(default=None, eq=False, kw_only=True, repr=False)
    """The display name as it was spelled, encoded-words still encoded, without outer quotes; None
    for a value that was not read."""
    route: str = attrs.field(default="", eq=False, kw_only=True)
    """An obsolete source route, `@a,@b`, or ""."""
    comments: tuple[str, ...] = attrs.field(default=(), eq=False, kw_only=True)
    """Comments in and around it, as spelled."""
    defects: tuple[Defect, ...] = _beside()

    @property
    def addr_spec(self) -> str:
        """`local@domain` as it is written, the local part quoted if it must be; "" for `<>`."""
        local, domain = self.local_part, self.domain
        if not local.isalnum() and DOT_ATOM.fullmatch(local) is None:
            if not local and not domain:
                return ""
            local = quote(local)
        return f"{local}@{domain}" if domain else local

    def __str__(self) -> str:
        """For people: `Ada Lovelace <ada@example.org>`. It is not what goes into a header."""
        return f"{self.name} <{self.addr_spec}>" if self.name else self.addr_spec


@attrs.frozen
class Group:
    """A named list of mailboxes, perhaps empty (RFC 5322 section 3.4)."""

    name: str
    mailboxes: tuple[Mailbox | Unparsed, ...] = ()
    phrase: str | None = attrs.field(default=None, eq=False, kw_only=True, repr=False)
    comments: tuple[str, ...] = attrs.field(default=(), eq=False, kw_only=True)
    defects: tuple[Defect, ...] = _beside()


@attrs.frozen
class AddressList:
    """The value of From, To, Cc, ... Iterating gives the mailboxes, those in groups included."""

    items: tuple[Mailbox | Group | Unparsed, ...]
    defects: tuple[Defect, ...] = _beside()
    """Of the list as a whole; each item has its own."""

    @property
    def mailboxes(self) -> tuple[Mailbox, ...]:
        """Every mailbox, in order, those in groups included."""
        found: list[Mailbox] = []
        for item in self.items:
            if isinstance(item, Mailbox):
                found.append(item)
            elif isinstance(item, Group):
                found += [one for one in item.mailboxes if isinstance(one, Mailbox)]
        return tuple(found)

    def __iter__(self) -> Iterator[Mailbox]:
        for item in self.items:
            if isinstance(item, Mailbox):
                yield item
            elif isinstance(item, Group):
                for one in item.mailboxes:
                    if isinstance(one, Mailbox):
                        yield one


@attrs.frozen
class MessageIds:
    """Message-ID, In-Reply-To, References, Content-ID (RFC 5322 section 3.6.4)."""

    ids: tuple[str, ...]
    """Without their angle brackets: `left@right`."""
    defects: tuple[Defect, ...] = _beside()

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)


@attrs.frozen
class MimeParam:
    """One parameter of a MIME field, RFC 2231 undone (continuations joined, charset decoded)."""

    name: str
    """In lower case, without the `*`s."""
    value: str
    charset: str = attrs.field(default="", eq=False)
    """The charset it was written in with RFC 2231, or ""."""
    language: str = ""
    """The language that RFC 2231 gave it, or ""."""


class WithMimeParams:
    """Reading `params` by name."""

    __slots__ = ()
    params: tuple[MimeParam, ...]

    def get(self, name: str) -> str | None:
        """The value of the first parameter of that name (any case), or None."""
        name = name.lower()
        for param in self.params:
            if param.name == name:
                return param.value
        return None


@attrs.frozen
class ContentType(WithMimeParams):
    """Content-Type (RFC 2045 section 5)."""

    maintype: str
    """In lower case."""
    subtype: str
    """In lower case."""
    params: tuple[MimeParam, ...] = ()
    defects: tuple[Defect, ...] = _beside()

    @property
    def essence(self) -> str:
        """`maintype/subtype`."""
        return f"{self.maintype}/{self.subtype}"

    @property
    def charset(self) -> str:
        """The charset as written, or ""."""
        return self.get("charset") or ""


@attrs.frozen
class Disposition(WithMimeParams):
    """Content-Disposition (RFC 2183)."""

    kind: str
    """In lower case: `inline`, `attachment`, ..."""
    params: tuple[MimeParam, ...] = ()
    defects: tuple[Defect, ...] = _beside()


@attrs.frozen
class TraceClause:
    """One `name value` of a Received field, with the comments behind it."""

    name: str
    """In lower case: `from`, `by`, `via`, `with`, `id`, `for`, or what else was there."""
    value: str
    comments: tuple[str, ...] = ()
    """As spelled, without their parentheses: what the MTA saw itself often stands here."""


@attrs.frozen
class Received:
    """Received (RFC 5321 section 4.4, RFC 5322 section 3.6.7)."""

    clauses: tuple[TraceClause, ...]
    date: Date | None = None
    defects: tuple[Defect, ...] = _beside()

    def get(self, name: str) -> TraceClause | None:
        """The first clause of that name, or None."""
        for clause in self.clauses:
            if clause.name == name:
                return clause
        return None


@attrs.frozen
class ListUrls:
    """List-Unsubscribe, List-Post, ... (RFC 2369): URLs in order of preference."""

    urls: tuple[str, ...]
    no: bool = False
    """`List-Post: NO`."""
    comments: tuple[str, ...] = attrs.field(default=(), eq=False, kw_only=True)
    defects: tuple[Defect, ...] = _beside()


@attrs.frozen
class ListId:
    """List-Id (RFC 2919)."""

    id: str
    """Without its angle brackets."""
    name: str = ""
    """The description before it, decoded."""
    defects: tuple[Defect, ...] = _beside()


@attrs.frozen
class AuthResult:
    """One method's verdict (RFC 8601 section 2.2, resinfo)."""

    method: str
    """In lower case: `spf`, `dkim`, `dmarc`, ..."""
    result: str
    """In lower case: `pass`, `fail`, `none`, ..."""
    properties: tuple[tuple[str, str, str], ...] = ()
    """(ptype, property, value), as in `smtp.mailfrom=a@example.org`."""
    reason: str = ""
    version: str = "1"
    comments: tuple[str, ...] = attrs.field(default=(), eq=False, kw_only=True)


@attrs.frozen
class AuthenticationResults:
    """Authentication-Results (RFC 8601); with `instance`, ARC-Authentication-Results (RFC 8617)."""

    authserv_id: str
    results: tuple[AuthResult, ...] = ()
    """Empty for `none`."""
    version: str = "1"
    instance: int | None = None
    defects: tuple[Defect, ...] = _beside()


@attrs.frozen
class TagList:
    """DKIM-Signature, ARC-Seal and their like: `tag=value;` lists (RFC 6376 section 3.2)."""

    tags: tuple[tuple[str, str], ...]
    """In order. Values without the white space around them; folds inside are kept out."""
    defects: tuple[Defect, ...] = _beside()

    def get(self, name: str) -> str | None:
        """The value of a tag (names are case-sensitive), or None."""
        for tag, value in self.tags:
            if tag == name:
                return value
        return None

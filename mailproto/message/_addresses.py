"""Addresses: From, To, Cc and their like.

RFC 5322 section 3.4, with the obsolete forms of section 4.4; groups anywhere, as of RFC 6854; UTF-8
as of RFC 6532.

What lives here: the reader of address lists. What does not: the writer, and what SMTP takes for an
address (`_grammar.parse_address`).

How it reads

    A list is cut at its commas. The usual spelling of a member is matched by one pattern; for all
    others there is a walk over words. A member is a mailbox or a group, or it is `Unparsed`: an
    address is never guessed. What RFC 7103 section 7.1 has one sensible reading for (brackets too
    many or too few, a quote that is not closed before `<`) is read, with a defect.

Invariants

* Structure is found before encoded-words are decoded: no encoded-word can become an address.
* A display name is never taken for an address, nor the other way round, nor is anything behind an
  address ignored: `a@b@c`, `a@b(c)d`, `a@b <c@d>` are `Unparsed`.
* One walk forward; a group has no group inside; at most `most` mailboxes are read.
"""

from __future__ import annotations

import re
from typing import Final

from .._grammar import ATEXT, has_control, with_utf8
from ..errors import Defect
from ._lexer import ATOM, DOMAIN_LITERAL, QUOTED, Lexer, unquote
from ._vocabulary import AddressList, Group, Mailbox, Unparsed
from ._words import decode_words

__all__ = ["parse_addresses", "parse_mailbox"]

_SPACE: Final = r"[ \t\r\n]*+"
_TEXT: Final = with_utf8(ATEXT)
_DOTTED: Final = rf"{_TEXT}++(?:\.{_TEXT}++)*+"
_DOMAIN: Final = r"[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)*+"
_USUAL: Final = re.compile(
    rf'{_SPACE}(?:(?:"([^"\\\r\n\0]*+)"|({_TEXT}++(?:[ \t\r\n]++{_TEXT}++)*+)){_SPACE}'
    rf"<({_DOTTED})@({_DOMAIN})>|({_DOTTED})@({_DOMAIN})){_SPACE}(?:,|\Z)"
)
_SPACES: Final = re.compile(r"[ \t\r\n]+")
_LABEL: Final = re.compile(with_utf8("A-Za-z0-9_-") + "+")
_ODD_WORD: Final = re.compile(r'[^\s"<>@,;:.]+')
_OPEN_QUOTE: Final = re.compile(r'"([^"<>@,;]*)(?=<)')
_PASS: Final = re.compile(r'[^,;"(\\]+|\\.?', re.DOTALL)
_REPORTED: Final = 100


def parse_addresses(text: str, *, most: int | None = 100_000) -> AddressList:
    """The value of an address field. Never raises."""
    items: list[Mailbox | Group | Unparsed] = []
    at, size = 0, len(text)
    left = 2**62 if most is None else most
    match_usual = _USUAL.match
    while left > 0:
        match = match_usual(text, at)
        if match is None:
            break
        quoted, words, local, domain, bare, bare_domain = match.groups()
        if bare is not None:
            items.append(Mailbox(bare, bare_domain))
        else:
            if words is None:
                name = quoted
            elif "  " in words or "\t" in words or "\n" in words:
                name = _SPACES.sub(" ", words)
            else:
                name = words
            if "=?" in name:
                items.append(Mailbox(local, domain, decode_words(name), phrase=name))
            else:
                items.append(Mailbox(local, domain, name, phrase=name))
        left -= 1
        at = match.end()
        if at == size:
            return AddressList(tuple(items))
    return _Reader(text, at, items, left).read()


def parse_mailbox(text: str) -> Mailbox:
    """One address, as people write it: `ada@example.org`, `Ada <ada@example.org>`.

    Raises ValueError for anything that is not exactly one mailbox with a domain, or is odd.
    """
    found = parse_addresses(text)
    if len(found.items) != 1:
        raise ValueError(f"one address was expected, {len(found.items)} were given")
    item = found.items[0]
    if not isinstance(item, Mailbox):
        raise ValueError(f"not an address: {text[:80]!r}")  # noqa: TRY004 - of the text
    defects = (*found.defects, *item.defects)
    if defects:
        raise ValueError(f"not a proper address ({defects[0].code}): {text[:80]!r}")
    if not item.domain or not item.local_part:
        raise ValueError(f"an address needs a local part and a domain: {text[:80]!r}")
    return item


class _Failed(Exception):
    """A member has no certain reading."""


class _Reader:
    """The walk, from where the usual spelling ends."""

    def __init__(
        self, text: str, at: int, items: list[Mailbox | Group | Unparsed], left: int
    ) -> None:
        self.lexer = Lexer(text, at)
        self.text = text
        self.items = items
        self.left = left
        self.defects: list[Defect] = []  # of the list
        self.odd: list[Defect] = []  # of the member at hand

    def read(self) -> AddressList:
        """All members from here on."""
        lexer, text = self.lexer, self.text
        while True:
            self._separators()
            if lexer.done:
                break
            start = lexer.pos
            if self.left <= 0:
                self._report("too_many_addresses", start, "not read")
                self.items.append(Unparsed(text[start:]))
                break
            # A comment before it is its own, and none of the next.
            match = None if lexer.comments else _USUAL.match(text, start)
            if match is not None:
                self.items.append(self._usual(match))
                lexer.pos = match.end()
                continue
            self.items.append(self._member(start))
        return AddressList(tuple(self.items), defects=tuple(self.defects))

    def _usual(self, match: re.Match[str]) -> Mailbox:
        quoted, words, local, domain, bare, bare_domain = match.groups()
        self.left -= 1
        if bare is not None:
            return Mailbox(bare, bare_domain)
        name = quoted if words is None else _SPACES.sub(" ", words)
        return Mailbox(local, domain, decode_words(name), phrase=name)

    def _separators(self) -> None:
        """White space, comments, and empty members (obs-addr-list)."""
        lexer = self.lexer
        while True:
            lexer.skip()
            if not lexer.sign(",") and not lexer.sign(";"):
                return
            lexer.comments.clear()

    def _report(self, code: str, at: int, assumed: str) -> None:
        if len(self.defects) < _REPORTED:
            raw = self.text[at : at + 60].encode("utf-8", "replace")
            self.defects.append(Defect(code, at, raw, assumed))

    def _note(self, code: str, at: int, assumed: str) -> None:
        raw = self.text[at : at + 60].encode("utf-8", "replace")
        self.odd.append(Defect(code, at, raw, assumed))

    # --- Members ----------------------------------------------------------------------------------

    def _member(self, start: int) -> Mailbox | Group | Unparsed:
        """A mailbox or group, and the comma behind it."""
        self.odd = []
        self.left -= 1
        try:
            found = self._group_or_mailbox()
        except _Failed:
            return self._unparsed(start)
        return found

    def _unparsed(self, start: int) -> Unparsed:
        """What stands up to the next comma or semicolon that is not quoted."""
        lexer, text = self.lexer, self.text
        lexer.pos = start
        while not lexer.done and text[lexer.pos] not in ",;":
            if lexer.take(QUOTED) or lexer.take(_PASS):
                continue
            if text[lexer.pos] == "(" and (close := lexer.closer(lexer.pos)) >= 0:
                lexer.pos = close
            lexer.pos += 1
        lexer.comments.clear()
        raw = text[start : lexer.pos].strip(" \t\r\n")
        self._report("unreadable_address", start, "no address")
        return Unparsed(raw)

    def _group_or_mailbox(self) -> Mailbox | Group:
        lexer = self.lexer
        phrase, words = self._words()
        if words and lexer.sign(":"):
            return self._group(phrase)
        return self._mailbox(phrase, words)

    def _group(self, phrase: str) -> Group:
        lexer, text = self.lexer, self.text
        comments = lexer.take_comments()
        odd, self.odd = self.odd, []
        boxes: list[Mailbox | Unparsed] = []
        while True:
            lexer.skip()
            while lexer.sign(","):
                lexer.skip()
            if lexer.sign(";"):
                break
            start = lexer.pos
            if lexer.done or self.left <= 0:
                odd.append(Defect("group_not_closed", start, b"", "closed here"))
                break
            lexer.comments.clear()
            self.odd = []
            self.left -= 1
            try:
                boxes.append(self._mailbox(*self._words()))
            except _Failed:
                boxes.append(self._unparsed(start))
        lexer.skip()
        if not lexer.done and not text.startswith((",", ";"), lexer.pos):
            self._report("missing_comma", lexer.pos, "a comma")
        lexer.comments.clear()
        return Group(
            decode_words(phrase), tuple(boxes), phrase=phrase, comments=comments, defects=tuple(odd)
        )

    def _words(self) -> tuple[str, list[tuple[str, str]]]:
        """Words and dots up to a special: as a phrase is spelled; and each with its kind."""
        lexer, text = self.lexer, self.text
        words: list[tuple[str, str]] = []
        pieces: list[str] = []
        while True:
            before = lexer.pos
            lexer.skip()
            at = lexer.pos
            if lexer.done:
                break
            if quoted := lexer.take(QUOTED):
                kind, word = "quoted", unquote(quoted)
            elif atom := lexer.take(ATOM):
                kind, word = "atom", atom
            elif lexer.sign("."):
                kind, word = ".", "."
            elif text[at] == '"' and (match := _OPEN_QUOTE.match(text, at)) is not None:
                self._note("unclosed_quote", at, "closed before the <")
                kind, word = "odd", match[1].strip()
                lexer.pos = match.end()
            elif text[at] in '"<>@,;:':
                break
            else:
                odd = lexer.take(_ODD_WORD)
                if not odd:
                    break
                kind, word = "odd", odd
            if pieces and at > before:
                pieces.append(" ")
            pieces.append(word)
            words.append((kind, word))
        return "".join(pieces), words

    def _mailbox(self, phrase: str, words: list[tuple[str, str]]) -> Mailbox:
        """A mailbox whose first words were read."""
        lexer, text = self.lexer, self.text
        at = lexer.pos
        route = ""
        if lexer.sign("<"):
            if any(kind == "odd" for kind, _ in words):
                self._note("odd_phrase", at, "a display name")
            local, domain, route = self._angle(at)
        else:
            local = self._local(words)
            domain = self._domain() if lexer.sign("@") else ""
            phrase = ""
            if not domain:
                self._note("missing_domain", at, "a local part alone")
            elif lexer.sign(">"):
                self._note("unbalanced_brackets", at, "no bracket")
            elif text.startswith("<", lexer.pos):
                # `a@b <a@b>`: the name is the address. With another address there is no telling.
                shown, phrase = (local, domain), f"{local}@{domain}"
                lexer.pos += 1
                local, domain, route = self._angle(lexer.pos - 1)
                if (local, domain) != shown:
                    raise _Failed
                self._note("address_as_name", at, "a display name")
        lexer.skip()
        if not lexer.done and text[lexer.pos] not in ",;":
            raise _Failed
        comments = lexer.take_comments()
        if not phrase and comments:
            phrase = comments[-1]  # an old custom: joe@example.org (Joe Doe)
        return Mailbox(
            local,
            domain,
            decode_words(phrase),
            phrase=phrase,
            route=route,
            comments=comments,
            defects=tuple(self.odd),
        )

    def _angle(self, at: int) -> tuple[str, str, str]:
        """(local part, domain, route) behind a `<`."""
        lexer, text = self.lexer, self.text
        lexer.skip()
        more = 0
        while lexer.sign("<"):
            more += 1
            lexer.skip()
        if lexer.sign(">"):  # the null path
            return "", "", ""
        route = ""
        if text.startswith("@", lexer.pos):
            route = self._route()
        _, words = self._words()
        local = self._local(words)
        if not lexer.sign("@"):
            self._note("missing_domain", at, "a local part alone")
            domain = ""
        else:
            domain = self._domain()
        lexer.skip()
        closed = 0
        while lexer.sign(">"):
            closed += 1
            lexer.skip()
        if more or closed != 1:
            self._note("unbalanced_brackets", at, "one pair")
        return local, domain, route

    def _route(self) -> str:
        """An obsolete route (obs-route): `@a,@b:`."""
        lexer = self.lexer
        hops: list[str] = []
        at = lexer.pos
        while True:
            lexer.skip()
            while lexer.sign(","):
                lexer.skip()
            if lexer.sign(":"):
                self._note("route", at, "ignored")
                return ",".join(hops)
            if not lexer.sign("@"):
                raise _Failed
            hops.append(f"@{self._domain()}")

    def _local(self, words: list[tuple[str, str]]) -> str:
        """Words as a local part: words and dots in turn (obs-local-part), or odd dots."""
        if not words:
            raise _Failed
        odd = words[0][0] == "." or words[-1][0] == "."
        for place, (kind, word) in enumerate(words):
            if kind == "odd" or (kind == "quoted" and has_control(word.replace("\t", " "))):
                raise _Failed
            if place:
                before = words[place - 1][0]
                if kind != "." and before != ".":
                    raise _Failed
                odd = odd or kind == before == "."
        if odd:
            if all(kind == "." for kind, _ in words):
                raise _Failed
            self._note("dots_in_local_part", self.lexer.pos, "as they stand")
        return "".join([word for _, word in words])

    def _domain(self) -> str:
        """What stands behind an `@`."""
        lexer, text = self.lexer, self.text
        lexer.skip()
        literal = lexer.take(DOMAIN_LITERAL)
        if literal:
            inner = unquote(literal)
            if has_control(inner.replace("\t", " ")):  # a line end that is no fold, too
                raise _Failed
            return f"[{_SPACES.sub('', inner)}]"
        labels: list[str] = []
        while True:
            label = lexer.take(_LABEL)
            if not label:
                break
            labels.append(label)
            before = lexer.pos
            lexer.skip()
            if not text.startswith(".", lexer.pos):
                break
            if lexer.pos != before:
                self._note("space_in_domain", before, "none")
            lexer.pos += 1
            before = lexer.pos
            lexer.skip()
            if lexer.pos != before and not lexer.done and text[lexer.pos] not in ",;>":
                self._note("space_in_domain", before, "none")
            if lexer.done or text[lexer.pos] in ",;>":
                self._note("odd_domain", before, "without its last dot")
                break
        if not labels:
            raise _Failed
        return ".".join(labels)

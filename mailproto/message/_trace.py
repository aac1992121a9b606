"""What a message has been through: Received, List-*, Authentication-Results, signatures' tags.

What lives here: readers and writers of the fields that servers add on the way. What does not: what
they prove; nothing here is to be believed because it stands in a header.

How a Received field is read (RFC 5321 section 4.4, RFC 5322 section 3.6.7)

    It is cut into words, comments and semicolons. A word that names a clause (`CLAUSES`) begins
    one; all other words up to the next are its value, since `with Microsoft SMTP Server` is what is
    written. Comments belong to the clause they stand behind. What stands before the first clause,
    or behind a semicolon that no date follows, is a clause without a name. So every word and
    comment of the field is in the value, in order; only words and comments lose their order among
    each other. Behind a clause's name comes its value, whatever it says, unless that would leave
    the next clause without a name: `from by mx.example.org` has no value for `from`.

    The date stands behind a semicolon, and ends at the next one or at the next clause (Courier
    writes `id` behind it). A date at the very end needs no semicolon.

Invariants

* Readers never raise, and are linear: every position is looked at by one pattern, once.
* Writers give one line of text, with a space wherever it may be folded. They refuse, with
  ValueError, what would be read back as something else: the last thing they do is to read it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .._grammar import ATEXT, with_utf8
from ..errors import Defect
from ._dates import format_date, parse_date
from ._lexer import DOT_ATOM, FWS, QUOTED, TOKEN, Lexer, quote, unquote
from ._vocabulary import (
    AuthenticationResults,
    AuthResult,
    Date,
    ListId,
    ListUrls,
    Received,
    TagList,
    TraceClause,
)
from ._words import decode_words, encode_words, one_line

__all__ = [
    "CLAUSES",
    "format_authentication_results",
    "format_list_id",
    "format_list_urls",
    "format_received",
    "format_tags",
    "parse_authentication_results",
    "parse_list_id",
    "parse_list_urls",
    "parse_received",
    "parse_tags",
]

_DEFECTS: Final = 100
_SHOWN: Final = 60

_SPACE: Final = r"[ \t\r\n]*+"
_COMMENT: Final = r"\([^()\\]*+(?:\([^()\\]*+\)[^()\\]*+)*+\)"
"""A comment of the usual kind: nothing quoted, and at most one within it."""
_BREAK: Final = re.compile(r"[\r\n]+")
_WHITE: Final = re.compile(r"[ \t\r\n]+")
_UNWRITABLE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


def _report(defects: list[Defect], code: str, at: int, text: str, assumed: str) -> None:
    if len(defects) < _DEFECTS:
        raw = text[at : at + _SHOWN].encode("utf-8", "replace")
        defects.append(Defect(code, at, raw, assumed))


# --- Writing: what all of them check --------------------------------------------------------------


def _checked(text: object, what: str) -> str:
    """`text`, if a header can hold it."""
    if not isinstance(text, str):
        raise TypeError(f"{what} is text, not {type(text).__name__}")
    if _UNWRITABLE.search(text) is not None:
        raise ValueError(f"{what} holds a line end, NUL, another control or a lone surrogate")
    return text


_LONE: Final = re.compile(r"[()\\]")


def _comment(text: str) -> str:
    """`text` as a comment."""
    _checked(text, "a comment")
    depth = lowest = 0
    for match in _LONE.finditer(text):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        lowest = min(lowest, depth)
    if depth or lowest or "\\" in text:
        text = _LONE.sub(r"\\\g<0>", text)
    return f"({text})"


def _changed(what: str) -> ValueError:
    return ValueError(f"{what} would be read back as something else: see what its parts may hold")


# --- Received -------------------------------------------------------------------------------------

CLAUSES: Final = frozenset(("from", "by", "via", "with", "id", "for", "tls", "priority"))
"""RFC 5321 section 4.4, and what was registered later (RFC 8314 section 4.3, RFC 6710)."""

_USUAL_WORD: Final = r'[^ \t\r\n();"\\]++'
_USUAL_RECEIVED: Final = re.compile(rf"(?:{_SPACE}(?:{_USUAL_WORD}|{_COMMENT}|;))*+{_SPACE}")
_PIECE: Final = re.compile(rf"{_USUAL_WORD}|{_COMMENT}|;")
_PLAIN: Final = re.compile(_USUAL_WORD)
_DAY_OR_NUMBER: Final = re.compile(
    r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?|[0-9]{1,2}", re.IGNORECASE
)
_ZONE_NAME: Final = re.compile(r"[A-Za-z0-9 +:\-]{0,40}")
_LONGEST_DATE: Final = 200


class _Piece(NamedTuple):
    """A word, a comment with its parentheses, or a semicolon, and where it stands."""

    text: str
    start: int
    end: int


def _pieces(text: str, defects: list[Defect]) -> list[_Piece]:
    if _USUAL_RECEIVED.fullmatch(text) is not None:
        return [_Piece(match[0], *match.span()) for match in _PIECE.finditer(text)]
    return _odd_pieces(text, defects)


def _odd_pieces(text: str, defects: list[Defect]) -> list[_Piece]:
    """The pieces of any text: quoted strings, nested comments, parentheses that are none."""
    lexer = Lexer(text)
    pieces: list[_Piece] = []
    quotes = True  # until one is not closed
    while True:
        space = FWS.match(text, lexer.pos)
        assert space is not None  # it matches nothing at all, too
        at = lexer.pos = space.end()
        if lexer.done:
            return pieces
        if lexer.sign(";"):
            pieces.append(_Piece(";", at, at + 1))
            continue
        close = lexer.closer(at) if text[at] == "(" else -1
        if close >= 0:
            lexer.pos = close + 1
            pieces.append(_Piece(text[at : close + 1], at, close + 1))
            continue
        while not lexer.done:  # a word, made of plain characters, quoted strings and strays
            here = lexer.pos
            if lexer.take(_PLAIN):
                continue
            sign = text[here]
            if sign in " \t\r\n;" or (sign == "(" and lexer.closer(here) >= 0):
                break
            if sign == '"' and quotes:
                if lexer.take(QUOTED):
                    continue
                quotes = False
                _report(defects, "unclosed_quote", here, text, "a character of its word")
            elif sign in "()":
                _report(defects, "stray_parenthesis", here, text, "a character of its word")
            lexer.pos += 1
        word = text[at : lexer.pos]
        pieces.append(_Piece(_BREAK.sub("", word) if '"' in word else word, at, lexer.pos))


class _Clause:
    """A clause while it is read."""

    __slots__ = ("comments", "name", "words")

    def __init__(self, name: str) -> None:
        self.name = name
        self.words: list[str] = []
        self.comments: list[str] = []


def parse_received(text: str, *, most: int | None = 1_000) -> Received:
    """The value of a Received field. `most` bounds its clauses."""
    defects: list[Defect] = []
    pieces = _pieces(text, defects)
    words = [piece.text.lower() for piece in pieces if piece.text[0] not in "(;"]
    clauses: list[_Clause] = []
    date: Date | None = None
    index = seen = 0  # of pieces, of words
    open_name = False  # the last clause has no value yet
    fresh = True  # the next word does not continue the clause before it
    while index < len(pieces):
        piece, start = pieces[index], pieces[index].text[0]
        if start == "(":
            if not clauses:
                clauses.append(_Clause(""))
            clauses[-1].comments.append(one_line(unquote(piece.text)))
            index += 1
            continue
        if start == ";" or (
            len(text) - piece.start <= _LONGEST_DATE
            and date is None
            and clauses
            and _DAY_OR_NUMBER.fullmatch(piece.text) is not None
        ):
            first = index + (start == ";")
            last = _stretch(pieces, first)
            found = None
            if date is None and last > first:
                stretch = text[pieces[first].start : pieces[last - 1].end]
                read = parse_date(stretch)
                if isinstance(read, Date) and (start == ";" or _is_whole(read)):
                    found = read
            if found is not None:
                date = found
                _take_defects(found, pieces[first].start, defects)
                if start != ";":
                    _report(defects, "missing_semicolon", piece.start, text, "a date")
                for other in pieces[first:last]:
                    if other.text[0] != "(":
                        seen += 1
                    elif _ZONE_NAME.fullmatch(other.text[1:-1]) is None:
                        if not clauses:
                            clauses.append(_Clause(""))
                        clauses[-1].comments.append(one_line(unquote(other.text)))
                index, fresh, open_name = last, True, False
                continue
            if start == ";":
                if date is not None or last < len(pieces):
                    _report(defects, "stray_semicolon", piece.start, text, "the end of a clause")
                elif last > first:
                    _report(defects, "unreadable_date", piece.start, text, "a clause without name")
                index, fresh, open_name = first, True, False
                continue
        word = words[seen]
        names = word in CLAUSES and (
            not open_name or not (seen + 1 < len(words) and words[seen + 1] in CLAUSES)
        )
        if names and open_name and seen + 1 == len(words):
            names = False  # the last word of all is a value
        if names or (fresh and not open_name):
            if most is not None and len(clauses) >= most:
                _report(defects, "too_many_clauses", piece.start, text, "the ones before it")
                break
            if open_name:
                _report(defects, "missing_value", piece.start, text, "nothing")
            clauses.append(_Clause(word if names else ""))
        if names:
            open_name = True
        else:
            clauses[-1].words.append(piece.text)
            open_name = False
        fresh = False
        index += 1
        seen += 1
    if open_name:
        _report(defects, "missing_value", len(text), text, "nothing")
    if date is None:
        _report(defects, "missing_date", len(text), text, "none")
    return Received(
        tuple([TraceClause(c.name, " ".join(c.words), tuple(c.comments)) for c in clauses]),
        date,
        defects=tuple(defects),
    )


def _stretch(pieces: list[_Piece], index: int) -> int:
    """Where what may be a date ends: at a semicolon, at the next clause, or at the end."""
    while index < len(pieces):
        text = pieces[index].text
        if text == ";" or text.lower() in CLAUSES:
            break
        index += 1
    return index


def _is_whole(date: Date) -> bool:
    """Whether it is nothing but a date, and says all that one has to say."""
    return not any(one.code in ("junk_behind_date", "missing_zone") for one in date.defects)


def _take_defects(date: Date, at: int, defects: list[Defect]) -> None:
    defects += [
        Defect(one.code, at + one.offset, one.raw, one.assumed)
        for one in date.defects[: _DEFECTS - len(defects)]
    ]


def format_received(value: Received) -> str:
    """`from x (y) by z with ESMTP id i for <a@b>; date`, on one line.

    Values are written as they are: what needs quotes has them. Raises ValueError for what would be
    read as something else: a value with a semicolon, a parenthesis or the name of a clause outside
    quotes, an unknown clause.
    """
    words: list[str] = []
    for clause in value.clauses:
        words += [
            _checked(clause.name, "the name of a clause"),
            _checked(clause.value, "the value of a clause"),
            *map(_comment, clause.comments),
        ]
    text = " ".join(filter(None, words))
    if value.date is not None:
        text = f"{text}; {format_date(value.date)}"
    read = parse_received(text, most=None)
    if read.clauses != value.clauses or (read.date is None) != (value.date is None):
        raise _changed("a clause of the Received field")
    if any(one.code not in ("missing_date", "missing_value") for one in read.defects):
        raise ValueError(f"the Received field would have a defect: {read.defects[0].code}")
    return text


# --- List-* (RFC 2369) ----------------------------------------------------------------------------

_USUAL_URLS: Final = re.compile(
    rf"{_SPACE}<[^<>\s\"()\\]++>(?:{_SPACE},{_SPACE}<[^<>\s\"()\\]++>)*+{_SPACE}"
)
_IN_BRACKETS: Final = re.compile(r"<([^<>]*+)>")
_OPEN_BRACKET: Final = re.compile(r"<[^<>,]*+")
_BARE_URL: Final = re.compile(r"[^\s,<>]++")
_NO: Final = re.compile(r"no(?![^ \t\r\n,;(])", re.IGNORECASE)


def parse_list_urls(text: str, *, most: int | None = 1_000) -> ListUrls:
    """The value of List-Unsubscribe, List-Post, Archived-At, ...: URLs in angle brackets.

    White space within the brackets is taken out. A URL without brackets is read up to the next
    white space or comma, with a defect. `most` bounds the URLs.
    """
    if _USUAL_URLS.fullmatch(text) is not None:
        found = _IN_BRACKETS.findall(text)
        if most is None or len(found) <= most:
            return ListUrls(tuple(found))
    lexer = Lexer(text)
    defects: list[Defect] = []
    urls: list[str] = []
    lexer.skip()
    no = bool(lexer.take(_NO))
    between = not no  # where a URL may stand: at the start, and behind a comma
    while True:
        lexer.skip()
        if lexer.done:
            break
        at = lexer.pos
        if lexer.sign(","):
            if between:
                _report(defects, "empty_url", at, text, "skipped")
            between = True
            continue
        if most is not None and len(urls) >= most:
            _report(defects, "too_many_urls", at, text, "the ones before it")
            break
        url = _url(lexer, defects)
        if url is None:
            continue
        if not between:
            _report(defects, "missing_comma", at, text, "a comma")
        between = False
        if url:
            urls.append(url)
        else:
            _report(defects, "empty_url", at, text, "skipped")
    if not urls and not no:
        _report(defects, "no_url", 0, text, "no URLs")
    return ListUrls(
        tuple(urls), no, comments=lexer.take_comments(), defects=tuple(defects[:_DEFECTS])
    )


def _url(lexer: Lexer, defects: list[Defect]) -> str | None:
    """The URL that stands here; None if what stands here is none (and is passed)."""
    text, at = lexer.text, lexer.pos
    url = lexer.take(_IN_BRACKETS)
    if url:
        return _WHITE.sub("", url[1:-1])
    url = lexer.take(_OPEN_BRACKET)
    if url:
        _report(defects, "unclosed_bracket", at, text, "closed before the comma")
        return _WHITE.sub("", url[1:])
    url = lexer.take(_BARE_URL)
    if ":" in url and not url.startswith("("):
        _report(defects, "bare_url", at, text, "in angle brackets")
        return url
    if not url:
        lexer.pos += 1
    _report(defects, "junk_beside_url", at, text, "skipped")
    return None


def format_list_urls(value: ListUrls) -> str:
    """`<url>, <url> (comment)`, or `NO`, on one line. Raises ValueError for what is no URL."""
    for url in value.urls:
        _checked(url, "a URL")
        if not url or _NO_URL.search(url) is not None:
            raise ValueError("a URL in a header has no white space and no angle brackets")
    if value.no and value.urls:
        raise ValueError("NO stands alone (RFC 2369 section 3.4)")
    if not value.urls and not value.no:
        raise ValueError("without a URL there is nothing to write")
    written = "NO" if value.no else ", ".join([f"<{url}>" for url in value.urls])
    text = " ".join([written, *map(_comment, value.comments)])
    if parse_list_urls(text, most=None) != value:
        raise _changed("the list of URLs")
    return text


_NO_URL: Final = re.compile(r"[\s<>]")


# --- List-Id (RFC 2919) ---------------------------------------------------------------------------

_USUAL_LIST_ID: Final = re.compile(
    rf"{_SPACE}(?:\"([^\"\\\r\n=]*+)\"|([A-Za-z0-9][^\"<>()\[\]:;@\\,.=\s]*+"
    rf"(?: [A-Za-z0-9][^\"<>()\[\]:;@\\,.=\s]*+)*+))?{_SPACE}<([^<>\s\"()\\]++)>{_SPACE}"
)
_NAME_PIECE: Final = re.compile(r'[^ \t\r\n"<(]++')


def parse_list_id(text: str) -> ListId:
    """The value of a List-Id field. What has no angle brackets is an id if it is one word."""
    usual = _USUAL_LIST_ID.fullmatch(text)
    if usual is not None:
        return ListId(usual[3], usual[1] or usual[2] or "")
    lexer = Lexer(text)
    defects: list[Defect] = []
    words: list[tuple[str, bool]] = []  # of the name; whether white space stands before it
    found: str | None = None
    quotes = True
    while True:
        before = lexer.pos
        lexer.skip()
        if lexer.done:
            break
        at, spaced = lexer.pos, lexer.pos > before
        inner = lexer.take(_IN_BRACKETS)
        if inner:
            if found is not None:
                _report(defects, "two_list_ids", at, text, "the last")
            found = _WHITE.sub("", inner[1:-1])
            continue
        if found is not None:
            _report(defects, "junk_behind_list_id", at, text, "a part of the name")
        quoted = lexer.take(QUOTED) if quotes else ""
        if quoted:
            words.append((unquote(quoted), spaced))
            continue
        if text[at] == '"' and quotes:
            quotes = False
            _report(defects, "unclosed_quote", at, text, "a part of the name")
        word = lexer.take(_NAME_PIECE)
        if not word:
            word = text[at]
            lexer.pos += 1
        words.append((word, spaced))
    name = "".join([f" {word}" if spaced else word for word, spaced in words]).strip(" \t")
    if not found:
        if name and DOT_ATOM.fullmatch(name) is not None:
            _report(defects, "bare_list_id", 0, text, "in angle brackets")
            return ListId(name, defects=tuple(defects))
        _report(defects, "missing_list_id", 0, text, "none")
    return ListId(found or "", decode_words(name), defects=tuple(defects))


def format_list_id(value: ListId, *, utf8: bool = False) -> str:
    """`name <id>` on one line; `utf8` allows names as they are (RFC 6532), else they are encoded.

    Raises ValueError for an id that is no dot-atom.
    """
    identifier, name = _checked(value.id, "a list's id"), _checked(value.name, "a list's name")
    if DOT_ATOM.fullmatch(identifier) is None:
        raise ValueError("a list's id is words with dots (RFC 2919 section 2)")
    if not identifier.isascii() and not utf8:
        raise ValueError("a list's id that is not ASCII needs utf8=True")
    if len(identifier.encode("utf-8")) > 255:
        raise ValueError("a list's id has at most 255 octets (RFC 2919 section 2)")
    text = f"<{identifier}>"
    if name:
        if "=?" in name or not (name.isascii() or utf8):
            phrase = " ".join(encode_words(name, phrase=True))
        else:
            phrase = name if _PHRASE.fullmatch(name) is not None else quote(name)
        text = f"{phrase} {text}"
    if parse_list_id(text) != value:
        raise _changed("the name of the list")
    return text


_PHRASE: Final = re.compile(rf"{DOT_ATOM.pattern}(?: {DOT_ATOM.pattern})*")


# --- Authentication-Results (RFC 8601 section 2.2, RFC 8617 section 4.1.1) ------------------------

_DOMAIN: Final = r"[^\x00-,/:-@\[-\]\x7f\s]++"
"""Nearly everything, UTF-8 too (RFC 8616), but what has a meaning elsewhere in the field."""
_PLAIN_VALUE: Final = rf"(?:[!#$%&'*+\-.0-9A-Z^_`a-z{{|}}~]++(?:@{_DOMAIN})?+|@{_DOMAIN})"
_PVALUE: Final = rf'(?:{_PLAIN_VALUE}|"[^"\\\r\n]*+"(?!@))'
_GOOD_VALUE: Final = re.compile(
    rf"{_PLAIN_VALUE}|(?:{with_utf8(ATEXT + '.')}++|{QUOTED.pattern})@{_DOMAIN}", re.DOTALL
)
_USUAL_RESULT: Final = (
    rf";{_SPACE}[A-Za-z0-9\-]++=[A-Za-z0-9]++"
    rf"(?:[ \t\r\n]++(?:{_COMMENT}|reason={_PVALUE}|[A-Za-z0-9\-]++\.[A-Za-z0-9\-]++={_PVALUE}))*+"
    rf"{_SPACE}"
)
_USUAL_RESULTS: Final = re.compile(rf"{_SPACE}([A-Za-z0-9.\-_]++){_SPACE}((?:{_USUAL_RESULT})++)")
_RESULT_PIECE: Final = re.compile(
    rf"(;{_SPACE}[A-Za-z0-9\-]++|{_COMMENT}|[A-Za-z0-9.\-]++)(?:=({_PVALUE}))?+"
)
_KEYWORD: Final = re.compile(r"[A-Za-z0-9]+(?:[-_]+[A-Za-z0-9]+)*")
_LOOSE_ID: Final = re.compile(r'[^\s;()"=]++')
_LOOSE_NAME: Final = re.compile(r'[^\s;()"=./]++')
_LOOSE_VALUE: Final = re.compile(r'[^\s;()"]++')
_AT_DOMAIN: Final = re.compile(f"@{_DOMAIN}")
_DIGITS: Final = re.compile(r"[0-9]{1,9}(?![^ \t\r\n;(=])")
_JUNK: Final = re.compile(r'[^;("]++|[("]')


def parse_authentication_results(
    text: str, *, arc: bool = False, most: int | None = 1_000
) -> AuthenticationResults:
    """The value of an Authentication-Results field; with `arc`, of an ARC-Authentication-Results.

    `most` bounds results and properties together. What has no authserv-id (some big receivers write
    none) gets "", with a defect: it says nothing about who vouches for it.
    """
    usual = None if arc else _USUAL_RESULTS.fullmatch(text)
    if usual is not None:
        results = _usual_results(usual[2])
        if results is not None and (
            most is None or sum(1 + len(one.properties) for one in results) <= most
        ):
            return AuthenticationResults(usual[1], results)
    return _Results(text, most).read(arc=arc)


class _Result:
    """A result while it is read."""

    __slots__ = ("comments", "method", "properties", "reason", "result", "version")

    def __init__(self, method: str, result: str, version: str = "1") -> None:
        self.method = method
        self.result = result
        self.version = version
        self.reason: str | None = None
        self.properties: list[tuple[str, str, str]] = []
        self.comments: tuple[str, ...] = ()

    def add(self, ptype: str, name: str, value: str) -> None:
        if ptype or name != "reason" or self.reason is not None:
            self.properties.append((ptype, name, value))
        else:
            self.reason = value

    def made(self) -> AuthResult:
        return AuthResult(
            self.method,
            self.result,
            tuple(self.properties),
            self.reason or "",
            self.version,
            comments=self.comments,
        )


def _usual_results(text: str) -> tuple[AuthResult, ...] | None:
    """Results that the pattern has read; None if there is something to say about them."""
    results: list[_Result] = []
    for piece, value in _RESULT_PIECE.findall(text):
        if piece[0] == ";":
            results.append(_Result(piece[1:].strip().lower(), value.lower()))
        elif piece[0] == "(":
            results[-1].comments += (one_line(unquote(piece)),)
        else:
            ptype, _, name = piece.lower().rpartition(".")
            if not ptype and results[-1].reason is not None:
                return None
            results[-1].add(ptype, name, value[1:-1] if value[0] == '"' else value)
    return tuple([one.made() for one in results])


class _Results:
    """The walk over a field that is not spelled as usual."""

    def __init__(self, text: str, most: int | None) -> None:
        self.text = text
        self.lexer = Lexer(text)
        self.defects: list[Defect] = []
        self.quotes = True  # until one is not closed
        self.room = len(text) if most is None else most  # for results and properties

    def _report(self, code: str, at: int, assumed: str) -> None:
        _report(self.defects, code, at, self.text, assumed)

    def read(self, *, arc: bool) -> AuthenticationResults:
        lexer = self.lexer
        instance = self._instance() if arc else None
        lexer.skip()
        at = lexer.pos
        name = self._quoted() or lexer.take(_LOOSE_ID)
        lexer.skip()
        version, begun = "1", False
        if self.text.startswith(("=", "/"), lexer.pos):
            self._report("missing_authserv_id", at, "none")
            lexer.pos, name, begun = at, "", True
        else:
            if not name:
                self._report("missing_authserv_id", at, "none")
            version = lexer.take(_DIGITS) or "1"
            lexer.skip()
        lexer.comments.clear()
        results = self._all(begun=begun)
        return AuthenticationResults(name, results, version, instance, defects=tuple(self.defects))

    def _instance(self) -> int | None:
        lexer = self.lexer
        lexer.skip()
        at = lexer.pos
        if lexer.take(_LOOSE_NAME).lower() == "i":
            lexer.skip()
            if lexer.sign("="):
                lexer.skip()
                digits = lexer.take(_DIGITS)
                lexer.skip()
                if digits and lexer.sign(";"):
                    return int(digits)
        lexer.pos = at
        self._report("missing_instance", at, "none")
        return None

    def _all(self, *, begun: bool) -> tuple[AuthResult, ...]:
        """All results; `begun` if the first of them has no semicolon before it."""
        lexer, text = self.lexer, self.text
        results: list[AuthResult] = []
        none = False
        while True:
            lexer.skip()
            if not begun:
                if lexer.done:
                    break
                at = lexer.pos
                if not lexer.sign(";"):
                    self._report("junk_in_results", at, "skipped up to the semicolon")
                    self._skip_junk()
                    continue
                lexer.skip()
            begun = False
            at = lexer.pos
            if lexer.done or text[at] == ";":
                self._report("empty_result", at, "skipped")
                continue
            if self.room <= 0:
                self._report("too_many_results", at, "the ones before it")
                break
            result = self._one()
            if result is not None:
                results.append(result)
            elif text[at : at + 4].lower() == "none" and lexer.pos <= at + 4:
                none = True
            else:
                self._report("unreadable_result", at, "skipped up to the semicolon")
                self._skip_junk()
            lexer.comments.clear()
        if not results and not none:
            self._report("no_result", len(text), "none")
        return tuple(results)

    def _one(self) -> AuthResult | None:
        """A result, if one stands here. If none does, the walk stands somewhere before its end."""
        lexer = self.lexer
        at = lexer.pos
        method, version = lexer.take(_LOOSE_NAME), "1"
        end = lexer.pos
        lexer.skip()
        if method.lower() == "none" and (lexer.done or self.text[lexer.pos] == ";"):
            lexer.pos = end
            return None
        if method and lexer.sign("/"):
            lexer.skip()
            version = lexer.take(_DIGITS)
            lexer.skip()
        if not method or not version or not lexer.sign("="):
            return None
        lexer.skip()
        value = lexer.take(_LOOSE_VALUE)
        if not value:
            self._report("missing_value", at, "nothing")
        result = _Result(method.lower(), value.lower(), version)
        self.room -= 1
        while True:
            lexer.skip()
            if lexer.done or self.text[lexer.pos] == ";":
                break
            if self.room <= 0:
                self._report("too_many_results", lexer.pos, "the ones before it")
                self._skip_junk()
                break
            self._property(result)
        result.comments = lexer.take_comments()
        return result.made()

    def _property(self, result: _Result) -> None:
        """`ptype.property=value`, `reason=value`, or what else stands here; it goes behind it."""
        lexer = self.lexer
        at = lexer.pos
        ptype, name = "", lexer.take(_LOOSE_NAME)
        end = lexer.pos
        lexer.skip()
        if name and lexer.sign("."):
            lexer.skip()
            ptype, name = name, lexer.take(_LOOSE_ID)
            end = lexer.pos
            lexer.skip()
        if not name or not lexer.sign("="):
            self._report("junk_in_result", at, "skipped")
            lexer.pos = max(end, at)
            if lexer.pos == at and not self._quoted():
                lexer.pos += 1
            return
        ptype, name = ptype.lower(), name.lower()
        if not ptype and (name != "reason" or result.reason is not None):
            self._report("missing_ptype", at, "a property without a type")
        result.add(ptype, name, self._value())
        self.room -= 1

    def _value(self) -> str:
        """A token, a quoted string, or an address or domain; what else stands there, as it is."""
        lexer = self.lexer
        lexer.skip()
        at = lexer.pos
        if self.text.startswith('"', at):
            quoted = self._quoted()
            if lexer.pos > at:
                domain = lexer.take(_AT_DOMAIN)
                return _BREAK.sub("", self.text[at : lexer.pos]) if domain else quoted
            lexer.pos += 1
        lexer.take(_LOOSE_VALUE)
        value = self.text[at : lexer.pos]
        if not value:
            self._report("missing_value", at, "nothing")
        elif _GOOD_VALUE.fullmatch(value) is None:
            self._report("unquoted_value", at, "a quoted string")
        return one_line(value)

    def _quoted(self) -> str:
        """What the quoted string here says; "" if there is none."""
        if not self.quotes or not self.text.startswith('"', self.lexer.pos):
            return ""
        quoted = self.lexer.take(QUOTED)
        if not quoted:
            self.quotes = False
            self._report("unclosed_quote", self.lexer.pos, "a character of its word")
        return one_line(unquote(quoted)) if quoted else ""

    def _skip_junk(self) -> None:
        """Go to the next semicolon that is not in a comment or quoted string."""
        lexer = self.lexer
        while not lexer.done and self.text[lexer.pos] != ";":
            at = lexer.pos
            lexer.skip()
            self._quoted()
            if lexer.pos == at:
                lexer.take(_JUNK)


def format_authentication_results(value: AuthenticationResults) -> str:
    """`host; method=result reason="..." ptype.property=value (comment); ...`, on one line.

    With an instance it begins with `i=1;` (RFC 8617). Values that need quotes get them. Raises
    ValueError for names that are no keywords (RFC 5321 section 4.1.2).
    """
    words: list[str] = []
    if value.instance is not None:
        words.append(f"i={value.instance:d};")
    authserv_id = _checked(value.authserv_id, "the authserv-id")
    if not authserv_id:
        raise ValueError("results need an authserv-id: who vouches for them")
    plain = TOKEN.fullmatch(authserv_id) is not None
    words.append(authserv_id if plain else quote(authserv_id))
    if value.version != "1":
        words.append(_version(value.version))
    if not value.results:
        words[-1] += ";"
        words.append("none")
    for result in value.results:
        words[-1] += ";"
        version = "" if result.version == "1" else f"/{_version(result.version)}"
        words.append(f"{_keyword(result.method)}{version}={_keyword(result.result)}")
        if result.reason:
            words.append(f"reason={_written(result.reason)}")
        for ptype, name, said in result.properties:
            words.append(f"{_keyword(ptype)}.{_keyword(name)}={_written(said)}")
        words += map(_comment, result.comments)
    text = " ".join(words)
    read = parse_authentication_results(text, arc=value.instance is not None, most=None)
    if read != value or read.defects:
        raise _changed("a result")
    return text


def _version(version: str) -> str:
    if _DIGITS.fullmatch(_checked(version, "a version")) is None:
        raise ValueError("a version is a number (RFC 8601 section 2.2)")
    return version


def _keyword(text: str) -> str:
    if _KEYWORD.fullmatch(_checked(text, "the name of a method, result or property")) is None:
        raise ValueError(f"{text[:40]!r} is not made of letters, digits and hyphens")
    return text


def _written(value: str) -> str:
    _checked(value, "the value of a property")
    return value if _GOOD_VALUE.fullmatch(value) is not None else quote(value)


# --- Tag lists (RFC 6376 section 3.2) -------------------------------------------------------------

_TAG: Final = re.compile(rf"{_SPACE}([A-Za-z][A-Za-z0-9_]*+){_SPACE}=([^;]*+)(?:;|\Z)")
_LOOSE_TAG: Final = re.compile(r"([^;=]*+)(=?)([^;]*+)(?:;|\Z)")
_TAG_VALUE: Final = re.compile(r"[^\x00-\x1f;\x7f]*")
_TIGHT: Final = frozenset(("b", "bh", "h", "p", "q", "z"))
"""Tags whose definitions say that white space within means nothing (RFC 6376 sections 3.5, 3.6.1).

In all others it is kept, as section 3.2 wants it; of a fold the line end goes, the space stays.
"""
_BASE64: Final = frozenset(("b", "bh", "p"))
_PIECE_OF_BASE64: Final = 64


def parse_tags(text: str, *, most: int | None = 1_000) -> TagList:
    """The value of DKIM-Signature, ARC-Seal and their like. `most` bounds the tags."""
    tags: list[tuple[str, str]] = []
    defects: list[Defect] = []
    names: set[str] = set()
    pos = 0
    while pos < len(text):
        match = _TAG.match(text, pos)
        if match is not None:
            name, value = match.groups()
        else:
            match = _LOOSE_TAG.match(text, pos)
            assert match is not None  # it matches everything up to the next semicolon
            name, value = match[1].strip(" \t\r\n"), match[3]
            if not name or not match[2]:
                if name or match[2]:
                    _report(defects, "unreadable_tag", pos, text, "skipped")
                elif match.end() < len(text) or text.endswith(";", pos):
                    _report(defects, "empty_tag", pos, text, "skipped")
                pos = match.end()
                continue
            _report(defects, "odd_tag_name", pos, text, "a tag")
            name = _WHITE.sub(" ", name)
        if most is not None and len(tags) >= most:
            _report(defects, "too_many_tags", pos, text, "the ones before it")
            break
        if name in names:
            _report(defects, "duplicate_tag", pos, text, "the first counts; the list is invalid")
        names.add(name)
        tight = name in _TIGHT
        value = _WHITE.sub("", value) if tight else _BREAK.sub("", value).strip(" \t")
        tags.append((name, value))
        pos = match.end()
    if not tags:
        _report(defects, "no_tags", 0, text, "none")
    return TagList(tuple(tags), defects=tuple(defects))


def format_tags(value: TagList) -> str:
    """`v=1; a=rsa-sha256; b=...`, on one line; long base64 has spaces, which mean nothing there.

    Raises ValueError for names and values that a tag list cannot hold, and for a name that comes
    twice.
    """
    words: list[str] = []
    for name, said in value.tags:
        if _TAG_NAME.fullmatch(_checked(name, "the name of a tag")) is None:
            raise ValueError(f"{name[:40]!r} is no name of a tag")
        if _TAG_VALUE.fullmatch(_checked(said, "the value of a tag")) is None:
            raise ValueError("the value of a tag holds a semicolon or a TAB")
        if name in _BASE64:
            step = _PIECE_OF_BASE64
            said = " ".join([said[at : at + step] for at in range(0, len(said), step)])
        elif name == "h":
            said = said.replace(":", ": ").rstrip(" ")
        words.append(f"{name}={said}")
    text = "; ".join(words)
    read = parse_tags(text, most=None)
    if read != value:
        raise _changed("the value of a tag (white space at its ends?)")
    if read.defects:
        raise ValueError(f"the tag list would have a defect: {read.defects[0].code}")
    return text


_TAG_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

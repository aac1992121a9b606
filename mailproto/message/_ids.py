"""Message identifiers: Message-ID, In-Reply-To, References, Content-ID (RFC 5322 section 3.6.4).

An identifier is what stands between angle brackets, without white space and comments. What stands
outside (obs-in-reply-to has phrases there) is passed over with a defect. An identifier without its
brackets is read where nothing else can be meant: a word with an `@` in it, or one word alone.
"""

from __future__ import annotations

import re
from typing import Final

from ..errors import Defect
from ._lexer import Lexer
from ._vocabulary import MessageIds

__all__ = ["parse_message_ids"]

_USUAL: Final = re.compile(r"[ \t\r\n]*(?:<[!-;=?-~]+>[ \t\r\n]*)+")
_USUAL_ID: Final = re.compile(r"<([!-;=?-~]+)>")
_INSIDE: Final = re.compile(r'[^<>"]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^<>"]*)*', re.DOTALL)
_SPACE: Final = re.compile(r"[ \t\r\n]+")
_WORD: Final = re.compile(r"[^\s<>,(]+")
_REPORTED: Final = 100


def parse_message_ids(text: str, *, most: int | None = 1_000) -> MessageIds:
    """The value of a field of message identifiers, without their brackets. Never raises."""
    if "(" not in text and '"' not in text and _USUAL.fullmatch(text) is not None:
        ids = _USUAL_ID.findall(text)
        if most is None or len(ids) <= most:
            return MessageIds(tuple(ids))
    lexer = Lexer(text)
    found: list[str] = []
    defects: list[Defect] = []
    words: list[tuple[int, str]] = []

    def report(code: str, at: int, assumed: str) -> None:
        if len(defects) < _REPORTED:
            raw = text[at : at + 60].encode("utf-8", "replace")
            defects.append(Defect(code, at, raw, assumed))

    while True:
        lexer.skip()
        if lexer.done:
            break
        if most is not None and len(found) >= most:
            report("too_many_ids", lexer.pos, "the ones before it")
            break
        at = lexer.pos
        if lexer.sign("<"):
            inside = lexer.take(_INSIDE)
            clean = _SPACE.sub("", inside)
            if clean != inside:
                report("space_in_id", at, "none")
            if not lexer.sign(">"):
                report("unbalanced_brackets", at, "closed here")
            if clean:
                found.append(clean)
            else:
                report("empty_id", at, "skipped")
            continue
        word = lexer.take(_WORD)
        if not word:
            lexer.pos += 1  # a comma, a stray bracket
            report("junk_between_ids", at, "skipped")
            continue
        if "@" in word.strip("@"):
            report("missing_brackets", at, "an identifier")
            found.append(word)
        else:
            words.append((at, word))
    if words and not found and len(words) == 1:
        report("missing_brackets", words[0][0], "an identifier")
        found.append(words[0][1])
    elif words:
        report("phrase_between_ids", words[0][0], "skipped")
    return MessageIds(tuple(found), defects=tuple(defects))

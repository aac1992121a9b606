"""Plain words out of what people write: HTML without its tags, the first of a text, base subjects.

What lives here: what previews, searching and sorting need of a text. What does not: showing HTML;
what comes out is for reading and comparing, and is no HTML any more.

Invariants: one walk forward over each text, without recursion; nothing raises.
"""

from __future__ import annotations

import re
import unicodedata
from html import unescape
from typing import Final, NamedTuple

__all__ = ["BaseSubject", "base_subject", "casemap", "html_to_text", "preview"]

# --- HTML -----------------------------------------------------------------------------------------

_MARKUP: Final = re.compile(r"<(?:!--|([/!?]?)([A-Za-z][A-Za-z0-9]*)?)")
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_BREAKS: Final = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
    ]
)
_PARAGRAPHS: Final = frozenset(
    ["blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "table", "ul"]
)
_HIDDEN: Final = frozenset(["script", "style", "head", "title", "template", "noscript"])
_TAG_END: Final = re.compile(r"[^>\"']*+(?:\"[^\"]*+\"[^>\"']*+|'[^']*+'[^>\"']*+)*+>")


def html_to_text(html: str) -> str:
    """The words of an HTML text: tags gone, entities undone, blocks on lines of their own."""
    out: list[str] = []
    at, size = 0, len(html)
    closed: dict[str, bool] = {}  # whether what hides something is closed somewhere
    low = ""
    tags_end = True  # there is a > further on
    while at < size:
        match = _MARKUP.search(html, at)
        if match is None:
            out.append(_SPACE.sub(" ", html[at:]))
            break
        if match.start() > at:
            out.append(_SPACE.sub(" ", html[at : match.start()]))
        if match[0] == "<!--":
            end = html.find("-->", match.end()) if closed.get("--", True) else -1
            closed["--"] = end >= 0
            if end < 0:
                end = html.find(">", match.end()) if tags_end else -1
                tags_end = end >= 0
                at = match.end() if end < 0 else end + 1
            else:
                at = end + 3
            continue
        name = (match[2] or "").lower()
        if not name and not match[1]:  # "a < b"
            out.append("<")
            at = match.start() + 1
            continue
        end = -1
        if tags_end:
            whole = _TAG_END.match(html, match.end())
            end = whole.end() - 1 if whole is not None else html.find(">", match.end())
            tags_end = end >= 0
        if end < 0:
            out.append(_SPACE.sub(" ", html[match.start() :]))
            break
        at = end + 1
        if name in _BREAKS:
            out.append("\n\n" if name in _PARAGRAPHS else "\n")
        elif name in ("td", "th"):
            out.append(" ")
        if name in _HIDDEN and not match[1] and closed.get(name, True):
            low = low or html.lower()
            close = low.find(f"</{name}", at) if len(low) == size else -1
            closed[name] = close >= 0
            if close >= 0:
                at = close
    text = unescape("".join(out)).replace("\0", "\ufffd")
    lines = [_SPACE.sub(" ", line).strip() for line in text.split("\n")]
    tidy: list[str] = []
    for line in lines:
        if line or (tidy and tidy[-1]):
            tidy.append(line)
    return "\n".join(tidy).strip("\n")


# --- PREVIEW (RFC 8970) ---------------------------------------------------------------------------

_PREVIEWED: Final = 16_384  # characters of a text that are looked at
_QUOTING: Final = re.compile(r"(?m)^[ \t]*>.*$")


def preview(text: str, *, most: int = 256) -> str:
    """The first of a text on one line: at most `most` characters, quoted lines left out."""
    head = text[:_PREVIEWED]
    told = " ".join(_QUOTING.sub("", head).split())
    if not told:
        told = " ".join(head.split())
    told = "".join([one if one.isprintable() else "\ufffd" for one in told[: most + 8]])
    if len(told) <= most:
        return told
    cut = most
    while cut > most - 8 and cut and unicodedata.combining(told[cut]):  # not within a character
        cut -= 1
    return told[:cut].rstrip()


# --- Base subject (RFC 5256 section 2.1) ----------------------------------------------------------


class BaseSubject(NamedTuple):
    """A subject without what replies and forwards put around it."""

    text: str
    reply_or_forward: bool
    """Whether anything said that it is one."""


_REFWD: Final = re.compile(r"(?:re|fwd?)[ \t]*(?:\[[^\[\]]*\][ \t]*)?:", re.IGNORECASE)
_BLOB: Final = re.compile(r"\[[^\[\]]*\][ \t]*")
_FWD_TRAILER: Final = "(fwd)"
_FWD_HEADER: Final = "[fwd:"


def base_subject(subject: str) -> BaseSubject:
    """The base subject of a subject that has been decoded."""
    # (1) white space
    text = _SPACE.sub(" ", subject)
    start, end = 0, len(text)
    said = False
    while True:
        # (2) trailers
        while True:
            while end > start and text[end - 1] == " ":
                end -= 1
            if text[max(start, end - 5) : end].lower() != _FWD_TRAILER:
                break
            end -= 5
            said = True
        while True:
            while start < end and text[start] == " ":
                start += 1
            # (3) subj-leader: blobs, then re or fwd
            at = last = start
            while (blob := _BLOB.match(text, at, end)) is not None:
                last, at = at, blob.end()
            leader = _REFWD.match(text, at, end)
            if leader is not None:
                start = leader.end()
                said = True
                continue
            # (4) the blobs one by one, as long as something is left behind them
            start = at if at < end else last
            break
        # (6) what is wrapped whole
        if text[start : min(start + 5, end)].lower() == _FWD_HEADER and text[end - 1] == "]":
            start, end = start + 5, end - 1
            said = True
            continue
        return BaseSubject(text[start:end], said)


# --- Comparing (RFC 5051) -------------------------------------------------------------------------


def casemap(text: str) -> str:
    """`text` for i;unicode-casemap: titlecased character by character, then decomposed (NFKD).

    Titlecase is what UnicodeData.txt has: one character for one, so that `ß` stays as it is.
    """
    if text.isascii():
        return text.upper()
    titles = [title if len(title := one.title()) == 1 else one for one in text]
    return unicodedata.normalize("NFKD", "".join(titles))

"""The messages that every side reads, and those it is hard to read in linear time.

All of them are made from a fixed seed, and the first of them break no rule. A mail has the header
that a chain of four MTAs leaves behind; names, subjects and texts are German, French and Polish
often enough for encoded-words and quoted-printable to be real work. Boundaries differ from mail to
mail, and `fresh()` makes them differ from round to round: a reader that keeps what it has read of a
Content-Type, as ours does, gets no more out of that than it would out of a mailbox.
"""

import base64
import quopri
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.header import Header

__all__ = [
    "ATTACKS",
    "addressed",
    "attached",
    "fresh",
    "ingredients",
    "mails",
    "many_parts",
    "nested",
    "newsletters",
]

_SERIAL = b"0000000000"
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
_NAMES = (
    ("Anna Berger", "anna.berger"),
    ("Bob Builder", "bob"),
    ("Zoë Müller", "zoe.mueller"),
    ("François Lefèvre", "f.lefevre"),
    ("Łukasz Żak", "lukasz+lists"),
    ("Mary Ann O'Neill", "maoneill"),
    ("Support (2nd level)", "support-2"),
    ("Lovelace, Ada", "ada.lovelace"),
)
_DOMAINS = ("example.org", "example.com", "mail.example.net", "xn--bcher-kva.example")
_SUBJECTS = (
    "Protokoll der Sitzung: Übergabe der Schlüssel für das neue Büro in München",
    "Ordre du jour de la réunion préparée à l'été, révisé après les congés",
    "Faktura VAT za usługi świadczone w październiku, płatność do końca miesiąca",
)
_VOCABULARY = (
    "the of and to a in is you that it he was for on are as with his they at be this have from or "
    "one had by word but not what all were we when your can said there use an each which she do "
    "how their if will up other about out many then them these so some her would make like him "
    "Bücher größer süß près français déjà łódź źródło naïve – “quoted” meeting invoice=total "
    "https://www.example.com/path?query=1&next=2 delivery account settings receive newsletter"
)
_WORDS = _VOCABULARY.split()


def fresh(texts: Iterable[bytes], serial: int) -> list[bytes]:
    """The same mails with other boundaries of the same length."""
    number = b"%010d" % serial
    return [text.replace(_SERIAL, number) for text in texts]


# --- Mail as it is --------------------------------------------------------------------------------


def _encoded(text: str, name: str) -> str:
    """An unstructured text as a header has it: encoded-words where it is not ASCII, folded."""
    if text.isascii():
        return text
    return Header(text, "utf-8", header_name=name).encode(linesep="\r\n")


def _mailbox(rng: random.Random) -> str:
    name, local = rng.choice(_NAMES)
    address = f"{local}{rng.randrange(1_000)}@{rng.choice(_DOMAINS)}"
    if rng.random() < 0.2:
        return address
    if not name.isascii():
        return f"{_encoded(name, '')} <{address}>"
    if not name.replace(" ", "").isalpha():
        return f'"{name}" <{address}>'
    return f"{name} <{address}>"


def _token(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(_LETTERS, k=length))


def _date(rng: random.Random) -> str:
    day = rng.randrange(1, 29)  # of February 2027, which begins with a Monday
    name = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[(day - 1) % 7]
    zone = rng.choice(("+0000", "+0100", "-0800", "+0530"))
    clock = f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
    return f"{name}, {day:02} Feb 2027 {clock} {zone}"


def _header(rng: random.Random, content: Iterable[str]) -> str:
    """What four MTAs, a signer and the sender's program wrote; then the lines of `content`."""
    lines = [f"Return-Path: <bounces+{rng.randrange(10**6)}@example.org>"]
    hosts = ("store.example.com", "mx1.example.com", "out.example.org", "submit.example.org")
    for number, host in enumerate(hosts):
        before = hosts[number + 1] if number + 1 < len(hosts) else "[192.0.2.17]"
        lines += [
            f"Received: from {before} ({before} [198.51.100.{rng.randrange(256)}])",
            f"\tby {host} (Postfix) with ESMTPS id {rng.randrange(10**9)}",
            f"\tfor <anna@example.com>; {_date(rng)} (UTC)",
        ]
        if host.startswith("mx"):
            lines += [
                f"Authentication-Results: {host};",
                "\tdkim=pass header.d=example.org header.s=s2027;",
                "\tspf=pass smtp.mailfrom=bounces@example.org;",
                "\tdmarc=pass header.from=example.org",
            ]
    lines += [
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s2027;",
        "\th=from:to:subject:date:message-id:mime-version:content-type;",
        f"\tbh={_token(rng, 43)}=;",
        f"\tb={_token(rng, 66)}",
        f"\t {_token(rng, 72)}",
        f"\t {_token(rng, 30)}==",
        f"From: {_mailbox(rng)}",
        f"To: {_mailbox(rng)},",
        f" {_mailbox(rng)}",
        f"Subject: {_encoded(rng.choice(_SUBJECTS), 'Subject')}",
        f"Date: {_date(rng)}",
        f"Message-ID: <{rng.randrange(10**12)}.{rng.randrange(10**6)}@example.org>",
        "MIME-Version: 1.0",
        *content,
    ]
    return "".join(f"{line}\r\n" for line in (*lines, ""))


def _prose(rng: random.Random, length: int) -> str:
    """Lines of words, CRLF behind each."""
    lines: list[str] = []
    have = 0
    while have < length:
        lines.append(" ".join(rng.choices(_WORDS, k=12)) + "\r\n")
        have += len(lines[-1])
    return "".join(lines)


def _quoted(text: str) -> bytes:
    """In quoted-printable (RFC 2045 section 6.7)."""
    lines = text.replace("\r\n", "\n").encode("utf-8")
    return quopri.encodestring(lines).replace(b"\n", b"\r\n")


_PLAIN = (
    "Content-Type: text/plain; charset=UTF-8",
    "Content-Transfer-Encoding: quoted-printable",
)
_HTML = (
    'Content-Type: text/html; charset="utf-8"',
    "Content-Transfer-Encoding: quoted-printable",
)


def _part(content: Iterable[str], body: bytes) -> bytes:
    return "".join(f"{line}\r\n" for line in (*content, "")).encode("ascii") + body


def _multipart(rng: random.Random, kind: str, parts: Iterable[bytes]) -> tuple[str, bytes]:
    """A multipart: its Content-Type field, and its body."""
    boundary = b"----=_Part_%d_%s" % (rng.randrange(10**6), _SERIAL)
    field = f'Content-Type: multipart/{kind};\r\n\tboundary="{boundary.decode("ascii")}"'
    pieces = [b"--%b\r\n%b\r\n" % (boundary, part) for part in parts]
    return field, b"".join(pieces) + b"--%b--\r\n" % boundary


def mails(count: int) -> list[bytes]:
    """`count` mails of about 2 KB: fifteen fields, one text in quoted-printable."""
    rng = random.Random(1)
    made = []
    for _ in range(count):
        head = _header(rng, _PLAIN).encode("ascii")
        made.append(head + _quoted(_prose(rng, 300)))
    return made


def newsletters(count: int) -> list[bytes]:
    """`count` mails of about 20 KB: a text and an HTML alternative, both in quoted-printable."""
    rng = random.Random(2)
    made = []
    for _ in range(count):
        text = _part(_PLAIN, _quoted(_prose(rng, 3_400)))
        rows = "".join(
            f'<tr><td style="padding: 4px; color: #333"><p class="text">{line}</p></td></tr>\r\n'
            for line in _prose(rng, 5_600).splitlines()
        )
        html = f"<!DOCTYPE html>\r\n<html><body><table>\r\n{rows}</table></body></html>\r\n"
        field, body = _multipart(rng, "alternative", [text, _part(_HTML, _quoted(html))])
        made.append(_header(rng, [field]).encode("ascii") + body)
    return made


def attached(size: int) -> bytes:
    """A mail of `size` octets, about: a text, and all the rest one attachment in base64."""
    rng = random.Random(3)
    text = _part(_PLAIN, _quoted(_prose(rng, 600)))
    content = base64.encodebytes(rng.randbytes(max(size * 57 // 78, 57)))
    attachment = _part(
        (
            'Content-Type: application/pdf; name="report.pdf"',
            "Content-Transfer-Encoding: base64",
            'Content-Disposition: attachment; filename="report.pdf"',
        ),
        content.replace(b"\n", b"\r\n"),
    )
    field, body = _multipart(rng, "mixed", [text, attachment])
    return _header(rng, [field]).encode("ascii") + body


def many_parts(count: int) -> bytes:
    """A mail of `count` small attachments."""
    rng = random.Random(4)
    parts = [
        _part(
            (
                "Content-Type: text/plain; charset=us-ascii",
                f'Content-Disposition: attachment; filename="note-{number}.txt"',
            ),
            b"Note %d.\r\n" % number,
        )
        for number in range(count)
    ]
    field, body = _multipart(rng, "mixed", parts)
    return _header(rng, [field]).encode("ascii") + body


def nested(levels: int) -> bytes:
    """A mail of `levels` multiparts, each with a small text and the next one inside."""
    text = _part(("Content-Type: text/plain; charset=us-ascii",), b"A note.\r\n")
    heads = [_header(random.Random(5), ()).encode("ascii").removesuffix(b"\r\n")]
    tails = []
    for level in range(levels):
        boundary = b"----=_Part_%d_%s" % (level, _SERIAL)
        field = b'Content-Type: multipart/mixed;\r\n\tboundary="%b"\r\n' % boundary
        heads.append(b"%b\r\n--%b\r\n%b\r\n--%b\r\n" % (field, boundary, text, boundary))
        tails.append(b"\r\n--%b--\r\n" % boundary)
    return b"".join([*heads, text, *reversed(tails)])


def addressed(count: int) -> bytes:
    """A mail to `count` people, who are all in one field."""
    rng = random.Random(6)
    to = ",\r\n ".join(_mailbox(rng) for _ in range(count))
    head = _header(rng, ("Content-Type: text/plain; charset=us-ascii",))
    start, end = head.index("\r\nTo: "), head.index("\r\nSubject: ")
    return f"{head[:start]}\r\nTo: {to}{head[end:]}A note.\r\n".encode("ascii")


def ingredients(count: int, size: int) -> list[tuple[str, str, str, datetime, str, bytes]]:
    """What `count` mails are built from.

    Subject, From, To, date, text, and the `size` octets of an attachment.
    """
    rng = random.Random(7)
    text, attachment = _prose(rng, 1_000).replace("\r\n", "\n"), rng.randbytes(size)
    start = datetime(2027, 2, 1, 12, 30, tzinfo=UTC)
    return [
        (
            f"{rng.choice(_SUBJECTS)} ({number})",
            "Ada Lovelace <ada.lovelace@example.org>",
            "Bob Builder <bob@example.com>, anna.berger@example.net",
            start + timedelta(minutes=number),
            f"{number}\n{text}",
            attachment,
        )
        for number in range(count)
    ]


# --- Attacks --------------------------------------------------------------------------------------

# Each is given the octets it is to have, about. They are as dense as they can be: the fewer octets
# a thing takes, the more of them there are.


def _levels(size: int) -> bytes:
    form = b"Content-Type: multipart/mixed; boundary=%07x\n\n--%07x\n"
    return b"".join(form % (level, level) for level in range(size // len(form % (0, 0))))


def _many(begin: bytes, repeated: bytes, end: bytes = b"\r\n\r\n") -> Callable[[int], bytes]:
    return lambda size: begin + repeated * (size // len(repeated)) + end


def _numbered(begin: bytes, form: bytes) -> Callable[[int], bytes]:
    def made(size: int) -> bytes:
        items: list[bytes] = []
        have = len(begin)
        while have < size:
            items.append(form % len(items))
            have += len(items[-1])
        return begin + b"".join(items) + b"\r\n\r\n"

    return made


_TYPE = b"Content-Type: text/plain"
_ENCODING = b"Content-Transfer-Encoding: %b\r\n\r\n"

ATTACKS: Mapping[str, Callable[[int], bytes]] = {
    "parts of four octets": _many(
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n", b"--a\n", b""
    ),
    "multiparts in each other": _levels,
    "multiparts in each other, all with one boundary": _many(
        b"", b"Content-Type: multipart/mixed; boundary=a\n\n--a\n", b""
    ),
    "messages in each other": _many(b"", b"Content-Type: message/rfc822\n\n", b""),
    "header fields": _many(b"", b"To: a@b\r\n"),
    "lines in a header that are no field": _many(b"To: a@b\r\n", b"x\r\n"),
    "addresses": _many(b"To: ", b"a@b, "),
    "words where an address should be": _many(b"To: ", b"a "),
    "groups in each other": _many(b"To: ", b"a:"),
    "comments in each other": _many(b"To: ", b"("),
    "encoded-words": _many(b"Subject: ", b"=?utf-8?q?a?= "),
    "encoded-words that never end": _many(b"Subject: ", b"=?utf-8?q?"),
    "semicolons in a Content-Type": _many(_TYPE, b";"),
    "parameters": _numbered(_TYPE, b"; n%d=a"),
    "sections of one parameter": _numbered(_TYPE, b"; n*%d*=a"),
    "clauses of a Received": _many(b"Received: ", b"by a "),
    "comments in a Received": _many(b"Received: from a ", b"(a) "),
    "tags of a signature": _numbered(b"DKIM-Signature: v=1", b"; n%d=a"),
    "results of an authentication": _many(b"Authentication-Results: a", b"; a=b c.d=e"),
    "links of a list": _many(b"List-Help: ", b"<a:b>, "),
    "message-ids": _many(b"References: ", b"<a@b> "),
    "junk in base64": _many(_ENCODING % b"base64", b"QQ=!"),
    "broken quoted-printable": _many(_ENCODING % b"quoted-printable", b"=\r=z "),
}
"""What they have very many of -> the message, of so many octets."""

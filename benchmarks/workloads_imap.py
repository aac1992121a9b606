"""The bytes of IMAP that every side is fed.

Responses as servers in use write them: the items in the order in which they were asked for,
addresses and strings quoted, BODYSTRUCTURE with the fields that came later. No two lines are alike,
so that nothing is gained by keeping what was read before, but for what real mailboxes repeat: the
same few sets of flags, days that come again and types of parts.

A client reads one answer to one command; the tagged line at its end belongs to the session, and
each driver adds its own.
"""

from collections.abc import Sequence

from . import workloads

__all__ = [
    "GREETING",
    "ITEMS",
    "MAILBOXES",
    "PAIRS",
    "RUNS",
    "STRUCTURE",
    "commands",
    "esearch",
    "fetches",
    "found",
    "listing",
    "literal",
    "literals",
    "numbers",
    "section",
    "structures",
]

GREETING = b"* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n"
ITEMS = ("UID", "FLAGS", "RFC822.SIZE", "INTERNALDATE")
"""What a listing asks for."""
STRUCTURE = ("UID", "FLAGS", "ENVELOPE", "BODYSTRUCTURE")
"""What a listing with subjects and attachments asks for."""

_FLAGS = ("\\Seen", "\\Seen \\Answered", "", "\\Seen $Forwarded", "\\Flagged \\Seen", "\\Seen")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ZONES = ("+0000", "+0200", "-0700", "+0530")


def numbers(count: int) -> range:
    """The UIDs of a mailbox of `count` messages."""
    return range(1_001, 1_001 + count)


# --- FETCH ----------------------------------------------------------------------------------------


def _date(uid: int) -> str:
    day, month, hour = uid % 28 + 1, _MONTHS[uid // 28 % 12], uid % 24
    return f"{day:2}-{month}-2026 {hour:02}:{uid % 60:02}:{uid % 59:02} {_ZONES[uid % 4]}"


def fetches(count: int) -> list[bytes]:
    """The reads of a client that asked for `ITEMS` of `count` messages."""
    lines = (
        f"* {uid - 1_000} FETCH (UID {uid} FLAGS ({_FLAGS[uid % 6]}) "
        f'RFC822.SIZE {2_000 + uid % 9_973} INTERNALDATE "{_date(uid)}")\r\n'
        for uid in numbers(count)
    )
    return workloads.chunks("".join(lines).encode("ascii"))


def _address(name: str, mailbox: str, host: str) -> str:
    return f'({name} NIL "{mailbox}" "{host}")'


def _id(number: int) -> str:
    return f'"<CAF{number * 7_919:012x}Q_yRbDkx{number * 104_729:016x}Wq=Tz@mail.example.org>"'


def _envelope(uid: int) -> str:
    sender = _address(f'"Anna Berger {uid % 97}"', f"anna.berger{uid % 97}", "example.org")
    recipients = "".join(
        _address('"Bob Builder"' if at else "NIL", f"bob.builder{at}", "mail.example.net")
        for at in range(1 + uid % 3)
    )
    copies = f"({_address('NIL', 'team', 'lists.example.com')})" if uid % 4 == 0 else "NIL"
    return (
        f'("Thu, {uid % 28 + 1} Jan 2026 10:{uid % 60:02}:00 +0000" '
        f'"Re: Minutes of the meeting =?utf-8?q?n=C3=BAmero_{uid}?=" ({sender}) ({sender}) '
        f"({sender}) ({recipients}) {copies} NIL {_id(uid - 7) if uid % 2 else 'NIL'} {_id(uid)})"
    )


def _text(subtype: str, uid: int) -> str:
    return (
        f'("text" "{subtype}" ("charset" "utf-8") NIL NIL "quoted-printable" '
        f"{900 + uid % 3_000} {20 + uid % 70} NIL NIL NIL NIL)"
    )


def _structure(uid: int) -> str:
    boundary = f'("boundary" "----=_Part_{uid}_{uid * 1_299_709:020}.{uid * 15_485_863}")'
    if uid % 4 == 0:
        return _text("plain", uid)
    both = f'({_text("plain", uid)}{_text("html", uid + 1)} "alternative" {boundary} NIL NIL NIL)'
    if uid % 4 != 1:
        return both
    attached = (
        f'("application" "pdf" ("name" "report {uid}.pdf") NIL NIL "base64" {90_000 + uid % 9_000} '
        f'NIL ("attachment" ("filename" "report {uid}.pdf" "size" "{67_000 + uid % 9_000}")) '
        "NIL NIL)"
    )
    return f'({both}{attached} "mixed" {boundary} NIL NIL NIL)'


def structures(count: int) -> list[bytes]:
    """The reads of a client that asked for `STRUCTURE` of `count` messages.

    Of four messages one is plain text, two are text and HTML, one has an attachment as well.
    """
    lines = (
        f"* {uid - 1_000} FETCH (UID {uid} FLAGS ({_FLAGS[uid % 6]}) "
        f"ENVELOPE {_envelope(uid)} BODYSTRUCTURE {_structure(uid)})\r\n"
        for uid in numbers(count)
    )
    return workloads.chunks("".join(lines).encode("ascii"))


def section(number: int, octets: int) -> tuple[bytes, bytes]:
    """What stands before and behind a whole message of `octets` octets."""
    return b"* %d FETCH (UID %d BODY[] {%d}\r\n" % (number, number + 1_000, octets), b")\r\n"


def literal(content: bytes) -> list[bytes]:
    """The reads of a client that asked for one large message: its line, then chunks."""
    head, tail = section(1, len(content))
    return [head, *workloads.chunks(content + tail)]


def literals(count: int, content: bytes) -> list[bytes]:
    """The reads of a client that asked for `count` messages, each of them `content`."""
    pieces: list[bytes] = []
    for number in range(1, count + 1):
        head, tail = section(number, len(content))
        pieces += (head, content, tail)
    return workloads.chunks(b"".join(pieces))


# --- LIST, SEARCH, ESEARCH ------------------------------------------------------------------------

MAILBOXES = (
    ("\\HasNoChildren", "Projects/{}"),
    ("\\HasChildren", '"Archive/2026 {}"'),
    ("\\HasNoChildren", '"Entw&APw-rfe/{}"'),
    ("\\HasNoChildren \\UnMarked", '"Lists/mail-{}"'),
)
"""Attributes and names of mailboxes, to be numbered."""


def listing(count: int) -> list[bytes]:
    """The reads of a client that asked for all mailboxes, of which there are `count`."""
    lines: list[str] = []
    for number in range(count):
        attributes, name = MAILBOXES[number % len(MAILBOXES)]
        lines.append(f'* LIST ({attributes}) "/" {name.format(number)}\r\n')
    return workloads.chunks("".join(lines).encode("ascii"))


def _hits(count: int, runs: Sequence[int]) -> list[tuple[int, int]]:
    """(first, last) of runs of UIDs, `count` in all, with one UID missing between two runs."""
    ranges: list[tuple[int, int]] = []
    uid = 1_001
    while count:
        length = min(runs[len(ranges) % len(runs)], count)
        ranges.append((uid, uid + length - 1))
        uid += length + 1
        count -= length
    return ranges


RUNS = (2, 1, 7, 1, 12, 3, 1, 30, 4)
"""How many UIDs stand next to each other, in a mailbox from which some are gone."""
PAIRS = (2,)
"""As bad as it gets: two of every three."""


def found(count: int, runs: Sequence[int] = RUNS) -> list[bytes]:
    """The reads of a client that is told `count` UIDs."""
    uids = (uid for first, last in _hits(count, runs) for uid in range(first, last + 1))
    return workloads.chunks(f"* SEARCH {' '.join(map(str, uids))}\r\n".encode("ascii"))


def esearch(count: int, runs: Sequence[int] = RUNS, tag: str = "A1") -> list[bytes]:
    """The reads of a client that is told the same UIDs as a set (RFC 9051 section 7.3.4)."""
    ranges = ",".join(
        f"{first}:{last}" if first < last else str(first) for first, last in _hits(count, runs)
    )
    return workloads.chunks(f'* ESEARCH (TAG "{tag}") UID ALL {ranges}\r\n'.encode("ascii"))


# --- Commands -------------------------------------------------------------------------------------

_TURN = (
    "NOOP",
    "UID FETCH {0}:{1} (UID FLAGS RFC822.SIZE INTERNALDATE)",
    "UID FETCH {0} (UID BODY.PEEK[HEADER.FIELDS (From To Subject Date)])",
    "UID FETCH {0} BODY[]",
    "UID STORE {0},{1} +FLAGS.SILENT (\\Seen)",
    'STATUS "Lists/mail-{0}" (MESSAGES UNSEEN UIDNEXT)',
    "UID SEARCH UNSEEN SINCE 1-Jan-2026",
    'LIST "" "Projects/{0}"',
    "SELECT Projects/{0}",
    'UID COPY {0}:{1} "Archive/2026 {0}"',
)


def commands(count: int) -> list[bytes]:
    """The reads of a server that gets `count` commands, pipelined, with a mailbox selected."""
    lines: Sequence[str] = [
        f"A{number} {_TURN[number % len(_TURN)].format(number + 1, number + 9)}\r\n"
        for number in range(count)
    ]
    return workloads.chunks("".join(lines).encode("ascii"))

"""The benchmarks compare like with like: every side delivers, or writes, the same bytes.

Small sizes, and nothing here looks at a clock. A peer that is not installed is skipped by name.
"""

import re
from collections.abc import Callable, Iterator
from itertools import cycle
from types import ModuleType
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import (
    floor,
    floor_imap,
    floor_pop3,
    memory,
    ours,
    ours_imap,
    ours_message,
    ours_pop3,
    peers,
    report,
    row,
    rows,
    rows_message,
    timing,
    workloads,
    workloads_imap,
    workloads_message,
    workloads_pop3,
)
from benchmarks.workloads import RECIPIENTS, SENDER, Sink
from mailproto import smtp

COUNT = 5
SMALL = row.Sizes(
    transactions=2,
    commands=60,
    entries=5,
    large=1_000,
    mails=2,
    newsletters=1,
    attachment=1_000,
    parts=3,
    levels=2,
    addresses=3,
    built=1,
    attack=256,
    fetches=6,
    structures=4,
    literals=1,
    mailboxes=4,
    found=5,
    imap_commands=10,
    line=64,
    rounds=1,
    memory=0,
)
DOTS = b"From: a@example.org\r\n\r\n.\r\n..\r\n.one\r\nmiddle .\r\n\r\n.last\r\n"
"""A text whose dots are all in the places where stuffing can go wrong (RFC 5321 4.5.2)."""
Kept = list[tuple[str, tuple[str, ...], bytes]]


def driver(name: str) -> ModuleType:
    found = peers.load(name)
    if found is None:
        pytest.skip(f"the peer {name} is not installed (extra: bench)")
    return found


def serve_ours(reads: list[bytes], sink: Sink, _count: int) -> None:
    ours.server(reads, sink)()


def serve_twisted(reads: list[bytes], sink: Sink, _count: int) -> None:
    driver("twisted").server(reads, sink)()


def serve_aiosmtpd(reads: list[bytes], sink: Sink, count: int) -> None:
    driver("aiosmtpd").server(reads, sink, count)()


def serve_by_hand(reads: list[bytes], sink: Sink, _count: int) -> None:
    floor.server(reads, sink)


SERVERS = [serve_ours, serve_twisted, serve_aiosmtpd, serve_by_hand]


@pytest.mark.parametrize("serve", SERVERS)
@pytest.mark.parametrize("content", [workloads.message(), DOTS])
def test_every_server_delivers_the_same_messages(
    serve: Callable[[list[bytes], Sink, int], None], content: bytes
) -> None:
    sink = Sink(keep=True)
    serve(workloads.sessions(COUNT, content), sink, COUNT)
    assert sink.kept == [(SENDER, RECIPIENTS, content)] * COUNT
    assert (sink.messages, sink.octets) == (COUNT, COUNT * len(content))


@pytest.mark.parametrize("serve", [*SERVERS[:3], lambda reads, sink, _: floor.data(reads, sink)])
def test_every_server_delivers_the_same_large_text(
    serve: Callable[[list[bytes], Sink, int], None],
) -> None:
    content = workloads.message(500_000)
    assert content.count(b"\r\n.") > 100
    sink = Sink(keep=True)
    serve(workloads.data_stream(content), sink, 1)
    assert sink.kept == [(SENDER, RECIPIENTS[:1], content)]


@pytest.mark.parametrize("serve", [serve_ours, lambda reads, sink, _: floor.bdat(reads, sink)])
def test_bdat_delivers_the_octets_as_they_are(
    serve: Callable[[list[bytes], Sink, int], None],
) -> None:
    content = workloads.message(500_000)
    sink = Sink(keep=True)
    serve(workloads.bdat_stream(content), sink, 1)
    assert sink.kept == [(SENDER, RECIPIENTS[:1], content)]


Write = Callable[[bytes], object]


def pipelined(content: bytes, write: Write) -> Callable[[], int]:
    return ours.client(COUNT, content, write)


def lock_step(content: bytes, write: Write) -> Callable[[], int]:
    return ours.client(COUNT, content, write, pipelining=False)


def client_of(name: str) -> Callable[[bytes, Write], Callable[[], int]]:
    def client(content: bytes, write: Write) -> Callable[[], int]:
        run: Callable[[], int] = driver(name).client(COUNT, content, write)
        return run

    client.__name__ = name
    return client


def by_hand(content: bytes, write: Write) -> Callable[[], int]:
    replies = cycle([b"250 OK\r\n"] * 4 + [b"354 go\r\n", b"250 OK\r\n"])
    return lambda: floor.client(COUNT, content, write, replies)


def received(written: bytes) -> Iterator[tuple[str, tuple[str, ...], bytes]]:
    """The transactions in what a client wrote, read as RFC 5321 3.3 and 4.5.2 say."""
    mail = re.compile(rb"(?i)MAIL FROM:<([^>]*)>[^\r]*\r\n")
    rcpt = re.compile(rb"(?i)RCPT TO:<([^>]*)>\r\n")
    other = re.compile(rb"(?i)(?:EHLO|HELO|RSET)[^\r]*\r\n")
    data = re.compile(rb"(?i)DATA\r\n")
    at = 0
    sender, recipients = "", list[str]()
    while at < len(written):
        if found := other.match(written, at):
            at = found.end()
        elif found := mail.match(written, at):
            sender, recipients, at = found[1].decode(), [], found.end()
        elif found := rcpt.match(written, at):
            recipients.append(found[1].decode())
            at = found.end()
        else:
            found = data.match(written, at)
            assert found, written[at : at + 80]
            end = written.index(b"\r\n.\r\n", found.end()) + 2
            lines = written[found.end() : end].splitlines(keepends=True)
            yield sender, tuple(recipients), b"".join(line.removeprefix(b".") for line in lines)
            at = end + 3


@pytest.mark.parametrize(
    "client",
    [
        pipelined,
        lock_step,
        client_of("twisted"),
        client_of("stdlib"),
        client_of("smtpproto"),
        by_hand,
    ],
)
@pytest.mark.parametrize("content", [workloads.message(), DOTS])
def test_every_client_writes_the_same_messages(
    client: Callable[[bytes, Write], Callable[[], int]], content: bytes
) -> None:
    written: list[bytes] = []
    run = client(content, written.append)
    assert run() == COUNT
    assert list(received(b"".join(written))) == [(SENDER, RECIPIENTS, content)] * COUNT


@pytest.mark.parametrize("policy", [smtp.BareNewlines.REJECT, smtp.BareNewlines.PRESERVE])
def test_stuffing_writes_the_same_text(policy: smtp.BareNewlines) -> None:
    content = workloads.message(500_000)
    pieces = workloads.chunks(content)
    sides: list[Callable[[Write], Callable[[], int]]] = [
        lambda write: ours.client_large(pieces, write, quirks=smtp.Quirks(bare_newlines=policy)),
        lambda write: driver("stdlib").stuffing(content, write),
        lambda write: lambda: floor.stuffing(pieces, write),
    ]
    for side in sides:
        written: list[bytes] = []
        assert side(written.append)() == len(content)
        assert b"".join(written).endswith(workloads.stuff(content))


# --- POP3 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3, 10_000])
def test_every_side_reads_the_same_listing(count: int) -> None:
    """RFC 1939 section 7: number, space, unique-id."""
    reads = workloads_pop3.listing(count)
    raw = driver("poplib").listing(reads)()
    assert len(raw) == count
    typed = [(int(number), text.decode()) for number, text in map(bytes.split, raw)]
    assert typed[-1] == (count, f"{count:08x}5f3b2c1a")
    assert ours_pop3.listing(reads)() == typed
    assert floor_pop3.listing(reads) == typed
    assert ours_pop3.counted(reads) == count


@pytest.mark.parametrize("content", [workloads.message(), DOTS, workloads.message(500_000)])
def test_every_side_retrieves_the_same_message(content: bytes) -> None:
    """RFC 1939 section 3: dots are taken off."""
    reads = workloads_pop3.retrieval(content)
    sides: list[Callable[[Sink], object]] = [
        lambda sink: ours_pop3.retrieval(reads, sink)(),
        lambda sink: driver("poplib").retrieval(reads, sink)(),
        lambda sink: floor_pop3.retrieval(reads, sink),
    ]
    for side in sides:
        kept, counted = Sink(keep=True), Sink()
        side(kept)
        side(counted)
        assert kept.kept == [("", (), content)]
        assert (counted.messages, counted.octets) == (1, len(content))


@pytest.mark.parametrize("messages", [3, 60])
def test_every_server_answers_the_same_commands(messages: int) -> None:
    """With yes to all, and the same sizes to STAT and LIST n (RFC 1939 section 5).

    Twisted's STAT counts deleted messages, and its UIDL n leaves out the number.
    """
    count = messages * 5 * 2 + 4
    reads = [
        piece
        for read in workloads_pop3.commands(count, messages)
        for piece in workloads.chunks(read, 700)
    ]
    sides: list[Callable[[Write], object]] = [
        lambda write: ours_pop3.commands(reads, messages, write)(),
        lambda write: driver("twisted_pop3").commands(reads, messages, write)(),
        lambda write: floor_pop3.commands(reads, messages, write),
    ]
    said = []
    commands = b"".join(reads).decode().splitlines()
    assert len(commands) == count
    assert "RSET" in commands
    for side in sides:
        written: list[bytes] = []
        side(written.append)
        replies = b"".join(written).decode().splitlines()
        assert len(replies) == count
        assert all(reply.startswith("+OK") for reply in replies)
        said.append(
            [
                (command, reply.split()[-1])
                for command, reply in zip(commands, replies, strict=True)
                if command[:4] in ("STAT", "LIST")
            ]
        )
    assert said[0] == said[1] == said[2]
    octets = sum(size for size, _ in workloads_pop3.maildrop(messages))
    assert said[0][0] == ("STAT", str(octets))


def test_a_server_is_measured_with_what_it_writes() -> None:
    written: list[bytes] = []
    ours_pop3.listed(1_000, written.append)
    answer = b"".join(workloads_pop3.listing(1_000)).partition(b"\r\n")[2]
    assert b"".join(written).partition(b"\r\n")[2] == answer
    written.clear()
    content = workloads.message(200_000)
    ours_pop3.served(workloads.chunks(content), written.append)
    assert b"".join(written).partition(b"\r\n")[2] == workloads.stuff(content)


# --- IMAP -----------------------------------------------------------------------------------------


def text(value: Any) -> Any:
    """Octets, also inside tuples, as text: IMAPClient leaves most values as octets."""
    if isinstance(value, tuple):
        return tuple(text(one) for one in value)
    return value.decode("ascii") if isinstance(value, bytes) else value


@pytest.mark.parametrize("count", [1, 3, 2_000])
def test_every_side_reads_the_same_fetches(count: int) -> None:
    """RFC 9051 section 7.5.2."""
    reads = workloads_imap.fetches(count)
    found = ours_imap.fetches(reads)
    assert [uid for uid, *_ in found] == list(workloads_imap.numbers(count))
    assert None not in [value for values in found for value in values]
    theirs = driver("imapclient").fetches(reads, count)()
    assert found == [
        (uid, text(one[b"FLAGS"]), one[b"RFC822.SIZE"], one[b"INTERNALDATE"])
        for uid, one in theirs.items()
    ]
    assert floor_imap.fetches(reads) == [
        (uid, list(flags), size, date) for uid, flags, size, date in found
    ]
    assert len(driver("imaplib").fetches(reads, count)()) == count
    values = [one["Data"]["Fetch"]["items"] for one in driver("imap_codec").fetches(reads, 0)()]
    assert [(one[0]["Uid"], one[2]["Rfc822Size"]) for one in values] == [
        (uid, size) for uid, _, size, _ in found
    ]
    assert ours_imap.counted(reads) == count
    assert [uid for uid, _ in ours_imap.skimmed(reads)] == list(theirs)


def parts(body: Any) -> Any:
    """Types of the parts of our structure."""
    return [parts(one) for one in body.parts] or (body.maintype, body.subtype)


def their_parts(body: Any) -> Any:
    """Types of the parts of a structure in lists."""
    if isinstance(body[0], (list, tuple)):
        inside = body[0] if isinstance(body[0], list) else body
        return [their_parts(one) for one in inside if isinstance(one, tuple)]
    return text(tuple(body[:2]))


@pytest.mark.parametrize("count", [4, 300])
def test_every_side_reads_the_same_structures(count: int) -> None:
    """RFC 9051 section 7.5.2: envelopes address by address, structures part by part."""
    reads = workloads_imap.structures(count)
    found = ours_imap.structures(reads)
    assert [uid for uid, *_ in found] == list(workloads_imap.numbers(count))
    theirs = driver("imapclient").structures(reads, count)()
    for (uid, flags, envelope, body), by_hand in zip(
        found, floor_imap.structures(reads), strict=True
    ):
        one = theirs[uid]
        assert flags == text(one[b"FLAGS"])
        other = one[b"ENVELOPE"]
        assert (envelope.subject, envelope.message_id, envelope.in_reply_to) == text(
            (other.subject, other.message_id, other.in_reply_to)
        )
        for name in ("from_", "sender", "reply_to", "to", "cc", "bcc"):
            addresses = getattr(other, name) or ()
            assert [tuple(address) for address in getattr(envelope, name)] == [
                text((address.name, address.route, address.mailbox, address.host))
                for address in addresses
            ]
        assert parts(body) == their_parts(one[b"BODYSTRUCTURE"])
        assert by_hand[:2] == ["UID", str(uid)]
        assert by_hand[5][0] == envelope.date
    kinds = [parts(body) for *_, body in found[:4]]
    plain, html = ("text", "plain"), ("text", "html")
    assert sorted(map(str, kinds)) == sorted(
        map(str, [[[plain, html], ("application", "pdf")], [plain, html], [plain, html], plain])
    )
    assert len(driver("imap_codec").structures(reads, 0)()) == count
    assert [data.envelope for _, data in ours_imap.skimmed(reads)] == [one[2] for one in found]


BODIES = ["twisted_imap", "aioimaplib", "imaplib"]


def fetched_by(name: str) -> Callable[[list[bytes], Sink], None]:
    def fetch(reads: list[bytes], sink: Sink) -> None:
        driver(name).bodies(reads, sink)()

    return fetch


@pytest.mark.parametrize("octets", [1, 2_000, 70_000, 300_000])
def test_every_side_fetches_the_same_messages(octets: int) -> None:
    """RFC 9051 section 4.3: literals are counted, whatever is in them."""
    content = workloads.message(octets) + b"A9 OK )\r\n* 2 FETCH ({3}\r\n"
    for reads, count, names in (
        (workloads_imap.literal(content), 1, BODIES),
        (workloads_imap.literals(3, content), 3, ["twisted_imap", "imaplib"]),
    ):
        sides: list[Callable[[list[bytes], Sink], Any]] = [
            lambda reads, sink: ours_imap.bodies(reads, sink)(),
            floor_imap.bodies,
            *(fetched_by(name) for name in names),
        ]
        for side in sides:
            kept, counted = Sink(keep=True), Sink()
            side(reads, kept)
            side(reads, counted)
            assert kept.kept == [("", (), content)] * count
            assert (counted.messages, counted.octets) == (count, count * len(content))


def test_every_side_reads_the_same_mailboxes() -> None:
    """RFC 9051 section 7.3.1."""
    reads = workloads_imap.listing(2_000)
    found = ours_imap.listing(reads)
    assert len({name for *_, name in found}) == 2_000
    assert found[2] == (("\\HasNoChildren",), "/", "Entwürfe/2")
    theirs = driver("imapclient").listing(reads)()
    assert [(delimiter, name) for _, delimiter, name in found] == [
        (delimiter.decode(), name) for _, delimiter, name in theirs
    ]
    assert len(floor_imap.listing(reads)) == 2_000


@pytest.mark.parametrize("count", [1, 2, 5, 20_000])
@pytest.mark.parametrize("runs", [workloads_imap.RUNS, workloads_imap.PAIRS])
def test_every_side_finds_the_same_numbers(count: int, runs: tuple[int, ...]) -> None:
    """RFC 9051 section 7.3.4: a set has the same numbers as a list of them."""
    reads, sets = workloads_imap.found(count, runs), workloads_imap.esearch(count, runs)
    found = list(ours_imap.search(reads))
    assert len(set(found)) == count
    assert list(driver("imapclient").search(reads)()) == found
    for others in (floor_imap.search(reads), ours_imap.esearch(sets), floor_imap.esearch(sets)):
        assert others == found


def test_every_side_reads_the_same_commands() -> None:
    count = 200
    reads = [
        piece for read in workloads_imap.commands(count) for piece in workloads.chunks(read, 700)
    ]
    commands: list[Any] = ours_imap.commands(reads)
    found = [(command.tag, command.verb) for command in commands]
    assert len(found) == count
    assert [(tag, verb) for tag, verb, _ in floor_imap.commands(reads)] == found
    twisted = driver("twisted_imap").commands(reads)()
    assert [text((tag, verb)) for tag, verb, *_ in twisted] == found
    assert sum(uid for _, _, uid, _ in twisted) == sum(
        getattr(command, "uid", False) for command in commands
    )
    decoded = driver("imap_codec").commands(reads)()
    assert [one["tag"] for one in decoded] == [tag for tag, _ in found]


def test_what_is_kept_is_weighed() -> None:
    weights = memory.kept(50)
    assert [one.side for one in weights][:2] == [
        "mailproto, as they came",
        "mailproto, values only",
    ]
    assert all(one.octets is None or one.octets > 50 for one in weights)
    assert report.kept([memory.Kept("a peer", None)], 5).count("not installed") == 1


# --- Messages -------------------------------------------------------------------------------------

PEERS = ["email", "fast_mail_parser"]
REAL = [
    *workloads_message.mails(40),
    *workloads_message.newsletters(5),
    workloads_message.attached(100_000),
    workloads_message.many_parts(20),
]
"""Mails as they are."""


def names_of(raw: bytes) -> list[bytes]:
    """The names of the fields of the first header, read by hand."""
    head = raw.partition(b"\r\n\r\n")[0]
    return re.findall(rb"(?m)^([!-9;-~]+):", head)


def alike(decoded: Any) -> Any:
    """Texts with the same line ends: `email` leaves CRLF, ours has LF."""
    *values, contents = decoded
    return (
        *values,
        [
            (kind, content.replace("\r\n", "\n") if isinstance(content, str) else content)
            for kind, content in contents
        ],
    )


def test_a_mail_is_what_its_row_says() -> None:
    mails = workloads_message.mails(50)
    assert len(set(mails)) == 50
    assert 1_900 < sum(map(len, mails)) / len(mails) < 2_500
    for mail in mails:
        names = names_of(mail)
        assert len(names) == 15
        assert names.count(b"Received") == 4
        assert {b"DKIM-Signature", b"Authentication-Results"} < set(names)
        assert b"\nSubject: =?utf-8?" in mail
        assert len(ours_message.recipients(mail)) == 2
    letters = workloads_message.newsletters(5)
    assert 19_000 < sum(map(len, letters)) / len(letters) < 22_000
    for letter in letters:
        assert max(map(len, letter.split(b"\r\n"))) <= 78  # RFC 5322 section 2.1.1, RFC 2045 6.7
        assert b"\n" not in letter.replace(b"\r\n", b"")


def test_boundaries_are_new_in_every_round() -> None:
    letters = workloads_message.newsletters(3)
    first, second = workloads_message.fresh(letters, 1), workloads_message.fresh(letters, 2)
    assert not set(first) & set(second)
    assert list(map(len, first)) == list(map(len, second)) == list(map(len, letters))
    boundaries = [re.findall(rb'boundary="([^"]+)"', mail) for mail in (*first, *second)]
    assert len({one for (one,) in boundaries}) == 6


@pytest.mark.parametrize("peer", PEERS)
def test_every_side_finds_the_same_parts(peer: str) -> None:
    structure = driver(peer).structure
    for mail in (*REAL, workloads_message.nested(30)):
        assert structure(mail) == ours_message.structure(mail)
        assert ours_message.indexed(mail) == len(ours_message.structure(mail))
    assert ours_message.structure(workloads_message.many_parts(3)) == [
        ("multipart/mixed", 3),
        *[("text/plain", 0)] * 3,
    ]
    assert ours_message.structure(workloads_message.nested(2)) == [
        ("multipart/mixed", 2),
        ("text/plain", 0),
        ("multipart/mixed", 2),
        ("text/plain", 0),
        ("text/plain", 0),
    ]


def test_no_level_is_left_out() -> None:
    """The limit of depth is off: deeper than ours reads by default, and as deep as the row is."""
    mail = workloads_message.nested(300)
    assert driver("email").structure(mail) == ours_message.structure(mail)
    assert len(ours_message.structure(mail)) == 2 * 300 + 1


def test_every_side_has_the_same_raw_headers() -> None:
    """`email` takes off the space behind the colon; fast-mail-parser has decoded values only."""
    for mail in REAL:
        theirs = driver("email").headers(mail)
        ours_ = [
            (kind, [(name, body.lstrip(b" \t").decode("ascii")) for name, body in fields])
            for kind, fields in ours_message.headers(mail)
        ]
        assert ours_ == theirs
        assert [name for name, _ in ours_[0][1]] == [name.decode() for name in names_of(mail)]
        found = driver("fast_mail_parser").headers(mail)
        assert [kind for kind, _ in found] == [kind for kind, _ in ours_]
        for (_, fields), (_, values) in zip(ours_, found, strict=True):
            assert sum(map(len, values.values())) == len(fields)


@pytest.mark.parametrize(
    ("peer", "job"), [*[(peer, "decoded") for peer in PEERS], ("email", "decoded_default")]
)
def test_every_side_decodes_the_same(peer: str, job: str) -> None:
    """Subject, addresses, date, and the content of every part."""
    decoded = getattr(driver(peer), job)
    for mail in REAL:
        if peer == "fast_mail_parser" and mail is REAL[-1]:
            continue  # texts that are attached are octets there
        assert alike(decoded(mail)) == alike(ours_message.decoded(mail))
    subject, sender, to, date, contents = ours_message.decoded(REAL[0])
    assert "=?" not in subject
    assert not subject.isascii()
    assert date is not None
    assert (len(sender), len(to), len(contents)) == (1, 2, 1)


@pytest.mark.parametrize("peer", PEERS)
def test_every_side_reads_the_same_recipients(peer: str) -> None:
    mail = workloads_message.addressed(200)
    found = ours_message.recipients(mail)
    assert driver(peer).recipients(mail) == found
    assert len(found) == 200
    assert all(address.count("@") == 1 for _, address in found)


def test_every_side_builds_the_same() -> None:
    for values in workloads_message.ingredients(3, 5_000):
        subject, _, _, date, text, attachment = values
        for build in (
            ours_message.compose,
            driver("email").compose,
            driver("email").compose_default,
        ):
            mail = build(*values)
            read = ours_message.decoded(mail)
            assert read[:4] == (
                subject,
                [("Ada Lovelace", "ada.lovelace@example.org")],
                [("Bob Builder", "bob@example.com"), ("", "anna.berger@example.net")],
                date,
            )
            assert read[4] == [("text/plain", text), ("application/pdf", attachment)]
            assert b"\n" not in mail.replace(b"\r\n", b"")
            assert b'filename="report.pdf"' in mail or b"filename=report.pdf" in mail


@pytest.mark.parametrize("name", workloads_message.ATTACKS)
def test_an_attack_has_the_size_it_is_asked_for_and_is_read(name: str) -> None:
    made = workloads_message.ATTACKS[name]
    small, large = made(2_000), made(8_000)
    assert 1_900 <= len(small) <= 2_200
    assert 7_600 <= len(large) <= 8_400
    assert ours_message.thoroughly(small) >= 1


@pytest.mark.parametrize(
    "name",
    [
        "parts of four octets",
        "multiparts in each other",
        "multiparts in each other, all with one boundary",
        "messages in each other",
        "header fields",
    ],
)
def test_an_attack_is_read_to_its_end(name: str) -> None:
    """No limit stops it: four times as long has four times as many parts or fields."""
    made = workloads_message.ATTACKS[name]
    few, many = (ours_message.thoroughly(made(octets)) for octets in (4_000, 16_000))
    assert few > 50
    assert 3.9 < many / few < 4.1


def test_the_exponents_are_those_of_the_attacks() -> None:
    found = rows_message.exponents(SMALL.attack, rounds=1)
    assert list(found) == list(workloads_message.ATTACKS)
    text = report.attacks(dict.fromkeys(found, 1.0) | {"addresses": 2.0}, SMALL.attack)
    assert text.count("| reached |") == len(found) - 1
    assert "| addresses | 2.00 | <= 1.1 | not reached |" in text


# --- All protocols --------------------------------------------------------------------------------


def test_every_side_reads_the_long_line() -> None:
    command = workloads.long_line(3_000)
    reply = workloads.long_line(3_000, b"250 ")
    assert ours.server_line(workloads.chunks(command, 1))() == 3_000
    assert ours.client_line(workloads.chunks(reply, 1))() == 3_000
    answer = workloads.long_line(3_000, b"* OK ")
    tagged = workloads.long_line(3_000, b"A1 NOOP ")
    assert ours_imap.line(workloads.chunks(answer, 1))() == 3_000
    assert ours_imap.command_line(workloads.chunks(tagged, 1))() == 3_000
    assert driver("stdlib").line(command)() == 3_000
    assert floor.line(workloads.chunks(command, 1)) == 3_000


@pytest.mark.parametrize("case", memory.CASES)
def test_memory_stays_below_the_goal(case: str) -> None:
    """DESIGN law 7: peak memory does not grow with the size of a body."""
    grown = memory.measure_here(case, 8 << 20)
    assert grown.octets == 8 << 20
    assert grown.allocated < memory.GOAL


def test_sides_run_in_turn_and_only_the_rounds_count() -> None:
    order: list[str] = []

    def side(name: str) -> timing.Side:
        def run() -> int:
            order.append(name)
            return 7

        return timing.Side(name, lambda: run)

    measured = timing.measure([side("a"), side("b")], rounds=2)
    assert order == ["a", "b"] * 3
    assert {name: (len(one.seconds), one.done) for name, one in measured.items()} == {
        "a": (2, 7),
        "b": (2, 7),
    }


def test_sides_that_did_not_do_the_same_are_refused() -> None:
    sides = [timing.Side("a", lambda: lambda: 1), timing.Side("b", lambda: lambda: 2)]
    with pytest.raises(AssertionError, match="did not do the same"):
        timing.measure(sides, rounds=1)


def test_a_ratio_pairs_the_rounds() -> None:
    slower = timing.Measured("slower", (4.0, 40.0, 8.0), 1)
    faster = timing.Measured("faster", (1.0, 10.0, 4.0), 1)
    assert timing.ratio(slower, faster) == 4.0


@pytest.mark.parametrize(
    ("reached", "verdict"),
    [(4.0, "reached"), (3.5, "first goal (3x) reached"), (2.9, "not reached")],
)
def test_a_goal_has_a_verdict(reached: float, verdict: str) -> None:
    assert row.Goal("a peer", 4, first=3).verdict(reached) == verdict


def test_a_missing_peer_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> Any:
        return None

    monkeypatch.setattr(peers, "load", missing)
    found = {one.name[:11]: one for one in rows.rows(SMALL)}
    assert found["SMTP server"].missing == ()  # BDAT, which no peer has
    assert found["POP3 server"].missing == ("Twisted",)
    assert found["Message: 3 "].missing == ("email compat32", "fast-mail-parser")
    text = report.speed(found["POP3 client"].run(rounds=1))
    assert text.count("not installed") == 1


def test_the_command_prints_a_table_and_writes_only_when_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    output = tmp_path / "results.md"
    arguments = ["speed", "--quick", "--rounds", "1", "--row", "any", "--output", str(output)]
    command.main(arguments)
    printed = capsys.readouterr().out
    written = output.read_text(encoding="utf-8")
    assert printed.startswith(written)
    assert written.count("any: a") == 4
    assert "1.5x" in written

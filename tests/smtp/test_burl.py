"""BURL (RFC 4468): a part of the message that the server fetches itself.

It stands where a BDAT chunk may stand (section 3), mixes with them, and like a refused chunk a
BURL that failed leaves only RSET: what follows it must not complete a message with a hole.
"""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from mailproto import Limits, LocalProtocolError, RemoteProtocolError, Want
from mailproto.smtp import (
    BadCommand,
    Bdat,
    BodyChunk,
    BodyEnd,
    Burl,
    Client,
    Data,
    Ehlo,
    Mail,
    Noop,
    NotOffered,
    Quit,
    Rcpt,
    Replied,
    Reply,
    Rset,
    ServerConfig,
    State,
    encode,
    parse_command,
)
from mailproto.testing import Link, Transcript, assert_chunk_invariant, run, script
from tests.smtp.talk import (
    EHLO,
    LHLO,
    MAIL,
    RCPT,
    RCPT_2,
    answering,
    client,
    codes,
    kind,
    left,
    names,
    sends,
    server,
    statuses,
    writing,
)

ids = pytest.mark.parametrize

OFFERED = ("PIPELINING", "CHUNKING", "BURL imap imap://imap.example.com")
# RFC 4468 section 4 has one much like it.
URL = (
    "imap://harry@gryffindor.example.com/outbox;uidvalidity=1078863300/;uid=25"
    ";urlauth=submit+harry:internal:91354a473744909de610943775f92038"
)
SECRET = "91354a473744909de610943775f92038"
LINE = b"BURL " + URL.encode()
OK = b"250 ok\r\n"
NO = b"554 5.6.6 no\r\n"
TO_RCPT: list[Any] = [sends(Mail("a@x")), OK, sends(Rcpt("b@x")), OK]


def served(*steps: Any, **options: Any) -> Any:
    options.setdefault("extensions", OFFERED)
    return server(EHLO + MAIL + RCPT, *steps, **options)


# --- The command ----------------------------------------------------------------------------------


@ids(
    ("line", "command"),
    [
        (LINE, Burl(URL)),
        (LINE + b" LAST", Burl(URL, last=True)),
        (b"burl " + URL.encode() + b" last", Burl(URL, last=True)),
        (b"BURL http://www.example.com/x?y=%20 LAST", Burl("http://www.example.com/x?y=%20", True)),
        (b"BURL urn:x", Burl("urn:x")),
    ],
    ids=repr,
)
def test_the_command(line: bytes, command: Burl) -> None:
    assert parse_command(line + b"\r\n") == command
    assert parse_command(encode(command)) == command


@ids(
    "line",
    [
        b"BURL",
        b"BURL ",
        LINE + b" FIRST",
        LINE + b" LAST LAST",
        LINE + b" LAST 5",
        LINE + b" 5",
        b"BURL LAST",
        b"BURL /outbox",
        b"BURL imap:",
        b"BURL :x",
        b"BURL 1map:x",
        b"BURL imap://b\xc3\xbccher.example/x",
    ],
    ids=repr,
)
def test_a_bad_one_is_not_fatal(line: bytes) -> None:
    """501. No octets follow a BURL, so that the stream stays in step. The URL is not repeated."""
    trace = assert_chunk_invariant(served(), line + b"\r\nNOOP\r\n")
    assert names(trace) == ["BadCommand", "Noop"]
    assert codes(trace) == [501, 250]
    assert b"imap" not in trace.output


@ids(
    "url",
    [
        "",
        "x",
        "imap",
        "imap:",
        "/path",
        "imap://a b",
        "imap://x\r\nQUIT",
        "imap://x\n",
        "imap://x\0",
        "imap://x\t",
        "imap://bücher",
        " imap://x",
        "imap://x ",
        "imap://x LAST",
    ],
    ids=repr,
)
def test_what_is_no_url_is_not_sent(url: str) -> None:
    """And a refused call changes nothing."""
    machine = client(*OFFERED, then=TO_RCPT)()
    before = pickle.dumps(machine)
    with pytest.raises(ValueError) as refusal:
        machine.send(Burl(url))
    assert pickle.dumps(machine) == before
    assert not url or url not in str(refusal.value)


def test_the_url_is_not_shown() -> None:
    """With URLAUTH (RFC 4467) it is the right to read the message."""
    assert repr(Burl(URL, last=True)) == "Burl(<hidden>, last=True)"
    machine = client(*OFFERED, then=TO_RCPT)()
    machine.send(Burl(URL))
    assert SECRET not in repr(machine.outstanding)
    trace = run(machine, NO)
    assert SECRET not in repr(trace.events)
    trace = run(served()(), LINE + b"\r\n" + LINE + b" WHAT\r\n")
    assert kind(trace, Burl).url == URL
    assert SECRET.encode() in kind(trace, BadCommand).raw
    assert SECRET not in repr(trace.events)


@ids(
    "line",
    [
        LINE,
        LINE + b" LAST",
        LINE + b" LAST what",
        b"burl\t" + URL.encode(),
        b"BURL  " + URL.encode(),
        b"BURL <" + URL.encode() + b">",
        b"abc" + LINE,  # behind a chunk that does not end with a line
        b"a burl abc" + LINE,
    ],
    ids=lambda line: repr(line)[:30],
)
@ids("ending", [b"\r\n", b"\n", b""], ids=repr)
def test_transcripts_do_not_show_it_either(line: bytes, ending: bytes) -> None:
    transcript = Transcript()
    transcript.add("S", b"250 BURL imap\r\n")
    transcript.add("C", line + ending)
    transcript.add("S", OK)
    assert SECRET not in str(transcript)
    assert "[hidden]" in str(transcript)
    assert "S: 250 BURL imap\n" in str(transcript)
    assert "S: 250 ok" in str(transcript)


# --- Where it may be said -------------------------------------------------------------------------


@ids("offered", [("PIPELINING", "CHUNKING"), ("PIPELINING", "BURL imap"), ()], ids=str)
def test_it_needs_burl_and_chunking(offered: tuple[str, ...]) -> None:
    """RFC 4468 section 3: a server with BURL has CHUNKING."""
    made = server(EHLO + MAIL + RCPT, extensions=offered)
    trace = assert_chunk_invariant(made, LINE + b"\r\nNOOP\r\n")
    assert names(trace) == ["BadCommand", "Noop"]
    assert codes(trace) == [502, 250]
    machine = client(*offered, then=TO_RCPT)()
    before = pickle.dumps(machine)
    with pytest.raises(NotOffered):
        machine.send(Burl(URL))
    assert pickle.dumps(machine) == before


@ids("before", [b"", EHLO, EHLO + MAIL], ids=repr)
def test_no_recipient_yet(before: bytes) -> None:
    trace = assert_chunk_invariant(server(before, extensions=OFFERED), LINE + b" LAST\r\n")
    assert names(trace) == ["BadCommand"]
    assert codes(trace) == [503]
    assert left(trace).state is server(before, extensions=OFFERED)().state


def test_a_client_does_not_say_it_there() -> None:
    for then in ([], TO_RCPT[:2]):
        with pytest.raises(LocalProtocolError, match="out of place"):
            client(*OFFERED, then=then)().send(Burl(URL))


def test_data_is_out_of_place_behind_it() -> None:
    """RFC 3030 section 2, for BURL too: DATA is another way."""
    trace = assert_chunk_invariant(served(LINE + b"\r\n"), b"DATA\r\n" + RCPT + MAIL)
    assert codes(trace) == [503, 503, 503]
    machine = client(*OFFERED, then=[*TO_RCPT, sends(Burl(URL)), OK])()
    for item in (Data(), Rcpt("c@x"), Mail("")):
        with pytest.raises(LocalProtocolError):
            machine.send(item)


# --- Servers --------------------------------------------------------------------------------------


def test_the_whole_message() -> None:
    """LAST: one `Burl` to fetch, one `BodyEnd`, one answer."""
    trace = assert_chunk_invariant(served(), LINE + b" LAST\r\nNOOP\r\n")
    assert trace.events == (Burl(URL, last=True), BodyEnd(0), Noop())
    assert codes(trace) == [250, 250]
    assert left(trace).envelope is None


@ids(
    ("wire", "expected"),
    [
        (
            [b"BDAT 3\r\nabc", LINE + b"\r\n", b"BDAT 2 LAST\r\nxy"],
            [Bdat(3), BodyChunk(b"abc"), Burl(URL), Bdat(2, True), BodyChunk(b"xy"), BodyEnd(5)],
        ),
        (
            [LINE + b"\r\n", LINE + b"\r\n", b"BDAT 0 LAST\r\n"],
            [Burl(URL), Burl(URL), Bdat(0, True), BodyEnd(0)],
        ),
        (
            [b"BDAT 3\r\nabc", LINE + b" LAST\r\n"],
            [Bdat(3), BodyChunk(b"abc"), Burl(URL, True), BodyEnd(3)],
        ),
    ],
    ids=["between chunks", "an empty last chunk", "at the end"],
)
def test_it_mixes_with_chunks(wire: list[bytes], expected: list[object]) -> None:
    """One answer for each; `BodyEnd.size` counts what came over the connection."""
    trace = assert_chunk_invariant(served(), b"".join(wire) + MAIL)
    assert list(trace.events[:-1]) == expected
    assert codes(trace) == [250] * (len(wire) + 1)
    assert left(trace).state is State.MAIL


def test_only_its_octets_count_as_size() -> None:
    """What the URL brings is the application's to count (RFC 1870): `reject(552)`."""
    made = served(size=4)
    wire = b"BDAT 3\r\nabc" + LINE + b"\r\nBDAT 2 LAST\r\nxy"
    assert codes(assert_chunk_invariant(made, wire)) == [250, 250, 552]
    play = answering(True, Reply(552, "5.3.4 too large"))
    trace = assert_chunk_invariant(made, b"BDAT 3\r\nabc" + LINE + b"\r\n", make_play=play)
    assert codes(trace) == [250, 552]


def test_yes_is_said_without_words() -> None:
    """As to a BDAT: the answer comes from the machine, or with the message."""
    machine = served()()
    machine.receive_data(LINE + b"\r\n")
    assert machine.next_event() == machine.awaiting == Burl(URL)
    with pytest.raises(ValueError):
        machine.accept(Reply(250, "got it"))
    machine.accept()
    assert machine.next_event() is Want.SEND
    assert codes(machine.data_to_send()) == [250]


REFUSALS = {
    "by the application": (False, LINE + b"\r\n", 554),
    "with the last one": (False, LINE + b" LAST\r\n", 554),
    "not now": (Reply(451, "4.4.1 the IMAP server is away"), LINE + b"\r\n", 451),
    "the wrong word": (True, LINE + b" FIRST\r\n", 501),
    "no URL": (True, b"burl\r\n", 501),
    "a control character": (True, LINE + b"\x07\r\n", 500),
    "no UTF-8": (True, LINE + b"\xff\r\n", 500),
    "too long": (True, b"BURL imap://" + b"x" * 1_000 + b" LAST\r\n", 500),
}


@ids("before", [b"", b"BDAT 3\r\nabc", LINE + b"\r\n"], ids=["first", "behind BDAT", "behind BURL"])
@ids("name", REFUSALS)
def test_a_refusal_spoils_the_transaction(name: str, before: bytes) -> None:
    """Whatever the reason: chunks that were sent behind it would make a message with a hole."""
    answer, line, code = REFUSALS[name]
    made = served(before, limits=Limits(line=400))
    play = answering(answer)
    behind = b"BDAT 5 LAST\r\nNOOP\n" + LINE + b" LAST\r\n" + RCPT + MAIL + b"DATA\r\n"
    trace = assert_chunk_invariant(made, line + behind, make_play=play)
    assert codes(trace) == [code, 503, 503, 503, 503, 503]
    assert not {"BodyEnd", "BodyChunk", "Noop"} & set(names(trace))
    assert left(trace).state is State.SPOILT
    trace = assert_chunk_invariant(
        made, line + b"RSET\r\n" + MAIL + RCPT + LINE + b" LAST\r\n", make_play=play
    )
    assert codes(trace) == [code, 250, 250, 250, 250]


def test_it_spoils_nothing_elsewhere() -> None:
    """A transaction that has no recipient has no part that could be missing."""
    made = server(EHLO, extensions=OFFERED)
    trace = assert_chunk_invariant(made, b"BURL\r\n" + MAIL + LINE + b"\r\n" + RCPT)
    assert codes(trace) == [501, 250, 503, 250]
    trace = assert_chunk_invariant(served(), b"BURLS x\r\nBURL-X\r\n" + LINE + b" LAST\r\n")
    assert codes(trace) == [500, 500, 250]


def test_it_may_be_pipelined() -> None:
    """RFC 4468 section 3: like BDAT."""
    machine = served()()
    machine.receive_data(LINE + b"\r\n" + LINE + b" LAST\r\n" + MAIL)
    for cls in (Burl, Burl, BodyEnd, Mail):
        event: Any = machine.next_event()
        assert type(event) is cls
        assert event.anomalies == set()
        machine.accept()
    assert machine.next_event() is Want.SEND
    assert codes(machine.data_to_send()) == [250, 250, 250]


def test_in_lmtp() -> None:
    """RFC 2033 section 4.2: an answer for each recipient behind LAST."""
    made = server(LHLO + MAIL + RCPT + RCPT_2, extensions=OFFERED, lmtp=True)
    wire = LINE + b"\r\n" + LINE + b" LAST\r\n"
    trace = assert_chunk_invariant(made, wire, make_play=answering(True, True, True, False))
    assert codes(trace) == [250, 250, 554]
    assert kind(trace, BodyEnd).recipient == "b@b.example"
    trace = assert_chunk_invariant(made, wire, make_play=answering(True, False))
    assert codes(trace) == [250, 554, 554]
    trace = assert_chunk_invariant(made, wire, make_play=answering(False))
    assert codes(trace) == [554, 503]


def test_authentication_may_have_to_come_first() -> None:
    made = server(EHLO, extensions=OFFERED, require_auth=True, auth=("PLAIN",), plaintext_auth=True)
    assert codes(assert_chunk_invariant(made, MAIL + RCPT + LINE + b" LAST\r\n")) == [530, 503, 503]


# --- Clients --------------------------------------------------------------------------------------


def test_what_a_client_says() -> None:
    make = client(*OFFERED, then=TO_RCPT)
    steps = [
        sends(Bdat(3)),
        OK,
        sends(Burl(URL), Burl(URL, last=True), Mail("")),
        OK + b"250 taken\r\n" + OK,
    ]
    trace = assert_chunk_invariant(make, steps, make_play=writing(b"abc"))
    assert trace.output == (
        b"BDAT 3\r\nabc" + LINE + b"\r\n" + LINE + b" LAST\r\n" + b"MAIL FROM:<>\r\n"
    )
    assert [(event.number, event.command, event.reply.code) for event in trace.events] == [
        (4, Bdat(3), 250),
        (5, Burl(URL), 250),
        (6, Burl(URL, last=True), 250),
        (7, Mail(""), 250),
    ]
    assert left(trace).state is State.MAIL


def test_no_body_is_wanted_for_it() -> None:
    machine = client(*OFFERED, then=[*TO_RCPT, sends(Burl(URL, last=True))])()
    assert machine.awaiting is None
    assert machine.next_event() is Want.DATA
    assert machine.timeout == 600.0  # RFC 5321 section 4.5.3.2.6: it may take its time
    for act in (lambda: machine.send_body(b"x"), machine.end_body):
        with pytest.raises(LocalProtocolError):
            act()


def test_not_inside_a_chunk() -> None:
    machine = client(*OFFERED, then=[*TO_RCPT, sends(Bdat(3))])()
    with pytest.raises(LocalProtocolError, match="a body is being sent"):
        machine.send(Burl(URL))


@ids("window", [1, 2])
def test_the_window_counts_it_as_a_chunk(window: int) -> None:
    machine = client(*OFFERED, limits=Limits(window=window), then=TO_RCPT)()
    for _ in range(window):
        machine.send(Burl(URL))
    with pytest.raises(LocalProtocolError, match="window"):
        machine.send(Burl(URL))
    run(machine, OK)
    machine.send(Burl(URL))


@ids("last", [False, True])
def test_after_a_refusal_only_rset_helps(last: bool) -> None:
    make = client(*OFFERED, then=[*TO_RCPT, sends(Burl(URL, last=last)), NO])
    machine = make()
    assert machine.state is State.SPOILT
    for item in (Burl(URL), Bdat(0, True), Data(), Mail(""), Rcpt("c@x")):
        with pytest.raises(LocalProtocolError):
            machine.send(item)
    trace = assert_chunk_invariant(make, [sends(Rset()), OK, sends(Mail("")), OK])
    assert left(trace).state is State.MAIL


def test_what_was_pipelined_behind_a_refusal() -> None:
    make = client(*OFFERED, then=TO_RCPT)
    steps = [sends(Burl(URL), Burl(URL, last=True), Rset()), NO + b"503 no\r\n" + OK]
    trace = assert_chunk_invariant(make, steps)
    assert [event.reply.code for event in trace.events] == [554, 503, 250]
    assert left(trace).state is State.READY


def test_in_lmtp_each_recipient_is_told() -> None:
    then = [sends(Mail("a@x")), OK, sends(Rcpt("b@x"), Rcpt("c@x")), OK + OK]
    make = client(*OFFERED, lmtp=True, then=then)
    trace = assert_chunk_invariant(make, [sends(Burl(URL, last=True)), OK + NO])
    assert [(event.recipient, event.reply.code) for event in trace.events] == [
        ("b@x", 250),
        ("c@x", 554),
    ]
    assert left(trace).state is State.READY
    assert left(trace).outstanding == ()


@ids("answer", [b"354 go\r\n", b"353 each\r\n", b"334 \r\n", b"235 yes\r\n"], ids=repr)
def test_answers_that_are_none(answer: bytes) -> None:
    trace = run(client(*OFFERED, then=TO_RCPT)(), [sends(Burl(URL, last=True)), answer])
    assert isinstance(trace.error, RemoteProtocolError)


def test_421_to_it() -> None:
    steps = [sends(Burl(URL)), b"421 4.3.0 bye\r\n"]
    trace = assert_chunk_invariant(client(*OFFERED, then=TO_RCPT), steps)
    assert trace.events == (Replied(4, Burl(URL), Reply(421, "4.3.0 bye")),)
    assert trace.end is Want.CLOSE


# --- Client and server ----------------------------------------------------------------------------


@ids("cut", [0, 1, 5])
def test_forward_without_download(cut: int) -> None:
    """RFC 4468 section 4: a header of one's own, a part from the mailbox, the end."""
    link = Link(
        Client(),
        server(extensions=OFFERED)(),
        play_client=script(
            Ehlo("x"),
            (Mail("a@x"), Rcpt("b@x"), Bdat(12)),
            b"Subject: x\r\n",
            (Burl(URL), Bdat(4, True)),
            b"end\n",
            Quit(),
        ),
        cuts=(lambda there: min(cut, there)) if cut else None,
    )
    link.client.machine.receive_data(b"220 mx.example\r\n")
    link.run()
    assert [event for event in link.server.events if isinstance(event, (Burl, BodyEnd))] == [
        Burl(URL),
        BodyEnd(16),
    ]
    assert [event.reply.code for event in link.client.events[1:]] == [250] * 6 + [221]
    assert SECRET not in str(link.transcript)
    assert SECRET.encode() in link.transcript.said("C")


def test_capabilities() -> None:
    """RFC 4468 section 3: what the server fetches from."""
    assert client(*OFFERED)().capabilities.burl == ("imap", "imap://imap.example.com")
    assert client("CHUNKING", "BURL")().capabilities.burl == ()
    assert client("CHUNKING")().capabilities.burl is None
    assert "BURL imap" in ServerConfig(extensions=("CHUNKING", "BURL imap")).extensions


def test_the_refusals_have_enhanced_codes() -> None:
    trace = assert_chunk_invariant(served(), LINE + b"\r\n", make_play=answering(False))
    assert statuses(trace) == ["554 5.6.6"]

"""What holds for all of POP3: whatever is said, however it arrives, whoever is lying."""

from __future__ import annotations

import contextlib
import pickle
import re
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailproto import Limits, ProtocolError, Want, pop3
from mailproto import strategies as mail
from mailproto._wire import BareNewlines, Input, LooseTextDecoder, TextDecoder, TextEncoder
from mailproto.pop3._codec import (
    parse_auth_response,
    parse_size,
    parse_sizes,
    parse_unique_id,
    parse_unique_ids,
    split_lines,
)
from mailproto.pop3._top import Head
from mailproto.testing import EOF, TIMEOUT, run
from tests.pop3.talk import CAPA, GREETING, MESSAGES, sends, serving

COSTLY = settings(max_examples=max(1, settings().max_examples // 4))
CONFIG = pop3.ServerConfig(
    capabilities=("TOP", "UIDL", "USER", "PIPELINING", "UTF8 USER"),
    auth=("PLAIN", "LOGIN"),
    plaintext_auth=True,
    languages=(("en", "English"),),
    verbs=("XTND",),
)


# -- values ----------------------------------------------------------------------------------------


@given(mail.pop3_commands())
def test_a_command_is_read_as_it_was_said(command: pop3.Command) -> None:
    wire = pop3.encode(command)
    assert wire.endswith(b"\r\n")
    assert not set(wire[:-2]) & {0, 10, 13}
    read = pop3.parse_command(wire)
    assert read == command
    assert type(read) is type(command)
    assert read.anomalies <= {"eight_bit"}
    assert pop3.encode(read) == wire


@given(mail.pop3_commands(pop3.AuthResponse, pop3.AuthCancel))
def test_an_answer_to_a_challenge_is_read_as_it_was_said(answer: pop3.Command) -> None:
    assert parse_auth_response(pop3.encode(answer)) == answer


@given(mail.pop3_replies())
def test_a_reply_is_read_as_it_was_said(reply: pop3.Reply) -> None:
    wire = pop3.encode(reply)
    assert not set(wire[:-2]) & {0, 10, 13}
    assert pop3.parse_reply(wire) == reply


@example("ſtat".encode() + b"\r\n")  # LATIN SMALL LETTER LONG S: its upper case is S
@given(mail.mutated(mail.pop3_commands().map(pop3.encode)))
def test_a_line_is_read_or_refused(line: bytes) -> None:
    """Nothing else comes out; and a keyword is ASCII."""
    try:
        command: pop3.Command | pop3.Reply = pop3.parse_command(line)
    except pop3.SyntaxRefused as refused:
        command = refused.reply
    if isinstance(command, pop3.Reply):
        assert pop3.encode(command).startswith(b"-ERR ")
        return
    assert line.upper().lstrip().startswith(command.verb.encode())
    if not command.anomalies - {"eight_bit"}:
        with contextlib.suppress(ValueError):  # `RETR 0` can be read, and not be said
            assert pop3.parse_command(pop3.encode(command)) == command


@given(st.lists(st.binary(max_size=12) | st.sampled_from([b"1 a", b"1 2", b"12 0"]), max_size=6))
def test_both_ways_read_the_same_listing(texts: list[bytes]) -> None:
    lines = b"".join(text + b"\r\n" for text in texts)
    for short, long in ((parse_sizes, parse_size), (parse_unique_ids, parse_unique_id)):
        found = short(lines)
        if found is not None:
            slowly: list[Any] = [long(line) for line in split_lines(lines)]
            assert [entry for entry, _ in slowly] == found
            assert [defects for _, defects in slowly] == [()] * len(found)


# -- texts -----------------------------------------------------------------------------------------


@given(mail.bodies(bare_newlines=True), st.integers(0, 5), st.data())
def test_top_is_the_top_of_the_message(body: bytes, count: int, data: st.DataObject) -> None:
    """RFC 1939 section 7, told once more: header, empty line, n lines."""
    head = Head(count)
    found = b"".join(head.feed(piece) for piece in data.draw(mail.cuts(body)))
    lines = re.findall(rb"[^\n]*\n|[^\n]+", body)
    end = next((at for at, line in enumerate(lines, 1) if line in (b"\n", b"\r\n")), len(lines))
    assert found == b"".join(lines[: end + count])


@given(mail.bodies(bare_newlines=True), st.data())
def test_a_text_with_lf_ends_is_read_as_it_was(body: bytes, data: st.DataObject) -> None:
    text = re.sub(rb"(?m)^\.", b"..", body)
    text += b".\n" if not body or body.endswith(b"\n") else b"\n.\n"
    source, decoder, read = Input(), LooseTextDecoder(), b""
    for piece in data.draw(mail.cuts(text)):
        source.feed(piece)
        while part := decoder.read(source, data.draw(st.sampled_from([1, 8, 100]))):
            read += part
    assert decoder.ended
    assert read in (body, body + b"\n")


@given(mail.bodies(), st.data())
def test_the_loose_reader_reads_strict_texts_too(body: bytes, data: st.DataObject) -> None:
    encoder = TextEncoder(BareNewlines.REJECT)
    text = encoder.feed(body) + encoder.end()
    results: list[bytes] = []
    for decoder in (TextDecoder(), LooseTextDecoder()):
        source, read = Input(), b""
        for piece in data.draw(mail.cuts(text)):
            source.feed(piece)
            while part := decoder.read(source, 65_536):
                read += part
        assert decoder.ended
        results.append(read)
    assert results[0] == results[1]


# -- machines --------------------------------------------------------------------------------------


@COSTLY
@given(mail.pop3_client_streams(), mail.chunk_schedules(), st.sampled_from([1, 100, 262_144]))
def test_a_server_answers_each_command_once(stream: bytes, cuts: list[int], output: int) -> None:
    machine = pop3.Server(CONFIG, limits=Limits(output=output))
    trace = run(machine, stream, serving()(), cuts=cuts)
    assert trace.error is None
    said = len(stream.split(b"\r\n")) - 1
    events = [event for event in trace.events if not isinstance(event, pop3.Commit)]
    assert len(events) == said
    # The client's own reader takes the answers apart again.
    rest = trace.output
    for event in (None, *events):
        status, _, rest = rest.partition(b"\r\n")
        assert status.startswith((b"+OK", b"-ERR"))
        several = isinstance(event, (pop3.Retr, pop3.Top, pop3.Capa)) or (
            isinstance(event, (pop3.List, pop3.Uidl)) and event.number is None
        )
        if isinstance(event, pop3.Lang) and event.tag is None:
            several = True
        if several:
            source = Input()
            source.feed(rest)
            decoder = TextDecoder()
            while decoder.read(source, 65_536):
                pass
            assert decoder.ended
            rest = source.peek(len(source))
    assert rest == b""


@COSTLY
@given(mail.mutated(mail.pop3_client_streams()), mail.chunk_schedules())
def test_a_server_survives_anything(stream: bytes, cuts: list[int]) -> None:
    for end in (EOF, TIMEOUT):
        machine = pop3.Server(CONFIG, greeting=CONFIG.greeting("1.2"))
        trace = run(machine, [stream, end], serving()(), cuts=cuts)
        commits = [event for event in trace.events if isinstance(event, pop3.Commit)]
        quits = [event for event in trace.events if isinstance(event, pop3.Quit)]
        # RFC 1939 section 6: one Commit for a QUIT after the login, and no other.
        assert len(commits) <= len(quits) <= 1
        if commits:
            assert trace.events[-1] is commits[0]


@COSTLY
@given(mail.pop3_server_streams(), st.data(), mail.chunk_schedules())
def test_a_client_survives_anything(stream: bytes, data: st.DataObject, cuts: list[int]) -> None:
    items = data.draw(st.lists(mail.pop3_commands(), max_size=8))
    damaged = data.draw(mail.mutated(st.just(stream)) | st.just(stream))
    left = [pop3.Capa(), *items]

    def play(machine: Any, event: object) -> None:
        if event is Want.ANSWER:
            machine.send(pop3.AuthCancel())
        elif not isinstance(event, (pop3.BodyChunk, Want)) and left:
            with contextlib.suppress(ProtocolError, ValueError):
                machine.send(left.pop(0))

    quirks = pop3.Quirks(plaintext_auth=True)
    run(pop3.Client(quirks=quirks), [damaged, EOF], play, cuts=cuts)


@COSTLY
@given(mail.pop3_sessions())
def test_messages_arrive_as_they_are_stored(session: mail.Pop3Session) -> None:
    """Whatever the configuration, the cuts and the limits; and what is deleted is committed."""
    link = session.link()
    link.run()
    assert link.closed
    wanted: list[bytes] = []
    deleted: set[int] = set()
    for command in session.commands:
        number = getattr(command, "number", None) or 0
        there = 1 <= number <= len(session.messages) and number not in deleted
        if isinstance(command, pop3.Rset):
            deleted.clear()
        elif isinstance(command, pop3.Dele) and there:
            deleted.add(number)
        elif isinstance(command, (pop3.Retr, pop3.Top)) and there:
            text = re.sub(rb"\r\n|\r|\n", b"\r\n", session.messages[number - 1])
            if isinstance(command, pop3.Top):
                head = Head(command.lines)
                text = head.feed(text)
            wanted.append(text if text.endswith(b"\r\n") or not text else text + b"\r\n")
    found: list[bytes] = []
    for event in link.client.events:
        if isinstance(event, pop3.BodyStart):
            found.append(b"")
        elif isinstance(event, pop3.BodyChunk):
            found[-1] += event.data
    assert found == wanted
    (commit,) = [event for event in link.server.events if isinstance(event, pop3.Commit)]
    assert commit.deleted == tuple(sorted(deleted))
    assert commit.unique_ids == tuple(f"uid-{number}" for number in sorted(deleted))


@COSTLY
@given(mail.pop3_maildrops(), st.sampled_from([1, 50, 262_144]))
def test_a_maildrop_is_listed_as_it_was_given(drop: Any, output: int) -> None:
    machine = pop3.Server(CONFIG, limits=Limits(output=output))
    wire = b"USER bob\r\nPASS secret\r\nLIST\r\nUIDL\r\nSTAT\r\n"
    trace = run(machine, wire, serving(maildrop=drop)())
    client = pop3.Client(quirks=pop3.Quirks(plaintext_auth=True))
    steps = [GREETING, sends(pop3.Capa()), CAPA, sends(pop3.Auth("PLAIN", b"x")), b"+OK\r\n"]
    answers = trace.output.split(b"\r\n", 3)[3]
    heard = run(client, [*steps, sends(pop3.List(), pop3.Uidl(), pop3.Stat()), answers]).events
    listings = [event for event in heard if isinstance(event, pop3.Listing)]
    sizes = [
        one for event in listings if isinstance(event.command, pop3.List) for one in event.entries
    ]
    ids = [
        one for event in listings if isinstance(event.command, pop3.Uidl) for one in event.entries
    ]
    assert sizes == [(at, octets) for at, (octets, _) in enumerate(drop, 1)]
    assert ids == [(at, unique_id) for at, (_, unique_id) in enumerate(drop, 1)]
    assert heard[-1].value == (len(drop), sum(octets for octets, _ in drop))


def test_a_machine_travels_in_the_middle_of_everything() -> None:
    def moved(machine: Any) -> Any:
        return pickle.loads(pickle.dumps(machine))

    wire = b"USER bob\r\nPASS secret\r\nLIST\r\nRETR 1\r\nTOP 2 0\r\nDELE 1\r\nQUIT\r\n"
    stayed = run(pop3.Server(CONFIG), wire, serving(size=3)())
    travelled = run(pop3.Server(CONFIG), wire, serving(size=3)(), between=moved)
    assert travelled.differs_from(stayed) is None
    assert MESSAGES[0].replace(b"\r\n.", b"\r\n..") in stayed.output

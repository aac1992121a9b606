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
from benchmarks import floor, memory, ours, peers, report, rows, timing, workloads
from benchmarks.workloads import RECIPIENTS, SENDER, Sink
from mailproto import smtp

COUNT = 5
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


def test_every_side_reads_the_long_line() -> None:
    command = workloads.long_line(3_000)
    reply = workloads.long_line(3_000, b"250 ")
    assert ours.server_line(workloads.chunks(command, 1))() == 3_000
    assert ours.client_line(workloads.chunks(reply, 1))() == 3_000
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
    assert rows.Goal("a peer", 4, first=3).verdict(reached) == verdict


def test_a_missing_peer_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> Any:
        return None

    monkeypatch.setattr(peers, "load", missing)
    row = next(rows.rows(rows.Sizes(2, 1000, 64, 1, 0)))
    text = report.speed(row.run(rounds=1))
    assert row.missing == ("Twisted", "aiosmtpd")
    assert text.count("not installed") == 2


def test_the_command_prints_a_table_and_writes_only_when_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    output = tmp_path / "results.md"
    arguments = ["speed", "--quick", "--rounds", "1", "--row", "any", "--output", str(output)]
    command.main(arguments)
    printed = capsys.readouterr().out
    written = output.read_text(encoding="utf-8")
    assert printed.startswith(written)
    assert written.count("any: a ") == 2
    assert "1.5x" in written

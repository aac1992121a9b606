"""Extensions: typed parameters both ways, what EHLO offers, private rows, and what needs what."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from mailproto import smtp
from mailproto.smtp import (
    AUTH,
    BODY,
    BY,
    ENVID,
    EXTENSIONS,
    HOLDFOR,
    HOLDUNTIL,
    MT_PRIORITY,
    NOTIFY,
    ORCPT,
    REQUIRETLS,
    RET,
    RRVS,
    SIZE,
    SMTPUTF8,
    Capabilities,
    Client,
    DeliverBy,
    Extension,
    Mail,
    NotOffered,
    OriginalRecipient,
    Param,
    Parameter,
    Rcpt,
    RecipientValidSince,
    Replied,
    Reply,
    Server,
    ServerConfig,
    SyntaxRefused,
    UnknownCommand,
    encode,
    parse_command,
)
from mailproto.testing import assert_chunk_invariant, run
from tests.smtp.talk import (
    EHLO,
    EVERYTHING,
    MAIL,
    answering,
    client,
    codes,
    hello,
    names,
    sends,
    server,
    statuses,
)

ids = pytest.mark.parametrize
DATE = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)

# --- Typed parameters -----------------------------------------------------------------------------

VALUES: list[tuple[Parameter[Any], Any, str | None]] = [
    (SIZE, 0, "0"),
    (SIZE, 10**20 - 1, "9" * 20),
    (BODY, "7BIT", "7BIT"),
    (BODY, "8BITMIME", "8BITMIME"),
    (BODY, "BINARYMIME", "BINARYMIME"),
    (SMTPUTF8, True, None),
    (RET, "FULL", "FULL"),
    (RET, "HDRS", "HDRS"),
    (ENVID, "QQ314159", "QQ314159"),
    (ENVID, "a+b=c d", "a+2Bb+3Dc+20d"),
    (NOTIFY, ("NEVER",), "NEVER"),
    (NOTIFY, ("SUCCESS", "FAILURE", "DELAY"), "SUCCESS,FAILURE,DELAY"),
    (ORCPT, OriginalRecipient("rfc822", "Bob+tag@x.example"), "rfc822;Bob+2Btag@x.example"),
    (ORCPT, OriginalRecipient("utf-8", "büro@x.example"), "utf-8;büro@x.example"),
    (ORCPT, OriginalRecipient("utf-8", "a b@x"), "utf-8;a\\x{20}b@x"),
    (AUTH, "", "<>"),
    (AUTH, "e=mc2@example.com", "e+3Dmc2@example.com"),
    (BY, DeliverBy(120, "R"), "120;R"),
    (BY, DeliverBy(0, "N", trace=True), "0;NT"),
    (BY, DeliverBy(-5, "N"), "-5;N"),
    (HOLDFOR, 999_999_999, "999999999"),
    (HOLDUNTIL, DATE, "2030-01-02T03:04:05Z"),
    (MT_PRIORITY, -9, "-9"),
    (MT_PRIORITY, 0, "0"),
    (MT_PRIORITY, 9, "9"),
    (REQUIRETLS, True, None),
    (RRVS, RecipientValidSince(DATE), "2030-01-02T03:04:05Z"),
    (RRVS, RecipientValidSince(DATE, "C"), "2030-01-02T03:04:05Z;C"),
    (RRVS, RecipientValidSince(DATE, "R"), "2030-01-02T03:04:05Z;R"),
]


@ids(("row", "value", "text"), VALUES, ids=lambda value: getattr(value, "keyword", ascii(value)))
def test_values_both_ways(row: Parameter[Any], value: Any, text: str | None) -> None:
    """RFC 1870, 6152, 6531, 3461 4, 6533 3, 4954 5, 2852 4, 4865 4, 6710 4, 8689 2, 7293 3.1."""
    param = row(value)
    assert param == Param(row.keyword, text)
    command: Any = Mail("a@x", (param,)) if row.command == "MAIL" else Rcpt("a@x", (param,))
    assert command.get(row) == value
    parsed: Any = parse_command(encode(command))
    assert parsed.get(row) == value


@ids(("row", "value", "text"), VALUES, ids=lambda value: getattr(value, "keyword", ascii(value)))
def test_servers_take_them_where_they_are_offered(
    row: Parameter[Any], value: Any, text: str | None
) -> None:
    line = encode(
        Mail("a@x", (row(value),)) if row.command == "MAIL" else Rcpt("a@x", (row(value),))
    )
    setup = EHLO if row.command == "MAIL" else EHLO + b"MAIL FROM:<a@x> SMTPUTF8\r\n"
    offer: dict[str, Any] = {"auth": ("CRAM-MD5",), "tls": True}
    made = server(setup, extensions=EVERYTHING, **offer)
    trace = assert_chunk_invariant(made, line)
    assert codes(trace) == [250]
    assert trace.events[0].get(row) == value
    if row is not SIZE:  # the machine keeps that one alone, always
        plain = server(EHLO if row.command == "MAIL" else EHLO + MAIL, extensions=())
        assert statuses(assert_chunk_invariant(plain, line)) == ["555 5.5.4"]


@ids(("row", "value", "text"), VALUES, ids=lambda value: getattr(value, "keyword", ascii(value)))
def test_clients_send_them_where_they_are_offered(
    row: Parameter[Any], value: Any, text: str | None
) -> None:
    item: Any = Mail("a@x", (row(value),)) if row.command == "MAIL" else Rcpt("a@x", (row(value),))
    mail = Mail("a@x", (SMTPUTF8(True),))  # one value is UTF-8
    then = [] if row.command == "MAIL" else [sends(mail), b"250 ok\r\n"]
    basis = [] if row.command == "MAIL" else ["SMTPUTF8"]
    machine = client(*basis, then=then)()
    with pytest.raises(NotOffered, match=row.needs(row(value))):
        machine.send(item)
    assert machine.data_to_send() == b""
    machine = client(*basis, row.needs(row(value)), then=then)()
    machine.send(item)
    assert machine.data_to_send() == encode(item)


@ids(
    ("row", "texts"),
    [
        (SIZE, [None, "", "-1", "+1", " 1", "1k", "9" * 21, "٣"]),
        (BODY, [None, "", "9BIT", "8BIT"]),
        (SMTPUTF8, ["", "YES"]),
        (REQUIRETLS, ["", "YES"]),
        (RET, [None, "", "ALL"]),
        (ENVID, [None, "", "a=b", "a+b", "a b", "é"]),
        (NOTIFY, [None, "", "NEVER,SUCCESS", "SUCCESS,SUCCESS", "SUCCESS,", "ALWAYS", ","]),
        (ORCPT, [None, "", "rfc822", ";a@x", "rfc 822;a@x", "rfc822;a=b", "rfc822;a+b"]),
        (AUTH, [None, "", "a=b@x", "a b@x", "+3C@"]),
        (BY, [None, "", "5", "5;X", ";R", "-5;R", "0;R", "5;RX", "5;R T", "1234567890;R"]),
        (HOLDFOR, [None, "", "-1", "1234567890", "1h"]),
        (HOLDUNTIL, [None, "", "tomorrow", "2030-01-02", "2030-01-02T03:04:05"]),
        (MT_PRIORITY, [None, "", "10", "-10", "+1", "-0", "01", "x"]),
        (RRVS, [None, "", "x", "2030-01-02T03:04:05Z;X", "2030-01-02T03:04:05Z;"]),
    ],
    ids=lambda value: getattr(value, "keyword", ""),
)
def test_values_that_are_none(row: Parameter[Any], texts: list[str | None]) -> None:
    """A server answers 501 (RFC 5321 section 4.2.4), and the encoder does not write them."""
    for text in texts:
        with pytest.raises(ValueError):
            row.parse(text)
        word = row.keyword if text is None else f"{row.keyword}={text}"
        path = "MAIL FROM" if row.command == "MAIL" else "RCPT TO"
        if text is None or " " not in text:
            with pytest.raises(SyntaxRefused) as refused:
                parse_command(f"{path}:<a@x> {word}".encode())
            assert refused.value.reply.code == 501
        command = Mail if row.command == "MAIL" else Rcpt
        with pytest.raises(ValueError):
            encode(command("a@x", (Param(row.keyword, text),)))


@ids(
    ("row", "value"),
    [
        (SIZE, -1),
        (SIZE, 10**20),
        (BODY, "9BIT"),
        (BODY, ""),
        (SMTPUTF8, False),
        (NOTIFY, ()),
        (NOTIFY, ("NEVER", "DELAY")),
        (ORCPT, OriginalRecipient("rfc;822", "a@x")),
        (BY, DeliverBy(0, "R")),
        (BY, DeliverBy(10**9, "N")),
        (MT_PRIORITY, 10),
        (MT_PRIORITY, -10),
        (HOLDUNTIL, datetime(2030, 1, 1)),  # noqa: DTZ001
        (RET, "SOME"),
    ],
    ids=lambda value: getattr(value, "keyword", repr(value)),
)
def test_values_that_cannot_be_written(row: Parameter[Any], value: Any) -> None:
    with pytest.raises(ValueError):
        row(value)


def test_values_are_read_in_any_case() -> None:
    """RFC 5321 section 2.4: keywords and their values from lists are case-insensitive."""
    assert RET.parse("hdrs") == "HDRS"
    assert BODY.parse("8BitMime") == "8BITMIME"
    assert NOTIFY.parse("success,Delay") == ("SUCCESS", "DELAY")
    assert BY.parse("5;nt") == DeliverBy(5, "N", trace=True)
    assert RRVS.parse("2030-01-02T03:04:05z;c") == RecipientValidSince(DATE, "C")


def test_one_word_is_a_list_of_one() -> None:
    row: Any = NOTIFY
    assert row(("NEVER",)) == row("NEVER")


def test_size_of_a_parsed_command_is_there_or_not() -> None:
    assert Mail("a@x").get(SIZE) is None
    assert Mail("a@x", (Param("SIZE", "0"),)).get(SIZE) == 0


# --- What EHLO offers -----------------------------------------------------------------------------


def offers(*lines: str) -> Capabilities:
    return Capabilities.from_reply(Reply(250, ("mx.example hello", *lines)))


def test_capabilities() -> None:
    """RFC 5321 section 4.1.1.1."""
    capabilities = offers("PIPELINING", "SIZE 1000", "AUTH PLAIN scram-sha-256", "X-Own a B")
    assert capabilities.domain == "mx.example"
    assert list(capabilities) == ["PIPELINING", "SIZE", "AUTH", "X-OWN"]
    assert "pipelining" in capabilities
    assert "CHUNKING" not in capabilities
    assert 5 not in capabilities
    assert capabilities["x-own"] == capabilities.arguments("X-OWN") == ("a", "B")
    assert capabilities.arguments("CHUNKING") == ()
    with pytest.raises(KeyError):
        capabilities["CHUNKING"]
    assert capabilities.size == 1000
    assert capabilities.auth == ("PLAIN", "SCRAM-SHA-256")


@ids(
    ("line", "name", "value"),
    [
        ("SIZE 5", "size", 5),
        ("SIZE x", "size", None),
        ("SIZE " + "9" * 21, "size", None),
        ("AUTH", "auth", ()),
        ("LIMITS MAILMAX=5 RCPTMAX=100", "limits", {"MAILMAX": 5, "RCPTMAX": 100}),
        ("LIMITS rcptdomainmax=1 X=y Z", "limits", {"RCPTDOMAINMAX": 1}),
        ("LIMITS MAILMAX=1234567", "limits", {}),
        ("DELIVERBY 60", "deliver_by", 60),
        ("DELIVERBY", "deliver_by", None),
        ("FUTURERELEASE 86400 2030-01-02T03:04:05Z", "future_release", (86400, DATE)),
        ("FUTURERELEASE 86400", "future_release", None),
        ("FUTURERELEASE x 2030-01-02T03:04:05Z", "future_release", None),
        ("MT-PRIORITY MIXER", "mt_priority", "MIXER"),
        ("MT-PRIORITY", "mt_priority", ""),
    ],
)
def test_arguments_of_keywords(line: str, name: str, value: object) -> None:
    """RFC 1870 3, 4954 3, 9422 3, 2852 2, 4865 3, 6710 3: read leniently, never raising."""
    assert getattr(offers(line), name) == value


@ids(
    ("name", "value"),
    [
        ("size", None),
        ("auth", ()),
        ("limits", {}),
        ("deliver_by", None),
        ("future_release", None),
        ("mt_priority", None),
    ],
)
def test_what_is_not_offered(name: str, value: object) -> None:
    assert getattr(offers(), name) == value


def test_a_server_offers_what_it_is_configured_to() -> None:
    config = ServerConfig(
        hostname="mx.example",
        size=1000,
        extensions=("PIPELINING", "DELIVERBY 60", "REQUIRETLS"),
        auth=("CRAM-MD5", "PLAIN"),
        starttls=True,
    )
    steps = [b"EHLO x\r\nSTARTTLS\r\n", b"EHLO x\r\n"]
    trace = assert_chunk_invariant(lambda: Server(config), steps)
    before, after = (
        Capabilities.from_reply(smtp.parse_reply(b"250-" + part.split(b"\r\n220 ")[0]))
        for part in trace.output.split(b"250-mx.example\r\n250-")[1:]
    )
    said = trace.output
    assert said.count(b"DELIVERBY 60\r\n") == 2
    # RFC 3207 section 4.2, RFC 8689 section 2: not behind TLS; only behind TLS. RFC 4954 section 4:
    # what shows the password only behind TLS.
    assert ("STARTTLS" in before, "STARTTLS" in after) == (True, False)
    assert ("REQUIRETLS" in before, "REQUIRETLS" in after) == (False, True)
    assert (before.auth, after.auth) == (("CRAM-MD5",), ("CRAM-MD5", "PLAIN"))
    assert before.size == after.size == 1000


def test_helo_offers_nothing() -> None:
    """RFC 5321 section 4.1.1.1: "250 domain" is all; parameters are out of the question."""
    trace = assert_chunk_invariant(
        server(extensions=EVERYTHING), b"HELO x\r\nMAIL FROM:<a@x> SIZE=5\r\n" + MAIL
    )
    assert trace.output.startswith(b"250 mx.example\r\n")
    assert statuses(trace) == ["250", "555 5.5.4", "250 2.1.0"]


# --- Private extensions ---------------------------------------------------------------------------


def _colour(value: str | None) -> str:
    if value not in ("red", "blue"):
        raise ValueError("no such colour")
    return value


COLOUR: Any = Parameter("XCOLOUR", "MAIL", _colour, _colour, extension="XPAINT")
PAINT = Extension("XPAINT", mail=(COLOUR,), verbs=("XPAINT",))
REGISTRY = (*EXTENSIONS, PAINT)


def painting(*steps: bytes, offer: bool = True) -> Any:
    extensions = ("PIPELINING", *(("XPAINT",) if offer else ()))
    return server(*steps, extensions=extensions, registry=REGISTRY)


def test_a_private_parameter() -> None:
    line = b"MAIL FROM:<a@x> XCOLOUR=red\r\n"
    trace = assert_chunk_invariant(painting(EHLO), line)
    assert trace.events[0].get(COLOUR) == "red"
    assert codes(trace) == [250]
    bad = assert_chunk_invariant(painting(EHLO), b"MAIL FROM:<a@x> XCOLOUR=green\r\n")
    assert codes(bad) == [501]
    assert codes(assert_chunk_invariant(painting(EHLO, offer=False), line)) == [555]
    assert codes(assert_chunk_invariant(server(EHLO), line)) == [555]


def test_a_private_verb() -> None:
    trace = assert_chunk_invariant(
        painting(EHLO),
        b"XPAINT it red\r\nxpaint\r\nXPAINT\r\nXSAND\r\n",
        make_play=answering(True, False, Reply(299, "2.0.0 painted")),
    )
    assert trace.events[:3] == (
        UnknownCommand("XPAINT", "it red"),
        UnknownCommand("XPAINT"),
        UnknownCommand("XPAINT"),
    )
    assert statuses(trace) == ["250 2.0.0", "502 5.5.1", "299 2.0.0", "500 5.5.2"]
    off = assert_chunk_invariant(painting(EHLO, offer=False), b"XPAINT\r\n")
    assert (names(off), codes(off)) == (["BadCommand"], [500])


def test_a_client_with_a_private_extension() -> None:
    def made(*keywords: str) -> Client:
        machine = Client(registry=REGISTRY)
        run(machine, hello(*keywords))
        return machine

    machine = made()
    for item in (UnknownCommand("XPAINT", "it"), Mail("a@x", (COLOUR("red"),))):
        with pytest.raises(NotOffered, match="XPAINT"):
            machine.send(item)
    trace = run(made("XPAINT"), [sends(UnknownCommand("XPAINT", "it")), b"250 done\r\n"])
    assert trace.events == (Replied(2, UnknownCommand("XPAINT", "it"), Reply(250, "done")),)
    made("XPAINT").send(Mail("a@x", (COLOUR("blue"),)))


def test_what_nobody_knows_is_the_callers_affair() -> None:
    """An unknown verb may be tried; an unknown parameter must be offered under its own name."""
    machine = client()()
    machine.send(UnknownCommand("XSAND", "down"))
    assert machine.data_to_send() == b"XSAND down\r\n"
    with pytest.raises(NotOffered):
        client()().send(Mail("a@x", (Param("XSAND"),)))
    assert client("XSAND")().send(Mail("a@x", (Param("XSAND"),))) == 2


def test_etrn_needs_its_keyword() -> None:
    """RFC 1985 section 5."""
    with pytest.raises(NotOffered):
        client()().send(smtp.Etrn("x.example"))
    assert client("ETRN")().send(smtp.Etrn("x.example")) == 2
    assert codes(assert_chunk_invariant(server(EHLO), b"ETRN x.example\r\n")) == [502]
    trace = assert_chunk_invariant(server(EHLO, extensions=EVERYTHING), b"ETRN @x.example\r\n")
    assert trace.events == (smtp.Etrn("@x.example"),)
    assert codes(trace) == [250]


def test_the_registry_is_plain_data() -> None:
    assert pickle.loads(pickle.dumps(EXTENSIONS)) == EXTENSIONS
    keywords = [extension.keyword for extension in EXTENSIONS]
    assert len(set(keywords)) == len(keywords)
    for extension in EXTENSIONS:
        assert extension.keyword == extension.keyword.upper()
        assert all(row.command == "MAIL" for row in extension.mail)
        assert all(row.command == "RCPT" for row in extension.rcpt)

"""Plans for peers without 8BITMIME, SMTPUTF8 or BINARYMIME."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.limits import Limits
from mailproto.message import (
    Attachment,
    Index,
    Leaf,
    Message,
    Multipart,
    Plan,
    compose,
    plan,
    render,
)

WHEN = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
PLAIN = b"From: a@b.example\r\nSubject: x\r\n\r\nbody\r\n"
EIGHT = (
    b"From: a@b.example\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n"
    b"\r\n"
) + "Viele herzliche Grüße aus Wien\r\n".encode()
UTF8 = "From: J\u00fcrgen <j@b.example>\r\nSubject: Grüße\r\n\r\nbody\r\n".encode()


def needs(one: Plan) -> list[tuple[str, str, str]]:
    return [(change.code, change.section, change.what) for change in one.changes]


# --- Nothing to do --------------------------------------------------------------------------------


def test_nothing_to_change_is_the_same_object() -> None:
    mail = Message.parse(PLAIN)
    one = mail.plan()
    assert one == Plan(mail, "7BIT", smtputf8=False)
    assert one.message is mail
    assert one.possible


def test_what_the_peer_takes_goes_as_it_is() -> None:
    mail = Message.parse(EIGHT)
    one = plan(mail, eight_bit_mime=True)
    assert (one.message, one.body, one.smtputf8, one.changes) == (mail, "8BITMIME", False, ())
    assert one.message is mail
    mail = Message.parse(UTF8)
    one = plan(mail, eight_bit_mime=True, smtputf8=True)
    assert (one.body, one.smtputf8, one.changes) == ("8BITMIME", True, ())
    assert one.message is mail


def test_binarymime_takes_any_body() -> None:
    """RFC 3030 section 3."""
    mail = Message.parse(
        b"Content-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\r\n\n" + b"x" * 2_000
    )
    one = plan(mail, eight_bit_mime=True, binary_mime=True)
    assert one.message is mail
    assert (one.body, one.changes, one.possible) == ("BINARYMIME", (), True)


# --- 8BITMIME (RFC 6152) --------------------------------------------------------------------------


def test_an_8bit_text_is_encoded() -> None:
    one = plan(Message.parse(EIGHT))
    assert needs(one) == [("encoding", "", "quoted-printable")]
    assert (one.body, one.possible) == ("7BIT", True)
    assert one.message.raw.isascii()
    assert one.message.text == "Viele herzliche Grüße aus Wien\n"
    assert one.message.encoding == "quoted-printable"
    assert one.message.header.fields[0].raw == b"From: a@b.example\r\n"


def test_only_the_part_that_needs_it_is_touched() -> None:
    mail = compose(
        from_="a@b.example",
        date=WHEN,
        text="Grüße",
        html="<p>plain",
        attachments=[Attachment(b"\0\1", "x.bin")],
        eight_bit=True,
    )
    assert mail.encoding == "8bit"
    one = plan(mail)
    new = one.message
    assert [change.section for change in one.changes] == ["1.1"]
    assert (new.encoding, new.parts[0].encoding) == ("7bit", "7bit")
    assert new.text == "Grüße"
    assert bytes(new.parts[1]) == bytes(mail.parts[1])
    assert bytes(new.parts[0].parts[1]) == bytes(mail.parts[0].parts[1])


def test_a_label_stays_where_something_inside_needs_it() -> None:
    """RFC 2045 section 6.4. Here it is the long line that has to go, and not the 8-bit text."""
    parts = [Leaf("Grüße\n"), Leaf(b"x" * 2_000, "image/x", encoding="binary")]
    mail = render(Multipart("mixed", parts), [("From", "a@b.example")], eight_bit=True)
    assert mail.encoding == "binary"
    one = plan(mail, eight_bit_mime=True)
    assert needs(one) == [("encoding", "2", "base64")]
    assert one.message.encoding == "8bit"
    assert one.body == "8BITMIME"
    assert one.message.parts[1].content == b"x" * 2_000


def test_octets_that_are_not_text() -> None:
    octets = bytes(range(256)) * 10
    head = b"Content-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    one = plan(Message.parse(head + octets))
    assert needs(one) == [("encoding", "", "base64")]
    assert one.message.content == octets


def test_a_base64_body_in_one_long_line() -> None:
    """It is encoded anew, not decoded: the content may hold anything."""
    content = b"--b\r\nnot a part\r\n" * 200
    encoded = base64.b64encode(content)
    raw = (
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded + b"\r\n--b--\r\n"
    )
    one = plan(Message.parse(raw))
    assert needs(one) == [("encoding", "1", "base64")]
    assert one.message.parts[0].content == content
    assert len(one.message.parts) == 1


def test_quoted_printable_makes_no_delimiter() -> None:
    """A soft line break may put `--b` at the start of a line."""
    for size in range(60, 90):
        text = "é" + "x" * size + "--b\r\n" + "--" * 60 + "b\r\n"
        raw = (
            'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
            f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--b--\r\n"
        ).encode()
        new = plan(Message.parse(raw)).message
        assert len(new.parts) == 1
        assert new.parts[0].content == text.encode()


def test_a_preamble_that_does_not_fit_is_left_out() -> None:
    raw = (
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        "Für alte Programme\r\n--b\r\n\r\nx\r\n--b--\r\nnoch ein Rüst\r\n"
    ).encode()
    one = plan(Message.parse(raw))
    assert [change.code for change in one.changes] == ["left_out", "left_out"]
    assert [part.content for part in one.message.parts] == [b"x"]
    assert one.message.raw.isascii()


def test_what_may_not_be_encoded_is_an_obstacle() -> None:
    """RFC 2045 section 6.4: no multipart and no message/rfc822 is encoded."""
    raw = "Content-Type: multipart/mixed\r\n\r\nGrüße\r\n".encode()
    one = plan(Message.parse(raw))
    assert not one.possible
    assert "may not be encoded" in one.obstacles[0].assumed


def test_an_encoding_nobody_knows_is_an_obstacle() -> None:
    raw = "Content-Transfer-Encoding: x-secret\r\n\r\nGrüße\r\n".encode()
    one = plan(Message.parse(raw))
    assert [one.code for one in one.obstacles] == ["encoding", "left_over"]


def test_inside_a_message_its_own_parts_are_encoded() -> None:
    inner = compose(from_="a@b.example", date=WHEN, text="Grüße", eight_bit=True)
    mail = compose(from_="a@b.example", date=WHEN, text="see", attachments=[inner])
    one = plan(mail)
    nested = one.message.parts[1].message
    assert nested is not None
    assert nested.text == "Grüße"
    assert one.message.raw.isascii()
    assert (one.message.encoding, one.message.parts[1].encoding) == ("7bit", "7bit")


# --- SMTPUTF8 (RFC 6531, RFC 6532) ----------------------------------------------------------------


def test_a_header_in_utf8_is_written_in_ascii() -> None:
    one = plan(Message.parse(UTF8), eight_bit_mime=True)
    assert needs(one) == [("header", "", "From"), ("header", "", "Subject")]
    new = one.message
    assert (one.body, one.smtputf8, one.possible) == ("7BIT", False, True)
    assert new.header.subject == "Grüße"
    assert [(box.name, box.addr_spec) for box in new.header.from_] == [("Jürgen", "j@b.example")]


def test_a_domain_becomes_its_a_label() -> None:
    """RFC 5891."""
    one = plan(Message.parse("To: a@b\u00fccher.example\r\n\r\n".encode()))
    assert one.message.raw == b"To: a@xn--bcher-kva.example\r\n\r\n"


def test_a_local_part_has_no_other_form() -> None:
    """RFC 6530 section 8: such a message is returned, not changed."""
    one = plan(Message.parse("To: g\u00fcnter@b.example\r\n\r\n".encode()), eight_bit_mime=True)
    assert not one.possible
    assert one.obstacles[0].code == "header"
    assert one.obstacles[0].offset == 0


def test_the_header_of_a_part_counts() -> None:
    """RFC 6532 section 3: parts have UTF-8 headers too."""
    raw = (
        'From: a@b.example\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
        'Content-Disposition: attachment; filename="Grüße.txt"\r\n\r\nx\r\n--b--\r\n'
    ).encode()
    mail = Message.parse(raw)
    one = plan(mail, eight_bit_mime=True)
    assert needs(one) == [("header", "1", "Content-Disposition")]
    assert one.message.parts[0].filename == "Grüße.txt"
    assert plan(mail, eight_bit_mime=True, smtputf8=True).smtputf8


def test_octets_that_are_no_utf8_go_where_8bit_goes() -> None:
    mail = Message.parse(b"Subject: caf\xe9\r\n\r\n")
    one = plan(mail, eight_bit_mime=True)
    assert (one.message, one.body, one.smtputf8) == (mail, "8BITMIME", False)
    one = plan(mail)
    assert one.message.raw.isascii()
    assert one.message.header.subject == "café"


def test_a_message_global_is_content() -> None:
    """RFC 6532 section 3.7: it may be encoded, and its header is not the header of the message."""
    inner = UTF8
    raw = b"From: a@b.example\r\nContent-Type: message/global\r\n\r\n" + inner
    mail = Message.parse(raw)
    one = plan(mail, eight_bit_mime=True)
    assert (one.message, one.body, one.smtputf8) == (mail, "8BITMIME", False)
    one = plan(mail)
    assert one.message.raw.isascii()
    assert one.message.message is not None
    assert bytes(one.message.message) == inner


# --- Lines ----------------------------------------------------------------------------------------


def test_lf_becomes_crlf() -> None:
    """RFC 5321 section 2.3.8: lines end with CRLF and nothing else."""
    mail = Message.parse(PLAIN.replace(b"\r\n", b"\n"))
    for binary in (False, True):
        one = plan(mail, eight_bit_mime=True, binary_mime=binary)
        assert needs(one) == [("line_ends", "", "CRLF")]
        assert one.message.raw == PLAIN
        assert one.breaks == ()


def test_lf_in_a_binary_body_is_content() -> None:
    raw = (
        b"From: a@b.example\nContent-Type: image/x\nContent-Transfer-Encoding: binary\n\n"
        b"\n1\r\n2\r3\n"
    )
    one = plan(Message.parse(raw), eight_bit_mime=True, binary_mime=True)
    head = (
        b"From: a@b.example\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    )
    assert one.message.raw == head + b"\n1\r\n2\r3\n"
    one = plan(Message.parse(raw))
    assert one.message.content == b"\n1\r\n2\r3\n"


@pytest.mark.parametrize("content", ["x" * 999, "a\0b", "a\rb", "a\r\rb\n"])
def test_a_body_that_no_line_can_carry(content: str) -> None:
    """RFC 5322 section 2.1.1 and RFC 2045 section 2.8: lines of 998, no NUL, no bare CR."""
    raw = PLAIN + content.encode() + b"\r\n"
    one = plan(Message.parse(raw), eight_bit_mime=True)
    assert [change.code for change in one.changes][-1] == "encoding"
    assert one.message.conformance().ascii
    assert one.message.content.replace(b"\r\n", b"\n") == raw.partition(b"\r\n\r\n")[2].replace(
        b"\r\n", b"\n"
    )


def test_a_header_line_that_is_too_long_is_folded() -> None:
    references = " ".join(f"<{number}@host.example>" for number in range(100))
    mail = Message.parse(f"References: {references}\r\n\r\n".encode())
    for binary in (False, True):
        one = plan(mail, binary_mime=binary)
        assert needs(one) == [("header", "", "References")]
        assert one.message.header.references == mail.header.references
        assert one.message.conformance().over_998 == 0


def test_what_cannot_be_folded_is_an_obstacle() -> None:
    mail = Message.parse(b"Message-ID: <" + b"x" * 1_000 + b"@y.example>\r\n\r\n")
    one = plan(mail)
    assert [one.code for one in one.obstacles] == ["header", "left_over"]


def test_a_header_that_a_limit_has_cut_is_an_obstacle() -> None:
    """What is behind the limit cannot be rewritten. (Found by fuzzing.)"""
    raw = b"Subject: \xe9\r\nX: y\r\n\r\n"
    assert plan(Message.parse(raw)).possible
    one = plan(Message.parse(raw, limits=Limits(fields=1)))
    assert [one.code for one in one.obstacles] == ["header", "left_over"]
    assert not one.changes
    raw = b"Content-Transfer-Encoding: 8bit or so\r\n\r\n\xff\r\n"
    one = plan(Message.parse(raw, limits=Limits(header=31)))
    assert [one.code for one in one.obstacles] == ["header", "left_over"]


# --- Signatures -----------------------------------------------------------------------------------


def test_what_a_plan_breaks_is_said_before() -> None:
    mail = Message.parse(
        b"DKIM-Signature: v=1; d=b.example; c=relaxed/relaxed; h=from; bh=x; b=y\r\n" + EIGHT
    )
    one = plan(mail)
    assert [(one.kind, one.covers) for one in one.breaks] == [("dkim", "body")]
    assert plan(mail, eight_bit_mime=True).breaks == ()


def test_a_signed_part_that_has_to_change() -> None:
    """RFC 1847 section 2.1 asks senders for 7bit, since this breaks the signature."""
    raw = (
        'Content-Type: multipart/signed; boundary="s"\r\n\r\n--s\r\n'
        "Content-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n"
        "--s\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--s--\r\n"
    ).encode()
    one = plan(Message.parse(raw))
    assert [one.kind for one in one.breaks] == ["multipart/signed"]
    assert one.message.parts[0].text == "Grüße"


# --- Laws -----------------------------------------------------------------------------------------

LINES = st.sampled_from(
    [
        *(b"From: a@b.example\r\n", b"Subject: caf\xc3\xa9\r\n", b"X: \xe9\r\n", b"\r\n", b"\n"),
        *(b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n', b"--b\r\n", b"--b--\r\n"),
        *(b"Content-Type: message/rfc822\r\n\r\n", b"Content-Type: message/global\r\n\r\n"),
        *(b"Content-Transfer-Encoding: 8bit\r\n", b"Content-Transfer-Encoding: base64\r\n"),
        *(b"Content-Transfer-Encoding: binary\r\n", b"Content-Type: image/x\r\n", b"\xff\xfe\r\n"),
        *(b"caf\xc3\xa9\r\n", b"x" * 1_200 + b"\r\n", b"\0", b"\r", b"To: \xc3\xa9@b.example\r\n"),
        *(b"text\r\n", b"--b", b"=\r\n", b"Content-Transfer-Encoding: \xc3\xa9\r\n", b"From x\r\n"),
    ]
)
RAW = st.lists(LINES | st.binary(max_size=4), max_size=12).map(b"".join)
FLAGS = st.tuples(st.booleans(), st.booleans(), st.booleans())


@given(raw=RAW, flags=FLAGS)
@example(  # found by fuzzing: UTF-8 in the header of a message inside
    b"Content-Type: message/rfc822\r\n\r\nX: \xc3\xa9 \xff\r\n", (False, True, False)
)
def test_what_is_planned_fits(raw: bytes, flags: tuple[bool, bool, bool]) -> None:
    """And needs nothing when it is planned again."""
    eight_bit, utf8, binary = flags
    mail = Message.parse(raw)
    one = plan(mail, eight_bit_mime=eight_bit, smtputf8=utf8, binary_mime=binary)
    assert bool(one.changes) == (one.message is not mail)
    if not one.possible:
        return
    assert (utf8 and (eight_bit or binary)) or not one.smtputf8
    if one.body == "8BITMIME":
        assert eight_bit or binary
    if one.body == "BINARYMIME":
        assert binary
    else:
        counts = one.message.conformance()
        assert (counts.bare_cr, counts.bare_lf, counts.nul, counts.over_998) == (0, 0, 0, 0)
    assert (one.body == "7BIT") <= one.message.raw.isascii()
    again = plan(one.message, eight_bit_mime=eight_bit, smtputf8=utf8, binary_mime=binary)
    assert again.message is one.message


@given(raw=RAW, flags=FLAGS)
def test_what_is_planned_says_the_same(raw: bytes, flags: tuple[bool, bool, bool]) -> None:
    """The same tree, with the same contents in it."""
    eight_bit, utf8, binary = flags
    mail = Message.parse(raw)
    new = plan(mail, eight_bit_mime=eight_bit, smtputf8=utf8, binary_mime=binary).message
    if any(code.endswith("overflow") for code in mail.index.overflow):
        return
    if any(part.type == "message/global" for part in mail.walk()):
        return  # it may be encoded as a whole, and then there is nothing to see in it
    assert tree(new.index) == tree(mail.index)
    for before, after in zip(mail.walk(), new.walk(), strict=True):
        if before.type == after.type and not before.is_multipart and before.message is None:
            assert canonical(after.content) == canonical(before.content)
        assert [field.name for field in after.header] == [
            field.name for field in before.header
        ] or "Content-Transfer-Encoding" in after.header


def tree(index: Index) -> list[tuple[int, int]]:
    return [(span.parent, span.kind) for span in index.parts]


def canonical(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n")

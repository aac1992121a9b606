"""Messages as they are read: views of octets that stay what they were."""

from __future__ import annotations

import gc
import pickle
import weakref
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.limits import Limits
from mailproto.message import Index, Message, Part, decode_charset, index

CRLF = b"\r\n"


def entity(headers: str, body: bytes = b"") -> bytes:
    return b"".join(line.encode() + CRLF for line in headers.splitlines()) + CRLF + body


def multipart(subtype: str, *parts: bytes, boundary: str = "b", more: str = "") -> bytes:
    inside = b"".join(b"--" + boundary.encode() + CRLF + part + CRLF for part in parts)
    return entity(
        f"{more}Content-Type: multipart/{subtype}; boundary={boundary}",
        inside + b"--" + boundary.encode() + b"--" + CRLF,
    )


def leaf(kind: str, content: bytes = b"x", more: str = "") -> bytes:
    return entity(f"Content-Type: {kind}\n{more}", content)


PLAIN = leaf("text/plain", b"plain text")
HTML = leaf("text/html; charset=utf-8", "<p>Grüße</p>".encode())
IMAGE = leaf("image/png", b"\x89PNG")
PDF = leaf("application/pdf", b"%PDF", 'Content-Disposition: attachment; filename="a b.pdf"\n')


# --- Law 2 ----------------------------------------------------------------------------------------


def test_the_same_object_is_given_back() -> None:
    raw = multipart("mixed", PLAIN, HTML)
    assert Message.parse(raw).raw is raw
    assert bytes(Message.parse(bytearray(raw))) == raw
    assert bytes(Message.parse(memoryview(raw))) == raw


def test_only_octets_are_a_message() -> None:
    anything: Any = "Subject: text"
    with pytest.raises(TypeError, match="bytes"):
        Message.parse(anything)


# --- The index ------------------------------------------------------------------------------------


def test_an_index_is_attached_again() -> None:
    raw = multipart("mixed", PLAIN, multipart("alternative", PLAIN, HTML, boundary="c"))
    stored = pickle.dumps(index(raw))
    again: Index = pickle.loads(stored)
    message = Message(raw, again)
    assert message.index is again
    assert [part.section for part in message.walk()] == ["", "1", "2", "2.1", "2.2"]
    with pytest.raises(ValueError, match="length"):
        Message(raw + b"x", again)


def test_messages_and_parts_pickle() -> None:
    inner = multipart("mixed", PLAIN, HTML, more="Subject: inner\n")
    message = Message.parse(multipart("mixed", leaf("message/rfc822", inner), boundary="o"))
    part = message.parts[0]
    for view in (message, part, part.message):
        assert view is not None
        other: Part = pickle.loads(pickle.dumps(view))
        assert type(other) is type(view)
        assert (bytes(other), other.section, other.type) == (bytes(view), view.section, view.type)


# --- Parts ----------------------------------------------------------------------------------------


def test_a_part_says_what_it_is() -> None:
    message = Message.parse(
        multipart(
            "mixed",
            leaf(
                "text/html; charset=iso-8859-1",
                b"Gr=FC=DFe\r\n",
                "Content-Transfer-Encoding: Quoted-Printable\nContent-ID: <a@b>\n",
            ),
            leaf(
                'application/octet-stream; name="old.bin"',
                b"AAEC/w==\r\n",
                "Content-Transfer-Encoding: base64\n"
                "Content-Disposition: attachment; filename*=utf-8''%E2%82%AC.bin\n",
            ),
            leaf('image/png; name="pic.png"'),
            b"\r\nno header",
        )
    )
    html, binary, image, bare = message.parts
    assert (html.type, html.charset, html.encoding) == (
        "text/html",
        "iso-8859-1",
        "quoted-printable",
    )
    assert html.text == "Grüße\n"
    assert html.content_id == "a@b"
    assert html.body.raw == b"Gr=FC=DFe\r\n"
    assert binary.content == b"\x00\x01\x02\xff"
    assert binary.filename == "€.bin"
    assert binary.is_attachment
    assert binary.text == ""
    assert image.filename == "pic.png"
    assert not image.is_attachment
    # RFC 2045 section 5.2: the default
    assert (bare.type, bare.encoding, bare.text) == ("text/plain", "7bit", "no header")
    assert [part.section for part in message.parts] == ["1", "2", "3", "4"]
    assert message.parts[0].parent is message
    assert message.parent is None


def test_a_message_inside_is_a_message() -> None:
    inner = multipart("mixed", PLAIN, PDF, more="Subject: inner\n", boundary="i")
    message = Message.parse(
        multipart("mixed", PLAIN, leaf("message/rfc822", inner), more="Subject: outer\n")
    )
    part = message.parts[1]
    assert part.parts == ()
    found = part.message
    assert found is not None
    assert bytes(found) == found.raw == inner
    assert found.header.subject == "inner"
    assert found.text == "plain text"
    assert [one.filename for one in found.attachments] == ["a b.pdf"]
    assert [one.section for one in found.walk()] == ["2", "2.1", "2.2"]
    assert [one.type for one in message.walk()].count("application/pdf") == 1
    # RFC 8621 section 4.1.4 lists it as one attachment, and nothing of what is in it.
    assert message.attachments == (part,)


def test_an_encoded_message_is_decoded() -> None:
    # RFC 6532 section 3.7 lets a message/global be encoded.
    raw = leaf("message/global", b"U3ViamVjdDogcw0KDQp4", "Content-Transfer-Encoding: base64\n")
    message = Message.parse(raw)
    assert message.message is not None
    assert message.message.header.subject == "s"
    assert message.message.text == "x"
    assert [one.code for one in message.ambiguities] == ["encoded_message"]


def test_text_is_undone_in_every_layer() -> None:
    message = Message.parse(leaf("text/plain; charset=utf-8", "zwei\r\nZeilen ü\r\n".encode()))
    assert message.text == "zwei\nZeilen ü\n"
    assert message.own_text == message.text
    assert message.body.text == message.text
    assert message.body.lines == 2
    assert len(message.body) == len("zwei\r\nZeilen ü\r\n".encode())


def test_a_charset_nobody_knows_is_read_all_the_same() -> None:
    assert Message.parse(leaf("text/plain; charset=klingon", b"\xfc\xff")).text == "üÿ"


# --- RFC 8621 section 4.1.4 -----------------------------------------------------------------------

INLINE = leaf("image/jpeg", b"\xff\xd8", "Content-Disposition: inline; filename=i.jpg\n")
NAMED = leaf("text/plain; name=notes.txt", b"notes")


@pytest.mark.parametrize(
    ("raw", "text", "html", "attachments"),
    [
        (PLAIN, [""], [""], []),
        (HTML, [""], [""], []),
        (PDF, [], [], [""]),
        (IMAGE, [""], [""], []),
        (multipart("alternative", PLAIN, HTML), ["1"], ["2"], []),
        (multipart("alternative", HTML), ["1"], ["1"], []),
        (multipart("alternative", PLAIN), ["1"], ["1"], []),
        (multipart("mixed", PLAIN, PDF), ["1"], ["1"], ["2"]),
        (multipart("mixed", PLAIN, NAMED), ["1"], ["1"], ["2"]),
        (multipart("mixed", NAMED, PLAIN), ["1", "2"], ["1", "2"], []),
        (multipart("mixed", PLAIN, IMAGE, HTML), ["1", "2", "3"], ["1", "2", "3"], []),
        (multipart("related", HTML, INLINE), ["1"], ["1"], ["2"]),
        (
            multipart("mixed", multipart("alternative", PLAIN, HTML, boundary="c"), PDF),
            ["1.1"],
            ["1.2"],
            ["2"],
        ),
        (
            multipart(
                "alternative", PLAIN, multipart("related", HTML, INLINE, boundary="c"), boundary="b"
            ),
            ["1"],
            ["2.1"],
            ["2.2"],
        ),
        (
            multipart(
                "alternative",
                PLAIN,
                multipart("mixed", HTML, INLINE, boundary="c"),
            ),
            ["1"],
            ["2.1", "2.2"],
            ["2.2"],
        ),
        (multipart("alternative", PLAIN, PDF), ["1"], ["1"], ["2"]),
    ],
)
def test_what_to_show_and_what_to_list(
    raw: bytes, text: list[str], html: list[str], attachments: list[str]
) -> None:
    message = Message.parse(raw)
    assert [part.section for part in message.text_body] == text
    assert [part.section for part in message.html_body] == html
    assert [part.section for part in message.attachments] == attachments


def test_the_example_of_rfc_8621() -> None:
    # Section 4.1.4, the tree with A to K
    def part(kind: str, name: str, more: str = "") -> bytes:
        return leaf(kind, name.encode(), more)

    inline, attachment = "Content-Disposition: inline\n", "Content-Disposition: attachment\n"
    raw = multipart(
        "mixed",
        part("text/plain", "A", inline),
        multipart(
            "mixed",
            multipart(
                "alternative",
                multipart(
                    "mixed",
                    part("text/plain", "B", inline),
                    part("image/jpeg", "C", inline),
                    part("text/plain", "D", inline),
                    boundary="b4",
                ),
                multipart(
                    "related", part("text/html", "E"), part("image/jpeg", "F"), boundary="b5"
                ),
                boundary="b3",
            ),
            part("image/jpeg", "G", attachment),
            part("application/x-excel", "H"),
            part("message/rfc822", "\r\nJ"),
            boundary="b2",
        ),
        part("text/plain", "K", inline),
        boundary="b1",
    )
    message = Message.parse(raw)

    def names(parts: tuple[Part, ...]) -> str:
        return b"".join(part.body.raw.strip() for part in parts).decode()

    assert names(message.text_body) == "ABCDK"
    assert names(message.html_body) == "AEK"
    assert names(message.attachments) == "CFGHJ"


def test_text_and_html_are_strings() -> None:
    message = Message.parse(multipart("alternative", PLAIN, HTML))
    assert message.text == "plain text"
    assert message.html == "<p>Grüße</p>"
    assert Message.parse(PLAIN).html is None
    assert Message.parse(HTML).text.strip() == "Grüße"
    mixed = Message.parse(multipart("mixed", leaf("text/plain", b"a < b"), HTML))
    assert mixed.html == "<pre>a &lt; b</pre>\n<p>Grüße</p>"
    assert Message.parse(PDF).text == ""


def test_views_do_not_recurse() -> None:
    raw = PLAIN
    for level in range(3_000):
        raw = multipart("alternative", raw, boundary=f"b{level}")
    message = Message.parse(raw, limits=Limits(depth=None))
    assert message.text == "plain text"
    assert len(list(message.walk())) == 3_001


# --- Envelope -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "sender", "recipients"),
    [
        ("From: A <a@x>\nTo: b@x, C <c@x>\nCc: b@x\nBcc: d@x", "a@x", ["b@x", "c@x", "d@x"]),
        ("From: a@x, b@x\nSender: s@x\nTo: g: c@x, d@x;", "s@x", ["c@x", "d@x"]),
        ("From: a@x\nTo: undisclosed-recipients:;", "a@x", []),
        # RFC 5322 section 3.6.6: the newest block stands first.
        (
            "Resent-From: r@x\nResent-To: n@x\nResent-From: o@x\nResent-To: p@x\nFrom: a@x",
            "r@x",
            ["n@x"],
        ),
        ("Subject: nothing", "", []),
        ('From: "a b"@x\nTo: "c\\"d"@x', '"a b"@x', ['"c\\"d"@x']),
    ],
)
def test_the_envelope_that_a_header_asks_for(
    header: str, sender: str, recipients: list[str]
) -> None:
    envelope = Message.parse(entity(header)).envelope()
    assert envelope.sender == sender
    assert [str(to) for to in envelope.recipients] == recipients


@pytest.mark.parametrize(
    "to",
    [
        # CVE-2026-30227 of MimeKit: a line that is no field is read as a fold somebody forgot to
        # indent, and its line end must not come out in an address.
        '"a\nRCPT TO:<x@e>"@b',
        "a@[\n192.0.2.1]",
        "a@[192.0.2.1\nRCPT TO:<x@e>]",
        "b <a@[\n192.0.2.1]>",
        "<@[\nx]:a@b.c>",
        '"a\x00"@b',
        "a@[\x00]",
    ],
)
def test_no_line_end_gets_into_an_envelope(to: str) -> None:
    message = Message.parse(entity(f"From: a@x\nTo: {to}"))
    assert message.envelope().recipients == ()
    assert message.defects != ()


def test_white_space_in_an_address_literal_says_nothing() -> None:
    # RFC 5322 section 3.4.1: *([FWS] dtext) [FWS]
    message = Message.parse(b"To: a@[ 192.0.2.1\r\n ], b@[IPv6: ::1]\r\n\r\n")
    assert [box.domain for box in message.header.to] == ["[192.0.2.1]", "[IPv6:::1]"]


# --- What is wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "codes"),
    [
        (entity("Subject: s\nSubject: t"), ["duplicate_field"]),
        (entity("Content-Type : text/html"), ["space_before_colon"]),
        (b"Subject: s\r\njunk\r\n\r\n", ["junk_in_header"]),
        (b" x\r\nSubject: s\r\n\r\n", ["leading_fold", "junk_before_header"]),
        (b"X-A: a\0b\r\n\r\n", ["nul"]),
        (b"X-A: b\r\n\r\nline\rline\r\n", ["bare_cr"]),
        (
            entity("Content-Type: multipart/mixed; boundary=a; boundary=b", b"--a\r\n\r\n--a--"),
            ["duplicate_parameter"],
        ),
        (
            entity("Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 8bit", b"QQ=="),
            ["duplicate_field"],
        ),
        (entity("Content-Transfer-Encoding: base64", b"Q!Q=="), ["junk_in_base64"]),
        (
            leaf(
                "text/plain", more="Content-Disposition: inline; filename=a; filename*=utf-8''b\n"
            ),
            ["filename_twice"],
        ),
        (leaf("text/plain"), []),
    ],
)
def test_ambiguities(raw: bytes, codes: list[str]) -> None:
    message = Message.parse(raw)
    found = message.ambiguities
    assert sorted(one.code for one in found) == sorted(codes)
    for one in found:
        assert one.read_as
        assert one.otherwise
        assert 0 <= one.offset <= len(raw)


def test_offsets_are_those_of_the_message() -> None:
    raw = multipart("mixed", PLAIN, leaf("text/plain", b"x", "X-A: a\0b\n"))
    (nul,) = [one for one in Message.parse(raw).defects if one.code == "nul"]
    assert raw[nul.offset] == 0


def test_what_two_readings_hide_is_told() -> None:
    """RFC 7103 section 7.2: a filter that ends the header at junk does not see the rest."""
    raw = b"Subject: s\r\njunk\r\n" + multipart("mixed", PLAIN)
    message = Message.parse(raw)
    assert message.is_multipart
    assert message.ambiguities


OK = "From: a@x\nDate: Mon, 23 Nov 2026 09:30:00 +0000"


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        (entity(OK, b"x\r\n"), []),
        (entity("From: a@x"), ["missing_date"]),
        (entity("Subject: s"), ["missing_date", "missing_from"]),
        (entity(OK + "\nSubject: s\nSubject: t"), ["duplicate_field"]),
        (entity(OK.replace("a@x", "a@x, b@x")), ["missing_sender"]),
        (entity(OK, b"x" * 998 + CRLF), []),
        (entity(OK, b"x" * 999 + CRLF), ["long_line"]),
        (entity(OK, b"a\rb"), ["bare_cr"]),
        (entity(OK, b"a\nb"), ["bare_lf"]),
        (entity(OK, b"a\0b"), ["nul"]),
    ],
)
def test_conformance(raw: bytes, problems: list[str]) -> None:
    found = Message.parse(raw).conformance()
    assert [one.code for one in found.problems] == problems
    assert found.ok is (problems == [])
    assert found.octets == len(raw)


@given(
    st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b"\0", b"x", b"\xff", b"y" * 77, b"z" * 999]))
)
@example([b"y" * 77, b"\r"])  # a CR at the very end is no line end
def test_conformance_counts(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    raw = entity(OK, body)
    found = Message.parse(raw).conformance()
    lines = [line.removesuffix(b"\r") for line in raw.split(b"\n")[:-1]] + [raw.split(b"\n")[-1]]
    assert found.longest_line == max(map(len, lines))
    assert found.over_78 == sum(len(line) > 78 for line in lines)
    assert found.over_998 == sum(len(line) > 998 for line in lines)
    assert found.bare_lf == raw.count(b"\n") - raw.count(b"\r\n")
    assert found.bare_cr == raw.count(b"\r") - raw.count(b"\r\n")
    assert found.nul == raw.count(b"\0")
    assert found.eight_bit_body is (b"\xff" in raw)
    assert not found.eight_bit_header


def test_where_eight_bits_are() -> None:
    assert Message.parse("Subject: ü\r\n\r\nx".encode()).conformance().eight_bit_header
    found = Message.parse(multipart("mixed", PLAIN, HTML)).conformance()
    assert (found.eight_bit_header, found.eight_bit_body) == (False, True)
    assert not found.ascii


def test_text_that_says_us_ascii_and_is_not() -> None:
    """RFC 7103 section 7.6: UTF-8 has a syntax that others hardly have."""
    for head in (b"", b"Content-Type: text/plain; charset=us-ascii\r\n"):
        assert Message.parse(head + b"\r\nGr\xc3\xbc\xc3\x9fe").text == "Grüße"
        assert Message.parse(head + b"\r\nGr\xfc\xdfe").text == "Grüße"


LINES = st.sampled_from(
    [*(b"\r\n", b"\n", b"\r", b"=\r\n", b"=", b"=0D", b"=0A", b"=41", b"=4", b" ", b"\t", b"a")]
)


@given(body=st.lists(LINES | st.binary(max_size=2), max_size=12).map(b"".join))
@pytest.mark.parametrize("encoding", ["quoted-printable", "8bit", "base64"])
@pytest.mark.parametrize("charset", ["utf-8", "us-ascii", "windows-1252"])
def test_text_is_the_content_decoded(encoding: str, charset: str, body: bytes) -> None:
    """By the short way or not: the charset undone, and LF for CRLF."""
    head = (
        f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    )
    raw = head.encode() + b"\r\n" + body
    mail = Message.parse(raw)
    content = Message.parse(raw).content
    assert mail.own_text == decode_charset(content, charset).text.replace("\r\n", "\n")


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "image/png"])
@pytest.mark.parametrize("disposition", [b"", b"attachment", b"inline", b"x", b"ATTACHMENT"])
def test_the_text_of_a_message_without_parts_is_that_of_its_view(
    kind: str, disposition: bytes
) -> None:
    """RFC 8621 section 4.1.4: what is attached is in no body."""
    head = f"Content-Type: {kind}\r\n".encode() + (
        b"Content-Disposition: %b\r\n" % disposition if disposition else b""
    )
    mail = Message.parse(head + b"\r\nHello")
    attached = disposition.lower() == b"attachment"
    assert mail.is_attachment == attached
    assert mail.text == ("" if attached or kind == "image/png" else "Hello")
    assert bool(mail.text_body) == (not attached)


def test_a_walk_begins_with_the_part_itself() -> None:
    mail = Message.parse(multipart("mixed", PLAIN, HTML))
    assert [*mail.walk()] == [mail, *mail.parts]
    for part in mail.walk():
        assert next(part.walk()) is part


ENTITIES = st.lists(
    st.sampled_from(
        [
            *(b"Content-Type: text/html; charset=utf-8\r\n", b"Content-Type : image/png\r\n"),
            *(b"Content-Type: multipart/mixed; boundary=b\r\n", b"content-type:message/rfc822\n"),
            *(b"Content-Type: multipart/digest; boundary=c\r\n", b"--b\r\n", b"--c\r\n", b"--b--"),
            *(
                b"\r\n",
                b"\n",
                b" fold\r\n",
                b"junk\r\n",
                b"A: b\r\n",
                b"Content-Type: \r\n x/y\r\n",
            ),
        ]
    ),
    max_size=12,
).map(b"".join)


@given(raw=ENTITIES)
def test_a_type_is_the_same_from_the_scanner_and_from_the_header(raw: bytes) -> None:
    mail = Message.parse(raw)
    stored = Message(raw, mail.index)
    for one, other in zip(mail.walk(), stored.walk(), strict=True):
        assert one.content_type == other.content_type
        assert one.content_type.defects == other.content_type.defects


def look(mail: Message) -> None:
    _ = mail.text, mail.html, mail.attachments, mail.defects, mail.ambiguities, mail.parts
    for part in mail.walk():
        _ = part.parent, part.message, part.section, part.header.fields, part.content


def test_a_message_is_gone_when_nobody_has_it() -> None:
    """Ten megabytes do not wait for the garbage collector."""
    raw = multipart("mixed", PLAIN, HTML, leaf("message/rfc822", multipart("mixed", PLAIN, PDF)))
    for octets in (raw, PLAIN, PDF):
        mail = Message.parse(octets)
        look(mail)
        gone = weakref.ref(mail)
        gc.disable()
        try:
            del mail
            assert gone() is None
        finally:
            gc.enable()


def test_a_part_is_enough() -> None:
    """The message can be had again from a part of it."""
    part = Message.parse(multipart("mixed", PLAIN, HTML)).parts[1]
    assert part.own_text == "<p>Grüße</p>"
    parent = part.parent
    assert parent is not None
    assert isinstance(parent, Message)
    assert bytes(parent.parts[1]) == bytes(part)


def test_what_holds_parts_is_not_decoded_to_find_defects() -> None:
    """Each level would copy all that is inside it."""
    raw = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(90)
    )
    mail = Message.parse(raw + b"\r\n" + b"x" * 1_000_000)
    _ = mail.defects
    assert not any(part._content for part in mail.walk() if part.is_multipart)

"""Edits: what was named changes, and every other octet stays."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.limits import Limits
from mailproto.message import (
    Attachment,
    Date,
    Edit,
    Leaf,
    Message,
    Multipart,
    Nested,
    Received,
    SignatureBroken,
    TraceClause,
    compose,
)

WHEN = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
LETTER = (
    b"Received: from a by b; Thu, 26 Nov 2026 11:00:00 +0000\r\n"
    b"From: ada@example.org\r\n"
    b"Subject: =?utf-8?q?caf=C3=A9?=  and\r\n two spaces\r\n"
    b"X-Odd  : kept\r\n"
    b"\r\n"
    b"body\r\n.\r\n"
)
MIXED = (
    b"From: a@b.example\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n'
    b"\r\n"
    b"preamble\r\n"
    b"--b\r\n"
    b"\r\n"
    b"one\r\n"
    b"--b \r\n"
    b"Content-Type: application/octet-stream\r\n"
    b"Content-Disposition: attachment; filename=evil.exe\r\n"
    b"Content-Transfer-Encoding: base64\r\n"
    b"\r\n"
    b"TVo=\r\n"
    b"--b\r\n"
    b"Content-Type: text/html\r\n"
    b"\r\n"
    b"<p>three\r\n"
    b"--b--\r\n"
    b"epilogue\r\n"
)
SIGNED = (
    b"From: a@b.example\r\n"
    b'Content-Type: multipart/signed; boundary="s"; protocol="application/pgp-signature"\r\n'
    b"\r\n"
    b"--s\r\n"
    b"Content-Type: text/plain\r\n"
    b"\r\n"
    b"signed text\r\n"
    b"--s\r\n"
    b"Content-Type: application/pgp-signature\r\n"
    b"\r\n"
    b"-----BEGIN PGP SIGNATURE-----\r\n"
    b"--s--\r\n"
)


def received() -> Received:
    clauses = (TraceClause("from", "x.example"), TraceClause("by", "mx.example"))
    return Received(clauses, Date(WHEN))


# --- Fields ---------------------------------------------------------------------------------------


def test_received_goes_on_top_and_nothing_else_moves() -> None:
    """RFC 5321 section 4.4: a trace field is put on top, the others are not changed."""
    edit = Message.parse(LETTER).edit()
    edit.prepend("Received", received())
    mail = edit.message()
    assert bytes(mail).endswith(LETTER)
    assert mail.header.fields[0].value == received()
    assert len(mail.header.received) == 2


def test_the_last_field_that_is_prepended_is_the_top_one() -> None:
    edit = Message.parse(LETTER).edit()
    edit.prepend("X-First", "1")
    edit.prepend("X-Second", "2")
    assert bytes(edit.message()) == b"X-Second: 2\r\nX-First: 1\r\n" + LETTER


def test_fields_are_appended_in_order() -> None:
    edit = Message.parse(LETTER).edit()
    edit.append("X-First", "1")
    edit.append("X-Second", "2")
    head, _, body = LETTER.partition(b"\r\n\r\n")
    new = b"\r\nX-First: 1\r\nX-Second: 2\r\n\r\n"
    assert bytes(edit.message()) == head + new + body


def test_a_field_is_set_in_its_place() -> None:
    edit = Message.parse(LETTER).edit()
    edit.set("subject", "new")
    old = b"Subject: =?utf-8?q?caf=C3=A9?=  and\r\n two spaces\r\n"
    assert bytes(edit.message()) == LETTER.replace(old, b"subject: new\r\n")


def test_setting_a_field_leaves_one_of_it() -> None:
    raw = b"Subject: a\r\nTo: x@y.example\r\nSubject: b\r\nSUBJECT: c\r\n\r\n"
    edit = Message.parse(raw).edit()
    edit.set("Subject", "d")
    assert bytes(edit.message()) == b"Subject: d\r\nTo: x@y.example\r\n\r\n"


def test_a_field_that_is_not_there_is_added() -> None:
    edit = Message.parse(LETTER).edit()
    edit.set("Subject2", "d")
    assert edit.message().header.text("subject2") == "d"
    assert len(edit.message().header) == 5


def test_one_of_many_fields_is_replaced_or_removed() -> None:
    raw = b"X-A: 1\r\nX-A: 2\r\nX-A: 3\r\n\r\n"
    mail = Message.parse(raw)
    edit = mail.edit()
    edit.replace(mail.header.all("x-a")[1], "two")
    edit.remove(mail.header.all("x-a")[2])
    assert bytes(edit.message()) == b"X-A: 1\r\nX-A: two\r\n\r\n"


def test_a_removed_name_is_gone() -> None:
    edit = Message.parse(b"Bcc: a@b.example\r\nTo: c@d.example\r\nbcc: e@f.example\r\n\r\nx").edit()
    edit.remove("Bcc")
    assert bytes(edit.message()) == b"To: c@d.example\r\n\r\nx"
    edit.remove("X-None")  # that there is none is fine


def test_nothing_changed_is_the_same_object() -> None:
    mail = Message.parse(LETTER)
    assert mail.edit().message() is mail
    assert mail.edit().breaks == ()


@pytest.mark.parametrize(
    ("raw", "new"),
    [
        (b"", b"X: y\r\n"),
        (b"\r\nbody", b"X: y\r\n\r\nbody"),
        (b"A: b", b"A: b\r\nX: y\r\n"),
        (b"A: b\r\n", b"A: b\r\nX: y\r\n"),
        (b"no header at all\r\n", b"X: y\r\n\r\nno header at all\r\n"),
        (b"A: b\n\nbody\n", b"A: b\nX: y\n\nbody\n"),
        (b"From x\r\n\r\nbody", b"From x\r\nX: y\r\n\r\nbody"),
    ],
    ids=["empty", "no field", "no line end", "no body", "no header", "LF", "mbox"],
)
def test_a_header_that_is_hardly_there(raw: bytes, new: bytes) -> None:
    """What was the body stays the body."""
    for add in ("append", "prepend"):
        if raw.startswith(b"A") and add == "prepend":
            continue
        mail = Message.parse(raw)
        edit = mail.edit()
        getattr(edit, add)("X", "y")
        assert bytes(edit.message()) == new
        assert edit.message().body.raw == mail.body.raw
        assert edit.message().header.text("x") == "y"


def test_two_fields_for_a_message_without_a_header() -> None:
    edit = Message.parse(b"just text").edit()
    edit.prepend("X", "1")
    edit.append("Y", "2")
    assert bytes(edit.message()) == b"X: 1\r\nY: 2\r\n\r\njust text"


def test_the_line_ends_are_those_of_the_message() -> None:
    edit = Message.parse(LETTER.replace(b"\r\n", b"\n")).edit()
    edit.prepend("Received", received())
    edit.append("X-Long", "word " * 30 + "end")
    assert b"\r" not in bytes(edit.message())
    assert edit.message().header.text("x-long") == "word " * 30 + "end"


def test_a_field_behind_an_mbox_line() -> None:
    """Before it, the line would become a part of the field."""
    edit = Message.parse(b"From a@b Thu Nov 26\r\nA: b\r\n\r\n").edit()
    edit.prepend("X", "y")
    assert bytes(edit.message()) == b"From a@b Thu Nov 26\r\nX: y\r\nA: b\r\n\r\n"


def test_fields_of_a_part() -> None:
    mail = Message.parse(MIXED)
    edit = mail.edit()
    first, second, _ = mail.parts
    edit.append("Content-Description", "the first", part=first)
    edit.set("Content-Disposition", "attachment; filename=harmless", part=second)
    new = edit.message()
    assert new.parts[0].header.text("content-description") == "the first"
    assert new.parts[1].filename == "harmless"
    assert [one.content for one in new.parts] == [one.content for one in mail.parts]


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["prepend", "append", "set"])
@pytest.mark.parametrize("value", ["a\r\nBcc: x@y.example", "a\nb", "a\0", "a\rb"])
def test_no_injection(method: str, value: str) -> None:
    edit = Message.parse(LETTER).edit()
    with pytest.raises(ValueError, match="control character"):
        getattr(edit, method)("Subject", value)
    assert edit.message() is edit.mail


def test_the_same_octets_twice_is_refused() -> None:
    mail = Message.parse(LETTER)
    edit = mail.edit()
    edit.set("Subject", "a")
    with pytest.raises(ValueError, match="changed already"):
        edit.set("Subject", "b")
    with pytest.raises(ValueError, match="changed already"):
        edit.remove(mail.header["subject"])
    assert edit.message().header.subject == "a"


def test_a_refused_set_changes_none_of_the_fields() -> None:
    mail = Message.parse(b"A: 1\r\nA: 2\r\n\r\n")
    edit = mail.edit()
    edit.remove(mail.header.all("a")[1])
    with pytest.raises(ValueError, match="changed already"):
        edit.set("A", "3")
    assert bytes(edit.message()) == b"A: 1\r\n\r\n"


def test_what_is_of_another_message() -> None:
    mail, other = Message.parse(MIXED), Message.parse(LETTER)
    edit = other.edit()
    with pytest.raises(ValueError, match="another message"):
        edit.remove_part(mail.parts[0])
    with pytest.raises(ValueError, match="another message"):
        edit.remove(Message.parse(b"Other: field\r\n\r\n").header.fields[0])
    with pytest.raises(TypeError):
        edit.replace(cast(Any, "subject"), "x")


def test_a_message_inside_is_not_a_whole_one() -> None:
    raw = b"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\n"
    inner = Message.parse(raw).message
    assert inner is not None
    with pytest.raises(ValueError, match="whole message"):
        Edit(inner)


# --- Parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_part_is_removed(place: int) -> None:
    mail = Message.parse(MIXED)
    edit = mail.edit()
    edit.remove_part(mail.parts[place])
    new = edit.message()
    left = [bytes(one) for one in mail.parts]
    del left[place]
    assert [bytes(one) for one in new.parts] == left
    assert new.header.raw == mail.header.raw
    assert (new.body.preamble, new.body.epilogue) == (mail.body.preamble, mail.body.epilogue)
    assert not new.index.defects


def test_two_parts_are_removed() -> None:
    mail = Message.parse(MIXED)
    edit = mail.edit()
    edit.remove_part(mail.parts[0])
    edit.remove_part(mail.parts[1])
    assert [bytes(one) for one in edit.message().parts] == [bytes(mail.parts[2])]


def test_the_only_part_stays() -> None:
    raw = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n'
    mail = Message.parse(raw)
    with pytest.raises(ValueError, match="only part"):
        mail.edit().remove_part(mail.parts[0])
    with pytest.raises(ValueError, match="a message"):
        mail.edit().remove_part(mail)


def test_a_part_is_replaced() -> None:
    mail = Message.parse(MIXED)
    evil = mail.parts[1]
    edit = mail.edit()
    edit.replace_part(evil, Leaf("This was removed: é\n"))
    new = edit.message()
    assert new.parts[1].text == "This was removed: é\n"
    assert bytes(new).startswith(MIXED[: evil.span.start])
    assert bytes(new).endswith(MIXED[evil.span.end :])
    assert not new.defects


def test_a_new_part_holds_no_delimiter_of_what_it_is_in() -> None:
    """Whoever wrote the text chose its lines, and the boundary can be read in the message."""
    mail = Message.parse(MIXED)
    edit = mail.edit()
    text = "before\n--b\nContent-Type: text/html\n\n<script>\n--b--\n"
    edit.replace_part(mail.parts[0], Leaf(text))
    new = edit.message()
    assert len(new.parts) == 3
    assert new.parts[0].text == text
    with pytest.raises(ValueError, match="delimiter"):
        mail.edit().replace_part(mail.parts[0], Nested(b"A: b\r\n\r\n--b\r\n"))


def test_the_body_of_a_message_is_replaced() -> None:
    edit = Message.parse(LETTER).edit()
    parts = [Leaf("text"), Leaf("<b>text", "text/html")]
    edit.replace_part(edit.mail, Multipart("alternative", parts))
    new = edit.message()
    assert new.header.raw.startswith(LETTER.partition(b"\r\n\r\n")[0])
    assert (new.text, new.html) == ("text", "<b>text")
    assert not new.index.defects


def test_the_content_fields_of_a_message_go_with_its_body() -> None:
    mail = Message.parse(MIXED)
    edit = mail.edit()
    edit.replace_part(mail, Leaf("only this"))
    edit.append("X-Filtered", "yes")
    assert bytes(edit.message()) == (
        b"From: a@b.example\r\nX-Filtered: yes\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
        b"only this"
    )


def test_what_holds_8bit_says_so() -> None:
    """RFC 2045 section 6.4: a multipart says 8bit if what is inside is."""
    mail = Message.parse(MIXED)
    edit = mail.edit()
    edit.replace_part(mail.parts[1], Nested("Subject: é\r\n\r\n".encode()))
    assert edit.message().encoding == "8bit"


def test_an_edit_inside_a_message_inside() -> None:
    inner = compose(
        from_="a@b.example", date=WHEN, text="t", attachments=[Attachment(b"x", "x.bin")]
    )
    mail = compose(from_="a@b.example", date=WHEN, text="see", attachments=[inner])
    nested = mail.parts[1].message
    assert nested is not None
    edit = mail.edit()
    edit.remove_part(nested.parts[1])
    edit.set("Subject", "less", part=nested)
    new = edit.message().parts[1].message
    assert new is not None
    assert new.header.subject == "less"
    assert [one.type for one in new.parts] == ["text/plain"]


# --- Signatures -----------------------------------------------------------------------------------


def test_an_edit_under_a_signature_is_refused() -> None:
    """RFC 1847 section 2.1: the first part is signed, header and all."""
    mail = Message.parse(SIGNED)
    edit = mail.edit()
    first = mail.parts[0]
    attempts: tuple[Callable[[], None], ...] = (
        lambda: edit.replace_part(first, Leaf("other")),
        lambda: edit.prepend("X", "y", part=first),
        lambda: edit.append("X", "y", part=first),
        lambda: edit.remove("Content-Type", part=first),
        lambda: edit.remove_part(first),
    )
    for attempt in attempts:
        with pytest.raises(SignatureBroken, match="multipart/signed") as caught:
            attempt()
        assert caught.value.section == ""
    assert edit.message() is mail


def test_what_a_signature_does_not_cover() -> None:
    mail = Message.parse(SIGNED)
    edit = mail.edit()
    edit.prepend("Received", received())
    edit.replace_part(mail.parts[1], Leaf("no signature"))
    edit.set("From", "c@d.example")
    assert edit.breaks == ()
    assert bytes(edit.message().parts[0]) == bytes(mail.parts[0])


def test_a_signature_is_broken_on_purpose() -> None:
    mail = Message.parse(SIGNED)
    edit = mail.edit(break_signatures=True)
    edit.replace_part(mail.parts[0], Leaf("other"))
    (broken,) = edit.breaks
    assert (broken.kind, broken.offset) == ("multipart/signed", 0)


def test_what_is_signed_may_be_removed_as_a_whole() -> None:
    outer = MIXED.replace(b"\r\none\r\n", SIGNED.partition(b"\r\n")[2] + b"\r\n", 1)
    mail = Message.parse(outer)
    assert mail.parts[0].type == "multipart/signed"
    edit = mail.edit()
    edit.remove_part(mail.parts[0])
    assert edit.breaks == ()
    whole = Message.parse(SIGNED)
    edit = whole.edit()
    edit.replace_part(whole, Leaf("instead"))
    assert edit.message().body.raw == b"instead"


DKIM = (
    b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=x; c=%s;\r\n"
    b" h=From:Subject:Received:Subject; bh=abc; b=def\r\n"
)


def signed(how: bytes = b"relaxed/relaxed") -> Message:
    return Message.parse(DKIM % how + LETTER)


def covers(edit: Edit) -> list[tuple[str, str, str]]:
    return [(one.kind, one.domain, one.covers) for one in edit.breaks]


def test_dkim_covers_the_fields_it_names() -> None:
    """RFC 6376 section 5.4: those in h=."""
    edit = signed().edit()
    edit.set("X-Odd", "other")
    edit.append("X-New", "new")
    assert covers(edit) == []
    edit.set("From", "mallory@example.org")
    assert covers(edit) == [("dkim", "example.org", "header")]


def test_dkim_counts_from_the_bottom_up() -> None:
    """RFC 6376 section 5.4.2: a Received on top is not the one that was signed."""
    edit = signed().edit()
    edit.prepend("Received", received())
    assert covers(edit) == []


def test_a_field_signed_more_often_than_it_was_there() -> None:
    """RFC 6376 section 8.15: h= names Subject twice, so that a second one breaks it."""
    edit = signed().edit()
    edit.prepend("Subject", "another")
    assert covers(edit) == [("dkim", "example.org", "header")]


def test_relaxed_and_simple() -> None:
    """RFC 6376 section 3.4: white space is the same or not."""
    for how, broken in ((b"relaxed/simple", False), (b"simple/simple", True), (b"simple", True)):
        mail = signed(how)
        edit = mail.edit()
        at = mail.header["subject"].offset
        edit.put(at, at + 7, b"SUBJECT")
        assert bool(edit.breaks) is broken, how


def test_dkim_covers_the_body() -> None:
    mail = signed()
    edit = mail.edit()
    edit.put(len(mail.raw) - 5, len(mail.raw), b" \t\r\n.\r\n\r\n\r\n")  # white space only
    assert covers(edit) == []
    edit = mail.edit()
    edit.put(len(mail.raw), len(mail.raw), b"footer\r\n")
    assert covers(edit) == [("dkim", "example.org", "body")]


def test_dkim_with_a_length() -> None:
    """RFC 6376 section 3.5, l=: what is behind it is not covered."""
    raw = (DKIM % b"simple/simple").replace(b"bh=", b"l=4; bh=") + LETTER
    mail = Message.parse(raw)
    edit = mail.edit()
    edit.put(len(raw), len(raw), b"footer\r\n")
    assert covers(edit) == []
    edit.put(len(raw) - 9, len(raw) - 5, b"Body")
    assert covers(edit) == [("dkim", "example.org", "body")]


def test_a_signature_that_was_removed_is_not_broken() -> None:
    edit = signed().edit()
    edit.remove("DKIM-Signature")
    edit.set("From", "mallory@example.org")
    assert covers(edit) == []


def test_arc() -> None:
    """RFC 8617 section 5.1.1: a seal covers the sets up to its own."""
    arc = b"".join(
        b"ARC-Seal: i=%d; a=rsa-sha256; cv=none; d=arc.example; s=x; b=abc\r\n"
        b"ARC-Message-Signature: i=%d; a=rsa-sha256; c=relaxed/relaxed; d=arc.example;\r\n"
        b" s=x; h=from; bh=abc; b=abc\r\n"
        b"ARC-Authentication-Results: i=%d; arc.example; none\r\n" % (one, one, one)
        for one in (2, 1)
    )
    mail = Message.parse(arc + LETTER)
    edit = mail.edit()
    edit.prepend("ARC-Authentication-Results", "i=3; arc.example; none")
    edit.set("Subject", "new")
    assert covers(edit) == []
    edit = mail.edit()
    edit.replace(mail.header.all("arc-authentication-results")[0], "i=2; evil.example; none")
    assert covers(edit) == [("arc-seal", "arc.example", "header")]
    edit = mail.edit()
    edit.set("From", "c@d.example")
    assert [one[0] for one in covers(edit)] == ["arc", "arc"]


# --- Laws -----------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *(LETTER, MIXED, SIGNED, b"\r\n", b"\n", b"--b\r\n", b"--b", b"A: b\r\n", b" fold\r\n"),
        *(b"From x\r\n", b"\0", b"\r", b"Content-Type: message/rfc822\r\n", base64.b64encode(b"x")),
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n',
    ]
)
RAW = st.lists(PIECES | st.binary(max_size=6), max_size=6).map(b"".join)


@given(raw=RAW, data=st.data())
def test_every_other_octet_stays(raw: bytes, data: st.DataObject) -> None:
    """Whatever the message is: what was put in is there, and without it the rest is as it was."""
    mail = Message.parse(raw)
    edit = mail.edit()
    part = mail.part(data.draw(st.integers(0, len(mail.index.parts) - 1)))
    add = edit.prepend if data.draw(st.booleans()) else edit.append
    try:
        add("X-Mark", "unlikely-word", part=part)
    except SignatureBroken:
        assert edit.message() is mail
        return
    new = edit.message()
    before, mark, behind = new.raw.partition(b"X-Mark: unlikely-word")
    assert mark
    at = raw.find(behind.lstrip(b"\r\n")) if behind.lstrip(b"\r\n") else len(raw)
    assert raw.startswith(before.rstrip(b"\r\n"))
    assert raw.endswith(behind.lstrip(b"\r\n"))
    assert at >= 0
    assert len(new.raw) <= len(raw) + len("X-Mark: unlikely-word") + 6
    assert new.part(part.number).header.text("x-mark") == "unlikely-word"


@given(raw=RAW)
def test_adding_and_removing_a_field_gives_the_message_back(raw: bytes) -> None:
    mail = Message.parse(raw)
    if not mail.header.fields:
        return
    edit = mail.edit(break_signatures=True)
    edit.prepend("X-Mark", "word")
    again = edit.message().edit(break_signatures=True)
    again.remove("X-Mark")
    assert again.message().raw == raw


@given(raw=RAW)
def test_removing_a_part_leaves_the_others(raw: bytes) -> None:
    mail = Message.parse(raw)
    for part in mail.walk():
        edit = mail.edit(break_signatures=True)
        try:
            edit.remove_part(part)
        except ValueError:
            continue
        new = edit.message()
        span = part.span
        assert len(raw) - len(new.raw) >= span.end - span.start
        pairs = zip(raw, new.raw, strict=False)
        same = next((at for at, (a, b) in enumerate(pairs) if a != b), len(new.raw))
        assert raw.endswith(new.raw[same:])  # all of it, but for one piece
        parent = part.parent
        assert parent is not None
        if not mail.index.ambiguities:
            left = [bytes(one) for one in parent.parts if one is not part]
            assert [bytes(one) for one in new.part(parent.number).parts] == left


def test_a_field_that_a_limit_has_cut_is_not_edited() -> None:
    """The rest of it would stay behind. (Found by fuzzing.)"""
    for rest in (b"more\r\n", b"\r\n fold\r\n", b""):
        raw = b"Subject: 123" + rest + b"\r\nbody"
        mail = Message.parse(raw, limits=Limits(header=12))
        edit = mail.edit()
        if not rest:
            edit.set("Subject", "x")
            continue
        with pytest.raises(ValueError, match=r"limits\.header"):
            edit.set("Subject", "x")
        with pytest.raises(ValueError, match=r"limits\.header"):
            edit.remove("Subject")
        assert edit.message() is mail
    mail = Message.parse(b"Subject: 12\r\n\r\n", limits=Limits(header=12))  # within a CRLF
    with pytest.raises(ValueError, match=r"limits\.header"):
        mail.edit().set("Subject", "x")

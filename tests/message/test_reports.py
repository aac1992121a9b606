"""Delivery status, disposition notifications and feedback reports, read and written."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.limits import Limits
from mailproto.message import (
    AuthenticationResults,
    AuthResult,
    Date,
    DeliveryStatus,
    Disposal,
    DispositionNotification,
    FeedbackReport,
    Message,
    RecipientStatus,
    Report,
    TypedValue,
    find_report,
    format_report,
    parse_report,
    render,
    report,
)

from .counting import assert_linear

V = TypedValue
WHEN = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
# RFC 3464 appendix E.
SIMPLE = b"""\
Reporting-MTA: dns; cs.utk.edu

Original-Recipient: rfc822;louisl@larry.slip.umd.edu
Final-Recipient: rfc822;louisl@larry.slip.umd.edu
Action: failed
Status: 4.0.0
Diagnostic-Code: smtp; 426 connection timed out
Last-Attempt-Date: Thu, 7 Jul 1994 17:15:49 -0400
"""
SEVERAL = b"""\
Reporting-MTA: dns; cs.utk.edu

Original-Recipient: rfc822;arathib@vnet.ibm.com
Final-Recipient: rfc822;arathib@vnet.ibm.com
Action: failed
Status: 5.0.0 (permanent failure)
Diagnostic-Code: smtp; 550 'arathib@vnet.IBM.COM' is not a
 registered gateway user
Remote-MTA: dns; vnet.ibm.com

Final-Recipient: rfc822;johnh@hpnjld.njd.hp.com
Action: delayed
Status: 4.0.0 (hpnjld.njd.jp.com: host name lookup failure)

Final-Recipient: rfc822;wsnell@sdcc13.ucsd.edu
Action: failed
Status: 5.0.0
X-Own: kept
"""
# RFC 8098 section 9, and RFC 5965 appendix B.
SEEN = b"""\
Reporting-UA: joes-pc.cs.example.com; Foomail 97.1
Original-Recipient: rfc822;Joe_Recipient@example.com
Final-Recipient: rfc822;Joe_Recipient@example.com
Original-Message-ID: <199509192301.23456@example.org>
Disposition: manual-action/MDN-sent-manually; displayed
"""
ABUSE = b"""\
Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <somespammer@example.net>
Original-Rcpt-To: <user@example.com>
Received-Date: Thu, 8 Mar 2005 14:00:00 EDT
Source-IP: 192.0.2.2
Authentication-Results: mail.example.com; spf=fail smtp.mail=somespammer@example.com
Reported-Domain: example.net
Reported-Uri: http://example.net/earn_money.html
Reported-Uri: mailto:user@example.com
Removal-Recipient: user@example.com
"""


def status(octets: bytes) -> DeliveryStatus:
    found = parse_report("message/delivery-status", octets)
    assert isinstance(found, DeliveryStatus)
    return found


# --- Reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_a_delivery_status(line_end: bytes) -> None:
    """RFC 3464 appendix E.1."""
    found = status(SIMPLE.replace(b"\n", line_end))
    assert found.reporting_mta == V("dns", "cs.utk.edu")
    (one,) = found.recipients
    assert one.final_recipient == one.original_recipient == V("rfc822", "louisl@larry.slip.umd.edu")
    assert (one.action, one.status) == ("failed", "4.0.0")
    assert one.diagnostic_code == V("smtp", "426 connection timed out")
    assert one.last_attempt_date is not None
    assert one.last_attempt_date.value.isoformat() == "1994-07-07T17:15:49-04:00"
    assert found.defects == ()


def test_a_delivery_status_of_several() -> None:
    """RFC 3464 appendix E.2."""
    found = status(SEVERAL)
    assert [one.action for one in found.recipients] == ["failed", "delayed", "failed"]
    first, _, last = found.recipients
    said = "550 'arathib@vnet.IBM.COM' is not a registered gateway user"
    assert first.diagnostic_code == V("smtp", said)
    assert last.extensions == (("X-Own", "kept"),)
    assert found.defects == ()


@pytest.mark.parametrize("empty", [b"\n\n\n", b" \n", b"\r\n \r\n\n"], ids=repr)
def test_empty_lines_of_all_kinds(empty: bytes) -> None:
    assert status(SEVERAL.replace(b"\n\n", b"\n" + empty)) == status(SEVERAL)
    assert status(empty + SEVERAL + empty) == status(SEVERAL)


def test_empty_lines_that_are_missing() -> None:
    found = status(SEVERAL.replace(b"\n\n", b"\n"))
    assert attrs.evolve(found, defects=()) == status(SEVERAL)
    assert [one.code for one in found.defects] == ["missing_empty_line"] * 3


def test_what_is_missing() -> None:
    found = status(b"Arrival-Date: yesterday\n\nAction: failed\nAction: delayed\nRemote-MTA: x\n")
    assert found.reporting_mta is None
    assert found.arrival_date is None
    assert found.extensions == (("Arrival-Date", "yesterday"),)
    (one,) = found.recipients
    assert (one.final_recipient, one.action, one.status) == (None, "failed", "")
    assert one.remote_mta == V("", "x")
    assert sorted(defect.code for defect in found.defects) == sorted(
        ["unreadable_field", "duplicate_field", "missing_type", *["missing_field"] * 3]
    )
    assert [one.raw for one in status(b"").defects] == [b"Reporting-MTA", b"Final-Recipient"]


def test_addresses_of_rfc_6533() -> None:
    r"""Section 3: utf-8-addr-xtext escapes what is not ASCII."""
    assert V("utf-8", r"gr\x{FC}\x{DF}e@example.org").address == "grüße@example.org"
    assert V("utf-8", r"a\x{D800}\x{110000}@b").address == r"a\x{D800}\x{110000}@b"
    assert V("rfc822", r"a\x{FC}@b (a comment)").address == r"a\x{FC}@b"


def test_a_disposition_notification() -> None:
    """RFC 8098 section 9."""
    found: Any = parse_report("message/disposition-notification", SEEN)
    assert found == DispositionNotification(
        final_recipient=V("rfc822", "Joe_Recipient@example.com"),
        disposition=Disposal("manual-action", "mdn-sent-manually", "displayed"),
        original_recipient=V("rfc822", "Joe_Recipient@example.com"),
        original_message_id="199509192301.23456@example.org",
        reporting_ua="joes-pc.cs.example.com; Foomail 97.1",
    )
    assert found.defects == ()


@pytest.mark.parametrize(
    ("text", "disposal"),
    [
        (b"Automatic-Action / MDN-Sent-Automatically ; Deleted / error , x-own", True),
        (b"displayed", False),
        (b"manual-action; displayed", False),
    ],
    ids=repr,
)
def test_dispositions(text: bytes, disposal: bool) -> None:
    found: Any = parse_report("message/disposition-notification", b"Disposition: " + text)
    expected = Disposal("automatic-action", "mdn-sent-automatically", "deleted", ("error", "x-own"))
    assert found.disposition == (expected if disposal else None)


def test_a_feedback_report() -> None:
    """RFC 5965 appendix B.2."""
    found = parse_report("Message/Feedback-Report", ABUSE)
    assert isinstance(found, FeedbackReport)
    assert (found.feedback_type, found.user_agent) == ("abuse", "SomeGenerator/1.0")
    assert found.original_mail_from == "<somespammer@example.net>"
    assert found.original_rcpt_to == ("<user@example.com>",)
    assert found.arrival_date is not None
    assert found.source_ip == "192.0.2.2"
    assert [one.results[0].result for one in found.authentication_results] == ["fail"]
    assert found.reported_uri == ("http://example.net/earn_money.html", "mailto:user@example.com")
    assert found.extensions == (("Removal-Recipient", "user@example.com"),)
    assert found.defects == ()


def test_what_is_no_report() -> None:
    assert parse_report("message/rfc822", SIMPLE) is None


# --- In a message ---------------------------------------------------------------------------------

FAILED = DeliveryStatus(
    V("dns", "mx.example"),
    (RecipientStatus(V("rfc822", "b@b.example"), "failed", "5.1.1"),),
    arrival_date=Date(WHEN),
)


@pytest.mark.parametrize("original", ["message", "header", "nothing"])
def test_a_multipart_report(original: str) -> None:
    """RFC 6522 section 3."""
    about = Message.parse(b"From: a@a.example\r\nSubject: hello\r\n\r\nbody\r\n")
    given_: Any = {"message": about, "header": about.header, "nothing": None}[original]
    draft = report(FAILED, "It could not be delivered.\n", original=given_)
    mail = Message.parse(bytes(render(draft, [("From", "mailer-daemon@mx.example")])))
    assert mail.type == "multipart/report"
    assert mail.content_type.get("report-type") == "delivery-status"
    assert find_report(mail) == FAILED
    assert mail.parts[0].own_text == "It could not be delivered.\n"
    third = {"message": "message/rfc822", "header": "text/rfc822-headers", "nothing": ""}
    assert [part.type for part in mail.parts[2:]] == [one for one in [third[original]] if one]
    assert mail.defects == ()


def test_a_report_in_utf8() -> None:
    """RFC 6533 section 4: message/global-delivery-status."""
    one = RecipientStatus(V("utf-8", "grüße@example.org"), "failed", "5.1.1")
    value = DeliveryStatus(V("dns", "mx.example"), (one,))
    with pytest.raises(ValueError, match="not ASCII"):
        format_report(value)
    mail = Message.parse(bytes(render(report(value, "text", utf8=True))))
    assert mail.parts[1].type == "message/global-delivery-status"
    assert find_report(mail) == value
    assert find_report(Message.parse(b"A: b\r\n\r\nno report")) is None


# --- Writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", [SIMPLE, SEVERAL])
def test_what_was_read_is_written(octets: bytes) -> None:
    found = status(octets)
    assert status(format_report(found)) == found


@pytest.mark.parametrize("evil", ["a\r\nX: y", "a\nb", "a\0", "a\r\n\r\nFinal-Recipient: x; y"])
@pytest.mark.parametrize("where", range(7))
def test_no_injection(where: int, evil: str) -> None:
    recipient = FAILED.recipients[0]
    values: list[Report] = [
        attrs.evolve(FAILED, reporting_mta=V("dns", evil)),
        attrs.evolve(FAILED, reporting_mta=V(evil, "x")),
        attrs.evolve(FAILED, original_envelope_id=evil),
        attrs.evolve(FAILED, extensions=((evil, "x"),)),
        attrs.evolve(FAILED, extensions=(("X", evil),)),
        attrs.evolve(FAILED, recipients=(attrs.evolve(recipient, status=evil),)),
        DispositionNotification(V("rfc822", "a"), Disposal("a", "b", evil)),
    ]
    with pytest.raises(ValueError, match=r".+"):
        format_report(values[where])


def test_what_would_be_read_as_something_else() -> None:
    recipient = FAILED.recipients[0]
    for value in (
        attrs.evolve(FAILED, recipients=()),
        attrs.evolve(FAILED, reporting_mta=None),
        attrs.evolve(FAILED, reporting_mta=V("", "a; b")),
        attrs.evolve(FAILED, extensions=(("Action", "failed"),)),
        attrs.evolve(FAILED, recipients=(attrs.evolve(recipient, action="Failed"),)),
        attrs.evolve(FAILED, original_envelope_id=" x"),
    ):
        with pytest.raises(ValueError, match=r".+"):
            format_report(value)
    with pytest.raises(TypeError):
        format_report(cast(Any, "text"))


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
TEXT = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)
KINDS = st.sampled_from(["rfc822", "dns", "smtp", "x-own"])
TYPED = st.builds(V, KINDS, TEXT)
OPTIONAL = st.none() | TYPED
DATES = st.none() | st.just(Date(WHEN))
MAYBE = st.just("") | TEXT
OTHER = st.lists(st.tuples(st.sampled_from(["X-A", "X-B"]), MAYBE), max_size=2).map(tuple)
RECIPIENTS = st.builds(
    RecipientStatus,
    *(TYPED, st.sampled_from(["failed", "delayed"]), TEXT, OPTIONAL, OPTIONAL, OPTIONAL),
    *(DATES, MAYBE, DATES, OTHER),
)
RESULTS = st.just((AuthenticationResults("mx.example", (AuthResult("spf", "pass"),)),))
REPORTS: st.SearchStrategy[Report] = st.one_of(
    st.builds(
        DeliveryStatus,
        *(TYPED, st.lists(RECIPIENTS, min_size=1, max_size=3).map(tuple), MAYBE, OPTIONAL),
        *(OPTIONAL, DATES, OTHER),
    ),
    st.builds(
        DispositionNotification,
        TYPED,
        st.builds(Disposal, *[st.just("a-b")] * 3, st.just(()) | st.just(("error", "x"))),
        *(OPTIONAL, st.just("") | st.just("1@x.example"), MAYBE, OPTIONAL),
        *(st.lists(TEXT, max_size=2).map(tuple), OTHER),
    ),
    st.builds(
        FeedbackReport,
        *(st.just("abuse"), TEXT, st.just("1"), MAYBE, MAYBE, DATES, OPTIONAL, MAYBE),
        *(st.none() | st.integers(0, 99), st.just(()) | RESULTS),
        *[st.lists(TEXT, max_size=2).map(tuple)] * 3,
        OTHER,
    ),
)
ESSENCES = {
    DeliveryStatus: "message/delivery-status",
    DispositionNotification: "message/disposition-notification",
    FeedbackReport: "message/feedback-report",
}


@given(REPORTS)
def test_round_trip(value: Report) -> None:
    octets = format_report(value)
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert parse_report(ESSENCES[type(value)], octets) == value


LINES = st.sampled_from([*SEVERAL.splitlines(True), *SEEN.splitlines(True), b"\n", b" x\n", b"x\n"])


@given(st.lists(LINES | st.binary(max_size=8), max_size=12).map(b"".join))
@pytest.mark.parametrize("essence", ESSENCES.values())
def test_reading_never_raises(essence: str, octets: bytes) -> None:
    for limits in (Limits(), Limits(header=20, fields=2)):
        found = parse_report(essence, octets, limits=limits)
        assert found is not None
        assert all(0 <= one.offset <= len(octets) for one in found.defects)


@pytest.mark.parametrize(
    "piece", [b"\n", b" \n", b"A: b\n", b"Action: x\n\n", b"Final-Recipient: a;b\n", b"x\n", b":\n"]
)
def test_linear(piece: bytes) -> None:
    limits = Limits(header=None, fields=None)
    for essence in ESSENCES.values():
        assert_linear(
            lambda n: piece * n,
            partial(parse_report, essence, limits=limits),
            300,
        )

"""What servers in the field say when they keep to the RFCs, in their own ways.

Each row: who says it, the line, and its value. There is no defect in any of them, and what is
written for the value is read as the same again. `test_quirks` has what does not keep to the RFCs.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from mailproto import imap
from mailproto.imap import (
    AclData,
    Address,
    Body,
    BodyStructure,
    CapabilityData,
    Condition,
    Continuation,
    Enabled,
    Envelope,
    ESearchData,
    Exists,
    Expunged,
    FetchData,
    Flags,
    IdData,
    ListData,
    ListRightsData,
    MetadataData,
    MyRightsData,
    NamespaceData,
    NamespaceItem,
    QuotaData,
    QuotaResource,
    QuotaRootData,
    ResponseCode,
    SearchData,
    Section,
    SequenceSet,
    StatusData,
    ThreadData,
    ThreadNode,
    Vanished,
)


def code(name: str, value: Any, text: str, status: Any = "OK", tag: str | None = None) -> Condition:
    return Condition(status, text, ResponseCode(name, value), tag)


def text(subtype: str, octets: int, lines: int, **fields: Any) -> BodyStructure:
    given: dict[str, Any] = {
        "params": (("charset", "UTF-8"),),
        "id": None,
        "description": None,
        "encoding": "7bit",
        "md5": None,
        "disposition": None,
        "language": (),
        "location": None,
        **fields,
    }
    return BodyStructure("text", subtype, octets=octets, lines=lines, **given)


def multipart(subtype: str, *parts: BodyStructure, **params: str) -> BodyStructure:
    return BodyStructure(
        maintype="multipart",
        subtype=subtype,
        params=tuple(params.items()),
        id=None,
        description=None,
        encoding="7bit",
        octets=0,
        lines=None,
        md5=None,
        disposition=None,
        language=(),
        location=None,
        parts=parts,
    )


ANN = Address("Ann", None, "ann", "example.com")
BOB = Address(None, None, "bob", "example.org")

SAID: tuple[tuple[str, bytes, Any], ...] = (
    # --- Dovecot ---
    (
        "Dovecot",
        (
            b"* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ "
            b"AUTH=PLAIN] Dovecot (Ubuntu) ready.\r\n"
        ),
        code(
            "CAPABILITY",
            (
                "IMAP4rev1",
                "SASL-IR",
                "LOGIN-REFERRALS",
                "ID",
                "ENABLE",
                "IDLE",
                "LITERAL+",
                "AUTH=PLAIN",
            ),
            "Dovecot (Ubuntu) ready.",
        ),
    ),
    (
        "Dovecot",
        b"* OK [HIGHESTMODSEQ 18446744073709] Highest\r\n",
        code("HIGHESTMODSEQ", 18_446_744_073_709, "Highest"),
    ),
    (
        "Dovecot",
        b"* OK Still here\r\n",
        Condition("OK", "Still here"),
    ),
    (
        "Dovecot",
        b"* OK Searched 23% of the mailbox, ETA 0:31\r\n",
        Condition("OK", "Searched 23% of the mailbox, ETA 0:31"),
    ),
    (
        "Dovecot",
        b'* LIST (\\HasNoChildren \\UnMarked \\Junk) "." "Spam &- Co"\r\n',
        ListData(("\\HasNoChildren", "\\Unmarked", "\\Junk"), ".", "Spam & Co"),
    ),
    (
        "Dovecot",
        b'* LIST (\\Noselect \\HasChildren) "/" shared\r\n',
        ListData(("\\Noselect", "\\HasChildren"), "/", "shared"),
    ),
    (
        "Dovecot",
        b"A2 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n",
        code("AUTHENTICATIONFAILED", None, "Authentication failed.", "NO", "A2"),
    ),
    (
        "Dovecot",
        b"A9 NO [NONEXISTENT] Mailbox doesn't exist: x (0.001 + 0.000 secs).\r\n",
        code("NONEXISTENT", None, "Mailbox doesn't exist: x (0.001 + 0.000 secs).", "NO", "A9"),
    ),
    (
        "Dovecot",
        b"A5 OK [COPYUID 1695211234 1:3,7 12:15] Move completed (0.010 + 0.000 secs).\r\n",
        code(
            "COPYUID",
            (1_695_211_234, SequenceSet("1:3,7"), SequenceSet("12:15")),
            "Move completed (0.010 + 0.000 secs).",
            tag="A5",
        ),
    ),
    (
        "Dovecot",
        b"* STATUS INBOX (MESSAGES 3 RECENT 0 UIDNEXT 9 UIDVALIDITY 1 UNSEEN 2 SIZE 5)\r\n",
        StatusData(
            "INBOX",
            (
                ("MESSAGES", 3),
                ("RECENT", 0),
                ("UIDNEXT", 9),
                ("UIDVALIDITY", 1),
                ("UNSEEN", 2),
                ("SIZE", 5),
            ),
        ),
    ),
    (
        "Dovecot",
        b'* ESEARCH (TAG "7") UID MIN 3 MAX 812 COUNT 5 ALL 3,17:19,812\r\n',
        ESearchData(
            (("MIN", 3), ("MAX", 812), ("COUNT", 5), ("ALL", SequenceSet("3,17:19,812"))),
            "7",
            True,
        ),
    ),
    (
        "Dovecot",
        b"* THREAD (1 2)((3)(4))(5 (6)(7 8))\r\n",
        ThreadData(
            (
                ThreadNode((1, 2)),
                ThreadNode((), (ThreadNode((3,)), ThreadNode((4,)))),
                ThreadNode((5,), (ThreadNode((6,)), ThreadNode((7, 8)))),
            )
        ),
    ),
    (
        "Dovecot",
        b"* VANISHED (EARLIER) 1:4,9\r\n",
        Vanished(SequenceSet("1:4,9"), earlier=True),
    ),
    (
        "Dovecot",
        b'* 4 FETCH (UID 9 ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) PREVIEW "hi")\r\n',
        FetchData(
            4,
            (
                ("UID", 9),
                (
                    "ENVELOPE",
                    Envelope(None, None, (), (), (), (), (), (), None, None),
                ),
                ("PREVIEW", "hi"),
            ),
        ),
    ),
    (
        "Dovecot",
        b'* QUOTA "User quota" (STORAGE 1024 1048576 MESSAGE 12 50000)\r\n',
        QuotaData(
            "User quota",
            (QuotaResource("STORAGE", 1024, 1_048_576), QuotaResource("MESSAGE", 12, 50_000)),
        ),
    ),
    ("Dovecot", b'* QUOTAROOT INBOX "User quota"\r\n', QuotaRootData("INBOX", ("User quota",))),
    (
        "Dovecot",
        b'* METADATA "" (/shared/comment {3}\r\na\r\n /shared/admin NIL)\r\n',
        MetadataData("", (("/shared/comment", b"a\r\n"), ("/shared/admin", None))),
    ),
    # --- Cyrus ---
    (
        "Cyrus",
        (
            b"* OK [CAPABILITY IMAP4rev1 LITERAL+ ID ENABLE AUTH=PLAIN SASL-IR] mail.example.org "
            b"Cyrus IMAP 3.6.1 server ready\r\n"
        ),
        code(
            "CAPABILITY",
            ("IMAP4rev1", "LITERAL+", "ID", "ENABLE", "AUTH=PLAIN", "SASL-IR"),
            "mail.example.org Cyrus IMAP 3.6.1 server ready",
        ),
    ),
    (
        "Cyrus",
        b'* ID ("name" "Cyrus IMAPD" "version" "3.6.1" "os" NIL)\r\n',
        IdData((("name", "Cyrus IMAPD"), ("version", "3.6.1"), ("os", None))),
    ),
    (
        "Cyrus",
        b'* NAMESPACE (("INBOX." ".")) (("user." ".")) (("" "."))\r\n',
        NamespaceData(
            (NamespaceItem("INBOX.", "."),),
            (NamespaceItem("user.", "."),),
            (NamespaceItem("", "."),),
        ),
    ),
    (
        "Cyrus",
        b"* OK [MAILBOXID (4c2fvj9eu05pffmhcd6wjsnr)] Ok\r\n",
        code("MAILBOXID", "4c2fvj9eu05pffmhcd6wjsnr", "Ok"),
    ),
    ("Cyrus", b"* OK [URLMECH INTERNAL] Ok\r\n", code("URLMECH", "INTERNAL", "Ok")),
    (
        "Cyrus",
        b"* OK [ANNOTATIONS 65536] Ok\r\n",
        code("ANNOTATIONS", ("65536",), "Ok"),
    ),
    (
        "Cyrus",
        b"* ACL INBOX ann lrswipkxtecdan anyone p\r\n",
        AclData("INBOX", (("ann", "lrswipkxtecdan"), ("anyone", "p"))),
    ),
    (
        "Cyrus",
        b'* LISTRIGHTS INBOX bob "" l r s w i p k x t e c d a n\r\n',
        ListRightsData("INBOX", "bob", "", tuple("lrswipkxtecdan")),
    ),
    ("Cyrus", b"* MYRIGHTS INBOX lrswipkxtecdan\r\n", MyRightsData("INBOX", "lrswipkxtecdan")),
    (
        "Cyrus",
        (
            b"* 2 FETCH (FLAGS (\\Recent \\Seen $X-ME-Annot-2) UID 8 MODSEQ (44) "
            b"EMAILID (Mf5aa) THREADID (Ta0))\r\n"
        ),
        FetchData(
            2,
            (
                ("FLAGS", ("\\Recent", "\\Seen", "$X-ME-Annot-2")),
                ("UID", 8),
                ("MODSEQ", 44),
                ("EMAILID", "Mf5aa"),
                ("THREADID", "Ta0"),
            ),
        ),
    ),
    ("Cyrus", b"* BYE LOGOUT received\r\n", Condition("BYE", "LOGOUT received")),
    (
        "Cyrus",
        b"3 NO [OVERQUOTA] Over quota\r\n",
        code("OVERQUOTA", None, "Over quota", "NO", "3"),
    ),
    # --- Gmail ---
    (
        "Gmail",
        (
            b"* CAPABILITY IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 "
            b"UIDPLUS COMPRESS=DEFLATE ENABLE MOVE CONDSTORE ESEARCH UTF8=ACCEPT LIST-EXTENDED "
            b"LIST-STATUS LITERAL- SPECIAL-USE APPENDLIMIT=35651584\r\n"
        ),
        CapabilityData(
            (
                "IMAP4rev1",
                "UNSELECT",
                "IDLE",
                "NAMESPACE",
                "QUOTA",
                "ID",
                "XLIST",
                "CHILDREN",
                "X-GM-EXT-1",
                "UIDPLUS",
                "COMPRESS=DEFLATE",
                "ENABLE",
                "MOVE",
                "CONDSTORE",
                "ESEARCH",
                "UTF8=ACCEPT",
                "LIST-EXTENDED",
                "LIST-STATUS",
                "LITERAL-",
                "SPECIAL-USE",
                "APPENDLIMIT=35651584",
            )
        ),
    ),
    (
        "Gmail",
        b"* OK Gimap ready for requests from 192.0.2.1 a1b2c3\r\n",
        Condition("OK", "Gimap ready for requests from 192.0.2.1 a1b2c3"),
    ),
    (
        "Gmail",
        b'* LIST (\\HasNoChildren \\Important) "/" "[Gmail]/Important"\r\n',
        ListData(("\\HasNoChildren", "\\Important"), "/", "[Gmail]/Important"),
    ),
    (
        "Gmail",
        b'* LIST (\\All \\HasNoChildren) "/" "[Gmail]/&BBIEQQRP- &BD8EPgRHBEIEMA-"\r\n',
        ListData(("\\All", "\\HasNoChildren"), "/", "[Gmail]/Вся почта"),
    ),
    (
        "Gmail",
        b'* XLIST (\\HasNoChildren \\Inbox) "/" "Inbox"\r\n',
        ListData(("\\HasNoChildren", "\\Inbox"), "/", "INBOX", verb="XLIST"),
    ),
    (
        "Gmail",
        (
            b"* 1 FETCH (X-GM-THRID 1278455344230334865 X-GM-MSGID 1278455344230334866 "
            b'X-GM-LABELS ("\\\\Inbox" "\\\\Sent" Important "Muy Importante") UID 1)\r\n'
        ),
        FetchData(
            1,
            (
                ("X-GM-THRID", 1278455344230334865),
                ("X-GM-MSGID", 1278455344230334866),
                ("X-GM-LABELS", ("\\Inbox", "\\Sent", "Important", "Muy Importante")),
                ("UID", 1),
            ),
        ),
    ),
    (
        "Gmail",
        b"* 7 FETCH (UID 12 MODSEQ (77) FLAGS (NotJunk $NotPhishing \\Seen))\r\n",
        FetchData(
            7,
            (("UID", 12), ("MODSEQ", 77), ("FLAGS", ("NotJunk", "$NotPhishing", "\\Seen"))),
        ),
    ),
    (
        "Gmail",
        (
            b'* 9 FETCH (UID 20 BODYSTRUCTURE (("TEXT" "PLAIN" ("CHARSET" "UTF-8") NIL NIL "7BIT" '
            b'5 1 NIL NIL NIL)("TEXT" "HTML" ("CHARSET" "UTF-8") NIL NIL "7BIT" 26 1 NIL NIL NIL) '
            b'"ALTERNATIVE" ("BOUNDARY" "0000000000005c") NIL NIL))\r\n'
        ),
        FetchData(
            9,
            (
                ("UID", 20),
                (
                    "BODYSTRUCTURE",
                    multipart(
                        "alternative",
                        text("plain", 5, 1),
                        text("html", 26, 1),
                        boundary="0000000000005c",
                    ),
                ),
            ),
        ),
    ),
    (
        "Gmail",
        b"A3 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n",
        code("AUTHENTICATIONFAILED", None, "Invalid credentials (Failure)", "NO", "A3"),
    ),
    (
        "Gmail",
        b"* OK [THROTTLED] x\r\n",
        code("THROTTLED", None, "x"),
    ),
    (
        "Gmail",
        b"+ eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIn0=\r\n",
        Continuation("eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIn0="),
    ),
    ("Gmail", b"+ idling\r\n", Continuation("idling")),
    (
        "Gmail",
        b"* SEARCH 5 6 (MODSEQ 9)\r\n",
        SearchData((5, 6), 9),
    ),
    # --- Exchange, Office 365, Outlook ---
    (
        "Exchange",
        b"* OK The Microsoft Exchange IMAP4 service is ready. [TQBXADIAUABSAA==]\r\n",
        Condition("OK", "The Microsoft Exchange IMAP4 service is ready. [TQBXADIAUABSAA==]"),
    ),
    (
        "Exchange",
        (
            b"* OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)] "
            b"Permanent flags\r\n"
        ),
        code(
            "PERMANENTFLAGS",
            ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "$MDNSent"),
            "Permanent flags",
        ),
    ),
    (
        "Exchange",
        b'* LIST (\\Marked \\HasNoChildren \\Trash) "/" "Deleted Items"\r\n',
        ListData(("\\Marked", "\\HasNoChildren", "\\Trash"), "/", "Deleted Items"),
    ),
    (
        "Exchange",
        (
            b'* 3 FETCH (ENVELOPE ("Tue, 5 Mar 2024 10:00:00 +0000" "=?utf-8?B?w4Q=?=" '
            b'(("Ann" NIL "ann" "example.com")) NIL NIL ((NIL NIL "bob" "example.org")) NIL NIL '
            b'NIL "<a@b>") INTERNALDATE " 5-Mar-2024 10:00:01 +0000")\r\n'
        ),
        FetchData(
            3,
            (
                (
                    "ENVELOPE",
                    Envelope(
                        date="Tue, 5 Mar 2024 10:00:00 +0000",
                        subject="=?utf-8?B?w4Q=?=",
                        from_=(ANN,),
                        sender=(),
                        reply_to=(),
                        to=(BOB,),
                        cc=(),
                        bcc=(),
                        in_reply_to=None,
                        message_id="<a@b>",
                    ),
                ),
                ("INTERNALDATE", datetime(2024, 3, 5, 10, 0, 1, tzinfo=UTC)),
            ),
        ),
    ),
    (
        "Exchange",
        b"* BYE Connection is closed. 13\r\n",
        Condition("BYE", "Connection is closed. 13"),
    ),
    ("Exchange", b"A1 NO LOGIN failed.\r\n", Condition("NO", "LOGIN failed.", tag="A1")),
    ("Exchange", b"* 12 EXPUNGE\r\n", Expunged(12)),
    # --- iCloud ---
    (
        "iCloud",
        (
            b"* OK [CAPABILITY XAPPLEPUSHSERVICE IMAP4 IMAP4rev1 SASL-IR AUTH=ATOKEN AUTH=PLAIN] "
            b"iSCREAM ready to rumble (2F5) x\r\n"
        ),
        code(
            "CAPABILITY",
            (
                "XAPPLEPUSHSERVICE",
                "IMAP4",
                "IMAP4rev1",
                "SASL-IR",
                "AUTH=ATOKEN",
                "AUTH=PLAIN",
            ),
            "iSCREAM ready to rumble (2F5) x",
        ),
    ),
    (
        "iCloud",
        b"* 5 FETCH (UID 71 BODY[HEADER.FIELDS (SUBJECT)] {14}\r\nSubject: a\r\n\r\n)\r\n",
        FetchData(
            5,
            (
                ("UID", 71),
                (
                    Body(Section((), "HEADER.FIELDS", ("SUBJECT",))),
                    b"Subject: a\r\n\r\n",
                ),
            ),
        ),
    ),
    (
        "iCloud",
        b'* LIST (\\HasNoChildren \\Sent) "/" "Sent Messages"\r\n',
        ListData(("\\HasNoChildren", "\\Sent"), "/", "Sent Messages"),
    ),
    # --- Courier ---
    (
        "Courier",
        (
            b"* OK [CAPABILITY IMAP4rev1 UIDPLUS THREAD=ORDEREDSUBJECT SORT ACL2=UNION] "
            b"Courier-IMAP ready. Copyright 1998-2018 Double Precision, Inc.  See COPYING for "
            b"distribution information.\r\n"
        ),
        code(
            "CAPABILITY",
            ("IMAP4rev1", "UIDPLUS", "THREAD=ORDEREDSUBJECT", "SORT", "ACL2=UNION"),
            "Courier-IMAP ready. Copyright 1998-2018 Double Precision, Inc.  "
            "See COPYING for distribution information.",
        ),
    ),
    (
        "Courier",
        b'* NAMESPACE (("INBOX." ".")) NIL (("#shared." ".")("shared." "."))\r\n',
        NamespaceData(
            (NamespaceItem("INBOX.", "."),),
            None,
            (NamespaceItem("#shared.", "."), NamespaceItem("shared.", ".")),
        ),
    ),
    (
        "Courier",
        b"* FLAGS (\\Draft \\Answered \\Flagged \\Deleted \\Seen \\Recent)\r\n",
        Flags(("\\Draft", "\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Recent")),
    ),
    (
        "Courier",
        b'* LIST (\\Unmarked \\HasChildren) "." "INBOX"\r\n',
        ListData(("\\Unmarked", "\\HasChildren"), ".", "INBOX"),
    ),
    ("Courier", b"+ entering ENHANCED IDLE\r\n", Continuation("entering ENHANCED IDLE")),
    (
        "Courier",
        b"4 OK [READ-WRITE] Ok\r\n",
        code("READ-WRITE", None, "Ok", tag="4"),
    ),
    # --- Others ---
    (
        "UW IMAP",
        b"* OK [PARSE] Unexpected characters at end of address: <x>\r\n",
        code("PARSE", None, "Unexpected characters at end of address: <x>"),
    ),
    (
        "UW IMAP",
        b'* LIST (\\NoInferiors \\UnMarked) NIL "#mhinbox"\r\n',
        ListData(("\\Noinferiors", "\\Unmarked"), None, "#mhinbox"),
    ),
    (
        "Domino",
        b'* LIST () "\\\\" "Folder\\\\Sub"\r\n',
        ListData((), "\\", "Folder\\Sub"),
    ),
    (
        "Dovecot",
        b'* 8 FETCH (UID 15 RFC822.SIZE 2048 INTERNALDATE "17-Jul-2023 02:44:25 +0530")\r\n',
        FetchData(
            8,
            (
                ("UID", 15),
                ("RFC822.SIZE", 2048),
                (
                    "INTERNALDATE",
                    datetime(
                        2023, 7, 17, 2, 44, 25, tzinfo=timezone(timedelta(hours=5, minutes=30))
                    ),
                ),
            ),
        ),
    ),
    (
        "Zimbra",
        b'* ID ("NAME" "Zimbra" "VERSION" "8.8.15_GA_3869" "RELEASE" "20190917004220")\r\n',
        IdData((("NAME", "Zimbra"), ("VERSION", "8.8.15_GA_3869"), ("RELEASE", "20190917004220"))),
    ),
    ("Stalwart", b"* ENABLED IMAP4rev2 CONDSTORE\r\n", Enabled(("IMAP4rev2", "CONDSTORE"))),
    (
        "Stalwart",
        b'* STATUS "Archive" (SIZE 0 DELETED 0 MAILBOXID (a))\r\n',
        StatusData("Archive", (("SIZE", 0), ("DELETED", 0), ("MAILBOXID", "a"))),
    ),
    (
        "Dovecot 2.4",
        b'* OK [INPROGRESS ("A7" 175 1000)] Still working\r\n',
        code("INPROGRESS", ("A7", 175, 1000), "Still working"),
    ),
)


@pytest.mark.parametrize(
    ("line", "value"),
    [row[1:] for row in SAID],
    ids=[f"{who} {line[:40]!r}" for who, line, _ in SAID],
)
def test_what_a_server_says(line: bytes, value: Any) -> None:
    found: Any = imap.parse_response(line)
    assert found == value
    assert found.defects == ()
    assert getattr(found, "tag", None) == getattr(value, "tag", None)
    fragments: Any = imap.encode(found)
    written = b"".join(fragment.octets for fragment in fragments)
    assert imap.parse_response(written) == value


def test_all_of_it_in_one_stream() -> None:
    """No line takes something from the one behind it, whatever looks like a literal."""
    parser = imap.ResponseParser()
    parser.receive_data(b"* 23 EXISTS\r\n".join(line for _, line, _ in SAID))
    for number, (_, _, value) in enumerate(SAID):
        if number:
            assert parser.next() == Exists(23)
        assert parser.next() == value
    assert not parser.open

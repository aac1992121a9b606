"""Trace fields and their like, read and written.

Received (RFC 5321, 5322), List-* (RFC 2369, 2919), Authentication-Results (RFC 8601, 8617), tags of
DKIM and ARC (RFC 6376, 8617).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.message import (
    AuthenticationResults,
    AuthResult,
    Date,
    ListId,
    ListUrls,
    Received,
    TagList,
    TraceClause,
    parse_field,
)
from mailproto.message._trace import (
    _odd_pieces,
    _pieces,
    format_authentication_results,
    format_list_id,
    format_list_urls,
    format_received,
    format_tags,
    parse_authentication_results,
    parse_list_id,
    parse_list_urls,
    parse_received,
    parse_tags,
)

from .counting import assert_linear


def codes(value: Any) -> list[str]:
    return [one.code for one in value.defects]


# --- Received -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "clauses", "date"),
    [
        # RFC 5322 appendix A.4
        (
            (
                "from x.y.test\r\n   by example.net\r\n   via TCP\r\n   with ESMTP\r\n"
                "   id ABC12345\r\n   for <mary@example.net>;  21 Nov 1997 10:05:43 -0600"
            ),
            "from=x.y.test by=example.net via=TCP with=ESMTP id=ABC12345 for=<mary@example.net>",
            "1997-11-21T10:05:43-06:00",
        ),
        (
            "from node.example by x.y.test; 21 Nov 1997 10:01:22 -0600",
            "from=node.example by=x.y.test",
            "1997-11-21T10:01:22-06:00",
        ),
        # RFC 5321 section 4.4, the grammar: TCP-info in a comment
        (
            (
                "from a.example (b.example [192.0.2.1]) by c.example with SMTP id <x@y>;"
                " Mon, 1 Jan 2024 00:00:00 +0000"
            ),
            "from=a.example(b.example [192.0.2.1]) by=c.example with=SMTP id=<x@y>",
            "2024-01-01T00:00:00+00:00",
        ),
        # RFC 6376 appendix A.2
        (
            (
                "from client1.football.example.com  [192.0.2.1]\r\n"
                "     by submitserver.example.com with SUBMISSION;\r\n"
                "     Fri, 11 Jul 2003 21:01:54 -0700 (PDT)"
            ),
            (
                "from=client1.football.example.com [192.0.2.1] by=submitserver.example.com"
                " with=SUBMISSION"
            ),
            "2003-07-11T21:01:54-07:00",
        ),
        # RFC 8314 section 4.3
        (
            "from a by b with ESMTPSA tls TLS_AES_128_GCM_SHA256; 1 Jan 2024 00:00 +0000",
            "from=a by=b with=ESMTPSA tls=TLS_AES_128_GCM_SHA256",
            "2024-01-01T00:00:00+00:00",
        ),
        # What servers write: words where one is wanted, nested comments, no name
        (
            "from a (HELO b) (1.2.3.4) by c with Microsoft SMTP Server id 15; 1 Jan 2024 00:00 GMT",
            "from=a(HELO b)(1.2.3.4) by=c with=Microsoft SMTP Server id=15",
            "2024-01-01T00:00:00+00:00",
        ),
        (
            "(qmail 123 invoked by uid 0); 1 Jan 2024 00:00 +0000",
            "=(qmail 123 invoked by uid 0)",
            "2024-01-01T00:00:00+00:00",
        ),
        ("by x; 1 Jan 2024 00:00 +0000", "by=x", "2024-01-01T00:00:00+00:00"),
    ],
)
def test_received(text: str, clauses: str, date: str) -> None:
    value = parse_received(text)
    written = [
        f"{clause.name}={clause.value}" + "".join(f"({one})" for one in clause.comments)
        for clause in value.clauses
    ]
    assert " ".join(written) == clauses
    assert value.date is not None
    assert value.date.value.isoformat() == date
    assert set(codes(value)) <= {"obsolete_zone"}
    assert format_received(value).startswith(clauses.partition("=")[0])
    assert parse_received(format_received(value)) == value


@pytest.mark.parametrize(
    ("text", "names", "found"),
    [
        ("from a by b", ["from", "by"], ["missing_date"]),
        ("from a by b; x", ["from", "by", ""], ["missing_date", "unreadable_date"]),
        ("from by b; 1 Jan 2024 00:00 +0000", ["from", "by"], ["missing_value"]),
        ("from a by b 1 Jan 2024 00:00:00 +0000", ["from", "by"], ["missing_semicolon"]),
        ("from a; by b; 1 Jan 2024 00:00 +0000", ["from", "by"], ["stray_semicolon"]),
        ("from a (b by c; 1 Jan 2024 00:00 +0000", ["from", "by"], ["stray_parenthesis"]),
        ("from a) by c; 1 Jan 2024 00:00 +0000", ["from", "by"], ["stray_parenthesis"]),
        ('from "a by c; 1 Jan 2024 00:00 +0000', ["from", "by"], ["unclosed_quote"]),
        ("", [], ["missing_date"]),
        (";", [], ["missing_date"]),
        ("hello", [""], ["missing_date"]),
    ],
)
def test_received_that_is_odd(text: str, names: list[str], found: list[str]) -> None:
    value = parse_received(text)
    assert [clause.name for clause in value.clauses] == names
    assert sorted(codes(value)) == sorted(found)


WORDS = ["from", "by", "id", "for", "a.b", "<c@d>", "(e)", "((f))", ";", "1 Jan 2024 00:00 +0000"]
MORE_WORDS = [
    '"',
    '"x;y"',
    "(",
    ")",
    "\\",
    "[1.2]",
    "\0",
    "ü",
    "Mon,",
    "with",
    "(\\))",
    "BY",
    "(PST)",
]
trace = st.lists(st.sampled_from(WORDS + MORE_WORDS), max_size=14).map(" ".join)


@given(trace)
@example("from a (b (c) d) by e")
@example("a(b)c")
@example("from x;by y")
def test_received_fast_and_full_cut_alike(text: str) -> None:
    if not set(text) & set('"\\'):
        assert _pieces(text, []) == _odd_pieces(text, [])


@given(trace)
def test_received_loses_no_word(text: str) -> None:
    value = parse_received(text, most=None)
    for defect in value.defects:
        assert 0 <= defect.offset <= len(text)
        assert defect.assumed
    if value.date is None and not set(text) & set('";\\()'):
        said = " ".join(f"{one.name} {one.value}" for one in value.clauses).lower()
        assert said.split() == text.lower().split()


@given(
    st.lists(
        st.builds(
            TraceClause,
            st.sampled_from(["from", "by", "via", "with", "id", "for", ""]),
            st.sampled_from(["a.b", "<c@d>", "x y", '"e;f"', "", "by", "1 Jan", "(", "a;b", "ü"]),
            st.lists(st.sampled_from(["c", "(d)", "e(", ")", "\\", "by", ""]), max_size=2).map(
                tuple
            ),
        ),
        max_size=4,
    ),
    st.sampled_from([None, Date(datetime(2024, 1, 1, tzinfo=UTC))]),
)
def test_received_that_is_written_is_read(clauses: list[TraceClause], date: Date | None) -> None:
    value = Received(tuple(clauses), date)
    try:
        text = format_received(value)
    except ValueError:
        return
    assert parse_received(text) == value


# --- List-* (RFC 2369, RFC 2919) ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "urls", "comments"),
    [
        # RFC 2369 section 3
        (
            "<mailto:list@host.com?subject=help> (List Instructions)",
            ("mailto:list@host.com?subject=help",),
            ("List Instructions",),
        ),
        (
            "<http://www.host.com/list/>, <mailto:list-info@host.com>",
            ("http://www.host.com/list/", "mailto:list-info@host.com"),
            (),
        ),
        (
            (
                "(Use this command to join the list)\r\n"
                "    <mailto:list-manager@host.com?body=subscribe%20list>"
            ),
            ("mailto:list-manager@host.com?body=subscribe%20list",),
            ("Use this command to join the list",),
        ),
        (
            (
                "<http://www.host.com/list.cgi?cmd=unsub&lst=list>,\r\n"
                "    <mailto:list-request@host.com?subject=unsubscribe>"
            ),
            (
                "http://www.host.com/list.cgi?cmd=unsub&lst=list",
                "mailto:list-request@host.com?subject=unsubscribe",
            ),
            (),
        ),
        # Section 2: white space within is taken out
        ("<http://a.b/\r\n c>", ("http://a.b/c",), ()),
    ],
)
def test_list_urls(text: str, urls: tuple[str, ...], comments: tuple[str, ...]) -> None:
    value = parse_list_urls(text)
    assert value == ListUrls(urls)
    assert value.comments == comments
    assert codes(value) == []
    assert parse_list_urls(format_list_urls(value)) == value


def test_no_posting() -> None:
    # RFC 2369 section 3.4
    value = parse_list_urls("NO (posting not allowed on this list)")
    assert value == ListUrls((), no=True)
    assert value.comments == ("posting not allowed on this list",)
    assert format_list_urls(value) == "NO (posting not allowed on this list)"


@pytest.mark.parametrize(
    ("text", "urls", "found"),
    [
        ("http://a.b/", ("http://a.b/",), ["bare_url"]),
        ("<http://a.b/", ("http://a.b/",), ["unclosed_bracket"]),
        ("<a:b> <c:d>", ("a:b", "c:d"), ["missing_comma"]),
        ("<>", (), ["empty_url", "no_url"]),
        ("<a:b>,,<c:d>", ("a:b", "c:d"), ["empty_url"]),
        ("x <a:b>", ("a:b",), ["junk_beside_url"]),
        ("", (), ["no_url"]),
        ("(", (), ["junk_beside_url", "no_url"]),
    ],
)
def test_list_urls_that_are_odd(text: str, urls: tuple[str, ...], found: list[str]) -> None:
    value = parse_list_urls(text)
    assert value.urls == urls
    assert sorted(set(codes(value))) == sorted(found)


@pytest.mark.parametrize(
    ("text", "identifier", "name"),
    [
        # RFC 2919 section 3
        (
            "List Header Mailing List <list-header.nisto.com>",
            "list-header.nisto.com",
            "List Header Mailing List",
        ),
        ("<commonspace-users.list-id.within.com>", "commonspace-users.list-id.within.com", ""),
        (
            (
                '"Lena\'s Personal Joke List"\r\n'
                "         <lenas-jokes.da39efc25c530ad145d41b86f7420c3b.021999.localhost>"
            ),
            "lenas-jokes.da39efc25c530ad145d41b86f7420c3b.021999.localhost",
            "Lena's Personal Joke List",
        ),
        (
            '"An internal CMU List" <0Jks9449.list-id.cmu.edu>',
            "0Jks9449.list-id.cmu.edu",
            "An internal CMU List",
        ),
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?= <a.b>", "a.b", "Grüße"),
    ],
)
def test_list_ids(text: str, identifier: str, name: str) -> None:
    value = parse_list_id(text)
    assert value == ListId(identifier, name)
    assert codes(value) == []
    assert parse_list_id(format_list_id(value)) == value


@pytest.mark.parametrize(
    ("text", "identifier", "name", "found"),
    [
        ("a.b", "a.b", "", ["bare_list_id"]),
        ("A List", "", "A List", ["missing_list_id"]),
        ("<a.b> x", "a.b", "x", ["junk_behind_list_id"]),
        ("<a.b> <c.d>", "c.d", "", ["two_list_ids"]),
        ('"A <a.b>', "a.b", '"A', ["unclosed_quote"]),
        ("", "", "", ["missing_list_id"]),
        ("<>", "", "", ["missing_list_id"]),
    ],
)
def test_list_ids_that_are_odd(text: str, identifier: str, name: str, found: list[str]) -> None:
    value = parse_list_id(text)
    assert value == ListId(identifier, name)
    assert codes(value) == found


LIST_PIECES = [
    "<",
    ">",
    "a.b",
    "<a:b>",
    ",",
    " ",
    "(c)",
    "(",
    ")",
    '"',
    "NO",
    "\\",
    "ü",
    "=?utf-8?q?a?=",
]


@given(st.lists(st.sampled_from(["<a:b>", "<c:d/e>", ", ", ",", " ", "\r\n "]), max_size=8))
def test_list_urls_fast_and_full_agree(pieces: list[str]) -> None:
    text = "".join(pieces)
    fast, full = parse_list_urls(text), parse_list_urls(f"(){text}")
    assert fast == full
    assert codes(fast) == codes(full)


@given(
    st.sampled_from(["", "A ", '"A" ', "A B ", '"x, y" ', "A  ", "A.B "]),
    st.sampled_from(["<a.b>", "<a>", " <a.b> ", "<a.b>\r\n "]),
)
def test_list_ids_fast_and_full_agree(name: str, rest: str) -> None:
    fast, full = parse_list_id(name + rest), parse_list_id(f"(){name}{rest}")
    assert fast == full
    assert codes(fast) == codes(full)


@given(st.lists(st.sampled_from(LIST_PIECES), max_size=12).map("".join))
def test_list_fields_do_not_raise(text: str) -> None:
    for value in (parse_list_urls(text), parse_list_id(text)):
        for defect in value.defects:
            assert 0 <= defect.offset <= len(text)
            assert defect.assumed


@given(st.text(max_size=30), st.booleans())
def test_a_list_id_that_is_written_is_read(name: str, utf8: bool) -> None:
    value = ListId("a.b", name)
    try:
        text = format_list_id(value, utf8=utf8)
    except ValueError:
        return
    assert parse_list_id(text) == value
    assert utf8 or text.isascii()
    assert not set(text) & set("\r\n\0")


# --- Authentication-Results (RFC 8601) ------------------------------------------------------------

B6 = AuthenticationResults(
    "example.com",
    (
        AuthResult(
            "dkim", "pass", (("header", "i", "@mail-router.example.net"),), "good signature"
        ),
        AuthResult("dkim", "fail", (("header", "i", "@newyork.example.com"),), "bad signature"),
    ),
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # RFC 8601 appendix B.2
        ("example.org 1; none", AuthenticationResults("example.org")),
        # B.3
        (
            "example.com;\r\n          spf=pass smtp.mailfrom=example.net",
            AuthenticationResults(
                "example.com", (AuthResult("spf", "pass", (("smtp", "mailfrom", "example.net"),)),)
            ),
        ),
        # B.4
        (
            (
                "example.com;\r\n          auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n"
                "          spf=pass smtp.mailfrom=example.net"
            ),
            AuthenticationResults(
                "example.com",
                (
                    AuthResult("auth", "pass", (("smtp", "auth", "sender@example.net"),)),
                    AuthResult("spf", "pass", (("smtp", "mailfrom", "example.net"),)),
                ),
            ),
        ),
        # B.6
        (
            (
                'example.com;\r\n      dkim=pass reason="good signature"\r\n'
                "        header.i=@mail-router.example.net;\r\n"
                '      dkim=fail reason="bad signature"\r\n        header.i=@newyork.example.com'
            ),
            B6,
        ),
        # B.7
        (
            (
                "foo.example.net (foobar) 1 (baz);\r\n"
                "    dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
                "      policy (A dot can go here) . (like that) expired\r\n"
                "      (this surprised me) = (as I wasn't expecting it) 1362471462"
            ),
            AuthenticationResults(
                "foo.example.net",
                (AuthResult("dkim", "fail", (("policy", "expired", "1362471462"),)),),
            ),
        ),
    ],
)
def test_examples_of_rfc_8601(text: str, value: AuthenticationResults) -> None:
    found = parse_authentication_results(text)
    assert found == value
    assert codes(found) == []
    assert parse_authentication_results(format_authentication_results(found)) == value


def test_results_of_arc() -> None:
    # RFC 8617 section 4.1.1
    text = "i=1; lists.example.org;\r\n  spf=pass smtp.mfrom=jqd@d1.example;\r\n  dmarc=pass"
    found = parse_field("ARC-Authentication-Results", f" {text}".encode())
    assert isinstance(found, AuthenticationResults)
    assert (found.instance, found.authserv_id) == (1, "lists.example.org")
    assert [(one.method, one.result) for one in found.results] == [
        ("spf", "pass"),
        ("dmarc", "pass"),
    ]
    assert codes(found) == []
    written = format_authentication_results(found)
    assert parse_authentication_results(written, arc=True) == found
    assert codes(parse_authentication_results("a; none", arc=True)) == ["missing_instance"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {"missing_authserv_id", "no_result"}),
        ("spf=pass", {"missing_authserv_id"}),
        ("a;", {"empty_result", "no_result"}),
        ("a", {"no_result"}),
        ("a; spf", {"unreadable_result", "no_result"}),
        ("a; spf=", {"missing_value"}),
        ("a; spf=pass x", {"junk_in_result"}),
        ("a; spf=pass x=y", {"missing_ptype"}),
        ("a; spf=pass x.y=", {"missing_value"}),
        ("a; spf=pass x.y=a/b", {"unquoted_value"}),
        ('a; spf=pass x.y="a', {"unclosed_quote", "missing_value", "unquoted_value"}),
        ("a b; spf=pass", {"junk_in_results"}),
    ],
)
def test_results_that_are_odd(text: str, found: set[str]) -> None:
    value = parse_authentication_results(text)
    assert set(codes(value)) <= found
    assert codes(value)


@pytest.mark.parametrize(
    "text",
    [
        # What is within a comment or quotes is no result: who filters must not take it for one
        pytest.param("mx.example (; dkim=pass); dkim=fail", id="a result in a comment"),
        pytest.param('mx.example; dkim=fail reason="; dkim=pass"', id="a result in quotes"),
        pytest.param('mx.example; dkim=fail reason="a\\"; dkim=pass"', id="an escaped quote"),
        pytest.param("mx.example; dkim=fail ((; dkim=pass))", id="a result in nested comments"),
        pytest.param("mx.example; dkim=fail (\\); dkim=pass)", id="an escaped parenthesis"),
    ],
)
def test_no_verdict_out_of_a_comment(text: str) -> None:
    value = parse_authentication_results(text)
    assert value.authserv_id == "mx.example"
    assert [(one.method, one.result) for one in value.results] == [("dkim", "fail")]


RESULT = [
    "a",
    ";",
    "spf=pass",
    "dkim=fail",
    "x.y=z",
    'reason="q r"',
    "(c)",
    " ",
    "=",
    ".",
    "/",
    '"',
]
MORE_RESULT = ["none", "i=1", "\\", "(", "@d", "\0", "ü", "a;", "\r\n "]


@given(
    st.lists(
        st.sampled_from(
            [
                "; spf=pass",
                ";\r\n dkim=FAIL",
                " x.y=z",
                ' reason="q r"',
                " (c)",
                " smtp.a=b@c.d",
                " x.i=@e",
            ]
        ),
        min_size=1,
        max_size=8,
    ).map("".join)
)
@example("; spf=pass reason=a reason=b")
@example('; spf=pass x.y=""')
@example("; spf=pass (a) (b (c))")
def test_results_fast_and_full_agree(rest: str) -> None:
    """A version that is the default changes nothing, and is not in the pattern."""
    fast, full = (
        parse_authentication_results(f"a.b{rest}"),
        parse_authentication_results(f"a.b 1{rest}"),
    )
    assert fast == full
    assert [one.comments for one in fast.results] == [one.comments for one in full.results]
    assert codes(fast) == codes(full)


@given(st.lists(st.sampled_from(RESULT + MORE_RESULT), max_size=16).map("".join), st.booleans())
def test_results_do_not_raise(text: str, arc: bool) -> None:
    value = parse_authentication_results(text, arc=arc)
    for defect in value.defects:
        assert 0 <= defect.offset <= len(text)
        assert defect.assumed
    try:
        written = format_authentication_results(value)
    except ValueError:
        return
    assert parse_authentication_results(written, arc=value.instance is not None) == value


# --- Tags (RFC 6376 section 3.2) ------------------------------------------------------------------

SIGNATURE = (
    "v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
    "     c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
    "     h=Received : From : To : Subject : Date : Message-ID;\r\n"
    "     bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    "     b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
    "     4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"
    "     KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n"
    "     4bmp/YzhwvcubU4=;"
)


def test_the_signature_of_rfc_6376() -> None:
    # Appendix A.2
    value = parse_tags(SIGNATURE)
    assert codes(value) == []
    assert [name for name, _ in value.tags] == ["v", "a", "s", "d", "c", "q", "i", "h", "bh", "b"]
    assert value.get("h") == "Received:From:To:Subject:Date:Message-ID"
    assert value.get("bh") == "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
    assert (value.get("b") or "").startswith(
        "AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB4nuj"
    )
    assert value.get("B") is None  # names have case
    assert parse_tags(format_tags(value)) == value


def test_a_seal() -> None:
    # RFC 8617 section 4.1.3
    value = parse_tags("i=2; a=rsa-sha256; t=12345; cv=pass; d=d.example; s=x; b=QUJD\r\n REVG")
    assert (value.get("i"), value.get("cv"), value.get("b")) == ("2", "pass", "QUJDREVG")
    assert parse_tags(format_tags(value)) == value


@pytest.mark.parametrize(
    ("text", "tags", "found"),
    [
        ("a=b", [("a", "b")], []),
        ("a=b;", [("a", "b")], []),
        (" a = b ; c = d ", [("a", "b"), ("c", "d")], []),
        ("a=", [("a", "")], []),
        ("a=b=c", [("a", "b=c")], []),
        ("n=two  words", [("n", "two  words")], []),
        ("a=b;;c=d", [("a", "b"), ("c", "d")], ["empty_tag"]),
        ("a=b; a=c", [("a", "b"), ("a", "c")], ["duplicate_tag"]),
        ("a", [], ["unreadable_tag", "no_tags"]),
        ("=b", [], ["unreadable_tag", "no_tags"]),
        ("1=b", [("1", "b")], ["odd_tag_name"]),
        ("", [], ["no_tags"]),
    ],
)
def test_tags(text: str, tags: list[tuple[str, str]], found: list[str]) -> None:
    value = parse_tags(text)
    assert list(value.tags) == tags
    assert codes(value) == found


@given(
    st.lists(st.sampled_from(["a", "b", "bh", "=", ";", " ", "\r\n ", "x", ":", "\0", "ü", "=="]))
)
def test_tags_do_not_raise(pieces: list[str]) -> None:
    text = "".join(pieces)
    value = parse_tags(text)
    for defect in value.defects:
        assert 0 <= defect.offset <= len(text)
    try:
        written = format_tags(value)
    except ValueError:
        return
    assert parse_tags(written) == value
    assert not set(written) & set("\r\n\0")


# --- Attacks --------------------------------------------------------------------------------------

EVIL = ["a\nBcc: x@e", "a\r\nBcc: x@e", "a\rb", "a\0b", "\n", "a\ud800", "a\x1bb"]
WRITERS: dict[str, Callable[[str], str]] = {
    "Received name": lambda evil: format_received(Received((TraceClause(evil, "x"),))),
    "Received value": lambda evil: format_received(Received((TraceClause("from", evil),))),
    "Received comment": lambda evil: format_received(
        Received((TraceClause("from", "x", (evil,)),))
    ),
    "URL": lambda evil: format_list_urls(ListUrls((evil,))),
    "URL comment": lambda evil: format_list_urls(ListUrls(("a:b",), comments=(evil,))),
    "List-Id": lambda evil: format_list_id(ListId(evil)),
    "List-Id name": lambda evil: format_list_id(ListId("a.b", evil)),
    "authserv-id": lambda evil: format_authentication_results(AuthenticationResults(evil)),
    "version": lambda evil: format_authentication_results(AuthenticationResults("a", version=evil)),
    "method": lambda evil: one_result(AuthResult(evil, "pass")),
    "result": lambda evil: one_result(AuthResult("spf", evil)),
    "reason": lambda evil: one_result(AuthResult("spf", "pass", (), evil)),
    "method version": lambda evil: one_result(AuthResult("spf", "pass", version=evil)),
    "ptype": lambda evil: one_result(AuthResult("spf", "pass", ((evil, "y", "z"),))),
    "property": lambda evil: one_result(AuthResult("spf", "pass", (("x", evil, "z"),))),
    "property value": lambda evil: one_result(AuthResult("spf", "pass", (("x", "y", evil),))),
    "result comment": lambda evil: one_result(AuthResult("spf", "pass", comments=(evil,))),
    "tag": lambda evil: format_tags(TagList(((evil, "x"),))),
    "tag value": lambda evil: format_tags(TagList((("b", evil),))),
}


def one_result(result: AuthResult) -> str:
    return format_authentication_results(AuthenticationResults("a", (result,)))


@pytest.mark.parametrize("evil", EVIL, ids=repr)
@pytest.mark.parametrize("writer", WRITERS)
def test_cve_2024_6923_no_trace_field_begins_another(writer: str, evil: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        WRITERS[writer](evil)


@pytest.mark.parametrize("writer", WRITERS)
def test_only_text_is_written(writer: str) -> None:
    wrong: Any
    for wrong in (b"a\nb", 5, None):
        with pytest.raises((TypeError, ValueError)):
            WRITERS[writer](wrong)


@pytest.mark.parametrize(
    "write",
    [
        lambda: format_list_urls(ListUrls(())),
        lambda: format_list_urls(ListUrls(("a:b>, <c:d",))),
        lambda: format_list_urls(ListUrls(("a:b",), no=True)),
        lambda: format_list_id(ListId("a b")),
        lambda: format_list_id(ListId("a" * 256)),
        lambda: format_received(Received((TraceClause("from", "a by b"),))),
        lambda: format_received(Received((TraceClause("from", "a; x"),))),
        lambda: format_authentication_results(AuthenticationResults("")),
        lambda: format_tags(TagList((("a", "b;c=d"),))),
        lambda: format_tags(TagList((("a", "b"), ("a", "c")))),
        lambda: one_result(AuthResult("spf", "pass; dkim=pass")),
    ],
)
def test_what_would_be_read_as_something_else_is_not_written(write: Callable[[], str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        write()


PARSERS: dict[str, Callable[[str], object]] = {
    "received": lambda text: parse_received(text, most=None),
    "urls": lambda text: parse_list_urls(text, most=None),
    "list id": parse_list_id,
    "results": lambda text: parse_authentication_results(text, most=None),
    "tags": lambda text: parse_tags(text, most=None),
}
ATTACKS = [
    "(",
    ")",
    "()",
    "(a)",
    '"',
    '"a ',
    "<",
    "<>",
    ",",
    ";",
    "from a ",
    "from ",
    "; 1 Jan 2024 ",
]
MORE = [
    "a",
    " ",
    "a.b=c ",
    "; a=b",
    "=",
    "a=b;",
    "no",
    "\\",
    "/",
    ".",
    "<a:b> ",
    "1 ",
    "Mon, ",
    "@",
]
MOST = ["=?utf-8?q?a?= ", "a ", "(\\", '";', "; a=b (", "i=1;", ";;", "a=b; a=", "none;"]


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("piece", ATTACKS + MORE + MOST)
def test_linear(parser: str, piece: str) -> None:
    read = PARSERS[parser]
    assert_linear(lambda n: piece * n, read, 40)
    assert_linear(lambda n: "a; b=c " + piece * n, read, 40)
    assert read(piece * 20_000) is not None


def test_limits() -> None:
    assert len(parse_received("from a " * 20, most=5).clauses) == 5
    assert len(parse_list_urls("<a:b>," * 20, most=5).urls) == 5
    assert len(parse_authentication_results("a" + "; b=c" * 20, most=5).results) == 5
    assert len(parse_tags("".join(f"a{n}=b;" for n in range(20)), most=5).tags) == 5

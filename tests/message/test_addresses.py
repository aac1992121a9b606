"""Address lists: RFC 5322 section 3.4 and 4.4, RFC 6854, RFC 6532, and what attackers write."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.message import AddressList, Group, Mailbox, Unparsed, parse_addresses, parse_mailbox

from .counting import assert_linear


def shown(value: AddressList) -> list[tuple[str, str] | tuple[str, list[str]] | str]:
    """(name, address) of a mailbox; (name, addresses) of a group; what was not read."""
    return [
        item.raw
        if isinstance(item, Unparsed)
        else (item.name, item.addr_spec)
        if isinstance(item, Mailbox)
        else (item.name, [getattr(box, "addr_spec", "?") for box in item.mailboxes])
        for item in value.items
    ]


def codes(value: AddressList) -> list[str]:
    found = [one.code for one in value.defects]
    for item in value.items:
        found += [one.code for one in getattr(item, "defects", ())]
    found += [
        one.code
        for item in value.items
        if isinstance(item, Group)
        for box in item.mailboxes
        for one in getattr(box, "defects", ())
    ]
    return found


@pytest.mark.parametrize(
    ("text", "items"),
    [
        # RFC 5322 appendix A.1.1, A.1.2
        ("John Doe <jdoe@machine.example>", [("John Doe", "jdoe@machine.example")]),
        (
            '"Joe Q. Public" <john.q.public@example.com>',
            [
                ("Joe Q. Public", "john.q.public@example.com"),
            ],
        ),
        (
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            [("Mary Smith", "mary@x.test"), ("", "jdoe@example.org"), ("Who?", "one@y.test")],
        ),
        (
            '<boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>',
            [("", "boss@nil.test"), ('Giant; "Big" Box', "sysservices@example.net")],
        ),
        # A.1.3
        (
            "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            [("A Group", ["c@a.test", "joe@where.test", "jdoe@one.test"])],
        ),
        ("Undisclosed recipients:;", [("Undisclosed recipients", [])]),
        # A.2
        (
            '"Mary Smith: Personal Account" <smith@home.example>',
            [("Mary Smith: Personal Account", "smith@home.example")],
        ),
        # A.5
        (
            "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
            [("Pete", "pete@silly.test")],
        ),
        (
            (
                "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n"
                "         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend);"
                " (the end of the group)"
            ),
            [("A Group", ["c@public.example", "joe@example.org", "jdoe@one.test"])],
        ),
        (
            "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
            [("Hidden recipients", [])],
        ),
        # RFC 6854 section 4
        ("Nightly Monitor Robot:;", [("Nightly Monitor Robot", [])]),
        (
            "Managing Partners:ben@example.com,carol@example.com;",
            [("Managing Partners", ["ben@example.com", "carol@example.com"])],
        ),
        # RFC 6532 section 3.2
        ("Grüße <grüße@grüße.example>", [("Grüße", "grüße@grüße.example")]),
        # RFC 2047 section 8
        (
            (
                "=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>,\r\n"
                " =?ISO-8859-1?Q?Andr=E9?= Pirard <PIRARD@vm1.ulg.ac.be>"
            ),
            [("Keith Moore", "moore@cs.utk.edu"), ("André Pirard", "PIRARD@vm1.ulg.ac.be")],
        ),
        # RFC 5321 section 4.1.3
        (
            "a@[192.0.2.1], b@[IPv6:2001:db8::1]",
            [("", "a@[192.0.2.1]"), ("", "b@[IPv6:2001:db8::1]")],
        ),
        # RFC 5322 section 3.2.4
        ('"a b"@c.d, "a\\"b"@c.d', [("", '"a b"@c.d'), ("", '"a\\"b"@c.d')]),
        ("<>", [("", "")]),
        ("", []),
    ],
)
def test_examples_of_the_rfcs(text: str, items: list[object]) -> None:
    value = parse_addresses(text)
    assert shown(value) == items
    assert codes(value) == []


@pytest.mark.parametrize(
    ("text", "items", "found"),
    [
        # RFC 5322 appendix A.6.1
        (
            "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
            [("Mary Smith", "mary@example.net"), ("", "jdoe@test.example")],
            {"route", "space_in_domain"},
        ),
        (
            "Joe Q. Public <john.q.public@example.com>",
            [
                ("Joe Q. Public", "john.q.public@example.com"),
            ],
            set(),
        ),
        # A.6.3
        (
            "John Doe <jdoe@machine(comment).  example>",
            [
                ("John Doe", "jdoe@machine.example"),
            ],
            {"space_in_domain"},
        ),
        # Section 4.4
        ("<@a,@b.c:d@e>", [("", "d@e")], {"route"}),
        (",,a@b,,", [("", "a@b")], set()),
        ("g:,a@b,,;", [("g", ["a@b"])], set()),
        ("a . b@c", [("", "a.b@c")], set()),
        ('a."b c".d@e', [("", '"a.b c.d"@e')], set()),
        # An old custom, of RFC 822
        ("joe@example.org (Joe Doe)", [("Joe Doe", "joe@example.org")], set()),
        # RFC 7103 section 7.1
        ("a@b>", [("", "a@b")], {"unbalanced_brackets"}),
        ("<<a@b>>", [("", "a@b")], {"unbalanced_brackets"}),
        ("<a@b", [("", "a@b")], {"unbalanced_brackets"}),
        ('"Joe <a@b>', [("Joe", "a@b")], {"unclosed_quote", "odd_phrase"}),
        ("a@b <a@b>", [("a@b", "a@b")], {"address_as_name"}),
        ("a b@c", ["a b@c"], {"unreadable_address"}),
        ("root", [("", "root")], {"missing_domain"}),
        (".a@b", [("", '".a"@b')], {"dots_in_local_part"}),
        ("a..b@c", [("", '"a..b"@c')], {"dots_in_local_part"}),
        ("a.@b", [("", '"a."@b')], {"dots_in_local_part"}),
        ("a@b.", [("", "a@b")], {"odd_domain"}),
        ("a@", ["a@"], {"unreadable_address"}),
        ("@b", ["@b"], {"unreadable_address"}),
        ("g:a@b", [("g", ["a@b"])], {"group_not_closed"}),
        ("g:a@b; c@d", [("g", ["a@b"]), ("", "c@d")], {"missing_comma"}),
        ("a@b; c@d", [("", "a@b"), ("", "c@d")], set()),  # of Outlook
    ],
)
def test_obsolete_and_broken_forms(text: str, items: list[object], found: set[str]) -> None:
    value = parse_addresses(text)
    assert shown(value) == items
    assert set(codes(value)) == found


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("alice@example.org(<bob@example.org>", id="CVE-2023-27043 comment"),
        pytest.param("alice@example.org)bob@example.org", id="CVE-2023-27043 parenthesis"),
        pytest.param("alice@example.org<bob@evil.org>", id="CVE-2023-27043 bracket"),
        pytest.param("alice@example.org]bob@example.org", id="CVE-2023-27043 square bracket"),
        pytest.param("a@evil.org@ok.com", id="CVE-2019-16056"),
        pytest.param("<a@evil.org@ok.com>", id="CVE-2019-16056 in brackets"),
        pytest.param("A <a@evil.org@ok.com>", id="CVE-2019-16056 with a name"),
        pytest.param("user@good.com(x)evil.com", id="nodemailer comment glue"),
        pytest.param("user(x)good@evil.com", id="comment glue in a local part"),
        pytest.param("a@b <c@d>", id="an address as the name of another"),
        pytest.param("<a@b> <c@d>", id="two addresses"),
        pytest.param("<a@b> c@d", id="an address behind one"),
        pytest.param('"a\r\nRCPT TO:<x@e>"@b', id="CVE-2026-30227"),
        pytest.param('"a\0b"@c', id="NUL in a local part"),
        pytest.param("a@b\0.c", id="NUL in a domain"),
        pytest.param("a@b\\.c", id="backslash"),
    ],
)
def test_no_address_is_guessed(text: str) -> None:
    value = parse_addresses(text)
    assert value.mailboxes == ()
    assert [item.raw for item in value.items if isinstance(item, Unparsed)] == [text]
    assert [one.code for one in value.defects] == ["unreadable_address"]
    with pytest.raises(ValueError, match=r".+"):
        parse_mailbox(text)


def test_ghsa_mm7p_fcc7_pg87_a_quoted_at_is_no_at() -> None:
    (box,) = parse_addresses('"x@gmail.com y"@internal.domain').mailboxes
    assert (box.local_part, box.domain) == ("x@gmail.com y", "internal.domain")
    assert box.addr_spec == '"x@gmail.com y"@internal.domain'
    (box,) = parse_addresses('"a@evil.org, b" <c@ok.example>').mailboxes
    assert (box.name, box.addr_spec) == ("a@evil.org, b", "c@ok.example")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("=?utf-8?q?a=40b?=c@host", id="gh-152519"),
        pytest.param("=?utf-8?q?a=40evil=2Corg=2C?= <c@host>", id="gh-152519 comma"),
        pytest.param("=?utf-8?b?YUBiPiwgPGV2aWxAZQ==?= <c@host>", id="gh-152519 brackets"),
        pytest.param("=?utf-8?q?a=3A?= <c@host>", id="gh-152519 colon"),
    ],
)
def test_what_an_encoded_word_says_is_no_structure(text: str) -> None:
    (box,) = parse_addresses(text).mailboxes
    assert box.domain == "host"
    assert "@" not in box.local_part


def test_a_comment_is_no_address() -> None:
    # CVE-2023-27043: what is shown as the name cannot be the address, nor the other way round
    (box,) = parse_addresses("(ok@bank.example) evil@e.example").mailboxes
    assert box.addr_spec == "evil@e.example"
    assert box.comments == ("ok@bank.example",)
    # It stays with its address (it was given to the next one that had to be walked over).
    first, second = parse_addresses("(Bank) a@b, root@").items[0], parse_addresses("x, c@d()")
    assert isinstance(first, Mailbox)
    assert (first.name, first.comments) == ("Bank", ("Bank",))
    assert second.mailboxes[1].comments == ("",)
    boxes = parse_addresses("(Bank) a@b, c@d (e)").mailboxes
    assert [box.comments for box in boxes] == [("Bank",), ("e",)]


def test_composition_kills_several_authors() -> None:
    # USENIX 2020: several addresses in a From are all read, in order
    value = parse_addresses("a@evil.example, b@bank.example")
    assert [box.addr_spec for box in value] == ["a@evil.example", "b@bank.example"]
    (box,) = parse_addresses("<@evil.example,@e:b@bank.example>").mailboxes
    assert (box.addr_spec, box.route) == ("b@bank.example", "@evil.example,@e")


# --- Two ways to the same -------------------------------------------------------------------------

WORDS = ["a", "Ada", "b.c", "J.", '"q"', '"x, y"', "=?utf-8?q?=C3=A4?=", "ä", "(c)", "@", "<", ">"]
PIECES = [
    *WORDS,
    ",",
    ";",
    ":",
    " ",
    "\r\n ",
    ".",
    '"',
    "\\",
    "(",
    ")",
    "[",
    "]",
    "[1.2]",
    "\0",
    "=",
]

phrase = st.sampled_from(
    ["", "Ada ", '"Ada" ', '"A, B" ', "A\r\n B ", "=?utf-8?q?=C3=A4?= ", '"=?utf-8?q?a?=" ', "ä\t"]
)
usual = st.lists(
    st.builds(
        lambda name, address, end: f"{name}<{address}>{end}" if name else f"{address}{end}",
        phrase,
        st.sampled_from(["a@b", "a.b@c.d", "ä@b-c.d", "x+y@z_.e", "a@1.2"]),
        st.sampled_from([",", ", ", " ,", ",\r\n "]),
    ),
    max_size=4,
).map("".join)


@given(usual, usual)
@example("", '"=?utf-8?q?=C3=A4?=" <a@b>')
@example("", "A\r\n B <a@b>")
def test_the_fast_path_and_the_full_one_agree(first: str, last: str) -> None:
    """A comment changes no address, and is in no pattern; nor is a display name changed by one."""
    text = first + last
    fast = parse_addresses(text)
    assert codes(fast) == []
    full = parse_addresses("," + text)  # the walk from the start, the pattern for each member
    slow = parse_addresses("".join([f"{one}(), " for one in _members(text)]))
    assert fast == full == slow
    assert [box.phrase or "" for box in fast] == [box.phrase for box in slow]


def _members(text: str) -> list[str]:
    """Cut at commas that no quotes are around."""
    parts = text.split('"')
    for place in range(1, len(parts), 2):
        parts[place] = parts[place].replace(",", "\0")
    return [one.replace("\0", ",") for one in '"'.join(parts).split(",") if one.strip()]


@given(st.lists(st.sampled_from(PIECES), max_size=16).map("".join))
@example('"(" <a@b>')
@example("a@b(")
@example("g:<")
def test_nothing_raises(text: str) -> None:
    value = parse_addresses(text)
    for defect in value.defects:
        assert 0 <= defect.offset <= len(text)
        assert defect.assumed
    for box in value:
        assert box.local_part or not box.domain
        assert "\r" not in box.addr_spec
        assert "\n" not in box.addr_spec
        assert "\0" not in box.addr_spec
        if box.domain and box.addr_spec.isascii():
            # What was read as an address, written as an address, is that address.
            (again,) = parse_addresses(box.addr_spec).items
            assert isinstance(again, Mailbox)
            assert (again.local_part, again.domain) == (box.local_part, box.domain)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_one_mailbox_or_a_value_error(text: str) -> None:
    try:
        box = parse_mailbox(text)
    except ValueError:
        return
    assert box.local_part
    assert box.domain
    assert box.defects == ()


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param("a:", id="CVE-2025-14874 groups"),
        pytest.param("(", id="CVE-2025-14874 comments"),
        pytest.param('"a ', id="gh-136063 quotes"),
        *("a@b,", "a@b, ", "a ", "a.", "<", ">", "@", "@a,", ",", ";", "()", "(a)", "a:b@c;", "\\"),
        *(
            "[",
            "a@[",
            '"',
            '""',
            "=?",
            "=?utf-8?q?a?= ",
            "<a@b>",
            "<@a:",
            "a@b ",
            "a b@c,",
            "\r\n ",
        ),
        *("a@b(", 'x"a@b,', '"<', "(\\", ")", "a@b.", "a@ b . ", "g:a@b,", "<a@b@c>,"),
    ],
)
def test_linear(piece: str) -> None:
    def read(text: str) -> AddressList:
        return parse_addresses(text, most=None)

    assert_linear(lambda n: piece * n, read, 60)
    assert_linear(lambda n: piece * n + "a@b", read, 60)
    assert_linear(lambda n: "a@b, x <" + piece * n, read, 60)
    assert isinstance(parse_addresses(piece * 50_000), AddressList)


def test_the_limit_of_addresses() -> None:
    for text in ("a@b," * 20, "(c)" + "a@b," * 20, "g:" + "a@b," * 20 + ";"):
        value = parse_addresses(text, most=5)
        assert len(value.mailboxes) <= 5
        assert codes(value)
    assert len(parse_addresses("a@b," * 20, most=None).mailboxes) == 20

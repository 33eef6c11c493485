"""The query language: what texts mean, where the wrong ones are wrong, and that no text takes long."""

import random
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from listener import query as language
from listener.errors import QueryError
from listener.query import is_only_words, parse, unparse
from listener.terms import And, Chance, Count, Field, Not, Or, When, Within, Words
from tests.query_trees import trees

POSTGRES, BACKUP = Words("postgres"), Words("backup")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("postgres backup", And((POSTGRES, BACKUP))),
        ("  postgres\u3000\n\tbackup ", And((POSTGRES, BACKUP))),
        ("postgres AND backup", And((POSTGRES, BACKUP))),
        ("postgres & backup", And((POSTGRES, BACKUP))),
        ("postgres OR backup", Or((POSTGRES, BACKUP))),
        ("postgres | backup", Or((POSTGRES, BACKUP))),
        ("postgres or backup", And((POSTGRES, Words("or"), BACKUP))),
        ("a OR b c", Or((Words("a"), And((Words("b"), Words("c")))))),
        ("(a OR b) c", And((Or((Words("a"), Words("b"))), Words("c")))),
        ("((a (b)))", And((Words("a"), Words("b")))),
        ("-a", Not(Words("a"))),
        ("NOT a b", And((Not(Words("a")), Words("b")))),
        ("-(a OR b)", Not(Or((Words("a"), Words("b"))))),
        ("up-time - up", And((Words("up-time"), Words("up")))),
        ('"on call"', Words("on call")),
        ("“on  call”", Words("on call")),
        ("«on call", Words("on call")),
        ("postg*", Words("postg", is_prefix=True)),
        ('"on call"*', Words("on call", is_prefix=True)),
        ("fish & chips !", And((Words("fish"), Words("chips")))),
        ("in:title postgres", Words("postgres", where="title")),
        ("in:text (a OR b)", Or((Words("a", where="text"), Words("b", where="text")))),
        ("in:text a is:mine", And((Words("a", where="text"), Field("is", ("mine",))))),
        ("(in:title a) b", And((Words("a", where="title"), Words("b")))),
        ("label:lead", Field("label", ("lead",))),
        ("LABEL:Lead", Field("label", ("lead",))),
        ("label: lead", Field("label", ("lead",))),
        ("label:(lead question)", Field("label", ("lead", "question"))),
        ("label:(lead, question)", Field("label", ("lead", "question"))),
        ("label:(lead OR question)", Field("label", ("lead", "question"))),
        ('person:"Anna Bell"', Field("person", ("Anna Bell",))),
        ('person:("Anna Bell" bo)', Field("person", ("Anna Bell", "bo"))),
        ("from:@anna tag:#launch", And((Field("from", ("anna",)), Field("tag", ("launch",))))),
        ("example[.]com", Words("example.com")),
        ("hxxps[:]//example[dot]com/a", Words("https://example.com/a")),
        ("domain:example[.]com", Field("domain", ("example.com",))),
        ("likes:>10", Count("likes", ">", 10)),
        ("likes:> 10", Count("likes", ">", 10)),
        ("likes>=10", Count("likes", ">=", 10)),
        ("replies:0", Count("replies", "=", 0)),
        ("p(lead)>0.7", Chance("lead", ">", 0.7)),
        ("P( lead ) <= .25", Chance("lead", "<=", 0.25)),
        ("within:24h", Within(86_400)),
        ("within:90m", Within(5_400)),
        ("after:2026-11-23", When("after", "2026-11-23")),
        ("before:2026-11-23T07:30", When("before", "2026-11-23T07:30:00")),
        ("Re: hello", And((Words("Re:"), Words("hello")))),
        ("at 12:30", And((Words("at"), Words("12:30")))),
        ("https://example.com/a?b=c", Words("https://example.com/a?b=c")),
        ("", And(())),
        (" \n ", And(())),
    ],
)  # fmt: skip
def test_a_text_means_a_tree(text, tree):
    assert parse(text) == tree
    assert parse(unparse(tree)) == tree


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("a OR", 4, "expected a word, a phrase or a field"),
        ("OR a", 0, "expected a word, a phrase or a field"),
        ("a OR OR b", 5, "expected a word, a phrase or a field"),
        ("a AND", 5, "expected a word, a phrase or a field"),
        ("a NOT", 5, "expected a word, a phrase or a field"),
        ("a NOT OR b", 6, "expected a word, a phrase or a field"),
        ("(a", 0, "this bracket is never closed"),
        ("a)", 1, "this bracket closes nothing"),
        ("a ()", 3, "expected a word, a phrase or a field"),
        ("🚀", 1, "expected a word, a phrase or a field"),
        ('a "…"', 2, "expected a letter or a digit"),
        ("a po*", 2, "at least 3 letters before *"),
        ("a lable:lead", 2, "there is no field lable:; did you mean label:?"),
        ("author:bo", 0, "did you mean from:?"),
        ("qqqq:bo", 0, "there are label, has, is, in, platform, feed, from"),
        ("a label:leads", 8, "expected one of lead, question, news; did you mean lead?"),
        ("is:opne", 3, "did you mean open?"),
        ("label:", 6, "expected one of lead, question, news"),
        ("label:(lead", 6, "this bracket is never closed"),
        ("label:()", 7, "expected a value of label:"),
        ("from:@", 5, "expected a value of from:"),
        ("likes:many", 6, "expected a whole number, such as 0 or >10"),
        ("likes:10k", 6, "expected a whole number"),
        ("p(led)>0.7", 2, "did you mean lead?"),
        ("p(lead)", 0, "such as p(lead)>0.7"),
        ("p(lead)>7", 8, "a number from 0 to 1"),
        ("within:day", 7, "such as 90m, 24h, 7d or 2w"),
        ("within:0h", 7, "such as 90m"),
        ("after:yesterday", 6, "expected a date such as 2026-11-23"),
        ("after:2026-13-01", 6, "expected a date"),
        ("in:title", 8, "expected a word"),
        ("in:title is:mine", 16, "expected words beside in:"),
        ("in:title a in:text b", 11, "once in a group"),
        ("-in:title a", 0, "-(in:title word)"),
        ("a " * 201, 400, "at most 200 words and values"),
        ("(" * 100 + "a" + ")" * 100, 60, "at most 20 groups"),
        ("(" + "b OR (c (" * 15 + "a" + "))" * 15 + ")", 0, "at most 20 groups"),
        ("-" * 30 + "a", 0, "at most 20 groups"),
        ("abc" * 700, 2000, "at most 2000 characters"),
        (" " * 9_000, 8000, "at most 2000 characters"),
    ],
)
def test_a_wrong_text_is_pointed_at(text, place, expected):
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.position == place
    assert expected in str(caught.value)
    assert f"character {place + 1}" in str(caught.value)


def test_the_caret_stands_below_the_place():
    with pytest.raises(QueryError) as caught:
        parse("漢字 lable:lead")
    shown, below = caught.value.caret().split("\n")
    assert shown == "漢字 lable:lead"
    assert below == " " * 5 + "^"  # each of the two signs is two columns wide


def test_the_caret_of_a_long_query_shows_what_is_around_it_in_one_line():
    with pytest.raises(QueryError) as caught:
        parse("word\n\x1b " * 60 + "lable:lead " + "word " * 60)
    shown, below = caught.value.caret().split("\n")
    assert len(shown) <= 76
    assert shown[below.index("^") :].startswith("lable:lead")
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        ("a b", True),
        ('"a b" cde*', True),
        ("a OR b", False),
        ("-a", False),
        ("in:title a", False),
        ("is:mine a", False),
    ],
)
def test_plain_words_are_told_from_the_rest(text, is_it):
    assert is_only_words(parse(text)) is is_it


@settings(max_examples=300, deadline=None)
@given(tree=trees())
def test_every_tree_is_read_back_from_what_is_written(tree):
    assert parse(unparse(tree)) == tree


PIECES = (
    "a", "OR", "AND", "NOT", "-", "--", "(", ")", '"', "“", "*", "abc*", ":", "in:title", "in:text", "label:",
    "label:lead", "is:(", "likes", "likes:", ">", "10", "p(", "p(lead)>0.7", "within:", "24h",
    "after:2026-11-23", "[.]", "[[.]]", "hxxp:", "//", "|", "&", ",", "é", "漢字", "🚀", "\u0301", "\ud800", "\0",
    "\x1b", " ", "  ", "\u3000", "\n", "x:y", "domain:", "example[.]com", "'", "%", "\\", "?",
)  # fmt: skip


def read(text):
    try:
        return None, parse(text)
    except QueryError as error:
        return error, None


def check(text):
    error, tree = read(text)
    if error is not None:
        assert 0 <= error.position <= len(text)
        assert len(error.caret().split("\n")) == 2
        return
    written = unparse(tree)
    assert parse(written) == tree, (text, written)
    assert unparse(parse(written)) == written


@settings(max_examples=500, deadline=None)
@given(text=st.text(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@example("likes[:]3abc*")
@example("[[.]dot] [.[.]] d[.]ot")
@example("in:title (a OR (in:text b)) -c")
def test_any_text_is_read_or_pointed_at(text):
    check(text)


def test_five_thousand_random_texts_are_read_or_pointed_at():
    chance = random.Random(6)
    for number in range(5_000):
        if number % 2:
            check("".join(chance.choices(PIECES, k=chance.randrange(30))))
        else:
            check(
                "".join(
                    chr(chance.choice([chance.randrange(32, 127), chance.randrange(0x11_0000)]))
                    for _ in range(chance.randrange(60))
                )
            )


LONG = [
    "a ",
    "(",
    "-",
    '"',
    "[",
    "[.",
    "a*",
    ":",
    "a:",
    "p(",
    "likes:",
    "label:(",
    " ",
    "\u3000",
    "in:title ",
    "NOT ",
    "|",
    "*",
]


@pytest.mark.parametrize("piece", LONG)
def test_no_text_takes_long(piece):
    """S7: twice the text never takes more than three times as long, up to a hundred thousand characters."""

    def took(length):
        text, best = (piece * length)[:length], 1.0
        for _ in range(3):
            start = time.perf_counter()
            read(text)
            best = min(best, time.perf_counter() - start)
        return best

    assert took(100_000) < 3 * took(50_000) + 0.002
    assert took(language.CHARS * 4) < 0.1

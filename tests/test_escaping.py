"""No foreign word is active in an alert: no mention, no link but ours, no markup, in any kind of text (S10)."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from listener.alerts import Item, Message
from listener.escaping import HAIR, REPEAT, Form, cut, domain, foreign, html, link, markdown, write
from tests.hostile.alerts import TEXTS

OURS = "https://post.example/@ann/1?a=(b)*c_d"
SHOWN = "https://post.example/@ann/1?a=%28b%29%2Ac_d"
FORMS = {
    "plain": Form(cap=4_000),
    "markdown": Form("markdown", cap=4_000),
    "labels": Form("markdown", cap=950, label=True),
    "line": Form("line", cap=360, in_bytes=True),
    "titled": Form(cap=1_000, title=True),
}
ACTIVE = re.compile(
    r"[@＠﹫](?=\w)|<[!@#a-z/]|:(?=//)|\bwww\.(?=\w)|(?:mailto|tel|tg|javascript|data):(?=\S)|\w\.(?=[a-zа-я])|"
    r"\d{1,3}(?:\.\d{1,3}){3}|[。．｡](?=\w)",
    re.IGNORECASE,
)


def message(text: str, **more: object) -> Message:
    item = Item(7, f"why {text}", "rule", 5, text, text, text, text, OURS, goal=text, command="listener label 5 lead")
    return Message("c", "key-1", f"Lead: {text}", (item,), **more)  # type: ignore[arg-type]


def without_ours(body: str) -> str:
    return re.sub(r"\[post\.example\]\(https://\S+\)", "", body).replace(SHOWN, "")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", FORMS)
def test_nothing_foreign_is_active_and_our_link_shows_its_domain(name, text):
    form = FORMS[name]
    written = write(message(text), form)
    for part in (written.title, without_ours(written.body)):
        assert not ACTIVE.search(part), ACTIVE.search(part)
        assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in part.replace("\n", "").replace("\t", ""))
        assert not re.search("[\u200b\u202a-\u202e\u2066-\u2069]", part)
    assert SHOWN in written.body
    assert form.size(written.body) <= form.cap
    if form.kind == "line":
        assert "\n" not in written.body


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", ["markdown", "labels"])
def test_a_markdown_reader_draws_no_foreign_markup(name, text):
    body = write(message(text), FORMS[name]).body
    drawn = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(body)
    tags = set(re.findall(r"<(/?\w+)", drawn))
    assert tags <= {"p", "/p", "br", "a", "/a"}
    hrefs = re.findall(r'href="([^"]*)"', drawn)
    assert hrefs == ([SHOWN] if FORMS[name].label else [])


@pytest.mark.parametrize("text", TEXTS)
def test_a_browser_finds_our_link_only(text):
    import html5lib

    tree = html5lib.parse(html(message(text)), namespaceHTMLElements=False)
    tags = {element.tag for element in tree.iter()}
    assert tags <= {"html", "head", "body", "h1", "p", "br", "strong", "a", "code"}
    assert [element.attrib for element in tree.iter() if element.attrib] == [{"href": SHOWN}]
    assert [element.text for element in tree.iter("a")] == ["post.example"]


def test_words_stay_readable():
    assert foreign("Ask @ann at https://a.example/x, version 3.14. Fine?") == (
        f"Ask @{HAIR}ann at https:{HAIR}//a.{HAIR}example/x, version 3.14. Fine?"
    )
    assert foreign("Really... yes (e.g.) “so.” 12:30 a < b") == "Really... yes (e.g.) “so.” 12:30 a < b".replace(
        "e.g", f"e.{HAIR}g"
    )


def test_markdown_signs_are_shown_as_they_are():
    assert markdown("*a* [b] 1. c") == r"\*a\* \[b\] 1. c"
    assert markdown("- a") == r"\- a"
    assert markdown("1. a") == r"1\. a"


@pytest.mark.parametrize(
    "url",
    [
        None, "", "javascript:alert(1)", "https://user:pw@evil.example/", "ftp://a.example/", "https://a b.example/",
        "https://", "//evil.example", "https://evil.example\r\nX: y",
    ],
)  # fmt: skip
def test_an_address_that_may_not_be_shown_is_left_out(url):
    assert link(url, Form()) is None


def test_a_domain_in_other_letters_is_shown_as_it_is_asked_for():
    assert domain("https://еxample.org/") == "xn--xample-2of.org"
    assert link("https://еxample.org/a", Form()) == "https://xn--xample-2of.org/a"
    assert link("https://a.example/@everyone/1", Form()) == "https://a.example/%40everyone/1"
    assert link("https://a.example:8443/x_y", Form("markdown", label=True)) == (
        "[a.example](https://a.example:8443/x_y)"
    )


def test_a_repeat_says_so_and_what_is_left_out_is_counted():
    items = tuple(Item(n, "a reason", headline=f"Headline {n}", text="word " * 80, url=OURS) for n in range(30))
    told = Message("c", "k", "30 leads", items, "group", more=5, possible_repeat=True)
    body = write(told, Form(cap=2_000)).body
    assert body.splitlines()[:2] == ["30 leads", REPEAT]
    left = 35 - body.count("Headline")
    assert f"and {left} more alerts: listener alerts list" in body
    assert 5 < left < 35


def test_the_address_outlasts_the_words_where_there_is_little_room():
    written = write(message("Sentence one. " * 40, possible_repeat=True), Form(cap=120))
    assert written.body.endswith(SHOWN)
    assert len(written.body) <= 120
    assert "Lead" in written.body


def test_a_text_is_cut_after_a_sentence_or_between_words():
    assert cut("One sentence. Another one follows here.", 24) == "One sentence. …"
    assert cut("words without any end at all", 14) == "words without…"
    assert cut("unbreakable" * 3, 10) == "unbreakab…"
    assert cut("short", 5) == "short"


@given(st.text(max_size=300), st.integers(1, 80))
def test_cutting_never_exceeds_the_room(text, most):
    assert len(cut(text, most)) <= most


@given(st.text(max_size=400), st.sampled_from(sorted(FORMS)), st.integers(60, 900))
def test_any_text_fits_and_is_inactive(text, name, cap):
    shape = FORMS[name]
    form = Form(shape.kind, cap, shape.in_bytes, shape.title, shape.label)
    written = write(message(text), form)
    assert form.size(written.body) <= cap
    assert not ACTIVE.search(without_ours(written.body))


def test_html_shows_signs_as_they_were_written():
    import html5lib

    tree = html5lib.parse(html(message("&lt;b&gt; & < 3 \"x\" 'y'")), namespaceHTMLElements=False)
    said = "".join(tree.itertext())
    assert "&lt;b&gt; & < 3 \"x\" 'y'" in said

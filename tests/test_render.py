import base64
import hashlib
import io
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from listener import records, render, volume, wording
from listener.briefing import (
    Briefing,
    CircleItem,
    LeftOut,
    PersonItem,
    PostItem,
    Quote,
    Speaker,
    StoryItem,
    Topic,
    Topical,
)
from listener.types import Account, Post, StoredPost
from tests.hostile.posts import TEXTS, URLS, html_vectors

NOW = datetime(2026, 7, 14, 7, 30, tzinfo=UTC)
THRESHOLDS = {"lead": 0.5, "question": 0.5, "news": 0.5}
TAGS = frozenset(
    {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "section",
        "article",
        "footer",
        "h1",
        "h2",
        "h3",
        "p",
        "a",
        "header",
        "span",
        *("svg", "g", "rect", "text", "path", "polyline", "polygon", "circle", "line", "desc", "tspan"),
    }
)
SVG = "{http://www.w3.org/2000/svg}"
FIELDS = (
    *("platform", "title", "text", "url", "links", "author", "author_url", "feeds", "why", "licence"),
    *("voice.author", "voice.url", "quote.author", "quote.text", "quote.url", "topic.headline", "topic.also_in"),
    *("circle", "name", "topical"),
)


def item(number=101, **changes):
    base = PostItem(
        post_id=number,
        story=number,
        platform="fixture",
        title="A title",
        text="What was said.",
        url="https://example.test/1",
        links=("https://example.test/linked",),
        author="Ann Fern",
        author_url="https://example.test/@ann",
        feeds=("A feed",),
        at=NOW - timedelta(hours=2),
        labels={"lead": 0.83},
        why="lead 0.83, 2 h ago",
    )
    return replace(base, **changes)


QUOTE = Quote(8, "Cleo Elm", "It helps everybody.", "https://other.test/8")
TOPIC = Topic(101, "A title", 2, ("customers",))
NUMBERS = volume.Numbers((1, 0, 2, 9), (volume.Spike(3, 9, 1.0),), {"lead": 2, "news": 1}, {"other": 3}, (0.5,) * 24)


def briefing(post=None, voice=None, quote=QUOTE, topic=TOPIC, circle="peers", name="Dov Ash", topical=None, **changes):
    post, voice = post or item(), voice or Speaker(7, "Ben Oak", "other", "https://other.test/7")
    base = Briefing(
        now=NOW,
        since=NOW - timedelta(days=1),
        minutes=10.0,
        stories=(StoryItem(post, 2, ("fixture", "other"), (voice,), quote, (quote, replace(quote, post_id=9))),),
        circles=(CircleItem(circle, (topic,), (quote, quote)),),
        people=(PersonItem(name, (circle,), 2, quote, "other"),),
        numbers=() if topical is None else (Topical(topical, NUMBERS),),
        leads=(replace(post, post_id=102),),
        questions=(replace(post, post_id=103, title=None),),
        left_out=(LeftOut("stories", "time", 3), LeftOut("leads", "person", 1), LeftOut("other posts", "chatter", 2)),
        seen=1_234,
        words=56,
        seconds=70.0,
        sources_failing=("Old forum: HTTP 503",),
    )
    return replace(base, **changes)


def poisoned(name, vector):
    if name.startswith("voice."):
        return briefing(voice=replace(Speaker(7, "Ben", "other", None), **{name.removeprefix("voice."): vector}))
    if "." in name:
        part, field = name.split(".")
        given = {"quote": QUOTE, "topic": TOPIC}[part]
        return briefing(**{part: replace(given, **{field: (vector,) if field == "also_in" else vector})})
    if name in ("circle", "name", "topical"):
        return briefing(**{name: vector})
    return briefing(item(**{name: (vector,) if name in ("links", "feeds") else vector}))


def terminal(shown, width=100):
    out = io.StringIO()
    render.text(shown, Console(file=out, width=width, force_terminal=True, color_system="truecolor", highlight=False))
    return out.getvalue()


def printed(renderable, width=100):
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, highlight=False, emoji=False, soft_wrap=True).print(renderable)
    return out.getvalue()


def inspect_html(page):
    """Read it as a browser would: our own tags, no handler, no foreign scheme, nothing loaded."""
    document = html5lib.parse(page, namespaceHTMLElements=False)
    for element in document.iter():
        if not isinstance(element.tag, str):
            continue
        assert element.tag.removeprefix(SVG) in TAGS, element.tag
        assert not any(name.startswith("on") or name in ("style", "src", "srcset") for name in element.attrib)
        assert re.match(r"https?://|#part-\d+$", element.attrib.get("href", "https://"))
        inside = element.attrib.get("href", "").startswith("#")
        assert element.tag != "a" or inside or element.attrib["rel"] == "noopener noreferrer nofollow"
    return document


def inspect_terminal(out):
    """Only colours: no other escape sequence, no control, no bidirectional override."""
    rest = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff]", rest)


def inspect_markdown(page):
    """No raw HTML, and no link or picture but to the web."""
    assert not re.search(r"[<>]", page)
    assert not re.search(r"(?<!\\)!\[", page)
    for target in re.findall(r"(?<!\\)\]\(([^)]*)\)", page):
        assert target.startswith(("http://", "https://"))
    assert not re.search(r"(?<!\\)\][:\[]", page)
    for line in page.splitlines():
        assert not re.match(r" {4}|\t|`{3}|~{3}|[+>=]", line)
        assert not line.startswith("#") or line.startswith(("# Your briefing", "## "))


@pytest.mark.parametrize("name", FIELDS)
def test_no_vector_in_any_field_reaches_any_output(name):
    for vector in (*html_vectors(), *(url for url in URLS if isinstance(url, str))):
        shown = poisoned(name, vector)
        inspect_html(render.html(shown))
        inspect_markdown(render.markdown(shown))
        inspect_terminal(terminal(shown))
        as_json = json.loads(json.dumps(records.as_json(shown)))
        for found in (as_json["stories"][0], as_json["leads"][0], as_json["stories"][0]["voices"][0]):
            for url in (found["url"], found.get("author_url"), *found.get("links", ())):
                assert url is None or url.startswith(("http://", "https://"))


@pytest.mark.parametrize("text", [text for text in TEXTS if isinstance(text, str)], ids=lambda text: ascii(text)[:30])
def test_hostile_texts_are_harmless_on_the_terminal(text):
    stored = stored_post(title=text[:900], text=text, community=text[:99], warning=text[:99], licence=text[:99])
    inspect_terminal(printed(render.post_row(stored, THRESHOLDS, NOW)).replace("\n", ""))
    detail = printed(render.post_detail(stored, {1: text[:99]}, NOW))
    inspect_terminal(detail.replace("\n", "").replace("\t", ""))
    shown = terminal(briefing(item(title=text[:900], text=text[:900], author=text[:99])))
    inspect_terminal(shown.replace("\n", ""))


@given(st.text(), st.text())
@settings(max_examples=100, deadline=None)
def test_any_text_is_harmless_in_every_form(title, text):
    shown = briefing(item(title=title, text=text, why=title, author=text, feeds=(title,)), sources_failing=(text,))
    inspect_html(render.html(shown))
    inspect_markdown(render.markdown(shown))
    inspect_terminal(terminal(shown))


def test_markup_of_the_terminal_library_is_shown_as_it_is():
    assert "[bold]not bold[/bold]" in terminal(briefing(item(title="[bold]not bold[/bold]")))


def test_the_terminal_shows_numbers_links_reasons_and_an_end():
    out = re.sub(r"\x1b\[[0-9;]*m", "", terminal(briefing()))
    assert out.startswith("Your briefing · Tuesday, 14 July 2026 · 2 of 10 minutes")
    for line in (
        "   101  A title",
        "lead 0.83, 2 h ago · Ann Fern · in A feed",
        "also: Ben Oak (other)",
        "   103  Ann Fern",
    ):
        assert line in out
    assert "You are done: 56 words from 1,234 posts." in out
    left = "3 stories (no time); 1 lead (by somebody shown twice already); 2 posts that are none of these."
    assert left in " ".join(out.split())
    assert "Not heard: Old forum: HTTP 503." in out
    assert "The numbers are for: listener show" in out


def test_an_address_is_never_broken_over_lines():
    url = "https://example.test/" + "a" * 300
    assert url in terminal(briefing(item(url=url)), width=40)


@pytest.mark.parametrize("width", [20, 80, 200])
def test_a_narrow_terminal_loses_no_word(width):
    words = [f"word{n}" for n in range(40)]
    out = terminal(briefing(item(text=" ".join(words))), width=width)
    assert all(word in out for word in words)


def test_the_page_runs_and_loads_nothing_and_its_style_is_the_one_it_allows():
    page = render.html(briefing(topical="All"))
    document = inspect_html(page)
    assert document.find(f".//{SVG}svg") is not None
    style = document.find(".//style").text
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(meta.attrib["content"] for meta in document.iter("meta") if "http-equiv" in meta.attrib)
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style


def test_markdown_keeps_links_whole_and_text_as_text():
    shown = briefing(item(url="https://example.test/a_(b)?c=1&d=2", title="2 * 3 * 4 [x](y) # 5", text="1. not a list"))
    page = render.markdown(shown)
    assert "**[2 \\* 3 \\* 4 \\[x\\](y) # 5](https://example.test/a_%28b%29?c=1&amp;d=2)**" in page
    assert "\n1\\. not a list" in page


def test_an_empty_briefing_says_what_to_do():
    empty = Briefing(NOW, NOW - timedelta(days=1), 10.0)
    for out in (terminal(empty), render.markdown(empty), render.html(empty)):
        assert "nothing to read" in out
        assert "Nothing came in." in out
        assert "listener feeds add" in out
    quiet = replace(empty, seen=1)
    assert "1 post came in; no story, lead or question among them is left for you." in render.markdown(quiet)
    assert "listener posts" in render.markdown(quiet)


def test_a_briefing_as_json_has_plain_values():
    found = json.loads(json.dumps(records.as_json(briefing())))
    assert found["now"] == "2026-07-14T07:30:00+00:00"
    assert found["stories"][0]["id"] == 101
    assert found["stories"][0]["labels"] == {"lead": 0.83}
    assert found["stories"][0]["voices"] == [
        {"id": 7, "author": "Ben Oak", "platform": "other", "url": "https://other.test/7"}
    ]
    assert found["left_out"][0] == {"what": "stories", "reason": "time", "count": 3}


def stored_post(**changes):
    post = Post(
        "fixture",
        "native-1",
        url="https://example.test/1",
        account=Account("fixture", "1", "ann", "Ann Fern"),
        title="A title",
        text="First line.\nSecond line.",
        lang="en",
        published_at=NOW - timedelta(hours=3),
    )
    scores = {"news": 0.1, "lead": 0.834567, "question": 0.2}
    return StoredPost(42, replace(post, **changes), NOW, NOW - timedelta(hours=3), (1, 2), scores, "m", 40)


def test_a_listed_post_has_exactly_the_promised_keys():
    assert records.post_json(stored_post()) == {
        "id": 42,
        "platform": "fixture",
        "native_id": "native-1",
        "url": "https://example.test/1",
        "author": "Ann Fern",
        "title": "A title",
        "text": "First line.\nSecond line.",
        "lang": "en",
        "published_at": "2026-07-14T04:30:00+00:00",
        "feeds": [1, 2],
        "labels": {"lead": 0.8346, "question": 0.2, "news": 0.1},
        "weak": False,
        "goals": {},
        "story": 40,
    }


def test_a_row_shows_number_labels_age_author_and_what_was_said():
    row = render.post_row(stored_post(community="tools"), THRESHOLDS, NOW).plain
    assert row == "    42  lead 0.83  3 h ago · Ann Fern · fixture · tools\n        A title — First line. Second line."


def test_a_post_with_an_address_only_shows_it():
    row = render.post_row(stored_post(title=None, text=""), THRESHOLDS, NOW).plain
    assert row.endswith("\n        https://example.test/1")


def test_a_post_shown_whole_has_all_we_know():
    stored = replace(
        stored_post(links=("https://other.test/",), licence="CC BY-SA 4.0", warning="spiders"), thumbs={"news": True}
    )
    out = printed(render.post_detail(stored, {1: "A feed"}, NOW))
    for said in (
        "Content warning: spiders",
        "First line.\nSecond line.",
        "Ann Fern (ann)",
        "https://other.test/",
        "by your word yes",
        "A feed, feed 2",
        "the same as post 40",
        "CC BY-SA 4.0",
        "2026-07-14 04:30 UTC, 3 h ago",
    ):
        assert said in re.sub(r"\x1b\[[0-9;]*m", "", out)


def test_the_licence_stands_beside_the_post_in_every_form():
    shown = briefing(item(licence="CC BY-SA 4.0"))
    for out in (terminal(shown), render.markdown(shown), render.html(shown), json.dumps(records.as_json(shown))):
        assert "CC BY-SA 4.0" in out


def test_invisible_characters_are_gone_and_people_keep_their_scripts():
    assert wording.plain("a\u202eb\u200bc\x1b[31md\ud800\u2028e") == "abc[31md e"
    assert wording.plain("שלום नमस्ते می\u200cخواهم 👩\u200d👧") == "שלום नमस्ते می\u200cخواهم 👩\u200d👧"


@pytest.mark.parametrize("pattern", ["a", "*", "\u202e", "\r\n", "1.", "# ", "[", "<", "\\", "&", " "])
def test_escaping_takes_linear_time(pattern):
    def seconds(length):
        text, taken = pattern * (length // len(pattern)), []
        for _ in range(5):
            start = time.process_time()
            wording.plain(text)
            render._marked(text)
            taken.append(time.process_time() - start)
        return min(taken)

    assert seconds(100_000) < 3 * max(seconds(50_000), 0.003)

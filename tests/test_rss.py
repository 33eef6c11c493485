"""Feeds through the connector: golden cases, cursors, moves, gaps, history, and what it asks of a server."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

import pytest

from connectors.rss import Rss
from connectors.rss.connector import Settings
from connectors.rss.cursor import AGREEING, Cursor
from listener import connector, limits
from listener.connector import read
from listener.errors import BadPayload, ConnectorError, FeedGone, RateLimited
from listener.types import Answer, Feed, Page
from tests.hostile.feeds import rss

CASES = sorted((Path(__file__).parent / "data/rss").glob("*.answer"))
FEED = Feed(7, "rss", "https://a.example/feed", "rss")
NEWS = "Sun, 22 Nov 2026 10:00:00 GMT"


class NoHttp:
    """Parsing sends nothing."""


@pytest.fixture(scope="module")
def reader() -> Rss:
    return Rss(Settings(), NoHttp())


def answer(body: bytes = b"", status: int = 200, moved_to: str | None = None, **headers: str) -> Answer:
    named = {"content-type": "application/rss+xml", "date": NEWS}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(FEED.query, status, named, body, moved_to)


def item(name: str, date: str | None = None, text: str = "Words.") -> str:
    day = f"<pubDate>{date}</pubDate>" if date else ""
    named = f"<guid isPermaLink='false'>{name}</guid><title>{name}</title>"
    return f"<item>{named}<description>{text}</description>{day}</item>"


def ids(page: Page) -> list[str]:
    return [post.native_id for post in page.posts]


# golden cases


def load(path: Path) -> tuple[str, dict[str, str], bytes]:
    head, _, body = path.read_bytes().partition(b"\n\n")
    url, *lines = head.decode().split("\n")
    return url, dict(line.split(": ", 1) for line in lines), body


def plain(page: Page) -> object:
    def simple(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: found for key, item in value.items() if (found := simple(item)) not in (None, [], False, "")}
        if isinstance(value, list | tuple | frozenset):
            return [simple(item) for item in value]
        return value.isoformat() if isinstance(value, datetime) else value

    return simple({key: value for key, value in asdict(page).items() if key != "cursor"})


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_golden_case_reads_as_before(reader, path):
    url, headers, body = load(path)
    feed = reader.feed_for(url)
    assert feed is not None
    assert feed.query == url
    found = plain(reader.parse(Answer(url, 200, headers, body), replace(feed, id=7), None))
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    golden = path.with_suffix(".posts")
    if os.environ.get("REWRITE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_same_answer_read_twice_is_the_same_page(reader, path):
    url, headers, body = load(path)
    feed = reader.feed_for(url)
    assert reader.parse(Answer(url, 200, headers, body), feed, None) == reader.parse(
        Answer(url, 200, headers, body), feed, None
    )


# what is asked


def test_the_first_request_asks_for_feeds_and_names_no_validator(reader):
    request = reader.request(FEED, None)
    assert request.url == FEED.query
    assert "application/atom+xml" in request.headers["Accept"]
    assert set(request.headers) == {"Accept"}


def test_validators_are_sent_back_exactly_as_they_came(reader):
    page = reader.parse(answer(rss(item("1")), etag='W/"x y"', last_modified="yesterday"), FEED, None)
    headers = reader.request(FEED, page.cursor).headers
    assert headers["If-None-Match"] == 'W/"x y"'
    assert headers["If-Modified-Since"] == "yesterday"


def test_validators_of_another_address_are_not_sent(reader):
    page = reader.parse(answer(rss(item("1")), etag='"x"'), FEED, None)
    moved = replace(FEED, query="https://b.example/feed")
    assert "If-None-Match" not in reader.request(moved, page.cursor).headers


def test_what_is_no_cursor_of_ours_reads_as_none(reader):
    for nonsense in ("", "[]", "7", '{"items": 7}', '{"other": 1}', "no json", '{"items": "abc", "shared": 7}'):
        assert Cursor.read(nonsense) == Cursor()
        assert set(reader.request(FEED, nonsense).headers) == {"Accept"}


# unchanged


def test_a_304_and_a_body_read_before_are_unchanged_without_parsing(reader, monkeypatch):
    body = rss(item("1"))
    page = reader.parse(answer(body), FEED, None)
    monkeypatch.setattr(reader, "_box", None)
    for again in (answer(status=304), answer(body)):
        found = read(reader, again, FEED, page.cursor)
        assert found.unchanged
        assert found.cursor == page.cursor


def test_an_unchanged_body_with_a_new_etag_moves_the_cursor(reader):
    body = rss(item("1"))
    page = reader.parse(answer(body, etag='"1"'), FEED, None)
    again = read(reader, answer(body, etag='"2"'), FEED, page.cursor)
    assert again.unchanged
    assert reader.request(FEED, again.cursor).headers["If-None-Match"] == '"2"'


def test_a_304_without_validators_keeps_the_old_ones(reader):
    page = reader.parse(answer(rss(item("1")), etag='"1"'), FEED, None)
    again = read(reader, answer(status=304), FEED, page.cursor)
    assert reader.request(FEED, again.cursor).headers["If-None-Match"] == '"1"'


def test_a_304_never_loads_the_parser():
    import subprocess
    import sys

    code = """
import sys
from connectors.rss import Rss
from connectors.rss.connector import Settings
from listener.connector import read
from listener.types import Answer, Feed
feed = Feed(1, "rss", "https://a.example/feed", "rss")
assert read(Rss(Settings(), None), Answer(feed.query, 304, {}, b""), feed, None).unchanged
assert not {"feedparser", "pyexpat", "xml.sax", "sklearn"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# only what is new


def test_only_entries_not_seen_before_are_read(reader):
    first = reader.parse(answer(rss(item("2") + item("1"))), FEED, None)
    second = reader.parse(answer(rss(item("3") + item("2") + item("1"))), FEED, first.cursor)
    assert ids(first) == ["7/2", "7/1"]
    assert ids(second) == ["7/3"]
    assert second.gap is None


def test_an_edited_entry_keeps_its_name(reader):
    first = reader.parse(answer(rss(item("2") + item("1"))), FEED, None)
    second = reader.parse(answer(rss(item("2") + item("1", text="Better words."))), FEED, first.cursor)
    assert [(post.native_id, post.text) for post in second.posts] == [("7/1", "Better words.")]


def test_an_entry_with_a_new_title_and_link_under_its_old_guid_is_an_edit(reader):
    new = "<item><guid isPermaLink='false'>1</guid><title>Corrected</title><link>https://a.example/new</link></item>"
    first = reader.parse(answer(rss(item("2") + item("1"))), FEED, None)
    second = reader.parse(answer(rss(item("2") + new)), FEED, first.cursor)
    assert [(post.native_id, post.title) for post in second.posts] == [("7/1", "Corrected")]


def test_a_document_that_is_not_well_formed_gives_only_new_entries_too(reader):
    torn = b"<rss version='2.0'><channel><title>A & B</title>"
    first = reader.parse(answer(torn + item("1").encode()), FEED, None)
    second = reader.parse(answer(torn + (item("2") + item("1")).encode()), FEED, first.cursor)
    assert (ids(first), ids(second)) == (["7/1"], ["7/2"])


def test_an_entry_without_id_or_date_gets_a_stable_name(reader):
    entry = "<item><title>T</title><description>Words</description></item>"
    link = "<item><title>T</title><link>http://a.example/x/?utm_source=rss&amp;p=1#top</link></item>"
    first = reader.parse(answer(rss(entry + link)), FEED, None)
    again = reader.parse(answer(rss(link + entry + " ")), FEED, None)
    assert sorted(ids(first)) == sorted(ids(again))
    assert "7/https://a.example/x/?p=1#top" in ids(first)
    assert all(post.published_at is None for post in first.posts)


def test_entries_that_share_a_guid_are_all_kept_and_keep_their_names(reader):
    def shared(*numbers: int) -> bytes:
        return rss("".join(f"<item><guid>same</guid><link>https://a.example/{n}</link></item>" for n in numbers))

    first = reader.parse(answer(shared(2, 1)), FEED, None)
    second = reader.parse(answer(shared(3, 2, 1)), FEED, first.cursor)
    whole = reader.parse(answer(shared(3, 2, 1)), FEED, None)
    assert len(set(ids(first))) == 2
    assert ids(second) == [name for name in ids(whole) if name not in ids(first)]
    assert set(ids(first)) < set(ids(whole))


def test_a_relative_guid_stays_as_written_wherever_the_feed_moves(reader):
    body = rss("<item><guid>p/1</guid><title>T</title></item>")
    for url in ("http://a.example/feed", "https://b.example/x/feed"):
        (post,) = reader.parse(Answer(url, 200, {}, body), FEED, None).posts
        assert post.native_id == "7/p/1"
    assert post.url == "https://b.example/x/p/1"


def test_the_newest_thousand_are_read_whichever_end_they_stand_at(reader):
    dated = [item(str(n), f"Sun, 22 Nov 2026 {n // 60 % 24:02d}:{n % 60:02d}:00 GMT") for n in range(1_100)]
    for items in (dated, dated[::-1]):
        page = reader.parse(answer(rss("".join(items))), FEED, None)
        assert len(page.posts) == limits.PAGE_ITEMS
        assert {"7/1099", "7/100"} <= set(ids(page))
        assert page.gap is not None
        assert "100 more" in page.gap.reason
        later = reader.parse(answer(rss("".join(items)) + b" "), FEED, page.cursor)
        assert (later.posts, later.gap) == ((), None)


def test_a_cursor_stays_small(reader):
    page = reader.parse(answer(rss("".join(item(str(n)) for n in range(1_000)))), FEED, None)
    assert len(page.cursor) < 31_000


# gaps and history


def test_a_gap_is_suspected_where_nothing_is_known_any_more(reader):
    first = reader.parse(answer(rss(item("2") + item("1"))), FEED, None)
    second = reader.parse(answer(rss(item("9") + item("8"))), FEED, first.cursor)
    assert second.gap is not None
    assert second.gap.newer == "7/8"
    assert "none of the feed's 2 entries" in second.gap.reason


@pytest.mark.parametrize("body", [rss(item("1", text="Edited")), rss("")])
def test_edits_everywhere_and_an_empty_feed_are_no_gap(reader, body):
    first = reader.parse(answer(rss(item("1"))), FEED, None)
    assert reader.parse(answer(body), FEED, first.cursor).gap is None


def test_old_entries_announced_again_are_history_and_new_ones_are_not(reader):
    known = item("known", "Sat, 21 Nov 2026 10:00:00 GMT")
    old = item("old", "Mon, 02 Mar 2020 10:00:00 GMT")
    late = item("late", "Fri, 20 Nov 2026 20:00:00 GMT")
    new = item("new", "Mon, 23 Nov 2026 09:00:00 GMT")
    first = reader.parse(answer(rss(known)), FEED, None)
    body = rss(new + known + late + item("undated") + old)
    second = reader.parse(answer(body, date="Mon, 23 Nov 2026 10:00:00 GMT"), FEED, first.cursor)
    assert len(second.posts) == 4
    assert second.archive == {"7/old"}


def test_a_first_poll_marks_no_history(reader):
    assert reader.parse(answer(rss(item("old", "Mon, 02 Mar 2020 10:00:00 GMT"))), FEED, None).archive == frozenset()


def test_an_edited_old_entry_is_no_history(reader):
    old = "Mon, 02 Mar 2020 10:00:00 GMT"
    first = reader.parse(answer(rss(item("old", old))), FEED, None)
    second = reader.parse(answer(rss(item("old", old, "Edited"))), FEED, first.cursor)
    assert (ids(second), second.archive) == (["7/old"], frozenset())


def test_a_feed_whose_dates_run_late_or_whose_server_lives_in_the_future_brings_news(reader):
    first = reader.parse(
        answer(rss(item("1", "Sun, 01 Nov 2026 10:00:00 GMT")), date="Sat, 01 Jan 2050 00:00:00 GMT"), FEED, None
    )
    second = reader.parse(answer(rss(item("2", "Mon, 02 Nov 2026 10:00:00 GMT") + item("1"))), FEED, first.cursor)
    assert second.archive == frozenset()


# moves


def test_a_permanent_redirect_is_believed_after_agreeing_polls_unchanged_ones_too(reader):
    to = "https://b.example/feed"
    body = rss(item("1"))
    page = reader.parse(answer(body, moved_to=to), FEED, None)
    for number in range(2, AGREEING + 2):
        assert page.moved_to == (to if number > AGREEING else None)
        page = read(reader, answer(body, 304 if number % 2 else 200, moved_to=to), FEED, page.cursor)
    assert page.moved_to == to


def test_a_redirect_that_changes_or_stops_is_counted_anew(reader):
    cursor = None
    for to in ("https://b.example/", "https://b.example/", None, "https://b.example/", "https://c.example/"):
        page = read(reader, answer(rss(item("1")), moved_to=to), FEED, cursor)
        assert page.moved_to is None
        cursor = page.cursor


# waits


@pytest.mark.parametrize(
    ("head", "control", "wait_s"),
    [
        ("<ttl>90</ttl>", "", 5_400.0),
        ("<ttl>1</ttl>", "max-age=7200", 7_200.0),
        ("", 'private, max-age="60"', 60.0),
        ("<ttl>99999999</ttl>", "", 86_400.0),
        ("<ttl>-5</ttl>", "max-age=0", None),
        ("<ttl>soon</ttl>", "no-store", None),
        ("", "s-maxage=900", None),
    ],
)
def test_the_feed_says_how_often_it_wants_to_be_asked(reader, head, control, wait_s):
    page = reader.parse(answer(rss(item("1"), head), cache_control=control), FEED, None)
    assert page.wait_s == wait_s


def test_the_syndication_module_says_it_too(reader):
    body = (
        b"<rss version='2.0' xmlns:sy='http://purl.org/rss/1.0/modules/syndication/'><channel><title>T</title>"
        b"<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency></channel></rss>"
    )
    assert reader.parse(answer(body), FEED, None).wait_s == 21_600.0


# what is no feed


@pytest.mark.parametrize("body", [b"", b" \n\t "])
def test_an_empty_answer_is_an_error(reader, body):
    with pytest.raises(BadPayload, match="empty"):
        read(reader, answer(body), FEED, None)


def test_a_feed_without_entries_is_fine(reader):
    page = read(reader, answer(rss("")), FEED, None)
    assert (page.posts, page.title) == ((), "Hostile")


def test_a_web_page_is_an_error_that_says_what_to_do(reader):
    with pytest.raises(BadPayload, match="web page, not a feed"):
        read(reader, answer(b"<!doctype html><html><title>Hi</title><p>Hello"), FEED, None)


@pytest.mark.parametrize("body", [b'{"a": 1}', b"[1, 2]", b"{", b'{"version": "2"}'])
def test_json_that_is_no_feed_is_an_error(reader, body):
    with pytest.raises(BadPayload, match="JSON"):
        read(reader, answer(body), FEED, None)


@pytest.mark.parametrize(
    ("status", "error"), [(410, FeedGone), (404, ConnectorError), (500, ConnectorError), (429, RateLimited)]
)
def test_statuses_become_our_errors(reader, status, error):
    with pytest.raises(error, match=f"rss {FEED.query}: HTTP {status}"):
        read(reader, answer(b"<html>", status), FEED, None)


@pytest.mark.parametrize(("headers", "wait_s"), [({}, 3_600.0), ({"retry-after": "90"}, 90.0)])
def test_a_403_of_an_edge_means_too_fast(reader, headers, wait_s):
    with pytest.raises(RateLimited) as caught:
        reader.refuse(Answer("https://x.example/", 403, {**headers, "server": "cloudflare"}, b"<html>whoa"))
    assert caught.value.retry_after_s == wait_s


def test_any_other_403_is_an_error_of_its_own(reader):
    with pytest.raises(ConnectorError) as caught:
        reader.refuse(Answer("https://x.example/", 403, {}, b""))
    assert not isinstance(caught.value, RateLimited)


# charsets


@pytest.mark.parametrize(
    ("charset", "kind"),
    [
        ("utf-8", "application/rss+xml"),
        ("iso-8859-1", "application/rss+xml"),
        ("windows-1252", "text/html; charset=windows-1252"),
        ("utf-16", "application/xml"),
        ("koi8-r", "application/xml; charset=utf-8"),
    ],
)
def test_the_true_charset_is_found(reader, charset, kind):
    word = "Тишина" if charset == "koi8-r" else "Grüße"
    text = (
        f"<?xml version='1.0' encoding='{charset}'?><rss version='2.0'><channel><title>{word}</title></channel></rss>"
    )
    page = reader.parse(answer(text.encode(charset), content_type=kind), FEED, None)
    assert page.title == word


# autodiscovery


def test_the_feeds_that_a_page_names_are_listed(reader):
    body = b"""<!doctype html><html><head><base href="/blog/"><title>Blog</title>
    <link rel="stylesheet" href="x.css">
    <link rel=alternate type="application/rss+xml" title="Posts &amp; notes" href="feed.xml">
    <link rel="alternate home" type="application/feed+json" href="//cdn.example/feed.json">
    <link rel="alternate" type="text/html" href="/de">
    <link rel="alternate" type="application/atom+xml" href="javascript:x">
    <LINK REL="ALTERNATE" TYPE="application/atom+xml; charset=utf-8"
     HREF="https://www.youtube.com/feeds/videos.xml?channel_id=UCabcdefghijklmnopqrstuv">
    """
    found = reader.discover(Answer("https://a.example/about", 200, {"content-type": "text/html"}, body), FEED)
    assert [(feed.query, feed.platform, feed.title) for feed in found] == [
        ("https://a.example/blog/feed.xml", "rss", "Posts & notes"),
        ("https://cdn.example/feed.json", "rss", None),
        ("https://www.youtube.com/feeds/videos.xml?channel_id=UCabcdefghijklmnopqrstuv", "youtube", None),
    ]
    assert found[0].home_url == "https://a.example/about"


def test_a_page_that_names_no_feed_is_searched_in_the_usual_places(reader):
    found = reader.discover(Answer("https://a.example/about/us", 200, {}, b"<html><p>Hi"), FEED)
    assert [feed.query for feed in found] == [
        f"https://a.example{path}" for path in ("/feed", "/rss.xml", "/atom.xml", "/index.xml", "/feed.json")
    ]


def test_the_connector_is_found_by_its_name():
    assert connector.load("rss") is Rss


def test_two_feeds_of_one_site_are_one_voice_and_a_feed_elsewhere_is_another(reader):
    def voices(url: str, body: bytes) -> set[str]:
        feed = Feed(len(url), "rss", url, "rss")
        return {post.account.native_id for post in read(reader, Answer(url, 200, {}, body), feed, None).posts}

    def body(home: str, author: str = "") -> bytes:
        by = f"<author>{author}</author>" if author else ""
        item = f"<item><guid>1</guid><title>Bridge</title><link>{home}1</link>{by}</item>"
        return f"<rss version='2.0'><channel><title>P</title><link>{home}</link>{item}</channel></rss>".encode()

    home = "https://paper.example/"
    assert voices(f"{home}all", body(home, "june")) == voices(f"{home}category/x", body(home, "june"))
    assert voices(f"{home}all", body(home)) == voices(f"{home}category/x", body(home))
    assert voices(f"{home}all", body(home, "june")) != voices("https://evil.example/", body(home, "june"))
    many = "https://hosted.example/"
    assert voices(f"{many}a.xml", body(f"{many}ann/")) != voices(f"{many}bb.xml", body(f"{many}bob/"))

"""Every recorded feed: all that feedparser finds is found, and items read alone read as they do in the whole."""

import io
import json
from dataclasses import replace
from pathlib import Path

import feedparser
import pytest

from connectors.rss import Rss, child, entries
from connectors.rss.connector import Settings
from connectors.rss.cursor import Cursor, pack
from listener.errors import BadPayload
from listener.sandbox import Sandbox
from listener.types import Answer, Feed, Page, Post
from tests.conftest import SHARED

FOLDERS = ("feeds", "podcasts", "youtube", "medium", "google_alerts", "google_news", "reddit", "github")
NO_FEEDS = {
    "feedparser_illformed_rss_empty_document.xml",
    "miniflux_iso88591_utf8_mismatch.xml",
    "rssparser_unrecognized.xml",
}
"""What feedparser, too, finds nothing in: neither an entry nor a version nor a title."""


class NoHttp:
    """Parsing sends nothing."""


class InProcess(Sandbox):
    """Does the child's work here, so that two thousand readings cost no pipe."""

    def run(self, body, args, key=None):
        return json.loads(json.dumps(child.work(body, args)))


def recorded() -> dict[str, tuple[bytes, dict[str, str]]]:
    found = {}
    for folder in FOLDERS:
        manifest = SHARED / "recordings" / folder / "manifest.json"
        for row in json.loads(manifest.read_text()) if manifest.is_file() else []:
            path = manifest.parent / row["file"]
            body = path.read_bytes()
            if path.suffix in (".xml", ".atom", ".rss") or b"jsonfeed.org/version" in body[:2_000]:
                headers = {name.lower(): value for name, value in row["response_headers"].items()}
                found[f"{folder}/{path.name}"] = (body, headers)
    return found


FEEDS = recorded()
pytestmark = pytest.mark.skipif(not FEEDS, reason="needs ../shared/recordings, which this checkout does not have")
GOOD = [name for name in FEEDS if Path(name).name not in NO_FEEDS]
RSS = Rss(Settings(), NoHttp(), box=InProcess("connectors.rss.child:work"))
FEED = Feed(7, "rss", "https://feeds.example.org/all/feed.xml", "rss")


def parse(name: str, cursor: str | None = None) -> Page:
    body, headers = FEEDS[name]
    return RSS.parse(Answer(FEED.query, 200, headers, body), FEED, cursor)


def by_feedparser(name: str) -> list[feedparser.FeedParserDict]:
    body, headers = FEEDS[name]
    with_place = {**headers, "content-location": FEED.query}
    return feedparser.parse(io.BytesIO(body), response_headers=with_place).entries


@pytest.mark.parametrize("name", GOOD)
def test_every_distinct_entry_that_feedparser_finds_becomes_a_post(name):
    if FEEDS[name][0].lstrip()[:1] == b"{":
        expected = len(json.loads(FEEDS[name][0])["items"])
    else:
        found = by_feedparser(name)
        expected = len({entry.get("id") or entry.get("link") or (entry.get("title"), str(entry)) for entry in found})
    assert len(parse(name).posts) >= expected


@pytest.mark.parametrize("name", GOOD)
def test_each_item_alone_reads_as_in_the_whole(name, monkeypatch):
    with monkeypatch.context() as uncut:
        uncut.setattr(entries, "cut", lambda data: None)
        whole = parse(name)
    full = Cursor.read(parse(name).cursor)
    posts: dict[str, Post] = {}
    for item in full.items:
        others = {other: key for other, key in full.items.items() if other != item}
        page = parse(name, replace(full, packed=pack(others), body="").write())
        posts |= {post.native_id: post for post in page.posts}
    assert posts == {post.native_id: post for post in whole.posts}


@pytest.mark.parametrize("name", GOOD)
def test_a_known_body_has_nothing_new(name):
    page = parse(name, parse(name).cursor)
    assert (page.posts, page.gap, page.archive) == ((), None, frozenset())


@pytest.mark.parametrize("name", [name for name in GOOD if FEEDS[name][0].lstrip()[:1] != b"{"])
def test_links_resolve_as_feedparser_resolves_them(name):
    links = {entry.get("link") for entry in by_feedparser(name)}
    for post in parse(name).posts:
        if post.url is not None and "feedburner" not in FEEDS[name][0][:3_000].decode("latin-1"):
            assert post.url in links | {(link or "").replace(" ", "%20") for link in links}


@pytest.mark.parametrize("name", [name for name in FEEDS if Path(name).name in NO_FEEDS])
def test_what_is_no_feed_is_refused_with_advice(name):
    with pytest.raises(BadPayload, match="no feed that we can read"):
        parse(name)


def test_most_recorded_feeds_can_be_cut_at_their_items():
    cut = 0
    for body, headers in FEEDS.values():
        info: dict[str, object] = {}
        data = feedparser.encodings.convert_to_utf8(headers, body.lstrip(), info)
        cut += entries.cut(data) is not None
    assert cut > 0.75 * len(FEEDS)

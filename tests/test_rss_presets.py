"""What a person pastes becomes the right feed of the right platform, and no feed can speak for another platform."""

# ruff: noqa: E501 a table reads best with one row a line

import tomllib
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectors
from connectors.rss import Rss
from connectors.rss.connector import Settings
from connectors.rss.presets import PRESETS, feed_address, preset_of
from listener.types import Answer, Feed, Request
from tests.test_rss import CASES, load

PASTED = {
    # YouTube
    "https://www.youtube.com/channel/UCabcdefghijklmnopqrstuv": "youtube https://www.youtube.com/feeds/videos.xml?channel_id=UCabcdefghijklmnopqrstuv",
    "https://m.youtube.com/channel/UCabcdefghijklmnopqrstuv/videos?view=0": "youtube https://www.youtube.com/feeds/videos.xml?channel_id=UCabcdefghijklmnopqrstuv",
    "youtube.com/playlist?list=PLabc-123": "youtube https://www.youtube.com/feeds/videos.xml?playlist_id=PLabc-123",
    "https://www.youtube.com/watch?v=x&list=PLabc": "youtube https://www.youtube.com/feeds/videos.xml?playlist_id=PLabc",
    "https://www.youtube.com/user/bridges": "youtube https://www.youtube.com/feeds/videos.xml?user=bridges",
    "https://www.youtube.com/@bridges/featured": "youtube https://www.youtube.com/@bridges",
    "https://www.youtube.com/feeds/videos.xml?user=a": "youtube https://www.youtube.com/feeds/videos.xml?user=a",
    # Medium, Substack, dev.to, Lobsters
    "https://medium.com/@potter": "medium https://medium.com/feed/@potter",
    "https://medium.com/@potter/glaze-is-glass-0a1b": "medium https://medium.com/feed/@potter",
    "https://medium.com/tag/glaze/latest": "medium https://medium.com/feed/tag/glaze",
    "https://medium.com/kilns-weekly": "medium https://medium.com/feed/kilns-weekly",
    "https://medium.com/kilns-weekly/tagged/glaze": "medium https://medium.com/feed/kilns-weekly/tagged/glaze",
    "https://potter.medium.com/": "medium https://potter.medium.com/feed",
    "https://medium.com/feed/@potter": "medium https://medium.com/feed/@potter",
    "https://letters.substack.com": "substack https://letters.substack.com/feed",
    "https://letters.substack.com/p/first-letter": "substack https://letters.substack.com/feed",
    "https://dev.to/t/sqlite": "devto https://dev.to/feed/tag/sqlite",
    "https://dev.to/quentin": "devto https://dev.to/feed/quentin",
    "https://dev.to/feed/quentin": "devto https://dev.to/feed/quentin",
    "https://lobste.rs": "lobsters https://lobste.rs/rss",
    "https://lobste.rs/newest": "lobsters https://lobste.rs/newest.rss",
    "https://lobste.rs/t/python,databases": "lobsters https://lobste.rs/t/python,databases.rss",
    "https://lobste.rs/~root": "lobsters https://lobste.rs/~root/stories.rss",
    "https://lobste.rs/u/root": "lobsters https://lobste.rs/~root/stories.rss",
    # GitHub
    "https://github.com/anvil/hammer": "github https://github.com/anvil/hammer/releases.atom",
    "https://github.com/anvil/hammer.git": "github https://github.com/anvil/hammer/releases.atom",
    "https://github.com/anvil/hammer/releases/tag/v2": "github https://github.com/anvil/hammer/releases.atom",
    "https://github.com/anvil/hammer/tags": "github https://github.com/anvil/hammer/tags.atom",
    "https://github.com/anvil/hammer/commits/main": "github https://github.com/anvil/hammer/commits/main.atom",
    "https://github.com/anvil/hammer/commits/": "github https://github.com/anvil/hammer/commits.atom",
    "https://github.com/anvil.atom": "github https://github.com/anvil.atom",
    "https://github.com/topics/kiln": "rss https://github.com/topics/kiln",
    # Google
    "https://www.google.com/alerts/feeds/123/456": "google_alerts https://www.google.com/alerts/feeds/123/456",
    "https://news.google.com/search?q=kiln&hl=en-US&gl=US&ceid=US:en": "google_news https://news.google.com/rss/search?q=kiln&hl=en-US&gl=US&ceid=US:en",
    "https://news.google.com/topics/CAAq?hl=en": "google_news https://news.google.com/rss/topics/CAAq?hl=en",
    "https://news.google.com/rss/search?q=kiln": "google_news https://news.google.com/rss/search?q=kiln",
    # Hacker News, Stack Exchange
    "https://news.ycombinator.com/": "hackernews https://news.ycombinator.com/rss",
    "https://news.ycombinator.com/rss": "hackernews https://news.ycombinator.com/rss",
    "https://stackoverflow.com/questions/tagged/sqlite?tab=Newest": "stackexchange https://stackoverflow.com/feeds/tag/sqlite",
    "https://dba.stackexchange.com/tags/c%23/info": "stackexchange https://dba.stackexchange.com/feeds/tag/c%23",
    "https://stackoverflow.com/questions/123/why": "stackexchange https://stackoverflow.com/feeds/question/123",
    "https://stackoverflow.com/feeds": "stackexchange https://stackoverflow.com/feeds",
    # Bluesky
    "https://bsky.app/profile/nell.example": "bluesky https://bsky.app/profile/nell.example/rss",
    "https://bsky.app/profile/did:plc:abc/rss": "bluesky https://bsky.app/profile/did:plc:abc/rss",
    "@nell.bsky.social": "bluesky https://bsky.app/profile/nell.bsky.social/rss",
    # servers that anybody may run
    "https://lemming.example/c/cheese": "lemmy https://lemming.example/feeds/c/cheese.xml?sort=New",
    "https://lemming.example/c/cheese@other.example": "lemmy https://lemming.example/feeds/c/cheese@other.example.xml?sort=New",
    "https://lemming.example/feeds/all.xml?sort=New": "lemmy https://lemming.example/feeds/all.xml?sort=New",
    "https://lemming.example/u/brie": "lemmy https://lemming.example/feeds/u/brie.xml?sort=New",
    "https://forum.kiln.example": "discourse https://forum.kiln.example/latest.rss",
    "https://forum.kiln.example/tag/glaze": "discourse https://forum.kiln.example/tag/glaze.rss",
    "https://kiln.example/c/firing/12": "discourse https://kiln.example/c/firing/12.rss",
    "https://kiln.example/c/firing/electric/13/l/latest": "discourse https://kiln.example/c/firing/electric/13.rss",
    "https://kiln.example/t/cone-6-or-10/321/7": "discourse https://kiln.example/t/cone-6-or-10/321.rss",
    "https://kiln.example/latest.rss": "discourse https://kiln.example/latest.rss",
    "https://toots.example/@wendy": "mastodon https://toots.example/@wendy.rss",
    "https://toots.example/@olaf@other.example": "mastodon https://other.example/@olaf.rss",
    "https://toots.example/tags/loom": "mastodon https://toots.example/tags/loom.rss",
    "https://toots.example/@wendy.rss": "mastodon https://toots.example/@wendy.rss",
    "@wendy@toots.example": "mastodon https://toots.example/@wendy.rss",
    "#loom@toots.example": "mastodon https://toots.example/tags/loom.rss",
    # anything else
    "https://example.org/blog/feed.xml": "rss https://example.org/blog/feed.xml",
    "http://example.org:8080/a?b=c#d": "rss http://example.org:8080/a?b=c",
    "example.org": "rss https://example.org",
    " example.org/blog ": "rss https://example.org/blog",
    "localhost:8000/feed": "rss https://localhost:8000/feed",
    "feed:https://example.org/feed": "rss https://example.org/feed",
    "feed://example.org/feed": "rss https://example.org/feed",
    "https://blog.example/tag/python": "rss https://blog.example/tag/python",
    "https://www.threads.net/@someone": "rss https://www.threads.net/@someone",
    "https://substack.com/@someone": "rss https://substack.com/@someone",
}  # fmt: skip


class NoHttp:
    """Nothing is sent."""


class Recorder:
    """Keeps the request and answers with a body."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.sent: list[Request] = []

    def send(self, request: Request) -> Answer:
        self.sent.append(request)
        return Answer(request.url, 200, {}, self.body, moved_to=request.url)


@pytest.fixture(scope="module")
def reader() -> Rss:
    return Rss(Settings(), NoHttp())


@pytest.mark.parametrize("text", PASTED)
def test_what_is_pasted_becomes_the_right_feed(reader, text):
    feed = reader.feed_for(text)
    assert feed is not None
    assert f"{feed.platform} {feed.query}" == PASTED[text]


@pytest.mark.parametrize("text", PASTED)
def test_a_feed_s_own_address_gives_the_same_feed(reader, text):
    feed = reader.feed_for(text)
    assert reader.feed_for(feed.query) == feed


@pytest.mark.parametrize("text", ["", "two words", "mailto:a@b.example", "file:///etc/passwd", "javascript:alert(1)",
                                  "https://user:pass@example.org/", "r/", "@", "ftp://example.org/feed", "comments:x"])  # fmt: skip
def test_what_is_no_address_is_nobody_s_feed(reader, text):
    assert reader.feed_for(text) is None


@given(st.text(max_size=80))
def test_any_text_is_a_feed_or_none(text):
    feed = Rss(Settings(), NoHttp()).feed_for(text)
    assert feed is None or urlsplit(feed.query).scheme in ("http", "https")


def test_every_preset_has_its_row_of_policy():
    rows = tomllib.loads((Path(connectors.__file__).parent / "policy.toml").read_text())
    assert {preset.platform for preset in PRESETS} <= set(rows)
    assert rows["google_news"]["redistribute"] is False


# whose ids


PLATFORM_CASES = [path for path in CASES if path.stem in {preset.platform for preset in PRESETS}]


@pytest.mark.parametrize("path", PLATFORM_CASES, ids=lambda path: path.stem)
def test_a_platform_s_posts_have_the_platform_s_own_ids(reader, path):
    url, headers, body = load(path)
    feed = replace(reader.feed_for(url), id=7)
    page = reader.parse(Answer(url, 200, headers, body), feed, None)
    assert page.posts
    assert not page.posts[0].native_id.startswith("7/")
    assert {post.platform for post in page.posts} == {path.stem}


@pytest.mark.parametrize("path", PLATFORM_CASES, ids=lambda path: path.stem)
def test_another_host_cannot_claim_a_platform_s_ids(reader, path):
    url, headers, body = load(path)
    genuine = reader.feed_for(url)
    for claimed in (
        Answer("https://evil.example/feed", 200, headers, body),  # a redirect led away
        Answer(url, 200, headers, body),
    ):
        query = "https://evil.example/feed" if claimed.url == url else url
        page = reader.parse(claimed, replace(genuine, id=7, query=query), None)
        assert all(post.native_id.startswith("7/") for post in page.posts)


def test_a_server_can_speak_for_itself_only(reader):
    for platform in ("mastodon", "lemmy", "discourse"):
        url, headers, body = load(Path(CASES[0]).parent / f"{platform}.answer")
        elsewhere = url.replace(urlsplit(url).netloc, "evil.example")
        page = reader.parse(Answer(elsewhere, 200, headers, body), Feed(7, "rss", elsewhere, platform), None)
        assert all(post.native_id.startswith("7/") for post in page.posts)
        assert {post.instance for post in page.posts} == {"evil.example"}


def test_a_host_that_only_looks_like_a_platform_is_none():
    for host in ("www.youtube.com.evil.example", "evil-youtube.com", "github.com.evil.example", "xgithub.com"):
        assert preset_of("youtube", f"https://{host}/") is None
        found = feed_address(f"https://{host}/r/a")
        assert found is None or found[1] in ("lemmy", "mastodon", "discourse")


def test_a_site_that_wants_it_is_asked_more_slowly(reader):
    assert reader.request(reader.feed_for("https://news.ycombinator.com/rss"), None).slot_s == 2.0
    assert reader.request(reader.feed_for("https://example.org/feed"), None).slot_s is None


def test_importing_the_presets_loads_no_parser():
    import subprocess
    import sys

    code = (
        "import sys, connectors.rss.presets; assert 'feedparser' not in sys.modules and 'pydantic' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0

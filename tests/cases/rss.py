"""Every recorded feed."""

from fnmatch import fnmatch

from listener.errors import BadPayload
from tests.cases import Case
from tests.conftest import SHARED
from tests.replay import recorded

NO_FEEDS = {
    "feeds/rssparser_unrecognized.xml",
    "feeds/miniflux_iso88591_utf8_mismatch.xml",
    "feeds/feedparser_illformed_rss_empty_document.xml",
}
"""Recorded as feeds, but none: an unknown document, a damaged one, an empty one."""
FEEDS = (
    "feeds/*",
    "podcasts/*",
    "github/atom_releases.xml",
    "google_alerts/*.xml",
    "google_news/*.xml",
    "hackernews/rss_frontpage.xml",
    "medium/*.xml",
    "youtube/channel_rss.xml",
)
"""What the connector for feeds reads."""


def rss(name: str) -> Case:
    return Case("rss", f"{{url}}/{name}", {f"/{name}": name}, error=BadPayload if name in NO_FEEDS else None)


CASES = [rss(name) for name in recorded(SHARED / "recordings") if any(fnmatch(name, pattern) for pattern in FEEDS)]
SPOILT = {"rss": rss("medium/profile_rss.xml")}
QUERIES = ("https://example.org/feed",)
NOT_READ = {
    "producthunt/*": "its feed is read; the interface asks for permission to be used commercially",
    "wordpress/*": "comments are read by their feed; the interface is often switched off",
}
WITHOUT_LINK = True
SALVAGES = True

"""Small websites for tests: feeds made of plain values, served over real HTTP."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from xml.sax.saxutils import escape

from tests.servers import Reply, Seen


@dataclass(frozen=True)
class Entry:
    """One entry of a made feed."""

    guid: str
    title: str = "An entry"
    text: str = "Words of an entry."
    link: str | None = None
    author: str | None = None
    age_h: float = 1.0


def rss(title: str, entries: Iterable[Entry], now: datetime | None = None) -> bytes:
    """Write RSS 2.0."""
    moment = now or datetime.now(UTC)
    items = "".join(
        f"<item><guid isPermaLink='false'>{escape(entry.guid)}</guid><title>{escape(entry.title)}</title>"
        + (f"<link>{escape(entry.link)}</link>" if entry.link else "")
        + (f"<author>{escape(entry.author)}</author>" if entry.author else "")
        + f"<pubDate>{format_datetime(moment - timedelta(hours=entry.age_h))}</pubDate>"
        f"<description>{escape(entry.text)}</description></item>"
        for entry in entries
    )
    return (
        f"<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel><title>{escape(title)}</title>"
        f"<link>https://{title.lower().replace(' ', '-')}.example/</link><description>made</description>{items}"
        "</channel></rss>"
    ).encode()


class Site:
    """Documents by path, with entity tags; change `pages` between polls."""

    def __init__(self, pages: dict[str, bytes | Reply]) -> None:
        self.pages = pages

    def __call__(self, seen: Seen) -> Reply:
        page = self.pages.get(seen.path, Reply(404))
        if isinstance(page, Reply):
            return page
        tag = f'"{sha256(page).hexdigest()[:16]}"'
        if seen.headers.get("if-none-match") == tag:
            return Reply(304, headers={"ETag": tag})
        return Reply(200, page, {"ETag": tag, "Content-Type": "application/rss+xml"})

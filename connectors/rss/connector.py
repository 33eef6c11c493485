"""The connector for feeds: RSS, Atom, RDF and JSON Feed, and the platforms that speak them."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Final
from urllib.parse import urlsplit

from connectors.rss import discovery, presets, reading
from connectors.rss.cursor import Cursor, key_hash
from connectors.rss.facts import TRAITS
from connectors.rss.page import page
from connectors.rss.posts import Context
from listener import connector, urls, waits
from listener.connector import HttpConnector
from listener.errors import BadPayload, RateLimited
from listener.sandbox import Sandbox
from listener.types import Answer, Feed, Page, Request

ACCEPT: Final = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, */*;q=0.1"
)
BLOCKED_S: Final = 3_600.0
PLATFORM: Final = "rss"

_WHOLE_SITE: Final = re.compile(r"/?|[^~@]*/(?:feeds?|rss2?|atom|index|posts|[\w-]+\.(?:xml|rss|atom|rdf|json))/?")
_BARE: Final = re.compile(r"(?:[\w-]+(?:\.[\w-]+)+|localhost)(?::\d{1,5})?(?:[/?#]\S*)?")


class Settings(connector.Settings):
    """What `[connectors.rss]` may say; `base_url` means nothing here, since every feed has an address of its own."""


@lru_cache(maxsize=1)
def sandbox() -> Sandbox:
    """Give the processes that all feeds of this program are read in."""
    return Sandbox("connectors.rss.child:work")


class Rss(HttpConnector):
    """Read any feed by its address."""

    name = "rss"
    traits = TRAITS
    settings_model = Settings
    settings: Settings
    catch_all = True

    def __init__(
        self,
        settings: Settings,
        http: connector.Http,
        sessions: connector.Sessions | None = None,
        box: Sandbox | None = None,
    ) -> None:
        super().__init__(settings, http, sessions)
        self._box = box or sandbox()

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Ask for the feed if it has changed; both validators are sent as they were given (RFC 9110, 13.1)."""
        before = _cursor(feed, cursor)
        headers = {"Accept": ACCEPT}
        headers |= {"If-None-Match": before.etag} if before.etag else {}
        headers |= {"If-Modified-Since": before.modified} if before.modified else {}
        preset = presets.preset_of(feed.platform, feed.query)
        return Request(feed.query, headers=headers, slot_s=preset.slot_s if preset else None)

    def unchanged(self, answer: Answer, feed: Feed, cursor: str | None) -> bool:
        """Tell a 304, and a body we have read before."""
        if answer.status != 200:
            return answer.status == 304
        return _cursor(feed, cursor).body == _hash(answer.body)

    def unchanged_page(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Take new validators, and count a redirect that was met again."""
        before = _cursor(feed, cursor)
        after = _validated(before, answer).met(_moved_to(answer, feed))
        return Page(
            cursor=after.write() if after != before else cursor,
            unchanged=True,
            moved_to=after.moved_to if after.is_moved else None,
        )

    def refuse(self, answer: Answer) -> None:
        """Read a 403 of the edges that mean "too fast" by it as RateLimited."""
        is_edge = "cf-mitigated" in answer.headers or answer.headers.get("server", "").lower() == "cloudflare"
        if answer.status == 403 and is_edge:
            wait_s = waits.retry_after_s(answer.headers, datetime.now(UTC)) or BLOCKED_S
            raise RateLimited("HTTP 403: the server says that we come too often", wait_s)
        connector.refuse(answer)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read the entries not seen before; the reading itself happens in a child process."""
        if not answer.body.strip():
            raise BadPayload("the answer is empty; a feed without entries would still say that it is a feed")
        before = _cursor(feed, cursor)
        url = answer.url
        preset = presets.preset_of(feed.platform, feed.query, url)
        args = {
            "task": "read",
            "url": url,
            "type": answer.headers.get("content-type"),
            "known": list(before.items),
            "is_plain": bool(preset and preset.is_plain),
        }
        found = reading.unpack(self._box.run(answer.body, args, key=feed.id or feed.query))
        context = Context(feed, preset, urlsplit(url).netloc.lower(), found.title, found.home)
        after = replace(_validated(before, answer), body=_hash(answer.body)).met(_moved_to(answer, feed))
        return page(found, context, before, after, answer.headers)

    def feed_for(self, text: str) -> Feed | None:
        """Take the address of a feed or a page, `@name@server`, `#tag@server` and the like, a bare domain."""
        url = _address(text.strip())
        if url is None:
            return None
        query, platform = presets.feed_address(url) or (url, PLATFORM)
        found = urls.safe(query)
        return None if found is None else Feed(0, self.name, found, platform)

    def whose(self, text: str) -> str | None:
        """Take a site or its feed: whoever speaks there. Of a page inside a site nobody knows whose it is."""
        feed = self.feed_for(text)
        if feed is None or feed.platform != PLATFORM:
            return None
        parts = urlsplit(feed.query)
        return parts.netloc.lower().removeprefix("www.") if _WHOLE_SITE.fullmatch(parts.path) else None

    def discover(self, answer: Answer, feed: Feed) -> tuple[Feed, ...]:
        """List the feeds that a page names; where it names none, the places where feeds are usually kept."""
        url = answer.url
        args = {"task": "discover", "url": url, "type": answer.headers.get("content-type")}
        named = [tuple(row) for row in self._box.run(answer.body, args)]
        rows = named or [(place, None) for place in discovery.usual_places(url)]
        feeds = ((self.feed_for(place), title) for place, title in rows)
        return tuple(replace(feed, title=title, home_url=url) for feed, title in feeds if feed)


def _cursor(feed: Feed, text: str | None) -> Cursor:
    """Read the cursor; what it says about the server's answers holds for the address they came from only."""
    found, query = Cursor.read(text), key_hash(feed.query)
    if found.query == query:
        return found
    return Cursor(query, newest_s=found.newest_s, fetched_s=found.fetched_s, packed=found.packed, shared=found.shared)


def _validated(before: Cursor, answer: Answer) -> Cursor:
    etag, modified = answer.headers.get("etag"), answer.headers.get("last-modified")
    if answer.status == 304:  # it need not repeat them
        etag, modified = etag or before.etag, modified or before.modified
    return replace(before, etag=etag, modified=modified)


def _moved_to(answer: Answer, feed: Feed) -> str | None:
    moved_to = urls.safe(answer.moved_to) if answer.moved_to else None
    return None if moved_to == feed.query else moved_to


def _address(text: str) -> str | None:
    for short, address in presets.SHORT:
        if match := re.fullmatch(short, text):
            return match.expand(address)
    text = re.sub(r"\Afeed:(?://)?(?=https?:)", "", text)
    text = re.sub(r"\Afeed:(?://)?", "https://", text)
    if "://" not in text and _BARE.fullmatch(text):
        text = f"https://{text}"
    return urls.safe(text.partition("#")[0])


def _hash(body: bytes) -> str:
    return blake2b(body, digest_size=12).hexdigest()

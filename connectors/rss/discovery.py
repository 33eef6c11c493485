"""Find the feeds that a web page names, and where feeds are usually kept (child side)."""

import re
from html.parser import HTMLParser
from typing import Final

from connectors.rss import plain

PAGE_BYTES: Final = 1_000_000
"""Most of a page that is searched; the links stand in its head."""
FEEDS: Final = 20
TYPES: Final = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml"}
)
PLACES: Final = ("/feed", "/rss.xml", "/atom.xml", "/index.xml", "/feed.json")

_CHARSET: Final = re.compile(rb"charset=[\"']?([\w.:-]{1,40})", re.IGNORECASE)


def read(body: bytes, url: str, content_type: str | None) -> list[tuple[str, str | None]]:
    """List addresses and titles of the feeds that the page at `url` names by `<link rel="alternate">`, in order."""
    page = _Page(url)
    page.feed(_decoded(body[:PAGE_BYTES], content_type))
    return list(page.found.items())[:FEEDS]


def usual_places(url: str) -> list[str]:
    """List where a site at `url` might keep its feed."""
    return [found for place in PLACES if (found := plain.url(url, place))]


def _decoded(body: bytes, content_type: str | None) -> str:
    charset = _CHARSET.search((content_type or "").encode("ascii", "replace")) or _CHARSET.search(body[:2_000])
    try:
        return body.decode(charset[1].decode() if charset else "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


class _Page(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base = url
        self.found: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in reversed(attrs)}
        if tag == "base":
            self.base = plain.url(self.base, values.get("href")) or self.base
        elif tag == "link" and "alternate" in values.get("rel", "").lower().split():
            kind = values.get("type", "").partition(";")[0].strip().lower()
            place = plain.url(self.base, values.get("href"))
            if kind in TYPES and place:
                self.found.setdefault(place, plain.line(values.get("title")))

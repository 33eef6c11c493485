"""What the child process does: read one of Reddit's Atom feeds (RSS in old ones) into plain rows.

feedparser's own cleaning and link resolving are off: both are ours. It is handed a stream, never bytes or text: those
it would try to open as the name of a file.
"""

import calendar
import io
import re
import time
from collections.abc import Mapping
from typing import Any, Final

import feedparser
from feedparser import api

from listener import html, limits, urls
from listener.errors import BadPayload

# feedparser would prefer a libxml2 driver if one were installed: expat is the parser whose limits we know.
api.PREFERRED_XML_PARSERS = []

SITE: Final = "https://www.reddit.com"
HTML_CHARACTERS: Final = 4 * limits.TEXT_BYTES
LINE_CHARACTERS: Final = 2_000
BREAKS: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What feedparser raises over documents made to confuse it."""
# Every text ends in: submitted by /u/NAME to r/NAME [link] [comments].
_FRAME: Final = re.compile(
    r"\s*submitted by\s*/?(?:u/)?[\w-]+(?:\s*to\s*(?:r/)?\w+)?\s*\[link\]\s*\[\d*\s?comments\]\s*\Z"
)
_FRAME_CHARACTERS: Final = 400

Found = Mapping[str, Any]
"""feedparser's dictionary: an element of the feed can put anything under any key, so nothing is taken on trust."""


def work(body: bytes, args: Mapping[str, Any]) -> object:  # Any: JSON
    """Read a feed; `type` (the content type) comes in, title and rows go out."""
    headers = {"content-type": args["type"]} if args["type"] else {}
    try:
        document = feedparser.parse(
            io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
        title = _line(document["feed"].get("title"))
        if not document["entries"] and not document["version"] and not title:
            raise BadPayload("this is no feed that we can read")
        return {"title": title, "rows": [_row(entry) for entry in document["entries"][: limits.PAGE_ITEMS]]}
    except BREAKS as error:
        raise BadPayload(f"the feed is damaged: feedparser gave up ({type(error).__name__})") from error


def _row(entry: Found) -> dict[str, object]:
    source = _source(entry)[:HTML_CHARACTERS]
    text = html.to_text(source)
    frame = _FRAME.search(text, max(0, len(text) - _FRAME_CHARACTERS))
    detail = entry.get("author_detail")
    tags = entry.get("tags")
    return {
        "guid": _line(entry.get("id")),
        "link": urls.join(SITE, entry["link"]) if _line(entry.get("link")) else None,
        "author": _line(entry.get("author")),
        "author_url": _line(detail.get("href")) if isinstance(detail, dict) else None,
        "title": html.to_text(_line(entry.get("title")) or "") or None,
        "text": text[: frame.start()].rstrip() if frame else text,
        "links": html.links(source, SITE)[: limits.LIST_ITEMS + 10],
        "published_s": _seconds(entry, "published_parsed") or _seconds(entry, "updated_parsed"),
        "updated_s": _seconds(entry, "updated_parsed"),
        "tags": [_line(tag.get("term")) for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else [],
        "pictures": [_line(one.get("url")) for one in entry.get("media_thumbnail") or () if isinstance(one, dict)],
    }


def _source(entry: Found) -> str:
    contents = entry.get("content")
    if isinstance(contents, list) and contents and isinstance(contents[0], dict):
        return str(contents[0].get("value") or "")
    return str(entry.get("summary") or "")


def _line(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return " ".join(value[:LINE_CHARACTERS].split()) or None


def _seconds(entry: Found, key: str) -> int | None:
    # .get() would answer `published` for `updated`.
    moment = dict.get(entry, key) if isinstance(entry, dict) else None
    try:
        return calendar.timegm(moment) if isinstance(moment, time.struct_time) else None
    except (ValueError, OverflowError):
        return None

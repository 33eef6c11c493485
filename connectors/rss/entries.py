"""RSS, Atom and RDF by feedparser: from a document to plain entries (child side).

feedparser's own cleaning and link resolving are off: both are ours. It is handed a stream, never bytes or text: those
it would try to open as the name of a file.
"""

import calendar
import io
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import feedparser
from feedparser import api, encodings

from connectors.rss import plain
from connectors.rss.items import Cut, cut, short_hash
from connectors.rss.reading import Entry, Reading
from listener import limits, urls
from listener.errors import BadPayload

# feedparser would prefer a libxml2 driver if one were installed: expat is the parser whose limits we know.
api.PREFERRED_XML_PARSERS = []

UTF_8: Final = "application/xml; charset=utf-8"
PERIODS_S: Final = {"hourly": 3_600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
"""Source: the RSS 1.0 syndication module, `sy:updatePeriod`."""
BREAKS: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What feedparser raises over documents made to confuse it."""

Found = Mapping[str, Any]
"""feedparser's dictionary: an element of the feed can put anything under any key, so nothing is taken on trust."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document came from, and as what."""

    url: str
    content_type: str | None = None
    is_plain: bool = False
    """Texts are plain although the feed does not say so."""


def read(body: bytes, origin: Origin, known: set[str]) -> Reading:
    """Read a feed document; items whose hash is `known` are listed but not read.

    A document that cannot be cut at its items is read whole, by feedparser's forgiving parser if need be.
    """
    headers = _headers(origin.content_type)
    info: dict[str, Any] = {}
    data = encodings.convert_to_utf8(headers, body, info)
    found = cut(data) if info.get("encoding") else None
    reading = _read_cut(found, origin, known) if found else None
    return reading or _read_whole(body, origin, known)


def _read_cut(found: Cut, origin: Origin, known: set[str]) -> Reading | None:
    hashes = found.hashes()
    numbers = plain.window(list(range(len(hashes))), lambda number: _time_of_item(found, number))
    fresh = [number for number in numbers if hashes[number] not in known]
    broken: list[tuple[str, str]] = []
    try:
        document = _parse(found.keep(set(fresh)), UTF_8)
    except BREAKS:
        fresh, broken = _sound(found, fresh)
        document = _parse(found.keep(set(fresh)), UTF_8)
    entries = document["entries"]
    if document["bozo"] or len(entries) != len(fresh):
        return None
    named = [(hashes[number], entry) for number, entry in zip(fresh, entries, strict=True)]
    items = tuple(hashes[number] for number in numbers)
    return _reading(document, named, origin, items, len(hashes) - len(items), found.deleted, tuple(broken))


def _read_whole(body: bytes, origin: Origin, known: set[str]) -> Reading:
    try:
        document = _parse(body, origin.content_type)
    except BREAKS as error:
        raise BadPayload(f"the feed is damaged: feedparser gave up ({type(error).__name__})") from error
    entries = plain.window(document["entries"], _published_s)
    if not entries and not document["version"] and not document["feed"].get("title"):
        raise BadPayload(_no_feed(body))
    named = [(short_hash(repr(entry).encode("utf-8", "surrogatepass")), entry) for entry in entries]
    fresh = [(name, entry) for name, entry in named if name not in known]
    left_out = len(document["entries"]) - len(entries)
    return _reading(document, fresh, origin, tuple(name for name, _ in named), left_out)


def _parse(data: bytes, content_type: str | None) -> Any:  # Any: feedparser has no types
    headers = _headers(content_type)
    return feedparser.parse(
        io.BytesIO(data), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )


def _sound(found: Cut, numbers: list[int]) -> tuple[list[int], list[tuple[str, str]]]:
    """Part the items that feedparser can read, each by itself, from those it breaks over."""
    sound, broken = [], []
    for number in numbers:
        try:
            _parse(found.keep({number}), UTF_8)
            sound.append(number)
        except BREAKS as error:
            start, end = found.spans[number]
            sample = found.data[start:end][:2_000].decode("utf-8", "replace")
            broken.append((f"feedparser gave up ({type(error).__name__})", sample))
    return sound, broken


def _time_of_item(found: Cut, number: int) -> int | None:
    entries = _parse(found.keep({number}), UTF_8)["entries"]
    return _published_s(entries[0]) if entries else None


def _no_feed(body: bytes) -> str:
    start = body[:2_000].lower()
    if b"<html" in start or b"<!doctype html" in start:
        return "this is a web page, not a feed: add the page's address again to look for the feeds it names"
    return "this is no feed that we can read (RSS, Atom, RDF or JSON Feed): look at the address in a browser"


def _reading(
    document: Any,  # feedparser has no types
    named: list[tuple[str, Found]],
    origin: Origin,
    items: tuple[str, ...],
    left_out: int,
    deleted: tuple[str, ...] = (),
    broken: tuple[tuple[str, str], ...] = (),
) -> Reading:
    feed = document["feed"]
    is_atom = str(document["version"]).startswith("atom")
    return Reading(
        title=_title(feed),
        home=plain.url(origin.url, feed.get("link")),
        lang=plain.lang(feed.get("language")),
        wait_s=_wait_s(feed),
        items=items,
        left_out=left_out,
        deleted=deleted,
        broken=broken,
        entries=tuple(_entry(entry, name, origin, feed, is_atom) for name, entry in named),
    )


def _entry(entry: Found, name: str, origin: Origin, feed: Found, is_atom: bool) -> Entry:
    url = origin.url
    link = plain.url(url, entry.get("feedburner_origlink")) or plain.url(url, entry.get("link"))
    source, alt = _source(entry, is_atom)
    base = urls.join(url, _text(source.get("base")) or "") or url
    value = _text(source.get("value"))[: plain.HTML_CHARACTERS]
    is_plain = origin.is_plain or source.get("type") == "text/plain"
    text, links = plain.text(value) if is_plain else plain.body(value, base)
    author, author_url = _author(entry) or (_author(feed) if is_atom else None) or (None, None)  # RFC 4287, 4.2.1
    reply_to, replies = _thread(entry)
    return Entry(
        item=name,
        guid=_text(entry.get("id")) or None,
        link=link,
        comments=plain.url(url, entry.get("comments")),
        title=_title(entry),
        text=text,
        lang=plain.lang(source.get("language")) or plain.lang(feed.get("language")),
        published_s=_published_s(entry),
        updated_s=_seconds(_own(entry, "updated_parsed")),
        author=author,
        author_url=plain.url(url, author_url),
        rights=_rights(entry) or _rights(feed),
        reply_to=reply_to,
        replies=replies,
        likes=plain.number(_dict(entry.get("media_starrating")).get("count")),
        links=plain.others(links, link),
        tags=plain.lines(tag.get("term") for tag in _dicts(entry.get("tags"))),
        media=_media(entry, url, alt),
    )


def _headers(content_type: str | None) -> dict[str, str]:
    return {"content-type": content_type} if content_type else {}


def _title(holder: Found) -> str | None:
    return plain.title(holder.get("title"), _dict(holder.get("title_detail")).get("type") != "text/plain")


def _source(entry: Found, is_atom: bool) -> tuple[Found, str | None]:
    """Choose where the text stands; with it, what the media show.

    In RSS, feedparser reads a second description as plain content. Beside media it is theirs, else the longer counts.
    """
    summary = {**_dict(entry.get("summary_detail")), "value": _text(entry.get("summary"))}
    contents = [content for content in _dicts(entry.get("content")) if _text(content.get("value")).strip()]
    if not contents:
        return summary, None
    is_second = not is_atom and len(contents) == 1 and contents[0].get("type") == "text/plain"
    if is_second and summary["value"].strip():
        if entry.get("media_content"):
            return summary, plain.line(contents[0].get("value"))
        return max(summary, contents[0], key=lambda one: len(_text(one.get("value")))), None
    return contents[0], None


def _author(holder: Found) -> tuple[str, str | None] | None:
    # feedparser's own parting of names from mail addresses knows no ending of more than four letters.
    name = plain.author(holder.get("author"))
    return (name, _text(_dict(holder.get("author_detail")).get("href")) or None) if name else None


def _thread(entry: Found) -> tuple[str | None, int | None]:
    """Read the threading extension (RFC 4685), whatever prefix the feed gives it."""
    reply_to, replies = None, plain.number(entry.get("slash_comments"))
    for key, value in entry.items():
        if key.endswith("_in-reply-to"):
            reply_to = _text(_dict(value).get("ref")) or None
        elif key.endswith("_total") and replies is None:
            replies = plain.number(value)
    return reply_to, replies


def _rights(holder: Found) -> str | None:
    for link in _dicts(holder.get("links")):
        if link.get("rel") == "license":
            return plain.line(link.get("href"))
    return plain.line(holder.get("rights"))


def _media(entry: Found, url: str, alt: str | None) -> tuple[tuple[str, str | None, str | None, float | None], ...]:
    enclosures = [link for link in _dicts(entry.get("links")) if link.get("rel") == "enclosure"]
    found: dict[str, tuple[str, str | None, str | None, float | None]] = {}
    for media in [*enclosures, *_dicts(entry.get("media_content"))]:
        place = plain.url(url, media.get("href") or media.get("url"))
        duration = media.get("duration") or (entry.get("itunes_duration") if media in enclosures else None)
        if place and place not in found and len(found) < limits.LIST_ITEMS:
            found[place] = (place, plain.line(media.get("type")), alt, plain.duration_s(duration))
    if not found:
        for image in _dicts(entry.get("media_thumbnail")):
            if place := plain.url(url, image.get("url")):
                found[place] = (place, None, alt, None)
    return tuple(found.values())


def _wait_s(feed: Found) -> float | None:
    minutes = plain.number(feed.get("ttl"))
    period = PERIODS_S.get((plain.line(feed.get("sy_updateperiod")) or "").lower())
    times = plain.number(feed.get("sy_updatefrequency")) or 1
    asked = [60.0 * minutes] if minutes else []
    asked += [period / times] if period else []
    return max(asked, default=None)


def _published_s(entry: Found) -> int | None:
    for key in ("published_parsed", "created_parsed", "updated_parsed"):
        moment = _seconds(_own(entry, key))
        if moment is not None:
            return moment
    return None


def _own(entry: Found, key: str) -> object:
    return dict.get(entry, key) if isinstance(entry, dict) else None  # .get() would answer `published` for `updated`


def _seconds(moment: object) -> int | None:
    if not isinstance(moment, time.struct_time):
        return None
    try:
        return calendar.timegm(moment)
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _dict(value: object) -> Found:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> Iterable[Found]:
    return [found for found in value if isinstance(found, dict)] if isinstance(value, list) else []

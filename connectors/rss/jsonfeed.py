"""JSON Feed 1.0 and 1.1, which feedparser does not read (child side).

Source: https://jsonfeed.org/version/1.1, "Items". In the wild ids are numbers and `author` stands beside `authors`.
"""

import email.utils
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from connectors.rss import plain
from connectors.rss.items import short_hash
from connectors.rss.reading import Entry, Reading
from listener import limits
from listener.errors import BadPayload

VERSION: Final = "jsonfeed.org/version/"

Object = Mapping[str, Any]
"""A JSON object: anything may stand in it."""


def read(body: bytes, url: str, known: set[str]) -> Reading:
    """Read a JSON Feed that came from `url`; items whose hash is `known` are listed but not read."""
    document = _document(body)
    found = [item for item in _list(document.get("items")) if isinstance(item, dict)]
    found = plain.window(found, lambda item: seconds(item.get("date_published")))
    hashes = [short_hash(json.dumps(item, sort_keys=True).encode()) for item in found]
    lang = plain.lang(document.get("language"))
    author = _author(document)
    entries = tuple(
        _entry(item, name, url, lang, author) for item, name in zip(found, hashes, strict=True) if name not in known
    )
    return Reading(
        title=plain.line(document.get("title")),
        home=plain.url(url, document.get("home_page_url")),
        lang=lang,
        items=tuple(hashes),
        left_out=max(0, len(_list(document.get("items"))) - len(found)),
        entries=entries,
    )


def seconds(value: object) -> int | None:
    """Read a date (RFC 3339, or as mail writes it) as seconds since 1970; None: there is none."""
    if not isinstance(value, str):
        return None
    readers: tuple[Callable[[str], datetime], ...] = (datetime.fromisoformat, email.utils.parsedate_to_datetime)
    for reader in readers:
        try:
            moment = reader(value.strip()[:64])
            return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def _document(body: bytes) -> Object:
    try:
        document = json.loads(body if _is_unicode(body) else body.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise BadPayload(f"the answer is no valid JSON ({type(error).__name__})") from error
    if not isinstance(document, dict) or VERSION not in str(document.get("version")):
        raise BadPayload("the answer is JSON but no JSON Feed: its `version` does not say so")
    return document


def _is_unicode(body: bytes) -> bool:
    try:
        body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        return False
    return True


def _entry(item: Object, name: str, url: str, lang: str | None, author: tuple[str | None, str | None]) -> Entry:
    link = plain.url(url, item.get("url"))
    html = _text(item.get("content_html"))
    text, links = plain.body(html, url) if html else plain.text(_text(item.get("content_text")) or "")
    external = plain.url(url, item.get("external_url"))
    own = _author(item)
    return Entry(
        item=name,
        guid=_id(item.get("id")),
        link=link or external,
        title=plain.line(item.get("title")),
        text=text or _text(item.get("summary")) or "",
        lang=plain.lang(item.get("language")) or lang,
        published_s=seconds(item.get("date_published")),
        updated_s=seconds(item.get("date_modified")),
        author=(own if any(own) else author)[0],
        author_url=plain.url(url, (own if any(own) else author)[1]),
        links=plain.others((external, *links), link),
        tags=plain.lines(_list(item.get("tags"))),
        media=_media(item, url),
    )


def _media(item: Object, url: str) -> tuple[tuple[str, str | None, str | None, float | None], ...]:
    rows = []
    for found in _list(item.get("attachments"))[: limits.LIST_ITEMS]:
        if isinstance(found, dict) and (place := plain.url(url, found.get("url"))):
            duration = plain.duration_s(found.get("duration_in_seconds"))
            rows.append((place, plain.line(found.get("mime_type")), plain.line(found.get("title")), duration))
    image = plain.url(url, item.get("image"))
    return (*rows, *([(image, None, None, None)] if image else []))


def _author(holder: Object) -> tuple[str | None, str | None]:
    for author in [*_list(holder.get("authors")), holder.get("author")]:
        if isinstance(author, dict):
            return plain.line(author.get("name")) or plain.line(author.get("url")), _text(author.get("url"))
    return None, None


def _id(value: object) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return str(value)
    return value or None if isinstance(value, str) else None


def _text(value: object) -> str | None:
    return value[: plain.HTML_CHARACTERS] if isinstance(value, str) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []

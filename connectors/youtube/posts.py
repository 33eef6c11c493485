"""Read videos and comments of the Data API. No I/O."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from connectors.youtube.queries import SITE
from listener import urls
from listener.html import links, to_text
from listener.types import Account, Counts, Media, Post

PLATFORM: Final = "youtube"
HIDDEN: Final = frozenset({"Private video", "Deleted video"})
"""Titles that stand in place of videos that nobody may see any more."""

_LINK: Final = re.compile(r"\bhttps?://[^\s<>\"]+")
_CLOSING: Final = ".,;:!?)]}'\u2026\u201d\u2019"
_MENTION: Final = re.compile(r"(?<![\w/])@([\w.-]{3,30})")
_VIDEO: Final = re.compile(r"[\w-]{11}", re.ASCII)
_SIZES: Final = ("maxres", "standard", "high", "medium", "default")

Item = Mapping[str, Any]
"""Raw JSON, hence Any."""


def video_id(item: Item) -> str:
    """Name the video that an item of a playlist stands for. Raises ValueError where it names none."""
    found = (item.get("contentDetails") or {}).get("videoId") or item["snippet"]["resourceId"]["videoId"]
    if not isinstance(found, str) or not _VIDEO.fullmatch(found):
        raise ValueError("no id of a video")
    return found


def is_hidden(item: Item) -> bool:
    """Say whether the item's video was deleted or made private."""
    snippet, details = item.get("snippet"), item.get("contentDetails")
    title = snippet.get("title") if isinstance(snippet, Mapping) else None
    published = details.get("videoPublishedAt") if isinstance(details, Mapping) else None
    return title in HIDDEN and not published


def listed(item: Item) -> Post | None:
    """Read a video as it stands in a playlist; None: deleted or private.

    Source: https://developers.google.com/youtube/v3/docs/playlistItems.
    """
    if is_hidden(item):
        return None
    snippet, number = item["snippet"], video_id(item)
    owner = snippet.get("videoOwnerChannelId") or snippet.get("channelId")
    name = snippet.get("videoOwnerChannelTitle") or snippet.get("channelTitle")
    published = (item.get("contentDetails") or {}).get("videoPublishedAt") or snippet.get("publishedAt")
    return _video(number, snippet, owner, name, published, None)


def video(item: Item) -> Post:
    """Read a video by itself. Source: https://developers.google.com/youtube/v3/docs/videos."""
    number, snippet = item["id"], item["snippet"]
    if not isinstance(number, str) or not _VIDEO.fullmatch(number):
        raise ValueError("no id of a video")
    numbers = item.get("statistics") or {}
    counts = Counts(replies=_int(numbers.get("commentCount")), likes=_int(numbers.get("likeCount")))
    return _video(
        number, snippet, snippet.get("channelId"), snippet.get("channelTitle"), snippet["publishedAt"], counts
    )


def comment(item: Item, place: str | None, replies: object = None) -> Post:
    """Read a comment or a reply; `place`: on which video, or channel, where it does not say.

    A reply's id begins with its parent's. Source: https://developers.google.com/youtube/v3/docs/comments.
    """
    number, snippet = item["id"], item["snippet"]
    if not isinstance(number, str) or not re.fullmatch(r"[\w.-]{5,120}", number):
        raise ValueError("no id of a comment")
    where, parent = snippet.get("videoId") or place or snippet["channelId"], snippet.get("parentId")
    of = where if _VIDEO.fullmatch(where) else None
    url = f"{SITE}/watch?v={of}&lc={number}" if of else f"{SITE}/channel/{where}/community?lc={number}"
    shown = snippet.get("textDisplay") or ""
    text = to_text(shown)
    published, updated = when(snippet.get("publishedAt")), when(snippet.get("updatedAt"))
    found = (link for link in links(shown, url) if not link.startswith((f"{SITE}/watch?v={of}&", f"{SITE}/@")))
    thread = f"yt:video:{of}" if of else None
    return Post(
        PLATFORM,
        number,
        url=urls.safe(url),
        account=_author(snippet),
        kind="reply",
        text=text,
        published_at=published,
        edited_at=updated if published and updated and updated > published else None,
        in_reply_to=parent if isinstance(parent, str) and parent else thread,
        thread=thread,
        mentions=tuple(dict.fromkeys(f"@{name}" for name in _MENTION.findall(text))),
        links=tuple(dict.fromkeys((*found, *_addresses(text)))),
        counts=Counts(replies=_int(replies), likes=_int(snippet.get("likeCount"))),
        visibility="public",
    )


def when(value: object) -> datetime | None:
    """Read a time of the platform's."""
    if not isinstance(value, str) or not value:
        return None
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def _video(number: str, snippet: Item, owner: object, name: object, published: object, counts: Counts | None) -> Post:
    url, text = f"{SITE}/watch?v={number}", str(snippet.get("description") or "").strip()
    tags = snippet.get("tags")
    language = snippet.get("defaultAudioLanguage") or snippet.get("defaultLanguage")
    return Post(
        PLATFORM,
        f"yt:video:{number}",
        url=url,
        account=_channel(owner, name),
        title=snippet.get("title"),
        text=text,
        lang=language.lower() if isinstance(language, str) else None,
        published_at=when(published),
        links=_addresses(text),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        media=_picture(snippet.get("thumbnails")),
        counts=counts,
        visibility="public",
    )


def _channel(number: object, name: object) -> Account | None:
    if not isinstance(number, str) or not number:
        return None
    url = urls.safe(f"{SITE}/channel/{number}")
    return Account(PLATFORM, number, name=name if isinstance(name, str) else None, url=url)


def _author(snippet: Item) -> Account | None:
    """Name who wrote a comment. Names are handles nowadays."""
    holder, name = snippet.get("authorChannelId"), snippet.get("authorDisplayName")
    number = holder.get("value") if isinstance(holder, Mapping) else None
    if not isinstance(name, str) or not name:
        return _channel(number, None)
    handle = name if name.startswith("@") else None
    if not isinstance(number, str) or not number:
        return Account(PLATFORM, f"~{name}", handle=handle, name=name)
    return Account(PLATFORM, number, handle=handle, name=name, url=urls.safe(f"{SITE}/channel/{number}"))


def _addresses(text: str) -> tuple[str, ...]:
    found = (urls.safe(address.rstrip(_CLOSING)) for address in _LINK.findall(text))
    return tuple(dict.fromkeys(address for address in found if address))


def _picture(thumbnails: object) -> tuple[Media, ...]:
    if not isinstance(thumbnails, Mapping):
        return ()
    for size in _SIZES:
        found = thumbnails.get(size)
        url = urls.safe(found.get("url")) if isinstance(found, Mapping) and isinstance(found.get("url"), str) else None
        if url:
            return (Media(url, "image/jpeg"),)
    return ()


def _int(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 18:
        return int(value)
    return value if type(value) is int else None

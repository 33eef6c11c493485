"""Read media and comments of Instagram. No I/O."""

import re
from collections.abc import Mapping
from typing import Any, Final

from connectors.instagram.graph import when
from listener import urls
from listener.types import Account, Counts, Media, Post

PLATFORM: Final = "instagram"
MEDIA: Final = "id,caption,media_type,permalink,timestamp,comments_count,like_count"
OWN_MEDIA: Final = f"{MEDIA},username"
COMMENT: Final = "id,text,timestamp,username,from,like_count,parent_id"
_TAG: Final = re.compile(r"(?<![\w&/])#(\w{1,100})")
_NAMED: Final = re.compile(r"(?<![\w@/.])@([\w.]{1,30})", re.ASCII)

Json = Mapping[str, Any]


def media(item: Json, author: Account | None = None, *, community: str | None = None) -> Post:
    """Read a medium; `author`: whose list it stands in, where it does not say itself.

    Source: https://developers.facebook.com/docs/instagram-platform/reference/instagram-media, read 2026-11-23.
    """
    caption, permalink = _text(item.get("caption")), urls.safe(item.get("permalink"))
    # The file's own address runs out after days: the page of the medium stays.
    shown = (Media(permalink, alt=_text(item.get("alt_text")) or None),) if permalink else ()
    return Post(
        PLATFORM,
        _id(item),
        url=permalink,
        account=account(item.get("username"), item.get("owner")) or author,
        text=caption,
        published_at=when(item.get("timestamp")),
        mentions=_mentions(caption),
        tags=tuple(dict.fromkeys(_TAG.findall(caption))),
        media=shown,
        community=community,
        counts=Counts(replies=_count(item.get("comments_count")), likes=_count(item.get("like_count"))),
    )


def comment(item: Json, of_media: str | None, permalink: str | None) -> Post:
    """Read a comment on a medium, whose address is the only one there is.

    Source: https://developers.facebook.com/docs/instagram-platform/reference/instagram-comment, read 2026-11-23.
    """
    text, number, parent = _text(item.get("text")), _id(item), item.get("parent_id")
    on = item.get("media")
    of_media = str(on["id"]) if isinstance(on, dict) and on.get("id") else of_media
    permalink = urls.safe(on.get("permalink")) or permalink if isinstance(on, dict) else permalink
    return Post(
        PLATFORM,
        number,
        url=urls.safe(f"{permalink.rstrip('/')}/c/{number}/") if permalink else None,
        account=account(item.get("username"), item.get("from")),
        kind="reply",
        text=text,
        published_at=when(item.get("timestamp")),
        in_reply_to=str(parent) if parent else of_media,
        thread=of_media,
        mentions=_mentions(text),
        tags=tuple(dict.fromkeys(_TAG.findall(text))),
        counts=Counts(likes=_count(item.get("like_count"))),
    )


def account(username: object, ids: object, name: str | None = None, followers: int | None = None) -> Account | None:
    """Give an account by its name: most answers tell no number, so the name is what all of them share."""
    known = ids.get("username") if isinstance(ids, dict) else None
    handle = username if isinstance(username, str) and username else known
    if not isinstance(handle, str) or not handle:
        return None
    url = urls.safe(f"https://www.instagram.com/{handle}/")
    return Account(PLATFORM, handle, handle=f"@{handle}", name=name, url=url, followers=followers)


def _id(item: Json) -> str:
    number = item["id"]
    if not isinstance(number, str) or not number.isdecimal():
        raise ValueError("an id is digits")
    return number


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError("a caption is a text")
    return value or ""


def _mentions(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"@{name.rstrip('.')}" for name in _NAMED.findall(text)))


def _count(value: object) -> int | None:
    return value if type(value) is int else None

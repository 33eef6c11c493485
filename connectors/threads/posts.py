"""Read posts of Threads. No I/O."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from listener import urls
from listener.types import Account, Kind, Media, Post

PLATFORM: Final = "threads"
_QUOTED: Final = "id,text,media_type,permalink,timestamp,username"
FIELDS: Final = (
    f"{_QUOTED},media_url,alt_text,is_quote_post,is_reply,has_replies,topic_tag,link_attachment_url,"
    f"root_post{{id}},replied_to{{id}},quoted_post{{{_QUOTED}}},reposted_post{{{_QUOTED}}}"
)
REPOST: Final = "REPOST_FACADE"
_TAG: Final = re.compile(r"(?<![\w&/])#(\w{1,100})")
_NAMED: Final = re.compile(r"(?<![\w@/.])@([\w.]{1,30})", re.ASCII)
_SHOWN: Final = frozenset({"IMAGE", "VIDEO", "CAROUSEL_ALBUM", "AUDIO"})

Json = Mapping[str, Any]


def parts(item: Any) -> Iterator[Any]:
    """Give a post, and after it the whole posts that it quotes or reposts."""
    yield item
    for key in ("quoted_post", "reposted_post"):
        inner = item.get(key) if isinstance(item, dict) else None
        if isinstance(inner, dict) and inner.get("permalink"):
            yield inner


def post(item: Json) -> Post:
    """Read a post.

    Source: https://developers.facebook.com/docs/threads/threads-media, read 2026-11-23.
    """
    number, permalink = _id(item), urls.safe(item.get("permalink"))
    text, quoted, reposted = _text(item.get("text")), _inner(item, "quoted_post"), _inner(item, "reposted_post")
    is_repost = item.get("media_type") == REPOST or (reposted is not None and not text)
    root, parent = _inner(item, "root_post"), _inner(item, "replied_to")
    kind: Kind = "post"
    if is_repost:
        kind = "repost"
    elif item.get("is_quote_post") is True or quoted is not None:
        kind = "quote"
    elif item.get("is_reply") is True or parent is not None:
        kind = "reply"
    said = "" if is_repost else text
    topic, link = item.get("topic_tag"), urls.safe(item.get("link_attachment_url"))
    return Post(
        PLATFORM,
        number,
        url=permalink,
        account=_account(item),
        kind=kind,
        text=said,
        published_at=at(item),
        in_reply_to=parent or root if kind == "reply" else parent,
        thread=root,
        refers_to=reposted if is_repost else quoted,
        mentions=tuple(dict.fromkeys(f"@{name.rstrip('.')}" for name in _NAMED.findall(said))),
        links=(link,) if link and not is_repost else (),
        tags=tuple(dict.fromkeys([*([str(topic)] if topic else []), *_TAG.findall(said)])),
        media=_media(item, permalink),
    )


def at(item: Any) -> datetime | None:
    """Read when a post was made; None: it does not say."""
    value = item.get("timestamp") if isinstance(item, dict) else None
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _id(item: Json) -> str:
    number = item["id"]
    if not isinstance(number, str) or not number.isdecimal():
        raise ValueError("an id is digits")
    return number


def _inner(item: Json, key: str) -> str | None:
    inner = item.get(key)
    return str(inner["id"]) if isinstance(inner, dict) and inner.get("id") else None


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError("a text is a text")
    return value or ""


def _account(item: Json) -> Account | None:
    """Give the author by name: of others the platform tells no number."""
    name = item.get("username")
    if not isinstance(name, str) or not name:
        return None
    return Account(PLATFORM, name, handle=f"@{name}", url=urls.safe(f"https://www.threads.net/@{name}"))


def _media(item: Json, permalink: str | None) -> tuple[Media, ...]:
    """Show where the pictures are: the files' own addresses run out after days."""
    if item.get("media_type") not in _SHOWN or permalink is None:
        return ()
    return (Media(permalink, alt=_text(item.get("alt_text")) or None),)

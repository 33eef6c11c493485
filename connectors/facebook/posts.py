"""Read posts and comments of pages. No I/O."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from connectors.facebook.graph import when
from listener import urls
from listener.types import Account, Counts, Media, Post

PLATFORM: Final = "facebook"
POST_FIELDS: Final = (
    "id,message,story,created_time,permalink_url,from{id,name},message_tags,status_type,shares,"
    "attachments{type,media_type,title,description,unshimmed_url,url},"
    "comments.filter(stream).summary(true).limit(0),reactions.summary(true).limit(0)"
)
COMMENT_FIELDS: Final = (
    "id,message,created_time,permalink_url,from{id,name},message_tags,parent{id},comment_count,like_count,"
    "attachment{type,title,url}"
)
_COMMENT: Final = re.compile(r"https://www\.facebook\.com/[^/?]+/(?:posts|videos|photos)/(?:[^?]*/)?(\d+)/?\?(.+)")
_TAG: Final = re.compile(r"(?<![\w&/])#(\w{1,100})")
_OWN: Final = re.compile(r"(?:[\w-]+\.)?(?:facebook\.com|fb\.watch)")

Json = Mapping[str, Any]


def post(item: Json, *, by_page: bool = False) -> Post:
    """Read a post; `by_page`: the list holds the page's own posts only.

    Source: https://developers.facebook.com/docs/graph-api/reference/post, read 2026-11-23.
    """
    number = _id(item)
    attached = _attached(item)
    message = _text(item.get("message"))
    titles = [one.get("title") for one in attached if one.get("type") in ("share", "native_templates", "event")]
    shares = item.get("shares")
    return Post(
        PLATFORM,
        number,
        url=urls.safe(item.get("permalink_url")) or _permalink(number),
        account=_account(item.get("from"), number.partition("_")[0] if by_page else None),
        title=next((str(one) for one in titles if one), None),
        text=message or _text(item.get("story")),
        published_at=when(item.get("created_time")),
        mentions=_mentions(item),
        links=_links(attached),
        tags=tuple(dict.fromkeys(_TAG.findall(message))),
        media=_media(attached),
        counts=Counts(
            replies=_total(item.get("comments")),
            likes=_total(item.get("reactions")),
            reposts=shares["count"] if isinstance(shares, dict) and type(shares.get("count")) is int else None,
        ),
    )


def comment(item: Json, of_post: str | None) -> Post:
    """Read a comment of a post.

    Source: https://developers.facebook.com/docs/graph-api/reference/comment, read 2026-11-23.
    """
    permalink = urls.safe(item.get("permalink_url"))
    number = str(item["id"]) if item.get("id") else _of_permalink(permalink)
    parent, attached = item.get("parent"), item.get("attachment")
    attached = [attached] if isinstance(attached, dict) else []
    counted = item.get("comment_count"), item.get("like_count")
    replies, likes = (one if type(one) is int else None for one in counted)
    return Post(
        PLATFORM,
        number,
        url=permalink or _permalink(number),
        account=_account(item.get("from"), None),
        kind="reply",
        text=_text(item.get("message")),
        published_at=when(item.get("created_time")),
        in_reply_to=str(parent["id"]) if isinstance(parent, dict) and parent.get("id") else of_post,
        thread=of_post,
        mentions=_mentions(item),
        links=_links(attached),
        media=_media(attached),
        counts=Counts(replies=replies, likes=likes),
    )


def _id(item: Json) -> str:
    number = item["id"]
    if not isinstance(number, str) or not re.fullmatch(r"[\w.-]{1,100}", number):
        raise ValueError("an id is digits")
    return number


def _of_permalink(permalink: str | None) -> str:
    """Find a comment's id in its address, for answers that leave it out."""
    match = _COMMENT.fullmatch(permalink or "")
    asked = parse_qs(match[2]) if match else {}
    number = (asked.get("reply_comment_id") or asked.get("comment_id") or [""])[0]
    if match is None or not number:
        raise ValueError("a comment has an id")
    return f"{match[1]}_{number}"


def _permalink(number: str) -> str:
    page, _, rest = number.partition("_")
    return f"https://www.facebook.com/{page}/posts/{rest}" if rest else f"https://www.facebook.com/{page}"


def _account(author: object, page: str | None) -> Account | None:
    """Give the author; None: the token may not see who it is."""
    if isinstance(author, dict) and author.get("id"):
        number = str(author["id"])
        return Account(PLATFORM, number, name=author.get("name"), url=urls.safe(f"https://www.facebook.com/{number}"))
    return Account(PLATFORM, page, url=urls.safe(f"https://www.facebook.com/{page}")) if page else None


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError("a message is a text")
    return value or ""


def _attached(item: Json) -> list[Json]:
    found = item.get("attachments")
    listed = found.get("data") if isinstance(found, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _links(attached: list[Json]) -> tuple[str, ...]:
    """List what a post points at outside, by the address that is not counted."""
    found = [urls.safe(one.get("unshimmed_url") or one.get("url")) for one in attached]
    return tuple(url for url in found if url and not _OWN.fullmatch(urls.host(url) or ""))


def _media(attached: list[Json]) -> tuple[Media, ...]:
    """List the pages of pictures and films: the files' own addresses run out after days."""
    found = []
    for one in attached:
        url = urls.safe(one.get("url"))
        kind = str(one.get("media_type") or one.get("type"))
        if url and _OWN.fullmatch(urls.host(url) or "") and kind.startswith(("photo", "video", "album", "sticker")):
            found.append(Media(url, alt=one.get("title") or None))
    return tuple(found)


def _mentions(item: Json) -> tuple[str, ...]:
    return tuple(f"@{one['name']}" for one in item.get("message_tags") or () if one.get("name"))


def _total(edge: object) -> int | None:
    summary = edge.get("summary") if isinstance(edge, dict) else None
    total = summary.get("total_count") if isinstance(summary, dict) else None
    return total if type(total) is int else None

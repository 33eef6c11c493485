"""Read an item of Hacker News, whichever of the two interfaces it came from. No I/O."""

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from listener import urls
from listener.html import links, to_text
from listener.types import Account, Counts, Post

SITE: Final = "https://news.ycombinator.com"
PLATFORM: Final = "hackernews"


def is_gone(item: Mapping[str, Any]) -> bool:
    """Say whether the author deleted an item, or the site killed it."""
    return item.get("deleted") is True or item.get("dead") is True


def of_item(item: Mapping[str, Any]) -> Post | None:
    """Read an item in Firebase's shape; None: gone, or the option of a poll.

    Source: https://github.com/HackerNews/API, "Items".
    """
    number, kind = item["id"], item.get("type")
    if type(number) is not int or number <= 0:
        raise ValueError("an id is a positive integer")
    if is_gone(item) or kind not in ("story", "job", "poll", "comment"):
        return None
    is_reply = kind == "comment"
    content = item.get("text") or ""
    title = html.unescape(item["title"]) if item.get("title") else None
    permalink = f"{SITE}/item?id={number}"
    found = dict.fromkeys([urls.safe(item.get("url")), *links(content, permalink)])
    return Post(
        PLATFORM,
        str(number),
        url=permalink,
        account=_account(item.get("by")),
        kind="reply" if is_reply else "post",
        title=title,
        text=to_text(content),
        published_at=_when(item.get("time")),
        in_reply_to=_id(item.get("parent")) if is_reply else None,
        thread=_id(item.get("root")) if is_reply else str(number),
        links=tuple(url for url in found if url),
        tags=("job",) if kind == "job" else _tags(title),
        counts=Counts(replies=_count(item.get("descendants")), score=_count(item.get("score"))),
        visibility="public",
    )


def of_hit(hit: Mapping[str, Any]) -> Post | None:
    """Read a search hit as the item that it stands for, so that a post read in two ways is the same.

    Source: https://hn.algolia.com/api.
    """
    tags = hit.get("_tags") or ()
    is_comment = "comment" in tags or hit.get("comment_text") is not None
    return of_item(
        {
            "id": int(hit["objectID"]),
            "type": "comment" if is_comment else "job" if "job" in tags else "story",
            "by": hit.get("author"),
            "time": hit.get("created_at_i"),
            "title": None if is_comment else hit.get("title"),
            "text": hit.get("comment_text") if is_comment else hit.get("story_text"),
            "url": None if is_comment else hit.get("url"),
            "parent": hit.get("parent_id"),
            "root": hit.get("story_id"),
            "descendants": hit.get("num_comments"),
            "score": hit.get("points"),
        }
    )


def _account(by: object) -> Account | None:
    if not isinstance(by, str) or not by:
        return None
    return Account(PLATFORM, by, handle=by, url=f"{SITE}/user?id={quote(by, safe='', errors='replace')}")


def _tags(title: str | None) -> tuple[str, ...]:
    match = re.match(r"(ask|show|tell|launch) hn\b", title or "", re.IGNORECASE)
    return (match[1].lower(),) if match else ()


def _when(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if type(seconds) is int and 0 < seconds < 253_402_300_800 else None


def _id(number: object) -> str | None:
    return str(number) if type(number) is int else None


def _count(number: object) -> int | None:
    return number if type(number) is int else None

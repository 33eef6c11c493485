"""Read topics and posts of a Discourse forum. No I/O.

Ids are those that the forum's own RSS gives: `FORUM/topic-12` for a topic and its first post, `FORUM/post-12-3` for the
third post in it.
"""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from listener import urls
from listener.html import links, to_text
from listener.moments import utc
from listener.types import Account, Counts, Media, Post

PLATFORM: Final = "discourse"
LIKE: Final = 2
"""The number of "like" among the kinds of actions."""
SPOKEN: Final = (1, 2)
"""Kinds of posts: by people and by moderators; 3 is what the forum notes itself, such as "closed this topic"."""
_LONGEST: Final = 400_000
_ANCHOR: Final = re.compile(r"<a\b[^<>]*>")
_IMAGE: Final = re.compile(r"<img\b[^<>]*>")
_ATTRIBUTE: Final = re.compile(r'\b(src|alt|class|href)="([^"<>]*)"')
_OWN: Final = frozenset(
    {"mention", "mention-group", "hashtag", "hashtag-cooked", "anchor", "lightbox", "badge-category"}
)
_NOT_SHOWN: Final = frozenset({"emoji", "avatar", "site-icon", "thumbnail"})

Item = Mapping[str, Any]


def topic_id(forum: str, number: object) -> str:
    """Name a topic, which is its first post too."""
    return f"{forum}/topic-{number}"


def native_id(item: Item, forum: str) -> str:
    """Name a post by its topic and its place in it."""
    topic, number = _positive(item["topic_id"]), _positive(item["post_number"])
    return topic_id(forum, topic) if number == 1 else f"{forum}/post-{topic}-{number}"


def is_gone(item: Item) -> bool:
    """Say whether a post was deleted, or hidden by the community."""
    return item.get("deleted_at") is not None or item.get("user_deleted") is True or item.get("hidden") is True


def post(item: Item, forum: str, topic: Item) -> Post | None:
    """Read a post; None: gone, or a note of the forum itself. `topic`: what is known of the topic it stands in.

    Source: https://docs.discourse.org, "Posts" (PostSerializer), read 2026-11-23.
    """
    one = native_id(item, forum)
    if is_gone(item) or item.get("post_type", 1) not in SPOKEN:
        return None
    number, root = item["post_number"], topic_id(forum, item["topic_id"])
    slug = str(item.get("topic_slug") or topic.get("slug") or "-")
    permalink = f"https://{forum}/t/{_path(slug)}/{item['topic_id']}" + (f"/{number}" if number > 1 else "")
    cooked = str(item.get("cooked") or "")[:_LONGEST]
    title = item.get("topic_title") or topic.get("title")
    return Post(
        PLATFORM,
        one,
        url=permalink,
        account=account(item, forum),
        kind="post" if number == 1 else "reply",
        title=html.unescape(str(title)) if title and number == 1 else None,
        text=to_text(cooked) if cooked else to_text(str(item.get("blurb") or "")),
        published_at=utc(item.get("created_at")),
        edited_at=utc(item.get("updated_at")) if _count(item.get("version")) not in (None, 1) else None,
        in_reply_to=_parent(item, forum, root),
        thread=root,
        mentions=tuple(_mentions(cooked)),
        links=links(_ANCHOR.sub(_without_own, cooked), permalink),
        tags=_tags(topic) if number == 1 else (),
        media=tuple(_media(cooked, permalink)),
        community=_community(item, topic, forum),
        counts=_counts(item, topic),
        instance=forum,
        visibility="public",
        answered=_answered(item, topic) if number == 1 else None,
    )


def topic(item: Item, forum: str, users: Mapping[object, Item]) -> Post:
    """Read a topic as a list shows it, for one whose posts cannot be had."""
    number = _positive(item["id"])
    posters = item.get("posters")
    first = posters[0] if isinstance(posters, list) and posters and isinstance(posters[0], dict) else {}
    return Post(
        PLATFORM,
        topic_id(forum, number),
        url=f"https://{forum}/t/{_path(str(item.get('slug') or '-'))}/{number}",
        account=account(users.get(first.get("user_id"), {}), forum),
        title=html.unescape(str(item["title"])),
        text=to_text(str(item.get("excerpt") or "")),
        published_at=utc(item.get("created_at")),
        thread=topic_id(forum, number),
        tags=_tags(item),
        community=_community(item, item, forum),
        counts=_counts({}, item),
        instance=forum,
        visibility="public",
        answered=_answered({}, item),
    )


def account(item: Item, forum: str) -> Account | None:
    """Read an author; the forum's own voices have negative numbers."""
    name, number = item.get("username"), item.get("user_id", item.get("id"))
    if not isinstance(name, str) or not name:
        return None
    return Account(
        PLATFORM,
        f"{forum}/{name}",
        handle=name,
        name=str(item.get("name") or "") or None,
        url=urls.safe(f"https://{forum}/u/{_path(name)}"),
        is_bot=number < 0 if type(number) is int else None,
    )


def _parent(item: Item, forum: str, root: str) -> str | None:
    if item["post_number"] == 1:
        return None
    number = item.get("reply_to_post_number")
    if type(number) is not int or number <= 1:
        return root
    return f"{forum}/post-{item['topic_id']}-{number}"


def _community(item: Item, topic: Item, forum: str) -> str | None:
    slug = item.get("category_slug") or topic.get("category_slug")
    number = item.get("category_id") or topic.get("category_id")
    return f"{forum}/c/{slug or number}" if slug or number else None


def _counts(item: Item, topic: Item) -> Counts:
    actions = item.get("actions_summary")
    likes = [one.get("count") for one in actions if isinstance(one, dict) and one.get("id") == LIKE] if actions else []
    is_first = item.get("post_number", 1) == 1
    replies = _count(topic.get("posts_count")) if is_first else None
    said = likes[0] if likes else item.get("like_count", topic.get("like_count") if not item else None)
    return Counts(replies=replies - 1 if replies else _count(item.get("reply_count")), likes=_count(said))


def _answered(item: Item, topic: Item) -> bool | None:
    """Say whether a question is solved, where the forum has that add-on."""
    for said in (topic.get("has_accepted_answer"), topic.get("accepted_answer")):
        if isinstance(said, bool | dict):
            return bool(said)
    return False if item.get("can_accept_answer") is True else None


def _tags(topic: Item) -> tuple[str, ...]:
    found = topic.get("tags")
    names = [one.get("name") if isinstance(one, dict) else one for one in found] if isinstance(found, list) else []
    return tuple(name for name in names if isinstance(name, str) and name)


def _mentions(cooked: str) -> Iterator[str]:
    for anchor in _ANCHOR.findall(cooked):
        found = dict(_ATTRIBUTE.findall(anchor))
        if "mention" in found.get("class", "").split():
            name = found.get("href", "").rstrip("/").rpartition("/")[2]
            if name:
                yield f"@{name}"


def _without_own(anchor: re.Match[str]) -> str:
    found = dict(_ATTRIBUTE.findall(anchor[0]))
    return "<a>" if _OWN & set(found.get("class", "").split()) else anchor[0]


def _media(cooked: str, base: str) -> Iterator[Media]:
    for image in _IMAGE.findall(cooked):
        found = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(image)}
        url = urls.join(base, found.get("src", "")) if found.get("src") else None
        if url is not None and not _NOT_SHOWN & set(found.get("class", "").split()):
            yield Media(url, alt=found.get("alt") or None)


def _path(part: str) -> str:
    return re.sub(r"[^\w.%-]", "-", part)


def _positive(number: object) -> int:
    if type(number) is not int or number <= 0:
        raise ValueError("an id is a positive integer")
    return number


def _count(number: object) -> int | None:
    return number if type(number) is int else None

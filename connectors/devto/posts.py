"""Read articles and comments of Forem, the software of dev.to. No I/O."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from connectors.devto.queries import SITE
from listener import urls
from listener.html import links, to_text
from listener.moments import utc
from listener.types import Account, Counts, Media, Post

PLATFORM: Final = "devto"

Item = Mapping[str, Any]


def native_id(item: Item) -> str:
    """Name an article by its address, as its RSS does."""
    url = urls.safe(item.get("url") or None) or urls.safe(f"{SITE}{item['path']}")
    if url is None:
        raise ValueError("an article has an address")
    return url


def article(item: Item) -> Post:
    """Read an article, whole or as a list shows it; in the one `tags` is the list, in the other `tag_list`.

    Source: https://developers.forem.com/api/v1, Article, read 2026-11-23.
    """
    url = native_id(item)
    body = str(item.get("body_html") or "")
    canonical = urls.safe(item.get("canonical_url") or None)
    found = dict.fromkeys([canonical if canonical != url else None, *links(body, url)])
    organisation = item.get("organization")
    cover = urls.safe(item.get("cover_image") or None)
    return Post(
        PLATFORM,
        url,
        url=url,
        account=account(item.get("user")),
        title=str(item["title"]),
        text=to_text(body) if body else str(item.get("description") or ""),
        lang=item["language"] if isinstance(item.get("language"), str) else None,
        published_at=utc(item.get("published_timestamp") or item.get("published_at")),
        edited_at=utc(item.get("edited_at")),
        thread=url,
        links=tuple(link for link in found if link is not None),
        tags=_tags(item),
        media=(Media(cover),) if cover is not None else (),
        community=str(organisation.get("username") or "") or None if isinstance(organisation, dict) else None,
        counts=Counts(replies=_count(item.get("comments_count")), likes=_count(item.get("public_reactions_count"))),
        visibility="public",
    )


def comments(tree: object, parent: str) -> Iterator[tuple[Item, str]]:
    """List a tree of comments, each with the native id of what it answers."""
    left = [(one, parent) for one in tree] if isinstance(tree, list) else []
    while left:
        one, above = left.pop(0)
        yield one, above
        if isinstance(one, dict) and isinstance(one.get("children"), list) and isinstance(one.get("id_code"), str):
            left += [(child, comment_id(one)) for child in one["children"]]


def comment_id(item: Item) -> str:
    """Name a comment; who wrote it is not part of it, because a deleted one does not say."""
    code = item["id_code"]
    if not isinstance(code, str) or not code.isalnum():
        raise ValueError("an id is a word")
    return f"comment/{code}"


def is_gone(item: Item) -> bool:
    """Say whether a comment was deleted by its author or hidden by the article's: it names nobody then."""
    return item.get("user") in ({}, None)


def comment(item: Item, parent: str, thread: str) -> Post | None:
    """Read a comment; None: it is gone."""
    one = comment_id(item)
    if is_gone(item):
        return None
    author = account(item["user"])
    body = str(item.get("body_html") or "")
    permalink = f"{SITE}/{author.handle if author and author.handle else 'comments'}/comment/{item['id_code']}"
    return Post(
        PLATFORM,
        one,
        url=urls.safe(permalink),
        account=author,
        kind="reply",
        text=to_text(body),
        published_at=utc(item.get("created_at")),
        in_reply_to=parent,
        thread=thread,
        links=links(body, permalink),
        visibility="public",
    )


def account(user: object) -> Account | None:
    """Read an author."""
    name = user.get("username") if isinstance(user, dict) else None
    if not isinstance(user, dict) or not isinstance(name, str) or not name:
        return None
    shown = str(user.get("name") or "") or None
    return Account(PLATFORM, name, handle=name, name=shown, url=urls.safe(f"{SITE}/{name}"))


def _tags(item: Item) -> tuple[str, ...]:
    for found in (item.get("tag_list"), item.get("tags")):
        if isinstance(found, list):
            return tuple(tag for tag in found if isinstance(tag, str) and tag)
    text = item.get("tag_list") or item.get("tags")
    return tuple(tag for part in text.split(",") if (tag := part.strip())) if isinstance(text, str) else ()


def _count(number: object) -> int | None:
    return number if type(number) is int else None

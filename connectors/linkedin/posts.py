"""Read posts and comments of LinkedIn's interface. No I/O."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from listener import urls
from listener.types import Account, Counts, Kind, Post, Visibility

PLATFORM: Final = "linkedin"
_MARK: Final = re.compile(
    r"@\[((?:\\.|[^\]\\]){1,300})\]\s?\((urn:li:\w+:[\w-]+)\)|\{hashtag\|\\?[#＃]\|((?:\\.|[^}\\]){1,300})\}|\\(.)|#(\w{1,100})",
    re.DOTALL,
)
_URN: Final = re.compile(r"urn:li:\w+:[\w-]+", re.ASCII)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_VISIBILITY: Final[Mapping[str, Visibility]] = {"PUBLIC": "public", "CONNECTIONS": "followers", "LOGGED_IN": "unlisted"}

Json = Mapping[str, Any]


class Written(NamedTuple):
    """A plain text, whom it names and its tags."""

    text: str
    mentions: tuple[str, ...]
    tags: tuple[str, ...]


def little(text: str) -> Written:
    """Read "little text": escapes, `@[Name](urn)`, `{hashtag|#|tag}`.

    Source: https://learn.microsoft.com/linkedin/marketing/community-management/shares/little-text-format, read
    2026-11-23.
    """
    mentions: dict[str, None] = {}
    tags: dict[str, None] = {}

    def shown(match: re.Match[str]) -> str:
        name, _, template, escaped, tag = match.groups()
        if escaped is not None:
            return escaped
        if name is not None:
            mentions[_ESCAPE.sub(r"\1", name)] = None
            return _ESCAPE.sub(r"\1", name)
        word = tag if template is None else _ESCAPE.sub(r"\1", template)
        tags[word] = None
        return f"#{word}"

    return Written(_MARK.sub(shown, text), tuple(mentions), tuple(tags))


def post(item: Json) -> Post | None:
    """Read a post; None: a draft, or one that is not out yet."""
    name = urn(item)
    if not name or not _URN.fullmatch(name):
        raise ValueError("a post has a URN")
    if item.get("lifecycleState") not in (None, "PUBLISHED"):
        return None
    written = little(item.get("commentary") or "")
    shared = item.get("reshareContext")
    parent = shared.get("parent") if isinstance(shared, dict) else None
    title, links, more = _content(item.get("content"))
    text = "\n\n".join(part for part in (written.text, more) if part)
    kind: Kind = "post" if not parent else "quote" if text else "repost"
    published, changed = _when(item.get("publishedAt")) or _when(item.get("createdAt")), changed_at(item)
    edited = isinstance(item.get("lifecycleStateInfo"), dict) and item["lifecycleStateInfo"].get("isEditedByAuthor")
    return Post(
        PLATFORM,
        name,
        url=urls.safe(permalink(name)),
        account=account(item.get("author")),
        kind=kind,
        title=None if kind == "repost" else title,
        text=text,
        published_at=published,
        edited_at=changed if edited else None,
        refers_to=str(parent) if parent else None,
        mentions=written.mentions,
        links=links,
        tags=written.tags,
        visibility=_VISIBILITY.get(str(item.get("visibility"))),
    )


def comment(item: Json, asked: str) -> Post | None:
    """Read a comment of the post or comment `asked`."""
    name = item.get("commentUrn") or item.get("$URN")
    number, root = item.get("id"), item.get("object") or asked
    if not isinstance(root, str) or not root.startswith("urn:li:"):
        raise ValueError("what is commented on has a URN")
    name = str(name or f"urn:li:comment:({root},{number})")
    if not (number or item.get("commentUrn")):
        raise ValueError("a comment has an id")
    message, created = item["message"], item.get("created")
    modified, parent = item.get("lastModified"), item.get("parentComment")
    at = _when(created.get("time")) if isinstance(created, dict) else None
    changed = _when(modified.get("time")) if isinstance(modified, dict) else None
    likes, replies = item.get("likesSummary"), item.get("commentsSummary")
    return Post(
        PLATFORM,
        name,
        url=urls.safe(f"{permalink(root)}?commentUrn={quote(name, safe='')}") or urls.safe(permalink(asked)),
        account=account(item.get("actor")),
        kind="reply",
        text=str(message.get("text") or ""),
        published_at=at,
        edited_at=changed if changed and at and changed > at else None,
        in_reply_to=str(parent or root),
        thread=root,
        counts=Counts(
            replies=_count(replies, "aggregatedTotalComments"),
            likes=_count(likes, "aggregatedTotalLikes", "totalLikes"),
        ),
    )


def urn(item: Any) -> str | None:
    """Give a post's URN; None: it has none."""
    name = item.get("id") if isinstance(item, dict) else None
    return name if isinstance(name, str) and name.startswith("urn:li:") else None


def answered(item: Any) -> str | None:
    """Give the URN of a comment that has answers; None: it has none."""
    if not isinstance(item, dict) or not _count(item.get("commentsSummary"), "aggregatedTotalComments"):
        return None
    name = item.get("commentUrn")
    return name if isinstance(name, str) else None


def changed_at(item: Any) -> datetime | None:
    """Give when a post was last changed, by which lists are ordered."""
    return _when(item.get("lastModifiedAt")) or _when(item.get("publishedAt")) if isinstance(item, dict) else None


def permalink(name: str) -> str:
    """Give the address of a post."""
    return f"https://www.linkedin.com/feed/update/{name}/"


def account(name: object) -> Account | None:
    """Give who a URN stands for; the interface tells no names of members."""
    if not isinstance(name, str) or not name.startswith("urn:li:"):
        return None
    kind, _, number = name.removeprefix("urn:li:").partition(":")
    url = f"https://www.linkedin.com/company/{number}/" if kind == "organization" else None
    return Account(PLATFORM, name, url=urls.safe(url))


def _content(content: object) -> tuple[str | None, tuple[str, ...], str | None]:
    """Read what hangs on a post: an article's title and address, a poll's question."""
    if not isinstance(content, dict):
        return None, (), None
    article, poll = content.get("article"), content.get("poll")
    if isinstance(article, dict):
        source = urls.safe(article.get("source"))
        return article.get("title") or None, (source,) if source else (), None
    if isinstance(poll, dict):
        options = [f"- {one['text']}" for one in poll.get("options") or ()]
        return None, (), "\n".join([str(poll.get("question") or ""), *options])
    media = content.get("media")
    return (media.get("title") or None, (), None) if isinstance(media, dict) else (None, (), None)


def _count(summary: object, *names: str) -> int | None:
    found = [summary.get(name) for name in names] if isinstance(summary, dict) else []
    return next((one for one in found if type(one) is int), None)


def _when(ms: object) -> datetime | None:
    if not isinstance(ms, int) or isinstance(ms, bool) or not 0 < ms < 4_102_444_800_000:
        return None
    return datetime.fromtimestamp(ms / 1_000, UTC)

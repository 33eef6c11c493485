"""Read an export of one's own data: posts, comments, what was said in groups.

Its JSON was written twice over: each character of a text is a byte of UTF-8. Nothing in it has an id.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from connectors.facebook.files import EXPORT
from connectors.facebook.posts import PLATFORM
from listener import urls
from listener.errors import BadPayload
from listener.types import Account, Feed, Media, Page, Post, Reject

PAGE_ITEMS: Final = 500
SECTIONS: Final[Mapping[str, str]] = {
    "comments": "comments",
    "comments_v2": "comments",
    "group_comments": "group comments",
    "group_comments_v2": "group comments",
    "group_posts": "group posts",
    "group_posts_v2": "group posts",
    "status_updates": "posts",
    "posts": "posts",
}
DEPTH: Final = 4
_OF_ITEMS: Final = ("data", "attachments", "title")

Json = Mapping[str, Any]


def read(path: Path) -> Iterator[tuple[Feed, Page]]:
    """Yield the pages of every file that we know, each kind as a feed of its own."""
    alone = path.suffix.lower() == ".json"
    for name, content in EXPORT.files(path):
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            if alone:
                return
            raise BadPayload(f"{name}: it is no JSON; choose the format JSON for the export, not HTML") from error
        for kind, items in _sections(document):
            feed = Feed(0, PLATFORM, f"export/{kind}", PLATFORM, title=f"Facebook export: {kind}")
            for start in range(0, len(items), PAGE_ITEMS):
                yield feed, _page(kind, items[start : start + PAGE_ITEMS], name, start)


def _sections(document: Any, depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    """Find the lists of items, under the names that they were seen under."""
    if depth > DEPTH:
        return
    if isinstance(document, list):
        if any(_is_item(one) for one in document):
            yield "posts", document
            return
        for one in document:
            if isinstance(one, dict):
                yield from _sections(one, depth + 1)
    elif isinstance(document, dict):
        for key, kind in SECTIONS.items():
            found = document.get(key)
            found = found.get("activity_log_data") if isinstance(found, dict) else found
            if isinstance(found, list) and any(_is_item(one) for one in found):
                yield kind, found


def _is_item(one: Any) -> bool:
    at = one.get("timestamp", one.get("timestamp_ms")) if isinstance(one, dict) else None
    return type(at) is int and any(key in one for key in _OF_ITEMS)


def _page(kind: str, items: list[Any], name: str, start: int) -> Page:
    posts: dict[str, Post] = {}
    rejects: list[Reject] = []
    for number, item in enumerate(items, start + 1):
        try:
            post = _post(kind, repaired(item))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            why = f"{name}, item {number}: could not be read ({type(error).__name__})"
            rejects.append(Reject(None, why, json.dumps(item, default=repr)[:2_000]))
        else:
            if post is not None:
                posts[post.native_id] = post
    return Page(tuple(posts.values()), rejects=tuple(rejects))


def repaired(value: Any) -> Any:
    """Read every text once more as what its bytes were, keys too; one that was right stays as it is."""
    if isinstance(value, str):
        try:
            return value.encode("latin-1").decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            return value
    if isinstance(value, list):
        return [repaired(one) for one in value]
    if isinstance(value, dict):
        return {repaired(key): repaired(one) for key, one in value.items()}
    return value


@dataclass
class _Said:
    """What an item says, gathered from its many corners."""

    texts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)
    author: str | None = None
    group: str | None = None
    updated: datetime | None = None
    title: str | None = None

    def add(self, *texts: object) -> None:
        """Take texts, each once."""
        self.texts += [one for one in texts if isinstance(one, str) and one.strip() and one not in self.texts]


def _post(kind: str, item: Json) -> Post | None:
    at, said = _when(item.get("timestamp")) or _when(item.get("timestamp_ms"), 1_000), _Said()
    for one in item.get("data") or ():
        _own(one, said)
    for attachment in item.get("attachments") or ():
        for one in attachment.get("data") or ():
            _attached(one, said)
    text = "\n\n".join(one.strip() for one in said.texts)
    headline = item.get("title") if isinstance(item.get("title"), str) else None
    title = said.title or (None if text else headline)
    if not (title or text or said.links or said.media):
        return None
    marks = (kind, str(item.get("timestamp") or item.get("timestamp_ms")), headline or "", text, *said.links)
    return Post(
        PLATFORM,
        f"export/{blake2b(chr(31).join(marks).encode('utf-8', 'replace'), digest_size=16).hexdigest()}",
        account=Account(PLATFORM, f"name/{said.author}", name=said.author) if said.author else None,
        kind="reply" if "comments" in kind else "post",
        title=title,
        text=text,
        published_at=at,
        edited_at=said.updated if said.updated and at and said.updated > at else None,
        links=tuple(dict.fromkeys(said.links)),
        media=tuple(said.media),
        community=said.group,
    )


def _own(one: Json, said: _Said) -> None:
    said.add(one.get("post"))
    said.updated = _when(one.get("update_timestamp")) or said.updated
    comment = one.get("comment")
    if isinstance(comment, dict):
        said.add(comment.get("comment"))
        said.author = comment.get("author") or said.author
        said.group = comment.get("group") or said.group


def _attached(one: Json, said: _Said) -> None:
    context, event, poll, note = (one.get(key) or {} for key in ("external_context", "event", "poll", "note"))
    link = urls.safe(context.get("url"))
    said.links += [link] if link else []
    said.title = said.title or context.get("name") or event.get("name") or note.get("title") or None
    said.add(note.get("text"), event.get("description"))
    if poll:
        options = [f"- {option['option']}" for option in poll.get("options") or ()]
        said.add("\n".join([str(poll.get("question") or ""), *options]))
    media = one.get("media") or {}
    said.add(media.get("description"), one.get("text"))
    address = urls.safe(media.get("uri"))
    said.media += [Media(address, alt=media.get("description") or None)] if address else []


def _when(value: object, units: int = 1) -> datetime | None:
    if type(value) is not int or not 0 < value < 4_102_444_800 * units:
        return None
    return datetime.fromtimestamp(value / units, UTC)

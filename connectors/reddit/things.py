"""Read what the interface calls things: links (`t3_`), comments (`t1_`), messages (`t4_`). No I/O."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from listener import urls
from listener.errors import BadPayload
from listener.html import links, to_text
from listener.types import Account, Counts, Kind, Media, Post, Visibility

PLATFORM: Final = "reddit"
SITE: Final = "https://www.reddit.com"
GONE: Final = frozenset({"[deleted]", "[removed]", "[ Removed by Reddit ]", "[deleted by user]"})
"""What stands in place of a text that its author, or a moderator, took away."""
BOTS: Final = frozenset({"AutoModerator"})

_FRAME: Final = re.compile(r"https?://(?:[\w-]+\.)?reddit\.com/(?:u|user|r)/[\w-]+/?", re.IGNORECASE)
_MENTION: Final = re.compile(r"(?<![\w/])/?u/([\w-]{2,40})")
_THREAD: Final = re.compile(r"/comments/(\w+)")
_MIMES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
_VISIBILITIES: Final[Mapping[str, Visibility]] = {
    **dict.fromkeys(("public", "restricted", "user", "archived", "gold_restricted"), "public"),
    **dict.fromkeys(("private", "employees_only", "gold_only"), "private"),
}

Data = Mapping[str, Any]
"""Raw JSON, hence Any."""


def listed(body: object) -> tuple[list[tuple[str, Data]], str | None]:
    """List the things of a listing (a thread comes as two), with all replies, and where the next page begins."""
    listings = body if isinstance(body, list) else [body]
    found: list[tuple[str, Data]] = []
    after: object = None
    for listing in listings:
        data = listing.get("data") if isinstance(listing, Mapping) else None
        if not isinstance(data, Mapping) or not isinstance(data.get("children"), list):
            raise BadPayload("the answer is no listing")
        found.extend(_flat(data["children"]))
        after = data.get("after")
    if not listings:
        raise BadPayload("the answer is no listing")
    return found, after if isinstance(after, str) and after else None


def is_gone(thing: tuple[str, Data]) -> bool:
    """Say whether its author or a moderator took it away. A link stays where only its author's account went."""
    kind, data = thing
    if kind == "t1":
        return data.get("body") in GONE
    return kind == "t3" and (data.get("selftext") in GONE or bool(data.get("removed_by_category")))


def name_of(thing: tuple[str, Data]) -> str:
    """Name a thing as the platform does. Raises ValueError where it is none."""
    kind, data = thing
    number = data["id"]
    if kind not in ("t1", "t3", "t4") or not isinstance(number, str) or not re.fullmatch(r"\w+", number):
        raise ValueError("no thing that can be named")
    return f"{kind}_{number}"


def post(thing: tuple[str, Data]) -> Post | None:
    """Read a thing; None: taken away, or none that anybody said (a subreddit, `more`)."""
    kind, data = thing
    if kind not in ("t1", "t3", "t4") or is_gone(thing):
        return None
    return _link(thing, data) if kind == "t3" else _said(thing, data)


def when(thing: tuple[str, Data]) -> datetime | None:
    """Read when the platform took it in."""
    return _when(thing[1].get("created_utc"))


def mentions(text: str) -> tuple[str, ...]:
    """List who is mentioned, as `u/name`."""
    return tuple(dict.fromkeys(f"u/{name}" for name in _MENTION.findall(text)))


def picture(url: str) -> Media | None:
    """Take a link to one of the platform's own pictures as a picture."""
    parts = urlsplit(url)
    mime = _MIMES.get(PurePosixPath(parts.path).suffix.lower())
    return Media(url, mime) if parts.hostname in ("i.redd.it", "preview.redd.it", "i.imgur.com") and mime else None


def _link(thing: tuple[str, Data], data: Data) -> Post:
    """Read a post; one that passes another on (a crosspost) is a repost, or, under words of its own, a quote."""
    permalink = urls.join(SITE, str(data.get("permalink") or f"/comments/{data['id']}/")) or SITE
    text, found = _text(data.get("selftext_html"), data.get("selftext"), permalink)
    target = urls.join(SITE, str(data.get("url_overridden_by_dest") or data.get("url") or ""))
    original = data.get("crosspost_parent")
    kind: Kind = "post"
    if isinstance(original, str) and original:
        parents = [one for one in data.get("crosspost_parent_list") or () if isinstance(one, Mapping)]
        kind = "repost" if any(one.get("title") == data.get("title") for one in parents) else "quote"
    is_self = data.get("is_self") is True or kind in ("repost", "quote")
    flair, warnings = data.get("link_flair_text"), _warnings(data)
    return Post(
        PLATFORM,
        name_of(thing),
        url=permalink,
        account=_account(data),
        kind=kind,
        title=None if kind == "repost" else _string(data.get("title")),
        text="" if kind == "repost" else text,
        published_at=when(thing),
        edited_at=_when(data.get("edited")),
        thread=name_of(thing),
        refers_to=original if kind in ("repost", "quote") else None,
        mentions=mentions(text),
        links=tuple(
            link for link in dict.fromkeys((None if is_self else target, *found)) if link and link != permalink
        ),
        tags=(flair.strip(),) if isinstance(flair, str) and flair.strip() else (),
        media=() if kind == "repost" else _media(data, target),
        community=_community(data),
        counts=Counts(replies=_int(data.get("num_comments")), score=_int(data.get("score"))),
        visibility=_VISIBILITIES.get(str(data.get("subreddit_type"))),
        warning=warnings,
    )


def _said(thing: tuple[str, Data], data: Data) -> Post:
    """Read a comment, also as it stands in the inbox, or a message."""
    is_message = thing[0] == "t4"
    permalink = _permalink(thing, data)
    text, found = _text(data.get("body_html"), data.get("body"), permalink)
    thread, parent = data.get("link_id"), data.get("parent_id")
    if not isinstance(thread, str):
        match = _THREAD.search(str(data.get("context") or permalink))
        thread = f"t3_{match[1]}" if match and not is_message else _string(data.get("first_message_name"))
    return Post(
        PLATFORM,
        name_of(thing),
        url=permalink,
        account=_account(data),
        kind="reply" if not is_message or parent else "post",
        title=_string(data.get("subject")) if is_message else None,
        text=text,
        published_at=when(thing),
        edited_at=_when(data.get("edited")),
        in_reply_to=_string(parent),
        thread=thread,
        mentions=mentions(text),
        links=tuple(link for link in found if link != permalink),
        community=None if is_message else _community(data),
        counts=None if is_message else Counts(score=_int(data.get("score"))),
        visibility="direct" if is_message else _VISIBILITIES.get(str(data.get("subreddit_type"))),
        warning=_warnings(data),
    )


def _flat(children: list[Any]) -> Iterator[tuple[str, Data]]:
    """Walk a tree of comments from the top, each before its replies."""
    left = list(reversed(children))
    while left:
        child = left.pop()
        data = child.get("data") if isinstance(child, Mapping) else None
        yield (str(child.get("kind")) if isinstance(child, Mapping) else "", data if isinstance(data, Mapping) else {})
        replies = data.get("replies") if isinstance(data, Mapping) else None
        inner = replies.get("data") if isinstance(replies, Mapping) else None
        if isinstance(inner, Mapping) and isinstance(inner.get("children"), list):
            left.extend(reversed(inner["children"]))


def _permalink(thing: tuple[str, Data], data: Data) -> str:
    if thing[0] == "t4":
        return f"{SITE}/message/messages/{data['id']}"
    place = data.get("permalink") or data.get("context")
    if not isinstance(place, str) or not place:
        place = f"/r/{data['subreddit']}/comments/{str(data['link_id']).removeprefix('t3_')}/_/{data['id']}/"
    return urls.join(SITE, place.partition("?")[0]) or SITE


def _text(rendered: object, source: object, base: str) -> tuple[str, tuple[str, ...]]:
    if not isinstance(rendered, str) or not rendered:
        return (source.strip() if isinstance(source, str) else ""), ()
    return to_text(rendered), tuple(link for link in links(rendered, base) if not _FRAME.fullmatch(link))


def _account(data: Data) -> Account | None:
    """Name the author; None: the account is gone."""
    name = data.get("author")
    if not isinstance(name, str) or not name or name in GONE:
        return None
    url = urls.safe(f"{SITE}/user/{name}")
    return Account(PLATFORM, name, handle=f"u/{name}", url=url, is_bot=True if name in BOTS else None)


def _community(data: Data) -> str | None:
    prefixed, name = data.get("subreddit_name_prefixed"), data.get("subreddit")
    if isinstance(prefixed, str) and prefixed:
        return prefixed
    return f"r/{name}" if isinstance(name, str) and name else None


def _warnings(data: Data) -> str | None:
    found = [word for key, word in (("over_18", "NSFW"), ("spoiler", "spoiler")) if data.get(key) is True]
    return ", ".join(found) or None


def _media(data: Data, target: str | None) -> tuple[Media, ...]:
    gallery, order = data.get("media_metadata"), data.get("gallery_data")
    if isinstance(gallery, Mapping):
        items = order.get("items") if isinstance(order, Mapping) else None
        names = (
            [one.get("media_id") for one in items if isinstance(one, Mapping)]
            if isinstance(items, list)
            else [*gallery]
        )
        shown = [gallery.get(name) for name in names if isinstance(name, str)]
        return tuple(media for one in shown if (media := _pictured(one)) is not None)
    holder = data.get("media")
    video = holder.get("reddit_video") if isinstance(holder, Mapping) else None
    if isinstance(video, Mapping) and (url := urls.safe(_string(video.get("fallback_url")))):
        seconds = video.get("duration")
        return (Media(url, "video/mp4", duration_s=float(seconds) if isinstance(seconds, int | float) else None),)
    found = picture(target) if target and data.get("is_self") is not True else None
    return (found,) if found is not None else ()


def _pictured(one: object) -> Media | None:
    source = one.get("s") if isinstance(one, Mapping) else None
    url = urls.safe(_string(source.get("u") or source.get("gif"))) if isinstance(source, Mapping) else None
    mime = one.get("m") if isinstance(one, Mapping) else None
    return Media(url, mime if isinstance(mime, str) else None) if url else None


def _when(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 253_402_300_800:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _int(value: object) -> int | None:
    return value if type(value) is int else None

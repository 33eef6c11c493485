"""From the rows of a feed to posts. A feed tells neither scores nor what a comment answers. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from connectors.reddit.things import BOTS, GONE, PLATFORM, mentions, picture
from listener import urls
from listener.types import Account, Media, Post

_REDDIT: Final = r"https?://(?:[\w-]+\.)?reddit\.com"
_FRAME: Final = re.compile(rf"{_REDDIT}/(?:u|user|r)/[\w-]+/?", re.IGNORECASE)
_THREAD: Final = re.compile(
    rf"{_REDDIT}/(?:r/(\w+)|u(?:ser)?/([\w-]+))/comments/(\w+)(?:/[^/?#]*(?:/(\w+))?)?/?(?:[?#].*)?"
)
_NAME: Final = re.compile(r"t[134]_\w+")
_USER: Final = re.compile(rf"{_REDDIT}/u(?:ser)?/([\w-]+)/?")
EDIT_S: Final = 60
"""`updated` counts as an edit from this many seconds after `published`."""

Row = Mapping[str, Any]
"""What the child process found, hence Any."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an entry's address says."""

    url: str | None
    community: str | None = None
    thread: str | None = None
    comment: str | None = None


def name_of(row: Row) -> str:
    """Name the post an entry stands for: `t3_…`, `t1_…`, `t4_…`. Raises ValueError where neither id nor link tells."""
    guid, place = row["guid"], _place(row["link"])
    if isinstance(guid, str) and _NAME.fullmatch(guid):
        return guid
    if place.comment or place.thread:
        return f"t1_{place.comment}" if place.comment else str(place.thread)
    raise ValueError("the entry has no id of Reddit's")


def is_gone(row: Row) -> bool:
    """Say whether its author or a moderator took the text away."""
    return row["text"] in GONE


def post(row: Row, *, is_public: bool) -> Post | None:
    """Read an entry; None: taken away."""
    if is_gone(row):
        return None
    name, place = name_of(row), _place(row["link"])
    is_reply, text = name.startswith("t1_"), str(row["text"])
    found = [link for link in row["links"] if not _FRAME.fullmatch(link)]
    links = [link for link in dict.fromkeys(found) if _place(link).url != place.url]
    published, updated = row["published_s"], row["updated_s"]
    is_edited = bool(published and updated and updated >= published + EDIT_S)
    return Post(
        PLATFORM,
        name,
        url=place.url,
        account=_account(row),
        kind="reply" if is_reply else "post",
        title=None if is_reply else row["title"],
        text=text,
        published_at=_when(published),
        edited_at=_when(updated) if is_edited else None,
        thread=place.thread if place.thread else (name if name.startswith("t3_") else None),
        mentions=mentions(text),
        links=tuple(links),
        tags=tuple(dict.fromkeys(tag for tag in row["tags"] if tag)),
        media=_media(row, links),
        community=place.community,
        visibility="direct" if name.startswith("t4_") else "public" if is_public else None,
    )


def _place(link: object) -> Place:
    if not isinstance(link, str):
        return Place(None)
    match = _THREAD.fullmatch(link)
    if match is None:
        return Place(urls.safe(link))
    subreddit, user, thread, comment = match.groups()
    path = urlsplit(link).path
    community = f"r/{subreddit}" if subreddit else f"u/{user}"
    return Place(urls.safe(f"https://www.reddit.com{path}"), community, f"t3_{thread}", comment)


def _account(row: Row) -> Account | None:
    """Name the author: as the feed does, or, in feeds that do not, as the frame around the text does."""
    name = re.sub(r"\A/?u/", "", row["author"] or "")
    profiles = [match[1] for link in row["links"] if (match := _USER.fullmatch(link))]
    name = name or (profiles[-1] if profiles else "")
    if not re.fullmatch(r"[\w-]+", name):
        return None
    url = f"https://www.reddit.com/user/{name}"
    return Account(PLATFORM, name, handle=f"u/{name}", url=url, is_bot=True if name in BOTS else None)


def _media(row: Row, links: list[str]) -> tuple[Media, ...]:
    whole = [media for link in links if (media := picture(link)) is not None]
    small = [Media(url) for found in row["pictures"] if (url := urls.safe(found))]
    return tuple(whole or small)


def _when(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if type(seconds) is int and abs(seconds) < 200_000_000_000 else None

"""Read posts of X from the raw JSON of its second API. No I/O."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from connectors.x.queries import SITE
from listener import urls
from listener.types import Account, Counts, Media, Post

PLATFORM: Final = "x"
FIELDS: Final = (
    "author_id", "conversation_id", "created_at", "edit_history_tweet_ids", "entities", "in_reply_to_user_id", "lang",
    "note_tweet", "possibly_sensitive", "public_metrics", "referenced_tweets",
)  # fmt: skip
USER_FIELDS: Final = ("name", "protected", "public_metrics", "username")

SNOWFLAKES_FROM_MS: Final = 1_288_834_974_657
"""Ids are times: milliseconds since this one, shifted by 22 bits. Source: docs.x.com/fundamentals/x-ids."""
_SNOWFLAKE: Final = 30_000_000_000
"""Ids below this one (November 2010) were only counted."""
# What the platform says where it found no language, and its old names of two.
_LANGS: Final[Mapping[str, str | None]] = {"und": None, "art": None, "zxx": None, "in": "id", "iw": "he"}
_NAME: Final = re.compile(r"\w{1,50}", re.ASCII)

# Any: everything here is raw JSON.
Users = Mapping[str, Mapping[str, Any]]
"""Users by their id."""


def tweet(item: Mapping[str, Any], users: Users, media: Mapping[str, Mapping[str, Any]] | None = None) -> Post:
    """Read a post. All versions of an edited one are one post, by the id of the first.

    Source: https://docs.x.com/x-api/fundamentals/data-dictionary.
    """
    number, first = _id(item["id"]), _first(item)
    author = _user(item.get("author_id"), users)
    refers = {one["type"]: _id(one["id"]) for one in item.get("referenced_tweets") or ()}
    # Without the author's name, which changes and is not always known: a post read again must not look edited.
    url = f"{SITE}/i/status/{number}"
    published_at = _moment(item.get("created_at")) if first == number else None
    published_at = published_at or taken_in(first) or _moment(item.get("created_at"))
    if "retweeted" in refers:
        return Post(
            PLATFORM,
            first,
            url=url,
            account=author,
            kind="repost",
            published_at=published_at,
            refers_to=refers["retweeted"],
            visibility=_visibility(item, users),
        )
    parent, quoted = refers.get("replied_to"), refers.get("quoted")
    text, links = _text(item)
    entities = item.get("entities") or {}
    return Post(
        PLATFORM,
        first,
        url=url,
        account=author,
        kind="reply" if parent else "quote" if quoted else "post",
        text=text,
        lang=_lang(item.get("lang")),
        published_at=published_at,
        edited_at=None if first == number else taken_in(number),
        in_reply_to=parent,
        thread=first if item.get("conversation_id") in (number, None) else item["conversation_id"],
        refers_to=quoted,
        mentions=tuple(str(one["username"]) for one in entities.get("mentions") or ()),
        links=links,
        tags=tuple(str(one["tag"]) for one in entities.get("hashtags") or ()),
        media=tuple(_media(item, media or {})),
        counts=_counts(item.get("public_metrics")),
        visibility=_visibility(item, users),
        warning="possibly sensitive" if item.get("possibly_sensitive") is True else None,
    )


def taken_in(number: str) -> datetime | None:
    """Give the time that an id stands for; None: it is older than that."""
    value = int(number)
    if value < _SNOWFLAKE or value >= 1 << 63:
        return None
    return datetime.fromtimestamp(((value >> 22) + SNOWFLAKES_FROM_MS) / 1_000, UTC)


def id_at(moment: datetime) -> int:
    """Give the smallest id of a time."""
    return max(int(moment.timestamp() * 1_000) - SNOWFLAKES_FROM_MS, 0) << 22


def _id(value: object) -> str:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return value
    raise ValueError("an id is a text of digits")


def _first(item: Mapping[str, Any]) -> str:
    history = item.get("edit_history_tweet_ids")
    return _id(history[0]) if history else _id(item["id"])


def _user(number: object, users: Users) -> Account | None:
    if number is None:
        return None
    user = users.get(str(number)) or {}
    name = user.get("username")
    handle = name if isinstance(name, str) and _NAME.fullmatch(name) else None
    metrics = user.get("public_metrics") or {}
    return Account(
        PLATFORM,
        _id(number),
        handle=handle,
        name=user.get("name"),
        url=f"{SITE}/i/user/{number}",  # names change
        followers=_count(metrics.get("followers_count")),
    )


def _text(item: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Give the whole text with real addresses in place of t.co's, and the addresses; those of pictures go."""
    note = item.get("note_tweet") or {}
    text = note.get("text") or item.get("text") or ""
    entities = (note.get("entities") if note.get("text") else None) or item.get("entities") or {}
    for mark, char in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(mark, char)
    links: dict[str, None] = {}
    for one in entities.get("urls") or ():
        short, real = one["url"], urls.safe(one.get("expanded_url"))
        is_picture = "media_key" in one or re.fullmatch(r"https://\w+\.com/\w+/status/\d+/(photo|video)/\d", real or "")
        if is_picture:
            text = re.sub(rf"\s?{re.escape(short)}", "", text)
        elif real:
            text = text.replace(short, real)
            links[urls.safe(one.get("unwound_url")) or real] = None
    return text.strip(), tuple(links)


def _media(item: Mapping[str, Any], media: Mapping[str, Mapping[str, Any]]) -> Iterator[Media]:
    for key in (item.get("attachments") or {}).get("media_keys") or ():
        found = media.get(key) or {}
        address = urls.safe(found.get("url") or found.get("preview_image_url"))
        if address:
            duration = found.get("duration_ms")
            seconds = duration / 1_000 if type(duration) is int else None
            yield Media(address, alt=found.get("alt_text"), duration_s=seconds)


def _visibility(item: Mapping[str, Any], users: Users) -> Any:
    user = users.get(str(item.get("author_id"))) or {}
    return "followers" if user.get("protected") is True else "public"


def _lang(value: object) -> str | None:
    # "qme", "qht" and their like stand for "only pictures", "only tags".
    if not isinstance(value, str) or re.fullmatch(r"q[a-z]{2}", value):
        return None
    return _LANGS.get(value, value)


def _counts(metrics: object) -> Counts | None:
    if not isinstance(metrics, dict):
        return None
    return Counts(*(_count(metrics.get(f"{name}_count")) for name in ("reply", "like", "retweet")))


def _count(number: object) -> int | None:
    return number if type(number) is int else None


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None

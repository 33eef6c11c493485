"""The door every post passes before anything else: bounded, decodable, dated, with addresses that are safe to show.

Connectors read hostile input, so nothing here relies on the types they promise.
"""

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final, TypeVar, get_args

from listener import limits, urls
from listener.types import Account, Counts, Kind, Media, Post, Visibility

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""Claimed times outside these are moved to the nearer one."""
INT64: Final = 2**63
SHORT_BYTES: Final = 255
"""Most bytes of a host, a licence, a MIME type."""

_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LANG: Final = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8}){0,4}")

Item = TypeVar("Item")


def normalise(post: Post, now: datetime) -> Post:
    """Make a post fit to store and show; never raises, whatever the fields hold.

    Undecodable and control characters go, ids become text, numbers fit 64 bits, times are UTC between `EARLIEST` and
    `LATEST`, lengths keep `limits` and end at whole characters, addresses that are not `urls.safe` are dropped.
    """
    url = _url(post.url)
    text = _text(post.text, limits.TEXT_BYTES)
    named = post.links if isinstance(post.links, tuple | list) else ()
    links = tuple(link for link in _each([*named, *urls.written_in(text)], _url) if link != url)
    return Post(
        platform=_line(post.platform, limits.AUTHOR_BYTES).lower(),
        native_id=_id(post.native_id),
        url=url,
        account=_account(post.account),
        kind=post.kind if _one_of(post.kind, get_args(Kind)) else "post",
        title=_line(post.title, limits.TITLE_BYTES) or None,
        text=text,
        lang=_lang(post.lang),
        published_at=_time(post.published_at, LATEST),
        edited_at=_time(post.edited_at, now),
        deleted_at=_time(post.deleted_at, now),
        in_reply_to=_id(post.in_reply_to) or None,
        thread=_id(post.thread) or None,
        refers_to=_id(post.refers_to) or None,
        mentions=_each(post.mentions, lambda value: _line(value, limits.AUTHOR_BYTES)),
        links=links,
        tags=_each(post.tags, lambda value: _line(value, limits.AUTHOR_BYTES).lstrip("# ")),
        media=_each(post.media, _media),
        community=_line(post.community, limits.AUTHOR_BYTES) or None,
        counts=_counts(post.counts),
        instance=_line(post.instance, SHORT_BYTES) or None,
        visibility=post.visibility if _one_of(post.visibility, get_args(Visibility)) else None,
        warning=_line(post.warning, limits.TITLE_BYTES) or None,
        answered=post.answered if isinstance(post.answered, bool) else None,
        licence=_line(post.licence, SHORT_BYTES) or None,
    )


def check(post: Post) -> str | None:
    """Say why a normalised post cannot be stored; None: it can."""
    if not post.platform:
        return "it names no platform"
    if not post.native_id:
        return "it has no id"
    return None


def digest(post: Post) -> int:
    """Hash what an edit would change (title, text, addresses, warning, answered) to a signed 64-bit integer, never 0.

    Counts and times are left out: they change without anybody writing anything.
    """
    parts = (post.title or "", post.text, post.url or "", *post.links, "", post.warning or "", str(post.answered))
    # A normalised post holds no \x1f.
    hashed = blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(hashed, "big", signed=True) or 1


def sort_at(post: Post, first_seen: datetime) -> datetime:
    """Give the time a post is ordered by: a claimed time in the future does not put it on top (R14)."""
    return first_seen if post.published_at is None else min(post.published_at, first_seen)


# Everything below takes `object` or `Any`: what a field holds is not to be trusted.


def _text(value: object, most_bytes: int) -> str:
    return _cut(_sound(value).strip(), most_bytes)


def _line(value: object, most_bytes: int) -> str:
    return _cut(" ".join(_sound(value).split()), most_bytes)


def _sound(value: object) -> str:
    if not isinstance(value, str):
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < INT64
        return str(value) if is_number else ""
    text = value.replace("\r\n", "\n").replace("\r", "\n") if "\r" in value else value
    if _CONTROLS.search(text) is None:
        return text
    return _CONTROLS.sub("", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _cut(text: str, most_bytes: int) -> str:
    if len(text) * 4 <= most_bytes:
        return text
    encoded = text.encode()
    return text if len(encoded) <= most_bytes else encoded[:most_bytes].decode("utf-8", "ignore").rstrip()


def _id(value: object) -> str:
    text = _sound(value).strip()
    if len(text.encode()) <= limits.NATIVE_ID_BYTES:
        return text
    # Two long ids with one beginning must stay two.
    mark = "~" + blake2b(text.encode(), digest_size=16).hexdigest()
    return _cut(text, limits.NATIVE_ID_BYTES - len(mark)) + mark


def _url(value: object) -> str | None:
    return urls.safe(value) if isinstance(value, str) else None


def _lang(value: object) -> str | None:
    text = _line(value, SHORT_BYTES).lower().replace("_", "-")
    return text if _LANG.fullmatch(text) else None


def _time(value: object, latest: datetime) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    try:
        aware = value.replace(tzinfo=UTC) if value.utcoffset() is None else value.astimezone(UTC)
    except (OverflowError, ValueError, TypeError):  # the first and last hours of the calendar, or a broken zone
        aware = value.replace(tzinfo=UTC)
    return min(max(aware, EARLIEST), latest)


def _number(value: object) -> int | None:
    if isinstance(value, float):
        value = int(value) if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return min(max(value, -INT64), INT64 - 1)


def _one_of(value: object, allowed: Iterable[str]) -> bool:
    return isinstance(value, str) and value in allowed


def _each(values: object, read: Callable[[Any], Item | None]) -> tuple[Item, ...]:
    """Read at most `limits.LIST_ITEMS` values, each once; what cannot be read is left out."""
    if not isinstance(values, tuple | list):
        return ()
    found: dict[Item, None] = {}
    for value in values:
        item = read(value)
        if item:
            found[item] = None
        if len(found) >= limits.LIST_ITEMS:
            break
    return tuple(found)


def _account(value: object) -> Account | None:
    if not isinstance(value, Account):
        return None
    handle = _line(value.handle, limits.AUTHOR_BYTES) or None
    name = _line(value.name, limits.AUTHOR_BYTES) or None
    url = _url(value.url)
    native_id = _id(value.native_id) or handle or url or name
    if native_id is None:
        return None
    return Account(
        platform=_line(value.platform, limits.AUTHOR_BYTES).lower(),
        native_id=native_id,
        handle=handle,
        name=name,
        url=url,
        followers=_number(value.followers),
        is_bot=value.is_bot if isinstance(value.is_bot, bool) else None,
        opted_out=value.opted_out if isinstance(value.opted_out, bool) else None,
        proved=_each(value.proved, lambda one: _line(one, limits.URL_BYTES)),
    )


def _media(value: object) -> Media | None:
    url = _url(value.url) if isinstance(value, Media) else None
    if url is None or not isinstance(value, Media):
        return None
    duration = value.duration_s
    sane = isinstance(duration, int | float) and not isinstance(duration, bool) and 0 <= duration < INT64
    return Media(
        url=url,
        mime=_line(value.mime, SHORT_BYTES).lower() or None,
        alt=_text(value.alt, limits.TITLE_BYTES) or None,
        duration_s=float(duration) if sane and duration is not None else None,
    )


def _counts(value: object) -> Counts | None:
    if not isinstance(value, Counts):
        return None
    return Counts(_number(value.replies), _number(value.likes), _number(value.reposts), _number(value.score))

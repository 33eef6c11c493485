"""Make a post, or a contact, of a row. No I/O."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, get_args

from connectors.archive import dates
from connectors.archive.columns import fields
from listener import urls
from listener.types import Account, Follow, Kind, Post, Visibility

SAME: Final[Mapping[str, str]] = {
    "twitter": "x",
    "xtwitter": "x",
    "xcom": "x",
    "hackernews": "hackernews",
    "hn": "hackernews",
    "stackoverflow": "stackexchange",
    "stackoverflowcom": "stackexchange",
    "bsky": "bluesky",
    "email": "mail",
    "usenet": "nntp",
    "fb": "facebook",
    "ig": "instagram",
}
"""Other names of platforms, so that the policy of each is found."""
_KINDS: Final[Mapping[str, Kind]] = {
    "reply": "reply",
    "comment": "reply",
    "answer": "reply",
    "repost": "repost",
    "retweet": "repost",
    "boost": "repost",
    "share": "repost",
    "reblog": "repost",
    "quote": "quote",
}
_CONTACTS: Final = frozenset({"contact", "friend", "person", "people", "follow", "following", "connection", "account"})
_SAID: Final = ("text", "title", "date", "in_reply_to", "refers_to", "links")
_PARTS: Final = re.compile(r"[,;|\n]+")


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom a row names, on each platform that it names them on."""

    platform: str
    follows: tuple[Follow, ...]


def read(row: Mapping[Any, Any], *, is_day_first: bool = False, platform: str | None = None) -> Post | Contact:
    """Read a row, said on `platform` where it names none; raise ValueError saying in words what is wrong with it."""
    values = fields(row)
    platform = platform_of(values.get("platform", platform))
    kind = str(values.get("kind", "")).strip().lower()
    if kind in _CONTACTS or (not kind and not any(name in values for name in _SAID) and _names(values)):
        return _contact(platform, values)
    post = _post(platform, values, kind, is_day_first)
    if not (post.title or post.text or post.url or post.links or post.refers_to):
        raise ValueError("it has nothing to show: no text, title, address or link")
    return post


def platform_of(value: object) -> str:
    """Write a platform's name as the policy has it; raise ValueError where it is none."""
    plain = re.sub(r"[^\w.-]", "", str(value or "")).strip("._-").lower()
    if not plain or len(plain) > 60:
        raise ValueError("it names no platform")
    return SAME.get(re.sub(r"[._-]", "", plain), plain)


def _names(values: Mapping[str, Any]) -> bool:
    return any(name in values for name in ("name", "author_name", "handle", "author", "email", "author_url"))


def _post(platform: str, values: Mapping[str, Any], kind: str, is_day_first: bool) -> Post:
    parent = _line(values, "in_reply_to")
    refers_to = _line(values, "refers_to")
    found: Kind = _KINDS.get(kind) or ("reply" if parent else "post")
    url = urls.safe(str(values.get("url", "")).strip())
    text = _text(values.get("text"))
    visibility = str(values.get("visibility", "")).strip().lower()
    return Post(
        platform,
        _line(values, "id") or _made_id(platform, values),
        url=url,
        account=_account(platform, values),
        kind=found,
        title=_line(values, "title"),
        text="" if found == "repost" and refers_to else text,
        lang=_line(values, "lang"),
        published_at=_when(values, "date", is_day_first),
        edited_at=_when(values, "edited_at", is_day_first),
        in_reply_to=parent,
        thread=_line(values, "thread"),
        refers_to=refers_to,
        links=tuple(link for one in _many(values.get("links"), spaces=True) if (link := urls.safe(one))),
        tags=tuple(tag for one in _many(values.get("tags")) if (tag := one.lstrip("# "))),
        community=_line(values, "community"),
        visibility=visibility if visibility in get_args(Visibility) else None,  # type: ignore[arg-type] # checked
        licence=_line(values, "licence"),
    )


def _account(platform: str, values: Mapping[str, Any]) -> Account | None:
    """Give the author. One column `author` holds a handle where it looks like one, else a name."""
    said = _line(values, "author")
    handle = _line(values, "handle") or (said if said and " " not in said else None)
    name = _line(values, "author_name") or _line(values, "name") or (said if said != handle else None)
    url = urls.safe(str(values.get("author_url", "")).strip())
    native_id = _line(values, "author_id") or (handle or "").lstrip("@").lower() or url or name
    if not native_id:
        return None
    return Account(platform, native_id, handle=(handle or "").lstrip("@") or None, name=name, url=url)


def _contact(platform: str, values: Mapping[str, Any]) -> Contact:
    profile = values.get("author_url") or values.get("url")
    account = _account(platform, {**values, "author_url": profile or "", "author_id": _contact_id(values) or ""})
    name = account.name if account else None
    circle = _line(values, "circle")
    email = (_line(values, "email") or "").lower()
    is_known = account is not None and (account.handle or account.url or _contact_id(values))
    follows = [Follow(account, circle=circle)] if account is not None and (is_known or "@" not in email) else []
    if "@" in email:
        follows.append(Follow(Account("mail", email, handle=email, name=name), circle=circle))
    if not follows:
        raise ValueError("it names nobody: no name, handle, address or e-mail")
    return Contact(platform, tuple(follows))


def _contact_id(values: Mapping[str, Any]) -> str | None:
    return _line(values, "author_id") or _line(values, "id")


def _when(values: Mapping[str, Any], name: str, is_day_first: bool) -> datetime | None:
    value = values.get(name)
    if value is None:
        return None
    try:
        return dates.read(value, is_day_first=is_day_first)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"its {name} is none that we can read; write 2008-12-31 10:15") from error


def _made_id(platform: str, values: Mapping[str, Any]) -> str:
    """Make an id that stays: of the address where there is one, else of all that the row says."""
    told = {"url": values["url"]} if "url" in values else dict(values)
    written = json.dumps([platform, sorted((name, str(value)) for name, value in told.items())])
    return f"row:{blake2b(written.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _line(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    return " ".join(str(value).split()) or None if isinstance(value, str | int | float) else None


def _many(value: object, *, spaces: bool = False) -> list[str]:
    """Read several values in one: a list, or a text with `,`, `;`, `|` or line ends between them."""
    if isinstance(value, list):
        return [one.strip() for one in value if isinstance(one, str) and one.strip()]
    text = _text(value)
    if spaces or (text.startswith("#") and not _PARTS.search(text)):
        return [one.strip(",;|") for one in text.split()]
    return [one.strip() for one in _PARTS.split(text) if one.strip()]

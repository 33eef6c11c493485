"""What the columns of an archive are called, whatever program wrote it."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "platform": ("platform", "network", "social_network", "service", "site"),
    "id": ("native_id", "post_id", "message_id", "status_id", "tweet_id", "comment_id", "id", "guid", "uid"),
    "url": ("url", "link", "permalink", "post_url", "post_link", "address", "uri", "href"),
    "author_id": ("author_id", "user_id", "account_id", "from_id", "creator_id"),
    "handle": ("handle", "username", "user_name", "screen_name", "author_handle", "author_username", "account"),
    "author": ("author", "user", "from", "by", "posted_by", "creator", "sender"),
    "author_name": ("author_name", "display_name", "full_name", "author_display_name", "user_display_name"),
    "author_url": ("author_url", "profile", "profile_url", "profile_link", "author_link", "user_url"),
    "name": ("name", "contact", "contact_name", "friend", "friend_name", "person"),
    "email": ("email", "e_mail", "email_address", "mail"),
    "text": ("text", "body", "content", "message", "post", "comment", "status", "caption", "description", "entry"),
    "title": ("title", "subject", "headline", "summary"),
    "date": (
        "date",
        "created_at",
        "published_at",
        "published",
        "created",
        "timestamp",
        "datetime",
        "date_time",
        "time",
        "posted_at",
        "posted",
        "posted_on",
        "created_time",
        "created_utc",
        "sent_at",
        "at",
    ),
    "edited_at": ("edited_at", "updated_at", "edited", "updated", "modified"),
    "in_reply_to": ("in_reply_to", "reply_to", "parent", "parent_id", "in_reply_to_id", "in_reply_to_status_id"),
    "thread": ("thread", "thread_id", "conversation_id", "root_id"),
    "refers_to": ("refers_to", "repost_of", "quote_of", "retweeted_status_id", "quoted_id"),
    "links": ("links", "urls", "external_url", "shared_link"),
    "tags": ("tags", "hashtags", "categories", "keywords"),
    "lang": ("lang", "language", "locale"),
    "kind": ("kind", "type", "post_type", "row_type"),
    "community": ("community", "group", "channel", "forum", "subreddit", "board"),
    "visibility": ("visibility", "privacy", "audience"),
    "licence": ("licence", "license"),
    "circle": ("circle", "list", "lists", "circles", "relationship"),
}
"""Our column to the names it may have, the first that a row fills wins; compared without case, spaces or signs."""
_FIELD: Final = {name: field for field, names in COLUMNS.items() for name in names}
_RANK: Final = {name: number for names in COLUMNS.values() for number, name in enumerate(names)}
_WHAT: Final = frozenset(COLUMNS) - {"platform", "kind", "lang"}
_SAID: Final = frozenset({"text", "title", "url"})
_FILES: Final = (
    "CSV (comma, semicolon, tab or |; a line of headings first), JSON Lines or a JSON array; each also as .gz",
    "a row needs the platform (or the whole file, by --platform NAME), and what was said or who it is",
    "columns may be called, in any case and with any signs between words:",
)
_SIGNS: Final = re.compile(r"[\W_]+")

# Any: a value of JSON, or a cell's text.
Values = Mapping[str, Any]


def plain(name: object) -> str:
    """Write a column's name as the table has it: `Created At` is `created_at`."""
    return _plain(str(name)[:100])


def known(names: Iterable[object], *, is_told: bool = False) -> int:
    """Count the columns that we know; 0 where nothing says anything, or none the platform and `is_told` is False."""
    fields = {_FIELD.get(plain(name)) for name in names}
    return len(fields - {None}) if (is_told or "platform" in fields) and fields & _WHAT else 0


def are_posts(names: Iterable[object]) -> bool:
    """Tell columns that posts have, whether or not one names the platform."""
    fields = {_FIELD.get(plain(name)) for name in names} - {None}
    return len(fields) > 1 and bool(fields & _SAID)


def described() -> tuple[str, ...]:
    """Say for people what a file looks like, with all its columns."""
    return (*_FILES, *(f"  {field}: {', '.join(names)}" for field, names in COLUMNS.items()))


def fields(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Give a row's values by our names, without what is empty or unknown; an author may be an object of its own."""
    found: dict[str, tuple[int, Any]] = {}
    for name, value in _flat(row):
        key = plain(name)
        field = _FIELD.get(key)
        if field is None or value is None or value in ("", []) or (isinstance(value, str) and not value.strip()):
            continue
        if field not in found or _RANK[key] < found[field][0]:
            found[field] = (_RANK[key], value)
    return {field: value for field, (_, value) in found.items()}


@lru_cache(maxsize=1_024)
def _plain(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    return _SIGNS.sub("_", spaced).strip("_").lower()


def _flat(row: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
    for name, value in row.items():
        if isinstance(value, dict) and _FIELD.get(plain(name)) == "author":
            inner = {plain(one): said for one, said in value.items()}
            yield "author_id", inner.get("native_id") or inner.get("id")
            yield "handle", inner.get("handle") or inner.get("username") or inner.get("screen_name")
            yield "author_name", inner.get("name") or inner.get("display_name")
            yield "author_url", inner.get("url")
        elif isinstance(value, str | int | float | list):
            yield name, value

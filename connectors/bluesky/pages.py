"""Which page of a feed is asked for, and how the walk goes on. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from connectors.bluesky import posts
from connectors.bluesky.queries import Query
from listener.connector import gather
from listener.errors import BadPayload
from listener.types import Answer, Page, Post
from listener.walk import Item, Step, Walk, paged, step

LIMIT: Final = 100
OVERLAP_S: Final = 600.0
"""A post may be taken in late, and then stands below what we have read."""
SEARCH_OVERLAP_S: Final = 1_800.0
"""The search's index runs later still."""
CUSTOM_PAGES: Final = 4
"""Most pages of a custom feed: its order is its maker's, so that its end need never come."""
EMPTY_PAGES: Final = 50
"""Most pages of one walk, once they come without any post."""
HISTORY: Final = timedelta(hours=48)
"""A post older than this when it is passed on is history, not news."""

METHODS: Final[Mapping[str, str]] = {
    "timeline": "app.bsky.feed.getTimeline",
    "notifications": "app.bsky.notification.listNotifications",
    "author": "app.bsky.feed.getAuthorFeed",
    "list": "app.bsky.feed.getListFeed",
    "feed": "app.bsky.feed.getFeed",
    "search": "app.bsky.feed.searchPosts",
}
_SUBJECT: Final = {"author": "actor", "list": "list", "feed": "feed"}

Entry = tuple[str, Any]
"""What an item is read as ("post", "repost", "original", "notification"), and the item: raw JSON, hence Any."""


def asked(query: Query, cursor: str | None, subject: str) -> dict[str, str]:
    """Give the parameters of the next page, newest first."""
    walk = Walk.read(cursor)
    params = {"limit": str(LIMIT)}
    if query.kind in _SUBJECT:
        params[_SUBJECT[query.kind]] = subject
    if query.kind != "search":
        return params | ({"cursor": walk.token} if walk.token else {})
    params |= {"q": query.rest, "sort": "latest"}
    if walk.newest_s is not None:
        params["since"] = _iso(datetime.fromtimestamp(walk.newest_s - SEARCH_OVERLAP_S, UTC))
    # A number of posts to leave out would shift with every new one; a time does not.
    return params | ({"until": walk.token} if walk.token else {})


def subject_of(query: Query, cursor: str | None) -> str:
    """Give what a feed is of: the at-uri an earlier poll found for a list or custom feed, else what was written."""
    found = Walk.read(cursor).extra.get("subject")
    return found if isinstance(found, str) else query.rest


def read(answer: Answer, body: object, query: Query, cursor: str | None, *, since_s: float) -> Page:
    """Read one page of a feed, a search or notifications."""
    listed = {"search": "posts", "notifications": "notifications"}.get(query.kind, "feed")
    if not isinstance(body, dict) or not isinstance(body.get(listed), list):
        raise BadPayload(f"the answer has no {listed}")
    entries = [entry for item in body[listed] for entry in _entries(item, query)]
    found, rejects = gather(entries, _post)
    items = [item for entry in entries if (item := _item(entry)) is not None]
    token = body.get("cursor")
    taken = _step(query, Walk.read(cursor), items, token if isinstance(token, str) and token else None, since_s)
    taken = taken._replace(walk=replace(taken.walk, extra=_remembered(answer, query, taken.walk)))
    return paged(Page(found, archive=_archive(found), rejects=rejects), taken)


def _step(query: Query, walk: Walk, items: Sequence[Item], token: str | None, since_s: float) -> Step:
    if not items and token and token != walk.token and walk.pages < EMPTY_PAGES:
        # Blocked and deleted posts are left out of pages, all of a page's perhaps; more may follow.
        return Step(replace(walk, token=token, pages=walk.pages + 1), more=True)
    if query.kind == "search":
        oldest = min((item.at for item in items if item.at), default=None)
        token = _iso(oldest + timedelta(milliseconds=1)) if token and oldest else None
        return step(walk, items, token, since_s=since_s, overlap_s=SEARCH_OVERLAP_S)
    if query.kind != "feed":
        return step(walk, items, token, since_s=since_s, overlap_s=OVERLAP_S)
    met = any(item.native_id in walk.known for item in items)
    last = walk.pages + 1 >= CUSTOM_PAGES
    undated = [Item(item.native_id) for item in items]
    return step(walk, undated, None if met or last else token, since_s=since_s, deep=met or not last)


def _entries(item: object, query: Query) -> list[Entry]:
    if query.kind == "notifications":
        return [("notification", item)]
    if query.kind == "search" or not isinstance(item, dict):
        return [("post", item)]
    reason = item.get("reason")
    is_repost = isinstance(reason, dict) and str(reason.get("$type")).endswith("#reasonRepost")
    return [("repost", item), ("original", item.get("post"))] if is_repost else [("post", item.get("post"))]


def _post(entry: Entry) -> Post | None:
    kind, item = entry
    if kind == "repost":
        return posts.repost(item)
    if kind in ("post", "original"):
        return posts.post(item)
    if item["reason"] in ("mention", "reply", "quote"):
        return posts.post(item)
    if item["reason"] in ("repost", "repost-via-repost"):
        return posts.repost_record(item["uri"], item["record"], item["author"], posts.moment(item.get("indexedAt")))
    return None  # likes, follows and others are no posts


def _item(entry: Entry) -> Item | None:
    """Give an entry's place in the walk; a reposted post's own time says nothing about its place."""
    kind, item = entry
    if kind == "original" or not isinstance(item, dict):
        return None
    if kind == "notification":
        return Item(str(item.get("uri")), posts.moment(item.get("indexedAt")))
    if kind == "post":
        is_dated = isinstance(item.get("record"), dict)
        return Item(str(item.get("uri")), posts.when(item) if is_dated else posts.moment(item.get("indexedAt")))
    reason, original = item["reason"], item.get("post")
    uri = original.get("uri") if isinstance(original, dict) else None
    return Item(f"{uri}#{reason.get('indexedAt')}", posts.moment(reason.get("indexedAt")))


def _archive(found: Sequence[Post]) -> frozenset[str]:
    passed_on = {post.refers_to: post.published_at for post in found if post.kind == "repost" and post.published_at}
    dated = ((post.native_id, post.published_at) for post in found if post.native_id in passed_on)
    return frozenset(name for name, at in dated if at is not None and at < passed_on[name] - HISTORY)


def _remembered(answer: Answer, query: Query, walk: Walk) -> dict[str, Any]:
    """Remember the at-uri that was asked for, so that a handle in it is looked up once."""
    if query.kind not in ("list", "feed"):
        return walk.extra
    given = parse_qs(urlsplit(answer.url).query).get(_SUBJECT[query.kind])
    return {"subject": given[0]} if given and given[0].startswith("at://did:") else walk.extra


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

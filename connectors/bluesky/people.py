"""Whom the user follows, and who is in the user's lists."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from connectors.bluesky import posts
from connectors.bluesky.queries import Query
from listener.errors import BadPayload
from listener.types import Account, Feed, Follow

PAGES: Final = 100
"""Most pages of one listing: 10,000 accounts."""

# Any: what comes is raw JSON.
Ask = Callable[[str, Mapping[str, str]], Any]
"""Sends a method and its parameters; gives the answer's JSON."""


def follows(ask: Ask, me: str) -> Iterator[Follow]:
    """Yield whom `me` follows, then the members of each list of theirs, with its name.

    Source: https://docs.bsky.app/docs/api/app-bsky-graph-get-follows, -get-lists, -get-list.
    """
    for profile in _all(ask, "app.bsky.graph.getFollows", {"actor": me}, "follows"):
        yield _follow(profile, None)
    for one in _all(ask, "app.bsky.graph.getLists", {"actor": me}, "lists"):
        # Lists for muting and blocking are nobody's circle.
        if str(one.get("purpose")).endswith("#curatelist"):
            for item in _all(ask, "app.bsky.graph.getList", {"list": str(one["uri"])}, "items"):
                yield _follow(item["subject"], str(one.get("name") or "list"))


def _follow(profile: Mapping[str, Any], circle: str | None) -> Follow:
    account = posts.account(profile)
    return Follow(account, feed_of(account), circle)


def feed_of(account: Account) -> Feed:
    """Give the feed of an account's posts; by its DID, since handles change."""
    query = Query("author", account.native_id)
    return Feed(
        0,
        posts.PLATFORM,
        str(query),
        posts.PLATFORM,
        title=f"Bluesky: @{account.handle}" if account.handle else query.title,
        home_url=query.home_url,
    )


def _all(ask: Ask, method: str, params: Mapping[str, str], listed: str) -> Iterator[Mapping[str, Any]]:
    cursor: object = None
    for _ in range(PAGES):
        body = ask(method, {**params, "limit": "100", **({"cursor": str(cursor)} if cursor else {})})
        if not isinstance(body, dict) or not isinstance(body.get(listed), list):
            raise BadPayload(f"the answer has no {listed}")
        yield from (one for one in body[listed] if isinstance(one, dict))
        before, cursor = cursor, body.get("cursor")
        if not cursor or cursor == before:
            return

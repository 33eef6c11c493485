"""Whom the user follows, and in which of their lists; all I/O goes through the function that is handed in."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from connectors.mastodon.posts import PLATFORM, account
from connectors.mastodon.queries import Query
from listener.errors import BadPayload
from listener.types import Feed, Follow

MOST: Final = 80
"""Accounts of a page (docs.joinmastodon.org/methods/accounts, read 2026-11-23)."""
PAGES: Final = 200

# Any: JSON of the server. A path in; its body and the path of the next page, if there is one, out.
Ask = Callable[[str], tuple[Any, str | None]]


def follows(ask: Ask, server: str) -> Iterator[Follow]:
    """Yield every account followed, once for each list that it is in."""
    circles: dict[str, list[str]] = {}
    for one in _all(ask, "/api/v1/lists"):
        for member in _all(ask, f"/api/v1/lists/{one['id']}/accounts?limit={MOST}"):
            circles.setdefault(str(member.get("id")), []).append(str(one.get("title") or one["id"]))
    me, _ = ask("/api/v1/accounts/verify_credentials")
    if not isinstance(me, dict) or "id" not in me:
        raise BadPayload("the server does not say whose key this is")
    for followed in _all(ask, f"/api/v1/accounts/{me['id']}/following?limit={MOST}"):
        found = account(followed, server)
        if found is not None:
            for circle in circles.get(str(followed["id"])) or (None,):
                yield Follow(found, feed(server, followed), circle)


def feed(server: str, followed: dict[str, Any]) -> Feed | None:
    """Read a followed account by the user's own server, which gets all of its posts."""
    query = Query.read(f"{server}/@{followed.get('acct')}")
    if query is None:
        return None
    return Feed(0, PLATFORM, str(query), PLATFORM, title=query.title, home_url=query.home_url)


def _all(ask: Ask, path: str) -> Iterator[dict[str, Any]]:
    following: str | None = path
    for _ in range(PAGES):
        if following is None:
            return
        body, following = ask(following)
        if not isinstance(body, list):
            raise BadPayload("the answer is no list")
        yield from (one for one in body if isinstance(one, dict) and "id" in one)

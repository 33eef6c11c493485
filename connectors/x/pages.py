"""Where a walk stands, which page is asked for next, and what it costs. No I/O, no clock."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from connectors.x.queries import Query
from connectors.x.tweets import FIELDS, Users, id_at, taken_in, tweet
from listener.connector import gather
from listener.errors import BadPayload
from listener.types import Answer, Gap, Page
from listener.walk import Item, Step, Walk, paged, step

POST: Final = 0.005
USER: Final = 0.010
OWNED: Final = 0.001
"""US dollars for each that is returned. Source: docs.x.com/x-api/getting-started/pricing, read 2026-11-23."""

SEARCHED: Final = timedelta(days=7) - timedelta(minutes=10)
"""How far back a search goes, with a margin; an older `since_id` is refused."""
LOOK_BACK: Final = timedelta(hours=48)
"""How far back a feed is read that had nothing at its first poll."""
USERS: Final = 200
"""Authors that a feed's cursor remembers, so that none of them is paid for twice."""
HISTORY: Final = timedelta(hours=48)
"""A post older than this when it is passed on is history, not news."""
EMPTY_PAGES: Final = 20
"""Most pages of one walk, once they come without any post, as searches may."""


def asked(query: Query, walk: Walk, size: int, now: datetime, *, reposts: bool) -> dict[str, Any]:
    """Give the parameters of the next page, newest first. `since_id` and `start_time` never go together."""
    params: dict[str, Any] = {"max_results": size, "tweet_fields": list(FIELDS)}
    if query.kind in ("search", "stream"):
        params["query"] = query.rest if reposts or "retweet" in query.rest else f"({query.rest}) -is:retweet"
    elif query.kind in ("user", "home") and not reposts:
        params["exclude"] = ["retweets"]
    if reposts:
        # A repost's own text is cut off; what it passes on comes beside it, and is paid for as a post.
        params["expansions"] = ["referenced_tweets.id"]
    if query.kind != "list":  # lists know neither
        params |= since(query, walk, now)
    if walk.token:
        params["next_token" if query.kind in ("search", "stream") else "pagination_token"] = walk.token
    return params


def since(query: Query, walk: Walk, now: datetime) -> dict[str, str]:
    """Say from where on; nothing at the very first poll, which reads the newest page only: history costs money."""
    if walk.token and walk.extra.get("start"):
        return {"start_time": str(walk.extra["start"])}
    mark = newest(walk.known)
    is_searched = query.kind in ("search", "stream")
    if mark and (walk.token or not is_searched or mark >= id_at(now - SEARCHED)):
        return {"since_id": str(mark)}
    if mark or walk.extra.get("asked"):
        return {"start_time": _iso(now - (SEARCHED if mark else LOOK_BACK))}
    return {}


def restarted(now: datetime) -> dict[str, str]:
    """Begin anew from as far back as a search goes, after the platform refused a mark of ours."""
    return {"start_time": _iso(now - SEARCHED)}


def newest(ids: Iterable[str]) -> int:
    """Give the newest id; 0: there is none."""
    return max((int(number) for number in ids if number.isascii() and number.isdigit()), default=0)


def users_of(walk: Walk) -> Users:
    """Give the authors that the cursor remembers."""
    held = walk.extra.get("users")
    pairs = held.items() if isinstance(held, dict) else ()
    return {
        number: {"username": one[0], "name": one[1] or None, "protected": "protected" in one[2:]}
        for number, one in pairs
        if isinstance(one, list) and one[1:]
    }


def unknown(body: Mapping[str, Any], known: Users) -> list[str]:
    """List the authors of a page whom neither the page nor the cursor names, at most 100."""
    found: dict[str, None] = {}
    for item in (*_listed(body.get("data")), *_passed_on(body)):
        number = item.get("author_id")
        if isinstance(number, str) and number.isascii() and number.isdigit():
            found[number] = None
    included = {str(user.get("id")) for user in _listed(_included(body, "users"))}
    return [number for number in found if number not in known and number not in included][:100]


def read(answer: Answer, body: object, query: Query, cursor: str | None, *, post_price: float) -> Page:
    """Read one page; `includes.users` also holds whom we looked up for it."""
    if not isinstance(body, dict) or not body.keys() & {"data", "meta"}:
        raise BadPayload("the answer has neither data nor meta")
    data, meta, walk = body.get("data", []), body.get("meta"), Walk.read(cursor)
    if not isinstance(data, list):
        raise BadPayload("the answer's data is no list")
    users, paid = _users(body, walk)
    media = {str(one.get("media_key")): one for one in _listed(_included(body, "media"))}
    originals = _passed_on(body)
    number = _subject(query, paid) or walk.extra.get("id")
    writer = {"author_id": number} if query.kind == "user" and number else {}
    found, rejects = gather([*data, *originals], lambda item: tweet({**writer, **item}, users, media))
    meta = meta if isinstance(meta, dict) else {}
    token, count = meta.get("next_token"), meta.get("result_count")
    taken, gap = _step(answer, walk, data, token if isinstance(token, str) and token else None)
    extra = {**taken.walk.extra, "asked": True, "users": _remembered(users), "id": number}
    taken = taken._replace(walk=replace(taken.walk, extra={name: one for name, one in extra.items() if one}))
    count = max(min(count, 1_000) if type(count) is int else 0, len(data))
    also = len(_listed(_included(body, "tweets")))
    page = Page(
        found,
        gap=gap,
        cost=round(count * post_price + also * POST + len(paid) * USER, 6),
        archive=_archive(data, originals),
        rejects=rejects,
    )
    return paged(page, taken)


def _step(answer: Answer, walk: Walk, data: list[Any], token: str | None) -> tuple[Step, Gap | None]:
    items = [Item(item["id"], _at(item["id"])) for item in data if isinstance(item, dict) and _is_id(item.get("id"))]
    start = parse_qs(urlsplit(answer.url).query).get("start_time", [None])[0]
    gap = None
    if start and walk.known and not walk.extra.get("start"):
        reason = "a search goes back seven days, and the last poll is longer ago"
        gap = Gap(reason, str(newest(walk.known)), min((item.native_id for item in items), key=int, default=None))
    walk = replace(walk, extra={**walk.extra, "start": start})
    if not items and token and token != walk.token and walk.pages < EMPTY_PAGES:
        return Step(replace(walk, token=token, pages=walk.pages + 1), more=True), gap
    is_first = walk.first and not walk.extra.get("asked")
    taken = step(walk, items, token, since_s=0.0 if is_first else LOOK_BACK.total_seconds())
    if not taken.more:
        taken = taken._replace(walk=replace(taken.walk, extra={**taken.walk.extra, "start": None}))
    return taken, gap


def _users(body: Mapping[str, Any], walk: Walk) -> tuple[Users, Users]:
    """Give all known users, and those among them that this page brought and cost."""
    came = {str(user["id"]): user for user in _listed(_included(body, "users")) if _is_id(user.get("id"))}
    return {**users_of(walk), **came}, came


def _remembered(users: Users) -> dict[str, list[str]]:
    return {
        number: [
            str(one.get("username") or ""),
            str(one.get("name") or ""),
            *["protected"] * (one.get("protected") is True),
        ]
        for number, one in list(users.items())[-USERS:]
    }


def _subject(query: Query, came: Users) -> str | None:
    """Find the id of the account that a feed is about, where its page brought it."""
    wanted = query.rest if query.kind in ("user", "mentions") else None
    same = (number for number, user in came.items() if str(user.get("username")).lower() == wanted)
    return next(same, None)


def _passed_on(body: Mapping[str, Any]) -> list[Any]:
    """List the posts that reposts of this page pass on; the parents of replies are not listed."""
    wanted = {
        one.get("id")
        for item in _listed(body.get("data"))
        for one in _listed(item.get("referenced_tweets"))
        if one.get("type") == "retweeted"
    }
    return [one for one in _listed(_included(body, "tweets")) if one.get("id") in wanted]


def _archive(data: list[Any], originals: list[Any]) -> frozenset[str]:
    """Tell which of the posts passed on are history, since they were old already then."""
    times = [at for item in data if isinstance(item, dict) and (at := _at(item.get("id")))]
    oldest = min(times, default=None)
    dated = ((str(one.get("id")), _at(one.get("id"))) for one in originals)
    return frozenset(number for number, at in dated if oldest and at and at < oldest - HISTORY)


def _included(body: Mapping[str, Any], name: str) -> object:
    includes = body.get("includes")
    return includes.get(name) if isinstance(includes, dict) else None


def _listed(values: object) -> list[Mapping[str, Any]]:
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []


def _is_id(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20


def _at(number: object) -> datetime | None:
    return taken_in(number) if isinstance(number, str) and _is_id(number) else None


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def merged(answer: Answer, users: Iterable[Mapping[str, Any]]) -> Answer:
    """Lay users that were looked up beside the posts of a page, where an expansion would have put them."""
    body = json.loads(answer.body)
    includes = body.get("includes") if isinstance(body.get("includes"), dict) else {}
    body["includes"] = {**includes, "users": [*_listed(includes.get("users")), *users]}
    return replace(answer, body=json.dumps(body).encode())

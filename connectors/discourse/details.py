"""Lists of topics and of found posts, and what is read beyond the list itself: pure; the I/O is in the connector.

An answer is put together of `{"list": the list or null, "read": {id: what was read for it, or null where it cannot be
had}}`. A list is asked for again until everything new on its page has been read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from connectors.discourse import posts
from connectors.discourse.queries import Query
from listener.connector import gather
from listener.errors import BadPayload
from listener.moments import utc
from listener.types import Page
from listener.walk import Item, Step, Walk, paged, step

AT_ONCE: Final = 10
"""Most topics or posts read for one page: each is a request of its own."""
CHUNK: Final = 20
"""Posts of a topic that come in one request."""
FIRST_POSTS: Final = 40
"""Newest posts of a topic that is met for the first time, beside its first 20."""
MOST_POSTS: Final = 200
FIRST_PAGES: Final = 3
SEARCH_PAGES: Final = 10
"""A search gives no more."""
CACHED_S: Final = 120.0
"""How old a list may be that strangers get."""
REPEATS: Final = 2

# Any: JSON of the forum; each item is looked at before it is taken.
Body = Mapping[str, Any]


def listed(body: object, query: Query) -> list[Any]:
    """Give the topics or posts of a list."""
    if not isinstance(body, dict):
        raise BadPayload("the answer is no JSON object")
    inner = body.get("topic_list") if query.has_topics else body
    found = inner.get("topics" if query.has_topics else "posts") if isinstance(inner, dict) else None
    if found is None and not query.has_topics and isinstance(body.get("grouped_search_result"), dict):
        return []
    if not isinstance(found, list):
        raise BadPayload("the answer is no list of topics or posts")
    return found


def unread(items: Sequence[Any], held: Walk) -> list[int]:
    """Say which of a page are new or have changed since the last walk, and are not read yet in this one."""
    done = {*held.known, *held.extra.get("read", ())}
    found = []
    for item in items:
        line = _line(item)
        if line is not None and line.native_id not in done and not _is_older(line, held):
            found.append(int(item["id"]))
    return found


def missing(topic: Any, mark: int | None) -> list[int]:
    """Say which posts of a topic are still to be read: those after `mark`, or the newest ones of an unknown topic."""
    stream = topic.get("post_stream") if isinstance(topic, dict) else None
    if not isinstance(stream, dict) or not isinstance(stream.get("stream"), list):
        return []
    stream["posts"] = streamed(topic)
    here = {one.get("id") for one in streamed(topic) if isinstance(one, dict)}
    numbers = [number for number in stream["stream"] if type(number) is int and number not in here]
    if mark is None:
        return numbers[-FIRST_POSTS:]
    return [number for number in numbers if number > mark][:MOST_POSTS]


def streamed(topic: Any) -> list[Any]:
    """Give the posts that came with a topic."""
    stream = topic.get("post_stream") if isinstance(topic, dict) else None
    found = stream.get("posts") if isinstance(stream, dict) else None
    return found if isinstance(found, list) else []


def page(body: Any, query: Query, held: Walk, since_s: float) -> Page:
    """Read what was put together."""
    if not isinstance(body, dict) or not isinstance(body.get("read"), dict):
        raise BadPayload("the answer is not what was put together")
    if query.kind == "t":
        return _topic_page(body["read"].get(query.value), query, held)
    items = listed(body.get("list"), query)
    came = _posts(body, items, query)
    left = [number for number in unread(items, held) if str(number) not in body["read"]]
    top = max([held.extra.get("top", 0), *_numbers(body)])
    states = [line.native_id for item in items if (line := _line(item)) and str(item["id"]) in body["read"]]
    extra = {**held.extra, "top": top, "read": [*held.extra.get("read", ()), *states][-1_000:]}
    if left:
        return replace(came, cursor=replace(held, extra=extra).cursor, more=True)
    return paged(came, _step(held, extra, body["list"], items, query, since_s))


def mark_of(held: Walk) -> int | None:
    """Give the highest number of a post known when this walk began."""
    mark = held.extra.get("mark")
    return mark if type(mark) is int else None


def _topic_page(topic: Any, query: Query, held: Walk) -> Page:
    if not isinstance(topic, dict) or not isinstance(topic.get("post_stream"), dict):
        raise BadPayload("the answer is no topic")
    came = _posts({"list": None, "read": {query.value: topic}}, [], query)
    mark = max([mark_of(held) or 0, *_numbers({"read": {query.value: topic}})])
    stream = topic["post_stream"].get("stream")
    highest = max((one for one in stream if type(one) is int), default=0) if isinstance(stream, list) else 0
    more = mark_of(held) is not None and mark_of(held) != mark < highest
    return replace(came, cursor=Walk(known=("t",), extra={"mark": mark}).cursor, more=more)


def _posts(body: Body, items: Sequence[Any], query: Query) -> Page:
    """Read topics with their posts, found posts with their topics; what cannot be had, as the list shows it."""
    topics, users = _by_id(body.get("list"), "topics"), _by_id(body.get("list"), "users")
    lines: list[tuple[Any, Any]] = []
    for number, read in body["read"].items():
        if query.kind == "search":
            found = read if isinstance(read, dict) else _by_id(body.get("list"), "posts").get(number)
            lines.append((found, topics.get(str(found.get("topic_id")) if isinstance(found, dict) else "", {})))
        elif isinstance(read, dict) and isinstance(read.get("post_stream"), dict):
            known = {**_dict(_by_id(_dict(body.get("list")).get("topic_list"), "topics").get(number)), **read}
            lines.extend((one, known) for one in streamed(read))
        else:
            lines.extend((None, item) for item in items if isinstance(item, dict) and str(item.get("id")) == number)
    everyone = {user.get("id"): user for user in users.values()}
    came, rejects = gather(lines, lambda line: _one(line, query.forum, everyone))
    return Page(came, deleted=deleted([item for item, _ in lines], query.forum), rejects=rejects)


def _one(line: tuple[Any, Any], forum: str, users: Mapping[object, Any]) -> Any:
    item, topic = line
    return posts.topic(topic, forum, users) if item is None else posts.post(item, forum, topic)


def deleted(items: Sequence[Any], forum: str) -> tuple[str, ...]:
    """Name the posts that are gone."""
    names = [_named(item, forum) for item in items if isinstance(item, dict) and posts.is_gone(item)]
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _named(item: Any, forum: str) -> str | None:
    """Name a post that is gone; None: it does not say which it was."""
    try:
        return posts.native_id(item, forum)
    except (KeyError, TypeError, ValueError):
        return None


def _step(held: Walk, extra: dict[str, Any], body: Body, items: Sequence[Any], query: Query, since_s: float) -> Step:
    """Go one page on; a page that only repeats the one before is asked for again."""
    lines = [line for item in items if (line := _line(item)) is not None]
    edge = lines[-1].native_id if lines else None
    repeats = int(extra.get("repeats", 0))
    following = _following(held, body, query)
    if held.token and edge and edge == extra.get("edge"):
        if repeats < REPEATS:
            return Step(replace(held, extra={**extra, "repeats": repeats + 1}), more=True)
        following = held.token
    is_cut = query.kind == "search" and held.pages + 1 >= SEARCH_PAGES
    if is_cut or (held.first and held.pages + 1 >= FIRST_PAGES):
        following = None
    taken = step(held, lines, following, since_s=since_s, overlap_s=CACHED_S, deep=not is_cut)
    kept = {**extra, "edge": edge} if taken.more else {"mark": extra["top"], "top": extra["top"]}
    kept.pop("repeats", None)
    return taken._replace(walk=replace(taken.walk, extra=kept))


def _following(held: Walk, body: Body, query: Query) -> str | None:
    if query.kind == "search":
        result = body.get("grouped_search_result")
        has_more = isinstance(result, dict) and result.get("more_full_page_results") is True
        return str(held.pages + 2) if has_more else None
    has_more = bool(_dict(body.get("topic_list")).get("more_topics_url"))
    return str(held.pages + 1) if has_more else None


def _line(item: Any) -> Item | None:
    """Give a topic's state (a new post or an edit of the last one makes another), or a found post's number."""
    if not isinstance(item, dict) or type(item.get("id")) is not int or item["id"] <= 0:
        return None
    if "post_number" in item:
        return Item(str(item["id"]), utc(item.get("created_at")))
    moved = next((at for name in ("bumped_at", "last_posted_at", "created_at") if (at := utc(item.get(name)))), None)
    return Item(f"{item['id']}:{item.get('highest_post_number')}:{item.get('bumped_at')}", moved)


def _is_older(line: Item, held: Walk) -> bool:
    return bool(held.newest_s and line.at is not None and line.at.timestamp() < held.newest_s - CACHED_S)


def _numbers(body: Body) -> list[int]:
    found = []
    for read in body["read"].values():
        here = streamed(read) or [read]
        found += [one["id"] for one in here if isinstance(one, dict) and type(one.get("id")) is int]
    return found


def _by_id(body: object, name: str) -> dict[str, Any]:
    found = body.get(name) if isinstance(body, dict) else None
    return {str(one.get("id")): one for one in found if isinstance(one, dict)} if isinstance(found, list) else {}


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

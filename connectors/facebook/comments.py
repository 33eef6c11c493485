"""The comments on a page's newest posts: one request brings the newest of each, and further ones follow. No I/O."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from connectors.facebook import graph, posts
from listener.connector import gather
from listener.types import Page, Post
from listener.walk import KNOWN, Walk

EACH: Final = 25
OVERLAP_S: Final = 600.0
NEWEST_FIRST: Final = {"filter": "stream", "order": "reverse_chronological"}

Json = Mapping[str, Any]


def asked(page: str, held: Walk, count: int, limit: int) -> tuple[str, dict[str, str | int], str | None]:
    """Give path, parameters and token of the next request."""
    queue = _queue(held)
    if queue:
        number, token = queue[0]
        return f"{number}/comments", {"limit": limit, "fields": posts.COMMENT_FIELDS, **NEWEST_FIRST}, token
    nested = f"comments.filter(stream).order(reverse_chronological).limit({EACH}){{{posts.COMMENT_FIELDS}}}"
    return f"{page}/feed", {"limit": count, "fields": f"id,created_time,{nested}"}, None


def page(body: Json, listed: list[Any], held: Walk, since_s: float) -> Page:
    """Read comments of many posts, or more of one."""
    queue = _queue(held)
    if queue:
        lists = [(queue[0][0], listed, graph.following(body))]
    else:
        lists = [one for item in listed if (one := _nested(item)) is not None]
    found, rejects = gather(
        [(number, item) for number, items, _ in lists for item in items], lambda one: posts.comment(one[1], one[0])
    )
    times = [one.published_at.timestamp() for one in found if one.published_at]
    pending_s = max([*times, held.pending_s or 0.0], default=0.0) or None
    until = held.newest_s - OVERLAP_S if held.newest_s else (pending_s or 0.0) - since_s
    stuck = queue[0][1] if queue else None
    further = [
        [number, token]
        for number, items, token in lists
        if token and token != stuck and _goes_on(found, number, until, items)
    ]
    left = [*further, *queue[1:]]
    pending = tuple(dict.fromkeys([*held.pending, *(one.native_id for one in found)]))[:KNOWN]
    if left:
        return Page(
            found, _cursor(replace(held, pending=pending, pending_s=pending_s), left), more=True, rejects=rejects
        )
    newest_s = max(filter(None, (pending_s, held.newest_s)), default=None)
    ended = replace(held, known=pending or held.known, newest_s=newest_s, pending=(), pending_s=None)
    return Page(found, _cursor(ended, []), rejects=rejects)


def _nested(item: Any) -> tuple[str, list[Any], str | None] | None:
    found = item.get("comments") if isinstance(item, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("data"), list) or not item.get("id"):
        return None
    return str(item["id"]), found["data"], graph.following(found)


def _goes_on(found: tuple[Post, ...], number: str, until: float, items: list[Any]) -> bool:
    """Tell whether a post's older comments may still be new to us; an empty page proves nothing."""
    times = [one.published_at.timestamp() for one in found if one.thread == number and one.published_at]
    return not items or not times or min(times) > until


def _queue(held: Walk) -> list[list[str]]:
    queue = held.extra.get("queue")
    return [[str(part) for part in one] for one in queue if len(one) == 2] if isinstance(queue, list) else []


def _cursor(held: Walk, queue: list[list[str]]) -> str:
    return replace(held, extra={"queue": queue} if queue else {"read": True}).cursor

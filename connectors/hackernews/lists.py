"""The lists by Firebase: which ids are new, and what a page of them brings. No I/O.

A cursor holds the ids that are known and those of the walk under way. An item that could not be had is in neither,
so the next poll asks for it again, as long as it is in the list.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectors.hackernews.posts import is_gone, of_item
from listener.connector import gather
from listener.errors import BadPayload
from listener.types import Gap, Page

ITEMS: Final = 30
"""Items fetched for one page of a list."""
KEPT: Final = 1_000
"""Ids remembered per list."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """One of the site's lists."""

    path: str
    page: str
    """The page a person opens."""
    title: str
    depth: int = 200
    """How many ids count, from the top."""
    first: int = 200
    """How many of them the first poll reads."""
    by_time: bool = False
    """True: newest first, so that what the first poll leaves is history, and a list without one known id lost some."""


LISTS: Final[Mapping[str, Ranking]] = {
    "top": Ranking("topstories", "news", "front page"),
    "new": Ranking("newstories", "newest", "newest", depth=500, first=90, by_time=True),
    "ask": Ranking("askstories", "ask", "Ask HN"),
    "show": Ranking("showstories", "show", "Show HN"),
    "jobs": Ranking("jobstories", "jobs", "jobs"),
}


def ids(body: object) -> list[int]:
    """Check a list of ids: each once, in its order."""
    if not isinstance(body, list) or not all(type(number) is int and number > 0 for number in body):
        raise BadPayload("the list is no list of ids")
    return list(dict.fromkeys(body))


def left(cursor: str | None) -> bool:
    """Say whether a walk is under way, so that the list itself need not be asked for."""
    return bool(cursor and json.loads(cursor)["todo"])


def plan(ranking: Ranking, cursor: str | None, listed: list[int] | None) -> tuple[list[int], list[int]]:
    """Give the ids that are known and those still to be read; `listed` is None inside a walk."""
    window = (listed or [])[: ranking.depth]
    if cursor is None:
        return (window[ranking.first :] if ranking.by_time else []), window[: ranking.first]
    state = json.loads(cursor)
    known = set(state["seen"])
    return state["seen"], [number for number in window if number not in known] if listed is not None else state["todo"]


def page(body: Mapping[str, Any], ranking: Ranking, cursor: str | None) -> Page:
    """Read `{"list": ids or null, "items": {id: item}}`, which is what our own fetch puts together."""
    listed = None if body.get("list") is None else ids(body["list"])
    items = body.get("items")
    if not isinstance(items, dict):
        raise BadPayload("the answer has no items")
    seen, todo = plan(ranking, cursor, listed)
    came = [(number, items[str(number)]) for number in todo[:ITEMS] if isinstance(items.get(str(number)), dict)]
    posts, rejects = gather([item for _, item in came], of_item)
    known = [*seen, *(number for number, _ in came)]
    return Page(
        posts,
        cursor=json.dumps({"seen": known[-KEPT:], "todo": todo[ITEMS:]}),
        deleted=tuple(str(number) for number, item in came if is_gone(item)),
        more=len(todo) > ITEMS,
        gap=_gap(ranking, seen, listed) if cursor else None,
        rejects=rejects,
    )


def _gap(ranking: Ranking, seen: list[int], listed: list[int] | None) -> Gap | None:
    if not ranking.by_time or not seen or not listed or set(seen) & set(listed):
        return None
    return Gap("more stories came since the last poll than the list holds", str(max(seen)), str(min(listed)))

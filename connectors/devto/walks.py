"""Where a list's reading stands, and what is still to be read beyond it. No I/O.

A list is asked for again until all that is new on its page has been read. Tags and searches come in the platform's own
order: there, a walk ends with a page that holds anything known.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from connectors.devto.queries import PER_PAGE, Query
from listener.moments import utc
from listener.types import Gap
from listener.walk import KNOWN, Item, Step, Walk, step

AT_ONCE: Final = 10
"""Most articles read for one page: each is a request of its own."""
FIRST_PAGES: Final = 3
RANKED_PAGES: Final = 3
"""Most pages of a list in the platform's own order."""
REMEMBERED: Final = 600
REPEATS: Final = 2
STALE_S: Final = 900.0
"""How old a list may be: caches were seen to hold it back (github.com/forem/forem, issue 21355)."""


def unread(items: Sequence[Any], held: Walk, query: Query) -> list[int]:
    """Say which articles of a page are new, and not read yet in this walk."""
    done = {*held.known, *held.extra.get("seen", ()), *held.extra.get("read", ())}
    found = [line for item in items if (line := _line(item)) is not None and line.native_id not in done]
    if query.by_age and held.newest_s:
        since_s = held.newest_s - STALE_S
        found = [line for line in found if line.at is None or line.at.timestamp() >= since_s]
    return [int(line.native_id) for line in found]


def read_on(held: Walk, numbers: Sequence[str]) -> Walk:
    """Note what has been read of a page that is not read to its end."""
    read = [*held.extra.get("read", ()), *numbers]
    return replace(held, extra={**held.extra, "read": read[-REMEMBERED:]})


def next_page(held: Walk, items: Sequence[Any], numbers: Sequence[str], query: Query, since_s: float) -> Step:
    """Go one page on, once all of this one has been read. `numbers`: what has been read of it now."""
    lines = [line for item in items if (line := _line(item)) is not None]
    edge = lines[-1].native_id if lines else None
    repeats = int(held.extra.get("repeats", 0))
    is_repeated = bool(held.token and edge and edge == held.extra.get("edge"))
    if is_repeated and repeats < REPEATS:
        return Step(replace(held, extra={**held.extra, "repeats": repeats + 1}), more=True)
    following = str(held.pages + 2) if len(items) >= PER_PAGE else None
    if not query.by_age:
        return _ranked(held, lines, None if is_repeated else following, numbers)
    if held.first and held.pages + 1 >= FIRST_PAGES:
        following = None
    taken = step(held, lines, held.token if is_repeated else following, since_s=since_s, overlap_s=STALE_S)
    read = [*held.extra.get("read", ()), *numbers][-REMEMBERED:]
    return taken._replace(walk=replace(taken.walk, extra={"edge": edge, "read": read} if taken.more else {}))


def _ranked(held: Walk, lines: Sequence[Item], following: str | None, numbers: Sequence[str]) -> Step:
    read = [*held.extra.get("read", ()), *numbers]
    ids = [line.native_id for line in lines]
    seen = list(dict.fromkeys([*read, *ids, *held.extra.get("seen", ())]))[:REMEMBERED]
    is_new = bool(ids) and not held.first and not set(ids) & set(held.extra.get("seen", ()))
    if following is not None and is_new and held.pages + 1 < RANKED_PAGES:
        extra = {**held.extra, "seen": seen, "read": [], "edge": ids[-1] if ids else None}
        extra.pop("repeats", None)
        return Step(replace(held, token=following, pages=held.pages + 1, extra=extra), more=True)
    gap = None
    if following is not None and is_new:
        gap = Gap("the list holds more new articles than one walk reads", held.known[0], ids[-1] if ids else None)
    newest = [line.at.timestamp() for line in lines if line.at is not None]
    known = tuple(ids[:KNOWN]) or held.known
    newest_s = max([*newest, held.newest_s or 0.0]) or None
    return Step(Walk(known=known, newest_s=newest_s, extra={"seen": seen}), more=False, gap=gap)


def _line(item: Any) -> Item | None:
    if not isinstance(item, dict) or type(item.get("id")) is not int or item["id"] <= 0:
        return None
    return Item(str(item["id"]), utc(item.get("published_timestamp") or item.get("published_at")))

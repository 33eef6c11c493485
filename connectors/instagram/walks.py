"""Where the reading of a list without an order stands: hashtags, and comments over many media. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from listener.types import Page, Post
from listener.walk import Walk

SEEN: Final = 1_500
"""Ids kept of a list without an order; a hashtag's pages reach back a day."""
PAGES: Final = 10


def unordered(page: Page, held: Walk, posts: Sequence[Post], token: str | None) -> Page:
    """Read on until a page brings nothing that we have not seen; the platform promises no order."""
    seen = _seen(held)
    known, ids = set(seen), [one.native_id for one in posts]
    fresh = [one for one in ids if one not in known]
    extra = {**held.extra, "seen": [*fresh, *seen][:SEEN]}
    # Its token may stay the same from poll to poll; within a walk that would be a circle.
    if token is not None and token != held.token and fresh and held.pages + 1 < PAGES:
        following = replace(held, extra=extra, token=token, pages=held.pages + 1)
        return replace(page, cursor=following.cursor, more=True)
    return replace(page, cursor=replace(held, extra=extra, token=None, pages=0).cursor)


def queued(page: Page, held: Walk, posts: Sequence[Post], ends: Mapping[str, tuple[str, str | None]]) -> Page:
    """Read on in each list whose page was new to us; `ends`: a medium to its address and its list's next page.

    A first poll reads one page of each.
    """
    before, seen = queue(held), _seen(held)
    known, fresh = set(seen), [one for one in posts if one.native_id not in set(seen)]
    on = {one.thread for one in fresh}
    stuck = {(number, token) for number, _, token in before}
    left = [[number, url, token] for number, (url, token) in ends.items() if token and number in on and known]
    left = [one for one in left if (one[0], one[2]) not in stuck] + before[1:]
    extra = {"seen": [*(one.native_id for one in fresh), *seen][:SEEN], "queue": left}
    return replace(page, cursor=replace(held, extra=extra).cursor, more=bool(left))


def queue(held: Walk) -> list[list[str]]:
    """Give the lists under way: medium, address, next page."""
    found = held.extra.get("queue")
    return [[str(part) for part in one] for one in found if len(one) == 3] if isinstance(found, list) else []


def _seen(held: Walk) -> list[str]:
    found = held.extra.get("seen")
    return [str(one) for one in found] if isinstance(found, list) else []

"""Every post of a forum by its number, newest first, in windows: a short or empty page is not the end. No I/O.

Older versions answer with those of 50 numbers that one may see, newer ones with the 50 posts below a number.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from listener.types import Gap
from listener.walk import Step, Walk

WINDOW: Final = 50
"""Numbers of a window (LatestPostsQuery of the forum software, read 2026-11-25)."""
FIRST_PAGES: Final = 10
PAGES: Final = 60
"""Most pages of a walk: about 3,000 numbers between two polls."""


def step(held: Walk, numbers: Sequence[int], times: Sequence[datetime], since: timedelta) -> Step:
    """Take a page of posts with these numbers and times."""
    top = max([*numbers, *map(int, held.pending)], default=None)
    mark = int(held.known[0]) if held.known else None
    before = int(held.token) if held.token else None
    below = _below(numbers, before)
    pending = () if top is None else (str(top),)
    newest_s = held.pending_s or max((one.timestamp() for one in times), default=None)
    if mark is None:
        over = not times or newest_s is None or min(times).timestamp() <= newest_s - since.total_seconds()
    else:
        over = below is None or below <= mark
    is_capped = held.pages + 1 >= (FIRST_PAGES if mark is None else PAGES)
    if below is not None and not (over or is_capped):
        return Step(
            replace(held, pending=pending, pending_s=newest_s, token=str(below), pages=held.pages + 1), more=True
        )
    gap = None
    if is_capped and not over and held.known:
        gap = Gap("more posts came since the last poll than one walk reads", held.known[0], str(below))
    known = pending if mark is None or (top or 0) > mark else held.known
    return Step(Walk(known=known), more=False, gap=gap)


def filling(gap: Gap) -> Walk | None:
    """Begin a walk that covers a gap."""
    if gap.older is None or gap.newer is None or not (gap.older + gap.newer).isdecimal():
        return None
    return Walk(known=(gap.older,), pending=(gap.newer,), token=gap.newer)


def _below(numbers: Sequence[int], before: int | None) -> int | None:
    """Give the number to go on below; None: there is nothing more.

    The lowest number seen is safe: whether it is in the next window or not, nothing between is left out. Where that
    brings us no further, the window held nothing else.
    """
    lowest = min(numbers, default=None)
    if lowest is not None and (before is None or lowest < before):
        return lowest if lowest > 1 else None
    return before - WINDOW if before is not None and before > WINDOW else None

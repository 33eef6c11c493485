"""Where the next page of questions begins. No I/O.

Oldest first from the newest known one on, each page beginning at the second where the last one ended: the mark moves
with every page, and nothing that arrives, vanishes or breaks off in between shifts the rest.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from listener.types import Gap

OVERLAP_S: Final = 60
"""Answers are cached for about a minute, so a question may turn up late."""
PAGES: Final = 25
"""Most pages beginning at the same second; the platform gives no more without a login."""
REPEATS: Final = 3
"""How often a page that is not what we asked for is asked for again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest creation time known, in Unix seconds, and where a walk stands."""

    newest: int
    since: int | None = None
    """Where the next page of the walk under way begins; None: no walk under way."""
    page: int = 1
    """Counts on where a page ends in the second it began with, or comes out of order."""
    repeats: int = 0

    @property
    def cursor(self) -> str:
        """Write it down."""
        return json.dumps(asdict(self))

    @property
    def under_way(self) -> bool:
        """True: there are more pages."""
        return self.since is not None


def window(cursor: str | None) -> dict[str, int]:
    """Give the parameters that choose the next page."""
    if cursor is None:
        return {}
    mark = Mark(**json.loads(cursor))
    return {"fromdate": _begin(mark), "page": mark.page}


def step(cursor: str | None, items: Sequence[object], *, more: bool) -> tuple[Mark, Gap | None]:
    """Find the mark after a page with these items; `more`: the platform has further ones."""
    times = [time for item in items if (time := _time(item)) is not None]
    if cursor is None:  # the first poll reads the newest page, what is older is history
        return Mark(max(times, default=0)), None
    mark = Mark(**json.loads(cursor))
    newest, begin = max([mark.newest, *times]), _begin(mark)
    if not more or not times:
        return Mark(newest), None
    if min(times) < begin:  # a page of some other window
        following = replace(mark, newest=newest, since=begin, repeats=mark.repeats + 1)
        return (following if following.repeats <= REPEATS else Mark(newest)), None
    if times == sorted(times) and times[-1] > begin:
        return Mark(newest, since=times[-1]), None
    if mark.page < PAGES:
        return Mark(newest, since=begin, page=mark.page + 1), None
    return Mark(newest), Gap("more questions were asked at once than can be read", str(begin), str(newest))


def _begin(mark: Mark) -> int:
    return max(mark.newest - OVERLAP_S, 0) if mark.since is None else mark.since


def _time(item: object) -> int | None:
    time = item.get("creation_date") if isinstance(item, dict) else None
    return time if type(time) is int else None

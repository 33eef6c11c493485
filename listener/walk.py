"""A walk from the newest post back to the last one known, page by page, that loses nothing: pure.

Most platforms list the newest first. The mark (what was newest when the last walk ended) moves only once a walk has
reached it; until then the newest of the walk's first page wait as `pending`. Everything lives in the opaque cursor, so
a walk that a crash or a page cap breaks off is taken up again. A page repeats, a post moves, the marked post is
deleted: the mark is therefore many ids and a time, never one id.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from listener.types import Gap, Page

KNOWN: Final = 100
"""Ids of the newest posts that make the mark."""
DAY_S: Final = 86_400.0


class Item(NamedTuple):
    """What a walk needs of a post: its id, and when the platform took it in (never what its author claims)."""

    native_id: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a feed's reading stands. `token` None: the next poll begins a new walk at the newest page."""

    known: tuple[str, ...] = ()
    """Ids that were the newest when the last walk ended; empty: the feed has never been read to the end."""
    newest_s: float | None = None
    """Their newest time, in seconds since 1970."""
    pending: tuple[str, ...] = ()
    pending_s: float | None = None
    token: str | None = None
    """Where the next page of the walk begins, in the platform's own words."""
    pages: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    """Whatever else a connector must remember; JSON values, hence Any."""

    @classmethod
    def read(cls, cursor: str | None) -> "Walk":
        """Read a cursor; one that is not ours begins anew, overlap and the store's ids keep that harmless."""
        try:
            held = json.loads(cursor or "{}")
            return cls(
                known=tuple(map(str, held.get("known", ()))),
                newest_s=held.get("newest_s"),
                pending=tuple(map(str, held.get("pending", ()))),
                pending_s=held.get("pending_s"),
                token=held.get("token"),
                pages=int(held.get("pages", 0)),
                extra=dict(held.get("extra", {})),
            )
        except (ValueError, TypeError, AttributeError):
            return cls()

    @property
    def cursor(self) -> str:
        """Write it down, without what is empty."""
        values = {
            "known": list(self.known),
            "newest_s": self.newest_s,
            "pending": list(self.pending),
            "pending_s": self.pending_s,
            "token": self.token,
            "pages": self.pages,
            "extra": self.extra,
        }
        return json.dumps({name: value for name, value in values.items() if value}, separators=(",", ":"))

    @property
    def first(self) -> bool:
        """True: this feed has no mark yet; the walk is a bounded look back."""
        return not self.known


class Step(NamedTuple):
    """What follows from one page of a walk."""

    walk: Walk
    more: bool
    gap: Gap | None = None


def step(
    walk: Walk,
    items: Sequence[Item],
    token: str | None,
    *,
    since_s: float = 2 * DAY_S,
    overlap_s: float = 0.0,
    deep: bool = True,
) -> Step:
    """Take one page, newest first as the platform gave it, and say how the walk goes on.

    `token`: where the next page begins, None at the end of the list. `since_s`: how far back a first walk looks.
    `overlap_s`: read on that far beyond the mark, where a platform's index runs late. `deep` False: the list ends
    before the platform's own posts do (a window, a depth limit), so an end without the mark is a gap.
    """
    pending = walk.pending or tuple(item.native_id for item in items[:KNOWN])
    times = [item.at.timestamp() for item in items if item.at is not None]
    pending_s = walk.pending_s or max(times, default=None)
    reached = _reached(walk, items, pending_s, since_s, overlap_s)
    if items and token is not None and not reached and token != walk.token:
        following = replace(walk, pending=pending, pending_s=pending_s, token=token, pages=walk.pages + 1)
        return Step(following, more=True)
    gap = None
    stuck = token is not None and token == walk.token
    if items and not reached and not walk.first and (stuck or not deep):
        why = "the platform's pages repeat themselves" if stuck else "the platform's list ended"
        gap = Gap(f"{why} before the last post we knew", walk.known[0], items[-1].native_id)
    # A first page without any post keeps the old mark: an empty answer proves nothing.
    ended = replace(
        walk,
        known=pending or walk.known,
        newest_s=max(filter(None, (pending_s, walk.newest_s)), default=None),
        pending=(),
        pending_s=None,
        token=None,
        pages=0,
    )
    return Step(ended, more=False, gap=gap)


def _reached(walk: Walk, items: Sequence[Item], newest_s: float | None, since_s: float, overlap_s: float) -> bool:
    """Tell whether a page goes back to the mark. Pinned posts come first, so only its last post counts."""
    if not items:
        return True
    last = items[-1]
    last_s = last.at.timestamp() if last.at is not None else None
    if walk.first:
        return newest_s is None or (last_s is not None and last_s <= newest_s - since_s)
    if last_s is None or walk.newest_s is None:
        return last.native_id in walk.known
    if last_s <= walk.newest_s - overlap_s:
        return last.native_id in walk.known or last_s < walk.newest_s - overlap_s
    return False


def paged(page: Page, taken: Step) -> Page:
    """Put a step's outcome into a page."""
    return replace(page, cursor=taken.walk.cursor, more=taken.more, gap=page.gap or taken.gap)

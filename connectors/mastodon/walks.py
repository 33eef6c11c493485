"""Where a feed's reading stands: back from the newest page at first, later forward from what is known. No I/O.

`min_id` gives the page just after an id, `since_id` the newest one, which drops what lies between
(docs.joinmastodon.org/api/guidelines, read 2026-11-23). Ids are opaque: their order is the one they come in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from listener import walk
from listener.types import Gap
from listener.walk import KNOWN, Item, Step, Walk

OVERLAP: Final = 20
"""So many known posts are read again: federated ones get their place by the time they claim, edits are seen too."""
FIRST_PAGES: Final = 10
"""Most pages of the look back of a first poll."""
FILL_PAGES: Final = 25
INDEX_LAG_S: Final = 3_600.0
"""How far behind a server's search index may run; nothing states it."""


def window(held: Walk, *, forward: bool) -> dict[str, str]:
    """Give the parameters that choose the next page."""
    if not forward or held.first or _filling(held):
        return {"max_id": held.token} if held.token else {}
    return {"min_id": held.token or held.known[min(OVERLAP, len(held.known)) - 1]}


def step(held: Walk, items: Sequence[Item], ends: Mapping[str, str], *, forward: bool, since_s: float) -> Step:
    """Take a page, newest first. `ends`: the ids in its Link header, by name. `forward`: this list knows `min_id`."""
    back = ends.get("max_id") or (None if ends or not items else items[-1].native_id)
    if _filling(held):
        return _filled(held, items, back)
    if held.first and held.pages + 1 >= FIRST_PAGES:
        back = None
    if not forward or held.first:
        return walk.step(held, items, back, since_s=since_s, overlap_s=INDEX_LAG_S)
    return _forward(held, [item.native_id for item in items], ends.get("min_id"))


def filling(gap: Gap) -> Walk | None:
    """Begin a walk that covers a gap."""
    if gap.older is None or gap.newer is None:
        return None
    return Walk(known=(gap.older,), token=gap.newer, extra={"fill": True})


def _filling(held: Walk) -> bool:
    return held.extra.get("fill") is True


def _filled(held: Walk, items: Sequence[Item], back: str | None) -> Step:
    ids = {item.native_id for item in items}
    over = not items or set(held.known) & ids or back in (None, held.token) or held.pages + 1 >= FILL_PAGES
    following = replace(held, token=None if over else back, pages=held.pages + 1)
    return Step(following, more=not over)


def _forward(held: Walk, ids: Sequence[str], newest: str | None) -> Step:
    known = set(held.known)
    if known.issuperset(ids):
        return Step(replace(held, token=None, pages=0), more=False)
    merged = tuple(dict.fromkeys([*ids, *held.known]))[:KNOWN]
    following = replace(held, known=merged, token=newest or ids[0], pages=held.pages + 1)
    # The page begins before what is known. Where none of that is left, the server has cut its list off.
    cut = held.token is None and len(known) > 3 and not known & set(ids)
    gap = Gap("the server's list begins after the last post we knew", held.known[0], ids[-1]) if cut else None
    return Step(following, more=True, gap=gap)

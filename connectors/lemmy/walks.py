"""Where a feed's reading stands: the highest of an instance's own ids, which count what arrives. No I/O.

Posts stand in the order of the time they claim, which may be late or in the future; ids are given on arrival.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from listener.types import Gap
from listener.walk import Step, Walk

FIRST_PAGES: Final = 10
"""Most pages of the look back of a first poll."""
PAGES: Final = 50
"""Most pages of any other walk: 2,500 posts between two polls."""
REPEATS: Final = 2
"""How often a page that is the one before it is asked for again."""


class Line(NamedTuple):
    """A post or comment of a page: which of the two, its number there, the time that it claims."""

    kind: str
    number: int
    at: datetime | None

    def __str__(self) -> str:
        """Write it as in a cursor."""
        return f"{self.kind}-{self.number}"


def step(held: Walk, lists: Sequence[Sequence[Line]], token: str | None, since: timedelta) -> Step:
    """Take a page, which may hold two lists, newest first. `token`: the next page; None: all lists end here."""
    lines = [line for one in lists for line in one]
    edge = " ".join(str(one[-1]) for one in lists if one)
    repeats = int(held.extra.get("repeats", 0))
    is_repeated = bool(held.token and lines and edge == held.extra.get("edge"))
    if is_repeated and repeats < REPEATS:
        return Step(replace(held, extra={**held.extra, "repeats": repeats + 1}), more=True)
    marks = numbers(held.known)
    pending = highest(numbers(held.pending), lines)
    newest_s = held.pending_s or _newest_s(lines)
    over = _over(replace(held, pending_s=newest_s), lists, marks, since)
    is_capped = held.pages + 1 >= (FIRST_PAGES if held.first else PAGES)
    if token is not None and not (over or is_repeated or is_capped):
        extra = {**_kept(held), "edge": edge}
        following = replace(
            held, pending=written(pending), pending_s=newest_s, token=token, pages=held.pages + 1, extra=extra
        )
        return Step(following, more=True)
    gap = None
    if token is not None and not (over or held.first):
        why = "the instance's pages repeat themselves" if is_repeated else "more came than one walk reads"
        gap = Gap(f"{why} before the last post we knew", held.known[0], str(lines[-1]))
    known = written({**marks, **{kind: max(n, marks.get(kind, 0)) for kind, n in pending.items()}})
    return Step(Walk(known=known or held.known, extra=_kept(held)), more=False, gap=gap)


def numbers(written_ids: Sequence[str]) -> dict[str, int]:
    """Read ids such as `post-12`, the highest of each kind."""
    found: dict[str, int] = {}
    for one in written_ids:
        kind, _, digits = one.partition("-")
        if digits.isdecimal():
            found[kind] = max(int(digits), found.get(kind, 0))
    return found


def written(marks: Mapping[str, int]) -> tuple[str, ...]:
    """Write marks for a cursor."""
    return tuple(f"{kind}-{number}" for kind, number in sorted(marks.items()))


def highest(marks: Mapping[str, int], lines: Sequence[Line]) -> dict[str, int]:
    """Raise marks to the highest numbers of a page."""
    found = dict(marks)
    for line in lines:
        found[line.kind] = max(line.number, found.get(line.kind, 0))
    return found


def filling(gap: Gap) -> Walk | None:
    """Begin a walk from the newest post back over a gap; lists know no other place to begin."""
    return Walk(known=(gap.older,), extra={"fill": True}) if gap.older else None


def _kept(held: Walk) -> dict[str, bool]:
    return {"fill": True} if held.extra.get("fill") else {}


def _over(held: Walk, lists: Sequence[Sequence[Line]], marks: Mapping[str, int], since: timedelta) -> bool:
    lines = [line for one in lists for line in one]
    if held.first or not lines:
        return all(_goes_back(one, held.pending_s, since) for one in lists)
    # A page without anything new is one page of overlap. Where a gap is filled, all down to its end is to be read.
    if held.extra.get("fill"):
        return all(one[-1].number <= marks.get(one[-1].kind, one[-1].number) for one in lists if one)
    return all(line.number <= marks.get(line.kind, 0) for line in lines)


def _newest_s(lines: Sequence[Line]) -> float | None:
    """Give the time of the line that arrived last, which is less likely made up than the latest time of all."""
    timed = [line for line in lines if line.at is not None]
    last = max(timed, key=lambda line: line.number, default=None)
    return last.at.timestamp() if last is not None and last.at is not None else None


def _goes_back(one: Sequence[Line], newest_s: float | None, since: timedelta) -> bool:
    if not one or newest_s is None or one[-1].at is None:
        return True
    return one[-1].at.timestamp() <= newest_s - since.total_seconds()

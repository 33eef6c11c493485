"""Where the next page of a list begins that can be asked for from a time on (`since`). No I/O.

What was updated comes again, so a mark is a time and the versions (`id@time`) that are known at its end. In a list that
is sorted by that time each page begins at the second where the last one ended; one that is not is walked by page
numbers, and the mark moves when the walk ends.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, NamedTuple

from listener.types import Gap

PAGES: Final = 10
"""Most pages that begin at one second; a search gives no more than 1,000 hits."""
REPEATS: Final = 3
"""How often a page that is not what we asked for is asked for again."""
SEEN: Final = 1_000


class Row(NamedTuple):
    """What a walk needs of an item: its id and the time the list is asked by, in Unix seconds."""

    key: str
    at_s: int


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest time known, and where a walk stands. Times in Unix seconds."""

    newest: int = 0
    begin: int | None = None
    """From when on the walk under way reads; None: no walk under way."""
    page: int = 1
    top: int = 0
    """The newest time that the walk under way has met."""
    repeats: int = 0
    seen: tuple[str, ...] = ()
    """Versions that may come again."""

    def since(self, overlap_s: int) -> int:
        """Say from when on to ask."""
        return self.begin if self.begin is not None else max(self.newest - overlap_s, 0)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A mark for each part of a feed (a search has two), the part whose turn it is, and a validator."""

    marks: tuple[Mark, ...] = ()
    part: int = 0
    validator: str | None = None
    """ETag or Last-Modified of the answer to exactly what will be asked next."""
    extra: dict[str, Any] = field(default_factory=dict)  # Any: JSON

    @classmethod
    def read(cls, text: str | None, parts: int) -> "Cursor":
        """Read a cursor; one that is not ours begins anew."""
        try:
            held = json.loads(text or "{}")
            marks = tuple(Mark(**{**one, "seen": tuple(one["seen"])}) for one in held.get("marks", ()))
            found = cls(marks, int(held.get("part", 0)), held.get("validator"), dict(held.get("extra", {})))
        except (ValueError, TypeError, AttributeError, KeyError):
            found = cls()
        if len(found.marks) == parts and 0 <= found.part < parts:
            return found
        return cls(tuple(Mark() for _ in range(parts)))

    def write(self) -> str:
        """Write it down."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def mark(self) -> Mark:
        """The mark of the part whose turn it is."""
        return self.marks[self.part]

    def following(self, mark: Mark, validator: str | None) -> "Cursor":
        """Put the part's new mark in; where its walk is over, the next part's turn comes."""
        marks = (*self.marks[: self.part], mark, *self.marks[self.part + 1 :])
        part = self.part if mark.begin is not None else (self.part + 1) % len(marks)
        return replace(self, marks=marks, part=part, validator=validator)

    @property
    def under_way(self) -> bool:
        """True: there are more pages, or more parts."""
        return self.part > 0 or self.mark.begin is not None


class Step(NamedTuple):
    """What follows from one page."""

    mark: Mark
    fresh: frozenset[str]
    """Keys of the items that were not known in this version."""
    gap: Gap | None = None


def step(mark: Mark, rows: Sequence[Row], asked_s: int, *, more: bool, is_sorted: bool, overlap_s: int) -> Step:
    """Take one page asked for from `asked_s` on; `more`: the platform has further ones."""
    versions = {f"{row.key}@{row.at_s}": row for row in rows}
    fresh = frozenset(row.key for version, row in versions.items() if version not in mark.seen)
    top = max([mark.newest, mark.top, asked_s, *(row.at_s for row in rows)])
    following, gap = _following(mark, rows, asked_s, top, is_sorted) if more and rows else (Mark(newest=top), None)
    # The walk comes back to what lies at its next page's begin, later polls to what lies in the overlap.
    keep_s = min(following.since(overlap_s), top - overlap_s) if is_sorted or following.begin is None else 0
    seen = [version for version in dict.fromkeys((*mark.seen, *versions)) if _at_s(version) >= keep_s]
    return Step(replace(following, seen=tuple(seen[-SEEN:])), fresh, gap)


def _following(mark: Mark, rows: Sequence[Row], asked_s: int, top: int, is_sorted: bool) -> tuple[Mark, Gap | None]:
    if not is_sorted:
        return replace(mark, begin=asked_s, page=mark.page + 1, top=top), None
    times = [row.at_s for row in rows]
    if min(times) < asked_s:  # a page of some other window
        again = replace(mark, begin=asked_s, top=top, repeats=mark.repeats + 1)
        return (again if again.repeats <= REPEATS else Mark(newest=top)), None
    if times[-1] > asked_s:
        return Mark(newest=top, begin=times[-1]), None
    if mark.page < PAGES:
        return Mark(newest=top, begin=asked_s, page=mark.page + 1), None
    return Mark(newest=top), Gap("more changed in one second than can be read", str(asked_s), str(top))


def _at_s(version: str) -> int:
    return int(version.rpartition("@")[2])

"""Minutes being filled: which of the offers are taken, so that they are worth the most and never take longer.

Exact, up to the rounding of seconds: a knapsack over groups, where a group is one person's or one source's offers, of
which at most two are taken. What must not be missing (a circle, a section) takes its place first.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final, NamedTuple

PER_VOICE: Final = 2
"""Most items of one person or source."""
WORK: Final = 60_000
"""Steps of the search: the finer the seconds, the fewer the offers."""
STEPS_MOST: Final = 600
FEW: Final = 10
"""Up to so many offers, other ways to cover what must not be missing are tried too: there one item counts."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that could be shown."""

    value: float
    cost_s: float
    voice: str
    """Whose it is: of one voice at most PER_VOICE are taken."""
    tags: frozenset[str] = field(default=frozenset())
    """What it stands for: its section, the circles of the people in it."""


def fill(offers: Sequence[Offer], seconds: float) -> list[int]:
    """Choose offers for so many seconds; give their places, in order.

    Of every tag at least one offer is taken where that fits; beyond that their value counts.
    """
    begun = [_tried(offers, seconds, forced) for forced in _covers(offers, seconds)]
    if len(offers) <= FEW:
        begun = [_improved(offers, seconds, found) for found in begun]
    return sorted(max(begun).places)


class _Box(NamedTuple):
    """A way to fill the minutes; the greater one is the better one."""

    tags: int
    value: float
    places: list[int]
    forced: list[int]


def _tried(offers: Sequence[Offer], seconds: float, forced: list[int]) -> _Box:
    taken = _completed(offers, seconds, forced)
    return _Box(len(_tags(offers, taken)), sum(offers[place].value for place in taken), taken, forced)


def _improved(offers: Sequence[Offer], seconds: float, found: "_Box") -> "_Box":
    while True:
        better = max([_tried(offers, seconds, forced) for forced in _others(offers, found)], default=found)
        if better[:2] <= found[:2]:
            return found
        found = better


def _covers(offers: Sequence[Offer], seconds: float) -> Iterable[list[int]]:
    """Give ways to cover every tag, the rarest first: by value for the time, by the least time, by value."""
    count = Counter(tag for offer in offers for tag in offer.tags)
    likings: tuple[Callable[[Offer], float], ...] = (
        lambda offer: offer.value / offer.cost_s,
        lambda offer: -offer.cost_s,
        lambda offer: len(offer.tags) / offer.cost_s,
    )
    for liking in likings:
        taken: list[int] = []
        for tag in sorted(count, key=lambda tag: (count[tag], tag)):
            if tag in _tags(offers, taken):
                continue
            able = [place for place, offer in enumerate(offers) if tag in offer.tags]
            able.sort(key=lambda place: liking(offers[place]), reverse=True)
            taken += next(([place] for place in able if _fits(offers, [*taken, place], seconds)), [])
        yield taken


def _others(offers: Sequence[Offer], found: _Box) -> Iterable[list[int]]:
    """Give other ways to begin: one offer more, one less, one exchanged for another, none at all."""
    yield []
    for gone in (None, *found.forced):
        rest = [place for place in found.forced if place != gone]
        yield rest
        yield from ([*rest, place] for place in range(len(offers)) if place not in found.forced)


def _tags(offers: Sequence[Offer], taken: Iterable[int]) -> set[str]:
    return {tag for place in taken for tag in offers[place].tags}


def _fits(offers: Sequence[Offer], taken: Sequence[int], seconds: float) -> bool:
    voices = Counter(offers[place].voice for place in taken)
    return sum(offers[place].cost_s for place in taken) <= seconds and max(voices.values(), default=0) <= PER_VOICE


def _completed(offers: Sequence[Offer], seconds: float, forced: Sequence[int]) -> list[int]:
    """Fill what the forced offers leave, by the most value; then whatever still fits."""
    if not _fits(offers, forced, seconds):
        return []
    groups: dict[str, list[int]] = {}
    room = {offers[place].voice: PER_VOICE for place in range(len(offers))}
    for place in forced:
        room[offers[place].voice] -= 1
    for place, offer in enumerate(offers):
        if place not in forced and room[offer.voice]:
            groups.setdefault(offer.voice, []).append(place)
    left = seconds - sum(offers[place].cost_s for place in forced)
    choices = [_choices(offers, group, room[voice]) for voice, group in groups.items()]
    taken = [*forced, *_knapsack(choices, left)]
    for place in sorted(range(len(offers)), key=lambda place: -offers[place].value):
        if place not in taken and _fits(offers, [*taken, place], seconds):
            taken.append(place)
    return taken


Choice = tuple[float, float, tuple[int, ...]]
"""Cost, value, places."""


def _choices(offers: Sequence[Offer], group: Sequence[int], room: int) -> list[Choice]:
    """List what can be taken of one group; what costs more and is worth less than another way is left out."""
    ways = [way for size in range(1, room + 1) for way in combinations(group, size)]
    found = sorted((sum(offers[p].cost_s for p in way), -sum(offers[p].value for p in way), way) for way in ways)
    kept: list[Choice] = []
    for cost, minus, way in found:
        if not kept or -minus > kept[-1][1]:
            kept.append((cost, -minus, way))
    return kept


def _knapsack(groups: Sequence[Sequence[Choice]], seconds: float) -> list[int]:
    """Take at most one choice of each group, for the most value inside the seconds."""
    if seconds <= 0 or not groups:
        return []
    steps = max(min(WORK // sum(map(len, groups)), STEPS_MOST), 200)
    unit = seconds / steps
    best = [0.0] * (steps + 1)
    ways: list[list[int]] = []
    for group in groups:
        priced = [(-int(-cost // unit), value) for cost, value, _ in group if cost <= seconds]
        before, best, way = best, best[:], [-1] * (steps + 1)
        for number, (cost, value) in enumerate(priced):
            for at in range(cost, steps + 1):
                found = before[at - cost] + value
                if found > best[at]:
                    best[at], way[at] = found, number
        ways.append(way)
    taken: list[int] = []
    at = steps
    for group, way in zip(reversed(groups), reversed(ways), strict=True):
        if way[at] >= 0:
            cost_s, _, places = group[way[at]]
            taken += places
            at -= -int(-cost_s // unit)
    return taken

"""How much is said of a topic, measured against its own past: spikes, the mix of it, loud and quiet hours, silence.

Time is cut at the user's clock: an edge is a moment, and what lies between two of them is counted. So a day of 23 or
25 hours is one day, and an hour that comes twice does not look twice as loud.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

from listener.types import LABELS, Label

DAYS: Final = 28
"""Days that are looked back on: four weeks, so that each day of the week counts the same."""
LEAST_DAYS: Final = 7
"""Days of history before anything can be called a spike."""
DEVIATIONS: Final = 4.0
"""A spike is so many deviations above the usual: one day in thousands by chance alone, or fewer."""
TIMES: Final = 2.0
"""And at least so many times the usual."""
LEAST_POSTS: Final = 5
LEAST_VOICES: Final = 3
"""Fewer people than this are a conversation, no spike."""
RARE: Final = 8
"""At most one day in so many was nearly as loud, or the topic is one that jumps."""
NEARLY: Final = 1.5
COOLDOWN_DAYS: Final = 3
"""What is talked about for days is told once."""
MEDIAN_BELOW: Final = 0.7
"""The median of small counts is up to so much below their mean."""
LOPSIDED: Final = 2.0
"""Small counts (Poisson) reach further up than deviations tell."""
MAD_TO_SIGMA: Final = 1.4826

LOUD: Final = 1.5
QUIET: Final = 0.5
"""An hour is loud or quiet from so many times the average hour."""
LEAST_A_DAY: Final = 1.0
"""With fewer posts a day no hour is called anything."""

SILENT_GAPS: Final = 3.0
"""Somebody is silent who says nothing for so many of their usual pauses."""
LEAST_GAPS: Final = 4


class Said(NamedTuple):
    """One post, as far as counting needs it."""

    post: int
    at: datetime
    platform: str
    account: int | None
    labels: frozenset[Label] = frozenset()


@dataclass(frozen=True, slots=True)
class Counts:
    """Posts between neighbouring edges, one number for each such span, oldest first."""

    platforms: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    labels: Mapping[Label, tuple[int, ...]] = field(default_factory=dict)

    @property
    def all(self) -> tuple[int, ...]:
        """All platforms together."""
        return tuple(map(sum, zip(*self.platforms.values(), strict=True)))


@dataclass(frozen=True, slots=True)
class Spike:
    """A day on which much more was said than usual."""

    day: int
    """Its place in `volume`."""
    posts: int
    usual: float
    """The middle of the days before."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the numbers of a topic say."""

    volume: tuple[int, ...] = ()
    """Posts of each day, oldest first; the last one ends now."""
    spikes: tuple[Spike, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    platforms: Mapping[str, int] = field(default_factory=dict)
    """Posts of the last day by platform, the most first; `labels` likewise."""
    hours: tuple[float, ...] = (0.0,) * 24
    """Posts in each hour of the user's day, on average."""

    @property
    def spike(self) -> Spike | None:
        """The spike of the last day, if it is one that is to be told."""
        return self.spikes[-1] if self.spikes and self.spikes[-1].day == len(self.volume) - 1 else None

    @property
    def loud(self) -> tuple[int, ...]:
        """The hours in which much is said."""
        return loud(self.hours)

    @property
    def quiet(self) -> tuple[int, ...]:
        """The hours in which little is said."""
        return quiet(self.hours)


@dataclass(frozen=True, slots=True)
class Silence:
    """Somebody from whom nothing comes any more."""

    since: datetime
    days: float
    usual_days: float | None
    """Their usual pause; None: too little is known of them."""


def days(until: datetime, zone: tzinfo, count: int = DAYS) -> tuple[datetime, ...]:
    """Give `count` + 1 edges, a day apart on the clocks of `zone`, the last one `until`."""
    local = until.astimezone(zone)
    back = [(local.replace(tzinfo=None) - timedelta(days=day)).replace(tzinfo=zone) for day in range(count, 0, -1)]
    return _rising([*(edge.astimezone(UTC) for edge in back), until.astimezone(UTC)])


def hours(since: datetime, until: datetime, zone: tzinfo) -> tuple[datetime, ...]:
    """Give the edges of the hours of `zone` from `since` to `until`; the first and last hour may be parts."""
    edges, end = [since.astimezone(UTC)], until.astimezone(UTC)
    while edges[-1] < end:
        later = edges[-1] + timedelta(hours=1)
        local = later.astimezone(zone)
        whole = later - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        edges.append(min(whole if whole > edges[-1] else later, end))
    return tuple(edges)


def _rising(edges: Iterable[datetime]) -> tuple[datetime, ...]:
    """Keep edges in order where a zone left out a whole day."""
    found: list[datetime] = []
    for edge in edges:
        found.append(max(edge, found[-1]) if found else edge)
    return tuple(found)


def spread(times: Iterable[datetime], edges: Sequence[datetime]) -> tuple[int, ...]:
    """Count the times between neighbouring edges; an edge belongs to what comes after it."""
    counts = Counter(bisect_right(edges, at) - 1 for at in times)
    return tuple(counts[place] for place in range(len(edges) - 1))


def by_hour(edges: Sequence[datetime], counts: Sequence[int], zone: tzinfo) -> tuple[float, ...]:
    """Lay the counts between `edges` (of `hours`) over one day of 24 hours: posts an hour, on average."""
    posts, length = [0.0] * 24, [0.0] * 24
    for (start, end), count in zip(pairwise(edges), counts, strict=False):
        hour = start.astimezone(zone).hour
        posts[hour] += count
        length[hour] += (end - start) / timedelta(hours=1)
    return tuple(said / lasted if lasted else 0.0 for said, lasted in zip(posts, length, strict=True))


def spikes(volume: Sequence[int], voices: Sequence[int] | None = None) -> tuple[Spike, ...]:
    """Find the days that stand out from those before them, each run of such days once.

    `voices`: distinct people of each day; None: nobody counted them. The base is a median, so that a spike hardly lifts
    it, and its deviation is at least what chance gives such a number (Poisson).
    """
    found: list[Spike] = []
    for day in range(LEAST_DAYS, len(volume)):
        before = volume[max(0, day - DAYS) : day]
        usual = median(before)
        if volume[day] < _from(before, usual) or (voices is not None and voices[day] < LEAST_VOICES):
            continue
        if not found or day - found[-1].day >= COOLDOWN_DAYS:
            found.append(Spike(day, volume[day], float(usual)))
    return tuple(found)


def _from(before: Sequence[int], usual: float) -> float:
    """Give the least number of posts that is a spike."""
    deviation = MAD_TO_SIGMA * median([abs(count - usual) for count in before])
    loudest = sorted(before, reverse=True)[len(before) // RARE]
    mean = usual + MEDIAN_BELOW
    chance = mean + DEVIATIONS * max(deviation, math.sqrt(mean)) + LOPSIDED
    return max(LEAST_POSTS, TIMES * usual, chance, NEARLY * loudest)


def of_topic(
    said: Sequence[Said],
    until: datetime,
    zone: tzinfo,
    voices: Mapping[int, Hashable] | None = None,
    *,
    since: datetime | None = None,
) -> Numbers:
    """Say what the numbers of one topic are, from its posts of the last `DAYS` days.

    `voices`: post to who speaks, so that a person's accounts count once; without it each account is a voice.
    `since`: when listening began, if not before those days; days without ears are no days of silence.
    """
    known = DAYS if since is None else max(round((until - since) / timedelta(days=1)), 1)
    edges = days(until, zone, min(known, DAYS))
    people: list[set[Hashable]] = [set() for _ in edges[1:]]
    last = []
    for one in said:
        day = bisect_right(edges, one.at) - 1
        if 0 <= day < len(people):
            own = ("post", one.post) if one.account is None else one.account
            people[day].add(own if voices is None else voices.get(one.post, own))
            if day == len(people) - 1:
                last.append(one)
    volume, fine = spread((one.at for one in said), edges), hours(edges[0], edges[-1], zone)
    labels = Counter(label for one in last for label in one.labels)
    return Numbers(
        volume,
        spikes(volume, [len(found) for found in people]),
        {label: labels[label] for label in LABELS if labels[label]},
        _most_first(Counter(one.platform for one in last)),
        by_hour(fine, spread((one.at for one in said), fine), zone),
    )


def of_all(counts: Counts, edges: Sequence[datetime], zone: tzinfo) -> Numbers:
    """Say the same of everything that was said, from counts between `edges` (of `hours`, over whole days)."""
    ends = days(edges[-1], zone, max(round((edges[-1] - edges[0]) / timedelta(days=1)), 1))
    place = [min(max(bisect_right(ends, edge) - 1, 0), len(ends) - 2) for edge in edges[:-1]]
    volume = [0] * (len(ends) - 1)
    for day, count in zip(place, counts.all, strict=False):
        volume[day] += count
    first = place.index(len(volume) - 1)
    totals = {label: sum(counts.labels.get(label, ())[first:]) for label in LABELS}
    return Numbers(
        tuple(volume),
        spikes(volume),
        {label: total for label, total in totals.items() if total},
        _most_first({name: sum(row[first:]) for name, row in counts.platforms.items()}),
        by_hour(edges, counts.all, zone),
    )


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(((name, count) for name, count in counts.items() if count), key=lambda row: (-row[1], row[0])))


def loud(rates: Sequence[float]) -> tuple[int, ...]:
    """List the hours in which much is said, in order."""
    return tuple(hour for hour, rate in enumerate(rates) if _is_known(rates) and rate >= LOUD * _average(rates))


def quiet(rates: Sequence[float]) -> tuple[int, ...]:
    """List the hours in which little is said, in order."""
    return tuple(hour for hour, rate in enumerate(rates) if _is_known(rates) and rate <= QUIET * _average(rates))


def _average(rates: Sequence[float]) -> float:
    return sum(rates) / len(rates)


def _is_known(rates: Sequence[float]) -> bool:
    return sum(rates) >= LEAST_A_DAY


def stretches(found: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Join neighbouring hours, over midnight too: (first, the hour after the last), in order of the day."""
    if len(set(found)) == 24:
        return ((0, 24),)
    inside = set(found)
    starts = sorted(hour for hour in inside if (hour - 1) % 24 not in inside)
    return tuple((start, _end(start, inside)) for start in starts)


def _end(start: int, inside: set[int]) -> int:
    hour = start
    while hour % 24 in inside:
        hour += 1
    return hour % 24 or 24


def silence(said: Sequence[datetime], now: datetime, silent_days: float) -> Silence | None:
    """Tell that an account is silent: nothing for `silent_days`, and for long by its own habit.

    `said`: when it spoke last, newest first, the more the better. None: it speaks, or never spoke.
    """
    if not said:
        return None
    gaps = [(newer - older) / timedelta(days=1) for newer, older in pairwise(said)]
    usual = median(gaps) if len(gaps) >= LEAST_GAPS else None
    silent = (now - said[0]) / timedelta(days=1)
    if silent < max(silent_days, SILENT_GAPS * (usual or 0.0)):
        return None
    return Silence(said[0], silent, usual)

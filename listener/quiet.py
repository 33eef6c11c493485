"""When nothing is sent: quiet hours on the user's own clock, correct over its changes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST: Final = timedelta(days=8)
"""Nothing is quiet for longer: a week without a loud minute is refused by `parse`."""
_SPAN: Final = re.compile(r"(?:([a-z, -]+) )?([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])")
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of quiet on the wall clock, `end` not in it; one that ends before it begins lasts over midnight."""

    start: time
    end: time
    days: frozenset[int] = frozenset(range(7))
    """Days on which it begins, Monday is 0."""


Quiet = Sequence[Span]


def parse(text: str) -> tuple[Span, ...]:
    """Read `22:00-07:00`, `sat, sun 00:00-24:00`, `mon-fri 18:00-09:00`; several are divided by semicolons.

    Raises ValueError, for people.
    """
    spans = tuple(_span(part.strip().lower()) for part in text.split(";") if part.strip())
    if spans and all(_covers(spans, day, minute) for day in range(7) for minute in range(24 * 60)):
        raise ValueError(f"{text!r} leaves no minute of the week in which anything could be sent")
    return spans


def is_quiet(quiet: Quiet, now: datetime, zone: tzinfo) -> bool:
    """Tell whether the wall clock stands inside quiet hours."""
    local = now.astimezone(zone)
    return _covers(quiet, local.weekday(), local.hour * 60 + local.minute)


def quiet_until(quiet: Quiet, now: datetime, zone: tzinfo) -> datetime | None:
    """Find the first minute that is not quiet, in UTC; None: it is not quiet now.

    The wall clock decides, minute by minute: where it is put back into quiet hours they go on, where it jumps over
    their end they are over.
    """
    if not is_quiet(quiet, now, zone):
        return None
    moment, last = now.astimezone(UTC).replace(second=0, microsecond=0), now + LONGEST
    while moment < last and is_quiet(quiet, moment, zone):
        moment += _step(quiet, moment, zone)
    return moment


def _step(quiet: Quiet, moment: datetime, zone: tzinfo) -> timedelta:
    """Give the way to the next minute that could be loud: an hour at a time while that stays inside the same quiet."""
    ahead = moment + timedelta(hours=1)
    local, later = moment.astimezone(zone), ahead.astimezone(zone)
    steady = local.utcoffset() == later.utcoffset()
    minutes = range(local.hour * 60 + local.minute, local.hour * 60 + local.minute + 61)
    whole = steady and all(_covers(quiet, (local.weekday() + m // 1440) % 7, m % 1440) for m in minutes)
    return timedelta(hours=1) if whole else _MINUTE


def _covers(quiet: Quiet, day: int, minute: int) -> bool:
    return any(_in(span, day, minute) for span in quiet)


def _in(span: Span, day: int, minute: int) -> bool:
    start, end = (at.hour * 60 + at.minute for at in (span.start, span.end))
    if start < end:
        return day in span.days and start <= minute < end
    # `00:00-00:00` is a whole day, as is every span that ends when it begins.
    return (day in span.days and minute >= start) or ((day - 1) % 7 in span.days and minute < end)


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no quiet time; say 22:00-07:00, or mon-fri 18:00-09:00")
    days, *clock = found.groups()
    hours = [int(number) for number in clock]
    if hours[0] > 23 or hours[2] > 24 or (hours[2] == 24 and hours[3]):
        raise ValueError(f"{text!r}: the clock goes from 00:00 to 24:00")
    return Span(time(hours[0], hours[1]), time(hours[2] % 24, hours[3]), _days(days or "mon-sun"))


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if first[:3] not in DAYS or (last and last[:3] not in DAYS):
            raise ValueError(f"{part.strip()!r} is no day; the days are {', '.join(DAYS)}")
        start, end = DAYS.index(first[:3]), DAYS.index((last or first)[:3])
        found |= {(start + n) % 7 for n in range((end - start) % 7 + 1)}
    return frozenset(found)

"""When nothing is sent: quiet hours on the user's own clock, correct over its changes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK: Final = 7 * 1440
"""In minutes."""
_SPAN: Final = re.compile(r"(?:([a-z, -]+) )?([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])")


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
    if spans and _ahead(spans)[0] >= WEEK:
        raise ValueError(f"{text!r} leaves no minute of the week in which anything could be sent")
    return spans


def is_quiet(quiet: Quiet, now: datetime, zone: tzinfo) -> bool:
    """Tell whether the wall clock stands inside quiet hours."""
    return _wait(quiet, now, zone) > 0


def quiet_until(quiet: Quiet, now: datetime, zone: tzinfo) -> datetime | None:
    """Find the first minute that is not quiet, in UTC; None: it is not quiet now.

    The wall clock decides, minute by minute: where it is put back into quiet hours they go on, where it jumps over
    their end they are over. Spans that together leave no minute of the week free are over after a week.
    """
    wait = _wait(quiet, now, zone)
    if not wait:
        return None
    moment, last = now.astimezone(UTC).replace(second=0, microsecond=0), now + timedelta(days=8)
    if wait >= WEEK:
        return moment + timedelta(minutes=WEEK)
    while wait and moment < last:
        ahead = moment + timedelta(minutes=wait)
        steady = moment.astimezone(zone).utcoffset() == ahead.astimezone(zone).utcoffset()
        moment = ahead if steady else moment + timedelta(minutes=1)
        wait = _wait(quiet, moment, zone)
    return moment


def _wait(quiet: Quiet, now: datetime, zone: tzinfo) -> int:
    """Count the minutes that the wall clock needs to leave quiet hours, if nobody changes it."""
    if not quiet:
        return 0
    local = now.astimezone(zone)
    return _ahead(tuple(quiet))[local.weekday() * 1440 + local.hour * 60 + local.minute]


@lru_cache(maxsize=64)
def _ahead(quiet: tuple[Span, ...]) -> tuple[int, ...]:
    """Give, for each minute of the week, how many minutes it is from there to one that is not quiet."""
    waits, wait = [0] * (2 * WEEK), WEEK
    for minute in reversed(range(2 * WEEK)):
        day, at = divmod(minute % WEEK, 1440)
        wait = min(wait + 1, WEEK) if any(_in(span, day, at) for span in quiet) else 0
        waits[minute] = wait
    return tuple(waits[:WEEK])


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

"""Nothing comes at night, and nothing waits longer than the night, wherever the clocks are changed."""

import random
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.quiet import Span, is_quiet, parse, quiet_until

ZONES = (
    "Europe/Berlin", "Europe/London", "Europe/Lisbon", "Europe/Athens", "Europe/Moscow", "Europe/Istanbul",
    "Atlantic/Azores", "Atlantic/Reykjavik", "Africa/Cairo", "Africa/Casablanca", "Africa/Lagos", "Africa/Johannesburg",
    "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles",
    "America/Anchorage", "America/St_Johns", "America/Halifax", "America/Havana", "America/Sao_Paulo",
    "America/Santiago", "America/Asuncion", "America/Caracas", "America/Nuuk", "Asia/Jerusalem", "Asia/Beirut",
    "Asia/Tehran", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney",
    "Australia/Adelaide", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia",
    "Antarctica/Troll",
)  # fmt: skip
START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 730


@cache
def local_minutes(zone: ZoneInfo) -> np.ndarray:
    """Give the minute of the local week for each minute of UTC: where the wall clock stands."""
    halves = [START + timedelta(minutes=30 * n) for n in range((DAYS + 3) * 48)]
    offsets = [moment.astimezone(zone).utcoffset() for moment in halves]
    shifts = np.repeat([int(offset.total_seconds()) // 60 for offset in offsets if offset is not None], 30)
    return (np.arange(len(shifts)) + shifts + START.weekday() * 1440) % (7 * 1440)


def first_loud(quiet: np.ndarray) -> np.ndarray:
    """Give, for each minute, the first one from there on that is not quiet."""
    found = np.where(quiet, len(quiet), np.arange(len(quiet)))
    return np.minimum.accumulate(found[::-1])[::-1]


@pytest.mark.parametrize(
    ("text", "covers"),
    [
        ("22:00-07:00", lambda day, minute: (minute >= 22 * 60) | (minute < 7 * 60)),
        (
            "01:30-02:30; 23:45-00:15",
            lambda day, minute: ((minute >= 90) & (minute < 150)) | (minute >= 1425) | (minute < 15),
        ),
        (
            "mon-fri 20:00-08:00; sat,sun 00:00-24:00",
            lambda day, minute: (day >= 5) | ((day < 5) & (minute >= 1200)) | (((day - 1) % 7 < 5) & (minute < 480)),
        ),
    ],
)
def test_forty_zones_and_two_years_are_quiet_exactly_as_long_as_the_wall_clock_says(text, covers):
    spans, dice = parse(text), random.Random(7)
    for name in ZONES:
        zone = ZoneInfo(name)
        week = local_minutes(zone)
        loud = first_loud(covers(week // 1440, week % 1440))
        for day in range(DAYS):
            minute = day * 1440 + dice.randrange(1440)
            now = START + timedelta(minutes=minute, seconds=dice.random() * 59)
            expected = None if loud[minute] == minute else START + timedelta(minutes=int(loud[minute]))
            assert quiet_until(spans, now, zone) == expected, f"{name} {now}"


def test_a_clock_that_jumps_over_the_end_of_the_night_ends_it():
    berlin = ZoneInfo("Europe/Berlin")
    before = datetime(2025, 3, 30, 0, 30, tzinfo=UTC)  # 01:30; at 02:00 it becomes 03:00
    assert quiet_until(parse("23:00-02:30"), before, berlin) == datetime(2025, 3, 30, 1, 0, tzinfo=UTC)


def test_a_clock_that_is_put_back_into_the_night_prolongs_it():
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2025, 10, 26, 0, 15, tzinfo=UTC)  # 02:15 for the first time; at 03:00 it becomes 02:00
    assert quiet_until(parse("02:00-02:30"), first, berlin) == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    again = datetime(2025, 10, 26, 1, 0, tzinfo=UTC)
    assert is_quiet(parse("02:00-02:30"), again, berlin)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.times(), st.times(), st.frozensets(st.integers(0, 6), min_size=1)), max_size=3),
    st.integers(0, 20 * 365 * 1440).map(lambda minutes: START + timedelta(minutes=minutes, seconds=7)),
    st.sampled_from(ZONES),
)
def test_whatever_is_quiet_ends_in_the_future_and_outside_of_it(spans, now, name):
    zone = ZoneInfo(name)
    quiet = [Span(start.replace(second=0), end.replace(second=0), days) for start, end, days in spans]
    until = quiet_until(quiet, now, zone)
    assert (until is None) == (not is_quiet(quiet, now, zone))
    if until is not None:
        assert now < until <= now + timedelta(days=9)
        if until < now + timedelta(days=7) - timedelta(minutes=1):
            assert not is_quiet(quiet, until, zone)
            assert is_quiet(quiet, until - timedelta(minutes=1), zone)


def test_what_a_person_writes_is_read():
    assert parse("22:00-07:00") == (Span(time(22), time(7)),)
    assert parse("") == ()
    assert parse("fri-mon 09:00-10:00")[0].days == {4, 5, 6, 0}
    assert parse("Saturday, Sunday 00:00-24:00") == (Span(time(0), time(0), frozenset({5, 6})),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("night", "22:00-07:00"),
        ("25:00-07:00", "00:00 to 24:00"),
        ("22:00-24:30", "00:00 to 24:00"),
        ("someday 22:00-07:00", "is no day"),
        ("00:00-00:00", "no minute of the week"),
        ("07:00-22:00; 22:00-07:00", "no minute of the week"),
        ("22:00-07:0x", "22:00-07:00"),
    ],
)
def test_what_is_wrong_is_named(text, says):
    with pytest.raises(ValueError, match=says):
        parse(text)

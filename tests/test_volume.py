"""Volume: days at the user's clock, spikes against a topic's own past, loud and quiet hours, silence."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import volume
from listener.volume import Counts, Numbers, Said, Silence, Spike, by_hour, days, hours, silence, spikes, spread

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia",
         "America/St_Johns", "Asia/Tehran", "Africa/Cairo", "Pacific/Chatham")  # fmt: skip
NOW = datetime(2026, 11, 17, 6, 30, tzinfo=UTC)
moments = st.integers(0, 4 * 365 * 1440).map(
    lambda minute: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
)
zones = st.sampled_from(ZONES).map(ZoneInfo)


def said(at: datetime, account: int | None = 1, post: int = 1, platform: str = "blog", labels=()) -> Said:
    return Said(post, at, platform, account, frozenset(labels))


@given(moments, zones, st.integers(1, 40))
def test_days_rise_and_end_now(now, zone, count):
    edges = days(now, zone, count)
    assert len(edges) == count + 1
    assert edges[-1] == now
    assert list(edges) == sorted(edges)
    assert timedelta(hours=24 * count - 26) < edges[-1] - edges[0] < timedelta(hours=24 * count + 26)


def test_a_day_ends_at_the_same_local_time_on_both_sides_of_a_clock_change():
    edges = days(datetime(2026, 10, 26, 6, 30, tzinfo=UTC), BERLIN, 3)
    assert [edge.astimezone(BERLIN).strftime("%d %H:%M") for edge in edges] == [
        "23 07:30", "24 07:30", "25 07:30", "26 07:30"
    ]  # fmt: skip
    assert edges[2] - edges[1] == timedelta(hours=25)


@given(moments, zones, st.integers(1, 200))
def test_hours_start_at_whole_local_hours_and_leave_nothing_out(since, zone, length):
    until = since + timedelta(hours=length)
    edges = hours(since, until, zone)
    assert (edges[0], edges[-1]) == (since, until)
    assert all(timedelta() < later - edge <= timedelta(hours=1) for edge, later in pairwise(edges))
    assert length <= len(edges) - 1 <= length + 3
    ends = [(end - timedelta(microseconds=1)).astimezone(zone) for end in edges[1:]]
    # Where clocks change at a quarter to, one hour is of two.
    assert sum(start.astimezone(zone).hour != end.hour for start, end in zip(edges, ends, strict=False)) <= 1
    assert sum(edge.astimezone(zone).minute != 0 for edge in edges[1:-1]) <= 1


@given(st.lists(st.integers(-100, 5_000)), zones)
def test_every_post_between_the_edges_is_counted_once(minutes, zone):
    edges = days(NOW, zone, 3)
    times = [edges[0] + timedelta(minutes=count) for count in minutes]
    assert sum(spread(times, edges)) == sum(edges[0] <= at < edges[-1] for at in times)


def test_an_hour_that_comes_twice_is_not_twice_as_loud():
    edges = hours(datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC), BERLIN)
    assert len(edges) == 26
    assert by_hour(edges, [6] * 25, BERLIN) == (6.0,) * 24


def test_an_hour_that_does_not_come_has_nothing():
    edges = hours(datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC), BERLIN)
    rates = by_hour(edges, [6] * 23, BERLIN)
    assert rates[2] == 0
    assert rates[1] == rates[3] == 6


@pytest.mark.parametrize(
    ("past", "today", "is_one"),
    [
        ([0] * 14, 7, True),
        ([0] * 14, 6, False),  # too few to speak of
        ([3, 4, 2, 5, 3, 4, 3] * 4, 9, False),
        ([3, 4, 2, 5, 3, 4, 3] * 4, 16, True),
        ([100] * 28, 130, False),  # what chance gives
        ([100] * 28, 210, True),
        ([2, 30, 2, 30, 2, 30, 2] * 4, 34, False),  # a topic that jumps every day
        ([10] * 6, 90, False),  # too young to have a usual
        ([10] * 14 + [200] * 3 + [10] * 11, 60, True),  # an older spike lifts the base hardly
    ],
)
def test_a_spike_is_far_above_the_topics_own_usual(past, today, is_one):
    assert any(found.day == len(past) for found in spikes([*past, today])) is is_one


def test_a_spike_says_where_how_many_and_against_what():
    assert spikes([4] * 20 + [50]) == (Spike(20, 50, 4.0),)


def test_few_voices_are_a_conversation():
    assert spikes([1] * 20 + [50], [1] * 20 + [2]) == ()
    assert spikes([1] * 20 + [50], [1] * 20 + [3]) == (Spike(20, 50, 1.0),)


def test_a_run_of_days_is_told_once_until_the_cooldown_is_over():
    assert [found.day for found in spikes([2] * 20 + [60, 60])] == [20]
    assert [found.day for found in spikes([2] * 20 + [60, 60, 60, 60])] == [20]  # by then it is usual
    assert [found.day for found in spikes([2] * 20 + [60, 2, 60])] == [20]
    assert [found.day for found in spikes([2] * 20 + [60, 2, 2, 2, 60])] == [20, 24]


@given(st.lists(st.integers(0, 300), max_size=60))
def test_spikes_stand_apart_and_above_twice_the_usual(counts):
    found = spikes(counts)
    assert all(later.day - one.day >= volume.COOLDOWN_DAYS for one, later in pairwise(found))
    assert all(one.posts == counts[one.day] >= max(5, 2 * one.usual) for one in found)


@pytest.mark.parametrize("rate", [0.3, 0.69, 1, 1.6, 2.6, 5, 12, 40, 300])
def test_chance_alone_makes_a_spike_on_less_than_one_day_in_two_thousand(rate):
    series = np.random.default_rng(7).poisson(rate, (400, 60)).tolist()
    assert sum(len(spikes(one)) for one in series) <= 400 * (60 - volume.LEAST_DAYS) / 2_000


def test_the_numbers_of_a_topic():
    usual = [said(NOW - timedelta(days=day, hours=2), day % 3, day) for day in range(1, 28)]
    burst = [said(NOW - timedelta(hours=3), n, 100 + n, "forum" if n % 3 else "blog", ("lead",)) for n in range(12)]
    found = volume.of_topic([*burst, *usual], NOW, BERLIN)
    assert found.volume == (1,) * 27 + (12,)
    assert found.spike == Spike(27, 12, 1.0)
    assert list(found.platforms.items()) == [("forum", 8), ("blog", 4)]
    assert found.labels == {"lead": 12}
    assert (found.hours[4], found.hours[5] + found.hours[6]) == pytest.approx((12 / 28, 27 / 28))
    assert sum(found.hours) == pytest.approx(39 / 28)


def test_one_person_with_many_accounts_makes_no_spike():
    usual = [said(NOW - timedelta(days=day, hours=2), 1, day) for day in range(1, 28)]
    burst = [said(NOW - timedelta(hours=3), n, 100 + n) for n in range(12)]
    assert volume.of_topic([*usual, *burst], NOW, BERLIN, {100 + n: "Ada" for n in range(12)}).spike is None


def test_posts_without_an_author_are_a_voice_each():
    burst = [said(NOW - timedelta(hours=3), None, n) for n in range(12)]
    assert volume.of_topic(burst, NOW, BERLIN).spike is not None


def test_an_old_spike_is_none_of_today():
    assert Numbers((0,) * 9 + (8, 0), (Spike(9, 8, 0.0),)).spike is None
    assert Numbers().spike is None


def test_the_numbers_of_everything_agree_with_those_of_the_same_posts_as_a_topic():
    every = [
        said(NOW - timedelta(minutes=minute), minute % 7, minute, f"p{minute % 3}") for minute in range(1, 40_000, 7)
    ]
    edges = hours(days(NOW, BERLIN)[0], NOW, BERLIN)
    names = sorted({one.platform for one in every})
    counts = Counts({name: spread([one.at for one in every if one.platform == name], edges) for name in names})
    whole, topic = volume.of_all(counts, edges, BERLIN), volume.of_topic(every, NOW, BERLIN)
    # Hours are whole, days end at half past: what is said in the hour of an edge may fall to the day beside.
    assert sum(whole.volume) == sum(topic.volume)
    assert whole.volume[-1] == pytest.approx(topic.volume[-1], abs=10)
    assert whole.hours == pytest.approx(topic.hours)
    assert Counter(whole.platforms).total() == whole.volume[-1]


def test_nothing_said_is_no_number():
    edges = hours(days(NOW, BERLIN)[0], NOW, BERLIN)
    assert volume.of_all(Counts(), edges, BERLIN) == Numbers((0,) * 28)
    assert volume.of_topic([], NOW, BERLIN) == Numbers((0,) * 28)


def test_loud_and_quiet_hours_are_against_the_average_hour():
    rates = [0.0] * 6 + [2.0] * 12 + [7.0] * 2 + [1.0] * 4
    assert volume.loud(rates) == (18, 19)
    assert volume.quiet(rates) == tuple(range(6))
    assert volume.loud([0.02] * 23 + [0.2]) == volume.quiet([0.0] * 24) == ()


def test_hours_are_joined_over_midnight():
    assert volume.stretches((0, 1, 2, 22, 23)) == ((22, 3),)
    assert volume.stretches((9, 10, 14)) == ((9, 11), (14, 15))
    assert volume.stretches((22, 23)) == ((22, 24),)
    assert volume.stretches(range(24)) == ((0, 24),)
    assert volume.stretches(()) == ()


@given(st.sets(st.integers(0, 23)))
def test_stretches_hold_just_the_hours_given(found):
    told = [
        hour % 24 for start, end in volume.stretches(sorted(found)) for hour in range(start, end + 24 * (end <= start))
    ]
    assert sorted(told) == sorted(found)


def ago(*counts: float) -> list[datetime]:
    return [NOW - timedelta(days=count) for count in counts]


def test_silence_is_against_somebodys_own_habit():
    daily, monthly = ago(8, 9, 10, 11, 12, 13), ago(20, 50, 80, 110, 140)
    assert silence(daily, NOW, 7) == Silence(daily[0], 8.0, 1.0)
    assert silence(daily, NOW, 9) is None
    assert silence(monthly, NOW, 7) is None
    assert silence(ago(91, 121, 151, 181, 211), NOW, 7) is not None
    assert silence(ago(8, 9), NOW, 7) == Silence(ago(8)[0], 8.0, None)
    assert silence([], NOW, 7) is None


def test_days_count_over_a_left_out_day():
    apia = ZoneInfo("Pacific/Apia")
    edges = days(datetime(2011, 12, 31, 20, tzinfo=UTC), apia, 4)
    assert list(edges) == sorted(edges)
    assert date(2011, 12, 30) not in {edge.astimezone(apia).date() for edge in edges}

"""The schedule's decisions, attacked with any state and any outcome."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import limits, schedule
from listener.errors import BadPayload, ConnectorError, FeedGone, NotAuthorised, RateLimited, Refused
from listener.types import Feed, FeedState, Gap, Page, Plan

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FEED = Feed(1, "rss", "https://blog.example/feed", "rss")

times = st.integers(0, 130 * 365).map(
    lambda days: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(days=days, seconds=days % 977)
)
waits = st.none() | st.floats(allow_nan=False, min_value=-1e9, max_value=1e12)
dice = st.floats(0, 1, exclude_max=True)
states = st.builds(
    FeedState,
    feed=st.just(FEED),
    interval_s=st.none() | st.floats(1, 1e6),
    fixed_interval_s=st.none() | st.floats(1, 1e9),
    failures=st.integers(0, 10**6),
    recent=st.lists(times, max_size=20).map(lambda found: tuple(sorted(found, reverse=True))),
)
pages = st.builds(Page, wait_s=waits, gap=st.none() | st.just(Gap("a test")))
errors = st.one_of(
    st.builds(RateLimited, st.just("wait"), st.none() | st.floats(limits.WAIT_MIN_S, limits.WAIT_MAX_S)),
    st.sampled_from([ConnectorError("x"), BadPayload("x"), Refused("x"), NotAuthorised("x"), FeedGone("x")]),
)


def success(state: FeedState, page: Page, roll: float = 0.5, default_s: float = 1800) -> Plan:
    return schedule.after_success(state, page, NOW, default_s=default_s, dice=roll)


def failure(state: FeedState, error: ConnectorError, roll: float = 0.5) -> Plan:
    return schedule.after_failure(state, error, NOW, default_s=1800, dice=roll)


def wait_s(plan: Plan) -> float:
    assert plan.next_poll_at is not None
    return (plan.next_poll_at - NOW).total_seconds()


@given(states, pages, dice, st.floats(1, 1e7))
def test_the_next_poll_after_a_page_is_in_the_future_and_within_a_day(state, page, roll, default_s):
    plan = success(state, page, roll, default_s)
    assert limits.WAIT_MIN_S <= wait_s(plan) <= limits.INTERVAL_MAX_S
    assert plan.failures == 0
    assert plan.error is None


@given(states, errors, dice)
def test_the_next_poll_after_a_failure_is_in_the_future_or_waits_for_the_user(state, error, roll):
    plan = failure(state, error, roll)
    assert plan.failures == state.failures + 1
    assert plan.error
    if isinstance(error, NotAuthorised | FeedGone):
        assert plan.next_poll_at is None
    else:
        assert limits.WAIT_MIN_S <= wait_s(plan) <= limits.INTERVAL_MAX_S


@given(states, st.floats(1, 86_400), dice)
def test_a_wait_that_the_platform_names_is_never_cut_short(state, named_s, roll):
    assert wait_s(success(state, Page(wait_s=named_s), roll)) >= named_s - 1e-6
    assert wait_s(failure(state, RateLimited("wait", named_s), roll)) >= named_s - 1e-6


def test_a_busy_feed_is_polled_more_often_than_a_silent_one():
    busy = FeedState(FEED, recent=tuple(NOW - timedelta(minutes=20 * n) for n in range(20)))
    silent = FeedState(FEED, recent=tuple(NOW - timedelta(days=3 * n + 1) for n in range(20)))
    assert success(busy, Page()).interval_s == 600
    assert success(silent, Page()).interval_s == limits.INTERVAL_MAX_S


def test_a_new_feed_starts_at_its_connectors_interval():
    assert success(FeedState(FEED), Page(), default_s=4000).interval_s == 4000


def test_an_interval_set_by_the_user_is_kept_even_where_posts_are_missed():
    state = FeedState(FEED, fixed_interval_s=60)
    assert success(state, Page(gap=Gap("x"))).interval_s == 60


def test_a_gap_shortens_the_interval():
    assert success(FeedState(FEED), Page(gap=Gap("x"))).interval_s == 900


def test_backoff_doubles_its_ceiling_and_never_passes_six_hours():
    ceilings = [schedule.backoff_s(failures, 0.999999) for failures in range(1, 15)]
    assert ceilings[0] == pytest.approx(60, rel=0.01)
    assert ceilings == sorted(ceilings)
    assert ceilings[-1] == pytest.approx(limits.BACKOFF_MAX_S, rel=0.01)
    assert schedule.backoff_s(10**6, 0) == limits.BACKOFF_MIN_S


def test_a_thousand_feeds_that_fall_together_come_back_at_five_a_second_at_most():
    """R9: full jitter spreads the return of 1,000 feeds that failed for half an hour."""
    rolls = [n / 1000 for n in range(1000)]
    waits = sorted(schedule.backoff_s(6, roll) for roll in rolls)
    busiest = max(sum(1 for wait in waits if second <= wait < second + 1) for second in range(0, 2000, 7))
    assert busiest <= 5


def test_a_feed_that_fell_silent_is_quiet():
    daily = tuple(NOW - timedelta(days=10 + n) for n in range(10))
    assert success(FeedState(FEED, recent=daily), Page()).health == "quiet"
    assert success(FeedState(FEED, recent=(NOW, *daily)), Page()).health == "fresh"


def test_each_failure_has_its_own_state():
    found = {
        failure(FeedState(FEED), error).health
        for error in (RateLimited("x"), NotAuthorised("x"), FeedGone("x"), BadPayload("x"))
    }
    assert found == {"limited", "needs you", "gone", "broken"}


BERLIN = ZoneInfo("Europe/Berlin")


def briefings(zone: ZoneInfo, at: time, start: datetime, minutes: int, step: int = 1) -> list[date]:
    """Run the one-minute tick as the runner does and keep each date it names."""
    done: list[date] = []
    for minute in range(0, minutes, step):
        due = schedule.briefing_due(start + timedelta(minutes=minute), at, zone, done[-1] if done else None)
        if due:
            done.append(due)
    return done


@pytest.mark.parametrize("at", [time(0, 0), time(2, 30), time(7, 30), time(23, 59)])
@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu"]
)
def test_there_is_one_briefing_for_each_local_date_over_a_year_of_clock_changes(zone, at):
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    done = briefings(ZoneInfo(zone), at, start, 365 * 24 * 60, step=5 if at != time(23, 59) else 1)
    assert len(done) == len(set(done))
    assert 364 <= len(done) <= 366
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(done))


def test_a_briefing_missed_by_more_than_six_hours_is_folded_into_the_next():
    at = time(7, 30)
    assert schedule.briefing_due(datetime(2026, 3, 2, 11, 0, tzinfo=UTC), at, BERLIN, None) == date(2026, 3, 2)
    assert schedule.briefing_due(datetime(2026, 3, 2, 14, 0, tzinfo=UTC), at, BERLIN, None) is None

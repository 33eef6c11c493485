"""When a feed is polled next, and when the briefing is due: pure decisions over what happened.

The clock and the dice come in as values. Bounds are those of `limits.py`.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from listener import health, limits
from listener.errors import ConnectorError, FeedGone, NotAuthorised, OutOfBudget, RateLimited
from listener.types import FeedState, Health, Page, Plan

JITTER: Final = 0.1
"""Polls spread over this share of the interval either side, so that feeds added together drift apart."""
POLLS_PER_POST: Final = 2
SILENCES: Final = 3
"""A silence of this many usual gaps begins to stretch the interval."""
LATEST_BRIEFING: Final = timedelta(hours=6)
"""Later than this after its hour, a missed briefing is folded into the next (R4)."""


def after_success(state: FeedState, page: Page, now: datetime, *, default_s: float, dice: float) -> Plan:
    """Plan the next poll after a page was read. `dice`: uniform in [0, 1); `default_s`: the connector's interval."""
    interval_s = state.fixed_interval_s or adaptive_s(state, now, default_s)
    if page.gap is not None and state.fixed_interval_s is None:
        interval_s = interval_s / 2
    interval_s = _clamp(max(interval_s, page.wait_s or 0.0), state.fixed_interval_s)
    wait_s = interval_s * (1 - JITTER + 2 * JITTER * dice)
    wait_s = min(max(wait_s, page.wait_s or 0.0, limits.WAIT_MIN_S), limits.INTERVAL_MAX_S)
    return Plan(now + timedelta(seconds=wait_s), interval_s, health=health.of_feed(state, now))


def after_failure(state: FeedState, error: ConnectorError, now: datetime, *, default_s: float, dice: float) -> Plan:
    """Plan the next poll after a failure: wait as told, back off with full jitter, or wait for the user."""
    interval_s = state.interval_s or default_s
    if isinstance(error, OutOfBudget):
        return Plan(error.until, interval_s, state.failures, "out of budget", str(error))
    failures = state.failures + 1
    state_now, stop = _state_of(error)
    if stop:
        return Plan(None, interval_s, failures, state_now, str(error))
    wait_s = backoff_s(failures, dice)
    if isinstance(error, RateLimited) and error.retry_after_s is not None:
        wait_s = min(error.retry_after_s * (1 + JITTER * dice), limits.WAIT_MAX_S)
    return Plan(now + timedelta(seconds=wait_s), interval_s, failures, state_now, str(error))


def _state_of(error: ConnectorError) -> tuple[Health, bool]:
    if isinstance(error, FeedGone):
        return "gone", True
    if isinstance(error, NotAuthorised):
        return "needs you", True
    return ("limited" if isinstance(error, RateLimited) else "broken"), False


def backoff_s(failures: int, dice: float) -> float:
    """Spread retries between the shortest wait and a ceiling that doubles with each failure (R9, full jitter)."""
    ceiling_s = min(limits.BACKOFF_MAX_S, limits.BACKOFF_MIN_S * 2.0 ** min(failures, 20))
    return limits.BACKOFF_MIN_S + dice * (ceiling_s - limits.BACKOFF_MIN_S)


def adaptive_s(state: FeedState, now: datetime, default_s: float) -> float:
    """Follow the feed's own rate: about `POLLS_PER_POST` polls for each post, less often the longer it is silent."""
    gap_s = usual_gap_s(state)
    if gap_s is None:
        return _clamp(default_s, None)
    silent_s = max(0.0, (now - state.recent[0]).total_seconds())
    return _clamp(max(gap_s, silent_s / SILENCES) / POLLS_PER_POST, None)


def usual_gap_s(state: FeedState) -> float | None:
    """Find the middle gap between the feed's newest posts; None: fewer than four posts known."""
    if len(state.recent) < 4:
        return None
    return median((newer - older).total_seconds() for newer, older in pairwise(state.recent))


def _clamp(interval_s: float, fixed_s: float | None) -> float:
    shortest = limits.INTERVAL_MIN_S if fixed_s is None else min(fixed_s, limits.INTERVAL_MIN_S)
    return min(max(interval_s, shortest), limits.INTERVAL_MAX_S)


def briefing_due(
    now: datetime, at: time, zone: ZoneInfo, last: date | None, days: Collection[int] = range(7)
) -> date | None:
    """Name the local date whose briefing is due now and not done; None: nothing is due. `days`: Monday is 0.

    A local time that a clock change skips is due at the first valid time after it; one that comes twice, once. Until
    `LATEST_BRIEFING` after its hour yesterday's is due too.
    """
    local = now.astimezone(zone)
    for on in (local.date(), local.date() - timedelta(days=1)):
        if (last is not None and last >= on) or on.weekday() not in days:
            continue
        due = datetime.combine(on, at, zone).astimezone(UTC)
        is_past = local.replace(tzinfo=None) >= datetime.combine(on, at)
        if is_past and now - due <= LATEST_BRIEFING and _exists(on, zone):
            return on
    return None


def _exists(on: date, zone: ZoneInfo) -> bool:
    """Tell a date that a zone skipped altogether, as one does that moves across the date line."""
    return datetime.combine(on, time(12), zone).astimezone(UTC).astimezone(zone).date() == on


def last_done(done: Collection[date], today: date, strange: date | None) -> tuple[date | None, date | None]:
    """Name the date of the last briefing, and since when there are some of days to come: a clock is or was wrong.

    `strange`: what the last call gave for that. For the rest of that day the clock may be set right again, and nothing
    may be repeated; after it today is believed, and what was made for days to come is passed over.
    """
    if not done or max(done) <= today:
        return max(done, default=None), None
    if strange is None or strange >= today:
        return max(done), today
    return max((on for on in done if on <= today), default=None), strange

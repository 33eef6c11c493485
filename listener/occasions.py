"""When a rule about volume or silence has something to say: more than usual, or nothing for long. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from listener.rules import Rule

WEEKS: Final = timedelta(days=28)
DAY: Final = timedelta(days=1)
LEAST_WINDOWS: Final = 3
"""With fewer windows to look back on nobody knows what is usual."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something to be told once."""

    key: str
    """The same for the same occasion."""
    reason: str
    rests_s: float
    """How long nothing more is said of this rule."""


def windows(rule: Rule, now: datetime) -> list[tuple[datetime, datetime]]:
    """List the windows of the last four weeks that are like the one that ends now, the newest first.

    A window of up to a day lies at the same time of each day; a longer one follows the next.
    """
    length = timedelta(seconds=rule.window_s)
    step = max(length, DAY)
    count = int((WEEKS - length) / step)
    return [(now - n * step - length, now - n * step) for n in range(1, max(count, LEAST_WINDOWS) + 1)]


def loud(rule: Rule, count: int, before: Sequence[int], now: datetime) -> Occasion | None:
    """Tell that more posts match than usual. `before`: how many matched in each of `windows`."""
    usual = median(before) if len(before) >= LEAST_WINDOWS else None
    if usual is None or count < max(rule.least, rule.factor * usual):
        return None
    many = f"{count / usual:.0f} times the usual {usual:g}" if usual else "usually there are none"
    reason = f"{count} posts match {rule.name} in {_length(rule.window_s)}, {many}"
    return Occasion(f"volume {now:%Y-%m-%dT%H:%M}Z", reason, max(rule.cooldown_s, rule.window_s))


def silent(rule: Rule, last: datetime | None, made: datetime, now: datetime) -> Occasion | None:
    """Tell that nothing matched for too long, since the last match or since the rule was made. Told once."""
    since = made if last is None else last
    if now - since < timedelta(days=rule.days):
        return None
    days = (now - since) // DAY
    what = "nothing was ever" if last is None else "nothing was"
    reason = f"{what} heard of {rule.name} for {days} days, since {since:%Y-%m-%d}"
    return Occasion(f"silence {since:%Y-%m-%dT%H:%M:%S}Z", reason, 0.0)


def _length(seconds: float) -> str:
    hours = seconds / 3_600
    return f"{hours / 24:g} days" if hours > 48 else f"{hours:g} hours" if hours > 1 else "an hour"

"""What may be spent, and when it may be spent again: pure. A cost is a limit, not a surprise.

The month's budget is spread over its days: on the tenth day a third of it may be gone, not all. Days and months are
UTC.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

WARN_AT: Final = 0.8
"""From this share of the month's budget on, the user is told."""
ROUNDING: Final = 1e-9
"""Sums of prices are not exact; less than this over a limit is none."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """The most that may have been spent by now, in the connector's currency."""

    month: float
    """Since the month began."""
    day: float | None = None
    """Since midnight; None: only the month counts."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What a connector has spent, reservations included."""

    connector: str
    day: float
    month: float
    stopped_until: datetime | None = None
    """The platform itself said that its cap is reached; until then it is not asked."""


def allowance(monthly: float, daily: float | None, now: datetime) -> Allowance:
    """Spread a month's budget over its days; today's share counts from midnight on."""
    days = monthrange(now.year, now.month)[1]
    return Allowance(monthly * (now.day / days), daily)


def month_start(now: datetime) -> datetime:
    """Give the first moment of the month."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(now: datetime) -> datetime:
    """Give the moment at which a month's budget begins anew."""
    return month_start(month_start(now) + timedelta(days=32))


def next_day(now: datetime) -> datetime:
    """Give the next midnight."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def resumes_at(spending: Spending, cost: float, monthly: float, daily: float | None, now: datetime) -> datetime | None:
    """Say when `cost` can be paid again; None: never, the budget is smaller than one page."""
    if spending.stopped_until is not None and spending.stopped_until > now:
        return spending.stopped_until
    if cost > monthly or (daily is not None and cost > daily):
        return None
    if spending.month + cost > monthly:
        return next_month(now)
    # The day on which the month's share reaches so far.
    day = ceil((spending.month + cost) / monthly * monthrange(now.year, now.month)[1] - ROUNDING)
    return max(next_day(now), month_start(now) + timedelta(days=day - 1))


def is_low(spending: Spending, monthly: float) -> bool:
    """Tell that most of the month's budget is gone."""
    return monthly > 0 and spending.month >= WARN_AT * monthly


def shown(amount: float, currency: str) -> str:
    """Write an amount for people: `$1.25`, `300 units`."""
    return f"${amount:,.2f}" if currency == "USD" else f"{amount:,.0f} {currency}"

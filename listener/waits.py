"""How long a platform asks us to wait, in every form it may say so: pure, the clock comes in.

Platforms state a reset in four ways: seconds left, seconds since 1970, an ISO time, an HTTP date.
"""

import email.utils
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from listener import limits

# Which header names what is left of a quota, and which says when it begins anew; all lower case.
_RESETS: Final = (
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset-after"),
    ("ratelimit-remaining", "ratelimit-reset"),
)
EPOCH_FROM: Final = 1_000_000_000.0
"""A larger number is a moment, a smaller one a span of seconds."""


def bounded(wait_s: float) -> float:
    """Keep a wait inside what we believe (R7)."""
    return min(max(wait_s, limits.WAIT_MIN_S), limits.WAIT_MAX_S)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read `Retry-After` (seconds, or an HTTP date) as seconds from `now`; None: absent or nonsense.

    Kept inside `limits.WAIT_MIN_S` to `limits.WAIT_MAX_S` (R7).

    Source: RFC 9110, section 10.2.3.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return bounded(float(value[:9]))
    try:
        due = email.utils.parsedate_to_datetime(value)
        return bounded((due.astimezone(UTC) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def reset_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Give the seconds until a spent quota begins anew; None: no header says so, or something is left of it."""
    for left, reset in _RESETS:
        if reset in headers and _number(headers.get(left, "0")) in (0.0, None):
            wait_s = _span_s(headers[reset], now)
            if wait_s is not None:
                return bounded(wait_s)
    return None


def wait_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Give the wait that an answer's headers ask for: `Retry-After` first, then a spent quota's reset."""
    said = retry_after_s(headers, now)
    return said if said is not None else reset_s(headers, now)


def _span_s(value: str, now: datetime) -> float | None:
    number = _number(value)
    if number is not None:
        return number - now.timestamp() if number > EPOCH_FROM else number
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()


def _number(value: str) -> float | None:
    try:
        number = float(value.strip()[:20])
    except ValueError:
        return None
    return number if 0 <= number < 1e12 else None

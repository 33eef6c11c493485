"""Every way in which a platform says how long to wait."""

from datetime import UTC, datetime, timedelta

import pytest

from listener import limits
from listener.waits import reset_s, wait_s

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOON = NOW + timedelta(seconds=90)

SPENT = {
    "seconds since 1970": {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(SOON.timestamp()))},
    "the same, other names": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(SOON.timestamp()))},
    "an ISO time": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": SOON.isoformat().replace("+00:00", "Z")},
    "an ISO time without a zone": {"x-ratelimit-reset": SOON.replace(tzinfo=None).isoformat()},
    "seconds left": {"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "90"},
    "seconds left, of the standard": {"ratelimit-remaining": "0", "ratelimit-reset": "90"},
    "seconds left with a fraction": {"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "90.0"},
}


@pytest.mark.parametrize("headers", SPENT.values(), ids=SPENT)
def test_a_spent_quota_is_waited_for_in_whatever_unit_its_reset_is_stated(headers):
    assert reset_s(headers, NOW) == pytest.approx(90)


def test_a_quota_with_something_left_asks_for_no_wait():
    assert reset_s({"x-ratelimit-remaining": "7", "x-ratelimit-reset": "90"}, NOW) is None


def test_retry_after_outranks_a_reset():
    headers = {"retry-after": "5", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "90"}
    assert wait_s(headers, NOW) == 5


@pytest.mark.parametrize("value", ["", "soon", "-4", "nan", "1e300", "2026-13-45", "\x00"])
def test_nonsense_asks_for_no_wait(value):
    assert reset_s({"ratelimit-reset": value, "ratelimit-remaining": "0"}, NOW) is None


@pytest.mark.parametrize(("value", "expected"), [("0", limits.WAIT_MIN_S), ("9999999", limits.WAIT_MAX_S)])
def test_a_wait_is_believed_inside_its_bounds_only(value, expected):
    assert reset_s({"ratelimit-reset": value}, NOW) == expected

"""`Retry-After` in every shape that servers write it; only 1 second to 24 hours is believed (R7)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.connector import refuse
from listener.errors import RateLimited
from listener.types import Answer
from listener.waits import retry_after_s

NOW = datetime(2024, 3, 10, 12, 0, 0, tzinfo=UTC)
DAY_S = 86_400

SHAPES = {
    "1": 1, "7": 7, "120": 120, " 120 ": 120, "0": 1, "00": 1, "86400": DAY_S, "86401": DAY_S, "999999999999999": DAY_S,
    "Sun, 10 Mar 2024 12:00:30 GMT": 30,
    "Sun, 10 Mar 2024 13:00:00 GMT": 3_600,
    "sun, 10 mar 2024 13:00:00 gmt": 3_600,
    "10 Mar 2024 13:00:00 GMT": 3_600,
    "Sunday, 10-Mar-24 13:00:00 GMT": 3_600,
    "Sun, 10 Mar 2024 13:00:00 +0000": 3_600,
    "Sun, 10 Mar 2024 15:00:00 +0200": 3_600,
    "Sun, 10 Mar 2024 08:00:00 -0500": 3_600,
    "Sun, 10 Mar 2024 12:00:00 GMT": 1,
    "Sun, 10 Mar 2024 11:00:00 GMT": 1,
    "Thu, 01 Jan 1970 00:00:00 GMT": 1,
    "Fri, 31 Dec 9999 23:59:59 GMT": DAY_S,
    "Mon, 11 Mar 2024 13:00:00 GMT": DAY_S,
    "": None, " ": None, "-5": None, "1.5": None, "soon": None, "60s": None, "１２０": None, "nan": None, "inf": None,
    "Sun, 99 Mar 2024 12:00:00 GMT": None, "Sun, 10 Mar 2024 25:00:00 GMT": None, "10 minutes": None,
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_wait_is_read_in_seconds_and_dates_and_kept_in_bounds(shape):
    assert retry_after_s({"retry-after": shape}, NOW) == SHAPES[shape]


def test_there_are_thirty_shapes_at_least_and_no_header_is_no_wait():
    assert len(SHAPES) >= 30
    assert retry_after_s({}, NOW) is None


@given(st.text(max_size=60))
def test_any_text_is_a_wait_in_bounds_or_none(text):
    wait_s = retry_after_s({"retry-after": text}, NOW)
    assert wait_s is None or 1 <= wait_s <= DAY_S


@pytest.mark.parametrize(("status", "header"), [(429, "30"), (503, "30"), (403, "30")])
def test_a_status_that_asks_to_wait_says_how_long(status, header):
    with pytest.raises(RateLimited) as caught:
        refuse(Answer("http://example.org/", status, {"retry-after": header}, b""))
    assert caught.value.retry_after_s == 30

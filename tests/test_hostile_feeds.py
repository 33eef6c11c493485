"""Hostile feeds through the connector end in time, in bounded memory, as a page or BadPayload (S5, S6, R11)."""

import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.rss import Rss
from connectors.rss.connector import Settings
from listener import limits
from listener.connector import read
from listener.errors import BadPayload, RateLimited
from listener.sandbox import Sandbox
from listener.types import Answer, Feed, Page
from tests.hostile import feeds
from tests.hostile.xml import canary

MEGABYTE = 1 << 20
SLOW = feeds.slow()


class NoHttp:
    """Parsing sends nothing."""


@pytest.fixture(scope="module")
def box():
    one = Sandbox("connectors.rss.child:work")
    yield one
    one.close()


@pytest.fixture
def hasty():
    one = Sandbox("connectors.rss.child:work", seconds=0.5)
    yield one
    one.close()


def parse(box: Sandbox, body: bytes, number: int = 1, kind: str = "application/xml") -> Page:
    rss = Rss(Settings(), NoHttp(), box=box)
    feed = Feed(number, "rss", f"https://hostile.example/{number}", "rss")
    return read(rss, Answer(feed.query, 200, {"content-type": kind}, body), feed, None)


def outcome(box: Sandbox, body: bytes, number: int = 1) -> Page | BadPayload:
    try:
        return parse(box, body, number)
    except BadPayload as error:
        return error


@pytest.mark.parametrize("name", list(islice(SLOW, 0, None, 6)))
def test_a_slow_feed_ends_within_the_limit(hasty, name):
    parse(hasty, feeds.rss(""))  # the child is started before the clock
    started = time.monotonic()
    with pytest.raises(BadPayload, match=r"more than 0\.5 s"):
        parse(hasty, SLOW[name])
    assert time.monotonic() - started < 1.5


@pytest.mark.slow
def test_forty_slow_feeds_one_by_one_each_end_within_five_and_a_half_seconds(box):
    for number, body in enumerate(SLOW.values(), 1):
        started = time.monotonic()
        outcome(box, body, number)
        assert time.monotonic() - started <= limits.PARSE_S + 0.5


def test_four_slow_feeds_of_a_hundred_do_not_hold_up_the_rest():
    box = Sandbox("connectors.rss.child:work", seconds=3.0)
    slow = list(SLOW.values())[:4]
    quick = feeds.rss(feeds.item("1", "<description>Words</description>"))
    late: list[float] = []
    started = time.monotonic()

    def work(number: int) -> None:
        try:
            parse(box, slow[number] if number < 4 else quick, number + 1)
            late.append(time.monotonic() - started)
        except (BadPayload, RateLimited):
            pass

    with ThreadPoolExecutor(limits.PARSERS) as pool:
        list(pool.map(work, range(100)))
    box.close()
    assert len(late) == 96
    assert max(late) < 5.0, "the slow ones must not be waited for one after the other"


def test_a_body_that_is_the_name_of_a_file_opens_no_file(box, tmp_path):
    path = tmp_path / "private.xml"
    path.write_bytes(feeds.rss(feeds.item("private")))
    for body in (str(path).encode(), path.as_uri().encode()):
        with pytest.raises(BadPayload, match="no feed"):
            parse(box, body)


@pytest.mark.parametrize("name", feeds.attacks("file:///nowhere"))
def test_a_bomb_or_a_reference_reads_no_file_and_takes_little_memory(name, tmp_path):
    path, secret = canary(tmp_path)
    unread = is_reading_seen(path)
    body = feeds.attacks(path.as_uri())[name]
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    box = Sandbox("connectors.rss.child:work", memory=256 * MEGABYTE, seconds=1.5)
    found = outcome(box, body)
    box.close()
    assert secret not in repr(found)
    assert unread is None or os.stat(path).st_atime_ns == unread
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - ours < 64 * 1024
    if isinstance(found, Page):
        assert sum(len(post.text) for post in found.posts) < 10 * MEGABYTE


def is_reading_seen(path: Path) -> int | None:
    """Give the old access time of the file; None: this file system does not note reading."""
    os.utime(path, ns=(0, os.stat(path).st_mtime_ns))
    path.read_bytes()
    if os.stat(path).st_atime_ns == 0:
        return None
    os.utime(path, ns=(0, os.stat(path).st_mtime_ns))
    return 0


@pytest.mark.parametrize("name", feeds.misshapen())
def test_a_feed_of_absurd_shape_is_a_page_or_bad_payload(box, name):
    found = outcome(box, feeds.misshapen()[name])
    if isinstance(found, Page):
        assert len({post.native_id for post in found.posts}) == len(found.posts) <= limits.PAGE_ITEMS
        assert all(len(post.native_id) <= limits.NATIVE_ID_BYTES for post in found.posts)
        assert all(post.url is None or post.url.startswith("https://") for post in found.posts)


@pytest.mark.parametrize("name", [name for name in feeds.misshapen() if name.startswith("an element called")])
def test_one_poisoned_item_does_not_lose_its_neighbours(box, name):
    page = parse(box, feeds.misshapen()[name])
    assert "1/2" in {post.native_id for post in page.posts}
    assert len(page.posts) + len(page.rejects) == 2


def test_good_neighbours_of_bad_json_items_are_read(box):
    page = parse(box, feeds.misshapen()["JSON of wrong types"])
    assert "Good neighbour" in {post.text for post in page.posts}


def test_a_title_of_markup_is_text_without_script(box):
    (post,) = parse(box, feeds.misshapen()["a title of markup"]).posts
    assert "alert" not in (post.title or "")


def test_dates_beyond_the_calendar_are_no_dates(box):
    for name in ("the year 99999", "the year 0"):
        (post,) = parse(box, feeds.misshapen()[name]).posts
        assert post.published_at is None


def test_another_feed_with_the_same_guid_or_link_cannot_touch_a_post(box):
    body = feeds.rss(feeds.item("same", "<link>https://a.example/same</link>"))
    first, second = parse(box, body, 1), parse(box, body, 2)
    assert first.posts[0].native_id != second.posts[0].native_id


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: feeds.rss(f"<item>{text}</item>")))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes_are_a_page_or_bad_payload(box, body):
    found = outcome(box, body)
    assert isinstance(found, Page) or str(found).startswith("rss https://hostile.example/1: ")

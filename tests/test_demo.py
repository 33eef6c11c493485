"""The sample day: believable, complete, and nobody's property."""

import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher
from importlib.resources import files
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

import pytest

from listener.demo import sample_day
from listener.types import LABELS, Feed, Post

NOW = datetime(2030, 3, 31, 7, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def day() -> list[tuple[Feed, tuple[Post, ...]]]:
    return sample_day(NOW)


@pytest.fixture(scope="module")
def posts(day: list[tuple[Feed, tuple[Post, ...]]]) -> list[Post]:
    return [post for _, found in day for post in found]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """The posts as they are written, with the labels that their authors meant; `sample_day` leaves those out."""
    lines = files("listener.demo").joinpath("day.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if "feed" not in row]


def test_the_day_is_as_full_as_a_day(day: list[tuple[Feed, tuple[Post, ...]]], posts: list[Post]) -> None:
    assert len(posts) >= 115
    assert len({post.platform for post in posts}) >= 10
    assert len({post.account.native_id for post in posts if post.account}) >= 60
    assert len({post.lang for post in posts}) >= 5
    assert all(found for _, found in day)


def test_every_feed_is_one_that_can_be_kept(day: list[tuple[Feed, tuple[Post, ...]]]) -> None:
    assert len({(feed.connector, feed.query) for feed, _ in day}) == len(day)
    for feed, found in day:
        assert (feed.id, feed.connector) == (0, "rss")
        assert feed.title
        assert feed.folder
        assert {post.platform for post in found} == {feed.platform}


def test_the_posts_lie_in_the_last_twenty_hours_newest_first(day: list[tuple[Feed, tuple[Post, ...]]]) -> None:
    for _, found in day:
        times = [post.published_at for post in found if post.published_at]
        assert len(times) == len(found)
        assert times == sorted(times, reverse=True)
        assert all(NOW - timedelta(hours=20) <= at < NOW for at in times)


def test_the_posts_spread_over_the_whole_day(posts: list[Post]) -> None:
    hours = Counter((NOW - post.published_at).seconds // 3600 for post in posts if post.published_at)
    assert set(hours) == set(range(20))


def test_no_post_is_there_twice_and_tomorrow_they_are_the_same(posts: list[Post]) -> None:
    names = [(post.platform, post.native_id, post.url) for post in posts]
    assert len(set(names)) == len(names)
    later = [post for _, found in sample_day(NOW + timedelta(days=1)) for post in found]
    assert [(post.platform, post.native_id, post.url) for post in later] == names


def test_every_address_is_reserved_for_examples(
    day: list[tuple[Feed, tuple[Post, ...]]], posts: list[Post], rows: list[dict[str, Any]]
) -> None:
    urls = [url for post in posts for url in (post.url or "", post.account and post.account.url, *post.links) if url]
    urls += [url for feed, _ in day for url in (feed.query, feed.home_url or "")]
    urls += re.findall(r"\w+://[^\s\"]+", json.dumps(rows))
    hosts = {urlsplit(url).hostname or "" for url in urls}
    assert [host for host in hosts if not host.endswith(".example")] == []


def test_answers_come_after_what_they_answer(posts: list[Post]) -> None:
    by_name = {(post.platform, post.native_id): post for post in posts}
    replies = [post for post in posts if post.kind == "reply"]
    assert replies
    for reply in replies:
        parent = by_name[reply.platform, reply.in_reply_to or ""]
        assert parent.published_at is not None
        assert reply.published_at is not None
        assert parent.published_at < reply.published_at
        assert parent.account is not None
        assert reply.mentions == (parent.account.handle,)


def test_several_stories_are_told_by_many(posts: list[Post]) -> None:
    tellers: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for post in posts:
        for link in post.links:
            assert post.account is not None
            tellers[link.partition("?")[0]].add((post.platform, post.account.native_id))
    told = [story for story in tellers.values() if len(story) >= 4 and len({platform for platform, _ in story}) >= 3]
    assert len(told) >= 5


def test_some_links_wear_tracking_parameters(posts: list[Post]) -> None:
    assert sum("utm_" in link or "fbclid" in link for post in posts for link in post.links) >= 4


def test_some_posts_say_nearly_the_same(posts: list[Post]) -> None:
    long = [post for post in posts if len(post.text) > 60]
    alike = [
        (one, two)
        for one, two in combinations(long, 2)
        if abs(len(one.text) - len(two.text)) < 15
        and SequenceMatcher(None, one.text, two.text, autojunk=False).ratio() > 0.9
    ]
    assert len(alike) >= 2
    assert all(one.account != two.account for one, two in alike)


def test_there_are_leads_questions_news_and_noise(rows: list[dict[str, Any]]) -> None:
    assert all(set(row["labels"]) <= set(LABELS) for row in rows)
    meant = Counter(label for row in rows for label in row["labels"])
    assert meant["lead"] >= 10
    assert meant["question"] >= 12
    assert meant["news"] >= 20
    assert sum(not row["labels"] for row in rows) >= 30


def test_adverts_that_look_like_leads_are_none(rows: list[dict[str, Any]]) -> None:
    adverts = [row for row in rows if re.search(r"DM us|For Hire|we guarantee|free trial|enrol now", row["text"], re.I)]
    assert len(adverts) >= 4
    assert all(row["labels"] == [] for row in adverts)


def test_nothing_is_written_that_is_not_read(rows: list[dict[str, Any]]) -> None:
    known = {"ago", "by", "text", "title", "links", "tags", "lang", "labels", "re", "slug", "community", "answered"}
    assert set().union(*rows) <= known | {"likes", "replies", "reposts"}

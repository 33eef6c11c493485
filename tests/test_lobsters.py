"""Lobsters: what people paste, walks that lose nothing, stories with their comments."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from connectors.lobsters import FIRST_PAGES, FULL_PAGE, Lobsters, Settings
from connectors.lobsters.queries import Query
from listener.connector import request
from listener.errors import BadPayload, ConnectorError, RateLimited
from listener.types import Feed, Page
from tests import walking
from tests.servers import Reply, Seen
from tests.walking import walked

START = datetime(2026, 9, 1, tzinfo=UTC)


def feed(query: str = "newest") -> Feed:
    return Feed(1, "lobsters", query, "lobsters")


site = partial(walking.reached, Lobsters)


def story(number: int, minutes: float | None = None) -> dict:
    at = START + timedelta(minutes=number * 20 if minutes is None else minutes)
    return {"short_id": f"s{number:05}", "title": f"Story {number}", "created_at": at.isoformat(), "tags": ["web"]}


class Site:
    """The site's newest page; `glitch` may spoil the nth answer (from 1)."""

    def __init__(self, stories: list[dict]) -> None:
        self.stories = stories
        self.asked = 0
        self.glitch: Callable[[int, list], Reply | list] = lambda _, body: body

    def __call__(self, seen: Seen) -> Reply:
        self.asked += 1
        path = seen.path.removesuffix(".json")
        page = int(path.rpartition("/page/")[2]) if "/page/" in path else 1
        newest = sorted(self.stories, key=lambda one: one["created_at"], reverse=True)
        body = self.glitch(self.asked, newest[(page - 1) * FULL_PAGE : page * FULL_PAGE])
        return body if isinstance(body, Reply) else Reply(200, json.dumps(body).encode())


def numbers(*walks: list[Page]) -> set[int]:
    return {int(post.native_id[1:]) for walk in walks for page in walk for post in page.posts}


def test_a_first_poll_looks_back_two_days_and_not_further():
    with site(Site([story(n, minutes=n * 60) for n in range(200)])) as (_, connector):
        assert numbers(walked(connector, feed())) == set(range(150, 200))


def test_a_first_poll_of_a_busy_site_ends_after_four_pages():
    with site(Site([story(n, minutes=n) for n in range(300)])) as (_, connector):
        assert len(walked(connector, feed())) == FIRST_PAGES


@pytest.mark.parametrize("query", ["newest", "t/web", "~oona"])
def test_a_later_poll_goes_back_to_the_last_known_story(query):
    made = Site([story(n) for n in range(40)])
    with site(made) as (server, connector):
        first = walked(connector, feed(query))
        made.stories += [story(n) for n in range(40, 200)]
        made.asked = 0
        made.glitch = lambda n, body: (n < 5 and made.stories.append(story(300 + n))) or body
        second = walked(connector, feed(query), first[-1].cursor)
        made.glitch = lambda _, body: body
        third = walked(connector, feed(query), second[-1].cursor)
        fourth = walked(connector, feed(query), third[-1].cursor)
    assert numbers(first, second, third) == {*range(200), *range(301, 305)}
    assert not [page.gap for walk in (first, second, third) for page in walk if page.gap]
    assert len(fourth) == 1
    assert server.paths()[0] == {"newest": "/newest.json", "t/web": "/t/web.json"}.get(query, "/~oona/stories.json")


def no_fault(n, body):
    return body


def page_two_repeats_page_one(n, body, kept=[]):  # noqa: B006 the memory of this fault
    kept.append(body)
    return kept[-2] if n == 2 else body


def an_error_in_page_three(n, body):
    return Reply(500) if n == 3 else body


def a_limit_in_each_second_answer(n, body):
    return Reply(429, b"Throttled", {"Retry-After": "5"}) if n % 2 else body


def a_block_page_in_page_two(n, body):
    return Reply(200, b"<!DOCTYPE html><html>no robots</html>") if n == 2 else body


def a_truncated_page_two(n, body):
    return Reply(200, json.dumps(body).encode()[:600]) if n == 2 else body


def stories_that_come_twice(n, body):
    return [*body[:5], *body[:1], *body[5:]]


def nonsense_on_each_page(n, body):
    return [*body, None, {"short_id": 7}, "text"]


def shuffled_pages(n, body):
    return sorted(body, key=lambda one: int(one["short_id"][1:]) * 7919 % 101)


FAULTS = [
    no_fault,
    page_two_repeats_page_one,
    an_error_in_page_three,
    a_limit_in_each_second_answer,
    a_block_page_in_page_two,
    a_truncated_page_two,
    stories_that_come_twice,
    nonsense_on_each_page,
    shuffled_pages,
]


@pytest.mark.parametrize("broken", FAULTS, ids=lambda made: made.__name__)
def test_a_walk_under_faults_finds_what_there_is(broken):
    made = Site([story(n) for n in range(20)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.stories += [story(n) for n in range(20, 150)]
        made.asked, made.glitch = 0, broken
        second = walked(connector, feed(), first[-1].cursor, errors=30)
        made.glitch = no_fault
        third = walked(connector, feed(), second[-1].cursor)
    assert numbers(first, second, third) == set(range(150))
    assert not [page.gap for walk in (first, second, third) for page in walk if page.gap]


def test_a_site_that_repeats_itself_for_ever_is_left_with_a_gap():
    made = Site([story(n) for n in range(20)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.stories += [story(n) for n in range(20, 150)]
        same = [story(n) for n in range(149, 124, -1)]
        made.glitch = lambda _, body: same
        second = walked(connector, feed(), first[-1].cursor)
    assert [page.gap is not None for page in second] == [False] * 3 + [True]


def test_a_ranking_is_read_once_a_poll():
    made = Site([story(n) for n in range(80)])
    with site(made) as (server, connector):
        first = walked(connector, feed("hottest"))
        second = walked(connector, feed("hottest"), first[-1].cursor)
    assert server.paths() == ["/hottest.json"] * 2
    assert len(first[0].posts) == len(second[0].posts) == FULL_PAGE
    assert not second[0].more


def test_a_storys_comments_are_read_again_with_what_was_removed():
    comments = [{"short_id": f"c{n}", "comment": f"<p>{n}</p>", "commenting_user": "ben"} for n in range(3)]
    body = story(1) | {"comments": comments}
    with site(lambda seen: Reply(200, json.dumps(body).encode())) as (server, connector):
        [first] = walked(connector, feed("s/s00001"))
        comments[1]["is_moderated"] = True
        comments.append({"short_id": "c3", "comment": "<p>3</p>", "parent_comment": "c0"})
        [second] = walked(connector, feed("s/s00001"), first.cursor)
    assert [post.native_id for post in first.posts] == ["s00001", "c/c0", "c/c1", "c/c2"]
    assert [post.native_id for post in second.posts] == ["s00001", "c/c0", "c/c2", "c/c3"]
    assert second.posts[-1].in_reply_to == "c/c0"
    assert {post.thread for post in second.posts} == {"s00001"}
    assert second.deleted == ("c/c1",)
    assert server.paths() == ["/s/s00001.json"] * 2


def test_only_the_site_itself_is_asked_slowly():
    assert request(Lobsters(Settings(), None), feed(), None).slot_s == 6.0
    assert request(Lobsters(Settings(base_url="https://mirror.example/"), None), feed(), None).slot_s is None


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(429, b"Throttled", {"Retry-After": "30"}), RateLimited),
        (Reply(404), ConnectorError),
        (Reply(200, b"{}"), BadPayload),
        (Reply(200, b"[1]"), BadPayload),
        (Reply(200, b"<!doctype html><html></html>"), RateLimited),
    ],
)
def test_refusals_become_ours(reply, error):
    with site(lambda _: reply) as (_, connector), pytest.raises(ConnectorError) as caught:
        walked(connector, feed())
    assert type(caught.value) is error


@pytest.mark.parametrize("query", ["", "oldest", "s/", "t/", "~", "s/a/b", "newest.rss"])
def test_a_query_that_does_not_exist_says_which_do(query):
    with pytest.raises(ConnectorError, match="newest, hottest"):
        request(Lobsters(Settings(), None), feed(query), None)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("https://lobste.rs", "hottest"),
        ("https://lobste.rs/newest", "newest"),
        ("https://lobste.rs/active", "active"),
        ("lobste.rs/t/rust,c++", "t/rust,c++"),
        ("https://lobste.rs/~pushcx", "~pushcx"),
        ("https://lobste.rs/~pushcx/stories", "~pushcx"),
        ("https://lobste.rs/u/pushcx", "~pushcx"),
        ("https://lobste.rs/newest/pushcx", "~pushcx"),
        ("https://lobste.rs/s/tdfoqh/some_title", "s/tdfoqh"),
        ("https://lobste.rs/s/tdfoqh", "s/tdfoqh"),
        ("lobsters", "newest"),
        ("Lobsters: Hottest", "hottest"),
        ("lobsters:t/python", "t/python"),
        ("lobsters:~oona-1", "~oona-1"),
    ],
)
def test_what_people_paste_becomes_a_feed(text, query):
    found = Lobsters(Settings(), None).feed_for(text)
    assert found is not None
    assert (found.query, found.connector, found.platform, found.id) == (query, "lobsters", "lobsters", 0)
    assert Query.read(query) == Query(query)
    assert found.title.startswith("Lobsters: ")
    assert found.home_url.startswith("https://lobste.rs")


@pytest.mark.parametrize(
    "text",
    [
        "https://lobste.rs/rss",
        "https://lobste.rs/newest.rss",
        "https://lobste.rs/t/rust.rss",
        "https://lobste.rs/domains/github.com",
        "https://lobste.rs/~pushcx/threads",
        "https://lobste.rs/about",
        "https://example.org/newest",
        "lobsters are tasty",
        "lobsters:everything",
        "newest",
        "https://[broken",
        "",
        "x" * 600,
    ],
)
def test_what_is_not_ours_is_left_to_others(text):
    assert Lobsters(Settings(), None).feed_for(text) is None


def test_ones_own_account_has_stories():
    connector = Lobsters(Settings(), None)
    assert [one.query for one in connector.mine("https://lobste.rs/~oona")] == ["~oona"]
    assert [one.query for one in connector.mine("lobsters:~oona")] == ["~oona"]
    assert connector.mine("lobsters") == connector.mine("~oona") == ()

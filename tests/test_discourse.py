"""Discourse: what people paste, topics with their posts, windows of posts, waits, forums for members."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.discourse import Discourse, Settings, details, windows
from connectors.discourse.queries import Query
from listener.connector import fetch
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.types import Feed, Gap, Page
from tests import walking
from tests.servers import Reply, Seen

START = datetime(2026, 9, 1, tzinfo=UTC)
PER_PAGE = 30


def feed(query: str = "forum.example/latest") -> Feed:
    return Feed(1, "discourse", query, "discourse")


site = partial(walking.reached, Discourse)


def moment(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat()


class Forum:
    """A forum of posts, each one number after the other; `glitch` may spoil the nth answer (from 1)."""

    def __init__(self) -> None:
        self.posts: list[dict] = []
        self.pinned: set[int] = set()
        self.closed: set[int] = set()
        self.is_old = False
        self.hidden: Callable[[int], bool] = lambda number: False
        self.asked = 0
        self.glitch: Callable[[int, str, dict], Reply | dict] = lambda n, path, body: body

    def say(self, topic: int, minutes: float | None = None, **changes: object) -> dict:
        number = len(self.posts) + 1
        place = 1 + sum(one["topic_id"] == topic for one in self.posts)
        at = moment(number if minutes is None else minutes)
        made = {"id": number, "topic_id": topic, "post_number": place, "post_type": 1, "username": "oona", "user_id": 7}
        made |= {"created_at": at, "updated_at": at, "cooked": f"<p>Post {number}</p>", "topic_slug": "slug"}
        made |= {"version": 1, "deleted_at": None, "user_deleted": False, "hidden": False}
        self.posts.append(made | changes)
        return self.posts[-1]

    def __call__(self, seen: Seen) -> Reply:
        self.asked += 1
        parts = urlsplit(seen.path)
        body = self.body(parts.path, parse_qs(parts.query))
        if body is None:
            return Reply(403, b'{"errors":["no"],"error_type":"invalid_access"}')
        spoilt = self.glitch(self.asked, parts.path, body)
        return spoilt if isinstance(spoilt, Reply) else Reply(200, json.dumps(spoilt).encode())

    def body(self, path: str, asked: dict[str, list[str]]) -> dict | None:
        if path == "/posts.json":
            return {"latest_posts": self.window(int(asked["before"][0]) if "before" in asked else None)}
        if path == "/latest.json":
            return self.topics(int(asked.get("page", ["0"])[0]))
        if path == "/search.json":
            return self.search(int(asked["page"][0]))
        kind, number = path.strip("/").removesuffix(".json").removesuffix("/posts").split("/")
        if kind == "posts":
            return self.posts[int(number) - 1]
        return self.topic(int(number), [int(one) for one in asked.get("post_ids[]", [])])

    def window(self, before: int | None) -> list[dict]:
        seen = [one for one in self.posts[::-1] if not self.hidden(one["id"])]
        if not self.is_old:
            return [one for one in seen if before is None or one["id"] < before][:50]
        top = before if before is not None else len(self.posts)
        return [one for one in seen if top - 50 < one["id"] <= top]

    def topics(self, page: int) -> dict:
        numbers = {one["topic_id"] for one in self.posts}
        lines = [self.line(number) for number in numbers]
        lines.sort(key=lambda one: (one["pinned"], one["bumped_at"]), reverse=True)
        shown = lines[page * PER_PAGE : (page + 1) * PER_PAGE]
        more = {"more_topics_url": "/latest?page=x"} if (page + 1) * PER_PAGE < len(lines) else {}
        return {"users": [], "topic_list": {"topics": shown, **more}}

    def line(self, number: int) -> dict:
        said = [one for one in self.posts if one["topic_id"] == number]
        line = {"id": number, "title": f"Topic {number}", "slug": "slug", "pinned": number in self.pinned}
        line |= {"created_at": said[0]["created_at"], "bumped_at": max(one["updated_at"] for one in said)}
        return line | {"highest_post_number": len(said), "posts_count": len(said)}

    def topic(self, number: int, ids: list[int]) -> dict | None:
        if number in self.closed:
            return None
        said = [one for one in self.posts if one["topic_id"] == number]
        shown = [one for one in said if one["id"] in ids] if ids else said[:20]
        stream = {"posts": shown, "stream": [one["id"] for one in said]}
        return {"id": number, "title": f"Topic {number}", "posts_count": len(said), "post_stream": stream}

    def search(self, page: int) -> dict:
        found = self.posts[::-1][(page - 1) * 50 : page * 50]
        names = ("id", "topic_id", "post_number", "created_at", "username")
        lines = [{name: one[name] for name in names} | {"blurb": "…"} for one in found]
        more = page * 50 < len(self.posts)
        return {"posts": lines, "topics": [], "grouped_search_result": {"more_full_page_results": more or None}}


walked = partial(walking.walked, most=120)


def texts(*walks: list[Page]) -> set[int]:
    """Give the numbers of the posts that came with their whole text."""
    found = [post.text for walk in walks for page in walk for post in page.posts]
    return {int(text.removeprefix("Post ")) for text in found if text.startswith("Post ")}


def gaps(*walks: list[Page]) -> list[Gap]:
    return [page.gap for walk in walks for page in walk if page.gap]


# topics


def test_topics_come_with_their_posts_and_later_with_what_is_new():
    made = Forum()
    for topic in range(1, 26):
        made.say(topic)
    with site(made) as (server, connector):
        first = walked(connector, feed())
        asked = len(server.paths())
        again = walked(connector, feed(), first[-1].cursor)
        assert len(server.paths()) == asked + 1, "nothing new is one request"
        made.say(3)
        made.say(99)
        later = walked(connector, feed(), again[-1].cursor)
    assert texts(first) == set(range(1, 26))
    assert texts(later) >= {26, 27}
    assert server.paths()[asked + 1 :] == ["/latest.json", "/t/99.json", "/t/3.json"]
    assert [page.more for page in first] == [True, True, False]


def test_a_long_topic_brings_its_newest_posts_too():
    made = Forum()
    for _ in range(150):
        made.say(1)
    with site(made) as (server, connector):
        first = walked(connector, feed())
        for _ in range(70):
            made.say(1)
        second = walked(connector, feed(), first[-1].cursor)
    assert texts(first) == {*range(1, 21), *range(111, 151)}
    assert texts(second) >= set(range(151, 221))
    sizes = [path.count("post_ids") for path in server.paths() if "post_ids" in path]
    assert max(sizes) <= details.CHUNK


def test_a_topic_of_which_a_part_failed_is_read_again():
    made, failed = Forum(), []
    made.say(2)
    for _ in range(60):
        made.say(1)

    def fail_once(n: int, path: str, body: dict) -> Reply | dict:
        is_part = path == "/t/1/posts.json" and not failed
        return (failed.append(n) or Reply(500)) if is_part else body

    made.glitch = fail_once
    with site(made) as (_, connector):
        first = walked(connector, feed())
    assert failed
    assert texts(first) == set(range(1, 62))


def test_pinned_topics_come_first_and_do_not_end_a_walk():
    made = Forum()
    made.pinned = {1, 2, 3}
    for topic in range(1, 101):
        made.say(topic)
    with site(made) as (_, connector):
        first = walked(connector, feed())
        for topic in range(20, 81):
            made.say(topic, minutes=500 + topic)
        second = walked(connector, feed(), first[-1].cursor)
    assert texts(second) >= set(range(101, 162))
    assert not gaps(first, second)


def test_a_first_poll_reads_three_pages_at_most():
    made = Forum()
    for topic in range(1, 200):
        made.say(topic)
    with site(made) as (_, connector):
        first = walked(connector, feed())
    assert texts(first) == set(range(110, 200))


def test_a_topic_that_may_not_be_seen_comes_as_its_list_shows_it():
    made = Forum()
    made.say(1)
    made.say(2)
    made.closed = {2}
    with site(made) as (_, connector):
        [page] = walked(connector, feed())
    assert {(post.native_id, post.title, post.text) for post in page.posts} == {
        ("forum.example/topic-1", "Topic 1", "Post 1"),
        ("forum.example/topic-2", "Topic 2", ""),
    }


def test_an_edit_that_bumps_a_topic_and_a_deletion_are_seen():
    made = Forum()
    made.say(1)
    made.say(1)
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.posts[0] |= {"cooked": "<p>Better</p>", "version": 2, "updated_at": moment(60)}
        made.posts[1] |= {"deleted_at": moment(61)}
        [page] = walked(connector, feed(), first[-1].cursor)
    assert [(post.text, post.edited_at) for post in page.posts] == [("Better", START + timedelta(minutes=60))]
    assert page.deleted == ("forum.example/post-1-2",)


def no_fault(n, path, body):
    return body


def an_error_in_each_third_answer(n, path, body):
    return Reply(500) if n % 3 == 0 else body


def a_limit_now_and_then(n, path, body):
    return Reply(429, b'{"extras":{"wait_seconds":3}}') if n % 7 == 0 else body


def a_truncated_list(n, path, body):
    return Reply(200, json.dumps(body).encode()[:500]) if n == 1 else body


def page_two_repeats_page_one(n, path, body, kept=[]):  # noqa: B006 the memory of this fault
    if path == "/latest.json":
        kept.append(body)
        if len(kept) == 5:
            return kept[0]
    return body


def nonsense_among_topics(n, path, body):
    if "topic_list" in body:
        body["topic_list"]["topics"] += [None, {"id": "x"}, "text", {"title": "no id"}]
    return body


def topics_that_come_twice(n, path, body):
    if "topic_list" in body:
        body["topic_list"]["topics"] += body["topic_list"]["topics"][:1]
    return body


FAULTS = [
    no_fault,
    an_error_in_each_third_answer,
    a_limit_now_and_then,
    a_truncated_list,
    page_two_repeats_page_one,
    nonsense_among_topics,
    topics_that_come_twice,
]


@pytest.mark.parametrize("broken", FAULTS, ids=lambda made: made.__name__)
def test_a_walk_under_faults_finds_what_there_is(broken):
    made = Forum()
    for topic in range(1, 41):
        made.say(topic)
    with site(made) as (_, connector):
        first = walked(connector, feed())
        for topic in range(1, 81):
            made.say(topic)
        made.asked, made.glitch = 0, broken
        second = walked(connector, feed(), first[-1].cursor, errors=80)
        made.glitch = no_fault
        third = walked(connector, feed(), second[-1].cursor)
    assert texts(first, second, third) == set(range(1, 121))
    assert not gaps(first, second, third)


def test_one_topic_brings_its_posts_and_later_the_new_ones():
    made = Forum()
    for _ in range(90):
        made.say(5)
    with site(made) as (_, connector):
        first = walked(connector, feed("forum.example/t/5"))
        for _ in range(300):
            made.say(5)
        second = walked(connector, feed("forum.example/t/5"), first[-1].cursor)
        third = walked(connector, feed("forum.example/t/5"), second[-1].cursor)
    assert texts(first) == {*range(1, 21), *range(51, 91)}
    assert texts(second) >= set(range(91, 391))
    assert len(third) == 1


def test_a_topic_that_is_gone_says_so():
    made = Forum()
    made.say(5)
    made.closed = {5}
    with site(made) as (_, connector), pytest.raises(ConnectorError, match="HTTP 403"):
        walked(connector, feed("forum.example/t/5"))


# searches and users


def test_a_search_reads_each_new_post_whole():
    made = Forum()
    for number in range(70):
        made.say(1 + number // 10, minutes=number * 60)
    with site(made) as (server, connector):
        first = walked(connector, feed("forum.example/search/export"))
        for number in range(70, 200):
            made.say(1 + number // 10, minutes=number * 60)
        second = walked(connector, feed("forum.example/search/export"), first[-1].cursor)
        third = walked(connector, feed("forum.example/search/export"), second[-1].cursor)
    assert texts(first, second) >= set(range(21, 201))
    assert not gaps(first, second, third)
    assert len(third) == 1
    assert parse_qs(urlsplit(server.paths()[0]).query)["q"] == ["export order:latest"]


def test_a_search_that_goes_deeper_than_the_forum_shows_leaves_a_gap(monkeypatch):
    monkeypatch.setattr(details, "SEARCH_PAGES", 2)
    made = Forum()
    made.say(1)
    with site(made) as (_, connector):
        first = walked(connector, feed("forum.example/search/export"))
        for _ in range(200):
            made.say(1)
        second = walked(connector, feed("forum.example/search/export"), first[-1].cursor)
    assert [(gap.older, gap.newer) for gap in gaps(second)] == [("1", "102")]


def test_a_users_posts_are_a_window_that_may_run_over():
    made = Forum()
    for _ in range(60):
        made.say(1)

    def answer(seen: Seen) -> Reply:
        assert seen.path == "/u/oona/activity.json"
        return Reply(200, json.dumps(made.posts[::-1][:50]).encode())

    with site(answer) as (_, connector):
        first = walked(connector, feed("forum.example/u/oona"))
        made.say(1)
        second = walked(connector, feed("forum.example/u/oona"), first[-1].cursor)
        for _ in range(60):
            made.say(1)
        third = walked(connector, feed("forum.example/u/oona"), second[-1].cursor)
    assert texts(first) == set(range(11, 61))
    assert 61 in texts(second)
    assert not gaps(first, second)
    assert len(gaps(third)) == 1


# windows of posts


@pytest.mark.parametrize("is_old", [True, False])
@pytest.mark.parametrize(
    "hidden",
    [
        lambda number: False,
        lambda number: number % 3 > 0,
        lambda number: 200 < number < 420,
        lambda number: number > 480 or 300 < number < 349,
        lambda number: number % 50 != 7,
    ],
)
def test_windows_lose_nothing_whatever_may_not_be_seen(is_old, hidden):
    made, source = Forum(), feed("forum.example/posts")
    made.is_old, made.hidden = is_old, hidden
    for _ in range(100):
        made.say(1)
    with site(made) as (_, connector):
        first = walked(connector, source)
        for _ in range(400):
            made.say(1)
        second = walked(connector, source, first[-1].cursor)
        third = walked(connector, source, second[-1].cursor)
    seen = {number for number in range(1, 501) if not hidden(number)}
    assert texts(first, second, third) == seen
    assert not gaps(first, second, third)


def test_a_first_poll_of_posts_looks_back_two_days_and_not_further():
    made = Forum()
    for number in range(400):
        made.say(1, minutes=number * 30)
    with site(made) as (_, connector):
        first = walked(connector, feed("forum.example/posts"))
    assert texts(first) == set(range(301, 401))


def test_posts_that_arrive_while_walking_are_read_the_next_time():
    made, source = Forum(), feed("forum.example/posts")
    for _ in range(60):
        made.say(1)
    with site(made) as (_, connector):
        first = walked(connector, source)
        for _ in range(200):
            made.say(1)
        made.glitch = lambda n, path, body: made.say(2) and body
        second = walked(connector, source, first[-1].cursor)
        made.glitch = no_fault
        third = walked(connector, source, second[-1].cursor)
    assert texts(first, second, third) == set(range(1, len(made.posts) + 1))


def test_more_posts_than_one_walk_reads_leave_a_gap_that_can_be_filled(monkeypatch):
    monkeypatch.setattr(windows, "PAGES", 3)
    made, source = Forum(), feed("forum.example/posts")
    made.say(1)
    with site(made) as (_, connector):
        first = walked(connector, source)
        for _ in range(299):
            made.say(1)
        second = walked(connector, source, first[-1].cursor)
        [gap] = gaps(second)
        assert (gap.older, gap.newer) == ("1", "151")
        monkeypatch.setattr(windows, "PAGES", 60)
        filled = walked(connector, source, connector.fill(source, gap))
    assert texts(first, second, filled) == set(range(1, 301))
    assert connector.fill(feed(), gap) is None
    assert connector.fill(source, Gap("")) is None


def test_an_empty_forum_has_nothing():
    with site(Forum()) as (_, connector):
        assert [page.posts for page in walked(connector, feed("forum.example/posts"))] == [()]
        assert [page.posts for page in walked(connector, feed())] == [()]


# refusals


@pytest.mark.parametrize(
    ("reply", "error", "wait_s"),
    [
        (Reply(429, b'{"errors":["x"],"error_type":"rate_limit","extras":{"wait_seconds":39}}'), RateLimited, 39),
        (Reply(429, b'{"extras":{"wait_seconds":9999999}}'), RateLimited, 86_400),
        (Reply(429, b'{"extras":{"wait_seconds":true}}', {"Retry-After": "7"}), RateLimited, 7),
        (Reply(429, b"Slow down"), RateLimited, None),
        (Reply(403, b'{"errors":["x"],"error_type":"not_logged_in"}'), NotAuthorised, None),
        (Reply(403, b'{"errors":["x"],"error_type":"invalid_access"}'), ConnectorError, None),
        (Reply(200, b"<!DOCTYPE html><html>checking</html>"), RateLimited, 3_600),
        (Reply(200, b"[]"), BadPayload, None),
        (Reply(200, b'{"topic_list": {}}'), BadPayload, None),
    ],
)
def test_refusals_become_ours(reply, error, wait_s):
    with site(lambda _: reply) as (_, connector), pytest.raises(ConnectorError) as caught:
        walked(connector, feed())
    assert type(caught.value) is error
    assert getattr(caught.value, "retry_after_s", None) == wait_s


def test_a_forum_that_sends_to_its_login_is_for_members():
    def answer(seen: Seen) -> Reply:
        if seen.path == "/login":
            return Reply(200, b"<!DOCTYPE html><html>Log in</html>")
        return Reply(302, headers={"Location": "/login"})

    with site(answer) as (_, connector):
        for query in ("forum.example/latest", "forum.example/posts", "forum.example/t/1"):
            with pytest.raises(NotAuthorised, match="members only"):
                walked(connector, feed(query))


@pytest.mark.parametrize("query", ["", "forum.example", "forum.example/c/5", "forum.example/t/slug", "a b/latest"])
def test_a_query_that_does_not_exist_says_which_do(query):
    with pytest.raises(ConnectorError, match="FORUM/latest"):
        fetch(Discourse(Settings(), None), feed(query), None)


# what people paste


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("https://meta.discourse.org/", "meta.discourse.org/latest"),
        ("https://meta.discourse.org/latest?order=created", "meta.discourse.org/latest"),
        ("https://discuss.python.org/tag/packaging", "discuss.python.org/tag/packaging"),
        ("https://discuss.python.org/u/guido/summary", "discuss.python.org/u/guido"),
        ("https://discuss.python.org/search?q=postgres%20backup", "discuss.python.org/search/postgres backup"),
        ("https://discourse.any.example/posts", "discourse.any.example/posts"),
        ("https://any.example/t/how-do-i-export/123", "any.example/t/123"),
        ("https://any.example/t/how-do-i-export/123/45?u=oona", "any.example/t/123"),
        ("any.example/c/support/6", "any.example/c/support/6"),
        ("https://any.example/c/support/billing/17/l/latest", "any.example/c/support/billing/17"),
        ("discourse:any.example/latest", "any.example/latest"),
        ("discourse: any.example/search/two words", "any.example/search/two words"),
        ("Discourse:https://any.example/", "any.example/latest"),
        ("discourse:any.example/tag/help/12", "any.example/tag/help/12"),
    ],
)
def test_what_people_paste_becomes_a_feed(text, query):
    found = Discourse(Settings(), None).feed_for(text)
    assert found is not None
    assert (found.query, found.connector, found.platform, found.id) == (query, "discourse", "discourse", 0)
    assert str(Query.read(query)) == query
    assert found.title.startswith(query.split("/")[0])
    assert found.home_url.startswith(f"https://{query.split('/')[0]}/")


@pytest.mark.parametrize(
    "text",
    [
        "https://any.example/",
        "https://any.example/latest",
        "https://any.example/tag/help",
        "https://any.example/u/oona",
        "https://lemmy.world/c/python@programming.dev",
        "https://lemmy.world/c/python",
        "https://lobste.rs/t/rust",
        "https://any.example/t/123/456",
        "https://meta.discourse.org/about",
        "https://any.example/c/support/6.rss",
        "https://any.example/t/slug/123.rss",
        "discourse:",
        "discourse:nonsense here",
        "https://[broken",
        "ftp://any.example/t/slug/12",
        "",
        "x" * 600,
    ],
)
def test_what_is_not_ours_is_left_to_others(text):
    assert Discourse(Settings(), None).feed_for(text) is None


def test_ones_own_account_has_posts_and_mentions():
    connector = Discourse(Settings(), None)
    for account in ("https://meta.discourse.org/u/oona", "discourse:meta.discourse.org/u/oona"):
        found = [one.query for one in connector.mine(account)]
        assert found == ["meta.discourse.org/u/oona", "meta.discourse.org/search/@oona"]
    for account in ("https://meta.discourse.org/latest", "oona", "@oona@meta.discourse.org"):
        assert connector.mine(account) == ()

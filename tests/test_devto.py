"""dev.to: what people paste, lists whose articles are read one by one, comments."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.devto import DevTo, Settings, walks
from connectors.devto.queries import COMMENTS, PER_PAGE, Query
from listener.connector import fetch
from listener.errors import BadPayload, ConnectorError, RateLimited
from listener.types import Feed, Page
from tests import walking
from tests.servers import Reply, Seen

START = datetime(2026, 9, 1, tzinfo=UTC)


def feed(query: str = "latest") -> Feed:
    return Feed(1, "devto", query, "devto")


site = partial(walking.reached, DevTo)


def article(number: int, minutes: float | None = None) -> dict:
    at = (START + timedelta(minutes=number * 20 if minutes is None else minutes)).isoformat()
    return {
        "id": number,
        "title": f"Article {number}",
        "url": f"https://dev.to/oona/a-{number}",
        "published_timestamp": at,
        "description": "…",
        "user": {"username": "oona"},
    }


class Site:
    """The platform; `ranked` orders a list by its own liking, `glitch` may spoil the nth answer (from 1)."""

    def __init__(self, articles: list[dict]) -> None:
        self.articles = articles
        self.gone: set[int] = set()
        self.ranked: Callable[[dict], object] = lambda one: one["published_timestamp"]
        self.asked = 0
        self.glitch: Callable[[int, str, object], Reply | object] = lambda n, path, body: body

    def __call__(self, seen: Seen) -> Reply:
        self.asked += 1
        assert seen.headers["accept"] == "application/vnd.forem.api-v1+json"
        parts = urlsplit(seen.path)
        body = self.body(parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()})
        spoilt = Reply(404, b'{"error":"not found"}') if body is None else self.glitch(self.asked, parts.path, body)
        return spoilt if isinstance(spoilt, Reply) else Reply(200, json.dumps(spoilt).encode())

    def body(self, path: str, asked: dict[str, str]) -> object:
        name = path.rpartition("/")[2]
        if name.isdecimal():
            found = [one for one in self.articles if one["id"] == int(name) and one["id"] not in self.gone]
            return found[0] | {"body_html": f"<p>All of {name}</p>"} if found else None
        start = (int(asked["page"]) - 1) * PER_PAGE
        return sorted(self.articles, key=self.ranked, reverse=True)[start : start + PER_PAGE]


walked = partial(walking.walked, most=120)


def whole(*walks_: list[Page]) -> set[int]:
    """Give the numbers of the articles that came with their whole text."""
    texts = [post.text for walk in walks_ for page in walk for post in page.posts]
    return {int(text.removeprefix("All of ")) for text in texts if text.startswith("All of ")}


def gaps(*walks_: list[Page]) -> list[object]:
    return [page.gap for walk in walks_ for page in walk if page.gap]


@pytest.mark.parametrize("query", ["latest", "user/oona"])
def test_each_new_article_is_read_whole_once(query):
    made = Site([article(n) for n in range(1, 41)])
    with site(made) as (server, connector):
        first = walked(connector, feed(query))
        made.articles += [article(n) for n in range(41, 151)]
        second = walked(connector, feed(query), first[-1].cursor)
        third = walked(connector, feed(query), second[-1].cursor)
    assert whole(first, second, third) == set(range(1, 151))
    read = [path for path in server.paths() if path.rpartition("/")[2].isdecimal()]
    assert len(read) == len(set(read)), "no article is read twice"
    assert len(third) == 1
    assert not gaps(first, second, third)


def test_a_first_poll_looks_back_two_days_and_three_pages():
    made = Site([article(n, minutes=n * 30) for n in range(1, 400)])
    with site(made) as (_, connector):
        assert whole(walked(connector, feed())) == set(range(310, 400))
    made = Site([article(n, minutes=n * 120) for n in range(1, 400)])
    with site(made) as (_, connector):
        assert whole(walked(connector, feed())) == set(range(370, 400))


def test_articles_that_arrive_while_walking_are_read_at_the_latest_next_time():
    made = Site([article(n) for n in range(1, 41)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.articles += [article(n) for n in range(41, 120)]
        arriving = iter(range(200, 230))
        made.glitch = lambda n, path, body: (n % 9 == 0 and made.articles.append(article(next(arriving)))) or body
        second = walked(connector, feed(), first[-1].cursor)
        made.glitch = lambda n, path, body: body
        third = walked(connector, feed(), second[-1].cursor)
    assert whole(first, second, third) == {one["id"] for one in made.articles}


def test_a_tag_comes_in_the_platforms_own_order_and_old_finds_are_history():
    made = Site([article(n) for n in range(1, 91)])
    made.ranked = lambda one: one["id"] * 7919 % 101
    with site(made) as (server, connector):
        first = walked(connector, feed("tag/web"))
        assert len(whole(first)) == PER_PAGE
        assert not [name for page in first for name in page.archive]
        made.articles += [article(500, minutes=90 * 20), article(501, minutes=-9_000)]
        made.ranked = lambda one: (one["id"] >= 500, one["id"] * 7919 % 101)
        second = walked(connector, feed("tag/web"), first[-1].cursor)
        third = walked(connector, feed("tag/web"), second[-1].cursor)
    assert whole(second) >= {500, 501}
    assert {name for page in second for name in page.archive} >= {"https://dev.to/oona/a-501"}
    assert "https://dev.to/oona/a-500" not in {name for page in second for name in page.archive}
    assert len(third) == 1
    assert not whole(third)
    assert not gaps(first, second, third)
    assert server.paths()[0] == f"/api/articles?tag=web&per_page={PER_PAGE}&page=1"


def test_a_ranked_list_is_left_after_three_pages_with_a_gap():
    made = Site([article(n) for n in range(1, 31)])
    with site(made) as (_, connector):
        first = walked(connector, feed("search/backup"))
        made.articles += [article(n) for n in range(31, 331)]
        second = walked(connector, feed("search/backup"), first[-1].cursor)
    assert whole(second) == set(range(241, 331))
    assert len(gaps(second)) == 1


def test_an_article_that_is_gone_comes_as_its_list_shows_it():
    made = Site([article(1), article(2)])
    made.gone = {2}
    with site(made) as (_, connector):
        [page] = walked(connector, feed())
    assert {(post.title, post.text) for post in page.posts} == {("Article 1", "All of 1"), ("Article 2", "…")}


def no_fault(n, path, body):
    return body


def an_error_in_each_third_answer(n, path, body):
    return Reply(500) if n % 3 == 0 else body


def a_limit_now_and_then(n, path, body):
    return Reply(429, b'{"error":"Rate limit reached, try again in 30 seconds"}') if n % 7 == 0 else body


def a_truncated_list(n, path, body):
    return Reply(200, json.dumps(body).encode()[:500]) if n == 1 else body


def a_page_that_repeats_the_one_before(n, path, body, kept=[]):  # noqa: B006 the memory of this fault
    if isinstance(body, list):
        kept.append(body)
        if len(kept) == 5:
            return kept[0]
    return body


def nonsense_among_articles(n, path, body):
    return [*body, None, {"id": "x"}, "text"] if isinstance(body, list) else body


def articles_that_come_twice(n, path, body):
    return [*body, *body[:2]] if isinstance(body, list) else body


FAULTS = [
    no_fault,
    an_error_in_each_third_answer,
    a_limit_now_and_then,
    a_truncated_list,
    a_page_that_repeats_the_one_before,
    nonsense_among_articles,
    articles_that_come_twice,
]


@pytest.mark.parametrize("broken", FAULTS, ids=lambda made: made.__name__)
def test_a_walk_under_faults_finds_what_there_is(broken):
    made = Site([article(n) for n in range(1, 31)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.articles += [article(n) for n in range(31, 131)]
        made.asked, made.glitch = 0, broken
        second = walked(connector, feed(), first[-1].cursor, errors=80)
        made.glitch = no_fault
        third = walked(connector, feed(), second[-1].cursor)
    assert whole(first, second, third) == set(range(1, 131))
    assert not gaps(first, second, third)


def test_a_list_that_repeats_itself_for_ever_is_left_with_a_gap():
    made = Site([article(n) for n in range(1, 31)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.articles += [article(n) for n in range(31, 131)]
        same = made.body("/api/articles/latest", {"page": "1"})
        made.glitch = lambda n, path, body: same if isinstance(body, list) else body
        second = walked(connector, feed(), first[-1].cursor)
    assert len(gaps(second)) == 1
    assert whole(second) == set(range(101, 131))


# an article and its comments


def test_an_articles_comments_come_in_pages_and_again_with_each_poll():
    tree = [{"id_code": f"{n:x}", "body_html": f"<p>{n}</p>", "user": {"username": "ben"}} for n in range(COMMENTS + 5)]

    def answer(seen: Seen) -> Reply:
        if seen.path == "/api/articles/oona/a-7":
            return Reply(200, json.dumps(article(7)).encode())
        asked = parse_qs(urlsplit(seen.path).query)
        assert asked["a_id"] == ["7"]
        start = (int(asked["page"][0]) - 1) * COMMENTS
        return Reply(200, json.dumps(tree[start : start + COMMENTS]).encode())

    with site(answer) as (server, connector):
        first = walked(connector, feed("article/oona/a-7"))
        tree[3]["user"] = {}
        second = walked(connector, feed("article/oona/a-7"), first[-1].cursor)
    assert [len(page.posts) for page in first] == [1, COMMENTS, 5]
    assert {post.thread for page in first for post in page.posts} == {"https://dev.to/oona/a-7"}
    assert [len(page.posts) for page in second] == [COMMENTS - 1, 5]
    assert second[0].deleted == ("comment/3",)
    assert len(server.paths()) == 5


def test_deep_trees_of_comments_are_read():
    tree: dict = {"id_code": "0", "body_html": "x", "user": {"username": "ben"}, "children": []}
    for n in range(1, 300):
        tree = {"id_code": f"{n:x}", "body_html": "x", "user": {"username": "ben"}, "children": [tree]}
    cursor = json.dumps({"extra": {"id": 7, "thread": "t"}})
    with site(lambda seen: Reply(200, json.dumps([tree]).encode())) as (_, connector):
        [page] = walked(connector, feed("article/7"), cursor)
    assert len(page.posts) == 300
    assert page.posts[-1].in_reply_to == page.posts[-2].native_id


@pytest.mark.parametrize("body", [b"{}", b"[5]", b"null", b'"x"', b"{broken"])
def test_an_answer_of_another_shape_is_told(body):
    cursor = json.dumps({"extra": {"id": 7, "thread": "t"}})
    with site(lambda seen: Reply(200, body)) as (_, connector):
        for query, at in (("article/7", cursor), ("latest", None), ("article/a/b", None)):
            with pytest.raises(BadPayload):
                walked(connector, feed(query), at)


@pytest.mark.parametrize(
    ("reply", "wait_s"),
    [
        (Reply(429, b'{"error":"Rate limit reached, try again in 30 seconds"}'), 30),
        (Reply(429, b"slow", {"Retry-After": "7"}), 7),
        (Reply(429, b"slow"), None),
        (Reply(403, b"<!DOCTYPE html><html>Forbidden Bots</html>"), 3_600),
    ],
)
def test_waits_are_read_in_every_form(reply, wait_s):
    with site(lambda _: reply) as (_, connector), pytest.raises(RateLimited) as caught:
        walked(connector, feed())
    assert caught.value.retry_after_s == wait_s


@pytest.mark.parametrize("query", ["", "oldest", "tag/", "tag/a b", "user/a/b", "article/x", "search/"])
def test_a_query_that_does_not_exist_says_which_do(query):
    with pytest.raises(ConnectorError, match="take latest"):
        fetch(DevTo(Settings(), None), feed(query), None)


# what people paste


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("https://dev.to", "latest"),
        ("https://dev.to/latest", "latest"),
        ("dev.to/t/postgres", "tag/postgres"),
        ("https://dev.to/t/postgres/latest", "tag/postgres"),
        ("https://dev.to/t/postgres/top/week", "tag/postgres"),
        ("https://dev.to/ben", "user/ben"),
        ("https://dev.to/ben/some-title-4k11", "article/ben/some-title-4k11"),
        ("https://dev.to/ben/some-title-4k11/comments", "article/ben/some-title-4k11"),
        ("https://dev.to/search?q=invoice%20export&sort_by=published_at", "search/invoice export"),
        ("devto:latest", "latest"),
        ("devto: tag/python", "tag/python"),
        ("Devto:search/two words", "search/two words"),
        ("devto:article/4711", "article/4711"),
    ],
)
def test_what_people_paste_becomes_a_feed(text, query):
    found = DevTo(Settings(), None).feed_for(text)
    assert found is not None
    assert (found.query, found.connector, found.platform, found.id) == (query, "devto", "devto", 0)
    assert str(Query.read(query)) == query
    assert found.title.startswith("DEV: ")
    assert found.home_url.startswith("https://dev.to")


@pytest.mark.parametrize(
    "text",
    [
        "https://dev.to/feed/tag/python",
        "https://dev.to/about",
        "https://dev.to/settings/profile",
        "https://dev.to/ben/series/123",
        "https://example.org/t/python",
        "https://xdev.to/ben",
        "devto:",
        "devto:everything",
        "latest",
        "https://[broken",
        "",
        "x" * 600,
    ],
)
def test_what_is_not_ours_is_left_to_others(text):
    assert DevTo(Settings(), None).feed_for(text) is None


def test_the_cursor_stays_small():
    made = Site([article(n) for n in range(1, 2_000)])
    made.ranked = lambda one: one["id"] * 7919 % 2_003
    with site(made) as (_, connector):
        cursor = None
        for turn in range(4):
            made.ranked = lambda one, turn=turn: (one["id"] + turn * 400) % 1_999
            cursor = walked(connector, feed("tag/web"), cursor)[-1].cursor
    assert len(cursor) < 12 * walks.REMEMBERED


def test_ones_own_account_has_articles():
    connector = DevTo(Settings(), None)
    assert [one.query for one in connector.mine("https://dev.to/oona")] == ["user/oona"]
    assert [one.query for one in connector.mine("devto:user/oona")] == ["user/oona"]
    assert connector.mine("https://dev.to/t/web") == connector.mine("oona") == ()

"""Hacker News: what people paste, what a list and a search ask for, and walks that lose nothing."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors import hackernews
from connectors.hackernews import HackerNews, lists, searches
from listener.addresses import NetworkRules
from listener.connector import Settings, poll, read, recheck
from listener.errors import BadPayload, ConnectorError, RateLimited
from listener.http import Client, Limits
from listener.types import Answer, Feed, Gap, Page, Post
from tests.servers import Reply, Seen, Server, serving

NOW = 1_790_000_000


@pytest.fixture(autouse=True)
def _no_manners_on_loopback(monkeypatch):
    monkeypatch.setattr(hackernews, "ITEM_SLOT_S", None)


def feed(query: str) -> Feed:
    return Feed(1, "hackernews", query, "hackernews")


@contextmanager
def site(answer: Callable[[Seen], Reply]) -> Iterator[tuple[Server, HackerNews]]:
    with serving(answer) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)), limits=Limits(read_s=2.0, total_s=4.0))
        try:
            yield server, HackerNews(Settings(base_url=server.url), client)
        finally:
            client.close()


class Site:
    """Both interfaces over the same items; `glitch` may spoil the nth answer (from 1)."""

    def __init__(self, items: list[dict], ranking: list[int] | None = None) -> None:
        self.items = {item["id"]: item for item in items}
        self.ranking = ranking
        self.asked = 0
        self.glitch: Callable[[int, dict | list | None], Reply | dict | list | None] = lambda _, body: body

    def __call__(self, seen: Seen) -> Reply:
        self.asked += 1
        body = self.glitch(self.asked, self.body(seen))
        return body if isinstance(body, Reply) else Reply(200, json.dumps(body).encode())

    def body(self, seen: Seen) -> dict | list | None:
        parts = urlsplit(seen.path)
        match = re.fullmatch(r"/v0/item/(\d+)\.json", parts.path)
        if match:
            return self.items.get(int(match[1]))
        if parts.path.startswith("/v0/"):
            return self.ranking if self.ranking is not None else sorted(self.items, reverse=True)
        return self.search({name: values[0] for name, values in parse_qs(parts.query).items()})

    def search(self, params: dict[str, str]) -> dict:
        lowest, highest = 0, 10**12
        for one in filter(None, params.get("numericFilters", "").split(",")):
            sign, number = re.fullmatch(r"created_at_i(>=|<=)(\d+)", one).groups()
            lowest, highest = (int(number), highest) if sign == ">=" else (lowest, int(number))
        found = [item for item in self.items.values() if lowest <= item["time"] <= highest]
        found.sort(key=lambda item: (item["time"], item["id"]), reverse=True)
        size = int(params["hitsPerPage"])
        return {"hits": [hit(item) for item in found[:size]], "nbHits": len(found)}


def story(number: int, **changes: object) -> dict:
    return {"id": number, "type": "story", "by": "ada", "time": NOW + number, "title": f"Story {number}"} | changes


def hit(item: dict) -> dict:
    return {
        "objectID": str(item["id"]),
        "_tags": ["story", f"author_{item['by']}"],
        "author": item["by"],
        "created_at_i": item["time"],
        "title": item["title"],
        "url": item.get("url"),
        "story_text": item.get("text"),
        "story_id": item["id"],
        "num_comments": item.get("descendants"),
        "points": item.get("score"),
    }


def walk(connector: HackerNews, query: str, cursor: str | None = None, errors: int = 0) -> list[Page]:
    """Poll page after page as the pipeline does; up to `errors` errors leave the cursor where it was."""
    pages: list[Page] = []
    while len(pages) < 60:
        try:
            _, page = poll(connector, feed(query), cursor)
        except ConnectorError:
            errors -= 1
            if errors < 0:
                raise
            continue
        pages.append(page)
        cursor = page.cursor
        if not page.more:
            return pages
    raise AssertionError("the walk does not end")


def ids(pages: list[Page]) -> set[int]:
    return {int(post.native_id) for page in pages for post in page.posts}


# what people paste


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("https://news.ycombinator.com/", "top"),
        ("https://news.ycombinator.com/news", "top"),
        ("https://news.ycombinator.com/newest", "new"),
        ("https://news.ycombinator.com/ask", "ask"),
        ("http://news.ycombinator.com/show/", "show"),
        ("https://news.ycombinator.com/jobs", "jobs"),
        ("https://news.ycombinator.com/newcomments", "comments:"),
        ("https://news.ycombinator.com/user?id=some_body-1", "user:some_body-1"),
        ("https://news.ycombinator.com/threads?id=ada", "user:ada"),
        ("https://news.ycombinator.com/item?id=4711", "thread:4711"),
        ("https://hn.algolia.com/?q=postgres+backup&type=comment", "comments:postgres backup"),
        ("https://hn.algolia.com/?query=rust&type=story", "stories:rust"),
        ("https://hn.algolia.com/?q=rust&type=all", "search:rust"),
        ("hn:ask", "ask"),
        ("HN Show", "show"),
        ("hacker news", "top"),
        ("hn comments: postgres backup", "comments:postgres backup"),
        ('hn: stories: "vector database"', 'stories:"vector database"'),
        ("hn postgres backup", "search:postgres backup"),
        ("hn replies: ada", "replies:ada"),
    ],
)
def test_what_people_paste_becomes_a_feed(text, query):
    found = HackerNews(Settings(), None).feed_for(text)
    assert found is not None
    assert (found.query, found.connector, found.platform, found.id) == (query, "hackernews", "hackernews", 0)
    assert found.title.startswith("Hacker News")
    assert found.home_url.startswith("https://")
    assert HackerNews(Settings(), None).feed_for(found.home_url).query == query.replace("replies:", "user:")


@pytest.mark.parametrize(
    "text",
    [
        "https://news.ycombinator.com/rss",
        "https://news.ycombinator.com/user?id=a,b",
        "https://news.ycombinator.com/item?id=x",
        "https://hn.algolia.com/",
        "https://example.org/news.ycombinator.com",
        "https://[broken",
        "hnology",
        "ask",
        "",
    ],
)
def test_what_is_not_ours_is_left_to_others(text):
    assert HackerNews(Settings(), None).feed_for(text) is None


@pytest.mark.parametrize("query", ["front", "comment:x", "user:", "user:a,b", "thread:abc", ""])
def test_a_query_that_does_not_exist_says_which_do(query):
    with pytest.raises(ConnectorError, match=r"comments:…") as caught:
        poll(HackerNews(Settings(), None), feed(query), None)
    assert str(caught.value).startswith(f"hackernews {query}")


# lists


def test_a_list_brings_each_item_once_and_asks_for_new_ones_only():
    with site(Site([story(n) for n in range(1, 41)])) as (server, connector):
        first = walk(connector, "ask")
        assert [len(page.posts) for page in first] == [30, 10]
        assert ids(first) == set(range(1, 41))
        server.answer.items[41] = story(41)
        server.seen.clear()
        second = walk(connector, "ask", first[-1].cursor)
        assert ids(second) == {41}
        assert server.paths() == ["/v0/askstories.json", "/v0/item/41.json"]
        server.seen.clear()
        [nothing] = walk(connector, "ask", second[-1].cursor)
        assert (nothing.posts, server.paths()) == ((), ["/v0/askstories.json"])


@pytest.mark.parametrize(("query", "path"), [(name, ranking.path) for name, ranking in lists.LISTS.items()])
def test_each_list_is_asked_for_by_its_name(query, path):
    with site(Site([story(1)])) as (server, connector):
        [page] = walk(connector, query)
        assert ids([page]) == {1}
        assert server.paths() == [f"/v0/{path}.json", "/v0/item/1.json"]
        assert page.title.startswith("Hacker News: ")


def test_the_first_poll_of_the_newest_stories_is_bounded_and_leaves_no_old_ones_for_later():
    with site(Site([story(n) for n in range(1, 501)])) as (server, connector):
        first = walk(connector, "new")
        assert ids(first) == set(range(411, 501))
        server.answer.items[501] = story(501)
        assert ids(walk(connector, "new", first[-1].cursor)) == {501}


def test_a_story_that_climbs_into_the_ranking_later_is_read_then():
    made = Site([story(n) for n in range(1, 251)], ranking=list(range(1, 251)))
    with site(made) as (_, connector):
        first = walk(connector, "top")
        assert ids(first) == set(range(1, 201))
        made.ranking = [250, *range(1, 250)]
        assert ids(walk(connector, "top", first[-1].cursor)) == {250}


def test_a_list_without_one_known_id_records_a_gap():
    with site(Site([story(n) for n in range(1, 11)])) as (server, connector):
        [first] = walk(connector, "new")
        assert first.gap is None
        server.answer.items = {n: story(n) for n in range(1000, 1010)}
        [second] = walk(connector, "new", first.cursor)
        assert second.gap == Gap("more stories came since the last poll than the list holds", "10", "1000")


def test_missing_items_are_asked_for_again_and_deleted_and_killed_ones_are_reported():
    items = [story(1), story(2, deleted=True, by=None, title=None), story(3, dead=True)]
    made = Site(items, ranking=[1, 2, 3, 4])
    with site(made) as (_, connector):
        [page] = walk(connector, "ask")
        assert (ids([page]), page.deleted) == ({1}, ("2", "3"))
        made.items[4] = story(4)
        [again] = walk(connector, "ask", page.cursor)
        assert (ids([again]), again.deleted) == ({4}, ())


def test_an_item_that_fails_is_left_for_the_next_poll_and_does_not_lose_the_others():
    made = Site([story(n) for n in range(1, 6)])
    spoilt = {3: Reply(500), 4: Reply(200, b'{"id": 2, "ti')}
    made.glitch = lambda n, body: spoilt.get(n, body)
    with site(made) as (_, connector):
        [page] = walk(connector, "ask")
        assert len(page.posts) == 3
        [again] = walk(connector, "ask", page.cursor)
        assert ids([page, again]) == {1, 2, 3, 4, 5}
        assert len(again.posts) == 2


def test_an_item_of_another_shape_goes_to_quarantine_and_the_page_goes_on():
    with site(Site([story(1), story(2, title=["no", "title"]), story(3, id="three") | {"id": 3}])) as (_, connector):
        [page] = walk(connector, "ask")
        assert ids([page]) == {1, 3}
        assert [reject.reason for reject in page.rejects] == ["could not be read (TypeError)"]
        assert len(page.rejects[0].sample) <= 2_000


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(429, headers={"Retry-After": "77"}), RateLimited),
        (Reply(500), ConnectorError),
        (Reply(200, b"<!doctype html><html><title>Just a moment</title></html>"), RateLimited),
        (Reply(200, b"{"), BadPayload),
    ],
)
def test_items_that_all_fail_are_an_error_and_none_is_lost(reply, error):
    made = Site([story(1), story(2)])
    made.glitch = lambda n, body: body if n == 1 else reply
    with site(made) as (_, connector):
        with pytest.raises(error) as caught:
            poll(connector, feed("ask"), None)
        if error is RateLimited:
            assert caught.value.retry_after_s in (77, 3600)
        made.glitch = lambda _, body: body
        assert ids(walk(connector, "ask")) == {1, 2}


def test_one_rate_limited_item_stops_the_page():
    made = Site([story(1), story(2), story(3)])
    made.glitch = lambda n, body: Reply(429, headers={"Retry-After": "30"}) if n == 3 else body
    with site(made) as (_, connector), pytest.raises(RateLimited) as caught:
        poll(connector, feed("ask"), None)
    assert caught.value.retry_after_s == 30


def test_a_list_that_changes_its_order_between_pages_loses_nothing():
    made = Site([story(n) for n in range(1, 101)])

    def shuffle(n: int, body: object) -> object:
        if n % 31 == 0:
            made.items[100 + n] = story(100 + n)
            made.ranking = sorted(made.items, key=lambda number: number * 7919 % 101)
        return body

    made.glitch = shuffle
    with site(made) as (_, connector):
        first = walk(connector, "show")
        made.glitch = lambda _, body: body
        assert ids(first) | ids(walk(connector, "show", first[-1].cursor)) == set(made.items)


# searches


def test_a_search_asks_by_date_without_typos_and_reads_again_two_hours_back():
    with site(Site([story(1)])) as (server, connector):
        [page] = walk(connector, "stories:story")
        walk(connector, "stories:story", page.cursor)
        first, second = (parse_qs(urlsplit(path).query) for path in server.paths())
    assert urlsplit(server.paths()[0]).path == "/api/v1/search_by_date"
    assert first == {"query": ["story"], "tags": ["story"], "typoTolerance": ["false"], "hitsPerPage": ["100"]}
    assert second["numericFilters"] == [f"created_at_i>={NOW + 1 - 7200}"]


@pytest.mark.parametrize(
    ("query", "tags"),
    [
        ("stories:x", "story"),
        ("comments:x", "comment"),
        ("search:x", "(story,comment)"),
        ("user:ada", "(story,comment),author_ada"),
        ("thread:12", "comment,story_12"),
    ],
)
def test_each_search_is_asked_for_by_its_tag(query, tags):
    with site(Site([])) as (server, connector):
        walk(connector, query)
        assert parse_qs(urlsplit(server.paths()[0]).query)["tags"] == [tags]


def test_the_first_poll_of_a_search_reads_the_newest_page_only():
    with site(Site([story(n) for n in range(1, 501)])) as (server, connector):
        [page] = walk(connector, "stories:")
        assert ids([page]) == set(range(401, 501))
        assert (page.more, page.gap, len(server.seen)) == (False, None, 1)


def test_a_search_that_found_nothing_at_first_reads_all_that_comes():
    made = Site([])
    with site(made) as (_, connector):
        [page] = walk(connector, "stories:")
        made.items = {n: story(n) for n in range(1, 251)}
        assert ids(walk(connector, "stories:", page.cursor)) == set(made.items)


OLD, NEW = range(1, 41), range(41, 1041)


def aged(number: int) -> int:
    """Spread a thousand posts over a day and more, with some sharing their second."""
    return NOW + (number // 20) * 2_000 + (number % 20) // 7


class Fault:
    """What goes wrong, by the number of the answer within the walk (from 1)."""

    def __init__(self, made: Site) -> None:
        self.made, self.answers, self.asked = made, [], 0

    def __call__(self, _: int, body: dict) -> Reply | dict:
        self.asked += 1
        self.answers.append(body)
        return self.spoil(self.asked, body)

    def spoil(self, n: int, body: dict) -> Reply | dict:
        return body


def fault(spoil: Callable[[Fault, int, dict], Reply | dict]) -> type[Fault]:
    return type(spoil.__name__, (Fault,), {"spoil": spoil})


@fault
def no_fault(self, n, body):
    return body


@fault
def short_pages(self, n, body):
    return body | {"hits": body["hits"][:60]}


@fault
def a_single_short_page(self, n, body):
    return body | {"hits": body["hits"][:3]} if n == 2 else body


@fault
def page_two_repeats_page_one(self, n, body):
    return self.answers[0] if n == 2 else body


@fault
def page_three_repeats_page_two(self, n, body):
    return self.answers[1] if n == 3 else body


@fault
def a_loop_back_to_page_one(self, n, body):
    return self.answers[0] if n in (4, 5, 6) else body


@fault
def an_error_in_page_three(self, n, body):
    return Reply(500) if n == 3 else body


@fault
def a_rate_limit_in_page_three(self, n, body):
    return Reply(429, headers={"Retry-After": "5"}) if n == 3 else body


@fault
def an_error_in_each_second_answer(self, n, body):
    return Reply(503) if n % 2 else body


@fault
def a_block_page_in_page_two(self, n, body):
    return Reply(200, b"<!DOCTYPE html><html>no robots</html>") if n == 2 else body


@fault
def a_truncated_page_two(self, n, body):
    return Reply(200, json.dumps(body).encode()[:2_000]) if n == 2 else body


@fault
def shuffled_pages(self, n, body):
    return body | {"hits": sorted(body["hits"], key=lambda one: int(one["objectID"]) * 7919 % 101)}


@fault
def hits_that_come_twice(self, n, body):
    return body | {"hits": [*body["hits"][:50], *body["hits"]]}


@fault
def a_nonsense_hit_on_each_page(self, n, body):
    return body | {"hits": [*body["hits"], {"objectID": "none"}, "text", None], "nbHits": body["nbHits"] + 3}


@fault
def no_count(self, n, body):
    return {"hits": body["hits"]}


@fault
def a_count_of_the_page_only(self, n, body):
    return body | {"nbHits": len(body["hits"])}


@fault
def posts_arrive_between_pages(self, n, body):
    self.made.items[2_000 + n] = story(2_000 + n, time=aged(1_040) + 100 + n)
    return body


@fault
def a_burst_arrives_in_the_newest_second(self, n, body):
    if n == 1:
        self.made.items |= {number: story(number, time=aged(1_039)) for number in range(2_000, 2_060)}
    return body


@fault
def a_post_of_an_hour_ago_is_indexed_after_the_walk(self, n, body):
    self.made.items[2_000] = story(2_000, time=aged(1_039) - 3_600)
    return body


FAULTS = [
    no_fault,
    short_pages,
    a_single_short_page,
    page_two_repeats_page_one,
    page_three_repeats_page_two,
    a_loop_back_to_page_one,
    an_error_in_page_three,
    a_rate_limit_in_page_three,
    an_error_in_each_second_answer,
    a_block_page_in_page_two,
    a_truncated_page_two,
    shuffled_pages,
    hits_that_come_twice,
    a_nonsense_hit_on_each_page,
    no_count,
    a_count_of_the_page_only,
    posts_arrive_between_pages,
    a_burst_arrives_in_the_newest_second,
    a_post_of_an_hour_ago_is_indexed_after_the_walk,
]


@pytest.mark.parametrize("broken", FAULTS, ids=lambda made: made.__name__)
def test_a_walk_under_faults_finds_what_there_is(broken):
    made = Site([story(n, time=aged(n)) for n in OLD])
    with site(made) as (_, connector):
        first = walk(connector, "stories:story")
        made.items |= {n: story(n, time=aged(n)) for n in NEW}
        made.glitch = broken(made)
        second = walk(connector, "stories:story", first[-1].cursor, errors=15)
        made.glitch = lambda _, body: body
        third = walk(connector, "stories:story", second[-1].cursor)
    assert ids(first) | ids(second) | ids(third) == set(made.items)
    assert not [page.gap for page in (*first, *second, *third) if page.gap]
    assert all(len({post.native_id for post in page.posts}) == len(page.posts) for page in (*second, *third))
    newest = max(item["time"] for item in made.items.values())
    assert json.loads(third[-1].cursor)["mark"] == newest


def test_the_mark_moves_only_when_the_walk_has_come_back_to_it():
    made = Site([story(n, time=aged(n)) for n in OLD])
    with site(made) as (_, connector):
        first = walk(connector, "stories:")
        made.items |= {n: story(n, time=aged(n)) for n in NEW}
        pages = walk(connector, "stories:", first[-1].cursor)
    marks = [json.loads(page.cursor)["mark"] for page in pages]
    assert len(pages) > 5
    assert set(marks[:-1]) == {aged(40)}
    assert marks[-1] == aged(1_040)


def test_a_walk_that_meets_its_cap_leaves_a_gap_and_goes_on_from_the_newest():
    made = Site([story(n, time=NOW + n * 100) for n in range(1, 3_001)])
    start = json.dumps({"mark": NOW + 7_200})
    with site(made) as (server, connector):
        pages = walk(connector, "stories:", start)
        assert (len(pages), len(server.seen)) == (searches.PAGES, searches.PAGES)
        assert pages[-1].gap is not None
        assert pages[-1].gap.older == str(NOW + 7_200)
        assert int(pages[-1].gap.newer) == min(made.items[number]["time"] for number in ids(pages))
        assert json.loads(pages[-1].cursor)["mark"] == NOW + 300_000


def test_a_second_with_more_posts_than_a_page_is_stepped_over_with_a_gap():
    made = Site([story(n, time=NOW + 10) for n in range(1, 301)] + [story(n, time=NOW) for n in range(400, 410)])
    with site(made) as (_, connector):
        pages = walk(connector, "stories:", json.dumps({"mark": NOW}))
    assert [page.gap.older for page in pages if page.gap] == [str(NOW + 10)]
    assert ids(pages) >= set(range(400, 410))


def test_hits_that_are_promised_and_never_come_leave_a_gap():
    made = Site([])
    made.glitch = lambda _, body: {"hits": [], "nbHits": 7}
    with site(made) as (_, connector):
        [page] = walk(connector, "stories:", json.dumps({"mark": NOW}))
    assert page.gap is not None


def test_a_server_that_repeats_itself_for_ever_is_left_after_a_while():
    made = Site([story(n) for n in range(1, 301)])
    start = json.dumps({"mark": NOW})
    with site(made) as (_, connector):
        same = made.search({"hitsPerPage": "100"})
        made.glitch = lambda _, body: same
        pages = walk(connector, "stories:", start)
    assert len(pages) == searches.PAGES
    assert pages[-1].gap is not None


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        ("nodejs", "the nodes of a graph", False),
        ("postgres", "We moved to PostgreSQL.", True),
        ('"postgres"', "We moved to PostgreSQL.", False),
        ("postgres backup", "a backup of postgres", True),
        ("postgres backup", "a backup", False),
        ('"connection  pool"', "which connection pool?", True),
        ('"connection pool"', "a pool of connections", False),
        ("rust -game", "Rust for the backend", True),
        ("rust -game", "a Rust game", False),
        ("c++", "modern C++ tips", True),
        ("rust", "trust me", False),
        ("open-source", "an open source tool", True),
        ("", "anything", True),
    ],
)
def test_words_are_checked_again_because_the_platform_also_finds_what_looks_alike(words, text, found):
    with site(Site([story(1, title="T", text=text)])) as (_, connector):
        [page] = walk(connector, f"stories:{words}")
    assert ids([page]) == ({1} if found else set())


# posts


def item_page(item: dict) -> Post:
    body = json.dumps({"list": [item["id"]], "items": {str(item["id"]): item}}).encode()
    page = read(HackerNews(Settings(), None), Answer("", 200, {}, body), feed("ask"), None)
    return page.posts[0]


def hit_page(item: dict) -> Post:
    body = json.dumps({"hits": [hit(item)], "nbHits": 1}).encode()
    return read(HackerNews(Settings(), None), Answer("", 200, {}, body), feed("stories:"), None).posts[0]


def test_a_post_read_in_two_ways_is_the_same_post():
    item = story(
        7,
        title="Ask HN: Where do you keep &lt;b&gt; backups?",
        text="One place.<p>Or <a href='https:&#x2F;&#x2F;example.org&#x2F;a'>two</a>?",
        url="https://example.org/x?y=1",
        descendants=3,
        score=12,
    )
    assert item_page(item) == hit_page(item)
    post = item_page(item)
    assert (post.native_id, post.url, post.thread) == ("7", "https://news.ycombinator.com/item?id=7", "7")
    assert post.title == "Ask HN: Where do you keep <b> backups?"
    assert post.text == "One place.\n\nOr two?"
    assert post.links == ("https://example.org/x?y=1", "https://example.org/a")
    assert post.tags == ("ask",)
    assert (post.counts.replies, post.counts.score) == (3, 12)
    assert post.account.url == "https://news.ycombinator.com/user?id=ada"
    assert post.published_at == datetime.fromtimestamp(NOW + 7, UTC)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "//x", "https://user@host/", 5 * "x"])
def test_an_address_that_is_not_safe_is_dropped(url):
    assert item_page(story(1, url=url)).links == ()


@pytest.mark.parametrize("time", [None, "yesterday", -5, 0, 10**15, True, 1.5])
def test_a_time_that_is_none_is_left_out(time):
    assert item_page(story(1, time=time)).published_at is None


def test_settings_aim_both_interfaces_at_one_server_and_nothing_else_is_asked():
    with site(Site([story(1)])) as (server, connector):
        walk(connector, "ask")
        walk(connector, "search:x")
    assert [path.split("?")[0] for path in server.paths()] == [
        "/v0/askstories.json",
        "/v0/item/1.json",
        "/api/v1/search_by_date",
    ]


# replies, my feeds, reading again


class Threads(Site):
    """Two threads: one that ada began, one that she commented in; comments name their parent and their thread."""

    def search(self, params: dict[str, str]) -> dict:
        tags = params["tags"]
        wanted = {int(number) for number in re.findall(r"story_(\d+)", tags)}
        by = re.search(r"author_(\w+)", tags)
        kept = {number: item for number, item in self.items.items()
                if (item["by"] == by[1] if by else item["type"] == "comment" and item["root"] in wanted)}  # fmt: skip
        items, self.items = self.items, kept
        try:
            return super().search(params)
        finally:
            self.items = items


def comment(number: int, parent: int, root: int, by: str = "bo") -> dict:
    return {"id": number, "type": "comment", "by": by, "time": NOW + number, "text": f"Words {number}", "title": None,
            "parent": parent, "root": root}  # fmt: skip


@pytest.fixture
def _hits_of_comments(monkeypatch):
    plain = hit

    def of(item: dict) -> dict:
        if item["type"] != "comment":
            return plain(item)
        return plain(item) | {"_tags": ["comment"], "comment_text": item["text"], "parent_id": item["parent"],
                              "story_id": item["root"]}  # fmt: skip

    monkeypatch.setitem(globals(), "hit", of)


@pytest.mark.usefixtures("_hits_of_comments")
def test_replies_are_the_comments_that_answer_what_somebody_said():
    said = [story(1), story(2, by="bo"), comment(10, 2, 2, "ada")]
    others = [comment(20, 1, 1), comment(21, 20, 1), comment(22, 10, 2), comment(23, 2, 2), comment(24, 99, 99)]
    made = Threads([*said, *others])
    with site(made) as (server, connector):
        first = walk(connector, "replies:ada")
        made.items |= {n: comment(n, 10, 2) for n in range(20_000, 20_230)}
        second = walk(connector, "replies:ada", first[-1].cursor)
    assert ids(first) == {20, 22}, "neither those to others nor those elsewhere"
    assert ids(second) >= set(range(20_000, 20_230))
    asked = parse_qs(urlsplit(server.paths()[1]).query)
    assert asked["tags"] == ["comment,(story_2,story_1)"]
    assert first[0].home_url == "https://news.ycombinator.com/threads?id=ada"


@pytest.mark.usefixtures("_hits_of_comments")
def test_somebody_who_said_nothing_has_no_replies():
    with site(Threads([story(1, by="bo")])) as (server, connector):
        [page] = walk(connector, "replies:ada")
        walk(connector, "replies:ada", page.cursor)
    assert page.posts == ()
    assert len(server.seen) == 2


def test_replies_that_cannot_be_asked_for_are_an_error():
    for reply, error in ((Reply(429), RateLimited), (Reply(200, b"[]"), BadPayload), (Reply(500), ConnectorError)):
        with site(lambda _, r=reply: r) as (_, connector), pytest.raises(error):
            poll(connector, feed("replies:ada"), None)


@pytest.mark.parametrize("text", ["hn:ada", "https://news.ycombinator.com/user?id=ada"])
def test_my_feeds_are_what_i_said_and_who_answers(text):
    assert [one.query for one in HackerNews(Settings(), None).mine(text)] == ["user:ada", "replies:ada"]
    assert HackerNews(Settings(), None).mine("@ada") == HackerNews(Settings(), None).mine("https://[b") == ()


def test_items_are_read_again_and_deleted_and_killed_ones_are_gone():
    made = Site([story(1, title="Edited"), story(2, deleted=True), story(3, dead=True)])
    with site(made) as (server, connector):
        page = recheck(connector, feed("ask"), ["1", "2", "3", "4", "x"])
    assert [(post.native_id, post.title) for post in page.posts] == [("1", "Edited")]
    assert set(page.deleted) == {"2", "3"}
    assert len(server.seen) == 4

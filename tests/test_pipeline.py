"""A turn from claim to save: real store, real HTTP on loopback, a plain connector of the test's own."""

import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from listener import limits, pipeline
from listener.addresses import NetworkRules
from listener.connector import Connector, HttpConnector, Settings, Traits
from listener.drafting import Tools
from listener.errors import BadPayload, ConfigError, StoreError
from listener.http import Client
from listener.pipeline import poll_due
from listener.store import PostQuery
from listener.store.sqlite import SqliteStore
from listener.types import Answer, Feed, Page, Post, Request
from listener.urls import rules
from tests.servers import Reply, Seen, serving

TRAITS = Traits(reads="lines of a test", interval_s=600)


class Lines(HttpConnector):
    """Posts as a JSON object: `posts` (id to text), `next` (the cursor of the page after), `gone` (deleted ids)."""

    name = "lines"
    traits = TRAITS

    def request(self, feed: Feed, cursor: str | None) -> Request:
        return Request(feed.query + (f"?page={cursor}" if cursor else ""))

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        try:
            found = json.loads(answer.body)
        except ValueError as error:
            raise BadPayload("not JSON") from error
        posts = tuple(
            Post("lines", f"{feed.id}/{key}", f"https://lines.example/{key}", text=text, published_at=NOW)
            for key, text in found["posts"].items()
        )
        following = found.get("next")
        deleted = tuple(f"{feed.id}/{key}" for key in found.get("gone", ()))
        return Page(posts, following or cursor, deleted, more=following is not None)


class Slow(Connector):
    """A connector with a fetch of its own, as one over a client library is: it runs in a lane."""

    name = "slow"
    traits = TRAITS

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        Slow.inside.append(threading.current_thread().name)
        Slow.at_once = max(Slow.at_once, len(Slow.inside))
        answer = self.http.send(Request(feed.query))
        Slow.inside.pop()
        return answer

    parse = Lines.parse
    inside: ClassVar[list[str]] = []
    at_once = 0


NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path):
    opened = SqliteStore.open(tmp_path / "posts.db")
    yield opened
    opened.close()


class Length:
    """Score a post by nothing but its length, so that tests see when it was scored."""

    version = "test-1"

    def __init__(self) -> None:
        self.scored: list[str] = []

    def score(self, posts):
        self.scored += [post.text for post in posts]
        return [{"lead": min(1.0, len(post.text) / 100), "question": 0.0, "news": 0.0} for post in posts]


@pytest.fixture
def world(store, clock):
    """A maker of tools over a server."""
    clients = []

    def make(server, scorer=None, kinds=(Lines, Slow), **changes):
        client = Client(NetworkRules(allow_private=(server.host_port,)))
        clients.append(client)
        built = {kind.name: kind(Settings(), client) for kind in kinds}

        def find(name):
            if name not in built:
                raise ConfigError(f"no connector is called {name!r}")
            return built[name]

        made = {"store": store, "http": client, "find": find, "scorer": scorer or Length(), "links": rules({})}
        return Tools(**made | {"now": clock, "dice": lambda: 0.5} | changes)

    yield make
    for client in clients:
        client.close()


def page(posts: dict[str, str], **more: object) -> bytes:
    return json.dumps({"posts": posts} | more).encode()


def add(store, url: str, connector: str = "lines") -> Feed:
    return store.add_feed(Feed(0, connector, url, connector), NOW)


def texts(store) -> list[str]:
    return sorted(found.post.text for found in store.posts(PostQuery(limit=10_000)))


def test_a_tick_saves_each_post_once_and_scores_only_what_is_new(store, clock, world):
    scorer = Length()
    with serving({"/a": page({"1": "one", "2": "two"})}) as server:
        add(store, f"{server.url}/a")
        tools = world(server, scorer)
        assert poll_due(tools).new == 2
        clock.now += timedelta(days=1)
        server.answer = lambda seen: Reply(200, page({"1": "one", "2": "TWO", "3": "three"}))
        report = poll_due(tools)
    assert (report.new, report.outcomes[0].edited) == (1, 1)
    assert texts(store) == ["TWO", "one", "three"]
    assert scorer.scored == ["one", "two", "TWO", "three"]


def test_nothing_is_polled_before_it_is_due(store, clock, world):
    with serving({"/a": page({})}) as server:
        add(store, f"{server.url}/a")
        tools = world(server)
        assert len(poll_due(tools).outcomes) == 1
        assert poll_due(tools).outcomes == []
        assert len(server.seen) == 1


def test_a_walk_goes_on_until_its_end_and_saves_each_page(store, world):
    pages = {
        "/a": page({"1": "one"}, next="2"),
        "/a?page=2": page({"2": "two"}, next="3"),
        "/a?page=3": page({"3": "three"}),
    }
    with serving(pages) as server:
        add(store, f"{server.url}/a")
        report = poll_due(world(server))
        assert server.paths() == list(pages)
    assert report.new == 3
    assert [outcome.new for outcome in report.outcomes] == [3]


def test_a_walk_without_end_stops_at_the_page_cap_and_goes_on_soon(store, clock, world):
    def endless(seen: Seen) -> Reply:
        number = int(seen.path.partition("=")[2] or 1)
        return Reply(200, page({str(number): f"post {number}"}, next=str(number + 1)))

    with serving(endless) as server:
        add(store, f"{server.url}/a")
        tools = world(server)
        assert poll_due(tools).new == limits.PAGES
        clock.now += pipeline.NEXT_WALK
        assert poll_due(tools).new == limits.PAGES
    assert len(texts(store)) == 2 * limits.PAGES


def test_an_error_in_the_middle_of_a_walk_keeps_the_pages_before_it(store, clock, world):
    with serving({"/a": page({"1": "one"}, next="2"), "/a?page=2": Reply(500)}) as server:
        feed = add(store, f"{server.url}/a")
        report = poll_due(world(server))
    assert texts(store) == ["one"]
    assert "HTTP 500" in (report.outcomes[0].error or "")
    state = store.feed(feed.id)
    assert (state.cursor, state.failures, state.health) == ("2", 1, "broken")


def test_deleted_posts_leave_the_listing(store, clock, world):
    with serving({"/a": page({"1": "one", "2": "two"})}) as server:
        add(store, f"{server.url}/a")
        tools = world(server)
        poll_due(tools)
        clock.now += timedelta(days=1)
        server.answer = lambda seen: Reply(200, page({"2": "two"}, gone=["1"]))
        assert poll_due(tools).outcomes[0].deleted == 1
    assert texts(store) == ["two"]


@pytest.mark.parametrize(
    ("reply", "health"),
    [
        (Reply(429, headers={"Retry-After": "7200"}), "limited"),
        (Reply(401), "needs you"),
        (Reply(410), "gone"),
        (Reply(500), "broken"),
        (Reply(200, b"<html>nonsense"), "broken"),
    ],
)
def test_each_failure_is_kept_with_its_state_and_does_not_touch_the_others(store, world, reply, health):
    with serving({"/bad": reply, "/good": page({"1": "one"})}) as server:
        bad, _ = add(store, f"{server.url}/bad"), add(store, f"{server.url}/good")
        report = poll_due(world(server))
    assert texts(store) == ["one"]
    state = store.feed(bad.id)
    assert state.health == health
    assert state.error in [outcome.error for outcome in report.failed]
    assert f"{server.url}/bad" in state.error


def test_a_wait_the_platform_names_outlives_a_restart(store, clock, world):
    with serving({"/a": Reply(429, headers={"Retry-After": "7200"})}) as server:
        add(store, f"{server.url}/a")
        poll_due(world(server))
        for _ in range(7):
            clock.now += timedelta(minutes=17)
            poll_due(world(server))
        assert len(server.seen) == 1


def test_a_feed_whose_connector_is_missing_waits_for_the_user_and_stops_nobody(store, world):
    with serving({"/a": page({"1": "one"})}) as server:
        lost = add(store, "whatever", "vanished")
        add(store, f"{server.url}/a")
        report = poll_due(world(server))
    assert store.feed(lost.id).health == "needs you"
    assert "vanished" in report.failed[0].error
    assert texts(store) == ["one"]


def test_slow_hosts_hold_up_nobody_who_falls_due_meanwhile(store, clock, world):
    """R6 in small: feeds that hang stay in the tick, and what falls due is polled beside them."""
    release = threading.Event()

    def answer(seen: Seen) -> Reply:
        if seen.path == "/hang":
            release.wait(30)
        return Reply(200, page({seen.path: seen.path}))

    with serving(answer) as server:
        add(store, f"{server.url}/hang")
        tools = world(server)
        seen: list[str] = []

        def watch(outcome):
            seen.append(outcome.feed.query)
            if outcome.feed.query.endswith("/late"):
                release.set()

        tick = threading.Thread(target=lambda: poll_due(tools, refill=True, watch=watch))
        tick.start()
        try:
            until(lambda: server.seen)
            add(store, f"{server.url}/late")
            tick.join(30)
        finally:
            release.set()
            tick.join(30)
    assert [query.rpartition("/")[2] for query in seen] == ["late", "hang"]


def test_a_stop_finishes_what_is_read_and_gives_the_leases_back(store, clock, world):
    release, stop = threading.Event(), threading.Event()

    def answer(seen: Seen) -> Reply:
        release.wait(30)
        return Reply(200, page({"1": "one"}))

    with serving(answer) as server:
        feed = add(store, f"{server.url}/a")
        tools = world(server)
        tick = threading.Thread(target=lambda: poll_due(tools, stop=stop))
        tick.start()
        until(lambda: server.seen)
        started = time.monotonic()
        stop.set()
        tick.join(30)
        assert time.monotonic() - started < 10
        release.set()
        assert [state.feed.id for state in claim(store)] == [feed.id]


def claim(store):
    return store.claim_due(NOW, owner="somebody else", lease_s=60, limit=10)


def test_two_programs_never_poll_one_feed_at_once(store, world):
    with serving(lambda seen: Reply(200, page({"1": "one"}))) as server:
        for n in range(20):
            add(store, f"{server.url}/{n}")
        tools = world(server)
        ticks = [threading.Thread(target=poll_due, args=(tools,)) for _ in range(4)]
        for tick in ticks:
            tick.start()
        for tick in ticks:
            tick.join()
        assert max(Counter(server.paths()).values()) == 1
        assert len(server.seen) == 20


def test_a_turn_whose_lease_was_taken_over_is_not_saved(store, clock, world):
    """The worker that hung for longer than its lease comes back to find that somebody else did the work."""

    def answer(seen: Seen) -> Reply:
        clock.now += timedelta(seconds=limits.LEASE_S + 60)
        store.claim_due(clock.now, owner="somebody else", lease_s=600, limit=10)
        return Reply(200, page({"1": "one"}))

    with serving(answer) as server:
        add(store, f"{server.url}/a")
        report = poll_due(world(server))
    assert report.new == 0
    assert texts(store) == []


def test_connectors_with_a_fetch_of_their_own_are_serial_inside_one_platform(store, world):
    Slow.at_once = 0
    with serving(lambda seen: Reply(200, page({seen.path: seen.path}))) as server:
        for n in range(5):
            add(store, f"{server.url}/{n}", "slow")
        report = poll_due(world(server))
    assert report.new == 5
    assert Slow.at_once == 1


def test_a_full_disk_stops_polling_and_says_why(store, world):
    with serving({"/a": page({"1": "one"})}) as server:
        add(store, f"{server.url}/a")
        report = poll_due(world(server, obstacle=lambda: "the disk is full"))
        assert report.obstacle == "the disk is full"
        assert server.seen == []
        assert poll_due(world(server)).new == 1


def test_a_post_that_cannot_be_stored_goes_to_quarantine_and_the_page_goes_on(store, world):
    class Odd(Lines):
        def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
            good = super().parse(answer, feed, cursor)
            return Page((*good.posts, Post("lines", "", text="nameless \ud800")), good.cursor)

    with serving({"/a": page({"1": "one"})}) as server:
        feed = add(store, f"{server.url}/a")
        report = poll_due(world(server, kinds=(Odd,)))
    assert report.outcomes[0].rejected == 1
    assert texts(store) == ["one"]
    assert "nameless" in store.rejects(feed.id)[0].sample


def test_a_store_that_fails_loses_nothing(store, clock, world):
    class Failing:
        """The real store, but the first page meets a full disk."""

        def __init__(self) -> None:
            self.failed = False

        def __getattr__(self, name: str):
            return getattr(store, name)

        def save_page(self, turn):
            if not self.failed:
                self.failed = True
                raise StoreError("the disk is full")
            return store.save_page(turn)

    with serving({"/a": page({"1": "one"})}) as server:
        add(store, f"{server.url}/a")
        tools = world(server, store=Failing())
        assert "the disk is full" in (poll_due(tools).outcomes[0].error or "")
        assert poll_due(tools).new == 1


def test_unchanged_feeds_cost_one_commit_together(store, clock, world, monkeypatch):
    """P2: two commits a tick, whatever the number of feeds."""
    with serving(lambda seen: Reply(304)) as server:
        for n in range(30):
            add(store, f"{server.url}/{n}")
        tools = world(server)
        calls: Counter[str] = Counter()
        for name in ("claim_due", "save_page", "save_plans"):
            monkeypatch.setattr(store, name, counted(calls, name, getattr(store, name)))
        report = poll_due(tools)
    assert len(report.outcomes) == 30
    assert calls == {"claim_due": 1, "save_plans": 1}


def counted(calls, name, inner):
    def call(*args, **more):
        calls[name] += 1
        return inner(*args, **more)

    return call


def until(condition, limit_s: float = 20) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)

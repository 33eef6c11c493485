"""Streams: one supervised thread a feed, saved like polls, never beside one, and polls take over when one breaks."""

import queue
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from listener.connector import Budgeted, Connector, Settings, Traits
from listener.drafting import Tools
from listener.errors import ConfigError, ConnectorError
from listener.listening import Streams
from listener.pipeline import poll_due
from listener.store.sqlite import SqliteStore
from listener.types import Answer, Feed, Page, Post
from listener.urls import rules

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Radio(Connector):
    """Yields whatever the test puts on air: texts, None for a pulse, an exception."""

    name = "radio"
    traits = Traits(reads="what is on air")

    def __init__(self) -> None:
        super().__init__(Settings(), None)
        self.air: queue.Queue = queue.Queue()
        self.tuned: list[str | None] = []
        self.closed = threading.Event()
        self.polls = 0

    @property
    def price(self):
        return 0.5 if isinstance(self.settings, Budgeted) else 0.0

    def cost(self, feed, cursor):
        return 2.0

    def streams(self, feed):
        return feed.query.startswith("live")

    def stream(self, feed, cursor):
        self.tuned.append(cursor)
        try:
            while True:
                try:
                    said = self.air.get(timeout=0.05)
                except queue.Empty:
                    said = None
                if isinstance(said, Exception):
                    raise said
                yield Page(unchanged=True) if said is None else Page((_post(said),), cursor=said, cost=self.price)
        finally:
            self.closed.set()

    def fetch(self, feed, cursor):
        self.polls += 1
        return Answer("https://radio.example/", 200, {}, b"")

    def parse(self, answer, feed, cursor):
        return Page(cursor=cursor or "start")


def _post(text):
    return Post("radio", text, f"https://radio.example/{text}", text=text, published_at=NOW)


@pytest.fixture
def store(tmp_path):
    opened = SqliteStore.open(tmp_path / "posts.db")
    yield opened
    opened.close()


class World:
    def __init__(self, store, query="live 1") -> None:
        self.store, self.radio, self.now, self.stop = store, Radio(), NOW, threading.Event()
        store.add_feed(Feed(0, "radio", query, "radio"), NOW)
        self.tools = Tools(store, None, self.find, None, rules({}), lambda: self.now, lambda: 0.5)
        self.streams = Streams(self.tools, self.stop)

    def find(self, name):
        if name != "radio":
            raise ConfigError(f"no connector is called {name!r}")
        return self.radio

    def until(self, true):
        for _ in range(400):
            if true():
                return
            time.sleep(0.01)  # another thread's work is waited for
        raise AssertionError("it did not happen")

    def texts(self):
        return [found.post.text for found in self.store.posts_by_id(range(1, 50))]


def wait_for(world, text):
    world.until(lambda: text in world.texts())


@pytest.fixture
def world(store):
    made = World(store)
    yield made
    made.stop.set()
    made.streams.join()


def test_what_is_heard_is_saved_with_its_cursor(world):
    world.streams.tick()
    world.radio.air.put("one")
    world.radio.air.put("two")
    world.until(lambda: world.texts() == ["one", "two"])
    assert world.store.feed(1).cursor == "two"
    assert world.store.feed(1).posts == 2


def test_a_feed_that_is_listened_to_is_not_polled_beside_it(world):
    world.streams.tick()
    world.until(lambda: world.radio.tuned)
    world.store.make_due([1], NOW)
    assert poll_due(world.tools).outcomes == []
    world.streams.tick()
    assert world.radio.tuned == [None], "it is listened to once"


def test_a_stop_finishes_the_page_and_gives_the_feed_back(world):
    world.streams.tick()
    world.radio.air.put("one")
    world.until(lambda: world.texts() == ["one"])
    world.stop.set()
    world.streams.join()
    assert world.radio.closed.is_set()
    assert world.store.leases(NOW) == {}
    assert poll_due(world.tools).outcomes[0].error is None, "a poll goes on at once, from where the stream was"
    assert world.store.feed(1).cursor == "one"


def test_a_stream_that_breaks_falls_back_to_polls_and_is_tried_again_later(world):
    world.streams.tick()
    world.radio.air.put("one")
    world.radio.air.put(ConnectorError("radio: the connection broke"))
    world.until(lambda: world.store.feed(1).error)
    assert world.store.feed(1).failures == 1
    world.streams.tick()
    assert world.radio.tuned == [None], "not at once"
    world.now += timedelta(hours=1)
    poll_due(world.tools)
    assert (world.radio.polls, world.store.feed(1).error) == (1, None)
    world.until(lambda: (world.streams.tick(), len(world.radio.tuned) == 2)[1])
    assert world.radio.tuned[1] == "one", "from where it broke off"


def test_a_stream_that_breaks_or_stops_costs_only_what_came(store):
    for number, end in enumerate((ConnectorError("radio: the connection broke"), None), 1):
        world = World(store, f"live {number}")
        world.radio.settings = Budgeted(monthly_budget=3_000.0)
        world.streams.tick()
        world.radio.air.put(f"said {number}")
        wait_for(world, f"said {number}")
        if end is None:
            world.stop.set()
        else:
            world.radio.air.put(end)
        world.until(world.radio.closed.is_set)
        world.streams.join()
        assert store.spending(NOW)[0].month == 0.5 * number
        store.set_feed(number, {"paused": True}, NOW)


def test_a_foreign_exception_ends_at_the_boundary_and_names_the_feed(world):
    world.streams.tick()
    world.radio.air.put(KeyError("surprise"))
    world.until(lambda: world.store.feed(1).error)
    assert "radio live 1: could not be read (KeyError)" in world.store.feed(1).error


def test_a_paused_feed_is_no_longer_listened_to(world):
    world.streams.tick()
    world.until(lambda: world.radio.tuned)
    world.store.set_feed(1, {"paused": True}, NOW)
    world.now += timedelta(minutes=2)
    world.until(world.radio.closed.is_set)
    world.streams.tick()
    assert len(world.radio.tuned) == 1


def test_feeds_that_cannot_be_listened_to_are_left_to_polls(store):
    world = World(store, "recorded")
    store.add_feed(Feed(0, "gone", "live", "gone"), NOW)
    world.streams.tick()
    assert world.radio.tuned == []
    assert world.store.leases(NOW) == {}

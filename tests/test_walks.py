"""Long walks through the whole turn: real connectors, real pipeline, real store; errors and page caps on the way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import hackernews
from listener import limits
from listener.addresses import NetworkRules
from listener.connector import load
from listener.drafting import Tools
from listener.http import Client
from listener.pipeline import poll_due
from listener.store import PostQuery
from listener.store.sqlite import SqliteStore
from listener.types import Feed
from listener.urls import rules
from tests import test_hackernews, test_stackexchange
from tests.servers import Reply, Server, serving

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_manners_on_loopback(monkeypatch):
    monkeypatch.setattr(hackernews, "ITEM_SLOT_S", None)


class World:
    """One feed of one connector over a server and a store, and a clock that jumps to the next poll."""

    def __init__(self, name: str, query: str, server: Server, folder: Path) -> None:
        self.now = START
        self.http = Client(NetworkRules(allow_private=(server.host_port,)))
        self.store = SqliteStore.open(folder / "posts.db")
        kind = load(name)
        built = kind(kind.settings_model(base_url=server.url), self.http)
        self.tools = Tools(
            store=self.store,
            http=self.http,
            find=lambda _: built,
            scorer=None,
            links=rules({}),
            now=lambda: self.now,
            dice=lambda: 0.5,
        )
        self.feed = self.store.add_feed(Feed(0, name, query, name), START)

    def poll(self, turns: int) -> list[str | None]:
        """Poll whenever the feed falls due, so many times; give the errors."""
        errors = []
        for _ in range(turns):
            state = self.store.feed(self.feed.id)
            assert state is not None
            assert state.next_poll_at is not None
            self.now = max(self.now, state.next_poll_at)
            errors += [outcome.error for outcome in poll_due(self.tools).outcomes]
        return errors

    def posts(self, arrival: str | None = None) -> set[int]:
        found = self.store.posts(PostQuery(limit=10_000))
        return {int(one.post.native_id.rpartition("/")[2]) for one in found if arrival in (None, one.arrival)}


@contextmanager
def world(name: str, query: str, answer: Callable, folder: Path) -> Iterator[World]:
    with serving(answer) as server:
        made = World(name, query, server, folder)
        try:
            yield made
        finally:
            made.http.close()
            made.store.close()


SITES = {
    "hackernews": ("stories:", lambda numbers: [test_hackernews.story(n, time=aged(n)) for n in numbers]),
    "stackexchange": (
        "stackoverflow.com/python",
        lambda numbers: [test_stackexchange.question(n, creation_date=aged(n)) for n in numbers],
    ),
}
MADE = {"hackernews": test_hackernews.Site, "stackexchange": test_stackexchange.Site}


def aged(number: int) -> int:
    return test_hackernews.aged(number)


@pytest.mark.parametrize("name", SITES)
def test_a_walk_longer_than_a_turn_is_finished_in_later_turns_in_spite_of_errors(name, tmp_path):
    query, items = SITES[name]
    site = MADE[name](items(range(1, 41)))
    with world(name, query, site, tmp_path) as made:
        made.poll(1)
        assert made.posts("first") == set(range(1, 41))
        site.items |= MADE[name](items(range(41, 1_541))).items
        site.glitch = lambda n, body: Reply(500) if n % 7 == 0 else body
        errors = made.poll(8)
        assert any(errors)
        assert made.posts() == set(range(1, 1_541))
        assert made.posts("live") == set(range(41, 1_541))
        assert made.store.gaps() == []
        assert len(site.items) / 100 > limits.PAGES


def test_the_first_poll_of_a_ranking_is_history_to_its_last_page(tmp_path):
    site = test_hackernews.Site([test_hackernews.story(n) for n in range(1, 301)])
    with world("hackernews", "top", site, tmp_path) as made:
        made.poll(1)
        assert len(made.posts("first")) == 200
        made.poll(1)
        assert made.posts("live") == set()


def test_backoff_is_kept_and_the_walk_goes_on_after_it(tmp_path):
    site = test_stackexchange.Site([test_stackexchange.question(n) for n in range(1, 41)])
    with world("stackexchange", "stackoverflow.com/python", site, tmp_path) as made:
        made.poll(1)
        site.items |= {n: test_stackexchange.question(n) for n in range(41, 341)}
        site.glitch = lambda _, body: body | {"backoff": 3_000}
        before, asked = made.now, site.asked
        made.poll(2)
        assert site.asked - asked == 2
        assert made.now - before >= timedelta(seconds=3_000)
        made.poll(3)
        assert made.posts() == set(range(1, 341))

"""Beside polling: gaps are closed, posts read again, files imported, without touching where a feed's reading stands."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from listener import upkeep
from listener.addresses import NetworkRules
from listener.connector import HttpConnector, Settings, Traits
from listener.drafting import Tools
from listener.errors import BadPayload, ConnectorError
from listener.http import Client
from listener.pipeline import poll_due
from listener.store.sqlite import SqliteStore
from listener.types import Account, Feed, Follow, Gap, Page, Post, Reject, Request
from listener.urls import rules
from tests.servers import Reply, serving

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Diary(HttpConnector):
    """Pages are JSON: `posts` (number to text), `more` (the next page's name), `lost` (a gap's two ends)."""

    name = "diary"
    traits = Traits(reads="pages of a test")

    def request(self, feed, cursor):
        return Request(f"{feed.query}/{cursor or 'newest'}")

    def parse(self, answer, feed, cursor):
        body = json.loads(answer.body)
        gap = Gap("the list ended", *body["lost"]) if "lost" in body else None
        more = body.get("more")
        return Page(_posts(body["posts"]), more or "newest", more=more is not None, gap=gap)

    def fill(self, feed, gap):
        return f"before-{gap.newer}" if gap.newer else None

    def recheck(self, native_ids):
        body = json.loads(self.http.send(Request(f"{self.settings.base_url}/again")).body)
        return Page(_posts(body["posts"]), deleted=tuple(body["gone"]))

    def read_archive(self, path):
        if path.suffix != ".diary":
            return
        for line in path.read_text().splitlines():
            if line == "torn":
                raise ValueError(line)
            rejects = (Reject(None, "unreadable", line),) if line == "blot" else ()
            posts = () if rejects else _posts({line: f"entry {line}"})
            friend = Follow(Account("diary", line), circle="pen friends")
            mine = Feed(0, "diary", "my diary", "diary", title="My diary")
            yield mine, Page(posts, rejects=rejects, follows=(friend,))


class Mute(HttpConnector):
    name = "mute"
    traits = Traits(reads="nothing")


def _posts(texts):
    return tuple(
        Post("diary", number, f"https://diary.example/{number}", text=text, published_at=NOW - timedelta(hours=1))
        for number, text in texts.items()
    )


def page(posts=(), **more):
    return Reply(200, json.dumps({"posts": dict(posts), **more}).encode())


@pytest.fixture
def store(tmp_path):
    opened = SqliteStore.open(tmp_path / "posts.db")
    yield opened
    opened.close()


@pytest.fixture
def world(store):
    """Tools over a server of given pages, with one feed polled once."""
    clients = []

    def make(server):
        client = Client(NetworkRules(allow_private=(server.host_port,)))
        clients.append(client)
        diary = Diary(Settings(base_url=server.url), client)
        tools = Tools(store, client, lambda _: diary, None, rules({}), lambda: NOW, lambda: 0.5)
        store.add_feed(Feed(0, "diary", server.url, "diary"), NOW)
        poll_due(tools)
        return tools, diary

    yield make
    for client in clients:
        client.close()


def texts(store):
    return {found.post.native_id: found.post.text for found in store.posts_by_id(range(1, 99))}


def test_a_gap_is_closed_by_a_walk_that_leaves_the_feed_where_it_is(world, store):
    pages = {
        "/newest": page({"9": "nine"}, lost=["3", "9"]),
        "/before-9": page({"8": "eight", "7": "seven"}, more="older"),
        "/older": page({"6": "six"}),
    }
    with serving(pages) as server:
        tools, _ = world(server)
        before = store.feed(1)
        [gap] = store.gaps()
        filled = upkeep.fill(tools, gap)
    assert (filled.new, filled.closed, filled.reason) == (3, True, None)
    assert sorted(texts(store)) == ["6", "7", "8", "9"]
    assert store.gaps() == []
    after = store.feed(1)
    assert (after.cursor, after.next_poll_at) == (before.cursor, before.next_poll_at)
    assert {found.arrival for found in store.posts_by_id([2, 3, 4])} == {"archive"}, "history, not news"


def test_a_gap_that_cannot_be_closed_stays_and_says_why(world, store):
    with serving({"/newest": page({"9": "nine"}, lost=["3", None])}) as server:
        tools, _ = world(server)
        filled = upkeep.fill(tools, store.gaps()[0])
    assert "does not go back" in filled.reason
    assert len(store.gaps()) == 1


def test_a_gap_whose_walk_fails_stays_with_what_came(world, store):
    pages = {
        "/newest": page({"9": "nine"}, lost=["3", "9"]),
        "/before-9": page({"8": "eight"}, more="older"),
        "/older": Reply(500),
    }
    with serving(pages) as server:
        tools, _ = world(server)
        with pytest.raises(ConnectorError, match="HTTP 500"):
            upkeep.fill(tools, store.gaps()[0])
    assert sorted(texts(store)) == ["8", "9"]
    assert len(store.gaps()) == 1


def test_posts_read_again_bring_edits_and_take_out_what_is_gone(world, store):
    pages = {
        "/newest": page({"1": "one", "2": "two", "3": "three"}),
        "/again": page({"1": "one", "2": "two, mended"}, gone=["3"]),
    }
    with serving(pages) as server:
        tools, diary = world(server)
        assert upkeep.recheck(tools, [diary, Mute(Settings(), tools.http)]) == {"diary": 2}
        assert upkeep.recheck(tools, [diary]) == {}, "the same again changes nothing"
    assert texts(store) == {"1": "one", "2": "two, mended"}


def test_a_recheck_that_fails_stops_nobody(world, store):
    with serving({"/newest": page({"1": "one"}), "/again": Reply(200, b"nonsense")}) as server:
        tools, diary = world(server)
        assert upkeep.recheck(tools, [diary]) == {}
    assert texts(store) == {"1": "one"}


def test_a_file_becomes_a_feed_that_is_never_polled(world, store, tmp_path):
    path = tmp_path / "mine.diary"
    path.write_text("first\nblot\nsecond\n")
    seen = []
    with serving({"/newest": page()}) as server:
        tools, diary = world(server)
        found = upkeep.import_file(tools, [Mute(Settings(), None), diary], path, seen.append)
        again = upkeep.import_file(tools, [diary], path, seen.append)
    assert (found.feeds, found.posts, found.new, found.rejected, found.accounts) == (1, 2, 2, 1, 3)
    assert again.new == 0
    assert seen[:3] == [1, 1, 2]
    imported = store.feeds()[1]
    assert (imported.feed.title, imported.paused) == ("My diary", True)
    assert [(account.native_id, circle) for account, circle in store.follows()][:2] == [
        ("blot", "pen friends"),
        ("first", "pen friends"),
    ]
    assert len(store.rejects()) == 1


def test_a_file_that_nobody_knows_and_one_that_is_torn_are_errors_for_people(world, tmp_path):
    (tmp_path / "a.xyz").write_text("?")
    (tmp_path / "b.diary").write_text("first\ntorn\n")
    with serving({"/newest": page()}) as server:
        tools, diary = world(server)
        with pytest.raises(BadPayload, match=r"\Aa\.xyz: not of the kind that it reads\Z"):
            upkeep.import_file(tools, [diary], tmp_path / "a.xyz", lambda _: None)
        with pytest.raises(BadPayload, match=r"\Aa\.xyz: mute reads no files\Z"):
            upkeep.import_file(tools, [Mute(Settings(), None)], tmp_path / "a.xyz", lambda _: None)
        with pytest.raises(BadPayload, match=r"b\.diary: could not be read"):
            upkeep.import_file(tools, [diary], tmp_path / "b.diary", lambda _: None)

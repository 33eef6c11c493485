"""Every recording of every platform through the whole turn: polled, stored once, and never again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import hackernews
from listener.addresses import NetworkRules
from listener.drafting import Tools
from listener.http import Client, Limits
from listener.pipeline import Report, poll_due
from listener.store import PostQuery
from listener.store.sqlite import SqliteStore
from listener.types import Feed, StoredPost
from listener.urls import rules
from tests.cases import Case
from tests.replay import Replay
from tests.servers import Reply, Seen, serving
from tests.test_connector_contract import CASES, RECORDED, connector, has

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
READ = [case for case in CASES if case.error is None and case.cursor is None]

pytestmark = pytest.mark.skipif(not RECORDED, reason="needs ../shared/recordings, which this checkout lacks")


@pytest.fixture(autouse=True)
def _no_manners_on_loopback(monkeypatch):
    monkeypatch.setattr(hackernews, "ITEM_SLOT_S", None)


class World:
    """One feed over a replay server; polled as often as it falls due."""

    def __init__(self, case: Case, url: str, port: str, folder: Path) -> None:
        self.now = START
        limits = Limits(connect_s=1.0, read_s=5.0, total_s=5.0, host_slot_s=0.0)
        self.http = Client(NetworkRules(allow_private=(port,)), limits=limits)
        self.store = SqliteStore.open(folder / "posts.db")
        built = connector(case.connector, self.http, url)
        self.tools = Tools(self.store, self.http, lambda _: built, None, rules({}), lambda: self.now, lambda: 0.5)
        query = case.query.replace("{url}", url)
        self.feed = self.store.add_feed(Feed(0, case.connector, query, case.connector), START)

    def poll(self) -> Report:
        self.now += timedelta(days=1)
        self.store.make_due([self.feed.id], self.now)
        return poll_due(self.tools)

    def posts(self) -> list[StoredPost]:
        return self.store.posts(PostQuery(feed_id=self.feed.id, limit=10_000))


@contextmanager
def world(case: Case, folder: Path) -> Iterator[World]:
    replies = {path: RECORDED[name].reply() for path, name in case.recordings.items()}
    replies |= {path: Reply(200, body) for path, body in case.made.items()}

    def otherwise(seen: Seen) -> Reply:
        return Reply(200, b"null") if case.also else Reply(404)

    with serving(Replay(RECORDED.values(), replies, otherwise)) as server:
        made = World(case, server.url, server.host_port, folder)
        try:
            yield made
        finally:
            made.http.close()
            made.store.close()


def only_beyond(report: Report) -> bool:
    """Tell that nothing failed, or only a walk that went on beyond what is recorded (404)."""
    return all(outcome.error is None or "HTTP 404" in outcome.error for outcome in report.outcomes)


@pytest.mark.parametrize("case", READ, ids=lambda case: case.name)
def test_a_recording_is_stored_whole_and_once(case, tmp_path):
    with world(case, tmp_path) as made:
        assert only_beyond(made.poll())
        stored = {(found.post.platform, found.post.native_id) for found in made.posts()}
        assert case.posts is None or len(stored) >= case.posts
        for found in made.posts():
            post = found.post
            assert post.url or has(case.connector, "WITHOUT_LINK")
            assert post.published_at is None or post.published_at.tzinfo is not None
        # A platform that always shows the same pages: whatever the walk, nothing is new any more.
        for _ in range(3):
            again = made.poll()
            assert only_beyond(again)
            assert again.new == 0
        assert {(found.post.platform, found.post.native_id) for found in made.posts()} == stored
        assert made.store.check() == []

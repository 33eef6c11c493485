"""Who spoke in stories, and what authors usually get: the right people, straight from indexes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from listener.store import talk
from listener.store.sqlite import SqliteStore
from listener.types import Account, Counts, Post
from tests.stored import NOW, draft, feed, save


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "talk.db")
    yield opened
    opened.close()


def said(number: int, author: str, counts: Counts | None = None, hours: float = 0) -> Post:
    return Post(
        "blog", f"p{number}", account=Account("blog", author), text=f"Said {number}", counts=counts,
        published_at=NOW - timedelta(hours=hours),
    )  # fmt: skip


def test_speakers_are_those_who_had_spoken_by_then(store):
    home = store.add_feed(feed(), NOW)
    early = [replace(draft(said(n, author)), link_key=7) for n, author in enumerate("ab")]
    save(store, home, early, now=NOW)
    save(store, home, [replace(draft(said(2, "c")), link_key=7)], now=NOW + timedelta(hours=1))
    [story] = {one.story for one in store.candidates(NOW - timedelta(days=1), NOW + timedelta(days=1))}
    assert len(store.speakers([story], NOW)[story]) == 2
    assert len(store.speakers([story], NOW + timedelta(hours=1))[story]) == 3
    assert store.speakers([9_999], NOW) == {}


def test_reactions_are_those_of_the_newest_counted_posts_before(store):
    home = store.add_feed(feed(), NOW)
    posts = [draft(said(n, "a", Counts(n, 2 * n, None), hours=n)) for n in range(1, 30)]
    save(store, home, [*posts, draft(said(50, "a", None, 2)), draft(said(51, "b", Counts(1, 1, 1), 2))], now=NOW)
    accounts = {one.account for one in store.candidates(NOW - timedelta(days=1), NOW + timedelta(days=1))}
    found = store.reactions({account for account in accounts if account is not None}, NOW - timedelta(hours=3))
    assert sorted(map(sorted, found.values())) == [[3 * n for n in range(4, 24)]]


@pytest.mark.parametrize("sql", [talk.SPEAKERS, talk.REACTIONS])
def test_neither_question_reads_a_whole_table(store, sql):
    with store._connections.reading() as connection:
        plan = [row[3] for row in connection.execute(f"explain query plan {sql}", (json.dumps([1]), 0))]
    assert not [step for step in plan if step.startswith("SCAN") and " g " not in f"{step} " and "json" not in step]

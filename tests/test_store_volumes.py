"""Counting in the store: by span, platform and label from indexes; the posts of accounts, stories and goals."""

from datetime import timedelta

import pytest

from listener.store.sqlite import SqliteStore
from listener.store.volumes import _BY, _FIRST, _IN, _OF_LABEL, _OF_PLATFORM, _SERVING
from listener.types import Account, Draft
from tests.stored import NOW, by, draft, feed, kept, minutes, post, save, scored

HALF = {"lead": 0.5, "question": 0.5, "news": 0.5}
EDGES = [NOW - timedelta(hours=hour) for hour in (3, 2, 1, 0)]


@pytest.fixture
def store(tmp_path):
    found = SqliteStore.open(tmp_path / "posts.db")
    yield found
    found.close()


def at(minute: float, name: int, **rest) -> Draft:
    labels = {key: rest.pop(key) for key in ("lead", "question", "news") if key in rest}
    return scored(post(name, published_at=NOW - minutes(minute), **rest), **labels)


def test_posts_are_counted_between_edges_by_platform_and_label(store):
    home = store.add_feed(feed(), NOW)
    kept(store, home, at(170, 1), at(120, 2, lead=0.9), at(61, 3, lead=0.4), at(60, 4, platform="forum", news=0.5))
    kept(store, home, at(181, 5), at(0, 6))  # before and after
    found = store.volume(EDGES, HALF)
    assert found.platforms == {"blog": (1, 2, 0), "forum": (0, 0, 1)}
    assert found.labels == {"lead": (0, 1, 0), "question": (0, 0, 0), "news": (0, 0, 1)}
    assert found.all == (1, 2, 1)


def test_a_low_threshold_counts_from_the_floor_of_the_index(store):
    kept(store, store.add_feed(feed(), NOW), at(30, 1, lead=0.21), at(30, 2, lead=0.1))
    assert store.volume(EDGES, {"lead": 0.0}).labels == {"lead": (0, 0, 1)}


def test_deleted_posts_are_not_counted_and_thumbs_are(store):
    home = store.add_feed(feed(), NOW)
    (first, second) = kept(store, home, at(30, 1, lead=0.9), at(30, 2))
    store.label_post(second, "lead", True, NOW)
    assert store.volume(EDGES, HALF).labels["lead"] == (0, 0, 2)
    save(store, home, deleted=("1/1",))
    found = store.volume(EDGES, HALF)
    assert found.all == (0, 0, 1)
    assert found.labels["lead"] == (0, 0, 1)
    assert first not in [one.post for one in store.said_in([first], EDGES[0], NOW, HALF)]


def test_late_polls_count_when_it_was_said(store):
    kept(store, store.add_feed(feed(), NOW), at(150, 1), now=NOW - minutes(1))
    assert store.volume(EDGES, HALF).all == (1, 0, 0)


def test_an_empty_store_counts_nothing(store):
    found = store.volume(EDGES, HALF)
    assert (found.platforms, found.all) == ({}, ())
    assert store.said_for("none", 0.5, EDGES[0], NOW, HALF) == []


def test_what_accounts_said_comes_with_platform_and_labels(store):
    home = store.add_feed(feed(), NOW)
    numbers = kept(store, home, at(90, 1, account=by("ada"), lead=0.9), at(30, 2, account=by("ada")),
                   at(20, 3, account=by("ben")), at(200, 4, account=by("ada")))  # fmt: skip
    account = store.candidates(NOW - timedelta(days=1), NOW + minutes(1))[0].account
    found = store.said_by([account], EDGES[0], NOW, HALF)
    assert [one.post for one in found] == [numbers[0], numbers[1]]
    assert [one.labels for one in found] == [{"lead"}, frozenset()]
    assert found[0].at == NOW - minutes(90)
    assert {one.platform for one in found} == {"blog"}


def test_what_was_said_in_a_story_has_its_founder_and_all_who_joined(store):
    home = store.add_feed(feed(), NOW)
    founder, follower = kept(
        store, home, draft(post(1, published_at=NOW - minutes(30)), link_key=7),
        draft(post(2, published_at=NOW - minutes(20)), link_key=7),
    )  # fmt: skip
    kept(store, home, at(10, 3))
    assert [one.post for one in store.said_in([founder], EDGES[0], NOW, HALF)] == [founder, follower]


def test_what_serves_a_goal_is_found_above_a_relevance(store):
    home = store.add_feed(feed(), NOW)
    numbers = kept(store, home, at(90, 1), at(30, 2), at(20, 3), at(300, 4))
    store.relate(
        [(number, {"sell": relevance}) for number, relevance in zip(numbers, (0.9, 0.2, 0.6, 0.9), strict=True)]
    )
    found = store.said_for("sell", 0.5, EDGES[0], NOW, HALF)
    assert [one.post for one in found] == [numbers[0], numbers[2]]


@pytest.mark.parametrize(
    ("sql", "values", "index"),
    [
        (_OF_PLATFORM, (1, "[[1, 2]]"), "INDEX posts_newest (platform=? AND sort_at>? AND sort_at<?)"),
        (_OF_LABEL.format("lead", 2000), (5, "[[1, 2]]"), "COVERING INDEX posts_lead (sort_at>? AND sort_at<?)"),
        (_BY, ("[1]", 1, 2), "INDEX posts_account (account=? AND sort_at>? AND sort_at<?)"),
        (_SERVING, (1, 1, 1, 1, 2), "INDEX relevance_goal (goal=? AND score>?)"),
        (_FIRST, (1,), "COVERING INDEX posts_arrived (first_seen_at>?)"),
        (_IN, ("[1]", 1, 2), "SEARCH joined USING PRIMARY KEY (story=?)"),
    ],
)
def test_every_count_goes_by_an_index(store, sql, values, index):
    with store._connections.reading() as connection:
        plan = [row[3] for row in connection.execute(f"explain query plan {sql}", values)]
    assert any(index in step for step in plan), plan
    assert not any(step.startswith(("SCAN p", "SCAN joined")) and "INDEX" not in step for step in plan), plan


def test_the_names_of_accounts_are_no_part_of_counting(store):
    home = store.add_feed(feed(), NOW)
    kept(store, home, at(10, 1, account=Account("blog", "x", name="x" * 500)))
    assert store.volume(EDGES, {}).labels == {}

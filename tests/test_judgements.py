"""What is thought of posts, as every engine keeps it: relevance, thumbs on goals, opinions, looks, scores, heads."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from listener.errors import StoreError
from listener.store import Look, PostQuery, Rescored, Store
from listener.store.sqlite import SqliteStore
from listener.types import Feed, Opinion
from tests.stored import NOW, days, draft, feed, kept, minutes, post, save, scored

WEB, BREAD = "Web studio", "Bread"


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store = SqliteStore.open(tmp_path / "listener.db")
    yield opened
    assert opened.check() == []
    opened.close()


@pytest.fixture
def one(store: Store) -> Feed:
    return store.add_feed(feed(), NOW)


def serving(store: Store, goal: str, **narrowed: object) -> list[int]:
    return [found.id for found in store.posts(PostQuery(goal=goal, **narrowed))]  # type: ignore[arg-type]


def related(name: str, **goals: float) -> object:
    return draft(
        post(name), scores={"lead": 0.7}, model="m1", relevance={k.replace("_", " "): v for k, v in goals.items()}
    )


def test_relevance_comes_with_the_page_and_orders_the_posts_of_a_goal(store: Store, one: Feed) -> None:
    low, high, none = kept(
        store, one, related("a", Web_studio=0.6), related("b", Web_studio=0.9, Bread=0.2), related("c")
    )
    assert serving(store, WEB) == [high, low]
    assert serving(store, BREAD) == []
    assert serving(store, BREAD, relevance=0.1) == [high]
    found = store.post(high)
    assert found is not None
    assert list(found.goals.items()) == [(WEB, 0.9), (BREAD, 0.2)]
    assert store.relevance([low, high, none]) == {low: {WEB: 0.6}, high: {WEB: 0.9, BREAD: 0.2}}


def test_a_goals_posts_are_narrowed_by_time_feed_platform_and_label(store: Store, one: Feed) -> None:
    other = store.add_feed(feed(2, "forum"), NOW)
    (here,) = kept(store, one, related("a", Bread=0.6))
    found = draft(post("b", platform="forum", published_at=NOW - days(2)), scores={"lead": 0.1}, relevance={BREAD: 0.8})
    (there,) = kept(store, other, found)
    assert serving(store, BREAD) == [there, here]
    assert serving(store, BREAD, since=NOW - days(1)) == [here]
    assert serving(store, BREAD, until=NOW - days(1)) == [there]
    assert serving(store, BREAD, feed_id=other.id) == [there]
    assert serving(store, BREAD, platform="forum") == [there]
    assert serving(store, BREAD, label="lead", threshold=0.5) == [here]
    assert serving(store, "unheard of") == []


def test_a_thumb_on_a_goal_outranks_what_was_worked_out_and_can_be_taken_back(store: Store, one: Feed) -> None:
    up, down = kept(store, one, related("a"), related("b", Bread=0.9))
    store.label_goal(up, BREAD, True, NOW)
    store.label_goal(down, BREAD, False, NOW + minutes(1))
    assert serving(store, BREAD) == [up]
    found = store.post(up)
    assert found is not None
    assert (found.goals, found.goal_thumbs, found.thumbs) == ({BREAD: 1.0}, {BREAD: True}, {})
    assert store.goal_thumbs() == [(up, BREAD, True, NOW), (down, BREAD, False, NOW + minutes(1))]
    assert store.thumbs() == []
    store.label_goal(up, BREAD, None, NOW)
    store.label_goal(down, BREAD, None, NOW)
    assert store.relevance([up, down]) == {down: {BREAD: 0.9}}
    with pytest.raises(StoreError, match="no post has the number 99"):
        store.label_goal(99, BREAD, True, NOW)


def test_new_relevance_leaves_thumbs_alone(store: Store, one: Feed) -> None:
    first, second = kept(store, one, related("a", Bread=0.6), related("b", Bread=0.6))
    store.label_goal(first, BREAD, True, NOW)
    store.relate([(first, {BREAD: 0.1, WEB: 0.4}), (second, {WEB: 0.5})])
    assert store.relevance([first, second]) == {first: {BREAD: 1.0, WEB: 0.4}, second: {WEB: 0.5}}


def test_a_goal_that_is_gone_is_forgotten_and_its_thumbs_count_when_it_comes_back(store: Store, one: Feed) -> None:
    first, second = kept(store, one, related("a", Bread=0.6), related("b", Bread=0.6, Web_studio=0.6))
    store.label_goal(first, BREAD, True, NOW)
    store.keep_goals([WEB])
    assert store.relevance([first, second]) == {second: {WEB: 0.6}}
    store.keep_goals([WEB, BREAD])
    assert store.relevance([first, second]) == {first: {BREAD: 1.0}, second: {WEB: 0.6}}


def test_an_edit_brings_new_relevance_and_ends_the_opinion(store: Store, one: Feed) -> None:
    (number,) = kept(store, one, related("a", Bread=0.6))
    store.save_opinion(number, Opinion("judge", NOW, {"lead": False}, {"lead": 0.7}, "an advert"), {"lead": 0.3})
    save(store, one, [replace(related("a", Web_studio=0.5), digest=2)])  # type: ignore[type-var]
    found = store.post(number)
    assert found is not None
    assert (found.goals, found.opinion, found.scores["lead"]) == ({WEB: 0.5}, None, 0.7)


def test_deleting_a_post_takes_what_was_thought_of_it(store: Store, one: Feed) -> None:
    (number,) = kept(store, one, related("a", Bread=0.6))
    store.save_opinion(number, Opinion("judge", NOW, {"lead": True}, {}, "asks"), {})
    save(store, one, deleted=("1/a",))
    found = store.post(number)
    assert found is not None
    assert (found.goals, found.opinion) == ({}, None)


def test_an_opinion_is_kept_beside_the_score_it_moved_and_yields_to_a_thumb(store: Store, one: Feed) -> None:
    (number,) = kept(store, one, scored(post("a"), lead=0.45, question=0.5))
    store.label_post(number, "question", True, NOW)
    said = Opinion(
        "judge-7b", NOW, {"lead": True, "question": False}, {"lead": 0.45, "question": 0.5}, "asks for a plumber"
    )
    store.save_opinion(number, said, {"lead": 0.88, "question": 0.1})
    found = store.post(number)
    assert found is not None
    assert found.opinion == said
    assert (found.scores["lead"], found.thumbs) == (0.88, {"question": True})
    assert [one.id for one in store.posts(PostQuery("lead", 0.8))] == [number]
    assert [one.id for one in store.posts(PostQuery("question", 0.8))] == [number]


def test_new_scores_leave_a_thumb_and_the_score_it_was_given_at(store: Store, one: Feed) -> None:
    first, second = kept(store, one, scored(post("a"), lead=0.4), scored(post("b"), lead=0.6))
    store.label_post(first, "lead", True, NOW)
    store.rescore(
        [Rescored(n, {"lead": 0.2, "question": 0.3, "news": 0.1}, "m2", {BREAD: 0.5}) for n in (first, second)]
    )
    assert store.thumb_scores("lead") == [(0.4, True)]
    assert store.scores("lead", NOW - days(1)) == [(first, 0.4, True), (second, 0.2, None)]
    found = store.post(first)
    assert found is not None
    assert (found.model, found.goals, found.scores["question"]) == ("m2", {BREAD: 0.5}, 0.3)


def test_the_whole_store_is_walked_in_batches(store: Store, one: Feed) -> None:
    numbers = kept(store, one, *(draft(post(name)) for name in "abcde"))
    save(store, one, deleted=("1/c",))
    walked, last = [], 0
    while batch := store.posts_after(last, 2):
        walked += [found.id for found in batch]
        last = walked[-1]
    gone = next(n for n in numbers if store.post(n).post.deleted_at)  # type: ignore[union-attr]
    assert walked == sorted(set(numbers) - {gone})


def test_looks_of_the_audit_are_kept_with_their_odds_and_answered_once_asked(store: Store, one: Feed) -> None:
    (number,) = kept(store, one, scored(post("a"), lead=0.1))
    look = Look("lead", NOW, number, 0.1, 2, 400, 0.03, 0.005)
    store.save_looks([look, replace(look, at=NOW - days(30))])
    (found,) = store.looks("lead", NOW - days(7))
    assert found == replace(look, id=found.id)
    store.answer_look(found.id, False)
    assert [one.answer for one in store.looks("lead", NOW - days(60))] == [None, False]
    assert store.looks("news", NOW - days(60)) == []


def test_a_head_is_kept_named_replaced_and_forgotten(store: Store) -> None:
    assert (store.head_version("labels"), store.head("labels")) == (None, None)
    store.save_head("labels", "h1", b"one", NOW)
    store.save_head("labels", "h2", b"two", NOW)
    assert (store.head_version("labels"), store.head("labels")) == ("h2", b"two")
    store.save_head("labels", "", None, NOW)
    assert store.head_version("labels") is None

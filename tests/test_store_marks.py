"""What the user did with posts, and the briefings that were made: kept, claimed, told, and gone with their posts."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from listener.errors import StoreError
from listener.store import KeptBriefing, PostMark, Store, Told, told
from listener.store.sqlite import SqliteStore
from tests.stored import NOW, days, draft, feed, kept, minutes, post, save

DAY = date(2025, 3, 1)
LONG_AGO = NOW - days(4_000)
LINK = 77


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = SqliteStore.open(tmp_path / "posts.db")
    yield found
    found.close()


@pytest.fixture
def three(store: Store) -> list[int]:
    """Two posts of one story and one of another."""
    to = store.add_feed(feed(), NOW)
    return kept(
        store, to, draft(post(1), link_key=LINK), draft(post(2, "Dew again"), link_key=LINK), draft(post(3, "Frost"))
    )


def prune(store: Store, now: datetime = NOW) -> dict[str, int]:
    return store.prune(now, raw_days=7, post_days=30, story_days=7, platform_days={"blog": 1})


def made(on: date = DAY, **rest: object) -> KeptBriefing:
    at = datetime(on.year, on.month, on.day, 7, 30, tzinfo=UTC)
    values: dict[str, object] = {"circle": "", "at": at, "since": at - days(1), "body": "{}", "state": "waiting"} | rest
    return KeptBriefing(on, **values)  # type: ignore[arg-type]


def claim(store: Store, token: str = "a", now: datetime = NOW, **rest: object) -> KeptBriefing | None:
    return store.claim_briefing(DAY, "", token=token, now=now, lease_s=60, **rest)  # type: ignore[arg-type]


# marks


def test_marks_are_kept_listed_and_taken_back(store: Store, three: list[int]) -> None:
    store.mark(three[:2], "star", NOW)
    store.mark([three[0]], "snooze", NOW + minutes(1), NOW + days(3))
    assert store.marks(three) == [
        PostMark(three[0], "star", NOW),
        PostMark(three[1], "star", NOW),
        PostMark(three[0], "snooze", NOW + minutes(1), NOW + days(3)),
    ]
    assert store.marks_since(NOW + minutes(1)) == store.marks(three)[2:]
    store.unmark([three[0]], "star")
    assert [mark.post for mark in store.marks(three)] == [three[1], three[0]]


def test_the_same_mark_again_takes_the_new_time(store: Store, three: list[int]) -> None:
    store.mark(three[:1], "done", NOW)
    store.mark(three[:1], "done", NOW + minutes(5))
    assert store.marks(three) == [PostMark(three[0], "done", NOW + minutes(5))]


def test_a_wrong_number_among_several_marks_nothing_and_is_named(store: Store, three: list[int]) -> None:
    with pytest.raises(StoreError, match="no post has the number 998, 999, or it was deleted; nothing was marked"):
        store.mark([three[0], 999, 998], "done", NOW)
    assert store.marks(three) == []


def test_a_mark_speaks_for_the_whole_story_under_its_number_today(store: Store, three: list[int]) -> None:
    store.mark([three[1]], "done", NOW)
    store.mark([three[2]], "star", NOW)
    assert store.marked_stories(NOW, LONG_AGO) == {three[0]: {"done"}, three[2]: {"star"}}
    assert store.marked_stories(NOW, NOW + minutes(1)) == {}


def test_a_snooze_that_is_over_counts_no_more(store: Store, three: list[int]) -> None:
    store.mark([three[2]], "snooze", NOW, NOW + days(1))
    assert store.marked_stories(NOW + days(1) - minutes(1), LONG_AGO) == {three[2]: {"snooze"}}
    assert store.marked_stories(NOW + days(1), LONG_AGO) == {}


def test_a_starred_post_is_never_pruned_and_a_done_one_is_with_its_mark(store: Store, three: list[int]) -> None:
    store.mark([three[0]], "star", NOW)
    store.mark([three[2]], "done", NOW)
    assert prune(store, NOW + days(90))["posts"] == 2
    assert store.post(three[0]) is not None
    assert [mark.post for mark in store.marks(three)] == [three[0]]


def test_a_star_taken_back_lets_the_post_go(store: Store, three: list[int]) -> None:
    store.mark([three[0]], "star", NOW)
    store.unmark([three[0]], "star")
    assert prune(store, NOW + days(90))["posts"] == 3


def test_marks_go_with_a_post_that_its_platform_deleted(store: Store, three: list[int]) -> None:
    store.mark(three, "star", NOW)
    save(store, store.feeds()[0].feed, deleted=("1/3",), now=NOW + minutes(5))
    assert [mark.post for mark in store.marks(three)] == three[:2]


# briefings


def test_there_is_one_briefing_for_each_date_and_circle(store: Store) -> None:
    first = store.save_briefing(made(body='{"n": 1}'))
    assert first is not None
    assert store.save_briefing(made(body='{"n": 2}')) is None
    assert store.save_briefing(made(circle="peers")) is not None
    assert store.briefing(DAY) == first
    assert store.briefing(DAY, "peers") != first
    assert store.briefing(DAY + days(1)) is None
    assert json.loads(first.body) == {"n": 1}


def test_briefings_are_listed_newest_first_without_their_bodies(store: Store) -> None:
    for number in (2, 0, 1):
        store.save_briefing(made(DAY + days(number), body='{"n": 1}'))
    store.save_briefing(made(circle="peers"))
    assert [one.date - DAY for one in store.briefings(3)] == [days(2), days(1), days(0)]
    assert {one.body for one in store.briefings(9)} == {""}
    assert [one.circle for one in store.briefings(9, "peers")] == ["peers"]


def test_a_story_was_told_when_a_briefing_that_reached_the_user_showed_a_post_of_it(
    store: Store, three: list[int]
) -> None:
    first = made(state="made")
    store.save_briefing(first, [(three[1], "stories", 2), (three[2], "leads", 1)])
    assert store.told_since(NOW - days(7)) == {three[0]: Told(first.at, 2), three[2]: Told(first.at, 1)}
    second = made(DAY + days(1), state="made")
    store.save_briefing(second, [(three[0], "stories", 5)])
    assert store.told_since(NOW - days(7))[three[0]] == Told(second.at, 5)
    assert store.told_since(second.at).keys() == {three[0]}


def test_what_was_never_sent_was_not_told_and_is_folded_into_the_next(store: Store, three: list[int]) -> None:
    store.save_briefing(made(), [(three[0], "stories", 2)])
    assert store.told_since(NOW - days(7)) == {}
    store.save_briefing(made(DAY + days(1)))
    found = store.briefing(DAY)
    assert found is not None
    assert found.state == "folded"
    assert claim(store) is None
    assert store.told_since(NOW - days(7)) == {}


def body(*posts: int) -> str:
    story = {"post": {"post_id": posts[0], "title": "Secret dew"}, "voices": [{"post_id": n} for n in posts[1:]]}
    return json.dumps({"stories": [story], "leads": [{"post_id": posts[0]}], "seen": 3})


def test_a_post_that_its_platform_deleted_leaves_the_briefings_that_showed_it(store: Store, three: list[int]) -> None:
    store.save_briefing(made(body=body(*three)), [(number, "stories", 2) for number in three])
    to = store.feeds()[0].feed
    save(store, to, deleted=("1/2",), now=NOW + minutes(5))
    found = store.briefing(DAY)
    assert found is not None
    assert json.loads(found.body)["stories"][0]["voices"] == [{"post_id": three[2]}]
    save(store, to, deleted=("1/1",), now=NOW + minutes(9))
    found = store.briefing(DAY)
    assert found is not None
    assert json.loads(found.body) == {"stories": [], "leads": [], "seen": 3}


def test_what_is_only_named_leaves_and_what_needs_it_too(store: Store, three: list[int]) -> None:
    def quote(number: int) -> dict[str, object]:
        return {"post_id": number, "text": "Secret dew"}

    story = {"post": quote(three[0]), "summary": quote(three[1]), "opposing": [quote(three[0]), quote(three[1])]}
    people = [{"name": "Ada", "latest": quote(three[1])}, {"name": "Bob", "latest": quote(three[0])}]
    text = json.dumps({"stories": [story], "people": people})
    store.save_briefing(made(body=text, state="made"), [(three[0], "stories", 2), (three[1], told.ASIDE, 0)])
    assert store.told_since(LONG_AGO) == {three[0]: Told(made().at, 2)}
    save(store, store.feeds()[0].feed, deleted=("1/2",), now=NOW + minutes(5))
    found = store.briefing(DAY)
    assert found is not None
    assert json.loads(found.body) == {
        "stories": [story | {"summary": None, "opposing": None}],
        "people": [people[1]],
    }


def test_a_pruned_post_leaves_the_briefings_too(store: Store, three: list[int]) -> None:
    store.save_briefing(made(body=body(*three), state="made"), [(number, "stories", 2) for number in three])
    prune(store, NOW + days(90))
    found = store.briefing(DAY)
    assert found is not None
    assert "Secret" not in found.body
    assert store.told_since(LONG_AGO) == {}
    assert store.check() == []


# sending


def test_one_of_two_gets_the_claim_until_the_lease_is_over(store: Store) -> None:
    store.save_briefing(made())
    first = claim(store, "a")
    assert first is not None
    assert (first.state, first.tries, first.repeat) == ("claimed", 1, 0)
    assert claim(store, "b") is None
    second = claim(store, "b", NOW + minutes(2))
    assert second is not None
    assert (second.tries, second.repeat) == (2, 0)
    assert not store.begin_sending(first.id, "a", NOW + minutes(3))
    assert not store.finish_briefing(first.id, "a", "sent", NOW)
    assert store.begin_sending(first.id, "b", NOW + minutes(3))


def test_what_was_sent_is_sent_no_more_unless_somebody_says_again(store: Store) -> None:
    store.save_briefing(made())
    first = claim(store)
    assert first is not None
    assert store.begin_sending(first.id, "a", NOW + minutes(1))
    assert store.finish_briefing(first.id, "a", "sent", NOW)
    found = store.briefing(DAY)
    assert found is not None
    assert (found.state, found.sent_at, found.token) == ("sent", NOW, None)
    assert claim(store, now=NOW + days(1)) is None
    assert claim(store, now=NOW + days(1), by_hand=True) is None
    again = claim(store, now=NOW + days(1), again=True)
    assert again is not None
    assert again.repeat == 0


def test_a_sender_that_died_while_it_sent_is_followed_by_one_repeat_and_no_more(store: Store) -> None:
    store.save_briefing(made())
    now = NOW
    for token, repeat in (("a", 0), ("b", 1)):
        found = claim(store, token, now)
        assert found is not None
        assert found.repeat == repeat
        assert store.begin_sending(found.id, token, now + minutes(1))
        now += minutes(5)
    assert claim(store, "c", now) is None
    left = store.briefing(DAY)
    assert left is not None
    assert left.state == "unknown"
    assert claim(store, "c", now + days(1)) is None
    assert claim(store, "c", now, again=True) is not None


def test_a_dead_owners_lease_is_over_at_once(store: Store) -> None:
    store.save_briefing(made())
    claim(store, "dead")
    assert claim(store, "b", dead="other") is None
    assert claim(store, "b", dead="dead") is not None


def test_a_failure_waits_for_its_next_try_and_a_refusal_for_the_user(store: Store) -> None:
    store.save_briefing(made())
    first = claim(store)
    assert first is not None
    store.finish_briefing(first.id, "a", "failed", NOW, error="busy", next_try=NOW + minutes(10))
    assert claim(store, now=NOW + minutes(9)) is None
    assert claim(store, now=NOW + minutes(10)) is not None
    store.finish_briefing(first.id, "a", "refused", NOW, error="wrong password")
    assert claim(store, now=NOW + days(2)) is None
    found = store.briefing(DAY)
    assert found is not None
    assert found.error == "wrong password"
    assert claim(store, now=NOW, by_hand=True) is not None


@pytest.mark.parametrize("back", [timedelta(hours=1), days(1), days(3_652)])
def test_a_clock_that_was_set_back_holds_nothing_up_for_long(store: Store, back: timedelta) -> None:
    store.save_briefing(made())
    assert claim(store, "a") is not None
    assert claim(store, "b", NOW - back) is not None
    found = store.briefing(DAY)
    assert found is not None
    store.finish_briefing(found.id, "b", "failed", NOW, next_try=NOW + minutes(30))
    assert (claim(store, "c", NOW - back) is None) == (back < days(1))


def test_how_told_stories_and_marks_are_found_reads_no_table_of_posts(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    from listener.store import marks

    SqliteStore.open(tmp_path / "posts.db").close()
    with closing(sqlite3.connect(tmp_path / "posts.db")) as connection:
        for sql, values in ((told._SINCE, (0,)), (marks._STORIES, ("[]", 0, 0))):
            plan = [row[3] for row in connection.execute(f"explain query plan {sql}", values)]
            assert [line for line in plan if line.startswith("SCAN") and line.split()[1] in {"p", "t", "m"}] == [], plan

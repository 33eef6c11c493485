"""What every engine of the store keeps: the docstring of `listener.store`, sentence by sentence."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from listener.errors import StoreError
from listener.store import PostQuery, Store
from listener.store.sqlite import SqliteStore
from listener.types import Counts, Feed, Gap, Media, Plan, Post, Reject, Turn
from tests.stored import NOW, SOON, by, days, draft, feed, kept, minutes, post, save, scored


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store = SqliteStore.open(tmp_path / "listener.db")
    yield opened
    assert opened.check() == []
    opened.close()


@pytest.fixture
def one(store: Store) -> Feed:
    return store.add_feed(feed(), NOW)


def texts(found: list) -> list[str]:
    return [stored.post.text for stored in found]


# feeds


def test_a_feed_added_twice_is_one_feed(store: Store) -> None:
    first = store.add_feed(feed(1), NOW)
    assert store.add_feed(replace(feed(1), title="Another title"), NOW) == first
    assert [state.feed for state in store.feeds()] == [first]


def test_many_feeds_come_back_in_the_order_given(store: Store) -> None:
    store.add_feed(feed(2), NOW)
    added = store.add_feeds([feed(3), feed(2), feed(1)], NOW, from_config=True)
    assert [found.query for found in added] == [feed(number).query for number in (3, 2, 1)]
    assert all(state.from_config for state in store.feeds())


def test_a_new_feed_is_due_at_once(store: Store) -> None:
    added = store.add_feed(feed(), NOW)
    state = store.feed(added.id)
    assert state is not None
    assert (state.next_poll_at, state.added_at, state.health, state.cursor) == (NOW, NOW, "new", None)
    assert [due.feed for due in store.claim_due(NOW, owner="me", lease_s=60, limit=9)] == [added]


def test_a_removed_feed_is_listed_and_polled_no_more_and_its_posts_stay(store: Store, one: Feed) -> None:
    kept(store, one, draft())
    store.remove_feed(one.id)
    assert store.feeds() == []
    assert store.claim_due(NOW + days(1), owner="me", lease_s=60, limit=9) == []
    assert store.feed(one.id) is not None
    assert len(store.posts(PostQuery())) == 1
    assert store.add_feed(feed(5), NOW).id != one.id


def test_adding_a_removed_feed_wakes_it_under_its_old_number(store: Store, one: Feed) -> None:
    kept(store, one, draft(), cursor="mark")
    store.remove_feed(one.id)
    assert store.add_feed(feed(), NOW + days(1)).id == one.id
    (state,) = store.feeds()
    assert (state.next_poll_at, state.cursor, state.posts) == (NOW + days(1), "mark", 1)


def test_what_the_user_sets_is_kept(store: Store, one: Feed) -> None:
    state = store.set_feed(one.id, {"title": "Dew", "folder": "Garden", "fixed_interval_s": 900.0}, NOW)
    assert (state.feed.title, state.feed.folder, state.fixed_interval_s) == ("Dew", "Garden", 900.0)
    assert store.feed(one.id) == state


def test_a_new_query_forgets_cursor_and_failures_and_is_due(store: Store, one: Feed) -> None:
    save(store, one, plan=Plan(NOW + days(1), 60, failures=3, health="broken", error="HTTP 500"))
    state = store.set_feed(one.id, {"query": "https://other.example/feed"}, NOW + minutes(1))
    assert (state.cursor, state.failures, state.error, state.health) == (None, 0, None, "new")
    assert state.next_poll_at == NOW + minutes(1)


def test_a_turn_under_way_for_the_old_query_is_refused(store: Store, one: Feed) -> None:
    store.claim_due(NOW, owner="me", lease_s=60, limit=9)
    store.set_feed(one.id, {"query": "https://other.example/feed"}, NOW)
    with pytest.raises(StoreError):
        save(store, one, [draft()], owner="me")


def test_nothing_else_can_be_set(store: Store, one: Feed) -> None:
    for wrong in ("cursor", "id", "posts", "removed = 1 --"):
        with pytest.raises(StoreError, match="cannot set"):
            store.set_feed(one.id, {wrong: 1}, NOW)
    with pytest.raises(StoreError, match="no feed has the number 77"):
        store.set_feed(77, {"title": "x"}, NOW)


def test_a_query_that_another_feed_has_is_refused(store: Store, one: Feed) -> None:
    other = store.add_feed(feed(2), NOW)
    with pytest.raises(StoreError, match=f"is feed {one.id} already"):
        store.set_feed(other.id, {"query": one.query}, NOW)


def test_a_paused_feed_is_not_claimed_and_a_woken_one_is_due(store: Store, one: Feed) -> None:
    store.set_feed(one.id, {"paused": True}, NOW)
    store.make_due([one.id], NOW)
    assert store.claim_due(NOW + days(1), owner="me", lease_s=60, limit=9) == []
    save(store, one)
    assert store.set_feed(one.id, {"paused": False}, NOW + minutes(2)).next_poll_at == NOW + minutes(2)
    assert len(store.claim_due(NOW + minutes(2), owner="me", lease_s=60, limit=9)) == 1


def test_a_new_interval_makes_a_feed_due(store: Store, one: Feed) -> None:
    save(store, one)
    assert store.set_feed(one.id, {"fixed_interval_s": 300.0}, NOW).next_poll_at == NOW
    save(store, one)
    assert store.set_feed(one.id, {"fixed_interval_s": 300.0}, NOW).next_poll_at == SOON.next_poll_at


def test_feeds_that_wait_for_the_user_are_due_when_asked(store: Store, one: Feed) -> None:
    save(store, one, plan=Plan(None, 60, health="needs you", error="the key is missing"))
    assert store.claim_due(NOW + days(9), owner="me", lease_s=60, limit=9) == []
    store.make_due([one.id], NOW)
    assert len(store.claim_due(NOW, owner="me", lease_s=60, limit=9)) == 1


# claims and plans


def test_claims_are_most_overdue_first_within_limit_and_choice(store: Store) -> None:
    added = store.add_feeds([feed(n) for n in range(5)], NOW)
    for place, found in enumerate(added):
        save(store, found, plan=Plan(NOW + minutes((place * 2) % 5), 60))
    claimed = store.claim_due(NOW + minutes(3), owner="me", lease_s=60, limit=2)
    assert [state.feed.id for state in claimed] == [added[0].id, added[3].id]
    only = [added[1].id, added[0].id]
    assert [s.feed.id for s in store.claim_due(NOW + minutes(3), owner="you", lease_s=60, limit=9, only=only)] == only[
        :1
    ]
    assert store.claim_due(NOW + minutes(3), owner="you", lease_s=60, limit=9, only=[]) == []


def test_a_leased_feed_is_claimed_again_only_when_the_lease_ran_out(store: Store, one: Feed) -> None:
    assert len(store.claim_due(NOW, owner="me", lease_s=60, limit=9)) == 1
    assert store.leases(NOW) == {"me": [one.id]}
    assert store.claim_due(NOW + minutes(0.9), owner="you", lease_s=60, limit=9) == []
    assert len(store.claim_due(NOW + minutes(1), owner="you", lease_s=60, limit=9)) == 1
    assert store.leases(NOW + minutes(1)) == {"you": [one.id]}


def test_a_released_feed_can_be_claimed_at_once_but_not_by_a_strangers_release(store: Store, one: Feed) -> None:
    store.claim_due(NOW, owner="me", lease_s=60, limit=9)
    store.release([one.id], "you")
    assert store.claim_due(NOW, owner="you", lease_s=60, limit=9) == []
    store.release([one.id], "me")
    assert len(store.claim_due(NOW, owner="you", lease_s=60, limit=9)) == 1


def test_plans_are_saved_and_end_the_lease(store: Store, one: Feed) -> None:
    save(store, one, cursor="old")
    store.make_due([one.id], NOW)
    store.claim_due(NOW, owner="me", lease_s=60, limit=9)
    plan = Plan(NOW + minutes(7), 420.0, failures=2, health="broken", error="rss x: HTTP 503")
    store.save_plans([(one.id, None, plan)], NOW + minutes(1), "me")
    (state,) = store.feeds()
    assert (state.cursor, state.next_poll_at, state.interval_s) == ("old", NOW + minutes(7), 420.0)
    assert (state.failures, state.health, state.error) == (2, "broken", "rss x: HTTP 503")
    assert (state.last_poll_at, state.last_success_at) == (NOW + minutes(1), NOW)
    assert store.leases(NOW) == {}
    store.claim_due(NOW + minutes(7), owner="me", lease_s=60, limit=9)
    store.save_plans([(one.id, "new", SOON)], NOW + minutes(8), "me")
    (state,) = store.feeds()
    assert (state.cursor, state.error, state.last_success_at) == ("new", None, NOW + minutes(8))


def test_a_plan_whose_lease_was_taken_over_is_passed_over(store: Store) -> None:
    mine, theirs = store.add_feeds([feed(1), feed(2)], NOW)
    store.claim_due(NOW, owner="me", lease_s=60, limit=9)
    store.claim_due(NOW + minutes(2), owner="you", lease_s=60, limit=9, only=[theirs.id])
    store.save_plans([(mine.id, "m", SOON), (theirs.id, "m", SOON)], NOW + minutes(2), "me")
    assert [state.cursor for state in store.feeds()] == ["m", None]
    assert store.leases(NOW + minutes(2)) == {"you": [theirs.id]}


# turns


def state_of(store: Store) -> object:
    stats = replace(store.stats(), bytes=0)
    return (store.feeds(), store.posts(PostQuery(limit=99)), store.gaps(), store.rejects(), stats)


def test_saving_twice_equals_saving_once(store: Store, one: Feed) -> None:
    drafts = [scored(post(n, account=by("ann"), links=("https://a.example/",)), 0.9, link_key=n % 3) for n in range(7)]
    rest = {"gap": Gap("lost mark", "a", "b"), "rejects": (Reject("9", "no date", "<item>"),), "raw": b"body"}
    first = save(store, one, drafts, **rest)
    before = state_of(store)
    second = save(store, one, drafts, **rest)
    assert (len(first.new), second.new, second.edited, second.deleted) == (7, (), (), 0)
    assert state_of(store) == before


def test_a_failed_save_leaves_nothing(store: Store, one: Feed) -> None:
    kept(store, one, draft(post("here")), cursor="before")
    before = state_of(store)
    bad = draft(post("bad", text="half a pair \ud800 alone"))
    for drafts in ([draft(post("good")), bad], [draft(post("here", text="edited"), 2), bad]):
        with pytest.raises(StoreError):
            save(store, one, drafts, cursor="after", raw=b"x", gap=Gap("g"))
        assert state_of(store) == before
    assert kept(store, one, draft(post("good")))


def test_ids_come_back_in_the_order_of_the_drafts_and_grow_with_time(store: Store, one: Feed) -> None:
    newest_first = [draft(post(n, published_at=NOW - minutes(n))) for n in range(5)]
    ids = kept(store, one, *newest_first)
    assert ids == sorted(ids, reverse=True)
    assert [found.post.native_id for found in store.posts_by_id(ids)] == [d.post.native_id for d in newest_first]


def test_ids_are_never_used_again(store: Store, one: Feed) -> None:
    ids = kept(store, one, draft(post(1)), draft(post(2)))
    store.prune(NOW + days(30), raw_days=7, post_days=1, story_days=3)
    assert store.stats().posts == 0
    assert min(kept(store, one, draft(post(3)), now=NOW + days(30))) > max(ids)


def test_a_turn_for_a_feed_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="no feed has the number 9"):
        save(store, replace(feed(), id=9), [draft()])


def test_a_turn_whose_lease_was_taken_over_is_refused(store: Store, one: Feed) -> None:
    store.claim_due(NOW, owner="me", lease_s=60, limit=9)
    store.claim_due(NOW + minutes(2), owner="you", lease_s=60, limit=9)
    with pytest.raises(StoreError, match="not saved"):
        save(store, one, [draft()], owner="me")
    assert store.posts(PostQuery()) == []
    assert save(store, one, [draft()], owner="you").new


def test_a_turn_that_is_not_final_keeps_lease_and_plan(store: Store, one: Feed) -> None:
    store.claim_due(NOW, owner="me", lease_s=60, limit=9)
    save(store, one, [draft(post(1))], owner="me", cursor="middle", final=False)
    (state,) = store.feeds()
    assert (state.cursor, state.next_poll_at, state.posts) == ("middle", NOW, 1)
    assert store.leases(NOW) == {"me": [one.id]}
    save(store, one, [draft(post(2))], owner="me", cursor="end")
    (state,) = store.feeds()
    assert (state.cursor, state.next_poll_at, state.posts) == ("end", SOON.next_poll_at, 2)
    assert store.leases(NOW) == {}


def test_a_second_feed_adds_itself_and_changes_nothing_else(store: Store, one: Feed) -> None:
    other = store.add_feed(feed(2), NOW)
    (number,) = kept(store, one, scored(post(), 0.7))
    assert save(store, other, [draft(post())], now=NOW + minutes(9)).new == ()
    found = store.post(number)
    assert found is not None
    assert (set(found.feeds), found.scores["lead"], found.first_seen_at) == ({one.id, other.id}, 0.7, NOW)
    assert [state.posts for state in store.feeds()] == [1, 1]
    assert store.posts(PostQuery(feed_id=other.id)) == store.posts(PostQuery(feed_id=one.id)) == [found]


def test_an_edit_takes_the_new_values_and_keeps_id_story_and_first_seen(store: Store, one: Feed) -> None:
    founder, number = kept(
        store, one, draft(post(1), link_key=5), scored(post(2, "Frost tonight", account=by("ann")), 0.9, link_key=5)
    )
    later = post(2, "Thaw tonight", title="Corrected", account=by("ann", name="Ann"), edited_at=NOW + days(1))
    edited = save(store, one, [scored(later, 0.1, digest=2)], now=NOW + days(1))
    assert (edited.new, edited.edited) == ((), (number,))
    found = store.post(number)
    assert found is not None
    assert (found.story, found.first_seen_at, found.scores["lead"]) == (founder, NOW, 0.1)
    assert found.post == later
    assert texts(store.search("tonight")) == ["Thaw tonight"]
    assert store.search("frost") == []


def test_an_edit_that_is_not_scored_has_no_scores(store: Store, one: Feed) -> None:
    (number,) = kept(store, one, scored(post(), 0.9))
    save(store, one, [draft(post(text=""), 2)])
    found = store.post(number)
    assert found is not None
    assert (found.scores, found.model) == ({}, None)


def test_a_known_post_that_did_not_change_keeps_its_scores(store: Store, one: Feed) -> None:
    (number,) = kept(store, one, scored(post(), 0.9))
    assert save(store, one, [draft(post())]).edited == ()
    found = store.post(number)
    assert found is not None
    assert found.scores["lead"] == 0.9


def test_a_deleted_post_keeps_its_row_and_nothing_else(store: Store, one: Feed) -> None:
    full = post(
        1,
        "A secret recipe",
        title="Soup",
        links=("https://soup.example/",),
        tags=("soup",),
        media=(Media("https://soup.example/pot.jpg"),),
    )
    ids = kept(store, one, scored(full, 0.9, link_key=4, simhash=7), draft(post(2, "Still here")), raw=b"soup body")
    assert store.raw(ids[0]) == b"soup body"
    assert save(store, one, deleted=("1/1", "1/never seen"), now=NOW + minutes(3)).deleted == 1
    found = store.post(ids[0])
    assert found is not None
    assert (found.post.deleted_at, found.post.title, found.post.text) == (NOW + minutes(3), None, "")
    assert (found.post.links, found.post.tags, found.post.media, found.scores) == ((), (), (), {})
    assert store.raw(ids[0]) is None
    assert texts(store.posts(PostQuery())) == ["Still here"]
    assert store.posts(PostQuery(label="lead")) == store.search("recipe") == store.posts_by_id(ids[:1]) == []
    assert [c.id for c in store.candidates(NOW, NOW + days(1))] == ids[1:]
    assert store.known([("blog", "1/1")]) == {("blog", "1/1"): 0}
    assert store.stats().posts == store.feeds()[0].posts == 1


def test_what_a_platform_deleted_no_later_poll_brings_back(store: Store, one: Feed) -> None:
    kept(store, one, draft(post(1)))
    save(store, one, deleted=("1/1",))
    again = save(store, one, [scored(post(1), 0.9)])
    assert (again.new, again.edited, again.deleted) == ((), (), 0)
    assert save(store, one, deleted=("1/1",)).deleted == 0
    assert store.posts(PostQuery()) == []


def test_a_draft_that_says_it_is_deleted_deletes(store: Store, one: Feed) -> None:
    kept(store, one, draft(post(1)))
    saved = save(store, one, [draft(post(1, deleted_at=NOW), 2), draft(post(2, deleted_at=NOW))])
    assert (saved.new, saved.deleted) == ((), 1)


def test_posts_that_share_an_id_on_two_platforms_or_feeds_never_touch(store: Store, one: Feed) -> None:
    other = store.add_feed(feed(2, "board"), NOW)
    guid = "https://shared.example/same-guid"
    mine = Post("blog", f"{one.id}/{guid}", guid, text="mine")
    theirs = Post("blog", f"{other.id}/{guid}", guid, text="theirs")
    elsewhere = Post("board", f"{one.id}/{guid}", guid, text="elsewhere")
    kept(store, one, draft(mine))
    assert len(kept(store, other, draft(theirs, 2), draft(elsewhere, 3))) == 2
    save(store, other, deleted=(mine.native_id,))  # other reads the platform board: the post of blog is not its own
    assert sorted(texts(store.posts(PostQuery()))) == ["mine", "theirs"]


def hostile_dates() -> list[datetime]:
    zones = [timezone(timedelta(hours=h)) for h in (-12, -3.5, 0, 5.75, 14)]
    years = [
        (1, 1, 2),
        (1969, 12, 31),
        (1970, 1, 1),
        (2000, 2, 29),
        (2025, 3, 1),
        (2025, 3, 2),
        (2038, 1, 19),
        (9999, 12, 30),
    ]
    return [datetime(*day, 9, 30, 0, 123_000, tzinfo=zone) for day in years for zone in zones] + [
        NOW + timedelta(hours=hours) for hours in range(-10, 10)
    ]


def test_no_claimed_time_puts_a_post_on_top_and_the_claim_is_kept(store: Store, one: Feed) -> None:
    dates = hostile_dates()
    assert len(dates) == 60
    ids = kept(store, one, *(draft(post(n, published_at=date)) for n, date in enumerate(dates)))
    later = kept(store, one, draft(post("later", published_at=None)), now=NOW + minutes(1))
    found = store.posts(PostQuery(limit=99))
    assert [found[0].id] == later
    assert all(stored.sort_at <= NOW for stored in found[1:])
    assert [stored.sort_at for stored in found] == sorted((s.sort_at for s in found), reverse=True)
    assert [stored.post.published_at for stored in store.posts_by_id(ids)] == dates
    assert store.posts_by_id(later)[0].post.published_at is None


def test_gaps_and_rejects_are_kept_newest_first_and_once(store: Store, one: Feed) -> None:
    other = store.add_feed(feed(2), NOW)
    save(store, one, gap=Gap("lost mark", "a", "b"), rejects=(Reject(None, "no id", "<item/>"),))
    save(store, one, gap=Gap("lost mark", "a", "b"), rejects=(Reject(None, "no id", "<item/>"),))
    save(store, other, gap=Gap("page cap"), rejects=(Reject("7", "no date", "<x/>"),), now=NOW + minutes(1))
    assert [(gap.feed_id, gap.reason, gap.older, gap.newer) for gap in store.gaps()] == [
        (other.id, "page cap", None, None),
        (one.id, "lost mark", "a", "b"),
    ]
    assert [(row.feed_id, row.native_id, row.reason) for row in store.rejects()] == [
        (other.id, "7", "no date"),
        (one.id, None, "no id"),
    ]
    assert [row.sample for row in store.rejects(one.id)] == ["<item/>"]
    assert [gap.seen_at for gap in store.gaps(one.id)] == [NOW]


def test_a_feed_that_is_all_rejects_does_not_fill_the_store(store: Store, one: Feed) -> None:
    for page in range(6):
        save(store, one, rejects=tuple(Reject(f"{page}/{n}", "bad", "x") for n in range(100)), now=NOW + minutes(page))
    assert len(store.rejects()) == 200
    assert {row.native_id.split("/")[0] for row in store.rejects() if row.native_id} == {"4", "5"}


def test_the_platforms_title_is_taken_only_where_the_user_gave_none(store: Store, one: Feed) -> None:
    titled = store.add_feed(replace(feed(2), title="Mine"), NOW)
    for found in (one, titled):
        save(store, found, title="Theirs", home_url="https://home.example/")
    assert [state.feed.title for state in store.feeds()] == ["Theirs", "Mine"]
    assert {state.feed.home_url for state in store.feeds()} == {"https://home.example/"}


def test_a_moved_feed_is_polled_at_its_new_address_and_found_by_its_old_one(store: Store, one: Feed) -> None:
    save(store, one, moved_to="https://new.example/feed")
    (state,) = store.feeds()
    assert state.feed.query == "https://new.example/feed"
    assert store.add_feed(feed(), NOW).id == one.id
    assert store.add_feed(replace(feed(), query="https://new.example/feed"), NOW).id == one.id


def test_a_feed_never_moves_onto_another(store: Store, one: Feed) -> None:
    other = store.add_feed(feed(2), NOW)
    save(store, other, moved_to=one.query)
    assert [state.feed.query for state in store.feeds()] == [one.query, feed(2).query]


def test_a_feeds_posting_rate_is_its_newest_twenty_times(store: Store, one: Feed) -> None:
    other = store.add_feed(feed(2), NOW)
    kept(store, one, *(draft(post(n, published_at=NOW - minutes(n))) for n in range(30)))
    kept(store, one, draft(post("new", published_at=NOW + minutes(60))), now=NOW + minutes(60))
    save(store, other, [draft(post(3))])
    mine, theirs = store.feeds()
    assert mine.recent == (NOW + minutes(60), *(NOW - minutes(n) for n in range(19)))
    assert theirs.recent == (NOW - minutes(3),)
    assert (mine.last_new_at, theirs.last_new_at, mine.posts) == (NOW + minutes(60), None, 31)


def test_the_raw_answer_is_kept_beside_new_posts_only(store: Store, one: Feed) -> None:
    (number,) = kept(store, one, draft(post(1)), raw=b"<rss>1</rss>" * 100)
    save(store, one, [draft(post(1))], raw=b"<rss>2</rss>")
    assert store.raw(number) == b"<rss>1</rss>" * 100
    save(store, one, [draft(post(1), 2)], raw=b"<rss>3</rss>")
    assert store.raw(number) == b"<rss>3</rss>"
    assert store.raw(99) is None


def test_the_latest_word_about_an_account_counts_and_silence_changes_nothing(store: Store, one: Feed) -> None:
    kept(store, one, draft(post(1, account=by("a", handle="ann", followers=5))))
    kept(store, one, draft(post(2, account=by("a", handle="anna", url="https://a.example/", is_bot=False))))
    accounts = {found.post.account for found in store.posts(PostQuery())}
    assert accounts == {by("a", handle="anna", url="https://a.example/", followers=5, is_bot=False)}
    assert store.stats().accounts == 1


# stories


def story_of(store: Store, number: int) -> int | None:
    found = store.post(number)
    assert found is not None
    return found.story


def test_posts_with_one_link_within_seven_days_are_one_story(store: Store, one: Feed) -> None:
    first, second = kept(
        store,
        one,
        draft(post(1, published_at=NOW - days(6.9)), link_key=-9),
        draft(post(2, published_at=NOW), link_key=-9),
    )
    (late,) = kept(store, one, draft(post(3, published_at=NOW + days(8)), link_key=-9), now=NOW + days(8))
    (other,) = kept(store, one, draft(post(4), link_key=10))
    assert [story_of(store, n) for n in (first, second, late, other)] == [first, first, late, other]


@pytest.mark.parametrize(("flipped", "apart", "joins"), [(0b111, 2.9, True), (0b1111, 0.1, False), (0b1, 3.1, False)])
def test_nearly_the_same_words_within_three_days_are_one_story(
    store: Store, one: Feed, flipped: int, apart: float, joins: bool
) -> None:
    words = -0x1234_5678_9ABC_DEF0
    (first,) = kept(store, one, draft(post(1, published_at=NOW), simhash=words))
    later = NOW + days(apart)
    (second,) = kept(store, one, draft(post(2, published_at=later), simhash=words ^ flipped << 30), now=later)
    assert story_of(store, second) == (first if joins else second)


def test_every_three_flipped_bits_are_found(store: Store, one: Feed) -> None:
    words = 0x0F1E_2D3C_4B5A_6978
    (first,) = kept(store, one, draft(post("x"), simhash=words))
    flips = [1 << a ^ 1 << b ^ 1 << c for a, b, c in ((0, 1, 2), (0, 16, 32), (15, 47, 63), (20, 40, 60), (61, 62, 63))]
    ids = kept(store, one, *(draft(post(n), simhash=signed(words ^ flip)) for n, flip in enumerate(flips)))
    assert {story_of(store, number) for number in ids} == {first}


def signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def test_posts_of_one_page_find_each_other(store: Store, one: Feed) -> None:
    ids = kept(
        store,
        one,
        draft(post(1, published_at=NOW - minutes(4)), link_key=1),
        draft(post(2, published_at=NOW - minutes(3)), link_key=1, simhash=77),
        draft(post(3, published_at=NOW - minutes(2)), simhash=76),
        draft(post(4, kind="repost", refers_to="1/3", published_at=NOW - minutes(1))),
    )
    assert [story_of(store, number) for number in ids] == [ids[0]] * 4


def test_a_post_that_fits_two_stories_joins_the_older(store: Store, one: Feed) -> None:
    older, newer = kept(
        store, one, draft(post(1, published_at=NOW - minutes(9)), simhash=5), draft(post(2), link_key=3)
    )
    (both,) = kept(store, one, draft(post(3), simhash=5, link_key=3))
    assert (older < newer, story_of(store, both)) == (True, older)


def test_a_repost_or_quote_joins_what_it_points_at(store: Store, one: Feed) -> None:
    (first,) = kept(store, one, draft(post(1)))
    repost, quote, stray = kept(
        store,
        one,
        draft(post(2, kind="repost", refers_to="1/1")),
        draft(post(3, kind="quote", refers_to="1/1")),
        draft(post(4, kind="repost", refers_to="1/nowhere")),
    )
    assert [story_of(store, number) for number in (repost, quote, stray)] == [first, first, stray]


def test_a_deleted_post_draws_nobody_into_its_story(store: Store, one: Feed) -> None:
    kept(store, one, draft(post(1), link_key=1, simhash=1))
    save(store, one, deleted=("1/1",))
    (number,) = kept(store, one, draft(post(2), link_key=1, simhash=1))
    assert story_of(store, number) == number


# reading


def test_a_post_comes_back_as_it_was_saved(store: Store, one: Feed) -> None:
    full = Post(
        "blog", "1/https://site.example/7", "https://site.example/7",
        by("ann", name="Ann", followers=3, opted_out=True), "quote", "Title", "Text 🌱 with\nlines", "pt-br",
        NOW - days(1), NOW, None, "1/5", "1/1", "1/6", ("@bob",),
        ("https://a.example/?b=1#c", "https://d.example/"), ("tag", "другой"),
        (Media("https://m.example/1.jpg", "image/jpeg", "a pot", 1.5), Media("https://m.example/2")), "gardening",
        Counts(1, 2, None, -3), "site.example", "unlisted", "soil", False, "CC-BY-4.0",
    )  # fmt: skip
    bare = Post("blog", "1/bare")
    ids = kept(store, one, draft(full, arrival="archive"), draft(bare))
    found = store.posts_by_id(ids)
    assert [stored.post for stored in found] == [full, bare]
    assert [stored.arrival for stored in found] == ["archive", "live"]


def test_listings_narrow_by_everything_newest_first(store: Store, one: Feed) -> None:
    other = store.add_feed(feed(2, "board"), NOW)
    kept(store, one, *(scored(post(n, f"b{n}", published_at=NOW - minutes(n)), lead=n / 10) for n in range(10)))
    board = [Post("board", f"t{n}", text=f"t{n}", published_at=NOW - minutes(n + 0.5)) for n in range(10)]
    kept(store, other, *(scored(found, lead=0.95) for found in board))

    def listed(**narrow: object) -> list[str]:
        return texts(store.posts(PostQuery(**narrow)))  # type: ignore[arg-type]

    assert listed(limit=3) == ["b0", "t0", "b1"]
    assert listed(platform="board", limit=2) == listed(feed_id=other.id, limit=2) == ["t0", "t1"]
    assert listed(since=NOW - minutes(1), until=NOW) == ["t0", "b1"]
    assert listed(label="lead", platform="blog") == ["b5", "b6", "b7", "b8", "b9"]
    assert listed(label="lead", feed_id=one.id, threshold=0.8) == ["b8", "b9"]
    assert listed(label="lead", threshold=0.1, platform="blog", limit=2) == ["b1", "b2"]
    assert listed(label="lead", threshold=0.1, feed_id=one.id, limit=2) == ["b1", "b2"]
    assert listed(label="lead", since=NOW - minutes(6), until=NOW - minutes(5), feed_id=one.id) == ["b6"]
    assert listed(label="question") == listed(platform="nowhere") == listed(feed_id=99) == listed(limit=0) == []


def test_candidates_are_what_arrived_without_archives(store: Store, one: Feed) -> None:
    ids = kept(
        store,
        one,
        scored(post(1, account=by("ann"), published_at=NOW - days(9)), 0.25, 0.5, 0.75, arrival="first"),
        draft(post(2, published_at=NOW)),
        scored(post(3), 1.0, arrival="archive"),
    )
    kept(store, one, draft(post(4)), now=NOW + days(1))
    old, new = sorted(store.candidates(NOW, NOW + days(1)), key=lambda found: found.id)
    assert (old.id, old.sort_at, old.story, old.lead, old.question, old.news) == (
        ids[0],
        NOW - days(9),
        ids[0],
        0.25,
        0.5,
        0.75,
    )
    assert (new.id, new.account, new.lead, new.question, new.news) == (ids[1], None, 0, 0, 0)
    assert old.account is not None
    assert store.candidates(NOW + days(2), NOW + days(3)) == []


def test_posts_come_back_in_the_order_asked_for_without_the_missing(store: Store, one: Feed) -> None:
    a, b, c = kept(store, one, *(draft(post(n)) for n in range(3)))
    save(store, one, deleted=("1/1",))
    assert [found.id for found in store.posts_by_id([c, 99, b, a])] == [c, a]
    assert store.posts_by_id([]) == []


def test_known_tells_digests_of_what_is_here(store: Store, one: Feed) -> None:
    kept(store, one, draft(post(1), -(1 << 63)), draft(post(2), (1 << 63) - 1))
    keys = [("blog", "1/1"), ("blog", "1/2"), ("blog", "1/3"), ("board", "1/1")]
    assert store.known(keys) == {keys[0]: -(1 << 63), keys[1]: (1 << 63) - 1}
    assert store.known([]) == {}


def test_search_finds_words_phrases_and_beginnings(store: Store, one: Feed) -> None:
    kept(
        store,
        one,
        draft(post(1, "Compost and worms", title="Café diary")),
        draft(post(2, "Worms and compost heaps")),
        draft(post(3, "composting", published_at=NOW - days(3))),
    )

    def found(words: str, **rest: object) -> list[str]:
        return sorted(stored.post.native_id[2:] for stored in store.search(words, **rest))  # type: ignore[arg-type]

    assert found("worms COMPOST") == ["1", "2"]
    assert found('"compost and worms"') == found('"compost and worms') == found("compost-and-worms") == ["1"]
    assert found("compost*") == ["1", "2", "3"]
    assert found("compost* heaps") == ["2"]
    assert found("cafe") == found("CAFÉ diary") == ["1"]
    assert found("worms !!! 🌱") == ["1", "2"]
    assert found("compost", since=NOW - days(1)) == ["1", "2"]
    assert found("compost*", since=NOW - days(1)) == ["1", "2"]
    assert found("compost* tomato") == found("") == found("🌱 ?!") == []
    assert len(store.search("compost*", limit=1)) == 1


def test_search_puts_the_best_of_the_newest_first(store: Store, one: Feed) -> None:
    kept(
        store,
        one,
        draft(post(1, "Slugs ate some of it, and then the rest of a long bed of salad was gone by the next morning")),
        draft(post(2, "Slugs, slugs, slugs")),
        draft(post(3, "All night in the rain", title="Slugs")),
    )
    assert [found.post.native_id for found in store.search("slugs")][-1] == "1/1"


def test_a_word_far_down_a_long_text_is_found(store: Store, one: Feed) -> None:
    kept(store, one, draft(post(1, "soil " * 15_000 + "needle")))
    assert len(store.search("needle")) == 1


def test_any_text_at_all_is_a_search(store: Store, one: Feed) -> None:
    kept(store, one, draft(post(1, "NEAR and far, (x) OR not: col-on 'quote'")))
    signs = [
        '"',
        "'",
        "*",
        "(",
        ")",
        ":",
        "^",
        "-",
        "+",
        "NEAR(",
        "AND",
        "OR",
        "NOT",
        "{a b}:",
        "text:",
        "\0",
        "\ud800",
        "é",
        "字",
        "🌱",
        "\\",
        "%",
        ";--",
        "\n",
    ]
    odd = [*[a + b for a in signs for b in signs][:500], "a" * 5_000, '"' * 999, "x " * 500, "*a*", '"a"*', "*" * 50]
    assert len(odd) > 500
    for words in odd:
        store.search(words)
    assert len(store.search("NEAR AND far")) == len(store.search("near (x) far")) == 1


# the user's own words


def test_a_thumb_outranks_the_score_both_ways(store: Store, one: Feed) -> None:
    up, down = kept(store, one, scored(post(1), 0.1), scored(post(2), 0.9))
    store.label_post(up, "lead", True, NOW)
    store.label_post(down, "lead", False, NOW + minutes(1))
    for threshold in (0.0, 0.1, 0.5, 1.0):
        assert [found.id for found in store.posts(PostQuery(label="lead", threshold=threshold))] == [up]
    candidates = {found.id: found.lead for found in store.candidates(NOW, NOW + days(1))}
    assert candidates == {up: 1.0, down: 0.0}
    (found,) = store.posts_by_id([down])
    assert (found.thumbs, found.scores["lead"]) == ({"lead": False}, 0.9)
    assert store.thumbs() == [(up, "lead", True, NOW), (down, "lead", False, NOW + minutes(1))]


def test_a_thumb_taken_back_gives_the_score_its_place_again(store: Store, one: Feed) -> None:
    (number,) = kept(store, one, scored(post(1), 0.7))
    for value in (True, False, None):
        store.label_post(number, "lead", value, NOW)
    (found,) = store.posts(PostQuery(label="lead"))
    assert (found.scores["lead"], found.thumbs, store.thumbs()) == (0.7, {}, [])


def test_a_thumb_outlives_an_edit_and_the_new_score_waits_behind_it(store: Store, one: Feed) -> None:
    (number,) = kept(store, one, scored(post(1), 0.1))
    store.label_post(number, "lead", True, NOW)
    save(store, one, [scored(post(1, "rewritten"), 0.3, 0.8, digest=2)])
    (found,) = store.posts(PostQuery(label="lead", threshold=0.9))
    assert (found.thumbs, found.scores) == ({"lead": True}, {"lead": 0.3, "question": 0.8, "news": 0.0})
    store.label_post(number, "lead", None, NOW)
    assert store.posts(PostQuery(label="lead", threshold=0.9)) == []


def test_a_post_that_was_never_scored_can_be_labelled(store: Store, one: Feed) -> None:
    (number,) = kept(store, one, draft())
    store.label_post(number, "news", True, NOW)
    assert [found.scores for found in store.posts(PostQuery(label="news"))] == [{}]


def test_what_is_not_there_cannot_be_labelled(store: Store, one: Feed) -> None:
    kept(store, one, draft())
    save(store, one, deleted=("1/1",))
    for number in (1, 99):
        with pytest.raises(StoreError, match="nothing was labelled"):
            store.label_post(number, "lead", True, NOW)
    with pytest.raises(StoreError, match="no label is called"):
        store.label_post(1, "spam' or 1 --", True, NOW)  # type: ignore[arg-type]
    assert store.thumbs() == []


def test_small_values_of_ours_are_kept(store: Store) -> None:
    assert store.get_meta("briefed") is None
    store.set_meta("briefed", "2025-03-01")
    store.set_meta("briefed", "2025-03-02")
    assert store.get_meta("briefed") == "2025-03-02"


# care


def test_the_retention_reaches_raws_posts_search_and_accounts_but_no_labelled_post(store: Store, one: Feed) -> None:
    other = store.add_feed(feed(2), NOW)
    old = kept(
        store, one, *(scored(post(n, f"old {n}", account=by(f"a{n}")), 0.9, simhash=n) for n in range(600)), raw=b"old"
    )
    save(store, other, [draft(post(1, "old 1"))])
    new = kept(store, one, draft(post("new", "new"), simhash=9), raw=b"new", now=NOW + days(20))
    store.label_post(old[5], "lead", True, NOW)
    removed = store.prune(NOW + days(20), raw_days=7, post_days=10, story_days=3)
    expected = {"raw": 1, "rejects": 0, "bands": 2_400, "posts": 599, "accounts": 599, "alerts": 0, "deliveries": 0}
    assert removed == expected
    assert [found.id for found in store.posts(PostQuery())] == [new[0], old[5]]
    assert texts(store.search("old")) == ["old 5"]
    assert (store.raw(old[5]), store.raw(new[0])) == (None, b"new")
    assert [state.posts for state in store.feeds()] == [2, 0]
    assert set(store.prune(NOW + days(20), raw_days=7, post_days=10, story_days=3).values()) == {0}


def test_posts_are_kept_until_told_otherwise(store: Store, one: Feed) -> None:
    kept(store, one, draft())
    store.prune(NOW + days(9_000), raw_days=7, post_days=None, story_days=3)
    assert len(store.posts(PostQuery())) == 1


def test_a_thousand_deletions_leave_nothing_to_be_found(store: Store, one: Feed) -> None:
    for page in range(2):
        numbers = range(page * 500, page * 500 + 500)
        kept(store, one, *(scored(post(n, f"remember w{n} tulip", title="tulip"), 0.9) for n in numbers), raw=b"tulip")
    ids = [found.id for found in store.posts(PostQuery(limit=2_000))]
    assert len(ids) == 1_000
    assert save(store, one, deleted=tuple(f"1/{n}" for n in range(1_000))).deleted == 1_000
    assert store.search("tulip") == store.search("rememb*") == store.search("w77") == []
    assert store.posts(PostQuery()) == store.posts(PostQuery(label="lead")) == store.posts_by_id(ids) == []
    assert store.candidates(NOW, NOW + days(1)) == []
    assert {store.raw(number) for number in ids} == {None}


def test_a_backup_holds_everything(store: Store, one: Feed, tmp_path: Path) -> None:
    kept(store, one, *(draft(post(n)) for n in range(50)), raw=b"x")
    store.backup(tmp_path / "copy.db")
    save(store, one, [draft(post("later"))])
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_four_writers_and_two_readers_at_once_lose_and_double_nothing(store: Store) -> None:
    added = store.add_feeds([feed(n) for n in range(4)], NOW)
    done = threading.Event()

    def write(number: int) -> None:
        for page in range(125):
            save(store, added[number], [draft(post(f"{number}-{page}"))], cursor=str(page))

    def read(_: int) -> None:
        while not done.is_set():
            store.posts(PostQuery(limit=5))
            store.search("allotment")

    with ThreadPoolExecutor(6) as pool:
        readers = pool.map(read, range(2))
        try:
            list(pool.map(write, range(4)))
        finally:
            done.set()
        list(readers)
    assert store.stats().posts == 500
    assert {(state.cursor, state.posts) for state in store.feeds()} == {("124", 125)}


def test_counts_say_what_is_there(store: Store, one: Feed) -> None:
    kept(store, one, draft(post(1, account=by("ann"))), scored(post(2), 0.5), scored(post(3), 0.5))
    save(store, one, deleted=("1/3",), gap=Gap("g"), rejects=(Reject(None, "r", ""),))
    stats = store.stats()
    assert (stats.posts, stats.feeds, stats.accounts, stats.unscored, stats.gaps, stats.rejects) == (2, 1, 1, 1, 1, 1)
    assert stats.bytes > 0
    assert stats.schema >= 1


def test_a_turn_may_name_a_post_twice(store: Store, one: Feed) -> None:
    assert len(save(store, one, [draft(post(1)), draft(post(1))]).new) == 1
    assert Turn(one, datetime.now(UTC), None, SOON).drafts == ()

"""Stories in the store: what joins, what stays apart, merges and their redirects, reasons, and a bounded cost."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from listener import stories
from listener.store import PostQuery, meeting, story
from listener.store.sqlite import SqliteStore
from listener.types import Draft, Feed, Post
from tests.stored import NOW, by, days, draft, feed, kept, minutes, post, save

BARGE = "Barge hits pillar of Karlow ferry bridge, crossing shut"
FERRY = "The Karlow ferry bridge is shut, a barge ran into one of the pillars"
LETTER = (
    "We wrote to the council of Pellbury because the buses of line 12 have come late on 41 of the last 60 mornings, "
    "and we would like to know what it means to do about that before the winter"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "listener.db")
    yield opened
    assert opened.check() == []
    opened.close()


@pytest.fixture
def one(store: SqliteStore) -> Feed:
    return store.add_feed(feed(), NOW)


def told(name: object, text: str, **rest: object) -> Draft:
    """A draft with its print."""
    return draft(post(name, text, **rest), simhash=stories.simhash(text))


def of(store: SqliteStore, *ids: int) -> list[int | None]:
    return [found.story for found in store.posts_by_id(ids)]


def reasons(store: SqliteStore, number: int) -> dict[int, str | None]:
    _, members = store.story_members([number])[number]
    return {member.post: member.why for member in members}


def test_each_reason_is_told(store, one):
    (first,) = kept(store, one, draft(post(1, BARGE), link_key=7))
    link, quote, repost = kept(
        store,
        one,
        draft(post(2, "So that is why I am late"), link_key=7),
        draft(post(3, "Again?", kind="quote", refers_to="1/1")),
        draft(post(4, "", kind="repost", refers_to="1/1")),
    )
    (names,) = kept(store, one, told(5, FERRY, account=by("ann")))
    assert reasons(store, first) == {
        first: None,
        link: "same link",
        quote: "quotes it",
        repost: "reposts it",
        names: "same names and words",
    }
    _, members = store.story_members([first])[first]
    assert members[-1].via == first


def test_a_copy_is_told_as_the_same_words_and_found_across_pages(store, one):
    (first,) = kept(store, one, told(1, LETTER))
    (copy,) = kept(store, one, told(2, LETTER.replace("We wrote", "Yesterday we wrote") + " #pellbury"))
    assert reasons(store, first) == {first: None, copy: "same words"}


@pytest.mark.parametrize("together", [True, False])
def test_the_quoted_post_may_come_after_its_quote(store, one, together):
    quote = draft(post(2, "Read this", kind="quote", refers_to="1/1", published_at=NOW - minutes(9)))
    original = draft(post(1, BARGE))
    if together:
        first, late = kept(store, one, quote, original)
    else:
        (first,), (late,) = kept(store, one, quote), kept(store, one, original)
    assert of(store, first, late) == [first, first]
    assert reasons(store, first) == {first: None, late: "is quoted"}


def test_two_quotes_of_a_post_that_is_not_here_are_one_story(store, one):
    a, b = kept(store, one, *(draft(post(n, f"No {n}", kind="quote", refers_to="1/else")) for n in (1, 2)))
    (c,) = kept(store, one, draft(post(3, "Mine", kind="repost", refers_to="1/else")))
    assert of(store, a, b, c) == [a, a, a]
    assert reasons(store, a) == {a: None, b: "quotes the same", c: "quotes the same"}


def test_a_post_of_two_stories_makes_them_one_and_the_old_number_still_finds_it(store, one):
    older, mate = kept(store, one, *(draft(post(n, f"Old {n}"), link_key=1) for n in (1, 2)))
    younger, other = kept(store, one, *(draft(post(n, f"Young {n}"), link_key=2) for n in (3, 4)))
    assert of(store, older, mate, younger, other) == [older, older, younger, younger]
    (both,) = kept(store, one, draft(post(5, "Compare", kind="quote", refers_to="1/4"), link_key=1))
    assert of(store, older, mate, younger, other, both) == [older] * 5
    assert reasons(store, younger) == {
        older: None,
        mate: "same link",
        younger: "quotes it",
        other: "same link",
        both: "same link",
    }
    assert store.story_members([younger])[younger][0] == older
    assert {found.story for found in store.candidates(NOW - days(1), NOW + days(1))} == {older}


def test_a_story_that_moved_twice_is_found_by_each_old_number(store, one):
    a, b, c = (kept(store, one, draft(post(n, f"Story {n}"), link_key=n))[0] for n in (1, 2, 3))
    kept(store, one, draft(post(4, "x", kind="quote", refers_to="1/3"), link_key=2))
    kept(store, one, draft(post(5, "y", kind="quote", refers_to="1/3"), link_key=1))
    found = store.story_members([a, b, c, 99])
    assert {number: story for number, (story, _) in found.items()} == {a: a, b: a, c: a}
    assert len(found[c][1]) == 5


def test_a_page_that_joins_three_stories_one_after_the_other_leaves_nobody_behind(store, one):
    ids = kept(store, one, *(draft(post(n, f"Story {n}"), link_key=n) for n in (1, 2, 3)))
    more = kept(
        store,
        one,
        draft(post(4, "x", published_at=NOW - minutes(4), kind="quote", refers_to="1/2"), link_key=3),
        draft(post(5, "y", published_at=NOW - minutes(3), kind="quote", refers_to="1/1"), link_key=3),
    )
    assert of(store, *ids, *more) == [ids[0]] * 5
    assert reasons(store, ids[2]).keys() == {*ids, *more}


def test_a_page_that_joins_two_of_its_own_stories_leaves_no_trace_of_the_younger(store, one):
    ids = kept(
        store,
        one,
        draft(post(1, "a", published_at=NOW - minutes(9)), link_key=1),
        draft(post(2, "b", published_at=NOW - minutes(8)), link_key=2),
        draft(post(3, "c", published_at=NOW - minutes(7), kind="quote", refers_to="1/2"), link_key=1),
        draft(post(4, "d", published_at=NOW - minutes(6)), link_key=2),
    )
    assert of(store, *ids) == [ids[0]] * 4
    assert reasons(store, ids[0]) == {
        ids[0]: None, ids[1]: "quotes it", ids[2]: "same link", ids[3]: "same link"
    }  # fmt: skip


def test_saving_a_page_twice_changes_no_story(store, one):
    page = [told(1, BARGE), told(2, FERRY, account=by("ann")), draft(post(3, "x", kind="quote", refers_to="1/1"))]
    ids = kept(store, one, *page)
    before = store.story_members(ids)
    save(store, one, page)
    assert store.story_members(ids) == before


def test_a_huge_story_stays_where_it_is(store, one, monkeypatch):
    monkeypatch.setattr(story, "MOVED_MOST", 3)
    (older,) = kept(store, one, draft(post("o", "Old"), link_key=1))
    crowd = kept(store, one, *(draft(post(n, f"Crowd {n}"), link_key=2) for n in range(6)))
    (both,) = kept(store, one, draft(post("b", "Both", kind="quote", refers_to="1/0"), link_key=1))
    assert of(store, older, both, *crowd) == [older, older, *[crowd[0]] * 6]


@pytest.mark.parametrize(
    ("later", "why"),
    [
        ({"text": FERRY, "published_at": NOW + days(1)}, "the next day"),
        ({"text": "Lock gate hits pillar of Menton rail bridge, crossing shut"}, "another place"),
        ({"text": "Ein Schiff rammt die Karlow ferry bridge, der Fluss ist nun gesperrt"}, "another language"),
        ({"text": FERRY, "kind": "reply", "in_reply_to": "1/9"}, "a reply"),
    ],
)  # fmt: skip
def test_what_only_looks_alike_stays_apart(store, one, later, why):
    (first,) = kept(store, one, told(1, BARGE))
    now = later.get("published_at", NOW)
    (second,) = kept(store, one, told(2, **later), now=now)
    assert of(store, first, second) == [first, second], why


@pytest.mark.parametrize(("hours", "joins"), [(5, True), (7, False)])
def test_one_voice_saying_the_same_again_later_is_a_series(store, one, hours, joins):
    at = NOW - days(1)
    ids = [
        kept(store, one, told(n, LETTER, account=by("ann"), published_at=at + minutes(60 * hours * n)))[0]
        for n in (0, 1)
    ]
    assert of(store, *ids) == ([ids[0]] * 2 if joins else ids)


def test_a_reply_that_begins_with_the_words_it_answers_is_no_copy(store, one):
    (first,) = kept(store, one, told(1, LETTER))
    answers = [
        f"> {LETTER}\n\nIn our street it is the same, and the council never answered either of our letters",
        f"“{LETTER}” In our street it is the same, and nobody ever answered either of our letters",
    ]
    ids = kept(store, one, *(told(n, text) for n, text in enumerate(answers, 2)))
    assert first not in of(store, *ids)


def test_an_erased_founder_leaves_a_story_that_is_still_found(store, one):
    (first,) = kept(store, one, draft(post(1, "a"), link_key=1))
    (second,) = kept(store, one, draft(post(2, "b"), link_key=1), now=NOW + days(2))
    store.prune(NOW + days(11), raw_days=1, post_days=10, story_days=3)
    assert store.post(first) is None
    assert reasons(store, first) == {second: "same link"}
    store.prune(NOW + days(13), raw_days=1, post_days=10, story_days=3)
    assert store.story_members([first]) == {}


def test_the_retention_takes_what_led_to_stories_that_are_gone(store, one):
    kept(store, one, draft(post(1, "a"), link_key=1), draft(post(2, "b"), link_key=2))
    kept(store, one, draft(post(3, "c", kind="quote", refers_to="1/2"), link_key=1))
    store.prune(NOW + days(30), raw_days=1, post_days=10, story_days=3)
    assert store.posts(PostQuery()) == []
    with store._connections.reading() as connection:
        for table in ("bands", "joined", "moved"):
            assert connection.execute(f"select count(*) from {table}").fetchone() == (0,), table


def test_the_plan_of_each_query_uses_an_index(store):
    given = json.dumps([1])
    queries = {
        meeting.NEAR: (given,), meeting.MARKED: (given,), meeting.POINTING: (given,), meeting.READ: (given,),
        story.BY_LINK: (1, 2, 3), story.MEMBERS: (1, 2), story.MOVED: (given,), story.TOLD: (given, given),
        "update joined set story = ? where story = ?": (1, 2), "update moved set story = ? where story = ?": (1, 2),
    }  # fmt: skip
    with store._connections.writing(durable=False) as connection:
        for sql, values in queries.items():
            plan = [row[3] for row in connection.execute(f"explain query plan {sql}", values)]
            scans = [step for step in plan if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
            assert plan, sql
            assert scans == [], sql


def test_a_post_is_compared_with_a_bounded_number_of_others(store, one, monkeypatch):
    kept(store, one, *(told(n, f"{BARGE} on day {n}", published_at=NOW - minutes(n)) for n in range(200)))
    compared = []
    real = story._likeness
    monkeypatch.setattr(story, "_likeness", lambda *given: compared.append(given) or real(*given))
    kept(store, one, told("new", BARGE))
    assert len(compared) <= meeting.COMPARED + 4 * meeting.BUCKET


NAMES = st.integers(1, 6)
POSTS = st.lists(st.tuples(NAMES, st.none() | st.integers(1, 3), st.none() | NAMES), min_size=1, max_size=9)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(POSTS, min_size=1, max_size=4))
def test_stories_are_what_links_and_quotes_connect_whatever_the_order(tmp_path_factory, pages):
    folder = tmp_path_factory.mktemp("stories")
    opened = SqliteStore.open(folder / "listener.db")
    to = opened.add_feed(feed(), NOW)
    expected: dict[int, set[object]] = {}
    number = 0
    for page in pages:
        drafts = []
        for _, link, quotes in page:
            number += 1
            kind = {"kind": "quote", "refers_to": f"1/{quotes}"} if quotes else {}
            drafts.append(draft(Post("blog", f"1/{number}", text="x", published_at=NOW, **kind), link_key=link))
            expected[number] = {("post", number)} | ({("link", link)} if link else set())
            expected[number] |= {("post", quotes)} if quotes else set()
        save(opened, to, drafts)
    assert _groups({found.post.native_id: found.story for found in opened.posts(PostQuery())}) == _connected(expected)
    opened.close()


def _groups(given: dict[str, int | None]) -> set[frozenset[int]]:
    found: dict[int | None, set[int]] = {}
    for name, number in given.items():
        found.setdefault(number, set()).add(int(name.removeprefix("1/")))
    return {frozenset(group) for group in found.values()}


def _connected(marks: dict[int, set[object]]) -> set[frozenset[int]]:
    groups: list[tuple[set[int], set[object]]] = []
    for number, own in marks.items():
        met = [group for group in groups if group[1] & own]
        groups = [group for group in groups if not group[1] & own]
        numbers, names = {number}, set(own)
        for group in met:
            numbers |= group[0]
            names |= group[1]
        groups.append((numbers, names))
    return {frozenset(numbers) for numbers, _ in groups}

"""A walk from the newest post to the last known one, against a list that changes under it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from listener.types import Gap, Page
from listener.walk import KNOWN, Item, Walk, paged, step

START = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass
class Platform:
    """A list, newest first, paged by the id before which the next page begins; one post a minute."""

    size: int
    posts: list[int] = field(default_factory=list)
    made: int = 0

    def say(self, count: int) -> None:
        for _ in range(count):
            self.made += 1
            self.posts.insert(0, self.made)

    def delete(self, numbers: set[int]) -> None:
        self.posts = [number for number in self.posts if number not in numbers]

    def page(self, token: str | None) -> tuple[list[Item], str | None]:
        older = [n for n in self.posts if token is None or n < int(token)]
        shown = older[: self.size]
        items = [Item(str(n), START + timedelta(minutes=n)) for n in shown]
        return items, str(shown[-1]) if len(older) > len(shown) else None


def turn(platform: Platform, cursor: str | None, between: int = 0, pages: int = 1_000) -> tuple[str, set[int]]:
    """Walk once; `between`: posts said after each page. Give the cursor and what came."""
    came: set[int] = set()
    for _ in range(pages):
        walk = Walk.read(cursor)
        items, token = platform.page(walk.token)
        taken = step(walk, items, token)
        came |= {int(item.native_id) for item in items}
        cursor = taken.walk.cursor
        platform.say(between)
        if not taken.more:
            return cursor, came
    return cursor, came


@settings(max_examples=200, deadline=None)
@given(
    size=st.integers(1, 7),
    rounds=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2), st.sets(st.integers(1, 60)), st.integers(1, 4))),
)
def test_whatever_happens_between_pages_no_post_is_missed(size, rounds):
    platform = Platform(size)
    platform.say(5)
    cursor, seen = turn(platform, None)
    for said, between, deleted, pages in rounds:
        platform.say(said)
        platform.delete(deleted)
        # Broken off after some pages, as a crash or the page cap does, then taken up again.
        cursor, came = turn(platform, cursor, min(between, size - 1), pages)
        seen |= came
    while Walk.read(cursor).token is not None:
        cursor, came = turn(platform, cursor)
        seen |= came
    cursor, came = turn(platform, cursor)
    seen |= came
    assert set(platform.posts) <= seen


def test_the_mark_moves_only_when_a_walk_has_reached_it():
    platform = Platform(2)
    platform.say(3)
    cursor, _ = turn(platform, None)
    platform.say(9)
    cursor, came = turn(platform, cursor, pages=1)
    assert came == {12, 11}
    under_way = Walk.read(cursor)
    assert (under_way.known[0], under_way.pending[0], under_way.token) == ("3", "12", "11")
    cursor, came = turn(platform, cursor)
    assert came >= set(range(4, 11))
    assert Walk.read(cursor).known[0] == "12"


def test_a_first_walk_looks_back_so_far_and_no_further():
    platform = Platform(10)
    platform.say(10_000)
    walk, came = Walk(), 0
    while True:
        items, token = platform.page(walk.token)
        came += len(items)
        walk, more, gap = step(walk, items, token, since_s=3_600)
        assert gap is None
        if not more:
            break
    assert 60 <= came <= 75


def test_a_pinned_post_of_old_does_not_end_a_walk():
    platform = Platform(3)
    platform.say(4)
    cursor, _ = turn(platform, None)
    platform.say(5)
    items, token = platform.page(None)
    pinned = [Item("1", START), *items]
    assert step(Walk.read(cursor), pinned, token).more


def test_a_deleted_mark_does_not_walk_to_the_end_of_all():
    platform = Platform(2)
    platform.say(500)
    cursor, _ = turn(platform, None)
    known = {int(number) for number in Walk.read(cursor).known}
    platform.say(2)
    platform.delete(known)
    _, came = turn(platform, cursor)
    assert len(came) <= 6


def test_a_list_that_ends_before_the_mark_is_a_gap_where_the_platform_goes_back_no_further():
    walk = Walk(known=("100",), newest_s=(START + timedelta(minutes=100)).timestamp())
    items = [Item(str(n), START + timedelta(minutes=n)) for n in (300, 299)]
    assert step(walk, items, None, deep=False).gap == Gap(
        "the platform's list ended before the last post we knew", "100", "299"
    )
    assert step(walk, items, None).gap is None


def test_pages_that_repeat_themselves_end_the_walk_with_a_gap():
    walk = Walk(known=("100",), newest_s=(START + timedelta(minutes=100)).timestamp(), token="7", pages=3)
    taken = step(walk, [Item("300", START + timedelta(minutes=300))], "7")
    assert not taken.more
    assert taken.gap is not None
    assert "repeat" in taken.gap.reason


def test_an_empty_page_keeps_the_mark():
    walk = Walk(known=("100",), newest_s=1.0)
    assert step(walk, [], None).walk == walk


def test_the_overlap_is_read_again():
    platform = Platform(5)
    platform.say(50)
    cursor, _ = turn(platform, None)
    items, token = platform.page(None)
    assert not step(Walk.read(cursor), items, token).more
    assert step(Walk.read(cursor), items, token, overlap_s=600).more


@given(st.text(max_size=200) | st.just('{"known": 7}') | st.just("[1]") | st.just('{"pages": "x"}'))
def test_any_text_is_a_cursor(text):
    assert isinstance(Walk.read(text), Walk)


@given(st.lists(st.text(min_size=1, max_size=9), max_size=5), st.none() | st.text(min_size=1, max_size=9))
def test_a_cursor_is_read_back_as_it_was_written(known, token):
    walk = Walk(known=tuple(known), newest_s=5.5, token=token, pages=2, extra={"etag": "x"})
    assert Walk.read(walk.cursor) == walk


def test_the_mark_is_many_ids_and_not_more_than_needed():
    items = [Item(str(n), START) for n in range(KNOWN + 50)]
    assert len(step(Walk(), items, None).walk.known) == KNOWN


def test_a_page_keeps_its_own_gap_beside_a_step():
    page = paged(Page(gap=Gap("own")), step(Walk(), [], None))
    assert page.gap == Gap("own")
    assert not page.more

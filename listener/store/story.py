"""Which story a new post joins: that of the post it repeats, shares a link with, or nearly quotes word for word.

Near-duplicates are found through four bands of 16 bits: two prints that differ in at most three bits are equal in at
least one of them. Each band is looked up among its newest posts only, so that a post costs the same in any store.
"""

from collections.abc import Mapping, Sequence
from sqlite3 import Connection
from typing import Final, NamedTuple

from listener.store import Key
from listener.store.rows import DAY_MS
from listener.types import Draft

LINK_DAYS: Final = 7
"""Posts with one link belong together when their times are at most so far apart."""
NEAR_DAYS: Final = 3
"""The same for nearly the same words."""
NEAR_BITS: Final = 3
"""Most bits in which the prints of near-duplicates differ."""
BUCKET: Final = 16
"""Newest posts of each band that are compared."""

_BANDS: Final = 4
_BAND_BITS: Final = 16
_MASK: Final = (1 << _BAND_BITS) - 1

_BY_LINK: Final = (
    "select story from posts indexed by posts_link"
    " where link_key = ? and sort_at between ? and ? order by sort_at desc limit 1"
)
_ARM: Final = f"select post from (select post from bands where band = ? order by post desc limit {BUCKET})"
_BY_WORDS: Final = (
    "select story, simhash, sort_at from posts"
    f" where id in ({' union all '.join([_ARM] * _BANDS)}) and simhash is not null"
)


class Fresh(NamedTuple):
    """A post that is about to be inserted."""

    id: int
    draft: Draft
    sort_at: int


def bands(simhash: int) -> tuple[int, ...]:
    """Cut a print into the numbers that near-duplicates share at least one of: place and value of each band."""
    return tuple(
        place << _BAND_BITS | (simhash >> place * _BAND_BITS) & _MASK for place in range(_BANDS)
    )  # a shift of a negative number keeps its bits


def stories(connection: Connection, fresh: Sequence[Fresh], known: Mapping[Key, int]) -> list[int]:
    """Give the story of each post, in order: the oldest that fits, else its own id.

    `known` are the stories of posts that reposts among them may repeat.
    """
    page = _Offers(dict(known), {}, {})
    given = []
    for one in fresh:
        found = [*_by_link(connection, one, page), *_by_words(connection, one, page)]
        repeated = repeats(one.draft)
        if repeated in page.stories:
            found.append(page.stories[repeated])
        story = min(found, default=one.id)
        given.append(story)
        page.add(one, story)
    return given


def repeats(draft: Draft) -> Key | None:
    """Name the post whose story a repost takes; None: it is no repost."""
    post = draft.post
    return (post.platform, post.refers_to) if post.kind == "repost" and post.refers_to is not None else None


def band_rows(fresh: Sequence[Fresh], now: int) -> list[tuple[int, int]]:
    """Give the rows of `bands` for posts that a later one can still be near to in time."""
    oldest = now - NEAR_DAYS * DAY_MS
    return [
        (band, one.id)
        for one in fresh
        if one.draft.simhash is not None and one.sort_at >= oldest
        for band in bands(one.draft.simhash)
    ]


class _Offers(NamedTuple):
    """What the posts of the same page, not yet in the file, offer to each other."""

    stories: dict[Key, int]
    links: dict[int, list[tuple[int, int]]]
    near: dict[int, list[tuple[int, int, int]]]

    def add(self, one: Fresh, story: int) -> None:
        post, link, simhash = one.draft.post, one.draft.link_key, one.draft.simhash
        self.stories[post.platform, post.native_id] = story
        if link is not None:
            self.links.setdefault(link, []).append((story, one.sort_at))
        if simhash is not None:
            for band in bands(simhash):
                self.near.setdefault(band, []).append((story, simhash, one.sort_at))


def _by_link(connection: Connection, one: Fresh, page: _Offers) -> list[int]:
    link = one.draft.link_key
    if link is None:
        return []
    reach = LINK_DAYS * DAY_MS
    found = connection.execute(_BY_LINK, (link, one.sort_at - reach, one.sort_at + reach)).fetchall()
    return [row[0] for row in found] + [
        story for story, sort_at in page.links.get(link, ()) if abs(sort_at - one.sort_at) <= reach
    ]


def _by_words(connection: Connection, one: Fresh, page: _Offers) -> list[int]:
    simhash = one.draft.simhash
    if simhash is None:
        return []
    own = bands(simhash)
    others = connection.execute(_BY_WORDS, own).fetchall()
    for band in own:
        others += page.near.get(band, ())[-BUCKET:]
    return [
        story
        for story, print_, sort_at in others
        if abs(sort_at - one.sort_at) <= NEAR_DAYS * DAY_MS and differing_bits(print_, simhash) <= NEAR_BITS
    ]


def differing_bits(one: int, other: int) -> int:
    """Count the bits in which two prints differ."""
    return ((one ^ other) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()

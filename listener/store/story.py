"""Which story a new post joins: that of the post it repeats, shares a link with, or nearly quotes word for word.

Near-duplicates are found through four bands of 16 bits: two prints that differ in at most three bits are equal in at
least one of them. Each band is looked up among its newest posts only, so that a post costs the same in any store.
"""

import json
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

_BY_LINK: Final = (
    "select story, sort_at from posts indexed by posts_link"
    " where link_key = ? and sort_at between ? and ? order by sort_at desc limit 1"
)
_BY_WORDS: Final = (
    "select j.value, p.story, p.simhash, p.sort_at from json_each(?) j cross join posts p on p.id in"
    f" (select post from bands where band = j.value order by post desc limit {BUCKET}) where p.simhash is not null"
)

Offer = tuple[int, int, int]
"""Story, print and sort time of a post that another may be near to."""


class Fresh(NamedTuple):
    """A post that is about to be inserted."""

    id: int
    draft: Draft
    sort_at: int
    key: int
    bands: tuple[int, ...]


def bands(simhash: int | None) -> tuple[int, ...]:
    """Cut a print into the numbers that near-duplicates share one of: place and value of each band; None: no bands."""
    if simhash is None:
        return ()
    return (
        simhash & 0xFFFF,
        0x1_0000 | simhash >> 16 & 0xFFFF,
        0x2_0000 | simhash >> 32 & 0xFFFF,
        0x3_0000 | simhash >> 48 & 0xFFFF,
    )


def stories(connection: Connection, fresh: Sequence[Fresh], known: Mapping[Key, int]) -> list[int]:
    """Give the story of each post, in order: the oldest that fits, else its own id.

    `known` are the stories of posts that reposts among them may repeat.
    """
    page = _Offers(dict(known), {}, _near(connection, fresh), _shared(fresh))
    given = []
    for one in fresh:
        found = [*_by_link(connection, one, page), *_by_words(one, page)]
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
    """Give the rows of `bands`, in their order, for posts that a later one can still be near to in time."""
    oldest = now - NEAR_DAYS * DAY_MS
    return sorted((band, one.id) for one in fresh if one.sort_at >= oldest for band in one.bands)


class _Offers(NamedTuple):
    """What the posts in the file, and those of the same page that are not there yet, offer to each other."""

    stories: dict[Key, int]
    links: dict[int, tuple[int, int]]
    near: dict[int, list[Offer]]
    shared: set[int]
    """Bands that several posts of the page have; the others cannot meet here."""

    def add(self, one: Fresh, story: int) -> None:
        post, draft = one.draft.post, one.draft
        self.stories[post.platform, post.native_id] = story
        if draft.link_key is not None:
            self.links[draft.link_key] = (story, one.sort_at)
        if draft.simhash is not None and not self.shared.isdisjoint(one.bands):
            offer = (story, draft.simhash, one.sort_at)
            for band in one.bands:
                self.near.setdefault(band, []).append(offer)


def _by_link(connection: Connection, one: Fresh, page: _Offers) -> list[int]:
    link = one.draft.link_key
    if link is None:
        return []
    reach = LINK_DAYS * DAY_MS
    found = connection.execute(_BY_LINK, (link, one.sort_at - reach, one.sort_at + reach)).fetchall()
    if link in page.links:
        found.append(page.links[link])
    return [story for story, sort_at in found if abs(sort_at - one.sort_at) <= reach]


def _shared(fresh: Sequence[Fresh]) -> set[int]:
    seen: set[int] = set()
    shared: set[int] = set()
    for one in fresh:
        shared.update(seen.intersection(one.bands))
        seen.update(one.bands)
    return shared


def _near(connection: Connection, fresh: Sequence[Fresh]) -> dict[int, list[Offer]]:
    """Look up the bands of all posts at once."""
    found: dict[int, list[Offer]] = {}
    wanted = sorted({band for one in fresh for band in one.bands})
    for band, *offer in connection.execute(_BY_WORDS, (json.dumps(wanted),)) if wanted else ():
        found.setdefault(band, []).append(tuple(offer))
    return found


def _by_words(one: Fresh, page: _Offers) -> list[int]:
    simhash, reach = one.draft.simhash or 0, NEAR_DAYS * DAY_MS
    return [
        story
        for band in one.bands
        for story, print_, sort_at in page.near.get(band, ())
        if differing_bits(print_, simhash) <= NEAR_BITS and abs(sort_at - one.sort_at) <= reach
    ]


def differing_bits(one: int, other: int) -> int:
    """Count the bits in which two prints differ."""
    return ((one ^ other) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()

"""What new posts may meet in the file: those with a word print or with telling words in common, from an index.

The table `bands` holds, for each young post, the numbers by which a later one finds it: four bands of its print, the
marks of its most telling words, and the post that it points at. A number is looked up among its newest posts only,
so that a post costs the same in any store.
"""

import json
from collections.abc import Sequence
from sqlite3 import Connection
from typing import Final, NamedTuple, Self

from listener import stories, telling
from listener.store import Key
from listener.store.rows import DAY_MS, KINDS, hash64
from listener.telling import Telling
from listener.types import Draft, Post

BUCKET: Final = 16
"""Newest posts of each number that are compared."""
COMPARED: Final = 4
"""Posts with the most marks in common with a new one that are read and compared with it."""
MARKS_SHARED: Final = 3
"""Fewest marks in common that make a post worth reading."""
MARK_BITS: Final = 24
POINTER: Final = 1 << 62
"""Numbers from here on are hashes of what a repost or quote points at."""

NEAR: Final = (
    "select j.value, p.id, p.simhash from json_each(?) j cross join posts p on p.id in"
    f" (select post from bands where band = j.value order by post desc limit {BUCKET}) where p.simhash is not null"
)
MARKED: Final = (
    f"select j.value >> {MARK_BITS} place, b.post, count(*) from json_each(?) j cross join bands b"
    f" on b.band = j.value & {(1 << MARK_BITS) - 1} and b.post > coalesce((select post from bands"
    f" where band = j.value & {(1 << MARK_BITS) - 1} order by post desc limit 1 offset {BUCKET}), 0)"
    f" group by place, b.post having count(*) >= {MARKS_SHARED}"
)
POINTING: Final = (
    "select j.value, p.id, p.story from json_each(?) j cross join posts p on p.id ="
    " (select max(post) from bands where band = j.value) where p.deleted_at is null"
)
READ: Final = (
    "select id, story, sort_at, account, kind, lang, native_id, url, title,"
    f" substr(text, 1, {telling.CHARACTERS_READ}), more from posts"
    " where id in (select value from json_each(?)) and deleted_at is null"
)


class Fresh(NamedTuple):
    """A post that is about to be inserted."""

    id: int
    draft: Draft
    sort_at: int
    key: int
    account: int | None
    bands: tuple[int, ...]
    asked: tuple[int, ...]
    """The marks that are looked up; by the first of them later posts find it."""
    pointer: int | None
    """The number of what this post points at."""

    @classmethod
    def of(cls, draft: Draft, place: tuple[int, int, int], account: int | None) -> Self:
        """Prepare a post. `place`: id, sort_at, key."""
        number, sort_at, key = place
        asked = telling.read(draft.post).asked if draft.marks is None else draft.marks
        points = points_at(draft)
        target = None if points is None else pointer(hash64(*points))
        return cls(number, draft, sort_at, key, account, bands(draft.simhash), asked, target)


class Met(NamedTuple):
    """A post that a new one is compared with."""

    id: int
    story: int
    sort_at: int
    account: int | None
    telling: Telling


def points_at(draft: Draft) -> Key | None:
    """Name the post whose story a repost or a quote takes; None: it is neither."""
    post = draft.post
    return None if post.refers_to is None or post.kind == "reply" else (post.platform, post.refers_to)


def pointer(key: int) -> int:
    """Make the number of a post that others point at, from its key."""
    return POINTER | key & POINTER - 1


def bands(simhash: int | None) -> tuple[int, ...]:
    """Cut a print into the numbers that near-duplicates share one of; None: no numbers."""
    return () if simhash is None else stories.bands(simhash)


def rows(fresh: Sequence[Fresh], now: int) -> list[tuple[int, int]]:
    """Give the rows of `bands`, in their order: what a later post can still meet."""
    found = []
    for one in fresh:
        if one.sort_at >= now - telling.DAYS_OF_WORDS * DAY_MS:
            found += [(band, one.id) for band in (*one.bands, *one.asked[: telling.MARKS])]
        if one.pointer is not None:
            found.append((one.pointer, one.id))
    return sorted(set(found))


class Meeting:
    """What the file holds for the new posts of one page, looked up at once."""

    def __init__(self, connection: Connection, fresh: Sequence[Fresh]) -> None:
        self.prints: dict[int, list[tuple[int, int]]] = {}
        self.marked: dict[int, list[int]] = {}
        self.pointing: dict[int, tuple[int, int]] = {}
        self.posts: dict[int, Met] = {}
        self._look_up(connection, fresh)
        wanted = {number for found in self.marked.values() for number in found}
        wanted |= {number for one in fresh for number in self.near(one)}
        if wanted:
            found = connection.execute(READ, (json.dumps(list(wanted)),))
            self.posts = {row[0]: Met(row[0], row[1], row[2], row[3], _told(*row[4:])) for row in found}

    def near(self, one: Fresh) -> list[int]:
        """List the posts whose print is near to that of a new one."""
        print_ = one.draft.simhash
        if print_ is None or self.prints.keys().isdisjoint(one.bands):
            return []
        found = {id_: other for band in one.bands for id_, other in self.prints.get(band, ())}
        return [id_ for id_, other in found.items() if stories.near(print_, other)]

    def _look_up(self, connection: Connection, fresh: Sequence[Fresh]) -> None:
        wanted = sorted({band for one in fresh for band in one.bands})
        for band, post, print_ in connection.execute(NEAR, (json.dumps(wanted),)) if wanted else ():
            self.prints.setdefault(band, []).append((post, print_))
        asked = [place << MARK_BITS | mark for place, one in enumerate(fresh) for mark in one.asked]
        hits: dict[int, list[tuple[int, int]]] = {}
        for place, post, count in connection.execute(MARKED, (json.dumps(asked),)) if asked else ():
            hits.setdefault(place, []).append((count, post))
        self.marked = {place: [post for _, post in sorted(hits[place])[-COMPARED:]] for place in hits}
        pointers = {pointer(one.key) for one in fresh} | {one.pointer for one in fresh if one.pointer is not None}
        for target, post, story in connection.execute(POINTING, (json.dumps(list(pointers)),)):
            self.pointing[target] = (post, story)


def _told(*row: object) -> Telling:
    kind, lang, native_id, url, title, text, more = row
    rare = json.loads(str(more)) if more else {}
    address = str(native_id)[str(native_id).find("http") :] if url == "" else url
    found = Post(
        "", "", None if address is None else str(address), kind=KINDS[int(str(kind))],
        title=None if title is None else str(title), text=str(text), lang=None if lang is None else str(lang),
        in_reply_to=rare.get("r"), links=tuple(rare.get("l", ())),
    )  # fmt: skip
    return telling.read(found)

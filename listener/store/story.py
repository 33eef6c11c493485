"""Which story a new post joins: that of what it points at, shares a link with, nearly repeats, or tells the same as.

A story's number is that of the post that founded it. A post that belongs to two makes them one: the younger's posts
move to the older, and its number goes on leading there (`moved`). Why a post is in its story stands in `joined`.
"""

import json
from collections.abc import Collection, Mapping, Sequence, Set
from operator import attrgetter
from sqlite3 import Connection
from typing import Final, NamedTuple

from listener import stories as prints
from listener import telling
from listener.store import Key, Member
from listener.store.meeting import BUCKET, COMPARED, MARKS_SHARED, Fresh, Meeting, Met, pointer, points_at
from listener.store.rows import DAY_MS

LINK_DAYS: Final = 7
"""Posts with one link belong together when their times are at most so far apart."""
MOVED_MOST: Final = 500
"""A story with more posts than this does not move into another one: a page must not cost a whole night's talk."""

REASONS: Final = (
    "reposts it", "quotes it", "is quoted", "quotes the same", "same link", "same words", "same names and words",
)  # fmt: skip
"""Why a post is in its story; its place here is what `joined` keeps, the strongest first."""
_REASON: Final = {reason: number for number, reason in enumerate(REASONS)}

BY_LINK: Final = (
    "select id, story, sort_at from posts indexed by posts_link"
    " where link_key = ? and sort_at between ? and ? order by sort_at desc limit 1"
)
MEMBERS: Final = "select post from joined where story = ? limit ?"
MOVED: Final = "select old, story from moved where old in (select value from json_each(?))"
TOLD: Final = (
    "select j.story, j.post, j.why, j.via from json_each(?) g cross join joined j on j.story = g.value"
    " cross join posts p on p.id = j.post where p.deleted_at is null"
    " union all select p.id, p.id, null, null from posts p where p.id in (select value from json_each(?))"
    " and p.story = p.id and p.deleted_at is null"
)


class Join(NamedTuple):
    """A story that a post belongs to, why, and the post that it met there. The least is the one to tell."""

    why: int
    via: int
    story: int


def members(connection: Connection, asked: Collection[int]) -> dict[int, tuple[int, tuple[Member, ...]]]:
    """Tell what became of stories: asked number to today's number and its posts, oldest first."""
    now = {number: number for number in asked}
    now |= dict(connection.execute(MOVED, (json.dumps(list(now)),)).fetchall())
    given = json.dumps(sorted(set(now.values())))
    found: dict[int, list[Member]] = {}
    for story, post, why, via in connection.execute(TOLD, (given, given)):
        found.setdefault(story, []).append(Member(post, None if why is None else REASONS[why], via))
    told = {story: tuple(sorted(posts, key=attrgetter("post"))) for story, posts in found.items()}
    return {number: (story, told[story]) for number, story in now.items() if story in told}


def stories(connection: Connection, fresh: Sequence[Fresh], known: Mapping[Key, tuple[int, int]]) -> list[int]:
    """Give the story of each post, in order: the oldest that fits, else its own id; note why, and merge.

    `known`: posts in the file that some of them point at, to their id and story.
    """
    page = _Page(connection, fresh, known)
    for place, one in enumerate(fresh):
        page.place(place, one)
    return page.written()


class _Page:
    """The posts of one page, finding each other and those in the file."""

    def __init__(self, connection: Connection, fresh: Sequence[Fresh], known: Mapping[Key, tuple[int, int]]) -> None:
        self.connection = connection
        self.meeting = meeting = Meeting(connection, fresh)
        self.met: dict[int, Met] = dict(meeting.posts)
        """Posts that have been read for comparing."""
        self.fresh = {one.id: one for one in fresh}
        self.shared = _shared(fresh)
        self.keys: dict[Key, tuple[int, int]] = dict(known)
        self.links: dict[int, tuple[int, int, int]] = {}
        self.marks: dict[int, list[int]] = {}
        self.prints: dict[int, list[tuple[int, int]]] = {}
        self.pointing: dict[int, tuple[int, int]] = dict(meeting.pointing)
        self.given: dict[int, int] = {}
        """New post to story, as it was when it was placed."""
        self.joins: dict[int, Join] = {}
        """Post to why it is where it is: of this page, and founders of stories that moved."""
        self.moved: dict[int, int] = {}

    def place(self, place: int, one: Fresh) -> None:
        """Find a post's story; make its stories one."""
        joins = [join._replace(story=self.now(join.story)) for join in self._joins(place, one)]
        oldest = min((join.story for join in joins), default=one.id)
        if joins:
            self.joins[one.id] = min(join for join in joins if join.story == oldest)
        for join in sorted(joins):
            if self.now(join.story) != oldest:
                self._merge(join, oldest, one)
        self._add(one, oldest)

    def now(self, story: int) -> int:
        """Give the story that another one has moved to."""
        while story in self.moved:
            story = self.moved[story]
        return story

    def written(self) -> list[int]:
        """Note why posts are in their stories; give the stories of the page's posts, in order."""
        found = [self.now(story) for story in self.given.values()]
        rows = [
            (self.now(join.story), post, join.why, join.via)
            for post, join in self.joins.items()
            if self.now(join.story) != post
        ]
        self.connection.executemany("insert or replace into joined(story, post, why, via) values (?, ?, ?, ?)", rows)
        return found

    def _joins(self, place: int, one: Fresh) -> list[Join]:
        return [*self._by_pointer(one), *self._by_link(one), *self._by_likeness(place, one)]

    def _by_pointer(self, one: Fresh) -> list[Join]:
        found, points, target = [], points_at(one.draft), one.pointer
        if points in self.keys:
            why = "reposts it" if one.draft.post.kind == "repost" else "quotes it"
            found.append(Join(_REASON[why], *self.keys[points]))
        elif target is not None and target in self.pointing:
            found.append(Join(_REASON["quotes the same"], *self.pointing[target]))
        own = pointer(one.key)
        if own in self.pointing:
            found.append(Join(_REASON["is quoted"], *self.pointing[own]))
        return found

    def _by_link(self, one: Fresh) -> list[Join]:
        link, reach = one.draft.link_key, LINK_DAYS * DAY_MS
        if link is None:
            return []
        found = self.connection.execute(BY_LINK, (link, one.sort_at - reach, one.sort_at + reach)).fetchall()
        if link in self.links:
            found.append(self.links[link])
        why = _REASON["same link"]
        return [Join(why, id_, story) for id_, story, sort_at in found if abs(sort_at - one.sort_at) <= reach]

    def _by_likeness(self, place: int, one: Fresh) -> list[Join]:
        near = {*self.meeting.near(one), *self._near_here(one)}
        found = []
        for number in [*near, *self.meeting.marked.get(place, ()), *self._marked_here(one)]:
            met = self._read(number)
            why = None if met is None else _likeness(self._read(one.id) or met, met, near)
            if met is not None and why is not None:
                found.append(Join(_REASON[why], met.id, met.story))
        return found

    def _read(self, number: int) -> Met | None:
        """Read a post of the page when it is first compared."""
        if number not in self.met and number in self.fresh:
            one = self.fresh[number]
            story = self.given.get(number, number)
            self.met[number] = Met(number, story, one.sort_at, one.account, telling.read(one.draft.post))
        return self.met.get(number)

    def _near_here(self, one: Fresh) -> list[int]:
        print_ = one.draft.simhash
        if print_ is None:
            return []
        bands = self.shared.intersection(one.bands)
        found = {id_: other for band in bands for id_, other in self.prints.get(band, ())}
        return [id_ for id_, other in found.items() if prints.near(print_, other)]

    def _marked_here(self, one: Fresh) -> list[int]:
        counts: dict[int, int] = {}
        for mark in self.shared.intersection(one.asked):
            for number in self.marks.get(mark, ())[-BUCKET:]:
                counts[number] = counts.get(number, 0) + 1
        best = sorted((count, number) for number, count in counts.items() if count >= MARKS_SHARED)
        return [number for _, number in best[-COMPARED:]]

    def _add(self, one: Fresh, story: int) -> None:
        post, draft = one.draft.post, one.draft
        self.given[one.id] = story
        self.keys[post.platform, post.native_id] = (one.id, story)
        if one.id in self.met:
            self.met[one.id] = self.met[one.id]._replace(story=story)
        if draft.link_key is not None:
            self.links[draft.link_key] = (one.id, story, one.sort_at)
        if one.pointer is not None:
            self.pointing[one.pointer] = (one.id, story)
        for mark in self.shared.intersection(one.asked[: telling.MARKS]):
            self.marks.setdefault(mark, []).append(one.id)
        if draft.simhash is not None:
            for band in self.shared.intersection(one.bands):
                self.prints.setdefault(band, []).append((one.id, draft.simhash))

    def _merge(self, join: Join, older: int, one: Fresh) -> None:
        """Move a younger story into an older one, for the post that belongs to both."""
        younger = self.now(join.story)
        members = [post for (post,) in self.connection.execute(MEMBERS, (younger, MOVED_MOST + 1))]
        if len(members) > MOVED_MOST:
            return
        self.moved[younger] = older
        given = (older, json.dumps([younger, *members]))
        run = self.connection.execute
        if younger in self.fresh:  # nobody has heard of its number yet
            self.joins[younger] = Join(join.why, one.id, older)
        elif run("update posts set story = ? where id in (select value from json_each(?))", given).rowcount:
            founder = (older, younger, join.why, one.id)
            run("insert or replace into joined(story, post, why, via) values (?, ?, ?, ?)", founder)
            run("update joined set story = ? where story = ?", (older, younger))
            run("update moved set story = ? where story = ?", (older, younger))
            run("insert or replace into moved(old, story) values (?, ?)", (younger, older))


def _shared(fresh: Sequence[Fresh]) -> set[int]:
    """Find the numbers that several posts of the page have; by the others they cannot meet here."""
    seen: set[int] = set()
    shared: set[int] = set()
    for one in fresh:
        own = {*one.bands, *one.asked}
        shared |= seen & own
        seen |= own
    return shared


def _likeness(one: Met, met: Met, near: Set[int]) -> telling.Likeness | None:
    same_voice = one.account is not None and one.account == met.account
    apart = one.sort_at - met.sort_at
    if met.id in near:
        return "same words" if telling.copies(one.telling, met.telling, apart, same_voice=same_voice) else None
    return telling.likeness(one.telling, met.telling, apart, same_voice=same_voice)

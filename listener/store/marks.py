"""What the user did with posts: done, starred, snoozed, seen. Each method of `Marks` is one transaction."""

import json
from collections.abc import Sequence
from datetime import datetime
from sqlite3 import Connection
from typing import Final

from listener.errors import StoreError
from listener.store import MARKS, MarkKind, PostMark
from listener.store.books import Books
from listener.store.rows import Row, moment, ms, optional_moment

_ALIVE: Final = "select id from posts where id in (select value from json_each(?)) and deleted_at is null"
_MARK: Final = "insert or replace into marks(post, kind, at, until) values (?, ?, ?, ?)"
_OF: Final = (
    "select post, kind, at, until from marks where post in (select value from json_each(?)) order by at, post, kind"
)
_SINCE: Final = (
    "select post, kind, at, until from marks where kind in (select value from json_each(?)) and at >= ?"
    " order by at, post, kind"
)
_STORIES: Final = (
    "select p.story, m.kind from marks m cross join posts p on p.id = m.post"
    " where m.kind in (select value from json_each(?)) and m.at >= ? and (m.until is null or m.until > ?)"
)


class Marks(Books):
    """The part of `SqliteStore` that holds what the user did with posts."""

    def mark(self, posts: Sequence[int], kind: MarkKind, now: datetime, until: datetime | None = None) -> None:
        """Keep a mark on posts, all or none; synchronous to the disk."""
        end = None if until is None else ms(until)
        with self._connections.writing(durable=True) as connection:
            _check(connection, posts)
            connection.executemany(_MARK, [(post, kind, ms(now), end) for post in posts])

    def unmark(self, posts: Sequence[int], kind: MarkKind) -> None:
        """Take a mark back."""
        with self._connections.writing(durable=True) as connection:
            connection.executemany("delete from marks where post = ? and kind = ?", [(post, kind) for post in posts])

    def marks(self, ids: Sequence[int]) -> list[PostMark]:
        """List the marks of posts, oldest first."""
        with self._connections.reading() as connection:
            return _marks(connection.execute(_OF, (json.dumps(list(ids)),)).fetchall())

    def marks_since(self, since: datetime) -> list[PostMark]:
        """List what was marked at or after `since`, oldest first."""
        with self._connections.reading() as connection:
            return _marks(connection.execute(_SINCE, (json.dumps(MARKS), ms(since))).fetchall())

    def marked_stories(self, now: datetime, since: datetime) -> dict[int, frozenset[MarkKind]]:
        """Give each story today, of which a post was marked since, its marks; a snooze that is over counts no more."""
        found: dict[int, set[MarkKind]] = {}
        with self._connections.reading() as connection:
            for story, kind in connection.execute(_STORIES, (json.dumps(MARKS), ms(since), ms(now))):
                found.setdefault(story, set()).add(kind)
        return {story: frozenset(kinds) for story, kinds in found.items()}


def _check(connection: Connection, posts: Sequence[int]) -> None:
    alive = {number for (number,) in connection.execute(_ALIVE, (json.dumps(list(posts)),))}
    gone = sorted(set(posts) - alive)
    if gone:
        numbers = ", ".join(map(str, gone))
        raise StoreError(f"no post has the number {numbers}, or it was deleted; nothing was marked")


def _marks(rows: Sequence[Row]) -> list[PostMark]:
    return [PostMark(post, kind, moment(at), optional_moment(until)) for post, kind, at, until in rows]

"""What is done about leads and questions, with its log. Each method of `Working` is one transaction."""

import json
from collections.abc import Collection
from datetime import datetime
from sqlite3 import Connection
from typing import Final

from listener.errors import StoreError
from listener.store.books import Books
from listener.store.rows import SCALE, THUMB_UP, Row, key_of, moment, ms
from listener.work import OVER, STATES, TAKEN_BACK, Entry, Matter, Work, claimable

ALIVE: Final = "select 1 from posts where id = ? and deleted_at is null"
_WORK: Final = "select post, kind, state, owner, note, at from work"
_SET: Final = "insert or replace into work(post, kind, state, owner, note, at) values (?, ?, ?, ?, ?, ?)"
_LOG: Final = "insert into work_log(post, kind, state, owner, note, at) values (?, ?, ?, ?, ?, ?)"
_REPLIES: Final = (
    "select p.id, p.platform, json_extract(p.more, '$.r') from posts p indexed by posts_account"
    " where p.account in (select value from json_each(?)) and p.sort_at >= ? and p.deleted_at is null"
    " and json_extract(p.more, '$.r') is not null"
)
_QUESTION: Final = (
    "select p.id from posts p indexed by posts_key left join work w on w.post = p.id and w.kind = 'question'"
    " where p.key = ? and p.platform = ? and p.native_id = ? and p.deleted_at is null"
    " and (w.post is not null or p.question >= ?)"
)


class Working(Books):
    """The part of `SqliteStore` that holds the states of leads and questions."""

    def works(self, matter: Matter) -> list[Work]:
        """List the posts that somebody touched, the last touched first."""
        with self._connections.reading() as connection:
            sql = f"{_WORK} where kind = ? order by at desc, post desc"
            return [_work(row) for row in connection.execute(sql, (matter,))]

    def work(self, post: int, matter: Matter) -> Work | None:
        """Find where a post stands; None: nobody touched it."""
        with self._connections.reading() as connection:
            return _find(connection, post, matter)

    def work_log(self, post: int, matter: Matter) -> list[Entry]:
        """List all that was done about a post, oldest first."""
        sql = "select state, owner, note, at from work_log where post = ? and kind = ? order by id"
        with self._connections.reading() as connection:
            found = connection.execute(sql, (post, matter)).fetchall()
        return [Entry(state, owner, note, moment(at)) for state, owner, note, at in found]

    def set_work(self, work: Work, now: datetime) -> Work:
        """Keep where a post stands, and a line of its log; synchronous to the disk.

        Without an owner or a note the ones that are there stay. Unknown post: StoreError.
        """
        with self._connections.writing(durable=True) as connection:
            return _set(connection, work, ms(now))

    def claim(self, post: int, by: str, now: datetime, note: str | None = None) -> Work:
        """Take a question on; StoreError where somebody else has it, with who and since when."""
        with self._connections.writing(durable=True) as connection:
            claimable(_find(connection, post, "question"), by)
            return _set(connection, Work(post, "question", "claimed", by, note), ms(now))

    def take_back(self, post: int, matter: Matter, to: Work | None, now: datetime) -> Work | None:
        """Put a post back to where it stood; None: to untouched. Its log tells that a step was taken back."""
        with self._connections.writing(durable=True) as connection:
            if to is None:
                connection.execute("delete from work where post = ? and kind = ?", (post, matter))
                connection.execute(_LOG, (post, matter, STATES[matter][0], None, TAKEN_BACK, ms(now)))
                return None
            row = (post, matter, to.state, to.owner, to.note, ms(now))
            connection.execute(_SET, row)
            connection.execute(_LOG, (*row[:4], TAKEN_BACK, ms(now)))
            return _work(row)

    def note_answers(self, mine: Collection[int], threshold: float, since: datetime, now: datetime) -> list[int]:
        """Set questions to answered that one of the user's own accounts (`mine`) replied to since; give their numbers.

        `threshold`: from which probability on a post is a question. O(own posts since).
        """
        cut = min(round(threshold * SCALE), THUMB_UP)
        with self._connections.writing(durable=False) as connection:
            replies = connection.execute(_REPLIES, (json.dumps(sorted(mine)), ms(since))).fetchall()
            words = self._names.words(connection)
            found = []
            for reply, platform, parent in replies:
                key = key_of(words[platform], parent)
                for (post,) in connection.execute(_QUESTION, (key, platform, parent, cut)).fetchall():
                    held = _find(connection, post, "question")
                    if held is None or held.state not in OVER:
                        done = Work(post, "question", "answered", None, f"your reply is post {reply}")
                        _set(connection, done, ms(now))
                        found.append(post)
        return found


def _find(connection: Connection, post: int, matter: Matter) -> Work | None:
    found = connection.execute(f"{_WORK} where post = ? and kind = ?", (post, matter)).fetchall()
    return _work(found[0]) if found else None


def _set(connection: Connection, work: Work, now: int) -> Work:
    if not connection.execute(ALIVE, (work.post,)).fetchall():
        raise StoreError(f"no post has the number {work.post}, or it was deleted; nothing was changed")
    held = _find(connection, work.post, work.matter)
    owner = work.owner or (held.owner if held else None)
    note = work.note or (held.note if held else None)
    row = (work.post, work.matter, work.state, owner, note, now)
    connection.execute(_SET, row)
    connection.execute(_LOG, (*row[:4], work.note, now))
    return _work(row)


def _work(row: Row) -> Work:
    post, matter, state, owner, note, at = row
    return Work(post, matter, state, owner, note, moment(at))

"""The SQLite engine: the store's protocol over one file. Each method opens its transaction; its noun's module works."""

import logging
import os
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection, sqlite_version, sqlite_version_info
from typing import Final, Self

from listener.errors import StoreError
from listener.store import (
    Candidate,
    GapRow,
    Key,
    Member,
    PostQuery,
    RejectRow,
    Stats,
    care,
    feeds,
    listing,
    retention,
    salvage,
    schema,
    story,
)
from listener.store import search as searching
from listener.store.briefings import Briefings
from listener.store.connections import HINT, Connections, connect, exclusive, sound, translated
from listener.store.judgements import Judgements
from listener.store.marks import Marks
from listener.store.outbox import Outbox
from listener.store.persons import Persons
from listener.store.querying import Querying
from listener.store.rows import DAY_MS, Row, moment, ms
from listener.store.rulebook import Rulebook
from listener.store.salvage import Found
from listener.store.talk import Talk
from listener.store.turns import Saving, compressed, find, hashed, texts
from listener.store.volumes import Volumes
from listener.store.working import Working
from listener.types import Feed, FeedState, Plan, Saved, StoredPost, Turn

log = logging.getLogger(__name__)

CHEAP_BYTES: Final = 16_000_000
"""A file up to this size is looked through at every start (some 20 ms), a larger one after an unclean end."""


class SqliteStore(Persons, Judgements, Marks, Briefings, Talk, Volumes, Outbox, Rulebook, Working, Querying):
    """`listener.store.Store` in one file: a writer, some readers, any number of threads and processes beside it."""

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> Self:
        """Open a store, made or brought up to date where needed.

        A damaged one opens for reading only, with `damage` set. StoreError: it cannot be read at all, it is from a
        newer listener, it is no store, or there is none and `create` is false.
        """
        if sqlite_version_info < schema.SQLITE_MIN:
            needed = ".".join(map(str, schema.SQLITE_MIN))
            raise StoreError(f"this Python has SQLite {sqlite_version}; listener needs {needed} or newer")
        with translated(path):
            _ensure_file(path, create=create)
            damaged = _looks_damaged(path)
            if not damaged:
                _bring_up_to_date(path)
            connections = Connections(path)
        if damaged:
            connections.damage = f"{path}: the file is damaged; nothing is written any more, {HINT}"
            log.error("%s", connections.damage)
        return cls(connections)

    @property
    def path(self) -> Path:
        """The file."""
        return self._connections.path

    @property
    def damage(self) -> str | None:
        """What is wrong with the file, for people; None: nothing that we know of."""
        return self._connections.damage

    # feeds

    def add_feed(self, feed: Feed, now: datetime, *, from_config: bool = False) -> Feed:
        """Keep a feed, due at once; see the protocol."""
        return self.add_feeds([feed], now, from_config=from_config)[0]

    def add_feeds(self, added: Sequence[Feed], now: datetime, *, from_config: bool = False) -> list[Feed]:
        """Keep many feeds in one transaction; give them back in order."""
        with self._connections.writing(durable=True) as connection:
            numbers = feeds.add(connection, added, ms(now), from_config=from_config)
            found = {state.feed.id: state.feed for state in feeds.states(connection)}
        return [found[number] for number in numbers]

    def feeds(self) -> list[FeedState]:
        """List all feeds that are not removed, by number."""
        with self._connections.reading() as connection:

            def one(number: int) -> list[FeedState]:
                return feeds.states(connection, "removed = 0 and id = ?", (number,))

            return self._tried(
                lambda: feeds.states(connection),
                lambda: salvage.each(reversed(salvage.numbers(connection, "feeds")), one),
            )

    def feed(self, feed_id: int) -> FeedState | None:
        """Find one feed, also a removed one."""
        with self._connections.reading() as connection:
            return next(iter(feeds.states(connection, "id = ?", (feed_id,))), None)

    def set_feed(self, feed_id: int, changes: Mapping[str, str | float | bool | None], now: datetime) -> FeedState:
        """Change what the user may set; see the protocol."""
        with self._connections.writing(durable=True) as connection:
            feeds.change(connection, feed_id, changes, ms(now))
            return feeds.states(connection, "id = ?", (feed_id,))[0]

    def remove_feed(self, feed_id: int) -> None:
        """Stop a feed for good; its posts stay."""
        with self._connections.writing(durable=True) as connection:
            connection.execute("update feeds set removed = 1 where id = ?", (feed_id,))

    def make_due(self, feed_ids: Sequence[int], now: datetime) -> None:
        """Make feeds due at once; paused ones stay paused."""
        with self._connections.writing(durable=False) as connection:
            feeds.make_due(connection, feed_ids, ms(now))

    # turns

    def claim_due(
        self, now: datetime, *, owner: str, lease_s: float, limit: int, only: Sequence[int] | None = None
    ) -> list[FeedState]:
        """Lease feeds that are due and that nobody holds, most overdue first."""
        with self._connections.writing(durable=False) as connection:
            return feeds.claim(connection, now, owner, lease_s, limit, only)

    def release(self, feed_ids: Sequence[int], owner: str) -> None:
        """Give back leases without a result."""
        with self._connections.writing(durable=False) as connection:
            feeds.release(connection, feed_ids, owner)

    def renew(self, feed_ids: Sequence[int], owner: str, until: datetime) -> list[int]:
        """Hold leases longer; give those that `owner` still has."""
        with self._connections.writing(durable=False) as connection:
            return feeds.renew(connection, feed_ids, owner, ms(until))

    def leases(self, now: datetime) -> dict[str, list[int]]:
        """List the leases that hold at `now`: owner to feed numbers."""
        with self._connections.reading() as connection:
            return feeds.leases(connection, ms(now))

    def known(self, keys: Sequence[Key]) -> dict[Key, int]:
        """Find the digest of each post that is here, deleted ones too (digest 0)."""
        numbers = self._names.known({platform for platform, _ in keys})
        with self._connections.reading() as connection:
            return {key: post.digest for key, post in find(connection, hashed(keys), numbers).items()}

    def save_page(self, turn: Turn) -> Saved:
        """Save one turn in one transaction; see the protocol.

        It waits for the disk only where money was spent: after a power cut posts and cursor are both those of an
        earlier moment, and the posts are fetched again. Ids in `new` follow the order of the drafts.
        """
        with translated(self.path):
            numbers, raw = self._names.numbers(texts(turn)), compressed(turn)
        with self._connections.writing(durable=turn.cost > 0 or turn.reservation is not None) as connection:
            return Saving(connection, turn, numbers).save(raw)

    def save_plans(self, plans: Sequence[tuple[int, str | None, Plan]], now: datetime, owner: str) -> None:
        """Save the plans of turns that brought no posts, in one transaction, and end their leases."""
        with self._connections.writing(durable=False) as connection:
            feeds.save_plans(connection, plans, ms(now), owner)

    # reading

    def posts(self, query: PostQuery) -> list[StoredPost]:
        """List posts, newest first."""
        with self._connections.reading() as connection:
            words = self._names.words(connection)
            platforms = [number for number, word in words.items() if query.platform in (None, word)]
            if query.goal is not None:
                goal = next((number for number, word in words.items() if word == query.goal), 0)
                return self._load(connection, listing.serving(connection, query, goal, platforms))
            found = self._tried(
                lambda: listing.newest(connection, query, platforms),
                lambda: listing.salvaged(connection, query, platforms),
            )
            return self._load(connection, found)

    def post(self, post_id: int) -> StoredPost | None:
        """Find one post by its number, also a deleted one."""
        with self._connections.reading() as connection:
            return next(iter(listing.load(connection, [post_id], self._names, deleted=True)), None)

    def posts_by_id(self, ids: Sequence[int]) -> list[StoredPost]:
        """Find many posts, in the order of `ids`; missing and deleted ones are left out."""
        with self._connections.reading() as connection:
            return self._load(connection, ids)

    def posts_after(self, post_id: int, limit: int) -> list[StoredPost]:
        """List the next posts in the order of their numbers, without deleted ones."""
        sql = "select id from posts where id > ? and deleted_at is null order by id limit ?"
        with self._connections.reading() as connection:
            ids = [number for (number,) in connection.execute(sql, (post_id, limit))]
            return listing.load(connection, ids, self._names)

    def search(self, words: str, *, limit: int = 50, since: datetime | None = None) -> list[StoredPost]:
        """Find posts that hold all words, best among the newest hits first; see the protocol."""
        oldest = None if since is None else ms(since)
        with self._connections.reading() as connection:
            return self._load(connection, searching.search(connection, words, limit, oldest))

    def candidates(self, since: datetime, until: datetime) -> list[Candidate]:
        """List what arrived in [since, until), without archives and deleted posts."""
        with self._connections.reading() as connection:
            return self._tried(
                lambda: listing.candidates(connection, since, until),
                lambda: listing.salvaged_candidates(connection, since, until),
            )

    def story_members(self, stories: Collection[int]) -> dict[int, tuple[int, tuple[Member, ...]]]:
        """Tell what became of stories, and why each post is in its story; see the protocol."""
        with self._connections.reading() as connection:
            return story.members(connection, stories)

    def raw(self, post_id: int) -> bytes | None:
        """Give the answer's body that brought this post; None: past its retention."""
        sql = "select r.body from posts p join raws r on r.id = p.raw where p.id = ?"
        with self._connections.reading() as connection:
            found = connection.execute(sql, (post_id,)).fetchall()
        return zlib.decompress(found[0][0]) if found else None

    def gaps(self, feed_id: int | None = None) -> list[GapRow]:
        """List recorded gaps, newest first."""
        with self._connections.reading() as connection:
            found = _noted(connection, "id, feed, seen_at, reason, older, newer from gaps", feed_id)
        return [GapRow(number, feed, moment(seen), *rest) for number, feed, seen, *rest in found]

    def rejects(self, feed_id: int | None = None) -> list[RejectRow]:
        """List items in quarantine, newest first."""
        with self._connections.reading() as connection:
            found = _noted(connection, "feed, seen_at, native_id, reason, sample from rejects", feed_id)
        return [RejectRow(feed, moment(seen), *rest) for feed, seen, *rest in found]

    def _load(self, connection: Connection, ids: Sequence[int]) -> list[StoredPost]:
        return self._tried(
            lambda: listing.load(connection, ids, self._names),
            lambda: salvage.each(ids, lambda number: listing.load(connection, [number], self._names)),
        )

    def _tried(self, quick: Callable[[], list[Found]], careful: Callable[[], list[Found]]) -> list[Found]:
        """Read the quick way; where the file turns out damaged, what can be read, if that is anything."""
        try:
            return quick()
        except salvage.UNREADABLE as error:
            found = careful() if self._connections.blame(error) else []
            if not found:
                raise
            return found

    # small values

    def get_meta(self, name: str) -> str | None:
        """Read a small value of ours."""
        try:
            with self._connections.reading() as connection:
                found = connection.execute("select value from meta where name = ?", (name,)).fetchall()
        except StoreError:
            if self.damage is None:
                raise
            return None
        return found[0][0] if found else None

    def set_meta(self, name: str, value: str) -> None:
        """Keep a small value of ours; synchronous to the disk."""
        with self._connections.writing(durable=True) as connection:
            connection.execute("insert or replace into meta(name, value) values (?, ?)", (name, value))

    # care

    def prune(
        self,
        now: datetime,
        *,
        raw_days: float,
        post_days: float | None,
        story_days: float,
        platform_days: Mapping[str, float] | None = None,
    ) -> dict[str, int]:
        """Delete what the retention no longer covers, in small transactions; count the rows by kind."""
        today, days = ms(now), platform_days or {}
        numbers = self._names.known(set(days))
        return retention.prune(
            self._connections,
            raw_before=today - round(raw_days * DAY_MS),
            posts_before=None if post_days is None else today - round(post_days * DAY_MS),
            bands_before=today - round(story_days * DAY_MS),
            alerts_before=today - retention.ALERT_DAYS * DAY_MS,
            platforms_before={
                number: today - round(days[name] * DAY_MS) for name, number in numbers.items() if name in days
            },
        )

    def check(self) -> list[str]:
        """Look for damage; an empty list means sound. Reads the whole file."""
        with self._connections.reading() as connection:
            return care.check(connection)

    def stats(self) -> Stats:
        """Count; may take a second on a large store."""
        with self._connections.reading() as connection:
            return care.stats(connection, self.path)

    def backup(self, path: Path) -> None:
        """Write a complete, checked copy, mode 0600, beside running writers."""
        with self._connections.reading():  # a closed store is refused, a damaged one noted
            care.backup(self.path, path)

    def close(self) -> None:
        """Close; later calls are errors."""
        self._connections.close()


def _ensure_file(path: Path, *, create: bool) -> None:
    if path.exists():
        return
    if not create:
        raise StoreError(f"{path}: there is no store here; give the right path, or make one with `listener init`")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only its owner may read it; SQLite gives the files beside it the same mode.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _looks_damaged(path: Path) -> bool:
    journal = path.with_name(f"{path.name}-wal")
    if path.stat().st_size > CHEAP_BYTES:
        if not (journal.exists() and journal.stat().st_size):
            return False
        # A journal means that somebody has it open, or that its last user was killed.
        connection = exclusive(path)
        if connection is None:
            return False
    else:
        connection = connect(path)
    with closing(connection):
        return not sound(connection)


def _bring_up_to_date(path: Path) -> None:
    with closing(connect(path)) as connection:
        found = schema.version(connection, path)
        schema.prepare(connection)
        if found == len(schema.STEPS):
            return
        if found:
            care.backup(path, path.with_name(f"{path.name}.schema-{found}"))
        schema.migrate(connection, path)


def _noted(connection: Connection, columns: str, feed_id: int | None) -> list[Row]:
    sql = f"select {columns} where ?1 is null or feed = ?1 order by seen_at desc, id desc"
    return connection.execute(sql, (feed_id,)).fetchall()

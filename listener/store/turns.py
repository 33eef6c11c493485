"""The story of a save: one turn becomes rows, inside a transaction that the caller opened."""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from sqlite3 import Connection
from typing import Final, NamedTuple

from listener import telling
from listener.store import Key, accounts, ledger, meeting, rulebook, story
from listener.store.deletion import INDEX, UNINDEX, blank
from listener.store.feeds import advance, recent
from listener.store.judgements import relate
from listener.store.rows import (
    EDIT,
    INSERT,
    THUMB_DOWN,
    THUMB_UP,
    Numbers,
    edited,
    hash64,
    key_of,
    ms,
    row,
    scored,
    sort_at,
)
from listener.types import LABELS, Draft, Saved, Turn

RAW_LEVEL: Final = 1
"""zlib level of raw answers: 36 kB of XML cost 0.3 ms instead of 1 ms at level 6, for a third more bytes."""
REJECTS: Final = 200
"""Newest items of one feed that stay in quarantine."""

_KNOWN: Final = (
    "select p.platform, p.native_id, p.id, p.digest, p.feed, p.story, p.sort_at"
    " from json_each(?) j cross join posts p indexed by posts_key on p.key = j.value"
)
_INDEX_RANGE: Final = (
    "insert into posts_fts(rowid, title, text) select id, title, text from posts where id between ? and ?"
)
_GAP: Final = (
    "insert into gaps(feed, seen_at, print, reason, older, newer) values (?, ?, ?, ?, ?, ?) on conflict do nothing"
)
_REJECT: Final = (
    "insert into rejects(feed, seen_at, print, reason, native_id, sample) values (?, ?, ?, ?, ?, ?)"
    " on conflict do update set seen_at = excluded.seen_at"
)
_QUOTA: Final = (
    "insert into quotas(connector, name, left, most, resets_at, seen_at) values (?, ?, ?, ?, ?, ?)"
    " on conflict(connector, name) do update set left = excluded.left, most = excluded.most,"
    " resets_at = excluded.resets_at, seen_at = excluded.seen_at"
)
_OLD_REJECTS: Final = (
    "delete from rejects where feed = ? and id not in"
    " (select id from rejects where feed = ? order by seen_at desc, id desc limit ?)"
)


class Known(NamedTuple):
    """What the store knows of a post that a turn names. `digest` 0: deleted, and stays so."""

    id: int
    digest: int
    feed: int
    story: int
    sort_at: int


def hashed(keys: Iterable[Key]) -> dict[Key, int]:
    """Give the number that the index knows each post by."""
    return {key: key_of(*key) for key in keys}


def find(connection: Connection, keys: Mapping[Key, int], numbers: Mapping[str, int]) -> dict[Key, Known]:
    """Find posts by platform and native_id, `hashed`; those that are not here are left out."""
    asked = {(numbers.get(platform), native_id): (platform, native_id) for platform, native_id in keys}
    found = connection.execute(_KNOWN, (json.dumps(list(keys.values())),))
    return {asked[line[:2]]: Known(*line[2:]) for line in found if line[:2] in asked}


def compressed(turn: Turn) -> bytes | None:
    """Compress a turn's raw answer; outside the transaction, for others wait there."""
    return zlib.compress(turn.raw, RAW_LEVEL) if turn.raw is not None and turn.drafts else None


def texts(turn: Turn) -> set[str]:
    """List the texts that the turn's rows hold as numbers."""
    found = {turn.feed.platform}
    for draft in turn.drafts:
        found.add(draft.post.platform)
        if draft.post.account is not None:
            found.add(draft.post.account.platform)
        if draft.model is not None:
            found.add(draft.model)
        found.update(draft.relevance)
    return found


class Saving:
    """One turn on its way into the file."""

    def __init__(self, connection: Connection, turn: Turn, numbers: Mapping[str, int]) -> None:
        self.connection = connection
        self.turn = turn
        self.numbers = numbers
        self.now = ms(turn.now)
        self.people: dict[accounts.Name, int] = {}
        self.raw: int | None = None

    def save(self, raw: bytes | None) -> Saved:
        """Write everything. `raw` is compressed, and kept only beside a post that is new or edited."""
        had = recent(self.connection, self.turn)
        drafts = {(draft.post.platform, draft.post.native_id): draft for draft in self.turn.drafts}
        gone = {(self.turn.feed.platform, native_id) for native_id in self.turn.deleted}
        gone |= {key for key, draft in drafts.items() if draft.post.deleted_at is not None}
        keys = hashed(drafts.keys() | gone | _repeated(drafts.values()))
        known = find(self.connection, keys, self.numbers)
        fresh = {key: draft for key, draft in drafts.items() if key not in known and key not in gone}
        stale = [(known[key], draft) for key, draft in drafts.items() if key in known and key not in gone]
        edits = [(post, draft) for post, draft in stale if post.digest not in (0, draft.digest)]
        self._keep([*fresh.values(), *(draft for _, draft in edits)], raw)
        met = {key: (post.id, post.story) for key, post in known.items() if post.digest}
        new = self._insert(self._placed(fresh, keys), met)
        self._edit(edits)
        joined = self._join([post for post, _ in stale if post.digest])
        deleted = [known[key].id for key in gone if key in known and known[key].digest]
        blank(self.connection, deleted, self.now)
        ids = {(one.draft.post.platform, one.draft.post.native_id): one.id for one in new}
        changed = {(draft.post.platform, draft.post.native_id): post.id for post, draft in edits}
        rulebook.bear(self.connection, self.turn, ids, changed)
        self._note()
        self._account()
        times = [one.sort_at for one in new] + joined
        advance(self.connection, self.turn, had, times, fresh=bool(new))
        return Saved(tuple(ids[key] for key in fresh), tuple(post.id for post, _ in edits), len(deleted))

    def _keep(self, drafts: Sequence[Draft], raw: bytes | None) -> None:
        if not drafts:
            return
        self.people = accounts.save(self.connection, (draft.post.account for draft in drafts), self.numbers)
        if raw is not None:
            self.raw = accounts.take(self.connection, "raw", 1)
            self.connection.execute("insert into raws(id, at, body) values (?, ?, ?)", (self.raw, self.now, raw))

    def _placed(self, drafts: Mapping[Key, Draft], keys: Mapping[Key, int]) -> list[meeting.Fresh]:
        """Give new posts their ids, oldest first, so that the order of ids is an order in time."""
        if not drafts:
            return []
        first = accounts.take(self.connection, "post", len(drafts))
        timed = sorted((sort_at(draft.post, self.now), place, key) for place, (key, draft) in enumerate(drafts.items()))
        return [self._told(number, drafts[key], time, keys[key]) for number, (time, _, key) in enumerate(timed, first)]

    def _told(self, number: int, draft: Draft, time: int, key: int) -> meeting.Fresh:
        account = draft.post.account
        person = None if account is None else self.people[account.platform, account.native_id]
        return meeting.Fresh.of(draft, (number, time, key), person)

    def _insert(self, fresh: list[meeting.Fresh], known: Mapping[Key, tuple[int, int]]) -> list[meeting.Fresh]:
        """Insert posts. `known`: id and story of posts that they may point at."""
        if not fresh:
            return []
        stories = story.stories(self.connection, fresh, known)
        rows = [
            row(one.draft, (one.id, one.key, one.sort_at, found), self._numbers(one.draft), self.now)
            for one, found in zip(fresh, stories, strict=True)
        ]
        self.connection.executemany(INSERT, rows)
        for one in fresh:
            if one.draft.relevance:
                relate(self.connection, one.id, one.draft.relevance, self.numbers)
        self.connection.executemany("insert into bands(band, post) values (?, ?)", meeting.rows(fresh, self.now))
        self.connection.execute(_INDEX_RANGE, (fresh[0].id, fresh[-1].id))
        return fresh

    def _numbers(self, draft: Draft) -> Numbers:
        account, numbers = draft.post.account, self.numbers
        person = None if account is None else self.people[account.platform, account.native_id]
        model = None if draft.model is None else numbers[draft.model]
        return Numbers(numbers[draft.post.platform], self.turn.feed.id, person, model, self.raw)

    def _edit(self, edits: Sequence[tuple[Known, Draft]]) -> None:
        if not edits:
            return
        given = json.dumps([post.id for post, _ in edits])
        self.connection.execute(UNINDEX, (given,))
        for post, draft in edits:
            self._rewrite(post.id, draft)
        self.connection.execute(INDEX, (given,))

    def _rewrite(self, number: int, draft: Draft) -> None:
        old = "select first_seen_at, raw, lead, question, news from posts where id = ?"
        first_seen, raw, *was = self.connection.execute(old, (number,)).fetchall()[0]
        about = self._numbers(draft)
        scores = scored(draft.scores)
        for place, label in enumerate(LABELS):
            if was[place] in (THUMB_UP, THUMB_DOWN):
                # The user's word stays in the score's place; the new score waits beside it.
                thumb = "update thumbs set score = ? where post = ? and label = ?"
                self.connection.execute(thumb, (scores[place], number, label))
                scores[place] = was[place]
        time = sort_at(draft.post, first_seen)
        self.connection.execute(EDIT, edited(draft, number, time, about._replace(raw=about.raw or raw), scores))
        relate(self.connection, number, draft.relevance, self.numbers)
        # It was said of another text.
        self.connection.execute("delete from opinions where post = ?", (number,))
        self.connection.execute("update post_feeds set sort_at = ? where post = ?", (time, number))
        one = self._told(number, draft, time, 0)
        rows = [(band, number) for band in (*one.bands, *one.asked[: telling.MARKS])]
        self.connection.executemany("insert or ignore into bands(band, post) values (?, ?)", rows)

    def _join(self, posts: Sequence[Known]) -> list[int]:
        """Add this feed to posts that another one brought; give the times of those it did not have."""
        feed = self.turn.feed.id
        others = {post.id: post.sort_at for post in posts if post.feed != feed}
        if not others:
            return []
        here = "select post from post_feeds where feed = ? and post in (select value from json_each(?))"
        for (known,) in self.connection.execute(here, (feed, json.dumps(list(others)))).fetchall():
            del others[known]
        rows = [(feed, time, number) for number, time in others.items()]
        self.connection.executemany("insert into post_feeds(feed, sort_at, post) values (?, ?, ?)", rows)
        return list(others.values())

    def _account(self) -> None:
        """Settle what was reserved for this page, and keep what the platform says is left."""
        turn = self.turn
        if turn.reservation is not None:
            ledger.settle(self.connection, turn.reservation, turn.cost)
        elif turn.cost:
            ledger.enter(self.connection, turn.feed.connector, turn.cost, turn.now)
        rows = [
            (turn.feed.connector, q.name, q.left, q.limit, None if q.resets_at is None else ms(q.resets_at), self.now)
            for q in turn.quotas
        ]
        self.connection.executemany(_QUOTA, rows)

    def _note(self) -> None:
        """Keep the gap and the rejects; the same ones again change nothing but the time."""
        feed, gap = self.turn.feed.id, self.turn.gap
        if gap is not None:
            print_ = hash64(gap.reason, gap.older, gap.newer)
            self.connection.execute(_GAP, (feed, self.now, print_, gap.reason, gap.older, gap.newer))
        if self.turn.rejects:
            rows = [
                (feed, self.now, hash64(r.native_id, r.reason, r.sample), r.reason, r.native_id, r.sample)
                for r in self.turn.rejects
            ]
            self.connection.executemany(_REJECT, rows)
            self.connection.execute(_OLD_REJECTS, (feed, feed, REJECTS))


def _repeated(drafts: Iterable[Draft]) -> set[Key]:
    return {key for draft in drafts if (key := meeting.points_at(draft)) is not None}

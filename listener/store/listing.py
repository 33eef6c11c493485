"""Listings: which posts, newest first, each from an index that has them in that order."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from sqlite3 import Connection
from typing import Final, NamedTuple

from listener.store import Candidate, PostQuery, judgements, salvage
from listener.store.names import Names
from listener.store.rows import ARCHIVE, SCALE, STORED, Row, moment, ms, stored
from listener.store.schema import LABEL_FLOOR
from listener.types import LABELS, Label, StoredPost

_CANDIDATES: Final = (
    "select id, sort_at, story, account, lead, question, news, first_seen_at from posts indexed by posts_arrived"
    f" where first_seen_at >= ? and first_seen_at < ? and arrival <> {ARCHIVE} and deleted_at is null"
)


_INDEX: Final = re.compile(r"indexed by \w+")


class Arm(NamedTuple):
    """One index-ordered part of a listing. `where` repeats the index's own WHERE, or it could not be used."""

    source: str
    time: str
    id: str
    where: list[str]
    values: list[object]

    def narrow(self, condition: str, *values: object) -> None:
        """Add a condition."""
        self.where.append(condition)
        self.values.extend(values)

    def one(self) -> str:
        """Give the SELECT of a single post, past every index; its last value is the post's number."""
        source = _INDEX.sub("not indexed", self.source)
        return f"select {self.id} id, {self.time} sort_at from {source} where {' and '.join(self.where)} and p.id = ?"

    def sql(self) -> str:
        """Give the SELECT; its last value is the limit."""
        return (
            f"select {self.id} id, {self.time} sort_at from {self.source} where {' and '.join(self.where)}"
            f" order by {self.time} desc, {self.id} desc limit ?"
        )


def newest(connection: Connection, query: PostQuery, platforms: Sequence[int]) -> list[int]:
    """List the ids that a query asks for, newest first. `platforms`: number of the one it names, or of all."""
    found: list[tuple[int, int]] = []
    for arm in _narrowed(query, platforms):
        found += connection.execute(arm.sql(), (*arm.values, query.limit)).fetchall()
    return _newest(found, query.limit)


def salvaged(connection: Connection, query: PostQuery, platforms: Sequence[int]) -> list[int]:
    """List the same of a damaged file, as far as it can be read: posts are looked at one by one, by number."""
    ids, found = salvage.numbers(connection, "posts"), list[tuple[int, int]]()
    for arm in _narrowed(query, platforms):

        def read(number: int, arm: Arm = arm) -> list[tuple[int, int]]:
            return connection.execute(arm.one(), (*arm.values, number)).fetchall()

        found += salvage.each(ids, read, query.limit)
    return _newest(found, query.limit)


def _newest(found: list[tuple[int, int]], limit: int) -> list[int]:
    found.sort(key=lambda row: (row[1], row[0]), reverse=True)
    return [number for number, _ in found[:limit]]


def _narrowed(query: PostQuery, platforms: Sequence[int]) -> list[Arm]:
    arms = _arms(query, platforms)
    for arm in arms:
        if query.since is not None:
            arm.narrow(f"{arm.time} >= ?", ms(query.since))
        if query.until is not None:
            arm.narrow(f"{arm.time} < ?", ms(query.until))
        if query.label is not None:
            arm.narrow(f"p.{query.label} >= ?", max(round(query.threshold * SCALE), 0))
    return arms


def serving(connection: Connection, query: PostQuery, goal: int, platforms: Sequence[int]) -> list[int]:
    """List the ids of posts that serve a goal, the most relevant first, then the newest."""
    arm = Arm("relevance r cross join posts p on p.id = r.post", "p.sort_at", "p.id", [], [])
    arm.narrow("r.goal = ? and r.score >= ? and p.deleted_at is null", goal, max(round(query.relevance * SCALE), 0))
    if query.label is not None:
        arm.narrow(f"p.{query.label} >= ?", max(round(query.threshold * SCALE), 0))
    if query.since is not None:
        arm.narrow("p.sort_at >= ?", ms(query.since))
    if query.until is not None:
        arm.narrow("p.sort_at < ?", ms(query.until))
    if query.feed_id is not None:
        sql = "(p.feed = ? or exists (select 1 from post_feeds f where f.post = p.id and f.feed = ?))"
        arm.narrow(sql, query.feed_id, query.feed_id)
    if query.platform is not None:
        arm.narrow("p.platform in (select value from json_each(?))", json.dumps(list(platforms)))
    sql = f"select p.id from {arm.source} where {' and '.join(arm.where)}"
    found = connection.execute(
        f"{sql} order by r.score desc, p.sort_at desc, p.id desc limit ?", (*arm.values, query.limit)
    )
    return [number for (number,) in found]


def _arms(query: PostQuery, platforms: Sequence[int]) -> list[Arm]:
    if query.label is not None and round(query.threshold * SCALE) >= LABEL_FLOOR:
        arm = _posts(f"posts_{query.label}", f"p.{query.label} >= {LABEL_FLOOR}")
        if query.feed_id is not None:
            sql = "(p.feed = ? or exists (select 1 from post_feeds f where f.post = p.id and f.feed = ?))"
            arm.narrow(sql, query.feed_id, query.feed_id)
        arms = [arm]
    elif query.feed_id is not None:
        own = _posts("posts_feed", "p.feed = ? and p.deleted_at is null", query.feed_id)
        source = "post_feeds f cross join posts p on p.id = f.post"
        shared = Arm(source, "f.sort_at", "f.post", ["f.feed = ? and p.deleted_at is null"], [query.feed_id])
        arms = [own, shared]
    else:
        return [_posts("posts_newest", "p.platform = ? and p.deleted_at is null", number) for number in platforms]
    if query.platform is not None:
        for arm in arms:
            arm.narrow("p.platform in (select value from json_each(?))", json.dumps(list(platforms)))
    return arms


def _posts(index: str, where: str, *values: object) -> Arm:
    return Arm(f"posts p indexed by {index}", "p.sort_at", "p.id", [where], list(values))


def candidates(connection: Connection, since: datetime, until: datetime) -> list[Candidate]:
    """Read what a briefing ranks, from one covering index."""
    return [_candidate(*row) for row in connection.execute(_CANDIDATES, (ms(since), ms(until)))]


def salvaged_candidates(connection: Connection, since: datetime, until: datetime) -> list[Candidate]:
    """Read the same from a damaged file, post by post, past the index."""
    sql = f"{_INDEX.sub('not indexed', _CANDIDATES)} and id = ?"

    def read(number: int) -> list[Candidate]:
        return [_candidate(*row) for row in connection.execute(sql, (ms(since), ms(until), number))]

    return salvage.each(salvage.numbers(connection, "posts"), read)


def _candidate(
    number: int,
    sort_at: int,
    story: int,
    account: int | None,
    lead: int | None,
    question: int | None,
    news: int | None,
    seen_at: int,
) -> Candidate:
    scores = _effective(lead), _effective(question), _effective(news)
    return Candidate(number, moment(sort_at), story, account, *scores, moment(seen_at))


def load(connection: Connection, ids: Sequence[int], names: Names, *, deleted: bool = False) -> list[StoredPost]:
    """Read whole posts, in the order of `ids`; without deleted ones, unless asked for."""
    if not ids:
        return []
    given = (json.dumps(list(ids)),)
    alive = "" if deleted else " and p.deleted_at is null"
    sql = f"select {STORED} where p.id in (select value from json_each(?)){alive}"
    found = {row[0]: row for row in connection.execute(sql, given)}
    feeds: dict[int, list[int]] = {}
    sql = "select post, feed from post_feeds where post in (select value from json_each(?)) order by feed"
    for post, feed in connection.execute(sql, given):
        feeds.setdefault(post, []).append(feed)
    thumbs: dict[int, dict[Label, Row]] = {}
    sql = "select post, label, value, score from thumbs where post in (select value from json_each(?))"
    for post, label, value, score in connection.execute(sql, given):
        if label not in LABELS:  # a goal's
            continue
        thumbs.setdefault(post, {})[label] = (value, score)
    words = names.words(connection)
    posts = [
        stored(found[number], words, feeds.get(number, ()), thumbs.get(number, {})) for number in ids if number in found
    ]
    return _judged(connection, posts, words)


def _judged(connection: Connection, posts: list[StoredPost], words: Mapping[int, str]) -> list[StoredPost]:
    """Add what is known of the goals that posts serve, and what the judge said of them."""
    ids = [post.id for post in posts]
    related, opinions = judgements.related(connection, ids), judgements.opinions(connection, ids, words)
    for place, post in enumerate(posts):
        if post.id in related:
            goals, thumbs = judgements.goals_of(related[post.id], words)
            posts[place] = replace(post, goals=goals, goal_thumbs=thumbs, opinion=opinions.get(post.id))
        elif post.id in opinions:
            posts[place] = replace(post, opinion=opinions[post.id])
    return posts


def _effective(score: int | None) -> float:
    return 0.0 if score is None else min(max(score, 0), SCALE) / SCALE

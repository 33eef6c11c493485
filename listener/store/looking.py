"""One query on its way through the posts: which index leads, which part of it is read next, when there is enough."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from sqlite3 import Connection
from typing import Final, NamedTuple

from listener.store.compiling import Compiler, Sql, bound, joined, least
from listener.store.dialect import Dialect, accounts, indexed, said
from listener.store.listing import Arm
from listener.store.rows import SCALE
from listener.store.schema import LABEL_FLOOR
from listener.store.values import Found, Given
from listener.store.words import is_plain, match
from listener.terms import And, Chance, Field, Or, Query, When, Within, Words, leaves
from listener.types import LABELS

STEPS: Final = 20_000
"""Steps of SQLite's machine between two looks at the clock: about a millisecond."""
WINDOW: Final = 20_000
"""Numbers of posts that the first look at the index of words covers; each next one covers eight times as many."""
ARRIVALS: Final = (2_000, 16_000, 128_000)
"""How many of the newest arrivals each look at posts covers that needs the index of words for a part of the query."""
FEW: Final = 50
"""Most accounts, or feeds, whose posts lead a query."""
SOME: Final = 100
"""Fewest hits between two looks whether there are enough."""
NEAR: Final = 200
"""Posts that arrive together may have numbers that do not follow their times; so many are looked at."""
OLDEST: Final = -(1 << 62)


class Span(NamedTuple):
    """sort_at at or after, and before."""

    low: int = OLDEST
    high: int = -OLDEST

    def sql(self, column: str = "p.sort_at") -> Sql:
        """Write it as a condition."""
        return Sql(f"{column} >= ? and {column} < ?", (self.low, self.high))


class Look:
    """One query on its way through the posts."""

    def __init__(self, connection: Connection, query: Query, given: Given, limit: int) -> None:
        self.connection, self.query, self.given, self.limit = connection, query, given, limit
        self.required = query.nodes if isinstance(query, And) else (query,)
        self.found: dict[int, int] = {}
        """Number to sort_at."""

    def run(self, span: Span, stop: float) -> Found:
        """Look until there is enough, there is no more, or the time is over."""
        complete, span = True, _narrowed(span, self.required, self.given)
        if self.limit:
            with _until(self.connection, stop):
                try:
                    complete = self._through(span, stop)
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                        raise
                    complete = False
        return Found(tuple(self._newest()), complete)

    def _through(self, span: Span, stop: float) -> bool:
        accounts = self._accounts()
        if accounts is not None:
            arms = [_posts("posts_account", "p.account = ? and p.deleted_at is null", number) for number in accounts]
            self._read(arms, said, span)
            return True
        if self._feeds() is None and any(_needs_index(node) for node in self.required):
            return self._by_words(span, stop)
        return self._by_time(span, stop)

    # by time

    def _by_time(self, span: Span, stop: float) -> bool:
        arms = self._arms()
        has_words = any(isinstance(leaf, Words) for leaf in leaves(self.query))
        for window in self._windows(span) if has_words else [span]:
            if time.monotonic() > stop:
                return False
            self._read(arms, partial(indexed, _first_since(self.connection, window.low), 1 << 62), window)
            if 0 < self.limit <= len(self.found):
                break
        return True

    def _windows(self, span: Span) -> Iterator[Span]:
        """Cut a span into pieces, newest first, small ones first."""
        sql = (
            "select first_seen_at from posts indexed by posts_arrived where first_seen_at < ?"
            " order by first_seen_at desc limit 1 offset ?"
        )
        high = span.high
        for offset in ARRIVALS:
            edge = self.connection.execute(sql, (span.high, offset)).fetchall()
            if not edge or edge[0][0] <= span.low:
                break
            if edge[0][0] < high:
                yield Span(edge[0][0], high)
                high = edge[0][0]
        yield Span(span.low, high)

    def _read(self, arms: Sequence[Arm], words: Callable[[Words], Sql], span: Span) -> None:
        condition = Compiler(Dialect(self.connection, words), self.given).sql(self.query)
        for arm in arms:
            one = Arm(arm.source, arm.time, arm.id, list(arm.where), list(arm.values))
            for part in (span.sql(arm.time), condition):
                one.narrow(part.text, *part.values)
            self.found.update(self.connection.execute(one.sql(), (*one.values, self.limit)))

    def _arms(self) -> list[Arm]:
        """Choose which indexes give the posts in order of time."""
        labels = self._labels()
        if labels:
            return [_posts(f"posts_{label}", f"p.{label} >= {LABEL_FLOOR}") for label in labels]
        feeds, platforms = self._feeds(), self._numbers("platform")
        if feeds is not None:
            own = "p.feed = ? and p.deleted_at is null"
            shared = "post_feeds f cross join posts p on p.id = f.post"
            return [
                *(_posts("posts_feed", own, number) for number in feeds),
                *(Arm(shared, "f.sort_at", "f.post", ["f.feed = ? and p.deleted_at is null"], [n]) for n in feeds),
            ]
        if platforms is None:
            platforms = self._ask("select n.id from names n", ())
        return [_posts("posts_newest", "p.platform = ? and p.deleted_at is null", number) for number in platforms]

    def _labels(self) -> Sequence[str]:
        for node in self.required:
            match node:
                case Field("label" | "is", values) if all(
                    value in LABELS and least(self.given, value) >= LABEL_FLOOR for value in values
                ):
                    return values
                case Chance(label, ">" | ">=", number) if round(number * SCALE) >= LABEL_FLOOR:
                    return (label,)
        return ()

    def _feeds(self) -> list[int] | None:
        """Give the feeds that a post must be of, if they are few; None: the query names none, or many."""
        found = self._numbers("feed")
        return found if found is not None and len(found) <= FEW else None

    def _numbers(self, name: str) -> list[int] | None:
        """Give the numbers of feeds or platforms that a post must have one of; None: the query names none."""
        asked = next((node for node in self.required if isinstance(node, Field) and node.name == name), None)
        if asked is None:
            return None
        condition = Compiler(Dialect(self.connection, said), self.given).leaf(asked)
        if name == "platform":
            return self._ask(
                f"select p.platform from (select id platform from names) p where {condition.text}", condition.values
            )
        posts = "(select id feed, null id from feeds)"
        return self._ask(f"select p.feed from {posts} p where {condition.text}", condition.values)

    # by account

    def _accounts(self) -> list[int] | None:
        """Give the accounts that a post must be of, if they are few; None: the query names none, or many."""
        for node in self.required:
            if isinstance(node, Field) and (node.name in ("from", "person", "circle") or node.values == ("mine",)):
                found = accounts(self.connection, node)
                if len(found) <= FEW:
                    return found
        return None

    # by words

    def _by_words(self, span: Span, stop: float) -> bool:
        asked = [one for node in self.required if _needs_index(node) and (one := _match(node))]
        if len(asked) < sum(_needs_index(node) for node in self.required):
            return True  # words of which nothing is left are nowhere
        rest = [_replace_plain(node) for node in self.required]
        high = 1 + (self._ask("select coalesce(max(id), 0) from posts", ())[0])
        floor = _first_since(self.connection, span.low)
        is_long = any(isinstance(leaf, Words) and leaf.is_prefix for leaf in leaves(self.query))
        width = high if is_long else WINDOW
        while high > floor:
            if time.monotonic() > stop:
                return False
            low = max(high - width, floor)
            if self._hits(" AND ".join(asked), rest, (low, high), span) or self._has_enough(low):
                break
            high, width = low, width * 8
        return True

    def _hits(self, asked: str, rest: Sequence[Query], numbers: tuple[int, int], span: Span) -> bool:
        """Take in the hits between two numbers, the newest first; say whether there were enough on the way."""
        inner = Compiler(Dialect(self.connection, partial(indexed, *numbers)), self.given)
        outer = Compiler(Dialect(self.connection, said), self.given)
        parts = [outer.sql(node) if _needs_index(node) else inner.sql(node) for node in rest]
        condition = joined(" and ", [span.sql(), *parts])
        sql = (
            "select p.id, p.sort_at from posts_fts cross join posts p on p.id = posts_fts.rowid"
            " where posts_fts match ? and posts_fts.rowid >= ? and posts_fts.rowid < ? and p.deleted_at is null"
            f" and {condition.text} order by posts_fts.rowid desc"
        )
        rows = self.connection.execute(sql, (asked, *numbers, *condition.values))
        while some := rows.fetchmany(max(SOME, len(self.found))):
            self.found.update(some)
            if self._has_enough(some[-1][0]):
                rows.close()
                return True
        return False

    def _has_enough(self, low: int) -> bool:
        """Tell whether no post with a lower number can be among the newest."""
        if self.limit < 0 or len(self.found) < self.limit:
            return False
        newest = (
            "select max(first_seen_at) from (select first_seen_at from posts where id < ? order by id desc limit ?)"
        )
        latest = self.connection.execute(newest, (low, NEAR)).fetchall()[0][0]
        return latest is None or sorted(self.found.values(), reverse=True)[self.limit - 1] >= latest

    def _newest(self) -> list[int]:
        ids = sorted(self.found, key=lambda number: (self.found[number], number), reverse=True)
        return ids if self.limit < 0 else ids[: self.limit]

    def _ask(self, sql: str, values: Sequence[object]) -> list[int]:
        return [number for (number,) in self.connection.execute(sql, tuple(values))]


def _needs_index(node: Query) -> bool:
    """Tell a part of which the index of words gives all posts: words, or some of which one must be there."""
    return isinstance(node, Words) or (isinstance(node, Or) and all(isinstance(one, Words) for one in node.nodes))


def _match(node: Query) -> str | None:
    """Write such a part as an FTS5 query; None: no post can have it."""
    nodes = node.nodes if isinstance(node, Or) else (node,)
    found = [asked for one in nodes if isinstance(one, Words) and (asked := match(one)) is not None]
    return f"({' OR '.join(f'({one})' for one in found)})" if found else None


def _replace_plain(node: Query) -> Query:
    """Take away what the index alone has answered."""
    nodes = node.nodes if isinstance(node, Or) else (node,)
    return And(()) if all(isinstance(one, Words) and is_plain(one) for one in nodes) else node


def _posts(index: str, where: str, *values: object) -> Arm:
    return Arm(f"posts p indexed by {index}", "p.sort_at", "p.id", [where], list(values))


def _narrowed(span: Span, required: Sequence[Query], given: Given) -> Span:
    """Take the times that a query names into the span, so that indexes begin and end there."""
    low, high = span
    for node in required:
        if isinstance(node, When | Within):
            edge = bound(node, given)
            if isinstance(node, When) and node.name == "before":
                high = min(high, edge)
            else:
                low = max(low, edge)
    return Span(low, high)


def _first_since(connection: Connection, since: int) -> int:
    """Give the first number that may have arrived at or after `since`: no older row can have a later sort time."""
    if since <= OLDEST:
        return 0
    sql = (
        "select min(id) from (select id from posts indexed by posts_arrived where first_seen_at >= ?"
        " order by first_seen_at limit ?)"
    )
    found: int | None = connection.execute(sql, (since, NEAR)).fetchall()[0][0]
    return 1 << 62 if found is None else found


@contextmanager
def _until(connection: Connection, stop: float) -> Iterator[None]:
    """Interrupt whatever reads at a moment of the monotonic clock."""
    connection.set_progress_handler(lambda: time.monotonic() > stop, STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, STEPS)

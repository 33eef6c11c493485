"""How much was said: counts between moments, straight from indexes; the posts of one topic, for counting.

Each method of `Volumes` is one reading. What counts is when a post was said, not when it was heard: a poll after a
night without network brings no spike.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from sqlite3 import Connection
from typing import Final

from listener.store.books import Books
from listener.store.rows import SCALE, Row, moment, ms
from listener.store.schema import LABEL_FLOOR
from listener.types import LABELS, Label
from listener.volume import Counts, Said

_GIVEN: Final = "(select value from json_each(?))"
# A count for each span, not one GROUP BY: a range of an index is counted without sorting or reading a row.
_SPANS: Final = "from (select key number, value ->> 0 start, value ->> 1 stop from json_each(?)) s order by number"
_OF_PLATFORM: Final = (
    "select (select count(*) from posts indexed by posts_newest where platform = ? and sort_at >= s.start"
    f" and sort_at < s.stop and deleted_at is null) {_SPANS}"
)
_OF_LABEL: Final = (
    "select (select count(*) from posts indexed by posts_{0} where {0} >= {1} and {0} >= ?"
    f" and sort_at >= s.start and sort_at < s.stop) {_SPANS}"
)
_SAID: Final = "select p.id, p.sort_at, p.platform, p.account, p.lead, p.question, p.news from"
_WHEN: Final = "p.sort_at >= ? and p.sort_at < ? and p.deleted_at is null"
_BY: Final = f"{_SAID} posts p indexed by posts_account where p.account in {_GIVEN} and {_WHEN}"
_IN: Final = (
    f"{_SAID} (select value id from json_each(?1) union select post from joined where story in"
    f" (select value from json_each(?1))) m cross join posts p on p.id = m.id where {_WHEN}"
)
_SERVING: Final = (
    f"{_SAID} relevance r indexed by relevance_goal cross join posts p on p.id = r.post"
    f" where r.goal = ? and r.score >= ? and r.post >= ? and {_WHEN}"
)
# Numbers follow the order of arrival, but for pages that several programs save at a time.
_FIRST: Final = "select id from posts indexed by posts_arrived where first_seen_at >= ? order by first_seen_at limit 1"
_BEFORE: Final = timedelta(hours=1)


class Volumes(Books):
    """The part of `SqliteStore` that counts what was said."""

    def volume(self, edges: Sequence[datetime], thresholds: Mapping[Label, float]) -> Counts:
        """Count posts between neighbouring edges, by platform and by label; see the protocol."""
        spans = json.dumps([(ms(start), ms(stop)) for start, stop in pairwise(edges)])
        with self._connections.reading() as connection:
            words = self._names.words(connection)
            platforms = {word: _column(connection, _OF_PLATFORM, (number, spans)) for number, word in words.items()}
            labels = {
                label: _column(connection, _OF_LABEL.format(label, LABEL_FLOOR), (_least(thresholds[label]), spans))
                for label in LABELS
                if label in thresholds
            }
        return Counts({name: row for name, row in sorted(platforms.items()) if any(row)}, labels)

    def begun(self) -> datetime | None:
        """Say when the first post arrived; None: there is none."""
        sql = "select first_seen_at from posts indexed by posts_arrived order by first_seen_at limit 1"
        with self._connections.reading() as connection:
            found = connection.execute(sql).fetchall()
        return moment(found[0][0]) if found else None

    def said_by(
        self, accounts: Collection[int], since: datetime, until: datetime, thresholds: Mapping[Label, float]
    ) -> list[Said]:
        """List what some accounts said in [since, until), oldest first."""
        return self._said(_BY, (json.dumps(list(accounts)), ms(since), ms(until)), thresholds)

    def said_in(
        self, stories: Collection[int], since: datetime, until: datetime, thresholds: Mapping[Label, float]
    ) -> list[Said]:
        """List what was said in some stories in [since, until), oldest first."""
        return self._said(_IN, (json.dumps(list(stories)), ms(since), ms(until)), thresholds)

    def said_for(
        self, goal: str, relevance: float, since: datetime, until: datetime, thresholds: Mapping[Label, float]
    ) -> list[Said]:
        """List what was said in [since, until) that serves a goal at least so far, oldest first."""
        number = self._names.known({goal}).get(goal, 0)
        with self._connections.reading() as connection:
            first = connection.execute(_FIRST, (ms(since - _BEFORE),)).fetchall()
        if not first:
            return []
        values = (number, max(round(relevance * SCALE), 0), first[0][0], ms(since), ms(until))
        return self._said(_SERVING, values, thresholds)

    def _said(self, sql: str, values: Row, thresholds: Mapping[Label, float]) -> list[Said]:
        least = {label: _least(value) for label, value in thresholds.items()}
        with self._connections.reading() as connection:
            words = self._names.words(connection)
            found = connection.execute(f"{sql} order by p.sort_at, p.id", values).fetchall()
        return [
            Said(number, moment(at), words[platform], account, _labels(scores, least))
            for number, at, platform, account, *scores in found
        ]


def _labels(scores: Sequence[int | None], least: Mapping[Label, int]) -> frozenset[Label]:
    return frozenset(
        label
        for label, score in zip(LABELS, scores, strict=True)
        if score is not None and score >= least.get(label, SCALE + 2)
    )


def _least(threshold: float) -> int:
    return max(round(threshold * SCALE), 0)


def _column(connection: Connection, sql: str, values: Row) -> tuple[int, ...]:
    return tuple(count for (count,) in connection.execute(sql, values))

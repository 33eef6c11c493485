"""Who spoke in stories, and what authors' posts usually get: what ranking asks beside the posts of the day."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from listener.store import salvage
from listener.store.connections import Connections
from listener.store.rows import Row, ms

USUAL: Final = 20
"""Newest posts of an author that say what their posts usually get."""

SPEAKERS: Final = (
    "select story, account, id from posts where id in (select value from json_each(?1))"
    " and first_seen_at <= ?2 union all"
    " select j.story, p.account, p.id from json_each(?1) g cross join joined j on j.story = g.value"
    " cross join posts p on p.id = j.post where p.first_seen_at <= ?2"
)
REACTIONS: Final = (
    "select g.value, p.more ->> '$.n' from json_each(?1) g cross join posts p on p.id in"
    " (select id from posts indexed by posts_account where account = g.value and account is not null"
    " and sort_at < ?2"
    f" order by sort_at desc limit {USUAL}) where p.more ->> '$.n' is not null"
)


class Talk:
    """The part of `SqliteStore` that knows who talks."""

    _connections: Connections

    def speakers(self, stories: Collection[int], until: datetime) -> dict[int, tuple[tuple[int | None, int], ...]]:
        """Give who had spoken in stories by then: each story to its (account, post) pairs."""
        found: dict[int, list[tuple[int | None, int]]] = {}
        for story, account, post in self._read(SPEAKERS, stories, until):
            found.setdefault(story, []).append((account, post))
        return {story: tuple(pairs) for story, pairs in found.items()}

    def reactions(self, accounts: Collection[int], before: datetime) -> Mapping[int, list[int]]:
        """Give what the newest posts of accounts got, those that somebody counted: replies, likes and reposts added."""
        found: dict[int, list[int]] = {}
        for account, counts in self._read(REACTIONS, accounts, before):
            found.setdefault(account, []).append(sum(count or 0 for count in json.loads(counts)[:3]))
        return found

    def _read(self, sql: str, ids: Collection[int], until: datetime) -> list[Row]:
        """Read what there is about some ids; in a damaged file about those of which it can be read."""
        with self._connections.reading() as connection:

            def read(some: Collection[int]) -> list[Row]:
                return connection.execute(sql, (json.dumps(list(some)), ms(until))).fetchall()

            try:
                return read(ids)
            except salvage.UNREADABLE as error:
                if not self._connections.blame(error):
                    raise
                return salvage.each(ids, lambda one: read([one]))

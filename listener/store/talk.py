"""Who spoke in stories, and what authors' posts usually get: what ranking asks beside the posts of the day."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from listener.store.connections import Connections
from listener.store.rows import ms

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
        with self._connections.reading() as connection:
            for story, account, post in connection.execute(SPEAKERS, (json.dumps(list(stories)), ms(until))):
                found.setdefault(story, []).append((account, post))
        return {story: tuple(pairs) for story, pairs in found.items()}

    def reactions(self, accounts: Collection[int], before: datetime) -> Mapping[int, list[int]]:
        """Give what the newest posts of accounts got, those that somebody counted: replies, likes and reposts added."""
        found: dict[int, list[int]] = {}
        with self._connections.reading() as connection:
            for account, counts in connection.execute(REACTIONS, (json.dumps(list(accounts)), ms(before))):
                found.setdefault(account, []).append(sum(count or 0 for count in json.loads(counts)[:3]))
        return found

"""Queries on SQLite: which posts, newest first, soon whatever is asked and however many posts there are.

A query is led by what is quickest to read in order: the posts of a few accounts, the hits of words that must be there,
the index of a label, a feed or a platform. The rest of it is asked of each post on the way. Where the time is over
first, the answer says that it is not complete.
"""

import json
import time
from collections.abc import Sequence
from datetime import datetime
from sqlite3 import Connection
from typing import Final

from listener.store.books import Books
from listener.store.compiling import Compiler
from listener.store.dialect import Dialect, said
from listener.store.looking import OLDEST, Look, Span
from listener.store.rows import ms
from listener.store.values import Counted, Found, Given, Part
from listener.terms import Query, leaves, unparse

BUDGET_S: Final = 0.25
"""No look goes on after this time."""
COUNT_BUDGET_S: Final = 2.0
"""The same where all posts are counted."""


class Querying(Books):
    """The part of `SqliteStore` that finds posts by a query."""

    def find(
        self,
        query: Query,
        given: Given,
        *,
        limit: int = 50,
        since: datetime | None = None,
        until: datetime | None = None,
        among: Sequence[int] | None = None,
    ) -> Found:
        """Find posts, newest first; see the protocol."""
        low, high = (None if moment is None else ms(moment) for moment in (since, until))
        with self._connections.reading() as connection:
            if among is None:
                return find(connection, query, given, limit=limit, since=low, until=high)
            return Found(tuple(matching(connection, query, given, among)[:limit]))

    def count(self, query: Query, given: Given, since: datetime, until: datetime) -> Counted:
        """Count the posts of a span that a query finds; see the protocol."""
        low, high = ms(since), ms(until)
        with self._connections.reading() as connection:
            found = find(connection, query, given, limit=None, since=low, until=high, budget_s=COUNT_BUDGET_S)
        return Counted(len(found.ids), found.complete)

    def parts(self, query: Query, given: Given, post_id: int) -> list[Part]:
        """Tell of each part of a query whether a post has it; see the protocol."""
        with self._connections.reading() as connection:
            return parts(connection, query, given, post_id)


def matching(connection: Connection, query: Query, given: Given, ids: Sequence[int]) -> list[int]:
    """Give those of some posts that a query finds, newest first; for the new posts of a page, among its writes."""
    if not ids:
        return []
    condition = Compiler(Dialect(connection, said), given).sql(query)
    sql = (
        "select p.id from json_each(?) j cross join posts p on p.id = j.value"
        f" where p.deleted_at is null and {condition.text} order by p.sort_at desc, p.id desc"
    )
    return [number for (number,) in connection.execute(sql, (json.dumps(list(ids)), *condition.values))]


def parts(connection: Connection, query: Query, given: Given, post: int) -> list[Part]:
    """Tell of each part of a query, in the order they are written, whether a post has it."""
    asked = list(leaves(query))
    compiler = Compiler(Dialect(connection, said), given)
    conditions = [compiler.leaf(leaf) for leaf in asked]
    if not asked:
        return []
    sql = f"select {', '.join(one.text for one in conditions)} from posts p where p.id = ?"
    values = [value for one in conditions for value in one.values]
    found = connection.execute(sql, (*values, post)).fetchall() or [[False] * len(asked)]
    return [Part(unparse(leaf), bool(has)) for leaf, has in zip(asked, found[0], strict=True)]


def find(
    connection: Connection,
    query: Query,
    given: Given,
    *,
    limit: int | None = 50,
    since: int | None = None,
    until: int | None = None,
    budget_s: float = BUDGET_S,
) -> Found:
    """Find the newest posts, all of them where `limit` is None; `since` and `until`: sort_at in milliseconds."""
    look = Look(connection, query, given, -1 if limit is None else max(limit, 0))
    span = Span(OLDEST if since is None else since, -OLDEST if until is None else until)
    return look.run(span, time.monotonic() + budget_s)

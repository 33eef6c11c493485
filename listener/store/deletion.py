"""How a post goes: blanked because its platform deleted it, or erased by the retention; the search follows."""

import json
from collections.abc import Sequence
from sqlite3 import Connection
from typing import Final

from listener.store import told

_GIVEN: Final = "(select value from json_each(?))"
UNINDEX: Final = (
    "insert into posts_fts(posts_fts, rowid, title, text)"
    f" select 'delete', id, title, text from posts where id in {_GIVEN}"
)
"""Take posts out of the search; before their title or text changes, for the index needs the old ones."""
INDEX: Final = f"insert into posts_fts(rowid, title, text) select id, title, text from posts where id in {_GIVEN}"
_BLANK: Final = (
    "update posts set deleted_at = ?, digest = 0, title = null, text = '', more = null, raw = null, lead = null,"
    f" question = null, news = null, model = null, simhash = null, link_key = null where id in {_GIVEN}"
)
FORGET_ALERTS: Final = (
    "update alerts set reason = '', due_at = iif(state = 'sending', due_at, null),"
    " error = iif(state in ('sent', 'sending', 'dropped'), error, 'its post is gone'),"
    " state = iif(state in ('sent', 'sending'), state, 'dropped')"
    f" where post in {_GIVEN}"
)
"""Drop what is still to be said of posts, and why it would have been."""
_COUNTS: Final = (
    f"select feed, count(*) from (select feed from posts where id in {_GIVEN} and deleted_at is null"
    " union all select f.feed from post_feeds f join posts p on p.id = f.post"
    f" where f.post in {_GIVEN} and p.deleted_at is null) group by feed"
)


def blank(connection: Connection, posts: Sequence[int], now: int) -> None:
    """Empty posts whose platform deleted them. Raw answers that hold them go whole, other posts' too.

    Every row keeps an entry in the search, if an empty one: that is what its integrity check wants.
    """
    if not posts:
        return
    given = json.dumps(posts)
    _uncount(connection, given)
    connection.execute(UNINDEX, (given,))
    _forget(connection, given)
    connection.execute(f"delete from raws where id in (select raw from posts where id in {_GIVEN})", (given,))
    connection.execute(_BLANK, (now, given))
    connection.execute(INDEX, (given,))


def erase(connection: Connection, posts: Sequence[int]) -> None:
    """Delete posts with all that hangs on them. They must not have thumbs."""
    if not posts:
        return
    given = json.dumps(posts)
    _uncount(connection, given)
    connection.execute(UNINDEX, (given,))
    _forget(connection, given)
    for table in ("told", "work", "work_log"):
        connection.execute(f"delete from {table} where post in {_GIVEN}", (given,))
    connection.execute(f"delete from post_feeds where post in {_GIVEN}", (given,))
    connection.execute(
        f"delete from joined where (story, post) in (select story, id from posts where id in {_GIVEN})", (given,)
    )
    connection.execute(f"delete from posts where id in {_GIVEN}", (given,))


def _forget(connection: Connection, given: str) -> None:
    """Take away what was thought of posts; the looks of the audit stay, they are numbers."""
    connection.execute(FORGET_ALERTS, (given,))
    told.scrub(connection, given)
    for table in ("relevance", "opinions", "marks"):
        connection.execute(f"delete from {table} where post in {_GIVEN}", (given,))


def _uncount(connection: Connection, given: str) -> None:
    counts = connection.execute(_COUNTS, (given, given)).fetchall()
    connection.executemany("update feeds set posts = posts - ? where id = ?", [(n, feed) for feed, n in counts])

"""What briefings showed: a row for each post, and the texts that go from kept briefings when their posts go."""

import json
import zlib
from collections.abc import Collection
from sqlite3 import Connection
from typing import Any, Final

_SHOWING: Final = (
    "select id, body from briefings where id in"
    " (select briefing from told where post in (select value from json_each(?)))"
)
_SINCE: Final = (
    "select p.story, max(b.at), t.people from briefings b cross join told t on t.briefing = b.id"
    " cross join posts p on p.id = t.post"
    " where b.at >= ? and b.state in ('made', 'sending', 'sent', 'unknown') group by p.story"
)
"""SQLite takes the bare column, people, from the row that has the maximum."""


def save(connection: Connection, briefing: int, shown: Collection[tuple[int, str, int]]) -> None:
    """Keep which posts a briefing showed: (post, section, people in its story then)."""
    rows = [(post, briefing, section, people) for post, section, people in shown]
    connection.executemany("insert or ignore into told(post, briefing, section, people) values (?, ?, ?, ?)", rows)


def since(connection: Connection, at: int) -> list[tuple[int, int, int]]:
    """List (story today, when it was last told, people then) of what reached the user at or after `at`."""
    return connection.execute(_SINCE, (at,)).fetchall()


def scrub(connection: Connection, given: str) -> None:
    """Take posts (numbers, a JSON list) out of the briefings that showed them: a deletion reaches those too."""
    found = connection.execute(_SHOWING, (given,)).fetchall()
    posts = frozenset(json.loads(given)) if found else frozenset()
    for number, body in found:
        left = _without(json.loads(zlib.decompress(body)), posts)
        connection.execute("update briefings set body = ? where id = ?", (packed(json.dumps(left)), number))


def packed(body: str) -> bytes:
    """Compress a body as it is kept."""
    return zlib.compress(body.encode(), 6)


# Any: JSON.
def _without(value: Any, posts: frozenset[int]) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner, posts) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, posts) for inner in value if _post_of(inner) not in posts]
    return value


def _post_of(value: Any) -> int | None:
    """Find the post that a list's item is about: its own number, or that of the post inside it."""
    while isinstance(value, dict):
        number = value.get("post_id")
        if isinstance(number, int):
            return number
        value = value.get("post")
    return None

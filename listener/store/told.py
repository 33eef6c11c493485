"""What briefings showed: a row for each post, and the texts that go from kept briefings when their posts go."""

import json
import zlib
from collections.abc import Collection
from sqlite3 import Connection
from typing import Any, Final

ASIDE: Final = "aside"
"""The section of posts that were only named: their briefing must lose them too, but no story is told by them."""

_OPTIONAL: Final = frozenset({"summary", "opposing"})
"""Keys of a body that may be empty; the others are what makes their item."""
_GONE: Final = object()
_SHOWING: Final = (
    "select id, body from briefings where id in"
    " (select briefing from told where post in (select value from json_each(?)))"
)
_SINCE: Final = (
    "select p.story, max(b.at), t.people from briefings b cross join told t on t.briefing = b.id"
    " cross join posts p on p.id = t.post"
    " where b.at >= ? and b.state in ('made', 'sending', 'sent', 'unknown')"
    f" and t.section <> '{ASIDE}' group by p.story"
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
    """Take out what is about posts: an item of a list, an optional value; else what stands around it goes too."""
    if isinstance(value, dict):
        if value.get("post_id") in posts:
            return _GONE
        kept = {key: _without(inner, posts) for key, inner in value.items()}
        kept |= {key: None for key in _OPTIONAL & kept.keys() if not _is_whole(value[key], kept[key])}
        return _GONE if any(inner is _GONE for inner in kept.values()) else kept
    if isinstance(value, list):
        return [inner for inner in (_without(inner, posts) for inner in value) if inner is not _GONE]
    return value


def _is_whole(before: Any, after: Any) -> bool:
    return after is not _GONE and (not isinstance(before, list) or len(before) == len(after))

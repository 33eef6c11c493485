"""What the retention no longer covers goes, in small transactions that let writers through."""

import json
from collections.abc import Mapping
from typing import Final

from listener.store import ties
from listener.store.connections import Connections
from listener.store.deletion import erase

ALERT_DAYS: Final = 90
"""How long an alert that is done with, and what channels answered, is kept."""
CHUNK: Final = 500
"""Rows that one transaction deletes."""
BANDS: Final = 8_000
"""Rows of `bands` that one transaction looks through."""

_RAWS: Final = "delete from raws where id in (select id from raws where at < ? limit ?)"
_REJECTS: Final = "delete from rejects where id in (select id from rejects where seen_at < ? limit ?)"
_FIRST_SINCE: Final = (
    "select id from posts indexed by posts_arrived where first_seen_at >= ? order by first_seen_at limit 1"
)
_OLD_POSTS: Final = (
    "select p.id, exists (select 1 from thumbs t where t.post = p.id)"
    " or exists (select 1 from marks m where m.post = p.id and m.kind = 'star')"
    " or exists (select 1 from work w where w.post = p.id) from posts p"
    " where p.id > ? and p.first_seen_at < ? order by p.id limit ?"
)
_OLD_OF_PLATFORM: Final = (
    "select p.id from posts p indexed by posts_newest where p.platform = ? and p.sort_at < ? and p.deleted_at is null"
    " and p.first_seen_at < ? and not exists (select 1 from thumbs t where t.post = p.id)"
    " and not exists (select 1 from marks m where m.post = p.id and m.kind = 'star')"
    " and not exists (select 1 from work w where w.post = p.id) limit ?"
)
_ALERTS: Final = (
    "delete from alerts where id in (select id from alerts where state in ('sent', 'dropped', 'dead', 'unknown')"
    " and at < ? and due_at is null limit ?)"
)
_DELIVERIES: Final = "delete from deliveries where id in (select id from deliveries where at < ? limit ?)"
_LONELY: Final = (
    "delete from accounts where id not in (select account from posts where account is not null)"
    " and id not in (select account from follows) and id not in (select value from json_each(?))"
)
_UNPROVED: Final = (
    "delete from proofs where account not in (select id from accounts)",
    "delete from proved where account not in (select id from accounts) or other not in (select id from accounts)",
)
_BAND: Final = "select band from bands where band >= ? order by band limit 1 offset ?"
_BANDS: Final = "delete from bands where band >= ? and band < ? and post < ?"
_MOVED: Final = (
    "delete from moved where not exists (select 1 from posts p where p.id = moved.story)"
    " and not exists (select 1 from joined j where j.story = moved.story)"
)


def prune(
    store: Connections,
    *,
    raw_before: int,
    posts_before: int | None,
    bands_before: int,
    alerts_before: int,
    platforms_before: Mapping[int, int] | None = None,
) -> dict[str, int]:
    """Delete what arrived before the given times (milliseconds; None: nothing); count the rows by kind.

    `platforms_before`: a platform's number to a time of its own.
    """
    removed = {
        "raw": _in_chunks(store, _RAWS, raw_before),
        "rejects": _in_chunks(store, _REJECTS, raw_before),
        "bands": _prune_bands(store, bands_before),
        "alerts": _in_chunks(store, _ALERTS, alerts_before),
        "deliveries": _in_chunks(store, _DELIVERIES, alerts_before),
        "posts": 0 if posts_before is None else _prune_posts(store, posts_before),
        "accounts": 0,
    }
    for platform, before in (platforms_before or {}).items():
        removed["posts"] += _prune_platform(store, platform, before)
    if removed["posts"]:
        with store.writing(durable=False) as connection:
            removed["accounts"] = connection.execute(_LONELY, (json.dumps(list(ties.tied(connection))),)).rowcount
            for sql in _UNPROVED:
                connection.execute(sql)
            connection.execute(_MOVED)
    return removed


def _in_chunks(store: Connections, sql: str, before: int) -> int:
    total = 0
    while True:
        with store.writing(durable=False) as connection:
            removed = connection.execute(sql, (before, CHUNK)).rowcount
        total += removed
        if removed < CHUNK:
            return total


def _prune_bands(store: Connections, before: int) -> int:
    with store.reading() as connection:
        found = connection.execute(_FIRST_SINCE, (before,)).fetchall()
        first = found[0][0] if found else 1 << 62
    total, start, end = 0, 0, 1 << 63
    while start < end:
        with store.writing(durable=False) as connection:
            found = connection.execute(_BAND, (start, BANDS)).fetchall()
            until = max(found[0][0], start + 1) if found else end - 1
            total += connection.execute(_BANDS, (start, until, first)).rowcount
        start = until if found else end
    return total


def _prune_posts(store: Connections, before: int) -> int:
    total, last = 0, 0
    while True:
        with store.writing(durable=False) as connection:
            # In the order of ids, which is the order of arrival; labelled posts are passed over, never deleted.
            found = connection.execute(_OLD_POSTS, (last, before, CHUNK)).fetchall()
            old = [number for number, labelled in found if not labelled]
            erase(connection, old)
        total += len(old)
        if not found:
            return total
        last = found[-1][0]


def _prune_platform(store: Connections, platform: int, before: int) -> int:
    total = 0
    while True:
        with store.writing(durable=False) as connection:
            # What sorts before a time may have arrived later (an archive); what arrived before it sorts before it.
            found = connection.execute(_OLD_OF_PLATFORM, (platform, before, before, CHUNK)).fetchall()
            erase(connection, [number for (number,) in found])
        total += len(found)
        if len(found) < CHUNK:
            return total

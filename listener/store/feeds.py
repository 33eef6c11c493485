"""Feeds: what is polled, when, how it fares, and who polls it just now."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from sqlite3 import Connection
from typing import Final

from listener.errors import StoreError
from listener.store.rows import Row, moment, ms, optional_moment
from listener.types import Feed, FeedState, Plan, Turn

RECENT: Final = 20
"""Newest sort times that a feed's row keeps."""
SETTABLE: Final = frozenset({"title", "folder", "query", "platform", "fixed_interval_s", "paused", "from_config"})

_STATE: Final = (
    "id, connector, query, platform, title, folder, home_url, cursor, added_at, next_poll_at, interval_s,"
    " fixed_interval_s, failures, health, error, paused, from_config, last_poll_at, last_success_at, last_new_at,"
    " recent, posts"
)
_FIND: Final = (
    "select id, removed from feeds where connector = ? and asked = ?"
    " union all select id, removed from feeds where connector = ? and query = ? limit 1"
)
_ADD: Final = (
    "insert into feeds(connector, query, asked, platform, title, folder, home_url, added_at, next_poll_at,"
    " from_config, health) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'new')"
)
_WAKE: Final = (
    "update feeds set removed = 0, paused = 0, next_poll_at = ?, failures = 0, health = 'new', error = null"
    " where id = ?"
)
_CLAIM: Final = (
    "update feeds set lease_owner = ?, lease_until = ? where id in (select id from feeds indexed by feeds_due"
    " where next_poll_at is not null and paused = 0 and removed = 0 and next_poll_at <= ?"
    " and (lease_until is null or lease_until <= ?) {only} order by next_poll_at limit ?)"
    f" returning {_STATE}"
)
_PLAN: Final = (
    "next_poll_at = ?, interval_s = ?, failures = ?, health = ?, error = ?, last_poll_at = ?,"
    " last_success_at = coalesce(?, last_success_at), lease_owner = null, lease_until = null"
)
_PAGE: Final = (
    "update feeds set cursor = ?, title = coalesce(title, ?), home_url = coalesce(?, home_url), recent = ?,"
    " posts = posts + ?, last_new_at = coalesce(?, last_new_at), spent_usd = spent_usd + ?, last_poll_at = ?,"
    " last_success_at = ? where id = ?"
)
_TAKEN: Final = "select id from feeds where connector = ? and (query = ? or asked = ?) and id <> ?"
_MOVE: Final = (
    "update feeds set query = ?1 where id = ?2 and not exists"
    " (select 1 from feeds o where o.connector = feeds.connector and o.id <> ?2 and ?1 in (o.query, o.asked))"
)


def add(connection: Connection, feeds: Sequence[Feed], now: int, *, from_config: bool) -> list[int]:
    """Insert feeds that are not here and wake those that were removed; give their ids, in order."""
    return [_add(connection, feed, now, from_config=from_config) for feed in feeds]


def _add(connection: Connection, feed: Feed, now: int, *, from_config: bool) -> int:
    asked = (feed.connector, feed.query)
    found = connection.execute(_FIND, (*asked, *asked)).fetchall()
    if not found:
        values = (*asked, feed.query, feed.platform, feed.title, feed.folder, feed.home_url, now, now, from_config)
        added = connection.execute(_ADD, values).lastrowid
        assert added is not None
        return added
    number, removed = found[0]
    if removed:
        connection.execute(_WAKE, (now, number))
    if from_config:
        connection.execute("update feeds set from_config = 1 where id = ? and from_config = 0", (number,))
    return int(number)


def states(connection: Connection, where: str = "removed = 0", values: Sequence[object] = ()) -> list[FeedState]:
    """List feeds by number. `where` is a text of ours, never of a user."""
    found = connection.execute(f"select {_STATE} from feeds where {where} order by id", values)
    return [_state(row) for row in found]


def change(connection: Connection, number: int, changes: Mapping[str, str | float | bool | None], now: int) -> None:
    """Write what the user set; `states` shows what came of it."""
    if unknown := sorted(changes.keys() - SETTABLE):
        raise StoreError(f"feed {number}: cannot set {', '.join(unknown)}; there are: {', '.join(sorted(SETTABLE))}")
    found = states(connection, "id = ?", (number,))
    if not found:
        raise StoreError(f"no feed has the number {number}; `listener feeds list` shows them")
    was, values = found[0], dict(changes)
    if "query" in values:
        values["asked"] = values["query"]
        taken = connection.execute(_TAKEN, (was.feed.connector, values["query"], values["query"], number)).fetchall()
        if taken:
            raise StoreError(f"feed {number}: {was.feed.connector} {values['query']} is feed {taken[0][0]} already")
        if values["query"] != was.feed.query:
            # Without its lease, a turn that is under way for the old query is refused.
            values |= {"cursor": None, "failures": 0, "error": None, "health": "new", "lease_owner": None}
    woken = was.paused and values.get("paused") is False
    if woken or "cursor" in values or values.get("fixed_interval_s", was.fixed_interval_s) != was.fixed_interval_s:
        values["next_poll_at"] = now
    columns = ", ".join(f"{name} = ?" for name in values)
    connection.execute(f"update feeds set {columns} where id = ?", (*values.values(), number))


def make_due(connection: Connection, numbers: Sequence[int], now: int) -> None:
    """Let feeds be polled at once."""
    sql = "update feeds set next_poll_at = ? where id = ? and removed = 0"
    connection.executemany(sql, [(now, number) for number in numbers])


def claim(
    connection: Connection, now: datetime, owner: str, lease_s: float, limit: int, only: Sequence[int] | None
) -> list[FeedState]:
    """Lease due feeds, most overdue first."""
    due = ms(now)
    sql, values = _CLAIM.format(only=""), [owner, due + round(lease_s * 1000), due, due]
    if only is not None:
        sql = _CLAIM.format(only="and id in (select value from json_each(?))")
        values.append(json.dumps(list(only)))
    found = [_state(row) for row in connection.execute(sql, (*values, limit)).fetchall()]
    return sorted(found, key=lambda state: (state.next_poll_at or now, state.feed.id))


def leases(connection: Connection, now: int) -> dict[str, list[int]]:
    """Give who holds which feeds."""
    found: dict[str, list[int]] = {}
    sql = "select lease_owner, id from feeds where lease_owner is not null and lease_until > ?"
    for owner, number in connection.execute(sql, (now,)):
        found.setdefault(owner, []).append(number)
    return found


def renew(connection: Connection, numbers: Sequence[int], owner: str, until: int) -> list[int]:
    """Hold leases longer; give those that `owner` still has."""
    sql = (
        "update feeds set lease_until = ? where lease_owner = ? and removed = 0 and paused = 0"
        " and id in (select value from json_each(?)) returning id"
    )
    return [number for (number,) in connection.execute(sql, (until, owner, json.dumps(list(numbers)))).fetchall()]


def release(connection: Connection, numbers: Sequence[int], owner: str) -> None:
    """End leases that `owner` still holds."""
    sql = "update feeds set lease_owner = null, lease_until = null where id = ? and lease_owner = ?"
    connection.executemany(sql, [(number, owner) for number in numbers])


def save_plans(connection: Connection, plans: Sequence[tuple[int, str | None, Plan]], now: int, owner: str) -> None:
    """Write plans and end the leases that `owner` still holds."""
    sql = f"update feeds set cursor = coalesce(?, cursor), {_PLAN} where id = ? and lease_owner = ?"
    connection.executemany(sql, [(cursor, *_planned(plan, now), number, owner) for number, cursor, plan in plans])


def recent(connection: Connection, turn: Turn) -> list[int]:
    """Give the feed's newest sort times. StoreError: the feed is not here, or its lease is somebody else's by now."""
    sql = "select lease_owner, recent from feeds where id = ?"
    found = connection.execute(sql, (turn.feed.id,)).fetchall()
    if not found:
        raise StoreError(f"no feed has the number {turn.feed.id}; nothing was saved")
    owner, times = found[0]
    if turn.owner is not None and owner != turn.owner:
        raise StoreError(
            f"{turn.feed.connector} {turn.feed.query}: somebody else polls it by now; this page was not saved"
        )
    return json.loads(times) if times else []


def advance(connection: Connection, turn: Turn, had: Sequence[int], times: Sequence[int], *, fresh: bool) -> None:
    """Write the feed's own row, the last step of a save. `had`, `times`: sort times of its posts before, and gained."""
    now = ms(turn.now)
    newest = sorted([*had, *times], reverse=True)[:RECENT]
    values = (
        turn.cursor, turn.title, turn.home_url, json.dumps(newest, separators=(",", ":")), len(times),
        now if fresh else None, turn.cost, now, now, turn.feed.id,
    )  # fmt: skip
    connection.execute(_PAGE, values)
    if turn.moved_to is not None:
        connection.execute(_MOVE, (turn.moved_to, turn.feed.id))
    if turn.final:
        connection.execute(f"update feeds set {_PLAN} where id = ?", (*_planned(turn.plan, now), turn.feed.id))


def _planned(plan: Plan, now: int) -> Row:
    due = None if plan.next_poll_at is None else ms(plan.next_poll_at)
    success = now if plan.error is None else None
    return (due, plan.interval_s, plan.failures, plan.health, plan.error, now, success)


def _state(row: Row) -> FeedState:
    (
        number, connector, query, platform, title, folder, home_url, cursor, added, due, interval_s, fixed_interval_s,
        failures, health, error, paused, from_config, polled, success, new, recent, posts,
    ) = row  # fmt: skip
    return FeedState(
        Feed(number, connector, query, platform, title, folder, home_url), cursor, optional_moment(added),
        optional_moment(due), interval_s, fixed_interval_s, failures, health, error, bool(paused), bool(from_config),
        optional_moment(polled), optional_moment(success), optional_moment(new),
        tuple([moment(time) for time in json.loads(recent)]) if recent else (), posts,
    )  # fmt: skip

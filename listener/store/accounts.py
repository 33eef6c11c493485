"""Accounts: one row for each identity on each platform, with what was last said of it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from sqlite3 import Connection
from typing import Final

from listener.store import ties
from listener.store.rows import Row
from listener.types import Account

Name = tuple[str, str]
"""(platform, native_id) of an account."""

CHUNK: Final = 500
"""Accounts of one question."""

_FIND: Final = (
    "select id, native_id, handle, name, url, followers, is_bot, opted_out, proved from accounts"
    " where platform = ? and native_id in ({})"
)
_INSERT: Final = (
    "insert into accounts(id, platform, native_id, handle, name, url, followers, is_bot, opted_out, proved)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE: Final = (
    "update accounts set handle = ?, name = ?, url = ?, followers = ?, is_bot = ?, opted_out = ?, proved = ?"
    " where id = ?"
)


def save(connection: Connection, accounts: Iterable[Account | None], numbers: Mapping[str, int]) -> dict[Name, int]:
    """Write what is new about some accounts; give their ids. What is no longer said (None) stays known."""
    latest = {(account.platform, account.native_id): account for account in accounts if account}
    found = _find(connection, latest, numbers)
    changed: list[Row] = []
    proved: list[int] = []
    for name, (number, was) in found.items():
        now = _values(latest[name])
        if now != was and (merged := _merged(now, was)) != was:
            changed.append((*merged, number))
            if latest[name].proved:
                proved.append(number)
    fresh = [name for name in latest if name not in found]
    first = take(connection, "account", len(fresh)) if fresh else 0
    ids = {name: first + place for place, name in enumerate(fresh)}
    rows = [(ids[name], numbers[name[0]], name[1], *_values(latest[name])) for name in fresh]
    connection.executemany(_UPDATE, changed)
    connection.executemany(_INSERT, rows)
    ties.prove(connection, [*proved, *(ids[name] for name in fresh if latest[name].proved)])
    return ids | {name: number for name, (number, _) in found.items()}


def take(connection: Connection, counter: str, count: int) -> int:
    """Take `count` ids that were never used before and never will be again; give the first of them."""
    sql = "update counters set last = last + ? where name = ? returning last"
    last: int = connection.execute(sql, (count, counter)).fetchall()[0][0]
    return last - count + 1


def _find(connection: Connection, names: Iterable[Name], numbers: Mapping[str, int]) -> dict[Name, tuple[int, Row]]:
    asked: dict[str, list[str]] = {}
    for platform, native_id in names:
        asked.setdefault(platform, []).append(native_id)
    return {
        (platform, row[1]): (row[0], row[2:])
        for platform, native_ids in asked.items()
        for start in range(0, len(native_ids), CHUNK)
        for row in _ask(connection, numbers[platform], native_ids[start : start + CHUNK])
    }


def _ask(connection: Connection, platform: int, native_ids: Sequence[str]) -> Iterable[Row]:
    # Bound one by one, not as JSON like ids elsewhere: SQLite cuts a JSON text at its first NUL.
    sql = _FIND.format(", ".join("?" * len(native_ids)))
    return connection.execute(sql, (platform, *native_ids))


def _merged(now: Row, was: Row) -> Row:
    return tuple(old if new is None else new for new, old in zip(now, was, strict=True))


def _values(account: Account) -> Row:
    bot, out = (None if told is None else int(told) for told in (account.is_bot, account.opted_out))
    proved = json.dumps(account.proved, ensure_ascii=False) if account.proved else None
    return (account.handle, account.name, account.url, account.followers, bot, out, proved)

"""Kill -9, for real: this program forks workers, kills them at chosen or random moments, and looks at what is left.

`python -m tests.kill_child pages FOLDER ROUNDS` and `... migrations FOLDER POINTS`; prints one JSON object.
"""

import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import sqlite_utils  # noqa: F401 imported before the forks, once for all

from listener.store import PostQuery, schema
from listener.store.sqlite import SqliteStore
from listener.types import Gap
from tests.stored import NOW, draft, feed, minutes, post, save

if TYPE_CHECKING:
    from sqlite_utils import Database

FRESH = 3
"""New posts of each page."""


def forked(work: Callable[[], None]) -> int:
    """Run `work` in a process of its own; give its number."""
    number = os.fork()
    if number == 0:
        try:
            work()
        finally:
            os._exit(1 if sys.exc_info()[0] else 0)
    return number


def save_pages(path: Path, acknowledge: int) -> None:
    """Save page after page where the cursor says; tell each number only when it is saved."""
    store = SqliteStore.open(path)
    found = store.feeds()[0]
    page = int(found.cursor or 0)
    while True:
        page += 1
        drafts = [
            draft(post(f"{page}-{n}", f"page {page} of the garden book"), simhash=page * 8 + n) for n in range(FRESH)
        ]
        if page > 1:
            drafts.append(draft(post(f"{page - 1}-0", f"page {page - 1}, second edition"), digest=2))
        save(store, found.feed, drafts, cursor=str(page), now=NOW + minutes(page), raw=b"x" * 400, gap=Gap(str(page)))
        os.write(acknowledge, f"{page}\n".encode())


def kill_pages(folder: Path, rounds: int) -> dict[str, object]:
    """Kill the writer `rounds` times; after each, compare what it told with what is there."""
    path, rng, told = folder / "listener.db", random.Random(11), 0
    with closing(SqliteStore.open(path)) as store:
        store.add_feed(feed(), NOW)
    faults: list[str] = []
    for number in range(rounds):
        reading, writing = os.pipe()
        worker = forked(lambda to=writing: save_pages(path, to))  # type: ignore[misc]
        os.close(writing)
        first = os.read(reading, 1 << 20)
        time.sleep(rng.random() * 0.03)
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        told = int((first + _rest(reading)).split(b"\n")[-2])
        faults += [f"round {number}: {fault}" for fault in _faults(path, told)]
    with closing(SqliteStore.open(path)) as store:
        posts = store.stats().posts
    return {"rounds": rounds, "pages": told, "posts": posts, "faults": faults}


def _rest(reading: int) -> bytes:
    found = b""
    while part := os.read(reading, 1 << 20):
        found += part
    os.close(reading)
    return found


def _faults(path: Path, told: int) -> list[str]:
    with closing(SqliteStore.open(path)) as store:
        found = store.check()
        cursor = int(store.feeds()[0].cursor or 0)
        natives = [stored.post.native_id for stored in store.posts(PostQuery(limit=1_000_000))]
        if cursor < told:
            found.append(f"lost: page {told} was acknowledged, the cursor is {cursor}")
        if len(set(natives)) != len(natives):
            found.append("doubled posts")
        if set(natives) != {f"1/{page}-{n}" for page in range(1, cursor + 1) for n in range(FRESH)}:
            found.append(f"cursor {cursor} and {len(natives)} posts do not agree")
        if len(store.gaps()) != cursor:
            found.append(f"cursor {cursor} and {len(store.gaps())} gaps do not agree")
    return found


def add_a_table(db: "Database") -> None:
    """Stand in for a migration of a later release: a table, a column, and work on every row."""
    db.table("later").create({"id": int, "note": str}, pk="id")
    db.table("feeds").add_column("later", int)
    db.execute("update posts set lang = 'en' where lang is null")
    db.execute("create index later_lang on posts(lang)")


def kill_migrations(folder: Path, points: int) -> dict[str, object]:
    """Kill a first start and an upgrade at `points` moments each, evenly spread over their work."""
    faults: list[str] = []
    old = folder / "old.db"
    with closing(SqliteStore.open(old)) as store:
        added = store.add_feed(feed(), NOW)
        save(store, added, [draft(post(n)) for n in range(20)])
    for name, steps in (("fresh", schema.STEPS), ("upgrade", (*schema.STEPS, add_a_table))):
        schema.STEPS = steps  # type: ignore[misc]
        total = _work_of(folder / f"{name}-dry.db", old if name == "upgrade" else None)
        for point in range(points):
            path = folder / f"{name}-{point}.db"
            faults += _kill_start(path, old if name == "upgrade" else None, 1 + total * point // points)
    return {"points": 2 * points, "faults": faults}


def _work_of(path: Path, old: Path | None) -> int:
    """Count how often SQLite looks in while a store is opened, in a process that lives."""
    reading, writing = os.pipe()

    def work() -> None:
        count = _count_work(lambda count: None)
        SqliteStore.open(path).close()
        os.write(writing, str(count[0]).encode())

    _copy(old, path)
    os.waitpid(forked(work), 0)
    return int(os.read(reading, 99))


def _kill_start(path: Path, old: Path | None, at: int) -> list[str]:
    def work() -> None:
        _count_work(lambda count: os.kill(os.getpid(), signal.SIGKILL) if count == at else None)
        SqliteStore.open(path)

    _copy(old, path)
    _, status = os.waitpid(forked(work), 0)
    faults = [] if os.WIFSIGNALED(status) else [f"{path.name}: was not killed at {at}"]
    if old is not None:
        with closing(sqlite3.connect(path)) as connection:
            version = connection.execute("pragma user_version").fetchone()[0]
            later = connection.execute("select count(*) from sqlite_master where name like 'later%'").fetchone()[0]
        if (version, later) not in {(len(schema.STEPS) - 1, 0), (len(schema.STEPS), 2)}:
            faults.append(f"{path.name}: killed at {at}, half done: schema {version}, {later} new things")
    with closing(SqliteStore.open(path)) as store:
        if store.check() or store.stats().schema != len(schema.STEPS) or store.stats().posts != (20 if old else 0):
            faults.append(f"{path.name}: killed at {at}, then {store.check()} {store.stats()}")
    return faults


def _copy(old: Path | None, path: Path) -> None:
    if old is not None:
        path.write_bytes(old.read_bytes())


def _count_work(look: Callable[[int], None]) -> list[int]:
    """Let `look` in at every 40 steps of every connection opened from now on."""
    count, connect = [0], sqlite3.connect

    def tick() -> int:
        count[0] += 1
        look(count[0])
        return 0

    def watched(*args: object, **rest: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **rest)  # type: ignore[call-overload]
        connection.set_progress_handler(tick, 40)
        return connection

    sqlite3.connect = watched  # type: ignore[assignment]
    return count


if __name__ == "__main__":
    kind, where, times = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    done = {"pages": kill_pages, "migrations": kill_migrations}[kind](where, times)
    print(json.dumps(done))  # noqa: T201 the answer to the test

"""Care of the file: looking for damage, counting, and the copy that is known to be good."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from sqlite3 import Connection, DatabaseError
from typing import Final

from listener.errors import StoreError
from listener.store import Stats, connections, schema
from listener.store.connections import HINT, connect, sync, translated

_BESIDE: Final = ("", "-wal", "-shm", "-journal", ".lock")
"""Endings of the files that are a store, or belong to it."""
_OTHER_COPY: Final = "this is the backup, the store was left as it is; take another copy"
_COUNTS: Final = {
    "posts that the search does not know, or the other way round": (
        "select (select count(*) from posts) - (select count(*) from posts_fts_docsize)"
    ),
    "posts stored twice": (
        "select count(*) from posts p join posts q on q.key = p.key and q.id > p.id"
        " and q.platform = p.platform and q.native_id = p.native_id"
    ),
    "feeds whose count of posts is wrong": (
        "select count(*) from feeds f where f.posts <>"
        " (select count(*) from posts p indexed by posts_feed where p.feed = f.id and p.deleted_at is null)"
        " + (select count(*) from post_feeds x join posts p on p.id = x.post"
        " where x.feed = f.id and p.deleted_at is null)"
    ),
    "posts above the counter of ids": (
        "select count(*) from posts where id > (select last from counters where name = 'post')"
    ),
    "rows that point at nothing": "select count(*) from pragma_foreign_key_check",
}


def check(connection: Connection) -> list[str]:
    """Look at every page of the file, and compare what must agree; name each fault with its number."""
    faults = [row[0] for row in connection.execute("pragma quick_check(20)") if row[0] != "ok"]
    if faults:
        return faults
    counts = {fault: connection.execute(sql).fetchone()[0] for fault, sql in _COUNTS.items()}
    return [f"{fault}: {count}" for fault, count in counts.items() if count]


def stats(connection: Connection, path: Path) -> Stats:
    """Count. Deleted posts are not counted, removed feeds neither."""

    def count(sql: str) -> int:
        return int(connection.execute(f"select count(*) from {sql}").fetchone()[0])

    files = [path, path.with_name(f"{path.name}-wal")]
    return Stats(
        posts=count("posts indexed by posts_arrived where deleted_at is null"),
        feeds=count("feeds where removed = 0"),
        accounts=count("accounts"),
        bytes=sum(file.stat().st_size for file in files if file.exists()),
        schema=connection.execute("pragma user_version").fetchone()[0],
        unscored=count(
            "posts indexed by posts_arrived where deleted_at is null and lead is null and question is null"
            " and news is null"
        ),
        gaps=count("gaps"),
        rejects=count("rejects"),
    )


def backup(source: Path, target: Path) -> None:
    """Write a checked copy of a store, mode 0600, beside running writers; an older copy goes only for a good one.

    StoreError, with nothing changed: `target` is the store itself, or a file that belongs to it.
    """
    with translated(target):
        _must_be_apart(source, target)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # made with mode 0600
        os.close(handle)
    copy = Path(name)
    try:
        with translated(source), closing(connect(source)) as connection:
            connection.execute("vacuum into ?", (name,))
        with translated(target), closing(connect(copy)) as connection:
            _must_be_good(connection, source, HINT)
        with translated(target):
            sync(copy)
            copy.replace(target)
            sync(target.parent)
    finally:
        copy.unlink(missing_ok=True)


def _must_be_apart(store: Path, target: Path) -> None:
    for place in (store.absolute(), store.resolve()):
        for part in (place.with_name(place.name + ending) for ending in _BESIDE):
            if target.resolve() == part.resolve() or (target.exists() and part.exists() and target.samefile(part)):
                raise StoreError(f"{target}: is the store itself, or a file of it; give the copy a name of its own")


def restore(source: Path, target: Path) -> Path | None:
    """Put a checked copy of `source` in the place of `target`; give where that is kept now (None: there was none).

    It stays beside the new one as `NAME.before-restore`, `NAME.before-restore-2` and so on: an older one never goes.
    StoreError, with nothing changed: `source` is damaged, no store, or from a newer listener; or another process has
    `target` open.
    """
    if not source.is_file():
        raise StoreError(f"{source}: there is no such file to restore")
    if target.exists() and source.samefile(target):
        raise StoreError(f"{source}: is the store itself; give the copy to restore from")
    with translated(source, _OTHER_COPY), closing(connect(source)) as connection:
        _must_be_good(connection, source, _OTHER_COPY)
    fresh = target.with_name(f"{target.name}.restoring")
    with translated(target), _taken(target):
        try:
            backup(source, fresh)
            kept = _set_aside(target)
            fresh.replace(target)
            sync(target.parent)
            return kept
        finally:
            fresh.unlink(missing_ok=True)


def _must_be_good(connection: Connection, path: Path, hint: str) -> None:
    if schema.version(connection, path) == 0:
        raise StoreError(f"{path}: the file is empty; it is no copy of a store")
    # A store has none; in a file from elsewhere they would run when we write.
    if connection.execute("select count(*) from sqlite_master where type in ('trigger', 'view')").fetchone()[0]:
        raise StoreError(f"{path}: holds triggers or views, which no store of ours does; it was left as it is")
    fault = connection.execute("pragma integrity_check(1)").fetchone()[0]
    if fault != "ok":
        raise StoreError(f"{path}: the file is damaged ({fault}); {hint}")


@contextmanager
def _taken(target: Path) -> Iterator[None]:
    """Keep others out of a store while it is replaced; one too damaged to be locked is nobody's."""
    connection = None
    if target.exists():
        try:
            connection = connections.exclusive(target)
            if connection is None:
                raise StoreError(f"{target}: another process has the store open; stop it (`listener up`), then restore")
            # Without a write-ahead log of its own, the old file is whole, and nothing of it can meet the new one.
            connection.execute("pragma journal_mode = delete")
        except DatabaseError as error:
            if not connections.is_damage(error):
                raise
    try:
        yield
    finally:
        if connection is not None:
            connection.close()


def _set_aside(target: Path) -> Path | None:
    """Give the old store a name that nothing has; a journal that a killed process left goes with it."""
    old = {ending: target.with_name(target.name + ending) for ending in ("", "-wal", "-shm")}
    old["-shm"].unlink(missing_ok=True)  # made anew from the journal
    found = [ending for ending, path in old.items() if path.exists()]
    if not found:
        return None
    name = next(name for name in _asides(target) if not any(Path(name + ending).exists() for ending in old))
    for ending in sorted(found, reverse=True):
        old[ending].replace(name + ending)
    return Path(name)


def _asides(target: Path) -> Iterator[str]:
    first = str(target.with_name(f"{target.name}.before-restore"))
    yield first
    yield from (f"{first}-{number}" for number in itertools.count(2))

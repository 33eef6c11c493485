"""The way into one SQLite file: one writer under a lock, a pool of readers, and foreign errors made ours."""

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from listener.errors import StoreError
from listener.store import words

log = logging.getLogger(__name__)

BUSY_S: Final = 30.0
"""How long a write waits for another process (R2 asks for at least 15 s)."""
READERS: Final = 4
"""Idle read connections that are kept; more are opened while more threads read at once."""
WRITER_CACHE_KB: Final = 16_384
READER_CACHE_KB: Final = 4_096
HINT: Final = "reading goes on where it can; restore a copy with `listener restore FILE`"
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REASONS: Final = {
    sqlite3.SQLITE_BUSY: f"another process kept the store locked for more than {BUSY_S:.0f} s; try again",
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_READONLY: "the file or its folder cannot be written; look at the permissions",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; look at the path and the permissions",
}


def connect(path: Path, *, cache_kb: int = READER_CACHE_KB, busy_s: float = BUSY_S) -> Connection:
    """Open a file that exists, in autocommit mode, with every rule of ours that belongs to a connection."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(
        address, uri=True, timeout=busy_s, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        for pragma in (f"cache_size = -{cache_kb}", "foreign_keys = on", "temp_store = memory", "trusted_schema = off"):
            connection.execute(f"pragma {pragma}")
        connection.execute("pragma cell_size_check = on")
        connection.execute("pragma journal_size_limit = 67108864")
        connection.execute("pragma wal_autocheckpoint = 4000")
        words.register(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def exclusive(path: Path) -> Connection | None:
    """Open a store for us alone, and take in what a killed process left in its journal; None: others have it open."""
    connection = connect(path, busy_s=0)
    try:
        connection.execute("pragma locking_mode = exclusive")
        connection.execute("begin exclusive")
        connection.execute("commit")
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError) and code(error) == sqlite3.SQLITE_BUSY:
            return None
        raise
    return connection


def code(error: Exception) -> int:
    """Give SQLite's primary result code of an error; 0: it is not SQLite's."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_damage(error: Exception) -> bool:
    """Say whether SQLite found the file itself wrong."""
    return code(error) in _DAMAGE


def sound(connection: Connection) -> bool:
    """Run SQLite's quick check; reads the whole file."""
    try:
        return bool(connection.execute("pragma quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return False
        raise


def sync(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def translated(path: Path, hint: str = HINT) -> Iterator[None]:
    """Turn what SQLite raises, and values it cannot hold, into StoreError; `hint` says what to do about damage."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a fault of ours, not of the file
    except sqlite3.Error as error:
        if is_damage(error):
            raise StoreError(f"{path}: the file is damaged ({error}); {hint}") from error
        raise StoreError(f"{path}: {_REASONS.get(code(error), str(error))}") from error
    except (UnicodeError, OverflowError) as error:
        raise StoreError(f"{path}: a value cannot be stored ({type(error).__name__})") from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error


class Connections:
    """All connections of one open store."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: str | None = None
        """For people; set: the file is damaged, writes are refused, reads are tried."""
        self._write = connect(path, cache_kb=WRITER_CACHE_KB)
        self._write_lock = threading.Lock()
        self._durable: bool | None = None
        self._idle: list[Connection] = []
        self._closed = False

    @contextmanager
    def writing(self, *, durable: bool) -> Iterator[Connection]:
        """Run one write transaction, begun as IMMEDIATE, undone by any exception.

        `durable` waits for the disk. Without it a power cut may lose the newest transactions, whole and in order,
        never a part of one and never the file; a killed process loses nothing (write-ahead log, synchronous = NORMAL).
        """
        with self._write_lock, self._watched():
            if self.damage:
                raise StoreError(self.damage)
            if durable is not self._durable:
                self._write.execute(f"pragma synchronous = {'full' if durable else 'normal'}")
                self._durable = durable
            self._write.execute("begin immediate")
            try:
                yield self._write
                self._write.execute("commit")
            except BaseException:
                if self._write.in_transaction:
                    self._write.execute("rollback")
                raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection that only reads, to one thread at a time."""
        with self._watched():
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = connect(self.path)
                connection.execute("pragma query_only = on")
            try:
                yield connection
            finally:
                if self._closed or len(self._idle) >= READERS:
                    connection.close()
                else:
                    self._idle.append(connection)

    def blame(self, error: Exception) -> bool:
        """Tell whether an error may come of damage to the file; the first one that does ends all writing."""
        if is_damage(error) and not self.damage:
            self.damage = f"{self.path}: the file is damaged ({error}); nothing is written any more, {HINT}"
            log.error("%s", self.damage)
        return self.damage is not None

    def close(self) -> None:
        """Close all; the last process to close takes the write-ahead log into the file."""
        with self._write_lock:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            self._write.close()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        if self._closed:
            raise StoreError(f"{self.path}: the store is closed")
        with translated(self.path):
            try:
                yield
            except sqlite3.DatabaseError as error:
                self.blame(error)
                raise

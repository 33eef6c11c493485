"""A PostgreSQL server for tests: a cluster of its own in a temporary folder, on a Unix socket, gone afterwards."""

import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from listener.store import querying_pg

if TYPE_CHECKING:
    import psycopg

PLACES = ("/usr/local/bin", "/usr/bin", *map(str, sorted(Path("/").glob("usr/lib/postgresql/*/bin"), reverse=True)))
"""Where server programs usually are."""


def program(name: str) -> str | None:
    """Find a server program."""
    return shutil.which(name) or shutil.which(name, path=":".join(PLACES))


@contextmanager
def serving() -> Iterator[str]:
    """Run a server; give the address of its empty database. Skips, saying why, where there is none."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install -e '.[postgres]'")
    initdb, server = program("initdb"), program("postgres")
    if initdb is None or server is None:
        pytest.skip("there is no PostgreSQL server program (initdb, postgres) on this machine")
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        data, log = Path(folder) / "data", Path(folder) / "log"
        user = _user()
        if user is not None:  # the server refuses to run as the superuser
            os.chown(folder, user.pw_uid, user.pw_gid)
        rest = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        setup = [initdb, "-D", str(data), "-U", "listener", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(setup, check=True, capture_output=True, cwd="/", **rest)
        options = ["fsync=off", "full_page_writes=off", "listen_addresses=", "jit=off", "max_connections=5"]
        command = [server, "-D", str(data), "-k", folder, *(part for one in options for part in ("-c", one))]
        with log.open("wb") as output:
            running = subprocess.Popen(command, stdout=output, stderr=output, cwd="/", **rest)
        try:
            address = f"host={folder} user=listener dbname=postgres"
            _wait(address, running, log)
            yield address
        finally:
            running.send_signal(signal.SIGQUIT)  # at once: nothing of it is needed any more
            running.wait(20)


def _user() -> pwd.struct_passwd | None:
    """Give somebody unprivileged where we are the superuser."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return pytest.skip("PostgreSQL does not run as the superuser, and there is no user postgres or nobody")


def _wait(address: str, running: "subprocess.Popen[bytes]", log: Path) -> None:
    import time

    import psycopg

    for _ in range(200):
        try:
            psycopg.connect(address).close()
        except psycopg.OperationalError:
            if running.poll() is not None:
                pytest.skip(f"the PostgreSQL server did not start: {log.read_text()[-300:]}")
            time.sleep(0.05)
        else:
            return
    pytest.skip("the PostgreSQL server did not answer within ten seconds")


TABLES = (
    "names",
    "feeds",
    "accounts",
    "posts",
    "post_feeds",
    "relevance",
    "follows",
    "persons",
    "ties",
    "circles",
    "marks",
    "told",
    "work",
)
KINDS = {"INTEGER": "bigint", "TEXT": "text", "REAL": "double precision", "BLOB": "bytea"}


def copied(source: sqlite3.Connection, cursor: "psycopg.Cursor[tuple[object, ...]]") -> None:
    """Make tables of the same shape, with what the rows have in SQLite, and what PostgreSQL keeps beside them."""
    for table in TABLES:
        shape = source.execute(f"pragma table_info({table})").fetchall()
        columns = {row[1]: "jsonb" if row[1] == "more" else KINDS[row[2].upper()] for row in shape}
        beside = querying_pg.COLUMNS if table == "posts" else {}
        declared = ", ".join(f"{name} {kind}" for name, kind in (columns | beside).items())
        cursor.execute(f"create table {table}({declared})".encode())
        found = source.execute(f"select {', '.join(columns)} from {table}")
        names = list(columns)
        rows = [_beside(names, row) if beside else row for row in found]
        places = ["array_to_tsvector(%s)" if name == "words" else "%s" for name in (*columns, *beside)]
        if rows:
            cursor.executemany(f"insert into {table} values ({', '.join(places)})".encode(), rows)
    for sql in querying_pg.INDEXES:
        cursor.execute(sql.encode())


def _beside(names: list[str], row: tuple[object, ...]) -> tuple[object, ...]:
    of = dict(zip(names, row, strict=True))
    return (*row, *querying_pg.derived(*(of[name] for name in ("title", "text", "url", "native_id", "more"))))

"""A damaged store: what can be read is shown with a warning, whatever page was hit, and nothing is written."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from listener.errors import StoreError
from listener.store import PostQuery, schema
from listener.store.sqlite import SqliteStore
from tests.commands import Home
from tests.stored import NOW, days


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path)
    found.ok("init", "--demo")
    found.ok("briefing")
    return found


def page_of_posts(home: Home) -> int:
    """Find a page that holds posts from the middle of the day."""
    row = home.ok("posts", "--json", "--limit", "1000").rows()[60]
    return home.store.read_bytes().index(row["text"].encode()) // schema.PAGE_BYTES + 1


def hit(path: Path, *pages: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        connection.execute("pragma journal_mode = delete")
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * schema.PAGE_BYTES)
            file.write(random.Random(page).randbytes(schema.PAGE_BYTES))


def each_reading(home: Home) -> Iterator[tuple[str, str]]:
    """Run what reads; every one warns, and ends well."""
    for command in (("posts", "--json"), ("feeds", "list", "--json"), ("briefing",)):
        ran = home.run(*command)
        assert ran.code == 0, ran.err
        assert "the file is damaged" in ran.err
        assert "listener restore FILE" in ran.err
        yield command[0], ran.out


def test_a_bad_page_of_posts_costs_its_posts_only(home: Home) -> None:
    everything = len(home.ok("posts", "--json", "--limit", "1000").rows())
    hit(home.store, page_of_posts(home))
    told = dict(each_reading(home))
    assert everything * 0.6 < len(home.run("posts", "--json", "--limit", "1000").rows()) < everything
    assert len(told["feeds"].splitlines()) > 10
    assert "https://" in told["briefing"]


def test_a_lost_index_costs_nothing(home: Home) -> None:
    every = home.ok("posts", "--json", "--limit", "1000").rows()
    with closing(sqlite3.connect(home.store)) as connection:
        sql = "select rootpage from sqlite_master where name in ('posts_newest', 'posts_arrived', 'posts_lead')"
        roots = [root for (root,) in connection.execute(sql)]
    hit(home.store, *roots)
    told = dict(each_reading(home))
    assert home.run("posts", "--json", "--limit", "1000").rows() == every
    assert home.run("posts", "--label", "lead", "--json").rows()
    assert "https://" in told["briefing"]


def test_the_small_values_may_be_lost_too(home: Home) -> None:
    with closing(sqlite3.connect(home.store)) as connection:
        (root,) = connection.execute("select rootpage from sqlite_master where name = 'meta'").fetchone()
    hit(home.store, root)
    told = dict(each_reading(home))
    assert len(told["posts"].splitlines()) == 50


def test_the_doctor_says_all_that_it_can(home: Home) -> None:
    sound = home.run("doctor").out
    hit(home.store, page_of_posts(home))
    ran = home.run("doctor")
    assert ran.code == 1
    assert "✗ store: " in ran.out
    assert "listener restore FILE" in ran.out
    for subject in ("configuration", "feeds", "disk", "network guard", "classifier", "Python"):
        assert f" {subject}: " in sound
        assert f" {subject}: " in ran.out


def test_nothing_is_written_to_a_damaged_store(home: Home) -> None:
    hit(home.store, page_of_posts(home))
    before = home.store.read_bytes()
    ran = home.run("label", "1", "lead")
    assert ran.code == 1
    assert "nothing is written any more" in ran.err
    assert home.run("poll").code == 1
    assert home.store.read_bytes() == before


def test_a_store_of_nothing_readable_is_an_error(home: Home) -> None:
    home.store.write_bytes(b"scrambled " * 99_999)
    for command in ("posts", "feeds", "briefing"):
        ran = home.run(command)
        assert (ran.code, ran.out) == (1, "")
        assert "damaged" in ran.err


def test_any_page_may_be_hit(home: Home) -> None:
    good = home.store.read_bytes()
    for page in random.Random(7).sample(range(2, len(good) // schema.PAGE_BYTES), 15):
        home.store.write_bytes(good)
        hit(home.store, page)
        with closing(SqliteStore.open(home.store)) as store:
            reads = (store.feeds, lambda: store.posts(PostQuery()), lambda: store.candidates(NOW - days(9), NOW))
            assert all("damaged" in failure(read) for read in reads)


def failure(read: Callable[[], object]) -> str:
    """Give what StoreError says; a read that went well is no failure at all, and says so."""
    try:
        read()
    except StoreError as error:
        return str(error)
    return "not damaged"

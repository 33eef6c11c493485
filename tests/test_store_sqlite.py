"""What only the SQLite engine has: its file, its pragmas and plans, damage, copies and migrations."""

import itertools
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from listener.errors import StoreError
from listener.store import PostQuery, Store, connections, schema
from listener.store import sqlite as engine
from listener.store.care import restore
from listener.store.sqlite import SqliteStore
from listener.types import LABELS, Account, Counts, Draft, Feed, Media, Post
from tests.stored import NOW, by, days, draft, feed, kept, minutes, post, save, scored

ROOT = Path(__file__).parents[1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "listener.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore.open(path)) as opened:
        yield opened


@pytest.fixture
def one(store: SqliteStore) -> Feed:
    return store.add_feed(feed(), NOW)


def filled(path: Path, pages: int = 6, drafts: int = 40) -> list[int]:
    """Make a store of some pages, closed; give its ids."""
    rng = random.Random(3)
    words = [f"word{n}" for n in range(900)]
    ids: list[int] = []
    with closing(SqliteStore.open(path)) as store:
        added = store.add_feed(feed(), NOW)
        for page in range(pages):
            texts = [" ".join(rng.choices(words, k=60)) for _ in range(drafts)]
            found = [
                scored(post(f"{page}-{n}", f"dew {text}", account=by(f"a{n}")), 0.9, simhash=rng.getrandbits(62))
                for n, text in enumerate(texts)
            ]
            ids += kept(store, added, *found, cursor=str(page), raw=texts[0].encode() * 9, now=NOW + minutes(page))
    return ids


# the file


def test_the_engine_is_the_protocol(store: SqliteStore) -> None:
    kept_to: Store = store  # mypy reads this file's fixtures in the gate; here it must only run
    assert kept_to.feeds() == []


def test_a_store_is_private_to_its_owner_and_made_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "listener.db"
    with closing(SqliteStore.open(path)) as store:
        store.add_feed(feed(), NOW)
        files = sorted(path.parent.iterdir())
        assert [file.name for file in files] == ["listener.db", "listener.db-shm", "listener.db-wal"]
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert [file.name for file in path.parent.iterdir()] == ["listener.db"]


def test_a_store_that_is_not_there_is_not_made_unasked(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store here"):
        SqliteStore.open(tmp_path / "listener.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"listener\.db"):
        SqliteStore.open(tmp_path / "file" / "listener.db")


def test_every_connection_keeps_the_rules(store: SqliteStore, one: Feed) -> None:
    with store._connections.reading() as connection:
        assert pragma(connection, "query_only") == 1
        assert common_rules(connection)
    with store._connections.writing(durable=False) as connection:
        assert connection.in_transaction
        assert common_rules(connection)
        assert pragma(connection, "synchronous") == 1
    with store._connections.writing(durable=True) as connection:
        assert pragma(connection, "synchronous") == 2


def common_rules(connection: sqlite3.Connection) -> bool:
    rules = {"journal_mode": "wal", "foreign_keys": 1, "trusted_schema": 0, "cell_size_check": 1}
    return pragma(connection, "busy_timeout") >= 15_000 and all(pragma(connection, k) == v for k, v in rules.items())


def pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"pragma {name}").fetchone()[0]


def test_what_cannot_be_fetched_again_waits_for_the_disk(
    store: SqliteStore, one: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable: list[bool] = []
    writing = connections.Connections.writing

    def watched(self: connections.Connections, **rest: bool) -> Any:
        durable.append(rest["durable"])
        return writing(self, durable=rest["durable"])

    (number,) = kept(store, one, draft())
    monkeypatch.setattr(connections.Connections, "writing", watched)
    store.label_post(number, "lead", True, NOW)
    store.set_meta("a", "b")
    store.add_feed(feed(2), NOW)
    store.set_feed(one.id, {"title": "x"}, NOW)
    store.remove_feed(one.id)
    save(store, one, cost=0.01)
    assert durable == [True] * 6
    save(store, one)
    assert durable[6:] == [False]


def test_every_write_begins_as_immediate(store: SqliteStore, one: Feed) -> None:
    seen: list[str] = []
    store._connections._write.set_trace_callback(seen.append)
    (number,) = kept(store, one, draft())
    store.claim_due(NOW, owner="me", lease_s=9, limit=9)
    store.label_post(number, "lead", True, NOW)
    store.prune(NOW, raw_days=1, post_days=1, story_days=1)
    begins = [sql for sql in seen if sql.lower().startswith(("begin", "savepoint"))]
    assert set(begins) == {"begin immediate"}
    assert len(begins) >= 5


def test_opening_a_store_that_is_up_to_date_imports_no_library(path: Path) -> None:
    SqliteStore.open(path).close()
    code = (
        "import sys; from pathlib import Path; from listener.store.sqlite import SqliteStore;"
        "SqliteStore.open(Path(sys.argv[1])).posts;"
        "print([m for m in ('sqlite_utils', 'numpy', 'pydantic', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_closed_store_says_so(path: Path) -> None:
    store = SqliteStore.open(path)
    store.close()
    for call in (store.feeds, store.stats, lambda: store.set_meta("a", "b"), lambda: store.backup(path)):
        with pytest.raises(StoreError, match="closed"):
            call()


# plans


def test_no_listing_looks_through_all_posts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = filled(path)
    seen: set[str] = set()
    connect = connections.connect

    def watched(*args: Any, **rest: Any) -> sqlite3.Connection:
        connection = connect(*args, **rest)
        connection.set_trace_callback(seen.add)
        return connection

    monkeypatch.setattr(connections, "connect", watched)
    with closing(SqliteStore.open(path)) as store:
        use_everything(store, ids)
    with closing(sqlite3.connect(path)) as connection:
        for sql in seen:
            if sql.startswith(("select", "update", "delete", "insert")) and "count(*)" not in sql:
                plan = [row[3] for row in connection.execute(f"explain query plan {sql}")]
                full = [step for step in plan if step.startswith("SCAN") and step.split()[1] in {"p", "posts"}]
                assert [step for step in full if " USING " not in step] == [], sql


def use_everything(store: SqliteStore, ids: list[int]) -> None:
    for label in (None, *LABELS):
        for threshold in (0.1, 0.5):
            for feed_id in (None, 1):
                store.posts(PostQuery(label, threshold, feed_id=feed_id))
                store.posts(PostQuery(label, threshold, NOW - days(1), NOW, feed_id, "blog"))
    store.posts_by_id(ids)
    store.post(ids[0])
    store.search("dew", since=NOW)
    store.candidates(NOW, NOW + days(1))
    store.raw(ids[0])
    store.known([("blog", f"1/{n}") for n in range(30)])
    store.label_post(ids[0], "lead", True, NOW)
    mine = store.feeds()[0].feed
    other = store.add_feed(feed(2), NOW)
    save(store, mine, [draft(post("1-1", "edit"), 5), draft(post("new"), link_key=4, simhash=9)], deleted=("1/1-2",))
    save(store, other, [draft(post("new"))])
    store.claim_due(NOW + days(1), owner="me", lease_s=9, limit=9)
    store.prune(NOW + days(2), raw_days=1, post_days=1, story_days=1)


def test_candidates_come_from_one_covering_index(path: Path) -> None:
    filled(path, pages=1)
    from listener.store.listing import _CANDIDATES

    with closing(sqlite3.connect(path)) as connection:
        (plan,) = connection.execute(f"explain query plan {_CANDIDATES}", (0, 1)).fetchall()
    assert "USING COVERING INDEX posts_arrived" in plan[3]


def test_due_feeds_come_from_their_index(store: SqliteStore, one: Feed) -> None:
    seen: list[str] = []
    store._connections._write.set_trace_callback(seen.append)
    store.claim_due(NOW, owner="me", lease_s=9, limit=9)
    with closing(sqlite3.connect(store.path)) as connection:
        (sql,) = [sql for sql in seen if sql.startswith("update feeds")]
        plan = " ".join(row[3] for row in connection.execute(f"explain query plan {sql}"))
    assert "feeds_due (next_poll_at" in plan
    assert "SCAN feeds" not in plan


# identity, round trips


def test_posts_whose_hashes_are_equal_stay_apart(
    store: SqliteStore, one: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listener.store.turns.key_of", lambda platform, native_id: 7)
    assert len(kept(store, one, draft(post(1, "first")), draft(post(2, "second")))) == 2
    assert save(store, one, [draft(post(2, "third"), 9)]).edited == (2,)
    assert save(store, one, deleted=("1/1",)).deleted == 1
    assert [found.post.text for found in store.posts(PostQuery())] == ["third"]
    assert store.check() == []


def test_a_model_and_a_platform_that_a_failed_page_named_are_found_by_the_next(store: SqliteStore, one: Feed) -> None:
    bad = scored(replace(post(1, "\ud800"), platform="new place"), 0.5)
    with pytest.raises(StoreError, match="a value cannot be stored"):
        save(store, one, [bad])
    (number,) = kept(store, one, scored(replace(post(1), platform="new place"), 0.5))
    with closing(SqliteStore.open(store.path)) as again:
        found = again.post(number)
    assert found is not None
    assert (found.post.platform, found.model) == ("new place", "m1")


def test_a_platform_that_another_process_brought_is_read(store: SqliteStore, one: Feed) -> None:
    kept(store, one, scored(post(1), 0.5))
    with closing(SqliteStore.open(store.path)) as other:
        kept(other, one, draft(replace(post(2), platform="elsewhere")))
    assert {found.post.platform for found in store.posts(PostQuery())} == {"blog", "elsewhere"}


CLEAN = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
WORDS = st.lists(CLEAN, max_size=3).map(tuple)
TIMES = st.integers(-62_135_510_400_000, 253_402_128_000_000).map(
    lambda milliseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
)
SMALL = st.none() | st.integers(-(1 << 62), 1 << 62)
MEDIA = st.builds(Media, CLEAN, st.none() | CLEAN, st.none() | CLEAN, st.none() | st.floats(0, 9))
POSTS = st.builds(
    Post,
    platform=st.sampled_from(["blog", "board"]),
    native_id=CLEAN,
    url=st.none() | CLEAN.filter(bool),
    account=st.none() | st.builds(
        Account, st.just("blog"), CLEAN, CLEAN, CLEAN, CLEAN, st.integers(0, 9), st.booleans(), st.booleans()
    ),
    kind=st.sampled_from(["post", "reply", "repost", "quote"]),
    title=st.none() | CLEAN,
    text=CLEAN,
    lang=st.none() | CLEAN,
    published_at=st.none() | TIMES,
    edited_at=st.none() | TIMES,
    in_reply_to=st.none() | CLEAN,
    thread=st.none() | CLEAN,
    refers_to=st.none() | CLEAN,
    mentions=WORDS,
    links=WORDS,
    tags=WORDS,
    media=st.lists(MEDIA, max_size=2).map(tuple),
    community=st.none() | CLEAN,
    counts=st.none() | st.builds(Counts, SMALL, SMALL, SMALL, SMALL),
    visibility=st.none() | st.sampled_from(["public", "direct"]),
    answered=st.none() | st.booleans(),
    licence=st.none() | CLEAN,
)  # fmt: skip
ROUNDS = itertools.count()
BIG = st.integers(-(1 << 63), (1 << 63) - 1)


def author(found: Post) -> str | None:
    return None if found.account is None else found.account.native_id


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    posts=st.lists(POSTS, min_size=1, max_size=4, unique_by=lambda post: (post.platform, post.native_id)),
    digest=BIG.filter(bool),
    prints=st.tuples(st.none() | BIG, st.none() | BIG),
)
def test_any_post_survives_the_round_trip(
    store: SqliteStore, posts: list[Post], digest: int, prints: tuple[int | None, int | None]
) -> None:
    one = store.add_feed(feed(), NOW)
    unique = next(ROUNDS)  # the store is the same for all examples
    posts = [replace(found, native_id=f"{unique}/{found.native_id}") for found in posts]
    drafts = [Draft(found, digest, link_key=prints[0], simhash=prints[1]) for found in posts]
    ids = kept(store, one, *drafts)
    found = [stored.post for stored in store.posts_by_id(ids)]
    # Of an account the latest word counts, so that one account in two posts has one name.
    assert [author(post) for post in found] == [author(post) for post in posts]
    assert [replace(post, account=None) for post in found] == [replace(post, account=None) for post in posts]
    assert store.known([(saved.platform, saved.native_id) for saved in posts]).keys() == {
        (saved.platform, saved.native_id) for saved in posts
    }


def test_the_search_index_holds_exactly_what_the_posts_hold(store: SqliteStore, one: Feed) -> None:
    other = store.add_feed(feed(2), NOW)
    kept(store, one, *(draft(post(n, f"text {n}", title="a title" if n % 2 else None)) for n in range(60)))
    save(store, one, [draft(post(n, f"edited {n}"), 2) for n in range(0, 60, 3)], deleted=("1/1", "1/2"))
    save(store, other, [draft(post(5))])
    store.prune(NOW + days(2), raw_days=1, post_days=None, story_days=1)
    with store._connections.writing(durable=False) as connection:
        connection.execute("insert into posts_fts(posts_fts, rank) values ('integrity-check', 1)")


# many processes


def test_eight_processes_may_make_the_same_store_at_once_and_four_write_beside_each_other(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.stored import *;"
        "from listener.store.sqlite import SqliteStore;"
        "store = SqliteStore.open(Path(sys.argv[1])); mine = store.add_feed(feed(int(sys.argv[2])), NOW);"
        "[save(store, mine, [draft(post(f'{sys.argv[2]}-{n}'))], cursor=str(n)) for n in range(int(sys.argv[3]))]"
    )
    command = [sys.executable, "-c", code, str(path)]
    running = [
        subprocess.Popen([*command, str(number), "500" if number < 4 else "0"], cwd=ROOT, stderr=subprocess.PIPE)
        for number in range(8)
    ]
    errors = [process.communicate(timeout=120)[1].decode() for process in running]
    assert errors == [""] * 8
    with closing(SqliteStore.open(path)) as store:
        assert store.stats().posts == 2_000
        assert sorted((state.cursor, state.posts) for state in store.feeds() if state.posts) == [("499", 500)] * 4
        assert store.check() == []


def test_a_store_that_is_locked_too_long_is_an_error_for_people(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SqliteStore.open(path).close()
    monkeypatch.setattr(connections, "connect", lambda path, **rest: CONNECT(path, **rest | {"busy_s": 0.05}))
    with closing(SqliteStore.open(path)) as store, closing(CONNECT(path)) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreError, match="another process kept the store locked"):
            store.set_meta("a", "b")
        other.execute("rollback")
        store.set_meta("a", "b")


CONNECT = connections.connect


# damage


def test_twenty_damaged_pages_never_crash_and_the_hint_names_the_way_out(tmp_path: Path) -> None:
    good = tmp_path / "good.db"
    ids = filled(good)
    pages = good.stat().st_size // schema.PAGE_BYTES
    assert pages > 20
    refused = read_only = 0
    for number, page in enumerate(random.Random(5).sample(range(pages), 20)):
        path = tmp_path / f"damaged{number}.db"
        body = bytearray(good.read_bytes())
        body[page * schema.PAGE_BYTES : (page + 1) * schema.PAGE_BYTES] = random.Random(page).randbytes(
            schema.PAGE_BYTES
        )
        path.write_bytes(body)
        for _ in range(2):
            opened: list[SqliteStore] = []
            reason = failure(lambda where=path, kept=opened: kept.append(SqliteStore.open(where)))  # type: ignore[misc]
            refused += bool(reason)
            assert reason == "" or "listener restore" in reason or "no listener store" in reason
            for store in opened:
                with closing(store):
                    read_only += live_with(store, ids)
    assert read_only > 20
    assert refused < 10


def failure(call: Callable[[], object]) -> str:
    """Give what StoreError says; empty: the call went well. Anything else is raised."""
    try:
        call()
    except StoreError as error:
        return str(error)
    return ""


def live_with(store: SqliteStore, ids: list[int]) -> bool:
    """Read and write a store that may be damaged; every failure must be ours."""
    reads = (
        store.feeds, lambda: store.posts(PostQuery(label="lead")), lambda: store.posts_by_id(ids),
        lambda: store.search("dew"), lambda: store.candidates(NOW, NOW + days(1)), store.check, store.stats,
    )  # fmt: skip
    for read in reads:
        assert "damaged" in (failure(read) or "damaged")
    if store.damage is None:
        return False
    with pytest.raises(StoreError, match=r"nothing is written any more.*listener restore"):
        store.set_meta("a", "b")
    return True


def test_damage_met_later_stops_the_writing_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = filled(path)
    monkeypatch.setattr(engine, "CHEAP_BYTES", 0)  # as if it were large: no look through the file at the start
    with closing(sqlite3.connect(path)) as connection:
        root = connection.execute("select rootpage from sqlite_master where name = 'posts_key'").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * schema.PAGE_BYTES)
        file.write(b"\x00" * schema.PAGE_BYTES)
    with closing(SqliteStore.open(path)) as store:
        assert store.damage is None
        with pytest.raises(StoreError, match="damaged"):
            store.known([("blog", "1/0-0")])
        assert store.damage is not None
        with pytest.raises(StoreError, match="nothing is written"):
            store.set_meta("a", "b")
        assert len(store.posts_by_id(ids)) == len(ids)
        assert store.check() != []


def test_a_large_store_is_looked_through_only_after_an_unclean_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path, pages=1)
    looked: list[Path] = []
    monkeypatch.setattr(engine, "CHEAP_BYTES", 0)
    monkeypatch.setattr(engine, "sound", lambda connection: looked.append(path) or True)
    SqliteStore.open(path).close()
    assert looked == []
    running = SqliteStore.open(path)
    running.set_meta("a", "b")
    SqliteStore.open(path).close()  # somebody else has it open: no unclean end
    assert looked == []
    for ending in ("", "-wal"):  # what a killed process leaves
        shutil.copy(f"{path}{ending}", f"{path}.killed{ending}")
    running.close()
    with closing(SqliteStore.open(path.with_name(f"{path.name}.killed"))) as store:
        assert looked == [path]
        assert store.get_meta("a") == "b"


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    other, text, newer = tmp_path / "other.db", tmp_path / "notes.txt", tmp_path / "newer.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("create table places(url)")
    text.write_text("not a database at all, " * 99)
    filled(newer, pages=1)
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute(f"pragma user_version = {len(schema.STEPS) + 1}")
    before = [file.read_bytes() for file in (other, text, newer)]
    for file, reason in ((other, "no listener store"), (text, "damaged"), (newer, "newer listener.*install the newer")):
        with pytest.raises(StoreError, match=reason):
            SqliteStore.open(file)
    assert [file.read_bytes() for file in (other, text, newer)] == before


# copies


def test_fifty_backups_under_load_are_fifty_good_stores(path: Path, tmp_path: Path) -> None:
    filled(path, pages=1)
    stop = threading.Event()
    with closing(SqliteStore.open(path)) as store:
        added = store.feeds()[0].feed

        def write() -> None:
            page = 1
            while not stop.wait(0.005):
                save(store, added, [draft(post(f"{page}-{n}")) for n in range(5)], cursor=str(page))
                page += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            cursors = [backed_up(store, tmp_path) for _ in range(50)]
        finally:
            stop.set()
            writer.join()
    assert cursors == sorted(cursors)
    assert cursors[-1] > cursors[0]


def backed_up(store: SqliteStore, folder: Path) -> int:
    """Back up, restore the copy elsewhere, and compare its posts with its cursor."""
    copy, restored = folder / "copy.db", folder / "restored.db"
    store.backup(copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    restore(copy, restored)
    with closing(SqliteStore.open(restored)) as again:
        (state,) = again.feeds()
        assert again.stats().posts == state.posts == 40 + 5 * int(state.cursor or 0)
        assert again.check() == []
        return int(state.cursor or 0)


def test_a_failed_backup_leaves_the_older_one(path: Path, tmp_path: Path) -> None:
    filled(path)
    copy = tmp_path / "copies" / "copy.db"
    with closing(SqliteStore.open(path)) as store:
        with pytest.raises(StoreError, match=r"copy\.db"):
            store.backup(copy)  # no such folder
        copy.parent.mkdir()
        store.backup(copy)
        before = copy.read_bytes()
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            file.write(os.urandom(schema.PAGE_BYTES * 4))
        store._connections._idle.clear()
        with pytest.raises(StoreError, match="damaged"):
            store.backup(copy)
    assert copy.read_bytes() == before
    assert list(copy.parent.iterdir()) == [copy]


def test_restoring_brings_the_copy_back_and_keeps_the_old_store_beside_it(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with closing(SqliteStore.open(path)) as store:
        added = store.add_feed(feed(), NOW)
        kept(store, added, draft(post(1, "in the copy")))
        store.backup(copy)
        kept(store, added, draft(post(2, "only in the old")))
    restore(copy, path)
    with closing(SqliteStore.open(path)) as store:
        assert [found.post.text for found in store.posts(PostQuery())] == ["in the copy"]
    with closing(SqliteStore.open(tmp_path / "listener.db.before-restore")) as store:
        assert len(store.posts(PostQuery())) == 2
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_damaged_store_can_be_restored_and_its_journal_never_meets_the_new_one(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    filled(path, pages=1)
    with closing(SqliteStore.open(path)) as store:
        store.backup(copy)
    path.write_bytes(b"scrambled " * 9_999)
    path.with_name("listener.db-wal").write_bytes(b"left behind")
    restore(copy, path)
    assert not path.with_name("listener.db-wal").exists()
    with closing(SqliteStore.open(path)) as store:
        assert (store.damage, store.check(), store.stats().posts) == (None, [], 40)
    assert (tmp_path / "listener.db.before-restore").read_bytes().startswith(b"scrambled")


def test_a_store_that_is_open_elsewhere_is_not_restored_over(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    filled(path, pages=1)
    with closing(SqliteStore.open(path)) as store:
        store.backup(copy)
        store.set_meta("still", "here")
        with pytest.raises(StoreError, match="another process has the store open"):
            restore(copy, path)
        assert store.get_meta("still") == "here"
    assert not (tmp_path / "listener.db.before-restore").exists()
    assert not (tmp_path / "listener.db.restoring").exists()


def test_only_a_sound_store_of_a_known_schema_is_restored(path: Path, tmp_path: Path) -> None:
    filled(path, pages=2)
    before = path.read_bytes()
    for name, reason in bad_copies(path, tmp_path).items():
        with pytest.raises(StoreError, match=reason):
            restore(tmp_path / name, path)
        assert path.read_bytes() == before
        assert not (tmp_path / "listener.db.before-restore").exists()


def bad_copies(good: Path, folder: Path) -> dict[str, str]:
    body = good.read_bytes()
    (folder / "empty").write_bytes(b"")
    (folder / "text").write_text("hello " * 999)
    (folder / "short").write_bytes(body[: len(body) // 2])
    (folder / "flipped").write_bytes(body[: -9 * schema.PAGE_BYTES] + os.urandom(9 * schema.PAGE_BYTES))
    for name, sql in {
        "newer": "pragma user_version = 99",
        "trigger": "create trigger t after insert on posts begin delete from thumbs; end",
        "view": "create view v as select 1",
    }.items():
        shutil.copy(good, folder / name)
        with closing(sqlite3.connect(folder / name)) as connection:
            connection.execute(sql)
    with closing(sqlite3.connect(folder / "foreign")) as connection:
        connection.execute("create table t(x)")
    return {
        "missing": "no such file", "empty": "empty", "text": "damaged", "short": "damaged", "flipped": "damaged",
        "newer": "newer listener", "trigger": "triggers", "view": "views", "foreign": "no listener store",
    }  # fmt: skip


# migrations


def test_a_migration_backs_the_file_up_first(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path, pages=1)
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, lambda_named(lambda db: db["later"].create({"id": int}))))
    with closing(SqliteStore.open(path)) as store:
        assert (store.stats().schema, store.stats().posts) == (len(schema.STEPS), 40)
    monkeypatch.undo()
    with closing(SqliteStore.open(tmp_path / f"listener.db.schema-{len(schema.STEPS)}")) as store:
        assert (store.stats().schema, store.stats().posts) == (len(schema.STEPS), 40)
    with pytest.raises(StoreError, match="newer listener"):
        SqliteStore.open(path)


def copy_rows(source: Path, target: Path) -> None:
    """Fill a file of an older schema with what it has room for."""
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("attach ? as source", (str(source),))
        tables = (
            "select name from main.sqlite_master where type = 'table' and name not glob '*_fts*' and name not glob '_*'"
        )
        for (table,) in connection.execute(tables).fetchall():
            columns = ", ".join(name for _, name, *_ in connection.execute(f"pragma main.table_info({table})"))
            connection.execute(f"insert or replace into main.{table}({columns}) select {columns} from source.{table}")
        connection.execute("insert into posts_fts(posts_fts) values ('rebuild')")


@pytest.mark.parametrize("released", range(1, len(schema.STEPS)))
def test_a_file_of_each_released_schema_becomes_one_of_today(
    path: Path, monkeypatch: pytest.MonkeyPatch, released: int
) -> None:
    def shape(file: Path) -> set[tuple[str, ...]]:
        with closing(sqlite3.connect(file)) as connection:
            return set(connection.execute("select type, name, coalesce(sql, '') from sqlite_master"))

    filled(path.with_name("filled.db"), pages=1)
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:released])
    SqliteStore.open(path).close()
    monkeypatch.undo()
    copy_rows(path.with_name("filled.db"), path)
    with closing(SqliteStore.open(path)) as store:
        assert (store.stats().schema, store.stats().posts, store.check()) == (len(schema.STEPS), 40, [])
    SqliteStore.open(path.with_name("fresh.db")).close()
    assert shape(path) == shape(path.with_name("fresh.db"))


def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path, pages=1)

    def fails(db: Any) -> None:
        db["later"].create({"id": int})
        db.execute("insert into nowhere values (1)")

    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, fails))
    with pytest.raises(StoreError, match="no such table"):
        SqliteStore.open(path)
    monkeypatch.undo()
    with closing(SqliteStore.open(path)) as store:
        assert (store.stats().schema, store.check()) == (len(schema.STEPS), [])


def lambda_named(step: Any) -> Any:
    step.__name__ = "later"
    return step


def test_an_old_sqlite_is_refused_with_both_versions(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SQLITE_MIN", (99, 0, 0))
    with pytest.raises(StoreError, match=r"needs 99\.0\.0"):
        SqliteStore.open(path)

"""The store at a million posts, beside bare sqlite3 writing the same rows: `python -m bench.store [--posts N]`.

Goals S1 to S4, D1 and the store's share of E1. CPU seconds of this process; both sides take turns, batch by batch.
"""

import argparse
import json
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from bench.synthetic import START, YEAR, Batch, Writer
from listener.store import PostQuery, meeting
from listener.store.connections import WRITER_CACHE_KB, connect
from listener.store.rows import COLUMNS, INSERT
from listener.store.sqlite import SqliteStore
from listener.types import LABELS, Feed, Plan, Turn

FEEDS = 2_000
PLAN = Plan(START + 2 * YEAR, 3_600)


class Clock:
    """CPU seconds, summed by name."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.cpu_s[name] = self.cpu_s.get(name, 0.0) + time.process_time() - start


class Bare:
    """The same rows in the same tables by executemany, and the search by one INSERT … SELECT a batch; no questions asked."""

    def __init__(self, path: Path, feeds: list[Feed]) -> None:
        SqliteStore.open(path).close()
        self.connection = connect(path, cache_kb=WRITER_CACHE_KB)
        self.connection.execute("pragma synchronous = normal")
        store = SqliteStore.open(path)
        store.add_feeds(feeds, START)
        store.close()

    def write(self, rows: dict[str, list[tuple]], feed: int) -> None:
        run = self.connection
        run.execute("begin immediate")
        for sql, values in rows.items():
            run.executemany(sql, values)
        posts = rows[INSERT]
        run.execute(
            "insert into posts_fts(rowid, title, text) select id, title, text from posts where id between ? and ?",
            (posts[0][0], posts[-1][0]),
        )
        run.execute("update feeds set cursor = ?, posts = posts + ? where id = ?", ("c", len(posts), feed))
        run.execute("commit")


def rows_of(source: sqlite3.Connection, last: int, last_account: int) -> dict[str, list[tuple]]:
    """Read back what the store just wrote, as executemany wants it."""
    names = "insert or ignore into names values (?, ?)"
    accounts = "insert into accounts values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    posts = source.execute(f"select {COLUMNS} from posts where id > ? order by id", (last,)).fetchall()
    return {
        names: source.execute("select id, name from names").fetchall(),
        accounts: source.execute("select * from accounts where id > ?", (last_account,)).fetchall(),
        INSERT: posts,
        "insert into bands values (?, ?)": source.execute(
            "select band, post from bands where post > ? order by band, post", (last,)
        ).fetchall(),
        "insert into joined values (?, ?, ?, ?)": source.execute(
            "select story, post, why, via from joined where post > ?", (last,)
        ).fetchall(),
    }


def ingest(store: SqliteStore, bare: Bare, writer: Writer, size: int, clock: Clock, feeds: list[Feed]) -> int:
    """Fill both, turn by turn; give the bytes of text."""
    source = connect(store.path)
    last, last_account, text_bytes, day = 0, 0, 0, 0
    done = 0
    for batch in writer.batches(size, len(feeds)):
        with clock.timed("save_page"):
            store.save_page(Turn(feeds[batch.feed - 1], batch.now, "c", PLAN, batch.drafts))
        rows = rows_of(source, last, last_account)
        with clock.timed("bare"):
            bare.write(rows, batch.feed)
        last = rows[INSERT][-1][0]
        last_account = source.execute("select coalesce(max(id), 0) from accounts").fetchone()[0]
        text_bytes += sum(len((d.post.text + (d.post.title or "")).encode()) for d in batch.drafts)
        done += len(batch.drafts)
        if (batch.now - START).days > day:
            day = (batch.now - START).days
            with clock.timed("prune"):
                store.prune(batch.now, raw_days=7, post_days=None, story_days=3)
            cut = source.execute("select min(post) from bands").fetchone()[0]
            bare.connection.execute("delete from bands where post < ?", (cut,))
        progress(done, writer.posts)
    source.close()
    return text_bytes


def progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total:,}", end="" if done < total else "\n", file=sys.stderr)


def p95(work: Callable[[int], object], times: int = 200) -> tuple[float, float]:
    """Give p95 and the most, in CPU milliseconds, after five runs that do not count."""
    found = []
    for n in range(times + 5):
        start = time.process_time()
        work(n)
        found.append((time.process_time() - start) * 1000)
    found = sorted(found[5:])
    return statistics.quantiles(found, n=20)[-1], found[-1]


def queries(store: SqliteStore, writer: Writer) -> None:
    rng = random.Random(7)
    words = writer.words

    def day(days: int) -> Callable[[int], object]:
        def work(_: int) -> object:
            since = START + timedelta(days=rng.randrange(365 - days))
            return store.candidates(since, since + timedelta(days=days))

        return work

    def any_text(n: int) -> str:
        common, middle, rare = words[rng.randrange(5)], words[rng.randrange(50, 2_000)], words[-1 - rng.randrange(9)]
        return (
            common, f"{common} {words[rng.randrange(5)]}", f'"{common} {middle}"', f"{middle} {rare}", f"{middle[:3]}*",
            f'"{rare} {rare}"', f'"{words[0]} {words[0]} {words[0]}"', f"{common}* {middle}*", f"{common} {rare}",
            '"" AND ( NEAR -- *', f"{words[400]} {words[401]} {words[402]}", f"{words[rng.randrange(3000)][:4]}*",
        )[n % 12]  # fmt: skip

    shapes: dict[str, Callable[[int], object]] = {
        "newest 50 by label": lambda n: store.posts(PostQuery(label=LABELS[n % 3])),
        "newest 50": lambda _: store.posts(PostQuery()),
        "newest 50 of a feed": lambda n: store.posts(PostQuery(feed_id=1 + n % FEEDS)),
        "candidates of 24 h": day(1),
        "candidates of 7 days": day(7),
        "search, two words": lambda _: store.search(f"{words[rng.randrange(20, 500)]} {words[rng.randrange(20, 500)]}"),
        "search, any text": lambda n: store.search(any_text(n)),
    }
    for name, work in shapes.items():
        print("  {:24} p95 {:8.2f} ms   most {:8.2f} ms".format(name, *p95(work, 240)))


def rates(store: SqliteStore) -> None:
    rng = random.Random(5)
    with store._connections.reading() as connection:
        known = connection.execute("select platform, native_id from posts where id % 97 = 0 limit 5000").fetchall()
        words = store._names.words(connection)
        start = time.process_time()
        for _ in range(5_000):
            connection.execute(meeting.NEAR, (json.dumps(meeting.bands(rng.getrandbits(63))),)).fetchall()
        print(f"  near-duplicate check     {5_000 / (time.process_time() - start):10,.0f} a CPU second")
    keys = [(words[platform], native_id) for platform, native_id in known]
    start = time.process_time()
    for at in range(0, len(keys), 25):
        store.known(keys[at : at + 25])
    print(f"  known, 25 at a time      {len(keys) / (time.process_time() - start):10,.0f} posts a CPU second")


def ticks(folder: Path, feeds: list[Feed]) -> None:
    """What a tick over 2,000 feeds costs on a store of its own."""
    clock, store = Clock(), SqliteStore.open(folder / "ticks.db")
    with clock.timed("add_feeds"):
        added = store.add_feeds(feeds, START)
    with clock.timed("first claim"):
        store.claim_due(START, owner="me", lease_s=180, limit=FEEDS)
    batches = Writer(25 * FEEDS).batches(25, FEEDS)
    for batch in batches:
        with clock.timed("first pages of 25"):
            store.save_page(Turn(added[batch.feed - 1], START, "c", PLAN, batch.drafts))
    store.make_due([feed.id for feed in added], START)
    with clock.timed("claim"):
        claimed = store.claim_due(START, owner="me", lease_s=180, limit=FEEDS)
    with clock.timed("save_plans"):
        store.save_plans([(state.feed.id, None, PLAN) for state in claimed], START, "me")
    writer = Writer(FEEDS, seed=2)
    for batch in writer.batches(1, FEEDS):
        with clock.timed("pages of 1"):
            store.save_page(Turn(added[batch.feed - 1], START, "c", PLAN, _renamed(batch).drafts))
    store.close()
    print(f"a tick over {FEEDS:,} feeds, CPU ms in all")
    for name, cpu_s in clock.cpu_s.items():
        print(f"  {name:24} {cpu_s * 1000:10,.1f}")


def _renamed(batch: Batch) -> Batch:
    from dataclasses import replace

    drafts = tuple(replace(d, post=replace(d.post, native_id=f"n{d.post.native_id}")) for d in batch.drafts)
    return replace(batch, drafts=drafts)


def sizes(path: Path, posts: int, text_bytes: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        free = (
            connection.execute("pragma freelist_count").fetchone()[0]
            * connection.execute("pragma page_size").fetchone()[0]
        )
        tables = connection.execute(
            "select name, sum(pgsize) from dbstat group by name order by 2 desc limit 14"
        ).fetchall()
    size = path.stat().st_size
    print(
        f"disk: {size / posts:,.0f} bytes a post, {size / text_bytes:.2f} × its text ({text_bytes / posts:.0f}); free {free / posts:.0f}"
    )
    print("  " + ", ".join(f"{name} {size / posts:.0f}" for name, size in tables))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--page", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=None, help="keep the files here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        run(folder, asked.posts, asked.page)


def run(folder: Path, posts: int, page: int) -> None:
    feeds = [Feed(0, "rss", f"https://feed{n}.example/", "rss") for n in range(FEEDS)]
    store, clock, writer = SqliteStore.open(folder / "store.db"), Clock(), Writer(posts)
    added = store.add_feeds(feeds, START)
    bare = Bare(folder / "bare.db", feeds)
    text_bytes = ingest(store, bare, writer, page, clock, added)
    ours, theirs = (posts / clock.cpu_s[name] for name in ("save_page", "bare"))
    print(
        f"ingest of {posts:,} posts, {page} a page: {ours:,.0f} posts a CPU second, bare {theirs:,.0f}: {ours / theirs:.2f} ×"
    )
    print(
        f"  save_page {clock.cpu_s['save_page']:.1f} s, bare {clock.cpu_s['bare']:.1f} s, pruning bands daily {clock.cpu_s.get('prune', 0):.1f} s"
    )
    sizes(store.path, posts, text_bytes)
    print("queries")
    queries(store, writer)
    rates(store)
    start = time.perf_counter()
    faults = store.check()
    print(f"  check: {faults or 'sound'} in {time.perf_counter() - start:.1f} s; {store.stats()}")
    store.close()
    bare.connection.close()
    ticks(folder, feeds)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()

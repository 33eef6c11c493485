"""The morning briefing over a large store: `python -m bench.briefing [--posts N] [--folder F]`.

The store holds N posts spread over a year, 300 people in three circles, 2,000 follows, and what earlier briefings told.
Wall and CPU milliseconds, medians and the most of 15 runs; the goal is 300 ms for a briefing over 1,000,000 posts.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bench.synthetic import START, YEAR, Writer
from listener import config
from listener.app import App
from listener.people import Person, Tie
from listener.store.sqlite import SqliteStore
from listener.types import Feed, Follow, Plan, Turn

FEEDS = 200
CIRCLES = ("customers", "peers", "home town")
PAGE = 500
BOUND_MS = 300


def fill(path: Path, posts: int) -> None:
    """Make the store, its people and follows."""
    store, plan = SqliteStore.open(path), Plan(START + 2 * YEAR, 3_600)
    feeds = store.add_feeds([Feed(0, "rss", f"https://feed{n}.example/", "rss") for n in range(FEEDS)], START)
    writer = Writer(posts, marked_from=max(posts - 50_000, 0))
    for batch in writer.batches(PAGE, FEEDS):
        store.save_page(Turn(feeds[batch.feed - 1], batch.now, "c", plan, batch.drafts))
    found = {}
    for batch in Writer(min(posts, 40_000)).batches(PAGE, FEEDS):
        authors = (draft.post.account for draft in batch.drafts)
        found |= {(author.platform, author.native_id): author for author in authors if author is not None}
    accounts = list(found.values())
    for number, account in enumerate(accounts[:300]):
        tie = Tie(account.platform, account.native_id)
        store.save_person(Person(f"Person {number}", (CIRCLES[number % 3],), (tie,)), START)
    store.save_follows([Follow(account, circle="list") for account in accounts[300:2_300]], START)
    store.close()


def timed(work: Callable[[], object], times: int = 15) -> str:
    """Run it, and say how long it took."""
    walls, cpus = [], []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append((time.perf_counter() - wall) * 1_000)
        cpus.append((time.process_time() - cpu) * 1_000)
    return f"wall {statistics.median(walls):6.0f} ms (most {max(walls):.0f}), CPU {statistics.median(cpus):6.0f} ms"


def run(folder: Path, posts: int) -> None:
    """Fill where there is nothing yet, then measure."""
    path = folder / "listener.db"
    if not path.exists():
        fill(path, posts)
    (folder / "config.toml").write_text('[store]\nurl = "listener.db"\n[briefing]\ntimezone = "UTC"\n')
    now = START + YEAR
    app = App(config.load(folder / "config.toml", {}, folder, folder), now=lambda: now)
    print(f"{app.store.stats().posts:,} posts; {len(app.store.candidates(now - timedelta(days=1), now)):,} of a day")
    start = time.perf_counter()
    people = app.store.people()
    app.numbers(people, anew=True)
    print(f"  numbers of four weeks, counted anew (hourly in `up`)  {(time.perf_counter() - start) * 1_000:.0f} ms")
    print(f"  people                                                {timed(app.store.people)}")
    print(f"  briefing, first of all                                {timed(app.brief)}")
    app.make_briefing((now - timedelta(days=1)).date())
    print(f"  briefing, others told before                          {timed(app.brief)}")
    print(f"  briefing of one circle                                {timed(lambda: app.brief(circle='customers'))}")
    week = timed(lambda: app.brief(since=now - timedelta(7)), 5)
    print(f"  briefing of a week                                    {week}")
    print(f"goal: {BOUND_MS} ms")
    app.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=None, help="keep the store here, and use it again")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        run(asked.folder or Path(temporary), asked.posts)


if __name__ == "__main__":
    main()

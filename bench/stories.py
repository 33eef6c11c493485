"""Stories: pairs of posts that are one and that are not, what they cost: `python -m bench.stories [--posts N]`.

Precision and recall of `tests/data/stories` through the real store, each half in a store of its own; then, on recorded
feeds, how many posts with one canonical link are one story; then goal D1 at a million posts. CPU seconds.
"""

import argparse
import json
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import combinations
from pathlib import Path

from bench.synthetic import START, YEAR, Writer
from listener import stories, telling, upkeep, urls
from listener.drafting import Tools
from listener.store import meeting
from listener.store.rows import key_of, ms
from listener.store.sqlite import SqliteStore
from listener.types import Account, Draft, Feed, Plan, Post, Turn

ROOT = Path(__file__).parents[1]
PAIRS = ROOT / "tests/data/stories"
RECORDINGS = ROOT.parent / "shared/recordings/feeds"
RULES = urls.rules(tomllib.loads((ROOT / "connectors/links.toml").read_text()))
HALVES = ("tune", "held")
PAGE = 20
FEEDS = 2_000
EVENING = 10
"""Pages of 500 after the end of the year whose stories are looked for."""
Key = tuple[str, str]


def post_of(row: dict) -> Post:
    """Make a post of its JSON; an account is its native_id there."""
    account = row.get("account")
    return Post(
        row["platform"], row["native_id"], row.get("url"),
        None if account is None else Account(row["platform"], account, account), row["kind"], row.get("title"),
        row.get("text", ""), row.get("lang"), datetime.fromisoformat(row["published_at"]),
        in_reply_to=row.get("in_reply_to"), refers_to=row.get("refers_to"), links=tuple(row.get("links", ())),
    )  # fmt: skip


def pairs(name: str, half: str) -> list[tuple[str, Post, Post]]:
    """Read the pairs of one half: kind and both posts."""
    rows = map(json.loads, (PAIRS / f"{name}.jsonl").read_text().splitlines())
    return [(row["kind"], post_of(row["a"]), post_of(row["b"])) for row in rows if row["half"] == half]


def world(posts: Iterable[Post], folder: Path, page: int = PAGE) -> dict[Key, tuple[int, str | None]]:
    """Save posts as they came, page by page, in a fresh store; give each one's story and why it is there."""
    ordered = sorted(
        {(post.platform, post.native_id): post for post in posts}.values(), key=lambda p: p.published_at or START
    )
    store = SqliteStore.open(folder / "pairs.db")
    tools = Tools(store, None, None, None, RULES, lambda: START, lambda: 0.0)  # type: ignore[arg-type]
    feed = Feed(0, "bench", "pairs", "bench")
    for at in range(0, len(ordered), page):
        part = ordered[at : at + page]
        upkeep.save_posts(tools, feed, part, max(post.published_at or START for post in part))
    found = _stories(store)
    store.close()
    return found


def _stories(store: SqliteStore) -> dict[Key, tuple[int, str | None]]:
    from listener.store.story import REASONS

    with store._connections.reading() as connection:
        words = store._names.words(connection)
        rows = connection.execute(
            "select p.platform, p.native_id, p.story, j.why from posts p"
            " left join joined j on j.story = p.story and j.post = p.id"
        ).fetchall()
    return {(words[row[0]], row[1]): (row[2], None if row[3] is None else REASONS[row[3]]) for row in rows}


def quality(half: str, *, show: bool) -> None:
    """Print precision and recall over one half, and the kinds."""
    alike, unlike = pairs("alike", half), pairs("unlike", half)
    with tempfile.TemporaryDirectory() as folder:
        found = world((post for _, *both in (*alike, *unlike) for post in both), Path(folder))

    def joined(one: Post, other: Post) -> bool:
        return found[one.platform, one.native_id][0] == found[other.platform, other.native_id][0]

    hits, misses = Counter(), Counter()
    wrong, all_ = Counter(), Counter()
    for kind, one, other in alike:
        (hits if joined(one, other) else misses)[kind] += 1
        if show and not joined(one, other):
            print(f"  MISSED {kind}: {_line(one)} | {_line(other)}")
    for kind, one, other in unlike:
        all_[kind] += 1
        if joined(one, other):
            wrong[kind] += 1
            if show:
                print(f"  WRONG {kind}: {_line(one)} | {_line(other)} {found[other.platform, other.native_id]}")
    true, false = hits.total(), wrong.total()
    print(
        f"{half}: precision {true / max(true + false, 1):.3f}, recall {true / max(len(alike), 1):.3f}"
        f" ({len(alike)} alike, {len(unlike)} unlike)"
    )
    for kind in sorted(hits | misses):
        print(f"  alike  {kind:20} {hits[kind]:4} of {hits[kind] + misses[kind]}")
    for kind in sorted(all_):
        print(f"  unlike {kind:20} {wrong[kind]:4} of {all_[kind]} joined")
    _beyond(found, [*alike, *unlike], show=show)


def _beyond(found: dict[Key, tuple[int, str | None]], listed: Sequence[tuple[str, Post, Post]], *, show: bool) -> None:
    """Count the pairs in one story that nobody listed: chance meetings in the half's own world."""
    by_story: dict[int, list[Key]] = {}
    for key, (story, _) in found.items():
        by_story.setdefault(story, []).append(key)
    known = {frozenset({(a.platform, a.native_id), (b.platform, b.native_id)}) for _, a, b in listed}
    texts = {(p.platform, p.native_id): _line(p) for _, *both in listed for p in both}
    beyond = [pair for keys in by_story.values() for pair in combinations(keys, 2) if frozenset(pair) not in known]
    print(f"  pairs in one story that are in neither list: {len(beyond)}")
    for one, other in beyond if show else ():
        print(f"  BEYOND {texts[one]} | {texts[other]}")


def _line(post: Post) -> str:
    return f"{post.published_at:%d %H:%M} {post.title or post.text}"[:110]


def recordings() -> None:
    """Print what becomes of recorded feeds' entries: posts with one canonical link are alike, as far as one can tell."""
    if not RECORDINGS.is_dir():
        return
    posts = _recorded()
    rules = RULES
    links = {key: urls.story_link(post, rules) for key, post in posts.items()}
    with tempfile.TemporaryDirectory() as folder:
        found = world(posts.values(), Path(folder))
    links = {key: link for key, link in links.items() if key in found}
    both = linked = near = 0
    for one, other in combinations(sorted(found), 2):
        if links[one] is not None and links[one] == links[other]:
            linked += 1
            both += found[one][0] == found[other][0]
        elif found[one][0] == found[other][0]:
            near += 1
            print(f"    {found[other][1] or found[one][1]}: {_line(posts[one])} | {_line(posts[other])}")
    print(
        f"recordings: {len(found)} posts; pairs with one link {linked}, of them one story {both}; other pairs joined {near}"
    )


def _recorded() -> dict[Key, Post]:
    import feedparser

    from listener import html

    found: dict[Key, Post] = {}
    for path in sorted(RECORDINGS.iterdir()):
        for entry in feedparser.parse(path.read_bytes()).entries:
            made = entry.get("published_parsed") or entry.get("updated_parsed")
            link = urls.safe(entry.get("link"))
            if made is None or link is None or made[0] < 1995:
                continue
            at = datetime(*made[:6], tzinfo=START.tzinfo)
            text = html.to_text(entry.get("summary", ""))
            key = ("rss", f"{path.name}/{entry.get('id') or link}")
            found[key] = Post(*key, link, None, "post", entry.get("title"), text[:4_000], None, at)
    return found


def rates(count: int) -> None:
    """Print D1: what a post costs, its print and telling alone, and in a store of `count` posts; bytes."""
    # What is older than the window of the words has left no trace there: it is filled in without its words.
    young = count - round(count * (telling.DAYS_OF_WORDS + 2) / YEAR.days)
    writer, done = Writer(count, marked_from=young), 0
    feeds = [Feed(0, "rss", f"https://feed{n}.example/", "rss") for n in range(FEEDS)]
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore.open(Path(folder) / "store.db")
        added = store.add_feeds(feeds, START)
        for batch in writer.batches(500, FEEDS):
            done += len(batch.drafts)
            drafts = tuple(replace(d, simhash=_print(d) if done > young else None) for d in batch.drafts)
            store.save_page(Turn(added[batch.feed - 1], batch.now, "c", Plan(START + 2 * YEAR, 3_600), drafts))
        store.prune(batch.now, raw_days=7, post_days=None, story_days=telling.DAYS_OF_WORDS)
        _cost(store, Writer(EVENING * 500, seed=3, marked_from=count), count)
        store.close()


def _print(draft: Draft) -> int | None:
    return stories.simhash(f"{draft.post.title or ''} {draft.post.text}")


def _cost(store: SqliteStore, writer: Writer, count: int) -> None:
    from listener.store import story

    now = ms(START + YEAR)
    drafts = [(d, now) for batch in writer.batches(500, FEEDS) for d in batch.drafts]
    start = time.process_time()
    prints = [_print(d) for d, _ in drafts]
    printed = time.process_time() - start
    start = time.process_time()
    tellings = [telling.read(d.post) for d, _ in drafts]
    told = time.process_time() - start
    fresh = [
        meeting.Fresh.of(
            replace(d, simhash=print_, marks=tell.asked),
            (count + n + 1, at, key_of(d.post.platform, d.post.native_id)),
            n,
        )
        for n, ((d, at), print_, tell) in enumerate(zip(drafts, prints, tellings, strict=True))
    ]
    taken = 0.0
    with store._connections.writing(durable=False) as connection:
        for at in range(0, len(fresh), 25):
            page = fresh[at : at + 25]
            start = time.process_time()
            story.stories(connection, page, {})
            connection.executemany("insert into bands(band, post) values (?, ?)", meeting.rows(page, page[0].sort_at))
            taken += time.process_time() - start
        sizes = dict(
            connection.execute(
                "select name, sum(pgsize) from dbstat where name in ('bands', 'joined', 'moved', 'moved_story')"
                " group by name"
            ).fetchall()
        )
        young = connection.execute("select count(distinct post) from bands").fetchone()[0]
    n = len(fresh)
    print(
        f"at {count:,} posts, a post: print {printed / n * 1e6:.0f} µs, telling {told / n * 1e6:.0f} µs,"
        f" finding and joining its story {taken / n * 1e6:.0f} µs (goal 100)\n"
        f"  near-duplicate check {n / (printed + taken):,.0f}/s (goal 8,000), with the telling"
        f" {n / (printed + told + taken):,.0f}/s\n"
        f"  bytes beyond the row: {sum(sizes.values()) / count:.0f} a stored post (goal 64),"
        f" {sizes['bands'] / max(young, 1):.0f} a post of the last days"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--half", choices=HALVES, help="only the pairs of this half")
    parser.add_argument("--show", action="store_true", help="print each pair that came out wrong")
    asked = parser.parse_args()
    for half in HALVES:
        if asked.half in (None, half):
            quality(half, show=asked.show)
    if asked.half is None:
        recordings()
        rates(asked.posts)


if __name__ == "__main__":
    main()

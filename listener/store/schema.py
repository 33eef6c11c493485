"""The tables of the SQLite engine, and how an older file becomes a newer one.

A migration is a function in `STEPS`; its place is its number, which the file keeps as `user_version`. Released
migrations never change. sqlite-utils is imported only when there is something to migrate: it costs 0.2 s.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING, Final

from listener.errors import StoreError
from listener.store import connections, steps
from listener.store.search import TOKENIZER
from listener.store.steps import columns

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID: Final = 0x6C73746E
"""Marks a file as ours ("lstn")."""
SQLITE_MIN: Final = (3, 38, 0)
"""RETURNING came with 3.35, json_each without a build option with 3.38."""
LABEL_FLOOR: Final = 2_000
"""Scores from here on (0.2) are in the label indexes. Keep in step with the WHERE of the indexes below."""
PAGE_BYTES: Final = 8_192
"""Twice SQLite's own: a page holds a dozen posts, and what is left over at its end is 30 bytes a post less."""

Step = Callable[["Database"], None]


def posts_and_feeds(db: Database) -> None:
    """Make everything of the first release."""
    _feeds(db)
    _posts(db)
    _beside_posts(db)


def _feeds(db: Database) -> None:
    # asked: the query as it was given, whatever redirects made of it; so that adding it again finds the feed.
    fields = columns(
        "id int, connector text, query text, asked text, platform text, title text, folder text, home_url text,"
        "cursor text, added_at int, next_poll_at int, interval_s real, fixed_interval_s real, failures int,"
        "health text, error text, paused int, from_config int, removed int, last_poll_at int, last_success_at int,"
        "last_new_at int, recent text, posts int, spent_usd real, lease_owner text, lease_until int"
    )
    zero = {"failures": 0, "paused": 0, "from_config": 0, "removed": 0, "posts": 0, "spent_usd": 0.0}
    needed = {"connector", "query", "asked", "platform", "health", *zero}
    db.create_table("feeds", fields, pk="id", not_null=needed, defaults=zero, strict=True)
    db.table("feeds").create_index(["connector", "asked"], "feeds_asked", unique=True)
    db.table("feeds").create_index(["connector", "query"], "feeds_query")
    db.execute(
        "create index feeds_due on feeds(next_poll_at) where next_poll_at is not null and paused = 0 and removed = 0"
    )


def _posts(db: Database) -> None:
    # Small columns first: what lists and joins read never follows a row into its overflow pages.
    # published_at is 0 when it equals sort_at, url is empty when native_id ends with it; for `more` see rows.py.
    fields = columns(
        "id int, key int, platform int, sort_at int, story int, simhash int, digest int, feed int, account int,"
        "kind int, arrival int, published_at int, first_seen_at int, deleted_at int, lead int, question int,"
        "news int, model int, link_key int, raw int, lang text, native_id text, url text, title text, more text,"
        "text text"
    )
    needed = {"key", "platform", "sort_at", "story", "digest", "feed", "kind", "arrival", "first_seen_at"}
    db.create_table("names", columns("id int, name text"), pk="id", not_null={"name"}, strict=True)
    db.table("names").create_index(["name"], "names_name", unique=True)
    keys = [("platform", "names", "id"), ("feed", "feeds", "id")]
    needed |= {"native_id", "text"}
    db.create_table("posts", fields, pk="id", foreign_keys=keys, not_null=needed, strict=True)
    # Not unique, and no text: an index of hashes is a third as large, and who finds two ids with one hash wins nothing.
    db.table("posts").create_index(["key"], "posts_key")
    covering = ["first_seen_at", "arrival", "deleted_at", "story", "account", "sort_at", "lead", "question", "news"]
    db.table("posts").create_index(covering, "posts_arrived")
    for name, rest in {
        "posts_newest on posts(platform, sort_at)": "deleted_at is null",
        "posts_feed on posts(feed, sort_at)": "deleted_at is null",
        "posts_link on posts(link_key, sort_at)": "link_key is not null",
        "posts_lead on posts(sort_at, id, lead)": "lead >= 2000",
        "posts_question on posts(sort_at, id, question)": "question >= 2000",
        "posts_news on posts(sort_at, id, news)": "news >= 2000",
    }.items():
        db.execute(f"create index {name} where {rest}")
    # By hand, for sqlite-utils knows no `detail`: without the places of words the index takes a third (search.py).
    db.execute(
        "create virtual table posts_fts using fts5(title, text, content = posts, content_rowid = id, detail = none,"
        f" tokenize = '{TOKENIZER}')"
    )


def _beside_posts(db: Database) -> None:
    db.execute(
        "create table post_feeds(feed integer not null references feeds(id), sort_at integer not null,"
        " post integer not null references posts(id), primary key (feed, sort_at, post)) strict, without rowid"
    )
    db.execute("create index post_feeds_post on post_feeds(post, feed)")
    db.execute("create table bands(band integer, post integer, primary key (band, post)) strict, without rowid")
    # Why posts are in the story of another one, and where the numbers of stories that were joined lead now.
    db.execute(
        "create table joined(story integer not null, post integer not null, why integer not null,"
        " via integer not null, primary key (story, post)) strict, without rowid"
    )
    db.create_table("moved", columns("old int, story int"), pk="old", not_null={"story"}, strict=True)
    db.table("moved").create_index(["story"], "moved_story")
    # No foreign key from posts.account: taking an account away would look through all posts.
    account = columns(
        "id int, platform int, native_id text, handle text, name text, url text, followers int, is_bot int,"
        "opted_out int"
    )
    db.create_table("accounts", account, pk="id", not_null={"platform", "native_id"}, strict=True)
    db.table("accounts").create_index(["platform", "native_id"], "accounts_native", unique=True)
    db.create_table("raws", columns("id int, at int, body blob"), pk="id", not_null={"at", "body"}, strict=True)
    db.table("raws").create_index(["at"], "raws_at")
    thumb, keys = columns("post int, label text, value int, at int, score int"), [("post", "posts", "id")]
    needed = {"value", "at"}
    db.create_table("thumbs", thumb, pk=("post", "label"), foreign_keys=keys, not_null=needed, strict=True)
    _beside_scores(db)
    _beside_feeds(db)
    _noted(db, "gaps", "older text, newer text")
    _noted(db, "rejects", "native_id text, sample text")
    meta = columns("name text, value text")
    db.create_table("meta", meta, pk="name", not_null={"value"}, strict=True)
    db.create_table("counters", columns("name text, last int"), pk="name", not_null={"last"}, strict=True)
    db.table("counters").insert_all({"name": name, "last": 0} for name in ("post", "account", "raw"))


def _beside_scores(db: Database) -> None:
    # goal, model: numbers of `names`. No foreign keys to posts: deletion.py takes these rows away itself.
    db.execute(
        "create table relevance(post integer not null, goal integer not null, score integer not null,"
        " primary key (post, goal)) strict, without rowid"
    )
    db.execute("create index relevance_goal on relevance(goal, score, post)")
    opinion = columns("post int, model int, at int, lead int, question int, news int, before text, reason text")
    needed = {"model", "at", "before", "reason"}
    db.create_table("opinions", opinion, pk="post", not_null=needed, strict=True)
    # A look of the blind audit: drawn once, answered at most once. odds: how likely this post was to be drawn.
    look = columns(
        "id int, label text, at int, post int, score int, stratum int, size int, expected real, odds real, answer int"
    )
    needed = {"label", "at", "post", "score", "stratum", "size", "expected", "odds"}
    db.create_table("looks", look, pk="id", not_null=needed, strict=True)
    db.table("looks").create_index(["label", "at"], "looks_label")
    head = columns("name text, version text, at int, body blob")
    db.create_table("heads", head, pk="name", not_null={"version", "at", "body"}, strict=True)


def _beside_feeds(db: Database) -> None:
    entry = columns("id int, connector text, at int, amount real, settled int")
    db.create_table("ledger", entry, pk="id", not_null={"connector", "at", "amount", "settled"}, strict=True)
    db.table("ledger").create_index(["connector", "at", "amount"], "ledger_spent")
    db.create_table("stops", columns("connector text, until int"), pk="connector", not_null={"until"}, strict=True)
    quota = columns("connector text, name text, left int, most int, resets_at int, seen_at int")
    db.create_table("quotas", quota, pk=("connector", "name"), not_null={"left", "seen_at"}, strict=True)
    outage = columns("id int, subject text, since int, ended int, text text")
    db.create_table("outages", outage, pk="id", not_null={"subject", "since", "text"}, strict=True)
    db.execute("create unique index outages_open on outages(subject) where ended is null")
    db.execute(
        "create table follows(account integer not null references accounts(id), circle text not null,"
        " at integer not null, primary key (account, circle)) strict, without rowid"
    )


def _noted(db: Database, name: str, rest: str) -> None:
    # print: a hash of what was noted, so that a turn saved twice notes it once.
    fields = columns(f"id int, feed int, seen_at int, print int, reason text, {rest}")
    needed, keys = {"feed", "seen_at", "print", "reason"}, [("feed", "feeds", "id")]
    db.create_table(name, fields, pk="id", foreign_keys=keys, not_null=needed, strict=True)
    db.table(name).create_index(["feed", "print"], f"{name}_print", unique=True)


STEPS: Final[tuple[Step, ...]] = (posts_and_feeds, steps.people_and_alerts)


def version(connection: Connection, path: Path) -> int:
    """Read the schema's number; 0: an empty file. A file that is not ours, or newer than we are, is refused."""
    found: int = connection.execute("pragma user_version").fetchone()[0]
    mark = connection.execute("pragma application_id").fetchone()[0]
    if mark != APPLICATION_ID and connection.execute("select count(*) from sqlite_master").fetchone()[0]:
        raise StoreError(f"{path}: this SQLite file is no listener store; give another path, it was left as it is")
    if found > len(STEPS):
        raise StoreError(
            f"{path}: made by a newer listener (schema {found}, this one knows {len(STEPS)}); "
            "install the newer version, or restore an older copy with `listener restore FILE`"
        )
    return found


def prepare(connection: Connection) -> None:
    """Give an empty file its page size and its write-ahead log; wait for others who do the same."""
    deadline = time.monotonic() + connections.BUSY_S
    while connection.execute("pragma journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute(f"pragma page_size = {PAGE_BYTES}")
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself here: two processes that did would wait for each other.
            if connections.code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def migrate(connection: Connection, path: Path) -> None:
    """Apply what is missing, in one transaction: killed at any point, the file is as before or as after."""
    from sqlite_utils import Database, Migrations

    registry = Migrations("listener")
    for number, step in enumerate(STEPS, 1):
        registry(name=f"{number:04}_{step.__name__}")(step)
    connection.execute("pragma synchronous = full")
    connection.execute("begin immediate")
    try:
        version(connection, path)  # again: another process may have been faster, and newer
        # The library's own transactions begin deferred; inside ours they become savepoints.
        registry.apply(Database(connection, recursive_triggers=False, execute_plugins=False))
        connection.execute(f"pragma application_id = {APPLICATION_ID}")
        connection.execute(f"pragma user_version = {len(STEPS)}")
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise

"""What came after the first release: each step makes an older file a newer one. Released steps never change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database


def columns(text: str) -> dict[str, type]:
    """Read `name kind, name kind`."""
    kinds: dict[str, type] = {"int": int, "real": float, "text": str, "blob": bytes}
    return {name: kinds[kind] for name, kind in (column.split() for column in text.split(","))}


def people_and_alerts(db: Database) -> None:
    """Make room for people, for what was done with posts, for briefings that were made, for rules and alerts."""
    _people(db)
    _marks(db)
    _briefings(db)
    _rules(db)
    _alerts(db)


def _people(db: Database) -> None:
    # A tie names an account as the user writes it, so that it holds before the account's first post is seen.
    person = columns("id int, name text, me int, from_config int, at int")
    db.create_table("persons", person, pk="id", not_null={"name", "me", "from_config", "at"}, strict=True)
    db.execute("create unique index persons_name on persons(name collate nocase)")
    db.execute(
        "create table ties(platform text not null, name text not null collate nocase, person integer not null"
        " references persons(id), proof text not null, primary key (platform, name)) strict, without rowid"
    )
    db.execute("create index ties_person on ties(person)")
    db.execute(
        "create table circles(person integer not null references persons(id), circle text not null,"
        " primary key (person, circle)) strict, without rowid"
    )
    # What the platform itself has checked of an account: addresses that link back, a domain that is its name.
    db.execute("alter table accounts add column proved text")
    # The same by place (own 1: the account is the place itself), and who came to prove each other, both ways round.
    db.execute(
        "create table proofs(place text not null, account integer not null, own integer not null,"
        " primary key (place, account, own)) strict, without rowid"
    )
    db.execute("create index proofs_account on proofs(account)")
    db.execute(
        "create table proved(account integer not null, other integer not null, proof text not null,"
        " primary key (account, other)) strict, without rowid"
    )
    db.execute("create index accounts_handle on accounts(handle collate nocase)")
    db.execute("create index posts_account on posts(account, sort_at) where account is not null")


def _marks(db: Database) -> None:
    # No foreign keys to posts: deletion.py takes these rows away itself.
    db.execute(
        "create table marks(post integer not null, kind text not null, at integer not null, until integer,"
        " primary key (post, kind)) strict, without rowid"
    )
    db.execute("create index marks_kind on marks(kind, at)")
    db.execute(
        "create table mutes(kind text not null, value text not null collate nocase, at integer not null,"
        " primary key (kind, value)) strict, without rowid"
    )
    work = columns("post int, kind text, state text, owner text, note text, at int")
    db.create_table("work", work, pk=("post", "kind"), not_null={"state", "at"}, strict=True)
    db.execute("create index work_state on work(kind, state, at)")
    log = columns("id int, post int, kind text, state text, owner text, note text, at int")
    db.create_table("work_log", log, pk="id", not_null={"post", "kind", "state", "at"}, strict=True)
    db.table("work_log").create_index(["post", "at"], "work_log_post")


def _briefings(db: Database) -> None:
    # One for each local date and circle ("" for all); body: its values as JSON, compressed.
    made = columns(
        "id int, date text, circle text, at int, since int, state text, token text, lease_until int, tries int,"
        "next_try int, sent_at int, error text, repeat int, body blob"
    )
    needed = {"date", "circle", "at", "since", "body", "state", "tries", "repeat"}
    zero = {"tries": 0, "repeat": 0}
    db.create_table("briefings", made, pk="id", not_null=needed, defaults=zero, strict=True)
    db.table("briefings").create_index(["date", "circle"], "briefings_date", unique=True)
    # What a briefing showed, and how many people had spoken in the story then.
    db.execute(
        "create table told(post integer not null, briefing integer not null references briefings(id), section text"
        " not null, people integer not null, primary key (post, briefing)) strict, without rowid"
    )
    db.execute("create index told_briefing on told(briefing)")


def _rules(db: Database) -> None:
    rule = columns("id int, name text, body text, paused int, from_config int, removed int, at int")
    needed = {"name", "body", "paused", "from_config", "removed", "at"}
    db.create_table("rules", rule, pk="id", not_null=needed, strict=True)
    db.execute("create unique index rules_name on rules(name collate nocase) where removed = 0")


def _alerts(db: Database) -> None:
    # occasion: "" for an alert about a post; a date or a span for one about volume or silence, whose post is 0.
    alert = columns(
        "id int, rule int, post int, channel text, occasion text, state text, priority int, reason text, at int,"
        "due_at int, tries int, token text, lease_until int, message text, sent_at int, error text, repeat int"
    )
    needed = {"rule", "post", "channel", "occasion", "state", "priority", "reason", "at", "tries", "repeat"}
    zero = {"tries": 0, "repeat": 0}
    db.create_table("alerts", alert, pk="id", not_null=needed, defaults=zero, strict=True)
    db.table("alerts").create_index(["rule", "post", "channel", "occasion"], "alerts_once", unique=True)
    # due_at: when somebody must look at it again; while it is sent, when the lease ends.
    db.execute("create index alerts_due on alerts(channel, due_at) where due_at is not null")
    db.execute("create index alerts_sent on alerts(channel, sent_at) where sent_at is not null")
    db.execute("create index alerts_message on alerts(message) where message is not null")
    db.execute("create index alerts_state on alerts(state, at)")
    db.table("alerts").create_index(["rule", "at"], "alerts_rule")
    db.table("alerts").create_index(["post"], "alerts_post")
    # What a channel answered to each try.
    try_ = columns("id int, message text, channel text, at int, outcome text, detail text, alerts int, took_ms int")
    db.create_table("deliveries", try_, pk="id", not_null={"channel", "at", "outcome", "alerts"}, strict=True)
    db.table("deliveries").create_index(["channel", "at"], "deliveries_channel")

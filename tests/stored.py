"""Feeds, posts and turns for tests of the store, short to write."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from listener.alerts import AlertRow
from listener.store import Store, outbox
from listener.store.sqlite import SqliteStore
from listener.types import Account, Draft, Feed, Label, Plan, Post, Saved, Turn

NOW = datetime(2025, 3, 1, 9, 30, tzinfo=UTC)
SOON = Plan(NOW + timedelta(hours=1), 3_600)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def days(count: float) -> timedelta:
    return timedelta(days=count)


def feed(number: int = 0, platform: str = "blog") -> Feed:
    """A feed that is not yet stored."""
    return Feed(0, "rss", f"https://site{number}.example/feed", platform)


def post(name: str | int = 1, text: str = "Morning dew on the allotment", **rest: object) -> Post:
    values: dict[str, object] = {"platform": "blog", "published_at": NOW - minutes(5)} | rest
    return Post(native_id=f"1/{name}", text=text, **values)  # type: ignore[arg-type]


def draft(found: Post | None = None, digest: int = 1, **rest: object) -> Draft:
    return Draft(found or post(), digest, **rest)  # type: ignore[arg-type]


def scored(found: Post, lead: float = 0.0, question: float = 0.0, news: float = 0.0, **rest: object) -> Draft:
    scores: dict[Label, float] = {"lead": lead, "question": question, "news": news}
    return draft(found, scores=scores, model="m1", **rest)


def by(native_id: str, **rest: object) -> Account:
    return Account("blog", native_id, **rest)  # type: ignore[arg-type]


def save(store: Store, to: Feed, drafts: Sequence[Draft] = (), **rest: object) -> Saved:
    """Save one turn; `now`, `cursor` and `plan` as in most tests unless given."""
    values: dict[str, object] = {"now": NOW, "cursor": "c1", "plan": SOON} | rest
    return store.save_page(Turn(to, drafts=tuple(drafts), **values))  # type: ignore[arg-type]


def bear(store: SqliteStore, rows: Sequence[AlertRow]) -> int:
    """Keep alerts as if a page had brought them; give how many are new."""
    with store._connections.writing(durable=True) as connection:
        return outbox.insert(connection, rows)


def kept(store: Store, to: Feed, *drafts: Draft, **rest: object) -> list[int]:
    """Save new posts; give their ids in the order of the drafts."""
    return list(save(store, to, drafts, **rest).new)

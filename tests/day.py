"""The hand-made day: some 300 posts over eight platforms, a slow second day, who is who, and what is to be made of it.

`tests/data/day`: `first.jsonl` and `second.jsonl` are posts, one a line, their times in hours before 07:30 of their
morning; `people.json` who has which accounts and is in which circles; `key.json` the stories that are expected (posts
to the reason why they are there; none for the one that began it), who speaks with the same voice on several platforms
and whose like words are other voices (nobody tied those accounts), what must stay apart, topics by circle, opposing
voices, leads and questions.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from listener import upkeep
from listener.drafting import Tools
from listener.types import Account, Counts, Feed, Post

FOLDER = Path(__file__).parent / "data/day"
MORNINGS = {"first": datetime(2026, 11, 17, 7, 30, tzinfo=UTC), "second": datetime(2026, 11, 18, 7, 30, tzinfo=UTC)}
PAGE = 25


@dataclass(frozen=True)
class Said:
    """One post of the day, under the name that the key has for it."""

    id: str
    post: Post


def said(day: str) -> list[Said]:
    """Read a day's posts, oldest first."""
    rows = [json.loads(line) for line in (FOLDER / f"{day}.jsonl").read_text().splitlines()]
    found = [Said(row["id"], _post(row, MORNINGS[day])) for row in rows]
    return sorted(found, key=lambda one: (one.post.published_at or MORNINGS[day], one.id))


def key() -> dict[str, Any]:
    """Read what is to be made of both days."""
    return json.loads((FOLDER / "key.json").read_text())  # type: ignore[no-any-return]


def people() -> list[dict[str, Any]]:
    """Read who has which accounts, and who is in which circles; "me" is one of them."""
    return json.loads((FOLDER / "people.json").read_text())  # type: ignore[no-any-return]


def live(tools: Tools, day: str, page: int = PAGE) -> None:
    """Let a day's posts come in as they were said, a page at a time, each from its platform's feed."""
    posts = [one.post for one in said(day)]
    for at in range(0, len(posts), page):
        part = posts[at : at + page]
        now = max(post.published_at for post in part if post.published_at) + timedelta(minutes=1)
        for platform in sorted({post.platform for post in part}):
            feed = Feed(0, platform, f"the day on {platform}", platform)
            upkeep.save_posts(tools, feed, [post for post in part if post.platform == platform], now)


def _post(row: dict[str, Any], morning: datetime) -> Post:
    author, counts = row["author"], row.get("counts") or None
    return Post(
        row["platform"], row["native_id"], row["url"],
        Account(row["platform"], author["native_id"], author["handle"], author["name"], None, author.get("followers")),
        row["kind"], row.get("title"), row["text"], None, morning - timedelta(hours=row["hours_before"]),
        in_reply_to=row.get("in_reply_to"), refers_to=row.get("refers_to"), links=tuple(row.get("links", ())),
        counts=None if counts is None else Counts(counts["replies"], counts["likes"], counts["reposts"]),
    )  # fmt: skip

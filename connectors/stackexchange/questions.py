"""Read a question of Stack Exchange. No I/O."""

import html
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from listener import urls
from listener.html import links, to_text
from listener.types import Account, Counts, Post

PLATFORM: Final = "stackexchange"
LICENCE: Final = "CC BY-SA"
"""Of all content; the version depends on the day it was written and is not guessed."""


def question(item: Mapping[str, Any], site: str) -> Post:
    """Read a question; ids are counted per site, so the site stands before them.

    Source: https://api.stackexchange.com/docs/types/question.
    """
    number = item["question_id"]
    if type(number) is not int or number <= 0:
        raise ValueError("an id is a positive integer")
    native_id = f"{site}/{number}"
    permalink = urls.safe(item.get("link")) or f"https://{site}/questions/{number}"
    content = item.get("body") or ""
    is_answered = item.get("is_answered")
    return Post(
        PLATFORM,
        native_id,
        url=permalink,
        account=account(item.get("owner"), site),
        title=html.unescape(item["title"]) if item.get("title") else None,
        text=to_text(content),
        published_at=when(item.get("creation_date")),
        edited_at=when(item.get("last_edit_date")),
        thread=native_id,
        links=links(content, permalink),
        tags=tuple(tag for tag in item.get("tags") or () if isinstance(tag, str)),
        community=site,
        counts=Counts(replies=count(item.get("answer_count")), score=count(item.get("score"))),
        instance=site,
        visibility="public",
        answered=is_answered if isinstance(is_answered, bool) else None,
        licence=str(item.get("content_license") or LICENCE),
    )


def account(owner: object, site: str) -> Account | None:
    """Name the author. A deleted account keeps a name, which attribution needs, but no number."""
    if not isinstance(owner, dict):
        return None
    number, name = owner.get("user_id"), owner.get("display_name")
    name = html.unescape(name) if isinstance(name, str) and name else None
    if type(number) is int:
        return Account(PLATFORM, f"{site}/{number}", name=name, url=urls.safe(owner.get("link")))
    return Account(PLATFORM, f"{site}/~{name}", name=name) if name else None


def when(seconds: object) -> datetime | None:
    """Read a time, in Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC) if type(seconds) is int and 0 < seconds < 253_402_300_800 else None


def count(number: object) -> int | None:
    """Read a number."""
    return number if type(number) is int else None

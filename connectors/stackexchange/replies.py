"""Read answers, comments, a user's posts and the inbox. No I/O.

Answers are counted together with questions, comments by themselves: `SITE/7` and `SITE/comment-7`.
"""

import html
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from connectors.stackexchange.questions import LICENCE, PLATFORM, account, count, question, when
from listener import urls
from listener.html import links, to_text
from listener.types import Counts, Post

_MENTION: Final = re.compile(r"(?<![\w/])@([\w.-]{3,30})")

Item = Mapping[str, Any]
"""Raw JSON, hence Any."""


def reply(item: Item, site: str) -> Post:
    """Read whatever a list of answers, comments or posts holds."""
    if "comment_id" in item:
        return comment(item, site)
    if "answer_id" in item or item.get("post_type") == "answer":
        return answer(item, site)
    return question({**item, "question_id": item["post_id"]} if "post_id" in item else item, site)


def answer(item: Item, site: str) -> Post:
    """Read an answer. Source: https://api.stackexchange.com/docs/types/answer."""
    number, parent = _number(item.get("answer_id", item.get("post_id"))), item.get("question_id")
    url = urls.safe(item.get("link")) or f"https://{site}/a/{number}"
    content = item.get("body") or ""
    of = f"{site}/{parent}" if type(parent) is int else None
    return Post(
        PLATFORM,
        f"{site}/{number}",
        url=url,
        account=account(item.get("owner"), site),
        kind="reply",
        title=html.unescape(item["title"]) if item.get("title") else None,
        text=to_text(content),
        published_at=when(item.get("creation_date")),
        edited_at=when(item.get("last_edit_date")),
        in_reply_to=of,
        thread=of,
        links=links(content, url),
        tags=("accepted",) if item.get("is_accepted") is True else (),
        community=site,
        counts=Counts(score=count(item.get("score"))),
        instance=site,
        visibility="public",
        licence=str(item.get("content_license") or LICENCE),
    )


def comment(item: Item, site: str) -> Post:
    """Read a comment. Source: https://api.stackexchange.com/docs/types/comment."""
    number, parent = _number(item["comment_id"]), _number(item["post_id"])
    url = urls.safe(item.get("link")) or f"https://{site}/q/{parent}#comment{number}_{parent}"
    content = item.get("body") or ""
    text = to_text(content)
    return Post(
        PLATFORM,
        f"{site}/comment-{number}",
        url=url,
        account=account(item.get("owner"), site),
        kind="reply",
        text=text,
        published_at=when(item.get("creation_date")),
        in_reply_to=f"{site}/{parent}",
        thread=f"{site}/{parent}" if item.get("post_type") == "question" else None,
        mentions=tuple(dict.fromkeys(_MENTION.findall(text))),
        links=links(content, url),
        community=site,
        counts=Counts(score=count(item.get("score"))),
        instance=site,
        visibility="public",
        licence=str(item.get("content_license") or LICENCE),
    )


def inbox(item: Item, _: str = "") -> Post:
    """Read an item of the inbox: under the id of the answer or comment it tells of, else under one of its own.

    Source: https://api.stackexchange.com/docs/types/inbox-item.
    """
    place = item.get("site") or {}
    url = urls.safe(item.get("link"))
    site = (urlsplit(str(place.get("site_url") or url or "")).hostname or "stackexchange.com").removeprefix("www.")
    numbers = {name: item.get(f"{name}_id") for name in ("question", "answer", "comment")}
    known = {name: number for name, number in numbers.items() if type(number) is int and number > 0}
    name = f"inbox-{item['item_type']}-{item['creation_date']}"
    if "comment" in known:
        name = f"comment-{known['comment']}"
    elif "answer" in known:
        name = str(known["answer"])
    thread = f"{site}/{known['question']}" if "question" in known else None
    parent = f"{site}/{known['answer']}" if "answer" in known and "comment" in known else thread
    content = item.get("body") or ""
    return Post(
        PLATFORM,
        f"{site}/{name}",
        url=url or f"https://{site}/",
        kind="reply" if known else "post",
        title=html.unescape(item["title"]) if item.get("title") else None,
        text=to_text(content),
        published_at=when(item.get("creation_date")),
        in_reply_to=parent,
        thread=thread,
        links=links(content, url or f"https://{site}/"),
        tags=(str(item["item_type"]),),
        community=site,
        instance=site,
        visibility="public" if known else "private",
        licence=LICENCE if known else None,
    )


def _number(value: object) -> int:
    if type(value) is not int or value <= 0:
        raise ValueError("an id is a positive integer")
    return value

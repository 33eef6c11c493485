"""A sample day, so that there is something to see with no network at all.

`day.jsonl` is our own writing: a feed a line, its posts below it. Towns, people and firms are invented, all addresses
lie in domains that are reserved for examples (RFC 2606).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from listener.types import Account, Counts, Feed, Post


def sample_day(now: datetime) -> list[tuple[Feed, tuple[Post, ...]]]:
    """Give each feed with its posts, newest first, spread over the twenty hours before `now`.

    The feeds (id 0) lead nowhere: keep them paused. The same `now` gives the same posts, and any other the same ids.
    """
    day: list[tuple[Feed, tuple[Post, ...]]] = []
    # Any: JSON, by the line; the tests hold its shape.
    place: Mapping[str, Any] = {}
    for line in files(__name__).joinpath("day.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "feed" in row:
            place = row
            day.append((_feed(row), ()))
        else:
            feed, posts = day[-1]
            day[-1] = (feed, (*posts, _post(row, place, len(posts) + 1, now)))
    return day


def _feed(row: Mapping[str, Any]) -> Feed:
    return Feed(0, "rss", row["feed"], row["platform"], row["title"], row["folder"], row["home_url"])


def _post(row: Mapping[str, Any], place: Mapping[str, Any], number: int, now: datetime) -> Post:
    handle, name = row["by"]
    instance = place["instance"]
    slug = row.get("slug", "")
    url = place["post_url"].format(handle=handle, number=number, slug=slug)
    post = Post(
        platform=place["platform"],
        native_id=f"{instance}/{slug or number}",
        url=url,
        account=Account(place["platform"], f"{instance}/{handle}", handle, name),
        title=row.get("title"),
        text=row["text"],
        lang=row.get("lang", "en"),
        published_at=now - timedelta(minutes=row["ago"]),
        mentions=tuple(re.findall(r"@(\w+)", row["text"])),
        links=tuple(row.get("links", ())),
        tags=tuple(row.get("tags", ())) or tuple(re.findall(r"#(\w+)", row["text"])),
        community=row.get("community"),
        counts=Counts(row.get("replies"), row.get("likes"), row.get("reposts")),
        instance=instance,
        visibility="public",
        answered=row.get("answered"),
        licence=place.get("licence"),
    )
    if "re" not in row:
        return post
    parent = f"{instance}/{row['re']}"
    return replace(post, kind="reply", in_reply_to=parent, thread=parent)

"""Read what a server answers: lists of posts or notifications, searches, threads, events of a stream. No I/O."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from connectors.mastodon import posts, streams
from listener.connector import gather
from listener.errors import BadPayload
from listener.moments import utc
from listener.types import Page, Quota, Reject
from listener.walk import KNOWN, Walk

REMEMBERED: Final = 10_000
"""Posts whose federated ids a stream remembers: deletions name only the server's own."""
_LINK: Final = re.compile(r'<([^<>]*)>\s*;\s*rel="?(next|prev)\b')


class Entry(NamedTuple):
    """One line of a list: its own id and time, which a notification has apart from its post's."""

    native_id: str | None
    at: datetime | None
    status: object


def entries(body: object) -> list[Entry]:
    """List what an answer holds: a list of posts or notifications, a search, a thread, a single post."""
    if isinstance(body, dict):
        if isinstance(body.get("statuses"), list):
            body = body["statuses"]
        elif isinstance(body.get("ancestors"), list) and isinstance(body.get("descendants"), list):
            body = [*body["ancestors"], *body["descendants"]]
        else:
            body = [body]
    if not isinstance(body, list) or (body and not any(isinstance(one, dict) and "id" in one for one in body)):
        raise BadPayload("the answer holds no posts")
    return [_entry(one) for one in body]


def whole(listed: Sequence[Entry]) -> list[Any]:
    """List every status: those of the list, and those that they boost or quote."""
    found: list[Any] = []
    for entry in listed:
        if isinstance(entry.status, dict):
            found.extend(posts.whole(entry.status))
        elif entry.status is not None:
            found.append(entry.status)
    return found


def uris(listed: Sequence[Entry]) -> dict[str, str]:
    """Map the server's own ids of a page to the federated ones."""
    return posts.uris([one for one in whole(listed) if isinstance(one, dict)])


def page(listed: Sequence[Entry], server: str, known: Mapping[str, str]) -> Page:
    """Read every post; what was old when it was boosted or quoted is history. `known`: further federated ids."""
    seen = {**known, **uris(listed)}
    came, rejects = gather(whole(listed), lambda one: posts.post(one, server, seen))
    statuses = [entry.status for entry in listed if isinstance(entry.status, dict)]
    own = {str(status.get("uri")) for status in statuses}
    announced = {uri for status in statuses for uri in posts.old(status)}
    return Page(came, archive=frozenset(announced - own), rejects=rejects)


def unproved(page: Page) -> Page:
    """Forget which pages are said to link back to the authors of posts."""
    came = (replace(one, account=one.account and replace(one.account, proved=())) for one in page.posts)
    return replace(page, posts=tuple(came))


def happened(event: streams.Event, server: str, cursor: str | None, seen: dict[str, str]) -> Page:
    """Turn an event into a page; a deletion of a post that this connection has not seen stays unknown."""
    if event.name == streams.DELETED and event.data in seen:
        return Page(cursor=cursor, deleted=(seen[event.data],))
    if event.name not in streams.POSTS:
        return Page(cursor=cursor, unchanged=True)
    try:
        listed = entries(json.loads(event.data))
    except (ValueError, RecursionError, BadPayload):
        reject = Reject(None, "an event of the stream could not be read", event.data[:2_000])
        return Page(cursor=cursor, rejects=(reject,))
    remember(seen, uris(listed))
    held = Walk.read(cursor)
    if event.name == streams.NEW:
        ids = [entry.native_id for entry in listed if entry.native_id]
        held = replace(held, known=tuple(dict.fromkeys([*ids, *held.known]))[:KNOWN])
    return replace(page(listed, server, seen), cursor=held.cursor)


def remember(seen: dict[str, str], fresh: Mapping[str, str]) -> None:
    """Add federated ids; the oldest are forgotten."""
    seen |= fresh
    for number in list(seen)[: max(0, len(seen) - REMEMBERED)]:
        del seen[number]


def ends(link: str) -> dict[str, str]:
    """Read the ids of the next (older) and previous (newer) page from a Link header."""
    found: dict[str, str] = {}
    for url, _ in _LINK.findall(link):
        found |= {name: value for name, value in _parameters(url) if name in ("max_id", "min_id")}
    return found


def following(link: str) -> str | None:
    """Give the path and query of the next (older) page."""
    for url, name in _LINK.findall(link):
        if name == "next":
            try:
                parts = urlsplit(url)
            except ValueError:
                return None
            return f"{parts.path}?{parts.query}"
    return None


def quotas(headers: Mapping[str, str]) -> tuple[Quota, ...]:
    """Read how many requests are left; the reset comes as an ISO time."""
    left, limit = headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-limit", "")
    if not left.isdecimal() or len(left) > 9:
        return ()
    most = int(limit) if limit.isdecimal() and len(limit) < 10 else None
    return (Quota("requests in 5 minutes", int(left), most, utc(headers.get("x-ratelimit-reset"))),)


def _parameters(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query)
    except ValueError:
        return []


def _entry(one: object) -> Entry:
    if not isinstance(one, dict):
        return Entry(None, None, one)
    number = one.get("id")
    is_notification = "type" in one and "uri" not in one
    status = one.get("status") if is_notification else one
    return Entry(str(number) if isinstance(number, str | int) else None, utc(one.get("created_at")), status)

"""Which page is asked for next, and what it brings. No I/O.

A cursor's `extra` holds the channel that a handle was resolved to (`channel`), how many replies each thread had
(`counts`), and the threads whose replies have yet to be read (`replies`: thread, video, where the page begins).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from connectors.youtube.posts import comment, is_hidden, listed, video_id, when
from connectors.youtube.queries import Query
from listener import walk
from listener.connector import gather
from listener.errors import BadPayload, ConnectorError
from listener.types import Page, Post, Reject
from listener.walk import DAY_S, Item, Walk

OVERLAP_S: Final = 2 * DAY_S
"""So far beyond the newest known one we read on: replies and edits come late, videos become public late."""
COUNTS: Final = 500
"""Threads whose number of replies is remembered."""
REPLIES: Final = 20
"""Most threads whose further replies are read after one walk."""

Raw = Mapping[str, Any]
"""Raw JSON, hence Any."""


def path(query: Query, cursor: str | None) -> str:
    """Build the path of the next page; each costs one unit.

    Sources: https://developers.google.com/youtube/v3/docs (channels, playlistItems, commentThreads, comments).
    """
    held = Walk.read(cursor)
    if query.handle is not None and not held.extra.get("channel"):
        return f"/youtube/v3/channels?{urlencode({'part': 'id', 'forHandle': query.handle})}"
    if _reads_replies(held):
        thread, _, token = held.extra["replies"][0]
        params = {"part": "snippet", "parentId": thread, "maxResults": "100"} | ({"pageToken": token} if token else {})
        return f"/youtube/v3/comments?{urlencode(params)}"
    place = {"pageToken": held.token} if held.token else {}
    whom = str(held.extra.get("channel") or query.what)
    if query.kind in ("channel", "playlist"):
        playlist = f"UU{whom[2:]}" if query.kind == "channel" else whom
        params = {"part": "snippet,contentDetails", "playlistId": playlist, "maxResults": "50"}
        return f"/youtube/v3/playlistItems?{urlencode(params | place)}"
    params = {"part": "snippet,replies", "order": "time", "maxResults": "100"}
    params |= {"videoId": whom} if query.kind == "video" else {"allThreadsRelatedToChannelId": whom}
    return f"/youtube/v3/commentThreads?{urlencode(params | place)}"


def page(body: object, query: Query, cursor: str | None, since_s: float) -> Page:
    """Read a page of whichever kind was asked for."""
    items = body.get("items") if isinstance(body, Mapping) else None
    token = body.get("nextPageToken") if isinstance(body, Mapping) else None
    held = Walk.read(cursor)
    if query.handle is not None and not held.extra.get("channel"):
        return _resolved(body, held)
    if not isinstance(items, list):
        raise BadPayload("the answer has no items")
    token = token if isinstance(token, str) and token else None
    if _reads_replies(held):
        return _replies(items, token, held)
    if query.kind == "playlist":
        return _playlist(items, token, held)
    if query.kind == "channel":
        return _uploads(items, token, held, since_s)
    return _threads(items, token, held, since_s)


def without_replies(query: Query, cursor: str | None) -> Page | None:
    """Leave out the replies that would be read next; None: it is not their turn."""
    held = Walk.read(cursor)
    if query.kind not in ("comments", "video") or not _reads_replies(held):
        return None
    left = held.extra["replies"][1:]
    following = replace(held, extra={**held.extra, "replies": left})
    return Page(cursor=following.cursor, more=bool(left), unchanged=True)


def _reads_replies(held: Walk) -> bool:
    return held.token is None and bool(held.extra.get("replies"))


def _resolved(body: object, held: Walk) -> Page:
    items = body.get("items") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(body.get("pageInfo"), Mapping):
        raise BadPayload("the answer names no channel")
    first = items[0] if isinstance(items, list) and items else None
    if first is None:
        raise ConnectorError("there is no channel of this handle; look for its address again")
    number = first.get("id") if isinstance(first, Mapping) else None
    if not isinstance(number, str) or not number.startswith("UC"):
        raise BadPayload("the answer names no channel")
    return Page(cursor=replace(held, extra={**held.extra, "channel": number}).cursor, more=True)


def _uploads(items: Sequence[Any], token: str | None, held: Walk, since_s: float) -> Page:
    posts, rejects = gather(items, listed)
    rows = [row for item in items if (row := _row(item)) is not None]
    taken = walk.step(held, rows, token, since_s=since_s, overlap_s=OVERLAP_S)
    return walk.paged(Page(posts, deleted=_hidden(items), rejects=rejects), taken)


def _playlist(items: Sequence[Any], token: str | None, held: Walk) -> Page:
    """Read a playlist whole each time: its owner orders it, so what is new may stand anywhere."""
    posts, rejects = gather(items, listed)
    more = token is not None and token != held.token and bool(items)
    following = replace(held, token=token if more else None)
    return Page(posts, cursor=following.cursor, more=more, deleted=_hidden(items), rejects=rejects)


def _threads(items: Sequence[Any], token: str | None, held: Walk, since_s: float) -> Page:
    known: dict[str, int] = dict(held.extra.get("counts", {}))
    due: list[tuple[str, str | None, str | None]] = [*map(tuple, held.extra.get("due", ()))]
    said: list[tuple[Raw, str | None, object]] = []
    rows: list[Item] = []
    rejects: list[Reject] = []
    for item in items:
        try:
            found, row, count, left_out = _thread(item)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            rejects.append(Reject(None, f"could not be read ({type(error).__name__})", repr(item)[:2_000]))
            continue
        said.extend(found)
        rows.append(row)
        if left_out and known.get(row.native_id) != count:
            due.append((row.native_id, found[0][1], None))
        known[row.native_id] = count
    posts, more_rejects = gather(said, lambda one: comment(*one))
    taken = walk.step(held, rows, token, since_s=since_s, overlap_s=OVERLAP_S)
    extra = {**taken.walk.extra, "counts": dict(list(known.items())[-COUNTS:])}
    # Replies are read once the threads are: `due` becomes `replies`.
    extra |= {"due": due, "replies": []} if taken.more else {"due": [], "replies": due[:REPLIES]}
    after = replace(taken.walk, extra=extra)
    result = Page(posts, rejects=(*rejects, *more_rejects))
    return walk.paged(result, taken._replace(walk=after, more=taken.more or bool(extra["replies"])))


def _thread(item: Raw) -> tuple[list[tuple[Raw, str | None, object]], Item, int, bool]:
    """Take a thread apart: its comments, its row in the walk, how many replies it has, whether some are missing."""
    snippet = item["snippet"]
    first, count = snippet["topLevelComment"], snippet.get("totalReplyCount")
    of = snippet.get("videoId") or first["snippet"].get("videoId") or snippet.get("channelId")
    count = count if type(count) is int else 0
    came = (item.get("replies") or {}).get("comments") or []
    row = Item(str(item["id"]), when(first["snippet"].get("publishedAt")))
    return [(first, of, count), *((reply, of, None) for reply in came)], row, count, count > len(came)


def _replies(items: Sequence[Any], token: str | None, held: Walk) -> Page:
    (thread, of, before), *others = held.extra["replies"]

    def read(item: Raw) -> Post:
        return comment(item, of)

    posts, rejects = gather(items, read)
    left = [[thread, of, token], *others] if token is not None and token != before and items else others
    following = replace(held, extra={**held.extra, "replies": left})
    return Page(posts, cursor=following.cursor, more=bool(left), rejects=rejects)


def _row(item: object) -> Item | None:
    """Take the time by which uploads are sorted: when a video joined the list."""
    try:
        return Item(video_id(item), when(item["snippet"].get("publishedAt"))) if isinstance(item, Mapping) else None
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):  # it is a reject of the page
        return None


def _hidden(items: Sequence[Any]) -> tuple[str, ...]:
    rows = [_row(item) for item in items if isinstance(item, Mapping) and is_hidden(item)]
    return tuple(dict.fromkeys(f"yt:video:{row.native_id}" for row in rows if row is not None))

"""The network's stream of all posts, one JSON event a message, and what of it a feed wants. Only `read` parses them.

Source: https://github.com/bluesky-social/jetstream, read 2026-11-23.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from connectors.bluesky import posts
from connectors.bluesky.queries import Query
from listener import limits
from listener.connector import WebSocket, gather
from listener.errors import BadPayload, ConnectorError
from listener.types import Gap, Page, Post

POSTS: Final = "app.bsky.feed.post"
REPOSTS: Final = "app.bsky.feed.repost"
SECOND: Final = 1_000_000
REWIND: Final = 5 * SECOND
MOVED: Final = 60 * SECOND
"""Rewind after a change of server: the clocks of two are not one."""
LOOK_BACK: Final = 900 * SECOND
"""How far back the first poll begins; the server plays that back in a few seconds."""
CAUGHT_UP: Final = 2 * SECOND
POLL_S: Final = 15.0
QUIET_S: Final = 4.0
"""A silence as long as this: all there was has come."""
SHORT: Final = 21_600 * SECOND
"""Silence says so only over a span as short as this: to look for one author in a day of events takes long."""
LIVE_S: Final = 600.0
"""Who has listened for so long has surely caught up."""
KEPT: Final = 24 * 3_600 * SECOND
"""How long servers keep events, by their default."""
EVENTS: Final = 500
DELETES: Final = 5_000
"""Most events of one page."""

_TIME: Final = re.compile(rb'"time_us":\s?(\d{1,17})')
_OURS: Final = re.compile(rb'"collection":\s?"app\.bsky\.feed\.(?:re)?post"')
_DELETE: Final = re.compile(rb'"operation":\s?"delete"')
_ASCII: Final = re.compile(r"[a-z0-9]{2,}")

Wanted = tuple[tuple[re.Pattern[str], bool], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the reading stands: times are each server's own, in microseconds, so that the two belong together."""

    instance: str = ""
    time_us: int = 0
    did: str | None = None
    """The author's, once it was looked up."""

    @classmethod
    def read(cls, cursor: str | None) -> "Mark":
        """Read a cursor; one that is not ours begins anew."""
        try:
            held = json.loads(cursor or "{}")
            return cls(str(held["instance"]), int(held["time_us"]), held.get("did"))
        except (ValueError, TypeError, KeyError, OverflowError):
            return cls()

    @property
    def cursor(self) -> str:
        """Write it down."""
        return json.dumps(asdict(self))


def address(base: str, query: Query, mark: Mark, now_us: int) -> str:
    """Build the address to listen at, from a little before the mark on."""
    begin = mark.time_us - (REWIND if mark.instance == base else MOVED) if mark.time_us else now_us - LOOK_BACK
    params = [("wantedCollections", POSTS)]
    if query.author:
        params += [("wantedCollections", REPOSTS), ("wantedDids", mark.did or "")]
    return f"{base}/subscribe?{urlencode([*params, ('cursor', str(max(begin, 0)))])}"


@dataclass
class Batch:
    """The events of one page as they come, those left out that cannot be wanted."""

    query: Query
    base: str
    mark: Mark
    began_us: int
    events: list[bytes] = field(default_factory=list)
    first_us: int | None = None
    last_us: int = 0
    deletes: int = 0
    caught_up: bool = False

    def __post_init__(self) -> None:
        """Prepare the words that an event's bytes must hold."""
        self._needles = needles(self.query.words)

    def add(self, frame: bytes) -> None:
        """Take an event, if its bytes may be wanted; to parse them all costs several times as much."""
        match = _TIME.search(frame)
        if match is None:
            return
        time_us = int(match[1])
        self.first_us = self.first_us or time_us
        self.last_us = max(self.last_us, time_us)
        self.caught_up = time_us >= self.began_us - CAUGHT_UP
        is_delete = b'"delete"' in frame and _DELETE.search(frame) is not None
        is_wanted = is_delete or self._needles is None or _holds(frame.lower(), self._needles)
        if is_wanted and _OURS.search(frame) is not None:
            self.deletes += is_delete
            self.events.append(frame)

    @property
    def full(self) -> bool:
        """True: the page is long enough."""
        return len(self.events) - self.deletes >= EVENTS or self.deletes >= DELETES

    def quiet(self) -> None:
        """Say that nothing more came for a while."""
        self.caught_up = True
        if self.query.author and self.mark.time_us and self.began_us - self.mark.time_us <= SHORT:
            self.silent(self.began_us)

    def silent(self, until_us: int) -> None:
        """Move the mark along with the time: a long silence would leave one that the server no longer knows."""
        self.last_us = max(self.last_us, until_us - REWIND)

    def following(self) -> "Batch":
        """Begin the next page of the same connection."""
        mark = replace(self.mark, instance=self.base, time_us=max(self.last_us, self.mark.time_us))
        return Batch(self.query, self.base, mark, self.began_us, caught_up=self.caught_up)

    def body(self) -> bytes:
        """Write down what came, for `read`."""
        said = {
            "instance": self.base,
            "did": self.mark.did,
            "began_us": self.began_us,
            "first_us": self.first_us,
            "last_us": self.last_us,
            "caught_up": self.caught_up,
            "events": [event.decode("utf-8", "replace") for event in self.events],
        }
        return json.dumps(said).encode()


def _holds(frame: bytes, due: tuple[bytes, ...]) -> bool:
    return all(needle in frame for needle in due)


def listen(socket: WebSocket, batch: Batch, listen_s: float = POLL_S) -> bytes:
    """Read until now is reached, nothing comes, the page is full, or the time is over; give the page's body."""
    until, heard_at = time.monotonic() + listen_s, time.monotonic()
    while not batch.full and not batch.caught_up and time.monotonic() < until:
        try:
            frame = socket.receive(0.5)
        except ConnectorError:
            if batch.first_us is None:
                raise
            break  # what came before it broke off is whole
        if frame is not None:
            batch.add(frame)
            heard_at = time.monotonic()
        elif time.monotonic() - heard_at >= QUIET_S:
            batch.quiet()
    return batch.body()


def follow(socket: WebSocket, batch: Batch) -> Iterator[bytes]:
    """Give a page's body whenever something came, a second later at most, and one every few seconds anyway."""
    began = time.monotonic()
    due = began + limits.PULSE_S
    while True:
        try:
            frame = socket.receive(1.0)
        except ConnectorError:
            yield batch.body()  # what came before it broke off is whole
            raise
        if frame is not None:
            batch.add(frame)
        if batch.full or time.monotonic() >= due or (batch.events and frame is None):
            if batch.query.author and (batch.caught_up or time.monotonic() - began >= LIVE_S):
                batch.silent(now_us())
            yield batch.body()
            batch = batch.following()
            due = time.monotonic() + limits.PULSE_S
        elif batch.events:
            due = min(due, time.monotonic() + 1.0)


def now_us() -> int:
    """Give the time, as events count it."""
    return time.time_ns() // 1_000


def read(body: object, query: Query, cursor: str | None) -> Page:
    """Read what `Batch.body` wrote down."""
    if not isinstance(body, dict) or not isinstance(body.get("events"), list):
        raise BadPayload("the answer has no events")
    mark, wanted = Mark.read(cursor), patterns(query.words)
    times = {name: body.get(name) for name in ("began_us", "first_us", "last_us")}
    if not all(type(time) is int or time is None for time in times.values()):
        raise BadPayload("the answer has no times")
    last_us = times["last_us"] or 0
    events = [_event(text) for text in body["events"]]
    found, rejects = gather(events, lambda event: _post(event, wanted))
    deleted = dict.fromkeys(uri for event in events if (uri := _deleted(event)))
    did = body.get("did")
    following = Mark(str(body.get("instance")), max(last_us, mark.time_us), did if isinstance(did, str) else None)
    return Page(
        found,
        cursor=following.cursor,
        deleted=tuple(deleted),
        more=body.get("caught_up") is not True and last_us > mark.time_us,
        gap=_gap(query, mark, times["began_us"], times["first_us"]),
        unchanged=not (found or deleted or rejects),
        rejects=rejects,
    )


def _gap(query: Query, mark: Mark, began_us: int | None, first_us: int | None) -> Gap | None:
    """See whether the server still had all since the mark; the whole network is never silent for a minute."""
    if not mark.time_us or not began_us:
        return None
    cut = first_us if not query.author and first_us and first_us > mark.time_us + MOVED else None
    if cut is None and (not query.author or began_us - mark.time_us <= KEPT):
        return None
    newer = None if first_us is None else _when(first_us).isoformat()
    return Gap("the stream no longer holds all since the last time", _when(mark.time_us).isoformat(), newer)


# Any: an event is raw JSON, or the text of what is none; reading that as a post fails, and it is put aside.
def _event(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return text


def _post(event: Mapping[str, Any], wanted: Wanted) -> Post | None:
    if event.get("kind") != "commit":
        return None
    commit, at = event["commit"], event["time_us"]
    if commit["operation"] not in ("create", "update") or commit["collection"] not in (POSTS, REPOSTS):
        return None
    uri = f"at://{event['did']}/{commit['collection']}/{commit['rkey']}"
    if commit["collection"] == REPOSTS:
        return None if wanted else posts.repost_record(uri, commit["record"], {"did": event["did"]}, _when(at))
    view = {"uri": uri, "author": {"did": event["did"]}, "record": commit["record"], "indexedAt": _when(at).isoformat()}
    found = posts.post(view, edited_at=_when(at) if commit["operation"] == "update" else None)
    said = " ".join((found.text, *found.links, *found.tags)).casefold()
    return found if all((pattern.search(said) is not None) is due for pattern, due in wanted) else None


def _deleted(event: object) -> str | None:
    commit = event.get("commit") if isinstance(event, dict) else None
    if not isinstance(event, dict) or not isinstance(commit, dict) or commit.get("operation") != "delete":
        return None
    return f"at://{event.get('did')}/{commit.get('collection')}/{commit.get('rkey')}"


def _when(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us / SECOND, UTC)


def patterns(words: str) -> Wanted:
    """Give a pattern for each word, and whether it must be there.

    A word stands for all that begin with it (`postgres`: PostgreSQL); `"a phrase"` is exact; `-word` must be absent.
    """
    found = []
    for minus, phrase, word in re.findall(r'(?:^|(?<=\s))(-?)(?:"([^"]+)"|(\S+))', words):
        text = r"\s+".join(re.escape(part) for part in (phrase or word).casefold().split())
        before = r"(?<!\w)" if (phrase or word)[:1].isalnum() else ""
        found.append((re.compile(before + text + (r"(?!\w)" if phrase else "")), not minus))
    return tuple(found)


def needles(words: str) -> tuple[bytes, ...] | None:
    """Give bytes that an event's text must hold in lower case, one for each plain word; None: no word is that plain."""
    due = re.findall(r'(?:^|(?<=\s))(?:"([^"]+)"|([^\s"-]\S*))', words)
    # "ss" may stand for one letter of another kind in the text ("Straße"), as only the pattern knows.
    plain = (
        max(_ASCII.findall((phrase or word).lower().replace("ss", " ")), key=len, default="") for phrase, word in due
    )
    return tuple(needle.encode() for needle in plain if needle) or None

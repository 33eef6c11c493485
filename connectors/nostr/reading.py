"""Make a page of what relays sent: only what was asked for, is signed, and is not taken back. No I/O.

The answer is lines of JSON: `["BEGAN", seconds]`, `["AUTHORS", keys]`, `["EVENT", event]`, `["MARK", relay, at, until,
top]`, `["FAILED", relay]`, `["GAP", second]` where a relay does not give all of a second, and `["LATER"]` where
relays were left for the next page.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from connectors.nostr import events, posts
from connectors.nostr.events import Event
from connectors.nostr.marks import Mark, Marks
from connectors.nostr.queries import ARTICLE, DELETION, NOTE, PROFILE, REPOSTS, Query
from listener import limits
from listener.connector import gather
from listener.errors import BadPayload
from listener.types import Gap, Page, Reject

REJECTS: Final = 100
CHECKED: Final = 5_000
"""Most events of one page."""


@dataclass
class Told:
    """The lines of an answer, sorted."""

    began: int = 0
    authors: frozenset[str] = frozenset()
    raws: list[Any] = field(default_factory=list)  # Any: raw JSON
    marks: dict[str, Mark] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    is_cut: bool = False
    gap: Gap | None = None

    @property
    def more(self) -> bool:
        """True: a relay, or a walk back with one, is left for the next page."""
        return self.is_cut or any(mark.until is not None for mark in self.marks.values())

    def done(self, before: Sequence[str]) -> tuple[str, ...]:
        """List the relays that need not be asked on the next page; when all had their turn, it begins anew."""
        ended = [relay for relay, mark in self.marks.items() if mark.until is None]
        return (*before, *ended, *self.failed) if self.more else ()


def page(body: bytes, query: Query, cursor: str | None) -> Page:
    """Read an answer."""
    told, marks = _told(body), Marks.read(cursor)
    found, rejects = _checked(told.raws)
    profiles = {event.pubkey: posts.profile(event) for event in _oldest_first(found, PROFILE)}
    due = [event for event in found if _is_wanted(event, query, told)]
    reposted, _ = _checked([one for event in due if event.kind in REPOSTS and (one := posts.reposted(event))])
    originals = [event for event in reposted if event.kind in (NOTE, ARTICLE)]
    said = _newest([*due, *originals[: max(limits.PAGE_ITEMS - len(due), 0)]], marks, told.began)
    deleted = _deleted(found, said, marks)
    kept = [event for event in said if posts.native_id(event) not in deleted]
    made, more_rejects = gather(kept, lambda event: posts.post(event, profiles))
    articles = {posts.native_id(event): event.created_at for event in kept if event.kind == ARTICLE}
    known = [(event.id, event.pubkey) for event in reversed(kept) if event.kind != ARTICLE]
    following = replace(marks, relays={**marks.relays, **told.marks}, done=told.done(marks.done))
    return Page(
        made,
        cursor=following.with_posts(known, articles).cursor,
        deleted=tuple(deleted),
        more=told.more,
        gap=told.gap,
        unchanged=not (made or deleted or rejects or more_rejects),
        rejects=(rejects + more_rejects)[:REJECTS],
        title=query.title,
        home_url=query.home_url,
    )


def _told(body: bytes) -> Told:
    told = Told()
    try:
        for line in body.splitlines():
            match json.loads(line):
                case ["BEGAN", int(began)]:
                    told.began = began
                case ["AUTHORS", list(keys)]:
                    told.authors = frozenset(str(key) for key in keys)
                case ["EVENT", raw]:
                    told.raws.append(raw)
                case ["MARK", str(relay), int(at), (int() | None) as until, int(top)]:
                    told.marks[relay] = Mark(at, until, top)
                case ["FAILED", str(relay)]:
                    told.failed.append(relay)
                case ["GAP", int(at)]:
                    told.gap = Gap("a relay does not give all posts of this second", str(at), str(at))
                case ["LATER"]:
                    told.is_cut = True
                case _:
                    raise BadPayload("the answer holds a line of no kind that we write")
    except (ValueError, RecursionError) as error:
        raise BadPayload("the answer is no lines of JSON") from error
    if not told.began:
        raise BadPayload("the answer does not say when it began")
    return told


def _checked(raws: Iterable[Any]) -> tuple[list[Event], tuple[Reject, ...]]:
    """Check events, each once, whichever relays sent it."""
    found: dict[str, Event] = {}
    rejects: dict[str, Reject] = {}
    for number, raw in enumerate(raws):
        name = raw.get("id") if isinstance(raw, dict) else None
        name = name if isinstance(name, str) else f"#{number}"
        if name in found or number >= CHECKED:
            continue
        try:
            found[name] = events.read(raw)
            rejects.pop(name, None)
        except (ValueError, RecursionError) as error:
            rejects[name] = Reject(name[:64], str(error), json.dumps(raw)[:2_000])
    return list(found.values()), tuple(rejects.values())


def _oldest_first(found: Iterable[Event], kind: int) -> list[Event]:
    return sorted((event for event in found if event.kind == kind), key=lambda event: event.created_at)


def _is_wanted(event: Event, query: Query, told: Told) -> bool:
    """Look whether a relay sent what was asked for."""
    if event.kind not in (NOTE, ARTICLE, *REPOSTS):
        return False
    if query.kind == "author":
        return event.pubkey == query.rest
    if query.kind == "home":
        return event.pubkey in told.authors
    if query.kind == "tag":
        return any(value.lower() == query.rest for value in event.values("t"))
    return query.rest in event.values("p") and event.pubkey != query.rest


def _newest(found: Sequence[Event], marks: Marks, now: int) -> list[Event]:
    """Order events newest first, without expired ones and versions that are not the newest."""
    newest: dict[str, Event] = {}
    for event in sorted(found, key=lambda event: event.created_at, reverse=True):
        name = posts.native_id(event)
        expires = event.value("expiration") or ""
        is_over = expires.isascii() and expires.isdigit() and len(expires) < 12 and int(expires) <= now
        if not is_over and event.created_at >= marks.articles.get(name, 0):
            newest.setdefault(name, event)
    return list(newest.values())


def _deleted(found: Iterable[Event], said: Iterable[Event], marks: Marks) -> Mapping[str, None]:
    """List what its own author took back; anybody can ask for the deletion of anything."""
    here = {event.id: event.pubkey for event in said}
    articles = {posts.native_id(event): event for event in said if event.kind == ARTICLE}
    gone: dict[str, None] = {}
    for event in _oldest_first(found, DELETION):
        for name in event.values("e"):
            if here.get(name) == event.pubkey or (_is_id(name) and marks.knows(name, event.pubkey)):
                gone[name] = None
        for name in event.values("a"):
            version = articles[name].created_at if name in articles else marks.articles.get(name, 0)
            if name.startswith(f"{ARTICLE}:{event.pubkey}:") and version <= event.created_at:
                gone[name] = None
    # An article that is deleted by its event's id.
    for article, one in articles.items():
        if one.id in gone:
            gone[article] = None
    return gone


def _is_id(name: str) -> bool:
    return len(name) == 64 and all(letter in "0123456789abcdef" for letter in name)

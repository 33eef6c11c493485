"""Nostr: notes, articles and reposts of people, of whom they follow, and of tags, from several relays at once."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import Field

from connectors.nostr import codes, events, posts, reading, relays
from connectors.nostr.marks import LIMIT, OVERLAP_S, Mark, Marks
from connectors.nostr.queries import CONTACTS, PROFILE, Query, key, pasted
from listener import connector, limits
from listener.connector import Connector, Traits, WebSocket
from listener.errors import ConnectorError, NotAuthorised
from listener.types import Answer, Feed, Follow, Page, Request

RELAYS: Final = ("wss://relay.damus.io", "wss://nos.lol", "wss://relay.primal.net")
ROUNDS: Final = 2
"""Questions to one relay for one page."""
PAGE_S: Final = 60.0
PAGE_EVENTS: Final = 200
"""A page with so many events is full: one more answer still fits into what is saved at once."""
AUTHORS: Final = 1_000
"""Most of the followed that are asked for."""
PROFILES: Final = 100
"""Most names looked up for one page."""
KEPT_PROFILES: Final = 5_000
PROFILE_S: Final = 86_400.0
CONTACTS_S: Final = 3_600.0
PAUSE_S: Final = 0.2


class Settings(connector.Settings):
    """What `[connectors.nostr]` may hold."""

    relays: tuple[str, ...] = Field(default=RELAYS, min_length=1, max_length=8)
    """The relays that are asked, such as `wss://relay.example.org`; what one does not have, another may."""
    pubkey: str | None = None
    """Your own public key (`npub1…`), to find whom you follow; never a secret key (`nsec1…`)."""
    since_hours: float = Field(default=48.0, gt=0)
    """How far back a feed's first poll looks."""


class Nostr(Connector):
    """Read Nostr.

    Queries: `author:KEY`, `home:KEY` (at most 1,000 of those whom KEY follows), `mentions:KEY`, `tag:WORD`.
    """

    name = posts.PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Nostr: people, whom they follow, mentions and tags, from the relays you name; each signature is checked",
        interval_s=900.0,
        limit="each relay has its own; we ask for 300 events at a time, in two questions a page at most",
        examples=(
            "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6",
            "https://njump.me/npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6",
            "nostr:#gardening",
            "nostr:home:npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6",
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: as the socket builds it
        super().__init__(*args, **kwargs)
        self._profiles: dict[str, tuple[float, Any]] = {}  # Any: checked events as they came
        self._contacts: dict[str, tuple[float, list[str]]] = {}

    def missing(self) -> str | None:
        """Say what signatures are checked with, where it is not installed."""
        return None if events.can_verify() else f"the package {events.LIBRARY} is not installed"

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Ask each relay for what is newer than its mark, newest first; a relay that fails is asked again next time."""
        query, marks, began = _query(feed), Marks.read(cursor), int(time.time())
        authors = self._followed(query.rest) if query.kind == "home" else []
        lines: list[Any] = [["BEGAN", began], ["AUTHORS", authors]]
        filters = query.filters(authors, marks.ids)
        failures, until = [], time.monotonic() + PAGE_S
        waiting = [relay for relay in self._relays if relay not in marks.done]
        for relay in waiting:
            if time.monotonic() > until or _ids(lines) >= PAGE_EVENTS:
                lines.append(["LATER"])
                break
            mark = marks.relays.get(relay) or Mark(self._first(began))
            try:
                with self.http.websocket(Request(relay)) as socket:
                    lines += self._read(socket, relay, filters, mark, began)
            except ConnectorError as error:
                failures.append(error)
                lines.append(["FAILED", relay])
        if len(failures) == len(self._relays):
            raise relays.worst(failures)
        return Answer(self._relays[0], 200, {}, self._body(lines))

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read what the relays sent."""
        page = reading.page(answer.body, _query(feed), cursor)
        return replace(page, title=feed.title or page.title, home_url=feed.home_url or page.home_url)

    def streams(self, feed: Feed) -> bool:
        """Tell that every feed may be listened to."""
        return Query.read(feed.query) is not None

    def stream(self, feed: Feed, cursor: str | None) -> Iterator[Page]:
        """Yield what was missed, then what comes; a relay that breaks off ends the stream, and polls catch up."""
        query, more = _query(feed), True
        while more:
            page = self.parse(self.fetch(feed, cursor), feed, cursor)
            cursor, more = page.cursor, page.more
            yield replace(page, more=False)
        authors = self._followed(query.rest) if query.kind == "home" else []
        with ExitStack() as stack:
            sockets = self._listening(stack, query, Marks.read(cursor), authors)
            while True:
                came = _wait(sockets)
                lines: list[Any] = [["BEGAN", int(time.time())], ["AUTHORS", authors]]
                for relay, found in came.items():
                    lines += [["EVENT", event] for event in found]
                    mark = Marks.read(cursor).relays.get(relay) or Mark(self._first(int(time.time())))
                    times = [event.get("created_at") for event in found if isinstance(event, dict)]
                    newest = max((at for at in times if type(at) is int and at <= time.time()), default=0)
                    lines.append(["MARK", relay, max(mark.at, newest), None, 0])
                page = self.parse(Answer(self._relays[0], 200, {}, self._body(lines)), feed, cursor)
                cursor = page.cursor
                yield page

    def feed_for(self, text: str) -> Feed | None:
        """Take `npub1…`, `nprofile1…`, a person's or tag's page in a client, `nostr:#tag`, `nostr:home:npub1…`."""
        query = pasted(text)
        return None if query is None else _feed(query)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List my own posts, and what mentions me."""
        found = key(account) if account.strip().removeprefix("nostr:").startswith(("npub1", "nprofile1")) else None
        return () if found is None else (_feed(Query("author", found)), _feed(Query("mentions", found)))

    def whose(self, text: str) -> str | None:
        """Take a public key in any of its forms."""
        return key(text)

    def follows(self) -> Iterator[Follow]:
        """Yield whom I follow, with the names that they give themselves."""
        own = key(self.settings.pubkey or "")
        if own is None:
            raise NotAuthorised("connectors.nostr.pubkey is not set; write your npub1… there")
        followed = self._followed(own)
        for start in range(0, len(followed), PROFILES):
            some = followed[start : start + PROFILES]
            with self.http.websocket(Request(self._relays[0])) as socket:
                self._look_up(socket, self._relays[0], some)
            known = {one: posts.profile(events.read(self._profiles[one][1])) for one in some if one in self._profiles}
            for one in some:
                yield Follow(posts.account(one, known), _feed(Query("author", one)))

    # how relays are asked

    @property
    def _relays(self) -> tuple[str, ...]:
        base = self.settings.base_url
        if base is None:
            return self.settings.relays
        return (base.replace("http", "ws", 1) if base.startswith("http") else base,)

    def _first(self, began: int) -> int:
        return began - int(3_600 * self.settings.since_hours) + OVERLAP_S

    def _read(
        self, socket: WebSocket, relay: str, filters: list[dict[str, Any]], mark: Mark, began: int
    ) -> Iterable[list[Any]]:
        """Walk back with one relay, a few questions long; give lines for the answer."""
        lines: list[list[Any]] = []
        found: list[Any] = []
        host = _host(relay)
        for _ in range(ROUNDS):
            ends: Mapping[str, int] = {"until": mark.until} if mark.until is not None else {}
            asked = [{**one, "since": mark.since, **ends, "limit": LIMIT} for one in filters]
            heard = relays.ask(socket, host, asked)
            lines += [["EVENT", event] for event in heard.events]
            found += heard.events
            if not heard.is_whole and len(heard.events) < relays.EVENTS:
                return [*lines, ["FAILED", relay]]  # it fell silent: what came is kept, and its mark stays
            if mark.is_stuck(heard.times):
                lines.append(["GAP", mark.until])
            mark = mark.after(heard.times, began, is_whole=heard.is_whole)
            if mark.until is None or _ids(lines) >= PAGE_EVENTS:
                break
        self._look_up(socket, relay, [event.get("pubkey") for event in found if isinstance(event, dict)])
        return [*lines, ["MARK", relay, mark.at, mark.until, mark.top]]

    def _look_up(self, socket: WebSocket, relay: str, keys: Iterable[Any]) -> None:
        """Fetch the profiles of people whose names are not known, and keep those that they signed."""
        now = time.monotonic()
        known = {one for one, (at, _) in self._profiles.items() if now - at < PROFILE_S}
        wanted = [one for one in dict.fromkeys(keys) if isinstance(one, str) and codes.HEX.fullmatch(one)]
        wanted = [one for one in wanted if one not in known][:PROFILES]
        if not wanted:
            return
        heard = relays.ask(socket, _host(relay), [{"kinds": [PROFILE], "authors": wanted, "limit": PROFILES}])
        if len(self._profiles) + len(wanted) > KEPT_PROFILES:
            self._profiles.clear()
        for raw in heard.events:
            event = _signed(raw, PROFILE)
            if event is not None and event.pubkey in wanted:
                held = self._profiles.get(event.pubkey)
                if held is None or held[1]["created_at"] < event.created_at or event.pubkey not in known:
                    self._profiles[event.pubkey] = (now, raw)

    def _followed(self, own: str) -> list[str]:
        """Find whom somebody follows: the newest list that any relay has."""
        at, kept = self._contacts.get(own, (0.0, []))
        if kept and time.monotonic() - at < CONTACTS_S:
            return kept
        newest, failures = None, []
        for relay in self._relays:
            try:
                with self.http.websocket(Request(relay)) as socket:
                    heard = relays.ask(socket, _host(relay), [{"kinds": [CONTACTS], "authors": [own], "limit": 1}])
            except ConnectorError as error:
                failures.append(error)
                continue
            for raw in heard.events:
                event = _signed(raw, CONTACTS)
                if event is not None and event.pubkey == own and (not newest or event.created_at > newest.created_at):
                    newest = event
        if newest is None and failures:
            raise relays.worst(failures)
        found = [one for one in dict.fromkeys(newest.values("p") if newest else ()) if codes.HEX.fullmatch(one)]
        if not found:
            raise ConnectorError("no relay knows whom this key follows; check the key, or name more relays")
        self._contacts[own] = (time.monotonic(), found[:AUTHORS])
        return found[:AUTHORS]

    def _listening(self, stack: ExitStack, query: Query, marks: Marks, authors: list[str]) -> dict[str, WebSocket]:
        """Open all relays that can be opened, and ask each for what comes."""
        sockets, failures = {}, []
        for relay in self._relays:
            since = (marks.relays.get(relay) or Mark(self._first(int(time.time())))).since
            asked = [{**one, "since": since} for one in query.filters(authors, marks.ids)]
            try:
                socket = stack.enter_context(self.http.websocket(Request(relay)))
                socket.send(json.dumps(["REQ", relays.NAME, *asked]))
                sockets[relay] = socket
            except ConnectorError as error:
                failures.append(error)
        if not sockets:
            raise relays.worst(failures)
        return sockets

    def _body(self, lines: list[Any]) -> bytes:
        """Write the answer down, with the profiles of those who speak in it."""
        keys = {line[1].get("pubkey") for line in lines if line[0] == "EVENT" and isinstance(line[1], dict)}
        known = [["EVENT", self._profiles[one][1]] for one in keys if isinstance(one, str) and one in self._profiles]
        return "\n".join(json.dumps(line) for line in [*lines, *known]).encode()


def _wait(sockets: Mapping[str, WebSocket]) -> dict[str, list[Any]]:
    """Listen to all relays in turn until something came and a moment is quiet, or a pulse is due."""
    came: dict[str, list[Any]] = {}
    due, size = time.monotonic() + limits.PULSE_S, 0
    while time.monotonic() < due and size < relays.ANSWER_BYTES:
        quiet = True
        for relay, socket in sockets.items():
            try:
                frame = socket.receive(PAUSE_S / len(sockets))
            except ConnectorError:
                if came:  # what came before it broke off is whole; the next call meets the error again
                    return came
                raise
            kind, rest = relays.read(frame) if frame is not None else ("", [])
            size += len(frame or b"")
            if kind == "CLOSED":
                raise relays.refusal(_host(relay), rest)
            if kind == "EVENT":
                came.setdefault(relay, []).append(rest[-1])
                quiet = False
        if came and (quiet or sum(map(len, came.values())) >= LIMIT):
            break
    return came


def _ids(lines: Iterable[list[Any]]) -> int:
    """Count the events of an answer, each once."""
    return len({str(line[1].get("id")) for line in lines if line[0] == "EVENT" and isinstance(line[1], dict)})


def _signed(raw: Any, kind: int) -> events.Event | None:  # Any: raw JSON
    try:
        event = events.read(raw)
    except (ValueError, RecursionError):
        return None
    return event if event.kind == kind else None


def _host(relay: str) -> str:
    return urlsplit(relay).netloc


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; write author:npub1…, home:npub1…, mentions:npub1… or tag:word")
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, posts.PLATFORM, str(query), posts.PLATFORM, title=query.title, home_url=query.home_url)

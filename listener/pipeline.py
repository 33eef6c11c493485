"""The story of a turn: claim due feeds, fetch, read, decide, and save one transaction a page.

All requests of plain HTTP connectors share one loop; changed answers go to a few reader threads; connectors with a
`fetch` of their own run in lanes, parallel across platforms and serial inside one. Unchanged feeds are saved together.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from listener import connector, limits, normalise, schedule
from listener.connector import Connector, HttpConnector
from listener.drafting import Tools, draft
from listener.errors import ConfigError, ConnectorError, StoreError
from listener.paying import reserve, settle_failed
from listener.types import Answer, Draft, Feed, FeedState, Health, Page, Plan, Request, Turn

log = logging.getLogger(__name__)

LANES: Final = 8
"""Threads for connectors with a `fetch` of their own (R6)."""
WAITING: Final = 8
"""Answers that may wait for a reader; more would only cost memory."""
CLAIM: Final = 5_000
"""Most feeds of one claim."""
NEXT_WALK: Final = timedelta(seconds=limits.HOST_SLOT_S * 60)
"""A walk that met the page cap goes on after this."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one feed's turn ended."""

    feed: Feed
    plan: Plan | None
    """None: the turn was not saved and will be repeated."""
    new: int = 0
    edited: int = 0
    deleted: int = 0
    rejected: int = 0
    unchanged: bool = False
    error: str | None = None


@dataclass(slots=True)
class Report:
    """How one tick ended."""

    outcomes: list[Outcome] = field(default_factory=list)
    obstacle: str | None = None

    @property
    def new(self) -> int:
        """Count posts that we did not have."""
        return sum(outcome.new for outcome in self.outcomes)

    @property
    def failed(self) -> list[Outcome]:
        """List the turns that failed."""
        return [outcome for outcome in self.outcomes if outcome.error is not None]


@dataclass(frozen=True, slots=True)
class _Walk:
    """A feed's turn under way: where it is, and how many pages it has read."""

    state: FeedState
    connector: Connector
    cursor: str | None
    pages: int = 0
    new: int = 0
    edited: int = 0
    deleted: int = 0
    rejected: int = 0
    reservation: int | None = None
    """The ledger's entry for the page being fetched; None: it costs nothing."""


def poll_due(
    tools: Tools,
    *,
    only: Sequence[int] | None = None,
    refill: bool = False,
    watch: Callable[[Outcome], None] | None = None,
    stop: threading.Event | None = None,
) -> Report:
    """Poll every due feed (or those of `only` that are due) and give the outcome of each.

    `refill`: claim feeds that fall due while slow hosts hold this tick up. `watch` hears of each outcome as it comes,
    from any thread. `stop`: finish the pages being read, give back the other leases.
    """
    obstacle = tools.obstacle()
    if obstacle is not None:
        log.error("polling waits: %s", obstacle)
        return Report(obstacle=obstacle)
    tick = _Tick(tools, only, watch or (lambda _: None), stop or threading.Event())
    return tick.run(refill=refill)


class _Tick:
    """One run of `poll_due`."""

    def __init__(
        self, tools: Tools, only: Sequence[int] | None, watch: Callable[[Outcome], None], stop: threading.Event
    ) -> None:
        self.tools, self.only, self.watch, self.stop = tools, only, watch, stop
        self.owner = f"{tools.worker}/{uuid4().hex}"
        self.report = Report()
        self._lock = threading.Lock()
        self._walks: dict[int, _Walk] = {}
        self._next: dict[int, Request] = {}
        self._plans: list[tuple[int, str | None, Plan]] = []
        self._futures: set[Future[None]] = set()
        self._room = threading.BoundedSemaphore(WAITING)

    def run(self, *, refill: bool) -> Report:
        readers = ThreadPoolExecutor(limits.PARSERS, "reader")
        self._lanes = ThreadPoolExecutor(LANES, "lane")
        try:
            self._claim()
            self._drive(readers, refill)
            self._flush()
        finally:
            readers.shutdown(cancel_futures=True)
            self._lanes.shutdown(cancel_futures=True)
            self.tools.store.release(list(self._walks), self.owner)
        return self.report

    def _drive(self, readers: ThreadPoolExecutor, refill: bool) -> None:
        while not self.stop.is_set():
            requests = self._take()
            if requests:
                for feed_id, outcome in self.tools.http.fetch_many(requests, lambda: self._more(refill)):
                    self._arrived(readers, feed_id, outcome)
            elif not self._wait():
                return
        self._wait(for_all=True)

    def _take(self) -> dict[int, Request]:
        with self._lock:
            requests, self._next = self._next, {}
        return requests

    def _more(self, refill: bool) -> Mapping[int, Request] | None:
        if self.stop.is_set():
            return None
        if refill:
            self._flush()
            self._claim()
        return self._take()

    def _wait(self, *, for_all: bool = False) -> bool:
        """Wait for one reader or lane (or all); False: none was left. Programming errors come out here."""
        if not self._futures:
            return False
        done, self._futures = wait(self._futures, return_when="ALL_COMPLETED" if for_all else FIRST_COMPLETED)
        for future in done:
            future.result()
        return True

    # claiming

    def _claim(self) -> None:
        store, now = self.tools.store, self.tools.now()
        claimed = store.claim_due(now, owner=self.owner, lease_s=limits.LEASE_S, limit=CLAIM, only=self.only)
        lanes: dict[str, list[_Walk]] = {}
        for state in claimed:
            if state.feed.id not in self._walks:
                self._start(state, lanes)
        for walks in lanes.values():
            self._futures.add(self._lanes.submit(self._run_lane, walks))

    def _start(self, state: FeedState, lanes: dict[str, list[_Walk]]) -> None:
        retired = self.tools.policy.retired(state.feed.platform)
        if retired is not None:
            self._unusable(state, "gone", f"{state.feed.platform} is no more ({retired})")
            return
        try:
            walk = _Walk(state, self.tools.find(state.feed.connector), state.cursor)
        except ConfigError as error:
            self._unusable(state, "needs you", str(error))
            return
        self._walks[state.feed.id] = walk
        if isinstance(walk.connector, HttpConnector):
            self._ask(walk)
        else:
            lanes.setdefault(state.feed.connector, []).append(walk)

    def _unusable(self, state: FeedState, health: Health, reason: str) -> None:
        interval_s = state.interval_s or limits.INTERVAL_START_S
        plan = Plan(None, interval_s, state.failures + 1, health, reason)
        outcome = Outcome(state.feed, plan, error=reason)
        with self._lock:
            self._plans.append((state.feed.id, None, plan))
            self.report.outcomes.append(outcome)
        log.info("%s: %s", connector.named(state.feed), reason)
        self.watch(outcome)

    def _ask(self, walk: _Walk) -> None:
        feed = walk.state.feed
        source = walk.connector
        assert isinstance(source, HttpConnector)
        try:
            walk = replace(
                walk, reservation=reserve(self.tools, source, feed, connector.cost(source, feed, walk.cursor))
            )
            request = connector.request(source, feed, walk.cursor)
        except ConnectorError as error:
            self._failed(walk, error)
            return
        with self._lock:
            self._walks[feed.id] = walk
            self._next[feed.id] = request

    # what came

    def _arrived(self, readers: ThreadPoolExecutor, feed_id: int, outcome: Answer | ConnectorError) -> None:
        walk = self._walks[feed_id]
        if isinstance(outcome, ConnectorError):
            outcome.args = (f"{connector.named(walk.state.feed)}: {outcome}",)
            self._failed(walk, outcome)
        elif outcome.status == 304:
            self._read(walk, outcome)
        else:
            self._room.acquire()
            self._futures.add(readers.submit(self._read_and_make_room, walk, outcome))

    def _read_and_make_room(self, walk: _Walk, answer: Answer) -> None:
        try:
            self._read(walk, answer)
        finally:
            self._room.release()

    def _run_lane(self, walks: Iterable[_Walk]) -> None:
        for walk in walks:
            current: _Walk | None = walk
            while current is not None and not self.stop.is_set():
                feed, cursor = current.state.feed, current.cursor
                try:
                    reservation = reserve(
                        self.tools, current.connector, feed, connector.cost(current.connector, feed, cursor)
                    )
                    current = replace(current, reservation=reservation)
                    answer, page = connector.poll(current.connector, feed, cursor)
                except ConnectorError as error:
                    self._failed(current, error)
                    break
                current = self._save(current, page, answer.body)

    def _read(self, walk: _Walk, answer: Answer) -> None:
        try:
            page = connector.read(walk.connector, answer, walk.state.feed, walk.cursor)
        except ConnectorError as error:
            self._failed(walk, error)
            return
        following = self._save(walk, page, answer.body)
        if following is not None:
            self._ask(following)

    # what it means

    def _save(self, walk: _Walk, page: Page, body: bytes) -> _Walk | None:
        """Save a page; give the walk that follows, or None at the end."""
        try:
            return self._saved(walk, page, body)
        except StoreError as error:
            log.error("%s: not saved, will be repeated: %s", connector.named(walk.state.feed), error)
            self._end(walk, None, error=str(error))
            return None

    def _saved(self, walk: _Walk, page: Page, body: bytes) -> _Walk | None:
        now, feed = self.tools.now(), walk.state.feed
        drafts, rejects = draft(self.tools, walk.state, page, now) if page.posts else ((), page.rejects)
        final = not page.more or walk.pages + 1 >= limits.PAGES
        plan = self._plan(walk, page, drafts, now)
        turn = Turn(
            feed=feed,
            now=now,
            cursor=page.cursor,
            plan=plan,
            drafts=drafts,
            deleted=page.deleted,
            gap=page.gap,
            rejects=rejects,
            raw=body if any(draft.scores is not None for draft in drafts) else None,
            cost=page.cost,
            reservation=walk.reservation,
            quotas=page.quotas,
            title=page.title,
            home_url=page.home_url,
            moved_to=page.moved_to,
            final=final,
            owner=self.owner,
            watches=self.tools.watch(drafts, feed.id, now),
        )
        if final and _is_plain(turn, walk.state):
            with self._lock:
                self._plans.append((feed.id, page.cursor, plan))
            self._end(walk, plan, unchanged=page.unchanged)
            return None
        saved = self.tools.store.save_page(turn)
        following = replace(
            walk,
            cursor=page.cursor,
            pages=walk.pages + 1,
            new=walk.new + len(saved.new),
            edited=walk.edited + len(saved.edited),
            deleted=walk.deleted + saved.deleted,
            rejected=walk.rejected + len(rejects),
            reservation=None,
        )
        if not final:
            return following
        self._end(following, plan)
        return None

    def _plan(self, walk: _Walk, page: Page, drafts: Sequence[Draft], now: datetime) -> Plan:
        times = {normalise.sort_at(draft.post, now) for draft in drafts if draft.scores is not None}
        recent = tuple(sorted({*walk.state.recent, *times}, reverse=True)[:20])
        default_s = walk.connector.traits.interval_s
        state = replace(walk.state, recent=recent)
        plan = schedule.after_success(state, page, now, default_s=default_s, dice=self.tools.dice())
        return replace(plan, next_poll_at=now + NEXT_WALK) if page.more else plan

    # how it ends

    def _failed(self, walk: _Walk, error: ConnectorError) -> None:
        settle_failed(self.tools, walk.connector, walk.reservation, error)
        default_s = walk.connector.traits.interval_s
        plan = schedule.after_failure(walk.state, error, self.tools.now(), default_s=default_s, dice=self.tools.dice())
        with self._lock:
            self._plans.append((walk.state.feed.id, None, plan))
        log.info("%s", error)  # people hear of it by the report, or by `tell`
        self._end(walk, plan, error=str(error))

    def _end(self, walk: _Walk, plan: Plan | None, *, unchanged: bool = False, error: str | None = None) -> None:
        outcome = Outcome(walk.state.feed, plan, walk.new, walk.edited, walk.deleted, walk.rejected, unchanged, error)
        if error is None and not unchanged:
            log.info("polled %s: %d new, %d edited", connector.named(outcome.feed), outcome.new, outcome.edited)
        with self._lock:
            self.report.outcomes.append(outcome)
            if plan is not None:
                self._walks.pop(outcome.feed.id, None)
        self.watch(outcome)

    def _flush(self) -> None:
        with self._lock:
            plans, self._plans = self._plans, []
        if plans:
            self.tools.store.save_plans(plans, self.tools.now(), self.owner)


def _is_plain(turn: Turn, state: FeedState) -> bool:
    """Tell a turn that changes nothing but cursor and plan; many of those are saved together."""
    named = (turn.title is None or turn.title == state.feed.title) and turn.home_url in (None, state.feed.home_url)
    paid = turn.cost or turn.reservation is not None or turn.quotas
    return named and not (paid or turn.drafts or turn.deleted or turn.gap or turn.rejects or turn.moved_to)

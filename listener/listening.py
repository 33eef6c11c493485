"""Streams: feeds that are listened to, one supervised thread each, saved by the same turn as polls.

A stream holds its feed's lease, so that no poll reads beside it. When it breaks off, the feed falls back to polling,
which catches up from the same cursor, and the stream is tried again after a backoff.
"""

import logging
import threading
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from listener import connector, limits, schedule
from listener.connector import Connector
from listener.drafting import Tools, draft
from listener.errors import ConfigError, ConnectorError, ListenerError, StoreError
from listener.paying import reserve
from listener.types import FeedState, Page, Plan, Turn

log = logging.getLogger(__name__)

STREAMS: Final = 16
"""Most streams at once."""


class Streams:
    """All streams of one program; `tick` starts what is missing, `join` waits for the last page of each."""

    def __init__(self, tools: Tools, stop: threading.Event) -> None:
        self._tools = tools
        self._stop = stop
        self._owner = f"{tools.worker}/{uuid4().hex}"
        self._threads: dict[int, threading.Thread] = {}
        self._retry_at: dict[int, datetime] = {}
        self._lock = threading.Lock()

    def tick(self) -> None:
        """Start a thread for each feed that can be listened to and is not."""
        now = self._tools.now()
        self._threads = {number: thread for number, thread in self._threads.items() if thread.is_alive()}
        waiting = [state for state in self._tools.store.feeds() if self._is_wanted(state, now)]
        numbers = [state.feed.id for state in waiting[: STREAMS - len(self._threads)]]
        if not numbers or self._stop.is_set():
            return
        self._tools.store.make_due(numbers, now)
        claimed = self._tools.store.claim_due(
            now, owner=self._owner, lease_s=limits.LEASE_S, limit=len(numbers), only=numbers
        )
        for state in claimed:
            thread = threading.Thread(target=self._listen, args=(state,), name=f"stream {state.feed.id}", daemon=True)
            self._threads[state.feed.id] = thread
            thread.start()

    def join(self, timeout_s: float = 2 * limits.PULSE_S) -> None:
        """Wait until every stream has saved its page and given back its lease."""
        for thread in self._threads.values():
            thread.join(timeout_s)

    def _is_wanted(self, state: FeedState, now: datetime) -> bool:
        feed = state.feed
        if state.paused or feed.id in self._threads or self._retry_at.get(feed.id, now) > now:
            return False
        if state.next_poll_at is None and state.failures:
            return False
        try:
            return self._tools.find(feed.connector).streams(feed)
        except ConfigError:  # the poll of this feed says so
            return False

    def _listen(self, state: FeedState) -> None:
        source = self._tools.find(state.feed.connector)
        log.info("listening to %s", connector.named(state.feed))
        try:
            self._follow(source, state)
            failures, plan = 0, Plan(self._tools.now(), state.interval_s or source.traits.interval_s)
        except ConnectorError as error:
            failed = replace(state, failures=self._failures(state))
            plan = schedule.after_failure(
                failed, error, self._tools.now(), default_s=source.traits.interval_s, dice=self._tools.dice()
            )
            failures = plan.failures
            log.warning("%s", error)
        except ListenerError as error:
            log.error("%s: stopped listening: %s", connector.named(state.feed), error)
            failures, plan = 1, Plan(self._tools.now(), state.interval_s or source.traits.interval_s)
        wait_s = schedule.backoff_s(failures, self._tools.dice()) if failures else 0.0
        with self._lock:
            self._retry_at[state.feed.id] = self._tools.now() + timedelta(seconds=wait_s)
        self._tools.store.save_plans([(state.feed.id, None, plan)], self._tools.now(), self._owner)

    def _failures(self, state: FeedState) -> int:
        """Count failures since the stream last brought anything."""
        stored = self._tools.store.feed(state.feed.id)
        return stored.failures if stored else state.failures

    def _follow(self, source: Connector, state: FeedState) -> None:
        """Save pages until the program stops or the lease is gone."""
        renewed_at = self._tools.now()
        held = self._reserved(source, state, state.cursor)
        try:
            with closing(connector.stream(source, state.feed, state.cursor)) as pages:
                for page in pages:
                    if not page.unchanged:
                        taken, held = held, None  # from here on it is this page's, saved or not
                        self._save(state, page, taken)
                        held = self._reserved(source, state, page.cursor)
                    renewed_at = self._renewed(state, renewed_at)
                    if self._stop.is_set():
                        return
        finally:
            if held is not None:
                self._tools.store.settle(held, 0.0)
        raise ConnectorError(f"{connector.named(state.feed)}: the stream ended")

    def _renewed(self, state: FeedState, renewed_at: datetime) -> datetime:
        """Hold the lease longer where a third of it is over; give when that was done last."""
        now = self._tools.now()
        if (now - renewed_at).total_seconds() <= limits.LEASE_S / 3:
            return renewed_at
        if not self._tools.store.renew([state.feed.id], self._owner, now + timedelta(seconds=limits.LEASE_S)):
            raise StoreError("the feed was paused, removed, or is read by somebody else")
        return now

    def _reserved(self, source: Connector, state: FeedState, cursor: str | None) -> int | None:
        """Hold what the next page may cost; OutOfBudget ends the listening before it is spent."""
        return reserve(self._tools, source, state.feed, connector.cost(source, state.feed, cursor))

    def _save(self, state: FeedState, page: Page, reservation: int | None) -> None:
        now = self._tools.now()
        drafts, rejects = draft(self._tools, replace(state, last_success_at=state.last_success_at or now), page, now)
        plan = Plan(now, state.interval_s or limits.INTERVAL_START_S)
        turn = Turn(
            state.feed,
            now,
            page.cursor,
            plan,
            drafts,
            page.deleted,
            page.gap,
            rejects,
            cost=page.cost,
            reservation=reservation,
            quotas=page.quotas,
            final=False,
            owner=self._owner,
            watches=self._tools.watch(drafts, state.feed.id, now),
        )
        saved = self._tools.store.save_page(turn)
        if saved.new:
            log.info("heard %s: %d new", connector.named(state.feed), len(saved.new))

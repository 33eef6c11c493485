"""The rules at work: read from the store for some seconds, held against every page."""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta, tzinfo
from typing import Final

from listener.policy import Policies
from listener.precedence import Mutes
from listener.store import Store
from listener.types import Draft, Label, Watch
from listener.watching import Authors, Book

KEPT: Final = timedelta(seconds=10)
"""How long people and circles are kept in memory; rules and mutes are read again when they changed."""


class Watcher:
    """Knows the rules, the mutes and who is who."""

    def __init__(
        self, store: Store, policy: Policies, thresholds: Mapping[Label, float], zone: tzinfo, at: time
    ) -> None:
        self._store, self._policy, self._thresholds, self._zone, self._at = store, policy, thresholds, zone, at
        self._lock = threading.Lock()
        self._mark: str | None = None
        self._read_at: datetime | None = None
        self._book = Book()

    def watches(self, drafts: Sequence[Draft], feed: int, now: datetime) -> tuple[Watch, ...]:
        """Give the rules that some of a page's posts may alert."""
        return self.book(now).watches(drafts, feed, now)

    def book(self, now: datetime) -> Book:
        """Give all that rules are judged by."""
        mark = self._store.rules_mark()
        with self._lock:
            old = self._read_at is None or not timedelta() <= now - self._read_at < KEPT
            if old or mark != self._mark:
                self._mark, self._read_at, self._book = mark, now, self._read()
            return self._book

    def _read(self) -> Book:
        people = self._store.people(self._policy.may_link)
        accounts = self._store.accounts([*people.accounts, *people.follows])
        authors = Authors(people, accounts, self._policy)
        mutes = Mutes(self._store.mutes())
        return Book(self._store.rules(), mutes, authors, self._thresholds, self._zone, self._at)

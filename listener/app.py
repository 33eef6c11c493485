"""The only room that knows everybody: it builds all from the configuration and offers the verbs.

What a verb does not need is not built: listing posts opens the store and nothing else.
"""

import json
import logging
import os
import platform
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from listener import config as configuration
from listener import schedule
from listener.config import Config
from listener.doctor import full_disk
from listener.errors import BadPayload, ConfigError, ConnectorError, StoreError
from listener.store import Store
from listener.types import LABELS, Feed, FeedState, Label, Post

if TYPE_CHECKING:
    from listener.briefing import Briefing
    from listener.connector import Connector
    from listener.doctor import Finding
    from listener.http import Client
    from listener.pipeline import Outcome, Report, Tools
    from listener.urls import LinkRules
    from models.classifier import Classifier

log = logging.getLogger(__name__)

NAME: Final = "listener"
PREVIEW: Final = 3
"""Posts shown before a feed is kept."""
DISCOVERED: Final = 5
"""Feeds tried of those that a page points at."""
STORY_DAYS: Final = 7.0
"""How long a post can found a story that later ones join."""


def user_config() -> Path:
    """Find the configuration file in the user's own folder."""
    return platformdirs.user_config_path(NAME, appauthor=False) / configuration.FILE


@dataclass(frozen=True, slots=True)
class Checked:
    """A feed that was read once, and what is in it."""

    feed: Feed
    title: str | None
    posts: tuple[Post, ...]
    """Newest first."""


class App:
    """All rooms of one configuration, built when first asked for."""

    def __init__(self, config: Config, now: Callable[[], datetime] | None = None) -> None:
        self.config = config
        self.now = now or (lambda: datetime.now(UTC))
        self._connectors: dict[str, Connector] = {}

    @classmethod
    def open(cls, path: Path | None = None, store: str | None = None) -> "App":
        """Read the configuration as the command line finds it; ConfigError says which key is wrong."""
        from listener.connector import names

        config = configuration.load(path, os.environ, Path.cwd(), user_config().parent, store=store)
        configuration.check_connectors(config, names())
        return cls(config)

    def close(self) -> None:
        """Close what was opened."""
        for name in ("http", "store"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    # rooms

    @cached_property
    def store(self) -> Store:
        """Open the store, made at its first use, with the feeds of the configuration in it."""
        from listener.store.sqlite import SqliteStore

        path = self.store_path
        path.parent.mkdir(parents=True, exist_ok=True)
        store = SqliteStore.open(path)
        self._sync_feeds(store)
        return store

    @property
    def store_path(self) -> Path:
        """Find the store's file."""
        path = self.config.store.path
        if path is None:
            raise ConfigError("store.url: only SQLite is built in so far; say sqlite:///path or a file's path")
        return path

    @cached_property
    def http(self) -> "Client":
        """Build the guarded client."""
        from listener.http import Client

        network = self.config.network
        return Client(network.rules(), contact=network.contact)

    @cached_property
    def classifier(self) -> "Classifier":
        """Load the shipped weights."""
        from models.classifier import load

        return load()

    @cached_property
    def links(self) -> "LinkRules":
        """Read the kept lists of tracking parameters, shorteners and wrappers."""
        import tomllib

        from listener.urls import rules

        return rules(tomllib.loads(files("connectors").joinpath("links.toml").read_text()))

    def connector(self, name: str) -> "Connector":
        """Build a connector once; ConfigError where it is unknown or its settings are wrong."""
        if name not in self._connectors:
            from listener.connector import load

            kind = load(name)
            settings = configuration.connector_settings(self.config, name, kind.settings_model)
            self._connectors[name] = kind(settings, self.http)
        return self._connectors[name]

    @cached_property
    def tools(self) -> "Tools":
        """Gather what a turn is done with."""
        from listener.pipeline import Tools

        self._keep_thresholds()
        return Tools(
            store=self.store,
            http=self.http,
            find=self.connector,
            scorer=self.classifier,
            links=self.links,
            now=self.now,
            dice=random.random,
            obstacle=lambda: full_disk(self.store_path),
            worker=f"{os.getpid()}@{platform.node()}",
        )

    @cached_property
    def thresholds(self) -> Mapping[Label, float]:
        """Give the cut of each label: the user's where set, else that of the model which scored this store.

        The store remembers it, so that listing posts need not load the classifier.
        """
        own = self.config.labels.model_dump()
        if all(own[label] is not None for label in LABELS):
            return {label: own[label] for label in LABELS}
        kept = self.store.get_meta("thresholds")
        shipped = json.loads(kept) if kept else self._keep_thresholds()
        return {label: own[label] if own[label] is not None else shipped[label] for label in LABELS}

    def _keep_thresholds(self) -> dict[str, float]:
        shipped: dict[str, float] = {label: self.classifier.thresholds[label] for label in LABELS}
        if self.store.get_meta("thresholds") != json.dumps(shipped):
            self.store.set_meta("thresholds", json.dumps(shipped))
        return shipped

    # feeds

    def _sync_feeds(self, store: Store) -> None:
        """Bring the configuration's feeds into the store; those that left the file are removed, posts stay."""
        known = blake2b(repr(self.config.feeds).encode(), digest_size=8).hexdigest()
        if store.get_meta("config_feeds") == known or (not self.config.feeds and self.config.path is None):
            return
        now = self.now()
        wanted: set[int] = set()
        for number, entry in enumerate(self.config.feeds, 1):
            feed = self._configured(number, entry)
            kept = store.add_feed(replace(feed, title=entry.title, folder=entry.folder), now, from_config=True)
            wanted.add(kept.id)
            state = store.feed(kept.id)
            if state is not None and (state.paused, state.fixed_interval_s) != (entry.paused, entry.interval_s):
                store.set_feed(kept.id, {"paused": entry.paused, "fixed_interval_s": entry.interval_s}, now)
        for state in store.feeds():
            if state.from_config and state.feed.id not in wanted:
                store.remove_feed(state.feed.id)
        store.set_meta("config_feeds", known)

    def _configured(self, number: int, entry: configuration.FeedEntry) -> Feed:
        if entry.connector is not None and entry.query is not None:
            return Feed(0, entry.connector, entry.query, entry.connector)
        found = self.feed_for(entry.url or "")
        if found is None:
            raise ConfigError(f"{self.config.path}: [[feeds]] {number}: no connector can read {entry.url!r}")
        return found

    def feed_for(self, text: str) -> Feed | None:
        """Ask every connector what a pasted text means; one that takes any address at all is asked last."""
        from listener.connector import connectors

        kinds = sorted(connectors().items(), key=lambda found: found[1].catch_all)
        for name, _ in kinds:
            feed = self.connector(name).feed_for(text)
            if feed is not None:
                return feed
        return None

    def find_feed(self, text: str) -> FeedState:
        """Find a stored feed by number, address, or title (its beginning will do if only one has it)."""
        states = self.store.feeds()
        exact = [state for state in states if text in (str(state.feed.id), state.feed.query, state.feed.title)]
        if exact:
            return exact[0]
        wanted = self.feed_for(text)
        same = [s for s in states if wanted and (s.feed.connector, s.feed.query) == (wanted.connector, wanted.query)]
        begin = [s for s in states if (s.feed.title or "").casefold().startswith(text.casefold())]
        found = same or begin
        if len(found) == 1:
            return found[0]
        if found:
            titles = ", ".join(f"{state.feed.id} {state.feed.title}" for state in found[:5])
            raise StoreError(f"{text!r} could be any of: {titles}; say the number")
        raise StoreError(f"no feed is called {text!r}; `listener feeds` lists them")

    def check(self, feed: Feed) -> Checked:
        """Read a feed once without keeping anything; a page that is no feed leads to those it points at."""
        from listener import connector as socket

        reader = self.connector(feed.connector)
        answer = None
        try:
            answer = socket.fetch(reader, feed, None)
            page = socket.read(reader, answer, feed, None)
        except BadPayload:
            if answer is None:
                raise
            return self._discovered(feed, reader.discover(answer, feed))
        if answer.moved_to is not None and socket.named(feed).endswith(feed.query):
            feed = replace(reader.feed_for(answer.moved_to) or feed, id=feed.id)
        posts = sorted(page.posts, key=lambda post: post.published_at or datetime.min.replace(tzinfo=UTC), reverse=True)
        feed = replace(feed, title=page.title, home_url=page.home_url)
        return Checked(feed, page.title, tuple(posts))

    def _discovered(self, feed: Feed, candidates: Sequence[Feed]) -> Checked:
        from listener import connector as socket

        problems = []
        for candidate in candidates[:DISCOVERED]:
            reader = self.connector(candidate.connector)
            try:
                _, page = socket.poll(reader, candidate, None)
            except ConnectorError as error:
                problems.append(str(error))
                continue
            found = replace(candidate, title=page.title, home_url=page.home_url)
            return Checked(found, page.title, page.posts)
        tried = f" (tried: {'; '.join(problems)})" if problems else ""
        raise BadPayload(f"{feed.query} is no feed and points at none{tried}; paste the address of the feed itself")

    def add_feed(self, feed: Feed, *, title: str | None = None, folder: str | None = None) -> tuple[Feed, bool]:
        """Keep a feed; give it with its number, and whether it is new."""
        before = {state.feed.id for state in self.store.feeds()}
        kept = self.store.add_feed(replace(feed, title=title or feed.title, folder=folder), self.now())
        return kept, kept.id not in before

    # verbs

    def poll(
        self,
        feeds: Sequence[int] | None = None,
        *,
        everything: bool = False,
        watch: "Callable[[Outcome], None] | None" = None,
        stop: threading.Event | None = None,
    ) -> "Report":
        """Poll what is due; `feeds` or `everything` are made due first."""
        from listener.pipeline import poll_due

        self._release_dead()
        if everything:
            feeds = [state.feed.id for state in self.store.feeds() if not state.paused]
        if feeds is not None:
            self.store.make_due(feeds, self.now())
        return poll_due(self.tools, only=feeds, watch=watch, stop=stop)

    def _release_dead(self) -> None:
        """Give back the leases of programs that died on this machine; others run out by themselves."""
        for owner, feeds in self.store.leases(self.now()).items():
            pid, _, machine = owner.partition("/")[0].partition("@")
            if machine == platform.node() and not _is_alive(int(pid)):
                self.store.release(feeds, owner)

    def poll_due(self, stop: threading.Event) -> None:
        """Poll what is due, and what falls due while slow hosts are waited for."""
        from listener.pipeline import poll_due

        poll_due(self.tools, refill=True, stop=stop)

    def brief(self, minutes: float | None = None, since: datetime | None = None) -> "Briefing":
        """Compose the briefing of what arrived since `since` (default: the last 24 hours)."""
        from listener.briefing import BriefingRules, choose
        from listener.timebox import compose

        section, now = self.config.briefing, self.now()
        rules = BriefingRules(
            since=since or now - timedelta(hours=24),
            minutes=minutes or section.minutes,
            words_per_minute=section.words_per_minute,
            thresholds=self.thresholds,
        )
        choice = choose(self.store.candidates(rules.since, now + timedelta(seconds=1)), now, rules)
        wanted = [number for picks in choice.picks.values() for pick in picks for number in pick.posts]
        posts = {found.id: found for found in self.store.posts_by_id(list(dict.fromkeys(wanted)))}
        states = self.store.feeds()
        titles = {state.feed.id: state.feed.title or state.feed.query for state in states}
        failing = [state.error for state in states if state.error is not None and not state.paused]
        return compose(choice, posts, now, rules, feeds=titles, failing=failing)

    def fill_with_demo(self) -> int:
        """Save the sample day as a poll would have; give the number of posts."""
        from listener import pipeline
        from listener.demo import sample_day

        now = self.now()
        return sum(pipeline.save_posts(self.tools, feed, posts, now) for feed, posts in sample_day(now))

    def doctor(self) -> "list[Finding]":
        """Examine everything this set-up stands on."""
        from listener.doctor import Patient, examine
        from listener.opml import expat_warning

        patient = Patient(
            config_path=self.config.path,
            store_path=self.store_path,
            store=lambda: self.store,
            http=lambda: self.http,
            model=lambda: self.classifier.version,
            xml=expat_warning,
            now=self.now(),
        )
        return list(examine(patient))

    def policies(self) -> list[dict[str, str | int | bool | None]]:
        """List what each platform's terms let us do, one row a platform."""
        from dataclasses import asdict

        from listener.connector import Policy, connectors

        rows = {
            platform: policy
            for name, kind in connectors().items()
            for platform, policy in (kind.traits.policies or {name: Policy()}).items()
        }
        return [{"platform": platform} | asdict(rows[platform]) for platform in sorted(rows)]

    def restore(self, source: Path) -> Path | None:
        """Put a backup in the store's place; give where the old store is kept, if there was one."""
        from listener.store.care import restore

        path = self.store_path
        path.parent.mkdir(parents=True, exist_ok=True)
        had_one = path.exists()
        with self.alone():
            restore(source, path)
        return path.with_name(f"{path.name}.before-restore") if had_one else None

    def maintain(self) -> dict[str, int]:
        """Delete what the retention no longer covers."""
        section = self.config.store
        return self.store.prune(
            self.now(), raw_days=section.raw_days, post_days=section.post_days, story_days=STORY_DAYS
        )

    def briefing_due(self) -> bool:
        """Tell whether today's briefing is due and not done, and mark it done (once for each local date)."""
        from datetime import date

        section = self.config.briefing
        done = self.store.get_meta("briefed_on")
        due = schedule.briefing_due(self.now(), section.at, section.zone(), date.fromisoformat(done) if done else None)
        if due is not None:
            self.store.set_meta("briefed_on", due.isoformat())
        return due is not None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the data folder's lock: one running `up` for each store (R5)."""
        import fcntl

        path = self.store_path.with_name(self.store_path.name + ".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StoreError(f"another `listener up` works on {self.store_path}; stop it first") from error
            yield


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process: alive
        pass
    return True

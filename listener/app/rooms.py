"""Every room of one configuration, built when first asked for: what a verb does not need is not built."""

import json
import logging
import os
import platform
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import platformdirs

from listener import config as configuration
from listener.config import Config
from listener.doctor import full_disk
from listener.errors import ConfigError, Refused, StoreError
from listener.store import Store
from listener.types import LABELS, Feed, Label

if TYPE_CHECKING:
    from listener.addressbook import AddressBook
    from listener.app.goals import Goals
    from listener.app.scorer import Scorer
    from listener.app.watcher import Watcher
    from listener.connector import Connector
    from listener.drafting import Tools
    from listener.http import Client
    from listener.policy import Policies
    from listener.urls import LinkRules
    from models.classifier import Classifier

log = logging.getLogger(__name__)

CHOSEN: Final = "thresholds_chosen"
"""The store's note of the thresholds that were set by command."""
ME: Final = "Me"
"""Folder of the feeds of the user's own accounts."""
NAME: Final = "listener"
_LOGIN: Final = re.compile(r"\s*(?:feed:(?://)?)?https?://[^/?#\s]*@", re.IGNORECASE)


def user_config() -> Path:
    """Find the configuration file in the user's own folder."""
    return platformdirs.user_config_path(NAME, appauthor=False) / configuration.FILE


class Rooms:
    """All rooms of one configuration, built when first asked for."""

    def __init__(self, config: Config, now: Callable[[], datetime] | None = None) -> None:
        self.config = config
        self.now = now or (lambda: datetime.now(UTC))
        self.makes_store = True
        """False: a store that is not there is an error."""
        self._connectors: dict[str, Connector] = {}

    @classmethod
    def open(cls, path: Path | None = None, store: str | None = None) -> Self:
        """Read the configuration as the command line finds it; ConfigError says which key is wrong."""
        from listener.connector import load, names

        config = configuration.load(path, os.environ, Path.cwd(), user_config().parent, store=store)
        configuration.check_connectors(config, names())
        for name in config.connectors:
            configuration.check_settings(config, name, load(name).settings_model)
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

        store = SqliteStore.open(self.store_path, create=self.makes_store)
        try:
            self._sync_feeds(store)
            self._sync_goals(store)
            self._sync_rules(store)
            self._sync_people(store)
        except StoreError:
            if store.damage is None:  # else it is for reading only, and what it has is shown
                raise
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
        """Load the shipped weights, with the second look where it is there and wanted."""
        from models.classifier import load

        found = load()
        return found if self.config.labels.second_look else found.first

    @cached_property
    def scorer(self) -> "Scorer":
        """Put the user's head on the shipped weights, the newest one at any time."""
        from listener.app.scorer import Scorer

        return Scorer(self.classifier, self.store)

    @cached_property
    def goals(self) -> "Goals":
        """Build the goals, each a model that thumbs teach."""
        from listener.app.goals import Goals

        return Goals([entry.goal() for entry in self.config.goals], self.classifier, self.store)

    @cached_property
    def watcher(self) -> "Watcher":
        """Build what knows the rules, the mutes and who is who."""
        from listener.app.watcher import Watcher

        section = self.config.briefing
        return Watcher(self.store, self.policy, self.thresholds, section.zone(), section.at)

    @cached_property
    def links(self) -> "LinkRules":
        """Read the kept lists of tracking parameters, shorteners and wrappers."""
        import tomllib

        from listener.urls import rules

        return rules(tomllib.loads(files("connectors").joinpath("links.toml").read_text()))

    @cached_property
    def policy(self) -> "Policies":
        """Read the table of what platforms allow, with what the user switched on."""
        import tomllib

        from listener.policy import policies

        table = tomllib.loads(files("connectors").joinpath("policy.toml").read_text())
        return policies(table, **self.config.policy.model_dump())

    def connector(self, name: str) -> "Connector":
        """Build a connector once; ConfigError where it is unknown or its settings are wrong."""
        if name not in self._connectors:
            from listener.connector import load
            from listener.sessions import SessionFile

            kind = load(name)
            settings = configuration.connector_settings(self.config, name, kind.settings_model)
            sessions = SessionFile(
                lambda: self.store_path.with_name(f"{self.store_path.name}.sessions") / name, self.now
            )
            self._connectors[name] = kind(settings, self.http, sessions)
        return self._connectors[name]

    @cached_property
    def tools(self) -> "Tools":
        """Gather what a turn is done with."""
        from listener.drafting import Tools
        from listener.language import Detector

        self._keep_thresholds()
        return Tools(
            store=self.store,
            http=self.http,
            find=self.connector,
            scorer=self.scorer,
            links=self.links,
            policy=self.policy,
            language=Detector(),
            relate=self.goals.relate,
            watch=self.watcher.watches,
            now=self.now,
            dice=random.random,
            obstacle=lambda: full_disk(self.store_path),
            worker=f"{os.getpid()}@{platform.node()}",
        )

    @cached_property
    def thresholds(self) -> Mapping[Label, float]:
        """Give the cut of each label: the configuration's, else the one set by command, else the shipped model's.

        The store remembers it, so that listing posts need not load the classifier.
        """
        chosen: dict[str, float] = json.loads(self.store.get_meta(CHOSEN) or "{}")
        cuts = {label: getattr(self.config.labels, label) for label in LABELS}
        chosen |= {label: cut for label, cut in cuts.items() if cut is not None}
        if not chosen.keys() >= set(LABELS):
            kept = self.store.get_meta("thresholds")
            chosen = (json.loads(kept) if kept else self._keep_thresholds()) | chosen
        return {label: chosen[label] for label in LABELS}

    def _keep_thresholds(self) -> dict[str, float]:
        shipped: dict[str, float] = {label: self.classifier.thresholds[label] for label in LABELS}
        if self.store.damage is None and self.store.get_meta("thresholds") != json.dumps(shipped):
            self.store.set_meta("thresholds", json.dumps(shipped))
        return shipped

    # feeds

    def described(self, name: str) -> "Connector":
        """Give a connector for what needs no secret, also where its settings are wrong: it then has the defaults.

        The poll of its feeds says what is wrong; nothing else is held up by it.
        """
        try:
            return self.connector(name)
        except ConfigError:
            from listener.connector import load

            kind = load(name)
            return kind(kind.settings_model(), self.http)

    def feed_for(self, text: str) -> Feed | None:
        """Ask every connector what a pasted text means; one that takes any address at all is asked last.

        Raises Refused with the reason where nobody may read what is at the address.
        """
        from listener.connector import closed, connectors

        if _LOGIN.match(text):
            raise Refused("the address holds a user name or password, which a feed would show; take one without")
        kinds = sorted(connectors().items(), key=lambda found: found[1].catch_all)
        for name, kind in kinds:
            if kind.catch_all and (reason := closed(text)) is not None:
                raise Refused(reason)
            feed = self.described(name).feed_for(text)
            if feed is not None:
                return feed
        return None

    def _sync_feeds(self, store: Store) -> None:
        """Bring the configuration's feeds into the store; those that left the file are removed, posts stay."""
        accounts = self.config.me.accounts
        known = blake2b(repr((self.config.feeds, accounts)).encode(), digest_size=8).hexdigest()
        nothing = not self.config.feeds and not accounts and self.config.path is None
        if store.get_meta("config_feeds") == known or nothing:
            return
        now, entries = self.now(), self.config.feeds
        wanted = [self._configured(number, entry) for number, entry in enumerate(entries, 1)]
        wanted += [replace(feed, folder=feed.folder or ME) for text in accounts for feed in self._mine(text)]
        kept = store.add_feeds(wanted, now, from_config=True)
        states = {state.feed.id: state for state in store.feeds()}
        for feed, entry in zip(kept, entries, strict=False):
            state = states[feed.id]
            if (state.paused, state.fixed_interval_s) != (entry.paused, entry.interval_s):
                store.set_feed(feed.id, {"paused": entry.paused, "fixed_interval_s": entry.interval_s}, now)
        for number in states.keys() - {feed.id for feed in kept}:
            if states[number].from_config:
                store.remove_feed(number)
        store.set_meta("config_feeds", known)

    def _sync_goals(self, store: Store) -> None:
        """Forget the relevance of posts to goals that left the file."""
        names = sorted(goal.name for goal in self.config.goals)
        known = json.dumps(names)
        if (store.get_meta("goals") or "[]") != known:
            store.keep_goals(names)
            store.set_meta("goals", known)

    def _sync_people(self, store: Store) -> None:
        """Bring the configuration's people, and the user as one of them, into the store."""
        from listener.app.accounts import Accounts

        config = self.config
        said = (config.me, config.people, sorted(config.policy.link_identities))
        known = blake2b(repr(said).encode(), digest_size=8).hexdigest()
        nothing = not config.people and not config.me.accounts and config.path is None
        if store.get_meta("config_people") == known or nothing:
            return
        store.configure_people(Accounts(self.described, self.policy).configured(config), self.now())
        store.set_meta("config_people", known)

    def _sync_rules(self, store: Store) -> None:
        """Bring the configuration's rules into the store, and those that are there without a word."""
        from listener.rules import Rule, Source, built_in

        channel = self.default_channel()
        if self.config.path is None and not self.config.rules and channel is None and store.rules_mark():
            return
        wanted: list[tuple[Rule, Source]] = [(entry.rule(), "configuration") for entry in self.config.rules]
        taken = {rule.name.casefold() for rule, _ in wanted}
        own = built_in([entry.goal() for entry in self.config.goals], channel)
        wanted += [(rule, "built in") for rule in own if rule.name.casefold() not in taken]
        known = blake2b(repr(wanted).encode(), digest_size=8).hexdigest()
        if store.get_meta("config_rules") != known:
            store.sync_rules(wanted, self.now())
            store.set_meta("config_rules", known)

    @property
    def book(self) -> "AddressBook":
        """Find the file of the channels that were added by command."""
        from listener.addressbook import AddressBook

        return AddressBook(self.store_path.with_name(f"{self.store_path.name}.channels"))

    def default_channel(self) -> str | None:
        """Name where leads and questions go: the configuration's word, else, with goals, the only channel there is."""
        if self.config.alerts.channel is not None:
            return self.config.alerts.channel
        if not self.config.goals:  # all leads and questions of everybody would be too many for a word that nobody said
            return None
        try:
            added = self.book.entries()
        except StoreError:  # `listener channels` and `listener doctor` say so; nothing else is held up by it
            return None
        known = {*(channel.name for channel in self.config.channels), *added}
        return known.pop() if len(known) == 1 else None

    def _mine(self, text: str) -> list[Feed]:
        """List the feeds of an account of the user's own."""
        from listener.connector import names

        feeds = [feed for name in names() for feed in self.described(name).mine(text)]
        if not feeds:
            raise ConfigError(f"{self.config.path}: me.accounts: no connector knows {text!r} as an account")
        return feeds

    def _configured(self, number: int, entry: configuration.FeedEntry) -> Feed:
        if entry.connector is not None and entry.query is not None:
            found = Feed(0, entry.connector, entry.query, entry.connector)
        else:
            found = self._pasted(number, entry.url or "")
        return replace(found, title=entry.title or found.title, folder=entry.folder)

    def _pasted(self, number: int, url: str) -> Feed:
        from listener.secrets import quoted

        where = f"{self.config.path}: [[feeds]] {number}"
        try:
            found = self.feed_for(url)
        except Refused as error:
            raise ConfigError(f"{where}: {quoted(url)}: {error}") from error
        if found is None:
            raise ConfigError(f"{where}: no connector can read {quoted(url)}")
        return found

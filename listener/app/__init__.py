"""The only room that knows everybody: it builds all from the configuration and offers the verbs.

What a verb does not need is not built: listing posts opens the store and nothing else.
"""

import os
import platform
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from listener.app.alerting import Alerting
from listener.app.judging import CALLS, TOKENS
from listener.app.measuring import Measuring
from listener.app.rooms import user_config
from listener.app.rows import Checked, ConnectorRow, Followed
from listener.app.working import Working
from listener.errors import BadPayload, ConfigError, ConnectorError, StoreError
from listener.types import Feed, FeedState

if TYPE_CHECKING:
    from listener.doctor import Finding
    from listener.listening import Streams
    from listener.pipeline import Outcome, Report
    from listener.upkeep import Filled, Imported

__all__ = ["App", "Checked", "user_config"]

PREVIEW: Final = 3
"""Posts shown before a feed is kept."""
DISCOVERED: Final = 5
"""Feeds tried of those that a page points at."""
STORY_DAYS: Final = 7.0
"""How long a post can found a story that later ones join."""


class App(Working, Measuring, Alerting):
    """The verbs."""

    def connector_rows(self) -> list[ConnectorRow]:
        """Describe every connector, those with wrong settings too."""
        from listener.connector import connectors

        rows = []
        for name, kind in connectors().items():
            try:
                missing = self.connector(name).missing()
            except ConfigError as error:
                missing = str(error)
            platforms = kind.traits.platforms or (name,)
            rows.append(ConnectorRow(name, kind.traits, missing, {one: self.policy.of(one) for one in platforms}))
        return rows

    def spending_lines(self) -> list[str]:
        """Say for people what was spent of which budget, and what platforms say is left of their quotas."""
        from listener import budget
        from listener.connector import Budgeted

        lines, now = [], self.now()
        for spent in self.store.spending(now):
            if spent.connector in (CALLS, TOKENS):
                lines.append(f"{spent.connector}: {spent.day:,.0f} today")
                continue
            source = self.described(spent.connector)
            unit, settings = source.traits.currency, source.settings
            monthly = settings.monthly_budget if isinstance(settings, Budgeted) else 0.0
            line = f"{spent.connector}: {budget.shown(spent.month, unit)} of {budget.shown(monthly, unit)} this month"
            line += f", {budget.shown(spent.day, unit)} today"
            if budget.is_low(spent, monthly):
                line += "; most of the budget is gone"
            if spent.stopped_until is not None:
                line += f"; the platform's own cap is reached until {spent.stopped_until:%Y-%m-%d %H:%M} UTC"
            lines.append(line)
        for row in self.store.quotas():
            of = f" of {row.quota.limit}" if row.quota.limit is not None else ""
            lines.append(f"{row.connector}: {row.quota.left}{of} {row.quota.name} left, seen {row.seen_at:%H:%M} UTC")
        return lines

    # feeds

    def find_feed(self, text: str) -> FeedState:
        """Find a stored feed by number, address, or title (its beginning will do if only one has it)."""
        from listener.secrets import quoted, redact

        states = self.store.feeds()
        numbered = [state for state in states if text == str(state.feed.id)]
        exact = numbered or [state for state in states if text in (state.feed.query, state.feed.title)]
        found = exact or self._alike(states, text)
        if len(found) == 1:
            return found[0]
        if found:
            titles = ", ".join(
                f"{state.feed.id} {state.feed.title} ({redact(state.feed.query)})" for state in found[:5]
            )
            raise StoreError(f"{quoted(text)} could be any of: {titles}; say the number")
        raise StoreError(f"no feed is called {quoted(text)}; `listener feeds` lists them")

    def _alike(self, states: Sequence[FeedState], text: str) -> list[FeedState]:
        wanted = self.feed_for(text)
        same = [s for s in states if wanted and (s.feed.connector, s.feed.query) == (wanted.connector, wanted.query)]
        return same or [s for s in states if (s.feed.title or "").casefold().startswith(text.casefold())]

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
        feed = replace(feed, title=page.title or feed.title, home_url=page.home_url or feed.home_url)
        return Checked(feed, feed.title, tuple(posts))

    def _discovered(self, feed: Feed, candidates: Sequence[Feed]) -> Checked:
        from listener import connector as socket

        problems: dict[str, list[str]] = {}
        for candidate in candidates[:DISCOVERED]:
            reader = self.connector(candidate.connector)
            try:
                _, page = socket.poll(reader, candidate, None)
            except ConnectorError as error:
                reason = re.split(r"[:;(]", str(error).removeprefix(f"{socket.named(candidate)}: "))[0].strip()
                problems.setdefault(reason, []).append(urlsplit(candidate.query).path)
                continue
            found = replace(candidate, title=page.title, home_url=page.home_url)
            return Checked(found, page.title, page.posts)
        tried = "; ".join(f"{', '.join(paths)}: {reason}" for reason, paths in problems.items())
        advice = "this page is no feed and points at none that can be read; paste the address of the feed itself"
        raise BadPayload(f"{feed.query}: {advice}" + (f" (tried {tried})" if tried else ""))

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
        self.refresh_goals()
        report = poll_due(self.tools, only=feeds, watch=watch, stop=stop)
        if report.new:
            self.ask_judge()
        return report

    def _release_dead(self) -> None:
        """Give back the leases of programs that died on this machine; others run out by themselves."""
        for owner, feeds in self.store.leases(self.now()).items():
            pid, _, machine = owner.partition("/")[0].partition("@")
            if machine == platform.node() and not _is_alive(int(pid)):
                self.store.release(feeds, owner)

    def poll_due(self, stop: threading.Event) -> None:
        """Poll what is due, and what falls due while slow hosts are waited for."""
        from listener.pipeline import poll_due

        if poll_due(self.tools, refill=True, stop=stop).new:
            self.ask_judge()

    def streams(self, stop: threading.Event) -> "Streams":
        """Build the supervisor of streams; its `tick` starts what is missing."""
        from listener.listening import Streams

        return Streams(self.tools, stop)

    def tell(self, said: Sequence[int] = ()) -> list[str]:
        """Give a message for each thing that newly went wrong or recovered; `said`: feeds told of just now."""
        from listener.upkeep import tell

        return tell(self.tools, said)

    def fill(self, feeds: Sequence[int] | None = None) -> "list[Filled]":
        """Try to close the gaps of some feeds, or of all."""
        from listener.upkeep import Filled, fill

        found = []
        for gap in self.store.gaps():
            if feeds is None or gap.feed_id in feeds:
                try:
                    found.append(fill(self.tools, gap))
                except ConnectorError as error:
                    state = self.store.feed(gap.feed_id)
                    assert state is not None
                    found.append(Filled(state.feed, gap, reason=str(error)))
        return found

    def recheck(self) -> dict[str, int]:
        """Read young posts again, at most once a day for each store."""
        from listener.upkeep import recheck

        today = self.now().date().isoformat()
        if self.store.get_meta("rechecked_on") == today:
            return {}
        self.store.set_meta("rechecked_on", today)
        used = sorted({state.feed.connector for state in self.store.feeds() if not state.paused})
        return recheck(self.tools, [self.described(name) for name in used])

    def import_file(
        self, path: Path, name: str | None, watch: Callable[[int], None], platform: str | None = None
    ) -> "Imported":
        """Save what a file holds as history; `name`: the connector whose kind of file it is, None asks each."""
        from listener.connector import names
        from listener.upkeep import import_file

        sources = [self.described(one) for one in ([name] if name else names())]
        return import_file(self.tools, sources, path, watch, platform)

    def import_follows(self, wanted: Sequence[str], *, feeds: bool) -> dict[str, Followed]:
        """Read whom the user follows on the named platforms, or on all that can say so and have a login."""
        from listener.connector import Connector, connectors, follows

        able = [name for name, kind in connectors().items() if kind.follows is not Connector.follows]
        if unknown := [name for name in wanted if name not in able]:
            raise ConfigError(f"{', '.join(unknown)}: cannot say whom you follow; these can: {', '.join(able)}")
        ready = [name for name in able if self.described(name).missing() is None]
        if not wanted and not ready:
            raise ConfigError(f"no login is set up that could say whom you follow; see `listener connectors {able[0]}`")
        found = {}
        for name in wanted or ready:
            followed = list(follows(self.connector(name)))
            new = self.store.save_follows(followed, self.now())
            before = len(self.store.feeds())
            if feeds:
                added = {one.feed.query: replace(one.feed, folder=one.circle) for one in followed if one.feed}
                self.store.add_feeds(list(added.values()), self.now())
            found[name] = Followed(len(followed), new, len(self.store.feeds()) - before)
        return found

    def fill_with_demo(self) -> int:
        """Save the sample day as a poll would have; give the number of posts."""
        from listener import upkeep
        from listener.demo import sample_day

        now = self.now()
        return sum(upkeep.save_posts(self.tools, feed, posts, now) for feed, posts in sample_day(now))

    def _is_stream(self, feed: Feed) -> bool:
        from listener.connector import names

        return feed.connector in names() and self.described(feed.connector).streams(feed)

    def settings_faults(self) -> list[str]:
        """Say what is wrong in the settings of each configured connector and channel, their secrets too."""
        faults = []
        for name in self.config.connectors:
            try:
                self.connector(name)
            except ConfigError as error:
                faults.append(str(error))
        return faults + self.channel_faults()

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
            spending=self.spending_lines,
            xml=expat_warning,
            streams=lambda: any(self._is_stream(state.feed) for state in self.store.feeds()),
            settings=self.settings_faults,
            now=self.now(),
        )
        return list(examine(patient))

    def policies(self) -> list[dict[str, str | int | bool | None]]:
        """List what each platform's terms let us do, one row a platform; with what a retired one left here."""
        return [{"platform": platform} | asdict(row) for platform, row in sorted(self.policy.rows.items())]

    def restore(self, source: Path) -> Path | None:
        """Put a backup in the store's place; give where the old store is kept, if there was one."""
        from listener.store.care import restore

        path = self.store_path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.alone():
            return restore(source, path)

    def maintain(self) -> dict[str, int]:
        """Delete what the retention no longer covers."""
        self.numbers(self.people(), anew=True)
        section = self.config.store
        days = {name: float(row.keep_days) for name, row in self.policy.rows.items() if row.keep_days is not None}
        return self.store.prune(
            self.now(),
            raw_days=section.raw_days,
            post_days=section.post_days,
            story_days=STORY_DAYS,
            platform_days=days,
        )

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

"""Rules: made, changed, tried before they are kept, asked why; the ones about volume and silence looked after."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from listener import query as queries
from listener import terms
from listener.app.channelling import Channelling
from listener.errors import ConfigError, StoreError
from listener.store import Given, PostQuery
from listener.types import Born, StoredPost, Watch

if TYPE_CHECKING:
    from listener.alerts import AlertRow
    from listener.grouping import House
    from listener.occasions import Occasion
    from listener.precedence import Facts, Verdict
    from listener.rules import Mute, Rule, RuleRow

log = logging.getLogger(__name__)

PREVIEW_DAYS: Final = 30
EXAMPLES: Final = 10
MOST: Final = 5_000
"""Most posts that a preview looks through, the newest."""
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would have done."""

    days: tuple[int, ...]
    """Matches of each of the last days, oldest first."""
    matched: int
    messages: int | None
    """How many messages that would have been, after cooldown and caps; None: it speaks of volume or silence."""
    examples: tuple[StoredPost, ...]
    """Newest first."""
    is_whole: bool = True
    """False: there were more posts than a preview looks through."""
    says: str | None = None
    """What a rule about volume or silence would say now; None: nothing."""


@dataclass(frozen=True, slots=True)
class Walked:
    """A rule held against a post, with what became of its alerts."""

    row: "RuleRow"
    verdicts: "tuple[Verdict, ...]"
    alerts: "tuple[AlertRow, ...]"

    @property
    def stop(self) -> "Verdict | None":
        """The step that stopped it; None: it alerts."""
        from listener.precedence import first_stop

        return first_stop(iter(self.verdicts))


class Ruling(Channelling):
    """The verbs about rules and mutes."""

    @cached_property
    def house(self) -> "House":
        """Gather what holds for all rules."""
        from listener import quiet
        from listener.grouping import House

        section = self.config.alerts
        return House(self.config.briefing.zone(), quiet.parse(section.quiet), section.cap_hour)

    def given(self, at: datetime | None = None) -> Given:
        """Say what queries mean by now (or `at`), by the user's zone and thresholds."""
        return Given(at or self.now(), self.config.briefing.zone(), self.thresholds)

    def find_rule(self, name: str) -> "RuleRow":
        """Find a rule by name or number; StoreError lists what there is."""
        rows = self.store.rules()
        for row in rows:
            if row.rule.name.casefold() == name.casefold() or str(row.id) == name:
                return row
        known = ", ".join(row.rule.name for row in rows) or "none yet"
        raise StoreError(f"no rule is called {name!r}; there are: {known}")

    def add_rule(self, rule: "Rule") -> "RuleRow":
        """Keep a new rule."""
        from listener.rules import checked

        return self.store.add_rule(checked(rule), self.now())

    def check_name(self, name: str) -> None:
        """Raise StoreError where another rule is called so."""
        if any(row.rule.name.casefold() == name.casefold() for row in self.store.rules()):
            raise StoreError(f"there is a rule called {name} already; `listener rules edit` changes it")

    def check_channels(self, names: Sequence[str]) -> None:
        """Raise ConfigError where a channel is not there."""
        known = [row.name for row in self.channels()] if names else []
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"no channel is called {name!r}; there are: {', '.join(known)}; `listener channels add` makes one"
                )

    def edit_rule(self, row: "RuleRow", changes: Mapping[str, Any]) -> "RuleRow":
        """Change a rule (Any: JSON's own values); one of the configuration is changed there."""
        from listener.rules import changed

        self._refuse_configured(row, "change")
        return self.store.change_rule(row.id, changed(row.rule, changes), self.now())

    def remove_rule(self, row: "RuleRow") -> None:
        """Take a rule away; one of the configuration is taken out there."""
        self._refuse_configured(row, "remove")
        self.store.remove_rule(row.id)

    def _refuse_configured(self, row: "RuleRow", verb: str) -> None:
        if row.source == "configuration":
            raise ConfigError(
                f"rule {row.rule.name} stands in {self.config.path or 'the configuration'}; {verb} it there,"
                f" or say `listener rules pause {row.rule.name}`"
            )

    def preview(self, rule: "Rule", days: int = PREVIEW_DAYS) -> Preview:
        """Say what a rule would have matched in the last days, and how many messages that would have been."""
        from listener.rules import RuleRow, messages

        now = self.now()
        since = now - timedelta(days=days)
        found, is_whole = self._searched(rule, since)
        matched = [stored for stored in found if self._matches(rule, stored)]
        counts = [0] * days
        for stored in matched:
            counts[max(days - 1 - (now - stored.sort_at) // timedelta(days=1), 0)] += 1
        if rule.kind == "posts":
            told = messages(rule, [stored.sort_at for stored in matched], self.config.briefing.zone())
            return Preview(tuple(counts), len(matched), told, tuple(matched[:EXAMPLES]), is_whole)
        occasion = self.occasion(RuleRow(0, rule, now), now)
        says = None if occasion is None else occasion.reason
        return Preview(tuple(counts), len(matched), None, tuple(matched[:EXAMPLES]), is_whole, says)

    def _searched(self, rule: "Rule", since: datetime) -> tuple[list[StoredPost], bool]:
        """Find what a rule's query and labels find, and whether that is all."""
        parts = [queries.parse(rule.query)] if rule.query.strip() else []
        if rule.labels:
            cuts = self.thresholds
            parts.append(terms.any_of([terms.Chance(label, ">=", cuts[label]) for label in rule.labels]))
        if not parts:
            posts = self.store.posts(PostQuery(since=since, limit=MOST))
            return posts, len(posts) < MOST
        found = self.store.find(terms.all_of(parts), self.given(), limit=MOST, since=since)
        return self.store.posts_by_id(found.ids), found.complete and len(found.ids) < MOST

    def _matches(self, rule: "Rule", stored: StoredPost) -> bool:
        """Hold everything but the query, the post's arrival and the rule's channel against a post."""
        from listener.precedence import Verdict, first_stop
        from listener.rules import RuleRow

        facts = replace(self._facts(stored), arrival="live")
        row = RuleRow(0, replace(rule, channels=("any",)), _LONG_AGO)
        return first_stop(self._walk(row, facts, Verdict("query", True, ""))) is None

    def _facts(self, stored: StoredPost) -> "Facts":
        from listener.watching import facts_of_stored

        return facts_of_stored(self.watcher.book(self.now()).authors, stored, self._over(stored))

    def _over(self, stored: StoredPost) -> str | None:
        """Say why nothing is left to do about a post; None: something may be."""
        from listener.work import MATTERS, OVER

        if any(mark.kind == "done" for mark in self.store.marks([stored.id])):
            return "you are done with it"
        for matter in MATTERS:
            held = self.store.work(stored.id, matter)
            if held is not None and held.state in OVER:
                return f"as a {matter} it is {held.state}"
        return None

    def _walk(
        self, row: "RuleRow", facts: "Facts", found: "Verdict", stored: StoredPost | None = None
    ) -> "Iterator[Verdict]":
        from listener.precedence import Sending, explain

        book, sending = self.watcher.book(self.now()), None
        if stored is not None:
            at, back = stored.first_seen_at, timedelta(seconds=max(row.rule.cooldown_s, 3_600))
            sending = Sending(at, self.house, self.store.messages_of(row.id, at - back, at))
        return explain(row, facts, book.mutes, book.thresholds, found, sending)

    def why(self, stored: StoredPost, rules: "Sequence[RuleRow] | None" = None) -> list[Walked]:
        """Walk every rule about posts (or those given) for a post, with what became of its alerts."""
        facts, about = self._facts(stored), self.store.alerts_about(stored.id)
        walked = []
        for row in self.store.rules() if rules is None else rules:
            if row.rule.kind == "posts":
                verdicts = tuple(self._walk(row, facts, self._asked(row.rule, stored), stored))
                walked.append(Walked(row, verdicts, tuple(alert for alert in about if alert.rule == row.id)))
        return walked

    def _asked(self, rule: "Rule", stored: StoredPost) -> "Verdict":
        """Ask a rule's query about one post, and which part of it decided."""
        from listener.precedence import Verdict

        if not rule.query.strip():
            return Verdict("query", True, "the rule takes every post")
        asked = queries.parse(rule.query)
        passes = bool(self.store.find(asked, self.given(stored.first_seen_at), limit=1, among=[stored.id]).ids)
        parts = self.store.parts(asked, self.given(stored.first_seen_at), stored.id)
        told = ", ".join(f"{part.text} {'yes' if part.matched else 'no'}" for part in parts)
        return Verdict("query", passes, told)

    # mutes

    def mute_of(self, kind: str, value: str) -> "Mute":
        """Read a mute as a person says it, a feed by its number; ConfigError where it is none."""
        from listener.rules import MUTES, Mute

        text = " ".join(value.split())
        if kind not in MUTES or not text:
            raise ConfigError(f"say what to mute: {', '.join(f'{one}:VALUE' for one in MUTES)}")
        if kind == "domain":
            text = text.casefold().removeprefix("https://").removeprefix("http://").split("/")[0].removeprefix("www.")
        return Mute(kind, text)  # type: ignore[arg-type]  # it is one of MUTES

    # volume and silence

    def watch_rules(self) -> int:
        """Look whether rules about volume or silence have something to say; give how many alerts were made.

        Called every few minutes; an occasion is told once, whoever calls.
        """
        count, now = 0, self.now()
        for row in self.store.rules():
            if row.rule.kind != "posts" and not row.paused and row.rule.channels:
                occasion = self.occasion(row, now)
                count += occasion is not None and self._raise(row, occasion, now)
        return count

    def occasion(self, row: "RuleRow", now: datetime) -> "Occasion | None":
        """Find what a rule about volume or silence has to say now; None: nothing."""
        from listener import occasions

        rule, query = row.rule, queries.parse(row.rule.query)
        if rule.kind == "silence":
            since = now - timedelta(days=rule.days)
            lately = self.store.find(query, self.given(), limit=1, since=since)
            if lately.ids or not lately.complete:
                return None
            last = self.store.posts_by_id(self.store.find(query, self.given(), limit=1).ids)
            return occasions.silent(rule, last[0].sort_at if last else None, row.at, now)
        count = self.store.count(query, self.given(), now - timedelta(seconds=rule.window_s), now).count
        if count < rule.least:
            return None
        begun = self.store.begun() or now
        # What was said before anybody listened is known in part only.
        spans = [(start, end) for start, end in occasions.windows(rule, now) if start >= begun]
        before = [self.store.count(query, self.given(), start, end).count for start, end in spans]
        return occasions.loud(rule, count, before, now)

    def _raise(self, row: "RuleRow", occasion: "Occasion", now: datetime) -> bool:
        from listener.alerts import HIGH, first_due

        rule, section = row.rule, self.config.briefing
        due = first_due(rule.terms(section.at), now, section.zone())
        watch = Watch(row.id, rule.query, rule.channels, due, row.at, {})
        born = Born(occasion.reason, priority=HIGH * (rule.priority == "high"))
        raised = self.store.raise_alert(watch, occasion.key, born, now, occasion.rests_s)
        if raised:
            log.info("rule %s: %s", rule.name, occasion.key)
        return raised

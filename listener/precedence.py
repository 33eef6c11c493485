"""What stops an alert, in which order: one walk for the alert itself and for `listener why`. Pure.

The order, each above all that follow:

    mute       the user wants to hear nothing of this word, person, domain or feed
    done       the user said that the post is not what the rule looks for, or the work on it is over
    paused     the rule is paused
    language   the post is in another language than the rule asks for
    query      the rule's search does not find it
    label      it is not sure enough to be what the rule looks for
    goal       it serves no goal that the rule asks for
    arrival    it came with a feed's first poll, from an archive, or before the rule was made
    channel    the rule alerts nobody
    cooldown   the rule spoke a moment ago: it waits, and goes with the next message
    cap        the rule spoke often enough in this hour: it waits for a digest
    quiet      it is quiet time: it waits for its end

The last three only hold an alert back, they never lose it.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from listener.alerts import is_alerting, loud_at
from listener.grouping import HOUR, TOGETHER, WINDOW, House
from listener.limits import SERVES
from listener.rules import ANY, Mute, Rule, RuleRow
from listener.types import Arrival, Label, Post

Step = Literal[
    "mute", "done", "paused", "language", "query", "label", "goal", "arrival", "channel", "cooldown", "cap", "quiet"
]
HOLDING: Final[frozenset[Step]] = frozenset({"cooldown", "cap", "quiet"})
"""Steps that only make an alert wait."""


@dataclass(frozen=True, slots=True)
class Author:
    """What the user knows of who wrote a post."""

    shown: str
    names: frozenset[str] = frozenset()
    """All that a mute may call them, folded: handle, native_id, the person's name."""
    person: str | None = None
    circles: frozenset[str] = frozenset()
    is_me: bool = False
    is_followed: bool = False

    @property
    def is_stranger(self) -> bool:
        """Tell somebody of whom nothing is known."""
        return not (self.person or self.circles or self.is_followed or self.is_me)

    def standing(self) -> str:
        """Say who it is: `a customer`, `somebody you follow`, `a stranger`."""
        if self.is_me:
            return "yourself"
        if self.circles:
            singular = [circle.removesuffix("s") for circle in sorted(self.circles)]
            named = f"{_article(singular[0])} {' and '.join(singular)}"
            return f"{named}, {self.person or self.shown}"
        if self.person:
            return f"{self.person}, whom you know"
        return f"{self.shown}, whom you follow" if self.is_followed else "a stranger"


@dataclass(frozen=True)
class Facts:
    """What rules and mutes ask of a post, beside the rule's query; a thumb is in scores and goals as 0 or 1."""

    post: Post
    author: Author
    scores: Mapping[Label, float] = field(default_factory=dict)
    goals: Mapping[str, float] = field(default_factory=dict)
    feeds: Collection[int] = ()
    arrival: Arrival = "live"
    seen_at: datetime | None = None
    """When it arrived; None: now."""
    denied: frozenset[Label] = frozenset()
    """Labels that the user said it does not have."""
    over: str | None = None
    """Why nothing is left to do about it; None: something may be."""

    @cached_property
    def text(self) -> str:
        """Give title and text without case and accents."""
        return fold(f"{self.post.title or ''}\n{self.post.text}")

    @cached_property
    def domains(self) -> frozenset[str]:
        """List the hosts of the post and of what it links to."""
        return frozenset(host for url in (self.post.url, *self.post.links) if url and (host := _host(url)))


@dataclass(frozen=True)
class Mutes:
    """All mutes, ready to be asked."""

    mutes: Sequence[Mute] = ()

    def of(self, facts: Facts) -> Mute | None:
        """Find the mute that a post falls under; None: none."""
        for mute in self.mutes:
            if self._falls_under(facts, mute):
                return mute
        return None

    def _falls_under(self, facts: Facts, mute: Mute) -> bool:
        if mute.kind == "word":
            return self._words[mute.value].search(facts.text) is not None
        if mute.kind == "person":
            return fold(mute.value).lstrip("@") in facts.author.names
        if mute.kind == "feed":
            return any(str(number) == mute.value for number in facts.feeds)
        domain = mute.value.casefold()
        return any(host == domain or host.endswith("." + domain) for host in facts.domains)

    @cached_property
    def _words(self) -> dict[str, re.Pattern[str]]:
        return {
            m.value: re.compile(rf"(?<!\w){re.escape(fold(m.value))}(?!\w)") for m in self.mutes if m.kind == "word"
        }


class Verdict(NamedTuple):
    """What one step says of a rule and a post."""

    step: Step
    passes: bool
    why: str


@dataclass(frozen=True, slots=True)
class Sending:
    """What cooldown, cap and quiet hours are judged by: the moment, the house, the rule's messages until then."""

    now: datetime
    house: House
    sent: Sequence[datetime] = ()


def first_stop(walk: Iterator[Verdict]) -> Verdict | None:
    """Give the first step that stops the alert; None: nothing does. What only holds it back does not stop it."""
    return next((verdict for verdict in walk if not verdict.passes and verdict.step not in HOLDING), None)


def explain(
    row: RuleRow,
    facts: Facts,
    mutes: Mutes,
    thresholds: Mapping[Label, float],
    found: Verdict,
    sending: Sending | None = None,
) -> Iterator[Verdict]:
    """Walk every step for a rule and a post, in the order of precedence (see the module).

    `found`: what the query said. Without `sending` the last three steps are left out.
    """
    rule = row.rule
    mute = mutes.of(facts)
    yield Verdict("mute", mute is None, "nothing here is muted" if mute is None else f"muted: {mute.kind} {mute.value}")
    yield _done(rule, facts)
    yield Verdict("paused", not row.paused, "the rule is paused" if row.paused else "the rule is at work")
    yield _language(rule, facts)
    yield found
    yield _label(rule, facts, thresholds)
    yield _goal(rule, facts)
    yield _arrival(row, facts)
    named = ", ".join(rule.channels)
    yield Verdict("channel", bool(named), f"it goes to {named}" if named else "the rule has no channel: it is a view")
    if sending is not None:
        yield from _sending(rule, sending)


def reason(rule: Rule, facts: Facts, thresholds: Mapping[Label, float], *, is_first: bool = False) -> str:
    """Say in one line why an alert comes: what it is, for which goal, by whom.

    `is_first`: nothing of this author was an alert before.
    """
    label = _best(rule, facts, thresholds)
    what = label or f"matches {rule.name}"
    if is_first and facts.author.is_stranger:
        who = f"the first {label or 'post'} from a stranger"
    else:
        who = f"from {facts.author.standing()}"
    goal = max(facts.goals, key=lambda name: facts.goals[name], default=None)
    serves = goal is not None and facts.goals[goal] >= SERVES and (not rule.goals or _asks_for(rule, goal))
    parts = [what if label is None else f"{label}, {round(100 * facts.scores[label])} % sure"]
    parts += [f"serves {goal}"] if serves else []
    parts += [who]
    parts += [f"for {rule.assignee}"] if rule.assignee else []
    return " · ".join(parts)


def fold(text: str) -> str:
    """Take case and accents away."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _done(rule: Rule, facts: Facts) -> Verdict:
    if facts.over is not None:
        return Verdict("done", False, facts.over)
    denied = [label for label in rule.labels if label in facts.denied]
    if denied and len(denied) == len(rule.labels):
        return Verdict("done", False, f"you said that it is no {denied[0]}")
    return Verdict("done", True, "nobody is done with it")


def _language(rule: Rule, facts: Facts) -> Verdict:
    lang = facts.post.lang
    if rule.language is None:
        return Verdict("language", True, "any language")
    passes = lang is not None and (lang == rule.language or lang.startswith(f"{rule.language}-"))
    said = "in no language that we know" if lang is None else f"in {lang}"
    return Verdict("language", passes, f"{said}, the rule asks for {rule.language}")


def _label(rule: Rule, facts: Facts, thresholds: Mapping[Label, float]) -> Verdict:
    if not rule.labels:
        return Verdict("label", True, "any label")
    told = ", ".join(
        f"{label} {facts.scores.get(label, 0.0):.2f} of {thresholds.get(label, 0.5):.2f}" for label in rule.labels
    )
    return Verdict("label", _best(rule, facts, thresholds) is not None, told)


def _best(rule: Rule, facts: Facts, thresholds: Mapping[Label, float]) -> Label | None:
    carried = [label for label in rule.labels if facts.scores.get(label, 0.0) >= thresholds.get(label, 0.5)]
    return max(carried, key=lambda label: facts.scores[label], default=None)


def _goal(rule: Rule, facts: Facts) -> Verdict:
    if not rule.goals:
        return Verdict("goal", True, "no goal is asked for")
    asked = {name: score for name, score in facts.goals.items() if _asks_for(rule, name)}
    wanted = "any goal" if ANY in rule.goals else " or ".join(rule.goals)
    if not asked:
        return Verdict("goal", False, f"it serves {wanted} next to nothing")
    best = max(asked, key=lambda name: asked[name])
    return Verdict("goal", asked[best] >= SERVES, f"it serves {best} by {asked[best]:.2f} of {SERVES:.2f}")


def _asks_for(rule: Rule, goal: str) -> bool:
    return ANY in rule.goals or goal in rule.goals


def _arrival(row: RuleRow, facts: Facts) -> Verdict:
    if not is_alerting(facts.arrival):
        how = "with the feed's first poll" if facts.arrival == "first" else "as history"
        return Verdict("arrival", False, f"it came {how}, of which no alerts are made")
    if facts.seen_at is not None and facts.seen_at < row.at:
        return Verdict("arrival", False, f"it came before the rule was made or changed at {row.at:%Y-%m-%d %H:%M} UTC")
    return Verdict("arrival", True, "it came as news")


def _sending(rule: Rule, sending: Sending) -> Iterator[Verdict]:
    terms, now = rule.terms(), sending.now
    before = [at for at in sending.sent if at < now]
    since = (now - max(before)) if before else None
    rests = since is not None and since < timedelta(seconds=rule.cooldown_s) and rule.priority != "high"
    told = "it had said nothing yet" if since is None else f"it had spoken {_span(since)} before"
    yield Verdict("cooldown", not rests, told)
    hour = sum(at > now - HOUR for at in before)
    full = hour >= rule.cap_hour and rule.priority != "high"
    lately = sum(at > now - WINDOW for at in before)
    comes = lately >= TOGETHER - 1
    told = f"{hour} of {rule.cap_hour} messages in the hour before"
    if comes:
        told += f", {lately} of them in {_span(WINDOW)}: what follows comes together"
    yield Verdict("cap", not full and not comes, told)
    loud = None if rule.through_quiet else loud_at(terms, sending.house.quiet, now, sending.house.zone)
    yield Verdict("quiet", loud is None, "it was no quiet time" if loud is None else f"quiet until {loud:%H:%M} UTC")


def _span(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    return (
        f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2_880 else f"{minutes // 1_440} days"
    )


def _article(noun: str) -> str:
    return "an" if noun[:1].casefold() in "aeiou" else "a"


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # brackets that hold no address
        return None

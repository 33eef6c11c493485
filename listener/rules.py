"""Rules: saved searches that are views and, with a channel, alerts. What a rule may say, as values and as JSON.

A rule about posts fires for each new post that it matches; one about volume when more comes than usual, one about
silence when nothing comes at all. What stops an alert, and in which order, stands in `precedence`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, time, tzinfo
from typing import Any, Final, Literal, get_args

from listener import query as queries
from listener import quiet
from listener.alerts import HIGH, WHENS, Terms, When
from listener.errors import ConfigError
from listener.types import LABELS, Goal, Label

Kind = Literal["posts", "volume", "silence"]
Priority = Literal["normal", "high"]
CAP_HOUR: Final = 20
Source = Literal["command", "configuration", "built in"]
"""Who made a rule; those of the configuration are changed there."""
SOURCES: Final[tuple[Source, ...]] = get_args(Source)

ANY: Final = "*"
"""In place of a goal's name: whichever."""
NAME_MAX: Final = 80
HOUR_S: Final = 3_600.0
_DAY_S: Final = 24 * HOUR_S
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_LISTS: Final = ("channels", "labels", "goals")


@dataclass(frozen=True, slots=True)
class Rule:
    """A saved search with what is to follow of it."""

    name: str
    query: str = ""
    """In the language of `listener.query`; empty: every post."""
    channels: tuple[str, ...] = ()
    """Where its alerts go; none: it is a view, and alerts nobody."""
    when: When = "now"
    cooldown_s: float = 0.0
    """Shortest time between two messages."""
    cap_hour: int = CAP_HOUR
    """Most messages in an hour; what is over waits for a digest."""
    quiet: str = ""
    """Its own quiet hours, as `quiet.parse` reads them."""
    through_quiet: bool = False
    """Its alerts come in quiet hours, too."""
    priority: Priority = "normal"
    language: str | None = None
    """Only posts in this language."""
    assignee: str | None = None
    """Who is to look after what it finds."""
    labels: tuple[Label, ...] = ()
    """Only posts with one of these labels, at the user's thresholds."""
    goals: tuple[str, ...] = ()
    """Only posts that serve one of these goals; `*`: any."""
    kind: Kind = "posts"
    window_s: float = _DAY_S
    """Volume: how long one counts."""
    factor: float = 3.0
    """Volume: so many times as much as usual…"""
    least: int = 5
    """…and at least so many posts."""
    days: float = 30.0
    """Silence: so long without a post."""

    def terms(self, at: time = time(7, 30)) -> Terms:
        """Say how its alerts are to be sent. `at`: the hour of the day's message."""
        return Terms(
            self.name,
            self.when,
            quiet.parse(self.quiet),
            self.through_quiet,
            self.cooldown_s,
            self.cap_hour,
            at,
            self.language,
        )

    def weight(self, scores: Mapping[Label, float]) -> int:
        """Give an alert's priority: a label's per cent, from HIGH on for a rule of high priority."""
        labels = self.labels or LABELS
        return round(100 * max((scores.get(label, 0.0) for label in labels), default=0.0)) + HIGH * (
            self.priority == "high"
        )


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule as the store keeps it."""

    id: int
    rule: Rule
    at: datetime
    """When it was made or last changed: what came before makes no alerts."""
    source: Source = "command"
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Mute:
    """What the user wants to hear nothing of; it stands above every rule."""

    kind: Literal["word", "person", "domain", "feed"]
    value: str
    """A word or a phrase; a person's name or an account's; a domain with those under it; a feed's number."""


MUTES: Final[tuple[str, ...]] = ("word", "person", "domain", "feed")


def as_json(rule: Rule) -> dict[str, object]:
    """Give what a rule says, without what it leaves as it is by default; its name always."""
    plain = Rule(rule.name)
    return {
        key: _jsonable(value) for key, value in asdict(rule).items() if key == "name" or value != getattr(plain, key)
    }


def of_json(found: Mapping[str, Any]) -> Rule:
    """Read what `as_json` gives, or a person wrote; ConfigError says what is wrong with which key.

    Any: JSON's own values.
    """
    name = found.get("name")
    known = {field.name for field in fields(Rule)}
    if unknown := sorted(found.keys() - known):
        raise ConfigError(f"rule {name}: {', '.join(unknown)}: unknown; a rule has: {', '.join(sorted(known))}")
    values: dict[str, Any] = {
        key: tuple(value) if key in _LISTS and isinstance(value, list) else value for key, value in found.items()
    }
    if not isinstance(name, str):
        raise ConfigError("a rule needs a name")
    for key, value in values.items():
        if not _is_of_kind(value, getattr(_EXAMPLE, key)):
            raise ConfigError(
                f"rule {name}: {key}: {value!r} is of the wrong kind; an example: {_jsonable(getattr(_EXAMPLE, key))!r}"
            )
    return checked(Rule(**values))


def checked(rule: Rule) -> Rule:
    """Give a rule that can be kept; ConfigError, or the query's own error, says what is wrong."""
    problems = [f"rule {rule.name}: {problem}" for problem in _problems(rule)]
    if problems:
        raise ConfigError("\n".join(problems))
    if rule.query.strip():
        queries.parse(rule.query)
    return rule


def built_in(goals: Sequence[Goal], channel: str | None) -> tuple[Rule, ...]:
    """Give the rules that are there without a word: leads and questions that serve what the user wants.

    A lead for somebody else's trade is no alert: with goals, a post must serve one. `channel`: where they go.
    """
    channels = () if channel is None else (channel,)
    serves = (ANY,) if goals else ()
    return (
        Rule("leads", "-is:mine", channels, labels=("lead",), goals=serves, cap_hour=10),
        Rule("questions", "-is:mine -is:answered", channels, labels=("question",), goals=serves, cap_hour=10),
    )


def changed(rule: Rule, changes: Mapping[str, Any]) -> Rule:
    """Give a rule with some keys set anew, checked; Any: JSON's own values."""
    return of_json(as_json(rule) | dict(changes))


def messages(rule: Rule, times: Sequence[datetime], zone: tzinfo) -> int:
    """Count the messages that matches at these times would have been, after cooldown and cap."""
    if rule.when != "now":
        form = "%Y-%m-%d %H" if rule.when == "hourly" else "%Y-%m-%d"
        return len({at.astimezone(zone).strftime(form) for at in times})
    sent: list[datetime] = []
    for at in sorted(times):
        rests = bool(sent) and (at - sent[-1]).total_seconds() < rule.cooldown_s
        hour = sum((at - before).total_seconds() < HOUR_S for before in sent[-rule.cap_hour :])
        if rule.priority == "high" or not (rests or hour >= rule.cap_hour):
            sent.append(at)
    return len(sent)


def _problems(rule: Rule) -> list[str]:
    found = []
    if not rule.name.strip() or len(rule.name) > NAME_MAX or not rule.name.isprintable():
        found.append(f"the name must be one line of up to {NAME_MAX} characters")
    for key, allowed in (("when", WHENS), ("kind", get_args(Kind)), ("priority", get_args(Priority))):
        if getattr(rule, key) not in allowed:
            found.append(f"{key}: must be one of {', '.join(allowed)}")
    found += [
        f"labels: no label is called {label!r}; there are: {', '.join(LABELS)}"
        for label in rule.labels
        if label not in LABELS
    ]
    if rule.language is not None and not _LANGUAGE.fullmatch(rule.language):
        found.append('language: must be a language\'s code such as "en"')
    try:
        quiet.parse(rule.quiet)
    except ValueError as error:
        found.append(f"quiet: {error}")
    return found + _number_problems(rule)


def _number_problems(rule: Rule) -> list[str]:
    found = []
    ranges: tuple[tuple[str, float, float], ...] = (
        ("cooldown_s", 0, 30 * _DAY_S),
        ("cap_hour", 1, 1_000),
        ("window_s", HOUR_S, 7 * _DAY_S),
        ("factor", 1.1, 1_000),
        ("least", 1, 1_000_000),
        ("days", 1, 3_650),
    )
    for key, low, high in ranges:
        if not low <= getattr(rule, key) <= high:
            found.append(f"{key}: must be from {low:g} to {high:g}")
    if rule.kind != "posts" and (rule.labels or rule.goals or rule.language):
        found.append(f"a rule about {rule.kind} says all in its query: label:lead, goal:NAME, lang:en")
    return found


def _is_of_kind(value: object, example: object) -> bool:
    if isinstance(example, tuple):
        return isinstance(value, tuple) and all(isinstance(one, str) for one in value)
    if isinstance(example, bool) or isinstance(value, bool):
        return isinstance(example, bool) and isinstance(value, bool)
    if isinstance(example, float):
        return isinstance(value, int | float)
    return isinstance(value, type(example))


def _jsonable(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


_EXAMPLE: Final = Rule(
    "jobs", "backup OR restore", ("desk",), quiet="22:00-07:00", language="en", assignee="anna", labels=("lead",),
    goals=(ANY,),
)  # fmt: skip

"""What an alert is, what it says, when it is due, and what follows of a channel's answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final, Literal, Protocol

from listener.limits import WAIT_MAX_S
from listener.quiet import Span, quiet_until
from listener.types import Arrival, Label

When = Literal["now", "hourly", "daily", "briefing"]
"""How soon a rule's alerts go out: at once, with the hour, with the day's hour, or at the briefing's."""
WHENS: Final[tuple[When, ...]] = ("now", "hourly", "daily", "briefing")

State = Literal["waiting", "held", "sending", "failed", "unknown", "sent", "dead", "dropped"]
"""`held`: kept for a digest, or by the user (no `due_at`). `failed`: not delivered, will be tried again. `unknown`:
nobody can say whether it arrived. `dead`: given up, the user may send it again. `dropped`: never to be sent."""
STATES: Final[tuple[State, ...]] = ("waiting", "held", "sending", "failed", "unknown", "sent", "dead", "dropped")

Kind = Literal["one", "group", "digest"]
"""Whether a message says one alert, some of one rule, or many of any."""
Verb = Literal["hold", "release", "resend"]
"""What a user may do with alerts."""

CHANNEL: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
"""How channels are called."""
BUILT_IN: Final = ("mail", "terminal")
"""Channels that need no adding."""
HIGH: Final = 1_000
"""Priority from which caps and cooldowns hold nothing back; below, the higher goes first (a label's per cent)."""
TRIES: Final = 8
BACKOFF_S: Final = 30.0
BACKOFF_MAX_S: Final = 21_600.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How a rule wants its alerts sent."""

    name: str
    when: When = "now"
    quiet: tuple[Span, ...] = ()
    """Its own quiet hours, beside those of everything."""
    through_quiet: bool = False
    """Its alerts come in quiet hours, too."""
    cooldown_s: float = 0.0
    """Shortest time between two messages; what comes between goes with the second."""
    cap_hour: int = 20
    """Most messages in an hour; what is over waits for a digest."""
    at: time = time(7, 30)
    """The hour of `daily` and `briefing`, on the user's clock."""
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert: a rule saw a post (or, post 0, a volume or a silence: `occasion`) and a channel is to say so."""

    rule: int
    post: int
    channel: str
    reason: str
    """Why, in words for people."""
    at: datetime
    occasion: str = ""
    priority: int = 0
    state: State = "waiting"
    due_at: datetime | None = None
    tries: int = 0
    message: str | None = None
    """The key of the message that says it; the same for every try."""
    sent_at: datetime | None = None
    error: str | None = None
    repeat: int = 0
    """How many tries ended without anybody knowing whether it arrived."""
    id: int = 0
    """The store's number; 0 before it is kept."""
    rule_name: str = ""
    by_hand: bool = False
    """The user released it or wants it again: nothing holds it back."""

    @property
    def is_high(self) -> bool:
        """Tell an alert that caps and cooldowns do not hold back."""
        return self.priority >= HIGH


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that somebody has taken to send it: its alerts, the most important first."""

    key: str
    kind: Kind
    alerts: tuple[AlertRow, ...]


@dataclass(frozen=True, slots=True)
class AlertQuery:
    """Which alerts to list; None: any."""

    state: State | None = None
    rule: int | None = None
    channel: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a channel answered to one try."""

    message: str | None
    """The key."""
    channel: str
    at: datetime
    outcome: str
    detail: str | None
    alerts: int
    """How many the message stood for; 0: a test, or a briefing."""
    took_ms: int | None


@dataclass(frozen=True, slots=True)
class Item:
    """What one alert says. All text is foreign and hostile but `reason`, `goal`, `rule` and `command`."""

    alert: int
    reason: str
    rule: str = ""
    post: int = 0
    """0: it is about a volume or a silence."""
    headline: str = ""
    author: str | None = None
    where: str = ""
    """The platform and the place there."""
    text: str = ""
    """The beginning of the post, one line."""
    url: str | None = None
    labels: Mapping[Label, float] = field(default_factory=dict)
    goal: str | None = None
    at: datetime | None = None
    command: str = ""
    """What the reader may type: `listener label 12 not-lead`."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel is to say."""

    channel: str
    key: str
    """The same for every try, so that a channel that knows it can drop what it has already."""
    title: str
    items: tuple[Item, ...]
    kind: Kind = "one"
    more: int = 0
    """Alerts that the message stands for beside its items."""
    possible_repeat: bool = False
    """An earlier try may have arrived; the text says so."""
    lang: str | None = None
    high: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a channel answered.

    `failed`: not delivered, try again. `unknown`: it may have arrived (the connection was lost after the last byte).
    `refused`: it will never be taken (a wrong password, a channel that is gone).
    """

    kind: Literal["sent", "failed", "unknown", "refused"]
    detail: str = ""
    """For people and the log: what is wrong and what to do. Never a secret, never a post's text."""
    retry_after_s: float | None = None


class Sender(Protocol):
    """One channel, ready to send."""

    def send(self, message: Message) -> Outcome:
        """Send, within the channel's own time limit; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class After:
    """What follows of an outcome for a message's alerts."""

    state: State
    due_at: datetime | None = None


def is_alerting(arrival: Arrival) -> bool:
    """Tell whether a post that arrived so may become an alert: the past of a new feed or an archive never does."""
    return arrival == "live"


def first_due(terms: Terms, now: datetime, zone: tzinfo) -> datetime:
    """Say when an alert that is born now is due first; quiet hours move it when it is."""
    if terms.when == "now":
        return now
    if terms.when == "hourly":
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    local = now.astimezone(zone)
    day = local.date()
    due = datetime.combine(day, terms.at, zone).astimezone(UTC)
    if due <= now:
        due = datetime.combine(day + timedelta(days=1), terms.at, zone).astimezone(UTC)
    return due


def after(outcome: Outcome, tries: int, repeat: int, now: datetime) -> After:
    """Decide what follows of an outcome; `tries` counts this one, `repeat` the earlier ones of unknown end."""
    if outcome.kind == "sent":
        return After("sent")
    if outcome.kind == "refused" or (outcome.kind == "failed" and tries >= TRIES):
        return After("dead")
    # Once is enough: a channel that takes everything and says nothing would say it eight times.
    if outcome.kind == "unknown" and (repeat or tries >= TRIES):
        return After("unknown")
    wait_s = max(backoff_s(tries), min(outcome.retry_after_s or 0.0, WAIT_MAX_S))
    return After(outcome.kind, now + timedelta(seconds=wait_s))


def backoff_s(tries: int) -> float:
    """Give the wait after so many tries: 30 s, and four times that after each, up to 6 h."""
    return min(BACKOFF_S * 4.0 ** (max(tries, 1) - 1), BACKOFF_MAX_S)


def loud_at(terms: Terms, everywhere: tuple[Span, ...], now: datetime, zone: tzinfo) -> datetime | None:
    """Find when quiet hours, a rule's own and everybody's, let an alert go; None: now."""
    return quiet_until((*everywhere, *terms.quiet), now, zone)

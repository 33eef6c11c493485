"""The story of an alert: claim a message, read its posts, give it to its channel, write down the answer.

Each channel has a thread of its own while it has something to say: a slow or wrong one holds up nobody else.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from listener.alerts import BACKOFF_S, AlertRow, Claimed, Item, Message, Outcome, Sender, State, Terms
from listener.errors import ConfigError, StoreError
from listener.excerpts import author_of, excerpt, probabilities
from listener.grouping import SHOWN, House
from listener.secrets import redact
from listener.store import Store
from listener.types import Label, StoredPost
from listener.wording import counted, plain

log = logging.getLogger(__name__)

LEASE_S: Final = 180.0
"""Longer than any sender takes."""
ROUND: Final = 20
"""Most messages of one channel in a row."""
WAIT_S: Final = 120.0
"""How long a delivery by hand waits for slow channels."""
HEADLINE_WORDS: Final = 16
TEXT_WORDS: Final = 60
DETAIL_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What alerts are delivered with."""

    store: Store
    sender: Callable[[str], Sender]
    """Finds a channel by name; ConfigError where there is none, or it is wrong."""
    terms: Callable[[], Mapping[int, Terms]]
    """Gives those of every rule there is."""
    house: House
    now: Callable[[], datetime]
    thresholds: Mapping[Label, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tried:
    """How a message was taken."""

    channel: str
    title: str
    alerts: int
    outcome: Outcome
    state: State | None
    """What its alerts are now; None: it could not be written down."""


@dataclass(slots=True)
class Delivered:
    """How a delivery went."""

    tried: list[Tried] = field(default_factory=list)
    slow: tuple[str, ...] = ()
    """Channels that are still at it."""
    troubles: list[str] = field(default_factory=list)
    """What kept a channel from being served at all."""

    @property
    def failed(self) -> list[Tried]:
        """List what was not delivered, for all we know."""
        return [one for one in self.tried if one.outcome.kind != "sent"]


@dataclass(frozen=True, slots=True)
class _Try:
    claimed: Claimed
    token: str
    message: Message
    outcome: Outcome
    at: datetime
    took_ms: int


class Courier:
    """Delivers what is due; `deliver_due` may be called as often as one likes."""

    def __init__(self, tools: Outgoing) -> None:
        self._tools = tools
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Thread] = {}
        self._resting: dict[str, datetime] = {}
        """Channels that failed, and until when they are left alone."""
        self._unwritten: list[_Try] = []
        self._found = Delivered()
        self._stop = threading.Event()

    def deliver_due(self, wait_s: float = WAIT_S) -> Delivered:
        """Deliver what is due now on every channel; what is not done after `wait_s` goes on by itself.

        Gives what was tried since the last call, by this one's channels and slow ones of before.
        """
        self._write_down()
        now = self._tools.now()
        waiting = [name for name in self._tools.store.channels_due(now) if self._resting.get(name, now) <= now]
        started = [self._start(name) for name in waiting if name not in self._busy]
        deadline = time.monotonic() + wait_s
        for thread in started:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            found, self._found = self._found, Delivered()
            found.slow = tuple(sorted(self._busy))
        return found

    def join(self, timeout_s: float) -> None:
        """Begin nothing new, and wait for what is being sent."""
        self._stop.set()
        deadline = time.monotonic() + timeout_s
        with self._lock:
            threads = list(self._busy.values())
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._write_down()

    def _start(self, channel: str) -> threading.Thread:
        thread = threading.Thread(target=self._serve, args=(channel,), name=f"channel {channel}", daemon=True)
        with self._lock:
            self._busy[channel] = thread
        thread.start()
        return thread

    def _serve(self, channel: str) -> None:
        try:
            terms = self._tools.terms()
            for _ in range(ROUND):
                if self._stop.is_set() or not self._send_next(channel, terms):
                    return
        except StoreError as error:
            log.error("channel %s: %s", channel, error)
            with self._lock:
                self._found.troubles.append(f"{channel}: {error}")
        finally:
            with self._lock:
                self._busy.pop(channel, None)

    def _send_next(self, channel: str, terms: Mapping[int, Terms]) -> bool:
        """Send the next message of a channel; False: there is none, or the channel needs a rest."""
        tools, token, now = self._tools, uuid4().hex, self._tools.now()
        claimed = tools.store.claim_alerts(channel, now, token=token, lease_s=LEASE_S, terms=terms, house=tools.house)
        if claimed is None:
            return False
        message = written(tools, claimed, terms)
        began = time.monotonic()
        outcome = self._sent(message) if message.items else Outcome("refused", "its post is gone")
        ended = _Try(claimed, token, message, outcome, tools.now(), round((time.monotonic() - began) * 1000))
        self._finish(ended)
        if outcome.kind == "failed":
            rest = timedelta(seconds=max(outcome.retry_after_s or 0.0, BACKOFF_S))
            self._resting[channel] = ended.at + rest
        return outcome.kind == "sent"

    def _sent(self, message: Message) -> Outcome:
        try:
            outcome = self._tools.sender(message.channel).send(message)
        except ConfigError as error:
            outcome = Outcome("failed", str(error))
        return Outcome(outcome.kind, plain(redact(outcome.detail))[:DETAIL_CHARS], outcome.retry_after_s)

    # writing down

    def _write_down(self) -> None:
        """Try again to write down what is known of messages that were sent: they must not be sent again."""
        with self._lock:
            tries, self._unwritten = self._unwritten, []
        for one in tries:
            self._finish(one)

    def _finish(self, ended: _Try) -> None:
        state = None
        try:
            state = self._tools.store.finish_alerts(
                ended.claimed, ended.token, ended.outcome, ended.at, took_ms=ended.took_ms
            )
        except StoreError as error:
            log.error(
                "channel %s: %s, but it is not written down: %s", ended.message.channel, ended.outcome.kind, error
            )
            with self._lock:
                self._unwritten.append(ended)
        else:
            outcome = ended.outcome
            level = logging.INFO if outcome.kind == "sent" else logging.WARNING
            log.log(
                level, "channel %s: %s, %d ms: %s", ended.message.channel, outcome.kind, ended.took_ms, outcome.detail
            )
        tried = Tried(ended.message.channel, ended.message.title, len(ended.claimed.alerts), ended.outcome, state)
        with self._lock:
            self._found.tried.append(tried)


# what a message says


def written(tools: Outgoing, claimed: Claimed, terms: Mapping[int, Terms]) -> Message:
    """Make the message of alerts: what matters most with its words, and how many more there are."""
    by_post: dict[tuple[int, int], list[AlertRow]] = {}
    for row in claimed.alerts:
        by_post.setdefault((row.post, 0 if row.post else row.id), []).append(row)
    shown = list(by_post.values())[:SHOWN]
    posts = {stored.id: stored for stored in tools.store.posts_by_id([rows[0].post for rows in shown])}
    titles = {state.feed.id: state.feed.title or "" for state in tools.store.feeds()} if posts else {}
    items = tuple(
        _item(rows, posts.get(rows[0].post), titles, tools.thresholds)
        for rows in shown
        if not rows[0].post or rows[0].post in posts
    )
    languages = {terms[row.rule].lang for row in claimed.alerts if row.rule in terms}
    return Message(
        channel=claimed.alerts[0].channel,
        key=claimed.key,
        title=_title(claimed, items, len(by_post)),
        items=items,
        kind=claimed.kind,
        more=len(by_post) - len(shown),
        possible_repeat=any(row.repeat for row in claimed.alerts),
        lang=languages.pop() if len(languages) == 1 else None,
        high=any(row.is_high for row in claimed.alerts),
    )


def _title(claimed: Claimed, items: Sequence[Item], posts: int) -> str:
    rules = list(dict.fromkeys(row.rule_name for row in claimed.alerts))
    if claimed.kind == "one":
        headline = items[0].headline if items else ""
        return f"{rules[0]}: {headline}" if headline else rules[0]
    if claimed.kind == "group":
        return f"{rules[0]}: {counted(posts, 'post')}"
    named = ", ".join(rules[:5]) + (f" and {len(rules) - 5} more rules" if len(rules) > 5 else "")
    return f"{counted(posts, 'alert')}: {named}"


def _item(
    rows: Sequence[AlertRow], stored: StoredPost | None, titles: Mapping[int, str], thresholds: Mapping[Label, float]
) -> Item:
    reason = "; ".join(dict.fromkeys(row.reason for row in rows if row.reason))
    rule = ", ".join(dict.fromkeys(row.rule_name for row in rows))
    if stored is None:
        return Item(rows[0].id, reason, rule, headline=reason, at=rows[0].at)
    post, labels = stored.post, probabilities(stored)
    headline = excerpt(post.title or post.text, HEADLINE_WORDS)
    text = excerpt(post.text, TEXT_WORDS)
    place = post.community or next((titles[feed] for feed in stored.feeds if titles.get(feed)), "")
    best = max(stored.goals, key=lambda name: stored.goals[name], default=None)
    return Item(
        alert=rows[0].id,
        reason=reason,
        rule=rule,
        post=stored.id,
        headline=headline,
        author=author_of(stored),
        where=f"{post.platform} · {place}" if place else post.platform,
        text="" if text == headline else text,
        url=post.url,
        labels=labels,
        goal=best,
        at=stored.sort_at,
        command=_command(stored.id, labels, thresholds),
    )


def _command(post: int, labels: Mapping[Label, float], thresholds: Mapping[Label, float]) -> str:
    """Give what a reader types who thinks otherwise."""
    over = [label for label, value in labels.items() if value >= thresholds.get(label, 0.5)]
    verdict = f"not-{max(over, key=lambda label: labels[label])}" if over else "lead"
    return f"listener label {post} {verdict}"

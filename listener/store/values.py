"""What a store is asked with, and what it answers with where `listener.types` has no value for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import Final, Literal

from listener.types import LABELS, Label, Quota, Scores

Key = tuple[str, str]
"""(platform, native_id)"""


@dataclass(frozen=True, slots=True)
class PostQuery:
    """Which posts; every field narrows. Newest first by `sort_at`."""

    label: Label | None = None
    threshold: float = 0.5
    """Lowest probability for `label`; a thumb outranks it either way."""
    since: datetime | None = None
    """sort_at at or after."""
    until: datetime | None = None
    feed_id: int | None = None
    platform: str | None = None
    goal: str | None = None
    """Only posts that serve this goal by at least `relevance`; then the most relevant come first."""
    relevance: float = 0.5
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a briefing needs to rank a post, without its text; read from one covering index."""

    id: int
    sort_at: datetime
    story: int
    account: int | None
    """The store's number of the author; None: unknown author."""
    lead: float
    question: float
    news: float
    """Probabilities, a thumb already applied as 0 or 1; 0 where not scored."""
    seen_at: datetime
    """When it arrived here."""


@dataclass(frozen=True, slots=True)
class Member:
    """A post of a story."""

    post: int
    why: str | None = None
    """"same link", "quotes it", "same words" …; None: the story began with it."""
    via: int | None = None
    """The post that it met there."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """A post's scores made anew."""

    post: int
    scores: Scores
    model: str
    relevance: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Look:
    """A post drawn for the blind audit from those below the threshold, with what the estimate needs to know."""

    label: Label
    at: datetime
    post: int
    score: float
    """The model's, when it was drawn."""
    stratum: int
    size: int
    """How many posts the stratum had."""
    expected: float
    """Their mean score."""
    odds: float
    """How likely this one was to be drawn."""
    id: int = 0
    answer: bool | None = None


@dataclass(frozen=True, slots=True)
class OutageRow:
    """Something that is wrong, and the user has been told of."""

    subject: str
    since: datetime
    text: str


@dataclass(frozen=True, slots=True)
class QuotaRow:
    """What a platform last said is left of a quota."""

    connector: str
    quota: Quota
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class GapRow:
    """A recorded gap of one feed."""

    id: int
    feed_id: int
    seen_at: datetime
    reason: str
    older: str | None
    newer: str | None


@dataclass(frozen=True, slots=True)
class RejectRow:
    """One item in quarantine."""

    feed_id: int
    seen_at: datetime
    native_id: str | None
    reason: str
    sample: str


@dataclass(frozen=True, slots=True)
class Stats:
    """What `doctor` prints."""

    posts: int
    feeds: int
    accounts: int
    bytes: int
    schema: int
    unscored: int
    gaps: int
    rejects: int


MarkKind = Literal["done", "star", "snooze", "seen"]
MARKS: Final[tuple[MarkKind, ...]] = ("done", "star", "snooze", "seen")


@dataclass(frozen=True, slots=True)
class PostMark:
    """What the user did with a post."""

    post: int
    kind: MarkKind
    at: datetime
    until: datetime | None = None
    """When a snooze ends."""


BriefingState = Literal["made", "waiting", "claimed", "sending", "sent", "failed", "refused", "unknown", "folded"]
"""`made`: shown here, not to be sent. `waiting` and `failed`: to be sent (again). `claimed`: somebody is about to send
it. `sending`: it may have left. `unknown`: nobody can say whether it arrived. `refused`: will not be sent by itself.
`folded`: was never sent; the next one says it too.
"""


@dataclass(frozen=True, slots=True)
class KeptBriefing:
    """A briefing that was made: one for each local date and circle."""

    date: date
    circle: str
    """"" for all."""
    at: datetime
    since: datetime
    body: str = field(default="", repr=False)
    """Its values as JSON; empty in lists."""
    state: BriefingState = "made"
    tries: int = 0
    repeat: int = 0
    """How often it was sent again because nobody could say whether it had arrived."""
    next_try: datetime | None = None
    sent_at: datetime | None = None
    error: str | None = None
    token: str | None = None
    """Who is sending it…"""
    lease_until: datetime | None = None
    """…and until when nobody else does."""
    id: int = 0

    @property
    def has_reached(self) -> bool:
        """Tell whether the user may have read it."""
        return self.state in ("made", "sending", "sent", "unknown")


@dataclass(frozen=True, slots=True)
class Given:
    """What a query means something by: the clock, the user's zone, the user's thresholds."""

    now: datetime
    zone: tzinfo = UTC
    thresholds: Mapping[Label, float] = field(default_factory=lambda: dict.fromkeys(LABELS, 0.5))


@dataclass(frozen=True, slots=True)
class Found:
    """Numbers of posts that a query found, newest first."""

    ids: tuple[int, ...] = ()
    complete: bool = True
    """False: the time was over; there may be more, and newer ones."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many posts a query found."""

    count: int
    complete: bool = True
    """False: the time was over; there may be more."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a query that asks one thing, and whether a post has it."""

    text: str
    matched: bool

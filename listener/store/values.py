"""What a store is asked with, and what it answers with where `listener.types` has no value for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from listener.types import Label, Quota, Scores

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

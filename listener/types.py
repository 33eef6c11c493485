"""The values everything else speaks of: feeds, posts, pages, and what is known about them.

Frozen dataclasses only. Times are aware datetimes in UTC. None means "the platform does not say".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final, Literal

Label = Literal["lead", "question", "news"]
LABELS: Final[tuple[Label, ...]] = ("lead", "question", "news")

Kind = Literal["post", "reply", "repost", "quote"]
Visibility = Literal["public", "unlisted", "followers", "private", "direct"]

Scores = Mapping[Label, float]
"""Label to a calibrated probability, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Account:
    """One identity on one platform. `native_id` never changes; `handle` may."""

    platform: str
    native_id: str
    handle: str | None = None
    name: str | None = None
    url: str | None = None
    followers: int | None = None
    is_bot: bool | None = None
    opted_out: bool | None = None
    """The author asks not to be collected or shown (`#nobot`, `noindex`, `!no-unauthenticated`)."""
    proved: tuple[str, ...] = ()
    """What the platform itself has checked: addresses that link back to it (with "://"), domains that are its name."""


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, sound or film that belongs to a post; never loaded by us."""

    url: str
    mime: str | None = None
    alt: str | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What the platform counted when we read the post."""

    replies: int | None = None
    likes: int | None = None
    reposts: int | None = None
    score: int | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """One item of a feed. `(platform, native_id)` names it everywhere."""

    platform: str
    native_id: str
    url: str | None = None
    account: Account | None = None
    kind: Kind = "post"
    title: str | None = None
    text: str = ""
    """Plain text, no HTML, entities decoded."""
    lang: str | None = None
    """BCP 47, lower case."""
    published_at: datetime | None = None
    """As the platform or the author claims; may be wrong."""
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    in_reply_to: str | None = None
    """native_id of the parent on the same platform."""
    thread: str | None = None
    """native_id of the first post of the thread."""
    refers_to: str | None = None
    """native_id of what a repost or quote points at."""
    mentions: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    """What the post points at, http and https only, in order; the permalink is not among them."""
    tags: tuple[str, ...] = ()
    media: tuple[Media, ...] = ()
    community: str | None = None
    """Group, channel, tag, repository, list: where it was said."""
    counts: Counts | None = None
    instance: str | None = None
    visibility: Visibility | None = None
    warning: str | None = None
    """Content warning."""
    answered: bool | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """One thing we poll: a connector and its query.

    `query` is the connector's own notation: a URL for `rss`, `comments:postgres backup` for another.
    `platform` is where its posts were said: a preset over a general connector sets the real one.
    """

    id: int
    """The feed's own number, given by the store; 0 before it is stored."""
    connector: str
    query: str
    platform: str
    title: str | None = None
    folder: str | None = None
    home_url: str | None = None
    """The page a person opens."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request for the guarded client.

    `credentials` are headers that belong to the request's own origin; a redirect elsewhere drops them.
    `slot_s` asks for a wider gap on this host than the default.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    slot_s: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` has lower-case names; repeated ones are joined by ", "."""

    url: str
    """The address the body came from, after redirects."""
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    moved_to: str | None = None
    """Where unbroken permanent redirects (301, 308) lead, if the request met any."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Posts we may have missed, from the last one known to the oldest one seen after it."""

    reason: str
    older: str | None = None
    newer: str | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """How much a platform still lets us ask, as it says itself."""

    name: str
    """What is counted: "requests a day", "search"."""
    left: int
    limit: int | None = None
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Follow:
    """One account that the user follows on a platform, and the feed that brings its posts."""

    account: Account
    feed: Feed | None = None
    circle: str | None = None
    """The user's own list that the account is in."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one poll brought back."""

    posts: tuple[Post, ...] = ()
    cursor: str | None = None
    deleted: tuple[str, ...] = ()
    """native_ids the platform says are deleted."""
    more: bool = False
    """True: fetch again at once with `cursor`, the walk has not reached its old mark."""
    gap: Gap | None = None
    wait_s: float | None = None
    """Seconds that the platform asks us to wait before the next poll of this feed."""
    cost: float = 0.0
    """What this page cost, in the connector's currency (`Traits.currency`)."""
    quotas: tuple["Quota", ...] = ()
    """What the platform says is left of its quotas."""
    unchanged: bool = False
    """True: a 304, or a body we have read before. `cursor` may still be new."""
    title: str | None = None
    home_url: str | None = None
    moved_to: str | None = None
    """The feed's new query, once a permanent redirect has been confirmed."""
    archive: frozenset[str] = frozenset()
    """native_ids among `posts` that are old posts announced again: history, not news."""
    rejects: tuple["Reject", ...] = ()
    follows: tuple[Follow, ...] = ()
    """Whom an imported file names as the user's connections; polls leave it empty."""


@dataclass(frozen=True, slots=True)
class Reject:
    """One item that could not be read; kept in quarantine with its reason, so that the page goes on."""

    native_id: str | None
    reason: str
    sample: str
    """The first characters of the item, at most 2,000."""


Arrival = Literal["live", "first", "archive"]
"""How a post came: as news; with a feed's first poll; as an old post announced again."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A post ready to be saved, with all that was decided about it outside the transaction."""

    post: Post
    digest: int
    """Signed 64-bit hash over what an edit would change (`normalise.digest`)."""
    arrival: Arrival = "live"
    scores: Scores | None = None
    """None: not scored (seen before and unchanged, or a repost without text)."""
    model: str | None = None
    """Version of the classifier that scored it."""
    relevance: Mapping[str, float] = field(default_factory=dict)
    """The user's goals that it serves, by name, 0 to 1."""
    link_key: int | None = None
    """Signed 64-bit hash of the canonical link that makes it one story with others; None: no such link."""
    simhash: int | None = None
    """Signed 64-bit near-duplicate print of the text; None: too short to compare."""
    marks: tuple[int, ...] | None = None
    """Numbers of its most telling words (`telling.read(post).asked`); None: not read yet, the store does it."""


Health = Literal["new", "fresh", "quiet", "broken", "limited", "out of budget", "needs you", "gone"]


@dataclass(frozen=True, slots=True)
class Plan:
    """When a feed is polled next, and what we now think of it: the outcome of one turn, decided purely."""

    next_poll_at: datetime | None
    """None: not before the user does something (`health` says what)."""
    interval_s: float
    failures: int = 0
    health: Health = "fresh"
    error: str | None = None
    """For people: what failed and what to do; None after a success."""


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed and all the store knows about polling it."""

    feed: Feed
    cursor: str | None = None
    added_at: datetime | None = None
    next_poll_at: datetime | None = None
    interval_s: float | None = None
    fixed_interval_s: float | None = None
    """Set by the user; None: the interval follows what the feed does."""
    failures: int = 0
    health: Health = "new"
    error: str | None = None
    paused: bool = False
    from_config: bool = False
    last_poll_at: datetime | None = None
    last_success_at: datetime | None = None
    last_new_at: datetime | None = None
    """When a poll last brought a post that we did not have."""
    recent: tuple[datetime, ...] = ()
    """Sort times of the feed's newest posts, newest first, at most 20: its posting rate."""
    posts: int = 0


@dataclass(frozen=True, slots=True)
class Born:
    """What an alert about a post says, should the rule's query find it."""

    reason: str
    first_reason: str | None = None
    """In its place where no alert was about this author before; None: that makes no difference."""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """A rule that a turn's posts are held against inside their transaction; all but its query is decided before."""

    rule: int
    query: str
    """In the language of `listener.query`."""
    channels: tuple[str, ...]
    due_at: datetime
    since: datetime
    """When the rule was made: of posts that came before, an edit makes no alert."""
    born: Mapping[tuple[str, str], Born]
    """(platform, native_id) of the posts that everything but the query lets through."""
    zone: tzinfo = UTC
    thresholds: Mapping[Label, float] = field(default_factory=lambda: dict.fromkeys(LABELS, 0.5))
    """The user's zone and thresholds, as the query means them."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One page and its consequences; the store saves it whole or not at all."""

    feed: Feed
    now: datetime
    cursor: str | None
    plan: Plan
    drafts: tuple[Draft, ...] = ()
    deleted: tuple[str, ...] = ()
    gap: Gap | None = None
    rejects: tuple[Reject, ...] = ()
    raw: bytes | None = field(default=None, repr=False)
    """The answer's body, kept compressed while the retention says so; None: nothing worth keeping."""
    cost: float = 0.0
    reservation: int | None = None
    """Number of the ledger's entry that was made for this page; saving settles it with `cost`."""
    quotas: tuple[Quota, ...] = ()
    title: str | None = None
    home_url: str | None = None
    moved_to: str | None = None
    final: bool = True
    """False: more pages of the same walk follow; the lease is kept and `plan` not yet applied."""
    owner: str | None = None
    """Lease token of the claim; a turn whose lease was taken over by somebody else is refused."""
    watches: tuple[Watch, ...] = ()
    """The rules whose alerts are born with these posts."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a turn changed."""

    new: tuple[int, ...] = ()
    """ids of posts that we did not have."""
    edited: tuple[int, ...] = ()
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """Words of a post that moved a label, in logits: above 0 they spoke for it."""

    label: Label
    text: str
    weight: float
    spans: tuple[tuple[Literal["title", "text"], int, int], ...] = ()
    """Where they stand: from there to before there, in the title or the text."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the optional judge, a language model, said of a post; one opinion beside the classifier's."""

    model: str
    """The judge's own name."""
    at: datetime
    labels: Mapping[Label, bool]
    before: Scores
    """The scores that it moved, as they were."""
    reason: str
    """Its own words: as hostile as any text."""


@dataclass(frozen=True, slots=True)
class StoredPost:
    """A post as the store gives it back."""

    id: int
    post: Post
    first_seen_at: datetime
    sort_at: datetime
    """min(published_at, first_seen_at): claimed times in the future do not put a post on top."""
    feeds: tuple[int, ...] = ()
    scores: Scores = field(default_factory=dict)
    model: str | None = None
    story: int | None = None
    """id of the story: the id of the post that founded it."""
    arrival: Arrival = "live"
    thumbs: Mapping[Label, bool] = field(default_factory=dict)
    """The user's own word on a label; it outranks the score."""
    goals: Mapping[str, float] = field(default_factory=dict)
    """The goals it serves, by name, 0 to 1; the user's own word is 1 or 0. A goal that is not here: next to nothing."""
    goal_thumbs: Mapping[str, bool] = field(default_factory=dict)
    """The user's own word on a goal; it outranks what was worked out."""
    opinion: Opinion | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """What the user wants to reach, in their own words."""

    name: str
    sentence: str = ""
    offers: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()

"""What a briefing is: its sections, what ranking found for them, and what is shown in the end.

Three steps, because the texts of a day's posts are not read for ranking: `ranking.choose` ranks what arrived and names
the posts to fetch; `composing.compose` makes items of them; `timebox.fill` chooses those that the minutes hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol

from listener.people import Voice
from listener.types import LABELS, Label
from listener.volume import Numbers

Section = Literal["stories", "circles", "leads", "questions", "people", "sources", "numbers"]
SECTIONS: Final[tuple[Section, ...]] = ("stories", "circles", "leads", "questions", "people", "sources", "numbers")
RANKED: Final[tuple[Section, ...]] = ("stories", "leads", "questions")
"""The sections whose items are posts that ranking picked."""


class Candidate(Protocol):
    """What ranking needs to know of a post that arrived; `listener.store.Candidate` is one."""

    @property
    def id(self) -> int:
        """The post's number."""

    @property
    def sort_at(self) -> datetime:
        """When it was said."""

    @property
    def story(self) -> int:
        """The story it belongs to."""

    @property
    def account(self) -> int | None:
        """Its author; None: unknown."""

    @property
    def lead(self) -> float:
        """Probability, as the two that follow."""

    @property
    def question(self) -> float:
        """Probability."""

    @property
    def news(self) -> float:
        """Probability."""

    @property
    def seen_at(self) -> datetime:
        """When it arrived here."""


@dataclass(frozen=True, slots=True)
class BriefingRules:
    """How long a briefing may take, how sure a label must be, and what it holds."""

    since: datetime
    minutes: float = 10.0
    words_per_minute: float = 230.0
    thresholds: Mapping[Label, float] = field(default_factory=lambda: dict.fromkeys(LABELS, 0.5))
    sections: tuple[Section, ...] = SECTIONS
    """Those it has, in their order."""
    most: Mapping[Section, int] = field(default_factory=dict)
    """Most items of a section; a section that is not here is bounded by the minutes alone."""
    circle: str | None = None
    """Only what this circle gathers round, and its people's leads and questions."""


@dataclass(frozen=True, slots=True)
class Served:
    """Which goal a post serves best, and why."""

    goal: str
    relevance: float
    because: tuple[str, ...] = ()
    """Words of the post."""
    by_thumb: bool = False
    """True: the user said so."""


@dataclass(frozen=True, slots=True)
class Told:
    """A story that an earlier briefing told."""

    at: datetime
    people: int
    """How many had spoken then."""
    voices: tuple[tuple[int | None, int], ...] = ()
    """(account, post) of those who had spoken then, as far as they are known."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A story, or one post of it, that deserves a place."""

    story: int
    posts: tuple[int, ...]
    """Numbers of posts, the one to show first."""
    people: int
    """Distinct people who spoke in the whole story, without the user."""
    newest: datetime
    worth: float = 0.0
    known: int = 0
    """How many of them the user knows or follows."""
    circles: Mapping[str, int] = field(default_factory=dict)
    """How many of them are in each circle."""
    joined: int | None = None
    """How many joined since a briefing told it; None: none did."""
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """Somebody of the user's people who spoke."""

    voice: Voice
    post: int
    """Their newest post."""
    posts: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Everything that deserves a place, best first; more than fits."""

    picks: Mapping[Section, tuple[Pick, ...]]
    left: Mapping[Section, int]
    """How many more deserved a place than are listed in `picks`."""
    seen: int
    """How many posts arrived."""
    chatter: int
    """How many of them are neither talked about nor lead, question or news."""
    circles: Mapping[str, tuple[Pick, ...]] = field(default_factory=dict)
    """What each circle gathers round, best first."""
    heard: tuple[Heard, ...] = ()
    accounts: Mapping[int, int | None] = field(default_factory=dict)
    """Post to the store's number of its author."""

    @property
    def ids(self) -> list[int]:
        """The posts to fetch, each once."""
        picks = [*(self.picks[section] for section in RANKED), *self.circles.values()]
        found = [post for part in picks for pick in part for post in pick.posts]
        return list(dict.fromkeys([*found, *(heard.post for heard in self.heard)]))


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody else who talks about the same."""

    post_id: int
    author: str
    platform: str
    """Where they said it; several platforms where they said it more than once."""
    url: str | None


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence in somebody's own words."""

    post_id: int
    author: str
    text: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PostItem:
    """One post as a briefing shows it."""

    post_id: int
    story: int
    platform: str
    title: str | None
    text: str
    """The beginning, cut at the end of a sentence where one is near; one line."""
    url: str | None
    links: tuple[str, ...]
    author: str | None
    author_url: str | None
    feeds: tuple[str, ...]
    at: datetime
    labels: Mapping[Label, float]
    why: str
    licence: str | None = None
    serves: Served | None = None


@dataclass(frozen=True, slots=True)
class StoryItem:
    """One story: its most telling post, and who else talks about it."""

    post: PostItem
    people: int
    platforms: tuple[str, ...]
    voices: tuple[Speaker, ...]
    summary: Quote | None = None
    """The best sentence of its posts, where another post than the one shown has it."""
    opposing: tuple[Quote, Quote] | None = None
    """Two who disagree about it."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What a circle talks about, in one line."""

    post_id: int
    headline: str
    people: int
    """How many of the circle."""
    also_in: tuple[str, ...] = ()
    """Other circles that talk about it too."""


@dataclass(frozen=True, slots=True)
class CircleItem:
    """The water cooler of one circle."""

    circle: str
    topics: tuple[Topic, ...]
    opposing: tuple[Quote, Quote] | None = None
    """What they disagree on, in their own words."""


@dataclass(frozen=True, slots=True)
class PersonItem:
    """Somebody of the user's circles who was heard."""

    name: str
    circles: tuple[str, ...]
    posts: int
    latest: Quote
    """The beginning of their newest post."""
    platform: str


@dataclass(frozen=True, slots=True)
class Topical:
    """How much is said of one thing: everything, a circle, a goal."""

    name: str
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How much was left out, and why."""

    what: Section | Literal["other posts"]
    reason: Literal["time", "person", "short", "chatter"]
    """No time; a person or source with two items already; the section is kept short; nothing of all this."""
    count: int


@dataclass(frozen=True, slots=True)
class Briefing:
    """What your network talked about since `since`, readable in `minutes`."""

    now: datetime
    since: datetime
    minutes: float
    stories: tuple[StoryItem, ...] = ()
    leads: tuple[PostItem, ...] = ()
    questions: tuple[PostItem, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    seen: int = 0
    words: int = 0
    seconds: float = 0.0
    """How long reading it takes."""
    sources_failing: tuple[str, ...] = ()
    circles: tuple[CircleItem, ...] = ()
    people: tuple[PersonItem, ...] = ()
    sections: tuple[Section, ...] = SECTIONS
    circle: str | None = None
    """The one circle that it is about."""
    numbers: tuple[Topical, ...] = ()
    """Everything first; then the circles and goals of which much more is said than usual."""

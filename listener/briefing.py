"""What is worth your minutes: stories, then leads, then questions, inside a time box that has an end.

Two steps, because the texts of a day's posts are not read for ranking: `choose` ranks what arrived and names the posts
to fetch; `timebox.compose` fills the minutes with them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from listener.types import LABELS, Label

Section = Literal["stories", "leads", "questions"]
SECTIONS: Final[tuple[Section, ...]] = ("stories", "leads", "questions")

ITEM_S: Final = 4.0
"""Seconds to take in that a new item begins, and to decide about it, beside reading its words."""
VOICES: Final = 12
"""Most posts of one story that are fetched."""
HALF_LIFE: Final = timedelta(hours=24)
"""A story with half the people counts the same if it is so much newer."""
PATIENCE: Final = timedelta(hours=72)
"""The same for leads and questions, which wait longer for their answer."""


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


@dataclass(frozen=True, slots=True)
class BriefingRules:
    """How long a briefing may take, and how sure a label must be."""

    since: datetime
    minutes: float = 10.0
    words_per_minute: float = 230.0
    thresholds: Mapping[Label, float] = field(default_factory=lambda: dict.fromkeys(LABELS, 0.5))


SERVES_NONE: Final = 0.05
"""A lead that serves no goal counts as if it served one so little."""


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
class Pick:
    """A story, or one post of it, that deserves a place."""

    story: int
    posts: tuple[int, ...]
    """Numbers of posts, the one to show first."""
    people: int
    """Distinct authors of the whole story."""
    newest: datetime


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

    @property
    def ids(self) -> list[int]:
        """The posts to fetch, each once."""
        return list(dict.fromkeys(post for section in SECTIONS for pick in self.picks[section] for post in pick.posts))


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody else who talks about the same."""

    post_id: int
    author: str
    platform: str
    url: str | None


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
    voices: tuple[Voice, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How much was left out, and why."""

    what: Section | Literal["other posts"]
    reason: Literal["time", "person", "chatter"]
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


def choose(
    candidates: Sequence[Candidate],
    now: datetime,
    rules: BriefingRules,
    relevance: Mapping[int, float] | None = None,
) -> Choice:
    """Rank what arrived: stories by distinct people and freshness, leads and questions by probability and freshness.

    `relevance`: post to how far it serves its best goal; leads are ranked by it too. None: there are no goals.
    A story needs two people, or one whose post is news; what is nothing of all this is chatter.
    """
    stories: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        stories.setdefault(candidate.story, []).append(candidate)
    ranked: dict[Section, list[tuple[float, Pick]]] = {
        "stories": [_ranked_story(posts, now, rules) for posts in stories.values() if _is_story(posts, rules)],
        "leads": _ranked_posts(stories.values(), "lead", now, rules, relevance),
        "questions": _ranked_posts(stories.values(), "question", now, rules),
    }
    most = int(rules.minutes * 60 / (ITEM_S + 2)) + 20
    picks: dict[Section, tuple[Pick, ...]] = {}
    for section, found in ranked.items():
        found.sort(key=lambda pair: (-pair[0], -pair[1].newest.timestamp(), pair[1].story))
        picks[section] = tuple(pick for _, pick in found[:most])
    worthy = {pick.story for found in ranked.values() for _, pick in found}
    return Choice(
        picks,
        {section: max(len(found) - most, 0) for section, found in ranked.items()},
        len(candidates),
        sum(len(posts) for story, posts in stories.items() if story not in worthy),
    )


def _decay(age: timedelta, half_life: timedelta) -> float:
    return float(0.5 ** min(max(age / half_life, 0.0), 1_000.0))


def _people(posts: Sequence[Candidate]) -> int:
    # An unknown author counts as one more person: feeds that name no author are different places.
    known = {post.account for post in posts if post.account is not None}
    return len(known) + sum(post.account is None for post in posts)


def _is_story(posts: Sequence[Candidate], rules: BriefingRules) -> bool:
    if _people(posts) > 1:
        return True
    # A lone lead or question has its own section, where it says more.
    has_place = any(_score(post, label) >= rules.thresholds[label] for post in posts for label in ("lead", "question"))
    return not has_place and any(post.news >= rules.thresholds["news"] for post in posts)


def _score(post: Candidate, label: Label) -> float:
    return float(getattr(post, label))


def _ranked_story(posts: Sequence[Candidate], now: datetime, rules: BriefingRules) -> tuple[float, Pick]:
    people = _people(posts)
    newest = max(post.sort_at for post in posts)
    # What the user can act on speaks for the story, so that a lead is never hidden among the voices.
    acting = [
        (post.lead >= rules.thresholds["lead"], post.question >= rules.thresholds["question"], post) for post in posts
    ]
    acting.sort(key=lambda found: (found[0], found[1], found[2].sort_at, found[2].id), reverse=True)
    pick = Pick(posts[0].story, tuple(post.id for _, _, post in _each_person_first(acting))[:VOICES], people, newest)
    weight = people if people > 1 else max(post.news for post in posts)
    return weight * _decay(now - newest, HALF_LIFE), pick


def _each_person_first(
    posts: Sequence[tuple[bool, bool, Candidate]],
) -> Iterable[tuple[bool, bool, Candidate]]:
    seen: set[int | None] = set()
    again = []
    for found in posts:
        account = found[2].account
        if account is None or account not in seen:
            seen.add(account)
            yield found
        else:
            again.append(found)
    yield from again


def _ranked_posts(
    stories: Iterable[Sequence[Candidate]],
    label: Label,
    now: datetime,
    rules: BriefingRules,
    relevance: Mapping[int, float] | None = None,
) -> list[tuple[float, Pick]]:
    def worth(post: Candidate) -> float:
        served = 1.0 if relevance is None else max(relevance.get(post.id, 0.0), SERVES_NONE)
        return _score(post, label) * served

    found = []
    for posts in stories:
        sure = [post for post in posts if _score(post, label) >= rules.thresholds[label]]
        if sure:
            best = max(sure, key=lambda post: (worth(post), post.sort_at, post.id))
            pick = Pick(best.story, (best.id,), _people(posts), best.sort_at)
            found.append((worth(best) * _decay(now - best.sort_at, PATIENCE), pick))
    return found

"""What deserves a place: stories by the people who gather round them, leads and questions by how surely they are one.

People, not reach: a story's weight is that of its distinct voices, each by how near they are to the user, and its rank
is a percentile among the day's stories, so that no number is tuned to a network of one size. What a briefing told
already returns only when it truly moved.
"""

import math
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from operator import attrgetter
from typing import Final, NamedTuple

from listener.briefing import BriefingRules, Candidate, Choice, Heard, Pick, Section, Told
from listener.people import People, Voice
from listener.types import Label

VOICES: Final = 12
"""Most posts of one story that are fetched."""
NEAREST: Final = 8
"""So many of them are the nearest voices, the others those who began it."""
HALF_LIFE: Final = timedelta(hours=24)
"""A story with half the rank counts the same if it is so much newer."""
PATIENCE: Final = timedelta(hours=72)
"""The same for leads and questions, which wait longer for their answer."""
SERVES_NONE: Final = 0.05
"""A lead that serves no goal counts as if it served one so little."""
ANSWERABLE: Final = 0.3
"""The same for a question: it may be worth an answer all the same."""
MOVED: Final = 0.5
"""A told story moved when so large a part of its people is new, and two of them at least."""
TOPICS: Final = 7
"""Most topics of one circle."""
HEARD: Final = 12
"""Most people of the user's circles that are listed."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the posts themselves."""

    people: People = field(default_factory=People)
    relevance: Mapping[int, float] | None = None
    """Post to how far it serves its best goal; None: there are no goals."""
    told: Mapping[int, Told] = field(default_factory=dict)
    """Story to when a briefing told it last."""
    marks: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """Story to what the user did with it: "done", "star", "snooze"."""
    over: frozenset[tuple[int, str]] = frozenset()
    """(post, label) of leads and questions about which nothing is left to do."""
    muted: frozenset[int] = frozenset()
    """Posts that a mute removes."""
    same: Mapping[int, int] = field(default_factory=dict)
    """Story to an older one that it is one item with: one person said it on several platforms."""


def choose(candidates: Sequence[Candidate], now: datetime, rules: BriefingRules, known: Known | None = None) -> Choice:
    """Rank what arrived; what is neither talked about nor lead, question or news is chatter.

    A story needs two people, or one whose post is news. Posts from before `rules.since` were left out by an earlier
    briefing for lack of time: they compete again, and are not counted.
    """
    return _Choosing(candidates, now, rules, known or Known()).choice()


class _Best(NamedTuple):
    """A story's best post of a label."""

    worth: float
    story: int
    post: Candidate


class _Choosing:
    """One look over the posts of a day."""

    def __init__(self, candidates: Sequence[Candidate], now: datetime, rules: BriefingRules, known: Known) -> None:
        self.now, self.rules, self.known, self.people = now, rules, known, known.people
        self.seen = sum(candidate.seen_at >= rules.since for candidate in candidates)
        self.stories: dict[int, list[Candidate]] = {}
        for one in candidates:
            if one.id not in known.muted:
                self.stories.setdefault(known.same.get(one.story, one.story), []).append(one)
        gone = {story for story, marks in known.marks.items() if marks & {"done", "snooze"}}
        for story in gone:
            self.stories.pop(known.same.get(story, story), None)
        self.voices = {story: self._voices(posts) for story, posts in self.stories.items() if len(posts) > 1}

    def choice(self) -> Choice:
        """Rank each section, and say how many were passed over."""
        talked, most = self._talked(), int(self.rules.minutes * 10) + 20
        acting: dict[Section, list[_Best]] = {"leads": self._best("lead"), "questions": self._best("question")}
        worthy = {pick.story for pick in talked} | {best.story for found in acting.values() for best in found}
        counts: dict[Section, int] = {"stories": len(talked), **{name: len(found) for name, found in acting.items()}}
        picks: dict[Section, tuple[Pick, ...]] = {"stories": tuple(talked[:most])}
        picks |= {section: tuple(map(self._pick, found[:most])) for section, found in acting.items()}
        return Choice(
            picks=picks,
            circles=self._circles(talked),
            heard=self._heard(),
            left={section: max(count - most, 0) for section, count in counts.items()},
            seen=self.seen,
            chatter=sum(
                sum(post.seen_at >= self.rules.since for post in posts)
                for story, posts in self.stories.items()
                if story not in worthy
            ),
            accounts={post.id: post.account for posts in self.stories.values() for post in posts},
        )

    # stories

    def _voices(self, posts: Sequence[Candidate]) -> dict[Voice, int | None]:
        """Give the distinct voices of a story to an account of theirs."""
        return {self.people.voice(post.account, post.id): post.account for post in posts}

    def _voices_of(self, story: int) -> dict[Voice, int | None]:
        return self.voices.get(story) or self._voices(self.stories[story])

    def _talked(self) -> list[Pick]:
        found = [self._story(story, posts) for story, posts in self.stories.items() if self._is_story(story, posts)]
        ranks = percentiles([pick.worth for pick in found])
        found = [self._ranked(pick, rank) for pick, rank in zip(found, ranks, strict=True)]
        found.sort(key=lambda pick: (-pick.worth, -pick.newest.timestamp(), pick.story))
        return found

    def _ranked(self, pick: Pick, rank: float) -> Pick:
        starred = "star" in self.known.marks.get(pick.story, ())
        served = max((self.known.relevance or {}).get(post, 0.0) for post in pick.posts)
        worth = rank * _decay(self.now - pick.newest, HALF_LIFE) * (1 + served) * (1.5 if starred else 1.0)
        return replace(pick, worth=worth)

    def _is_story(self, story: int, posts: Sequence[Candidate]) -> bool:
        if not self._is_new(story, posts) or not self._is_of_circle(posts):
            return False
        if len(posts) > 1 and len(self.voices[story]) > 1:
            return True
        cuts = self.rules.thresholds
        lead, question, news = cuts["lead"], cuts["question"], cuts["news"]
        # A lone lead or question has its own section, where it says more.
        if any(post.lead >= lead or post.question >= question for post in posts):
            return False
        return any(post.news >= news and not self.people.is_me(post.account) for post in posts)

    def _is_new(self, story: int, posts: Sequence[Candidate]) -> bool:
        """Tell what no briefing told, and what truly moved since."""
        told = self.known.told.get(story)
        return told is None or len(self._joined(told, posts)) >= max(2, math.ceil(told.people * MOVED))

    def _joined(self, told: Told, posts: Sequence[Candidate]) -> set[Voice]:
        """Give the voices that joined after the story was told."""
        late = {self.people.voice(post.account, post.id): post.account for post in posts if post.seen_at > told.at}
        early = {self.people.voice(post.account, post.id) for post in posts if post.seen_at <= told.at}
        early |= {self.people.voice(account, post) for account, post in told.voices}
        return {voice for voice, account in late.items() if voice not in early and not self.people.is_me(account)}

    def _is_of_circle(self, posts: Sequence[Candidate]) -> bool:
        circle = self.rules.circle
        return circle is None or any(circle in self.people.circles(post.account) for post in posts)

    def _story(self, story: int, posts: Sequence[Candidate]) -> Pick:
        voices = self._voices_of(story)
        others = [account for account in voices.values() if not self.people.is_me(account)]
        known = [account for account in others if self.people.closeness(account) > 1.0]
        circles = Counter(circle for account in known for circle in self.people.circles(account))
        told = self.known.told.get(story)
        circle = self.rules.circle
        weight = sum(self.people.closeness(account) for account in others) if circle is None else circles[circle]
        if len(voices) < 2:
            weight *= max(post.news for post in posts)
        return Pick(
            story,
            tuple(post.id for post in self._telling_order(posts))[:VOICES],
            len(others),
            max(post.sort_at for post in posts),
            worth=float(weight),
            known=len(known),
            circles=dict(circles),
            joined=None if told is None else len(self._joined(told, posts)),
            told_at=None if told is None else told.at,
        )

    def _telling_order(self, posts: Sequence[Candidate]) -> list[Candidate]:
        """Put what the user can act on first, then the nearest, each voice once before anybody's second post."""
        lead, question = self.rules.thresholds["lead"], self.rules.thresholds["question"]

        def order(post: Candidate) -> tuple[bool, bool, float, datetime, int]:
            near = self.people.closeness(post.account)
            return (post.lead >= lead, post.question >= question, near, post.sort_at, post.id)

        first: dict[Voice, Candidate] = {}
        again = []
        for post in sorted(posts, key=order, reverse=True):
            if first.setdefault(self.people.voice(post.account, post.id), post) is not post:
                again.append(post)
        found = [*first.values(), *again]
        # Who began it is most often its source, with the title that tells what it is about.
        rest = sorted(found[NEAREST:], key=lambda post: (post.sort_at, post.id))
        return [*found[:NEAREST], *rest]

    # leads and questions

    def _best(self, label: Label) -> list["_Best"]:
        """Give each story's best post of a label, the best of all first."""
        cut, floor = self.rules.thresholds[label], SERVES_NONE if label == "lead" else ANSWERABLE
        score: Callable[[Candidate], float] = attrgetter(label)
        relevance = self.known.relevance

        def worth(post: Candidate) -> float:
            served = 1.0 if relevance is None else max(relevance.get(post.id, 0.0), floor)
            near = 1 + (self.people.closeness(post.account) - 1) / 4
            return score(post) * served * near

        found = []
        for story, posts in self.stories.items():
            sure = [post for post in posts if score(post) >= cut and self._may_act_on(story, post, label)]
            if sure:
                best = max(sure, key=lambda post: (worth(post), post.sort_at, post.id))
                found.append(_Best(worth(best) * _decay(self.now - best.sort_at, PATIENCE), story, best))
        found.sort(key=lambda best: (-best.worth, -best.post.sort_at.timestamp(), best.story))
        return found

    def _pick(self, best: "_Best") -> Pick:
        pick = self._story(best.story, self.stories[best.story])
        return replace(pick, posts=(best.post.id,), newest=best.post.sort_at, worth=best.worth)

    def _may_act_on(self, story: int, post: Candidate, label: Label) -> bool:
        """Tell whether a post is somebody else's, of the circle asked for, still open, and was not told before."""
        if (post.id, label) in self.known.over:
            return False
        told = self.known.told.get(story)
        late = told is None or post.seen_at > told.at
        return late and not self.people.is_me(post.account) and self._is_of_circle([post])

    # circles and people

    def _circles(self, talked: Sequence[Pick]) -> dict[str, tuple[Pick, ...]]:
        """List what each circle gathers round, most of its people first."""
        found: dict[str, tuple[Pick, ...]] = {}
        for circle in self.people.all_circles():
            if self.rules.circle in (None, circle):
                own = [pick for pick in talked if pick.circles.get(circle)]
                own.sort(key=lambda pick: (-pick.circles[circle], -pick.worth, pick.story))
                if own:
                    found[circle] = tuple(own[:TOPICS])
        return found

    def _heard(self) -> tuple[Heard, ...]:
        """List who of the user's people spoke, the nearest and the most heard first."""
        spoke: dict[Voice, list[Candidate]] = {}
        for post in chain.from_iterable(self.stories.values()):
            if self.people.closeness(post.account) > 1.0 and self._is_of_circle([post]):
                spoke.setdefault(self.people.voice(post.account, post.id), []).append(post)
        found = [
            Heard(voice, max(posts, key=lambda post: (post.sort_at, post.id)).id, len(posts))
            for voice, posts in spoke.items()
        ]
        near = {voice: self.people.closeness(posts[0].account) for voice, posts in spoke.items()}
        found.sort(key=lambda heard: (-near[heard.voice], -heard.posts, heard.voice))
        return tuple(found[:HEARD])


def remarked(choice: Choice, fame: Mapping[int, float], answered: Container[int] = ()) -> Choice:
    """Rank stories once more by how remarkable their posts are, and put questions that nobody answered first.

    `fame`: post to the percentile of its reactions among its author's posts, 0 to 1; posts that nobody counts are
    left out, and change nothing.
    """

    def raised(pick: Pick) -> Pick:
        known = [fame[post] for post in pick.posts if post in fame]
        return replace(pick, worth=pick.worth * (0.8 + 0.4 * max(known))) if known else pick

    def doubted(pick: Pick) -> Pick:
        return replace(pick, worth=pick.worth / 2) if pick.posts[0] in answered else pick

    found = sorted(map(raised, choice.picks["stories"]), key=lambda p: (-p.worth, -p.newest.timestamp(), p.story))
    questions = sorted(map(doubted, choice.picks["questions"]), key=lambda pick: pick.posts[0] in answered)
    return replace(choice, picks={**choice.picks, "stories": tuple(found), "questions": tuple(questions)})


def percentiles(values: Sequence[float]) -> list[float]:
    """Give each value's rank among all, from above 0 to 1; equal ones share the highest."""
    rank: dict[float, int] = {value: place for place, value in enumerate(sorted(values), 1)}
    return [rank[value] / len(values) for value in values]


def _decay(age: timedelta, half_life: timedelta) -> float:
    return float(0.5 ** min(max(age / half_life, 0.0), 1_000.0))


def several(posts: Iterable[Candidate], people: People) -> list[int]:
    """List posts of people who spoke through more than one of their accounts: they may have said the same twice."""
    spoke: dict[int, dict[int, list[int]]] = {}
    for post in posts:
        person = people.person(post.account)
        if person is not None and post.account is not None:
            spoke.setdefault(person.id, {}).setdefault(post.account, []).append(post.id)
    return [post for accounts in spoke.values() if len(accounts) > 1 for posts in accounts.values() for post in posts]

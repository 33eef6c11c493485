"""The briefing gathered: what arrived, who spoke, what was told already, what it means to the user."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from listener import health
from listener.app.counting import Counting
from listener.app.judging import Judging
from listener.app.knowing import Knowing
from listener.app.learning import Learning
from listener.errors import StoreError
from listener.work import MATTERS, OVER, Work

if TYPE_CHECKING:
    from listener.briefing import Briefing, BriefingRules, Choice, Served, Told
    from listener.people import People
    from listener.ranking import Known
    from listener.store import Candidate
    from listener.types import StoredPost

T = TypeVar("T")

MEMORY: Final = timedelta(days=14)
"""How long a story that was told stays told."""
DEFERRED: Final = timedelta(hours=24)
"""What an earlier briefing had no time for competes so much longer."""
COMPARED: Final = 400
"""Most posts of people with several accounts that are read to find cross-posts."""
FINALISTS: Final = 40
"""Stories whose posts are laid beside what their authors usually get."""
WRITTEN: Final = 5
"""Stories that the user's language model is asked to sum up."""
WITNESSES: Final = 3
"""Posts of each of them."""
FEW: Final = 5
"""Who has fewer counted posts has no usual."""


class Gathering(Learning, Counting, Knowing, Judging):
    """The verb that composes a briefing."""

    def brief(
        self,
        minutes: float | None = None,
        since: datetime | None = None,
        circle: str | None = None,
        *,
        keeps: bool = False,
    ) -> "Briefing":
        """Compose the briefing of what arrived since `since` (default: the last 24 hours); `circle`: only its own.

        What was told on an earlier day returns only when it truly moved; what was told today is told again. `keeps`: it
        will be kept, so that the user's language model, if they have one for it, may sum up the first stories.
        """
        from listener.briefing import BriefingRules, Told, Topical
        from listener.composing import compose
        from listener.people import People
        from listener.ranking import Known, choose, remarked

        section, now = self.config.briefing, self.now()
        rules = BriefingRules(
            since=since or now - timedelta(hours=24),
            minutes=minutes or section.minutes,
            words_per_minute=section.words_per_minute,
            thresholds=self.thresholds,
            sections=section.sections,
            most=section.most,
            circle=circle,
        )
        people = self._readable(self.people, People())
        told = self._readable(lambda: self._told(now), dict[int, Told]())
        begin = rules.since - DEFERRED if told else rules.since
        candidates = self.store.candidates(begin, now + timedelta(seconds=1))
        works = self._readable(self._works, list[Work]())
        known = self._readable(lambda: self._known(candidates, rules, people, told, works), Known(people))
        choice = choose(candidates, now, rules, known)
        posts = {found.id: found for found in self.store.posts_by_id(choice.ids)}
        while muted := self._muted(posts.values()) - known.muted:
            known = replace(known, muted=known.muted | muted)
            choice = choose(candidates, now, rules, known)
            posts |= {found.id: found for found in self.store.posts_by_id([n for n in choice.ids if n not in posts])}
        fame = self._readable(lambda: self._fame(choice, posts, now), dict[int, float]())
        choice = remarked(choice, fame, _answered(posts.values()))
        states = self.store.feeds()
        titles = {state.feed.id: state.feed.title or state.feed.query for state in states}
        serves = self._serves(posts.values()) if self.config.goals else None
        counts = "numbers" in rules.sections and circle is None
        found = compose(
            choice,
            posts,
            now,
            rules,
            feeds=titles,
            failing=health.failing(states),
            serves=serves,
            people=people,
            numbers=self._readable(lambda: self.numbers(people), tuple[Topical, ...]()) if counts else (),
            states={work.post: work.stand for work in works},
        )
        return self._written(found, choice, posts) if keeps and self.config.judge.summaries else found

    def _readable(self, read: Callable[[], T], without: T) -> T:
        """Read what a briefing can do without; of a damaged store, what can still be read is told."""
        try:
            return read()
        except StoreError:
            if self.store.damage is None:
                raise
            return without

    def _written(self, briefing: "Briefing", choice: "Choice", posts: "Mapping[int, StoredPost]") -> "Briefing":
        """Put what a language model wrote of the first stories in the place of a sentence of theirs, where it fits."""
        from listener.composing import resummed

        picks = {pick.story: pick for pick in choice.picks["stories"]}
        for place, item in enumerate(briefing.stories[:WRITTEN]):
            told = [posts[post] for post in picks[item.post.story].posts if post in posts]
            written = self.write_summary(told)
            if written is not None:
                by = f"{written.model}, a language model, from {', '.join(f'№ {post}' for post in written.sources)}"
                briefing = resummed(briefing, place, written.text, by, self.config.briefing.words_per_minute)
        return briefing

    def _told(self, now: datetime) -> "dict[int, Told]":
        """Give the stories that briefings of earlier days told."""
        midnight = now.astimezone(self.config.briefing.zone()).replace(hour=0, minute=0, second=0, microsecond=0)
        return {story: told for story, told in self.store.told_since(now - MEMORY).items() if told.at < midnight}

    def _known(
        self,
        candidates: "Sequence[Candidate]",
        rules: "BriefingRules",
        people: "People",
        told: "Mapping[int, Told]",
        works: Sequence[Work],
    ) -> "Known":
        from listener import voices
        from listener.ranking import Known, several

        twice = self.store.posts_by_id(several(candidates, people)[-COMPARED:])
        accounts = {one.id: one.account for one in candidates}
        here = {one.story for one in candidates} & told.keys()
        return Known(
            people=people,
            relevance=self._relevance(candidates, rules),
            told=self._with_voices({story: told[story] for story in here}),
            marks=self.store.marked_stories(self.now(), self.now() - MEMORY),
            same=voices.same(twice, accounts, people),
            over=frozenset((work.post, work.matter) for work in works if work.state in OVER),
        )

    def _works(self) -> "list[Work]":
        return [work for matter in MATTERS for work in self.store.works(matter)]

    def _muted(self, posts: "Iterable[StoredPost]") -> frozenset[int]:
        """Find the posts that a mute removes; only those that would be shown are looked at."""
        from listener.precedence import Mutes
        from listener.rules import Mute
        from listener.watching import facts_of_stored

        mutes = Mutes(self._readable(self.store.mutes, list[Mute]()))
        if not mutes.mutes:
            return frozenset()
        authors = self.watcher.book(self.now()).authors
        return frozenset(post.id for post in posts if mutes.of(facts_of_stored(authors, post)) is not None)

    def _with_voices(self, told: "Mapping[int, Told]") -> "dict[int, Told]":
        """Add who had spoken by then: one question for each briefing that told some of the stories."""
        found: dict[int, Told] = {}
        for at in {one.at for one in told.values()}:
            stories = [story for story, one in told.items() if one.at == at]
            spoke = self.store.speakers(stories, at)
            found |= {story: replace(told[story], voices=spoke.get(story, ())) for story in stories}
        return found

    def _relevance(self, candidates: "Sequence[Candidate]", rules: "BriefingRules") -> dict[int, float] | None:
        """Find how far leads and questions serve the goal they serve best; None: there are no goals."""
        if not self.config.goals:
            return None
        self.refresh_goals()
        cuts = rules.thresholds
        asked = [one.id for one in candidates if one.lead >= cuts["lead"] or one.question >= cuts["question"]]
        return {post: max(goals.values()) for post, goals in self.store.relevance(asked).items()}

    def _serves(self, posts: "Iterable[StoredPost]") -> "dict[int, Served]":
        found = {post.id: self.goals.served(post) for post in posts if post.goals}
        return {post: served for post, served in found.items() if served is not None}

    def _fame(self, choice: "Choice", posts: "Mapping[int, StoredPost]", now: datetime) -> dict[int, float]:
        """Give how remarkable the finalists' posts are: the part of their author's posts that got no more."""
        shown = [post for pick in choice.picks["stories"][:FINALISTS] for post in pick.posts[:WITNESSES]]
        counted = {number: posts[number].post.counts for number in shown if number in posts}
        accounts = {number: account for number in counted if (account := choice.accounts.get(number)) is not None}
        usual = self.store.reactions(set(accounts.values()), now)
        fame = {}
        for number, account in accounts.items():
            counts, others = counted[number], usual.get(account, [])
            if counts is not None and len(others) >= FEW:
                got = sum(count or 0 for count in (counts.replies, counts.likes, counts.reposts))
                fame[number] = sum(other <= got for other in others) / len(others)
        return fame


def _answered(posts: "Iterable[StoredPost]") -> frozenset[int]:
    """List the posts that somebody answered, as far as their platform says."""
    return frozenset(
        found.id
        for found in posts
        if found.post.answered or (found.post.answered is None and found.post.counts and found.post.counts.replies)
    )

"""Items being made of posts: what each says, why it is here, how long reading it takes and what it is worth."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from listener import summaries
from listener.briefing import (
    RANKED,
    BriefingRules,
    Choice,
    CircleItem,
    Heard,
    PersonItem,
    Pick,
    PostItem,
    Quote,
    Section,
    Served,
    Speaker,
    StoryItem,
    Topic,
)
from listener.excerpts import ago, author_of, count_words, excerpt, probabilities
from listener.people import People
from listener.timebox import Offer
from listener.types import Media, StoredPost

ITEM_S: Final = 4.0
"""Seconds to take in that a new item begins, and to decide about it, beside reading its words."""
LINE_S: Final = 1.0
"""The same for a line of a list."""
PICTURE_S: Final = 2.0
"""A glance at one picture."""
WATCHED_S: Final = 30.0
"""Most seconds that a sound or a film counts: a glance tells whether it is worth more."""
EXCERPT_WORDS: Final = 45
TITLE_WORDS: Final = 30
TOPIC_WORDS: Final = 12
LATEST_WORDS: Final = 16
LINKS: Final = 3
VOICES_NAMED: Final = 5
SUMMED: Final = 30
"""Stories, from the first, that are looked through for their best sentence and for opposing voices."""
SUMMARY_WORDS: Final = 40
TOPICS_LEAST: Final = 2
"""A circle with one topic only has it among the stories already."""
PEOPLE: Final = 5
"""Most people of the user's circles that are named, beside those whose words are shown."""
REPEATED: Final = 0.8
"""A sentence with so many of its words shown already is no summary."""
STORY_WORTH: Final = 2.0
"""A story against one post: several people took the trouble."""
CIRCLE_WORTH: Final = 0.5
"""Of each of its topics."""
PERSON_WORTH: Final = 0.1

Item = StoryItem | PostItem | CircleItem | PersonItem


class Made(NamedTuple):
    """An item that could be shown."""

    section: Section
    item: Item
    offer: Offer
    words: int
    story: int | None = None


class Maker:
    """Makes items of picks, and says what each costs and is worth."""

    def __init__(
        self,
        choice: Choice,
        posts: Mapping[int, StoredPost],
        now: datetime,
        rules: BriefingRules,
        feeds: Mapping[int, str],
        serves: Mapping[int, Served] | None,
        people: People,
        states: Mapping[int, str],
    ) -> None:
        self.choice, self.posts, self.now, self.rules = choice, posts, now, rules
        self.feeds, self.serves, self.people, self.states = feeds, serves, people, states
        self.short: Counter[tuple[Section, str]] = Counter()
        """How many were left out because their section is kept short."""
        # A short box holds shorter items rather than one of one section only.
        self.excerpt_words = int(min(EXCERPT_WORDS, max(15.0, rules.minutes * 15)))
        self._made: set[int] = set()
        """Posts that have their own item, so that none has two."""
        self._summed_up = 0
        self._acted: set[int] = set()
        """Stories that are among the leads or questions."""

    def section(self, section: Section) -> list[Made]:
        """Make all that a section could show, best first."""
        if section in RANKED:
            found = [one for pick in self.choice.picks[section] for one in self._ranked(section, pick)]
        elif section == "circles":
            found = [one for circle, picks in self.choice.circles.items() for one in self._circle(circle, picks)]
        elif section == "people":
            found = [one for heard in self.choice.heard for one in self._person(heard)][:PEOPLE]
        else:
            found = []
        most = self.rules.most.get(section)
        if most is not None and len(found) > most:
            self.short[section, "short"] += len(found) - most
            found = found[:most]
        return found

    # stories, leads, questions

    def _ranked(self, section: Section, pick: Pick) -> Iterable[Made]:
        stored = [self.posts[post] for post in pick.posts if post in self.posts]
        if section == "stories":
            stored.sort(key=self._telling)
        if not stored or (section != "stories" and pick.story in self._acted):
            return
        if section == "stories" and len({self.voice(one) for one in stored}) < 2 and not self._is_labelled(stored[0]):
            return  # one source repeating itself
        story = self._story(stored, pick)
        item: Item = story if section == "stories" else story.post
        self._made.add(stored[0].id)
        if section != "stories":
            self._acted.add(pick.story)
        tags = frozenset((section, *(f"circle {circle}" for circle in pick.circles)))
        words = words_of(item)
        worth = pick.worth * (STORY_WORTH if section == "stories" else 1.0)
        cost_s = ITEM_S + words * 60 / self.rules.words_per_minute + _media_s(stored[0].post.media)
        yield Made(section, item, Offer(worth, cost_s, self.voice(stored[0]), tags), words, pick.story)

    def _telling(self, stored: StoredPost) -> tuple[bool, bool, bool, int, int]:
        """Order a story's posts: what the user can act on first, then titles, then the longer text."""
        labels, thresholds = probabilities(stored), self.rules.thresholds
        return (
            labels.get("lead", 0.0) < thresholds["lead"],
            labels.get("question", 0.0) < thresholds["question"],
            stored.post.title is None,
            -min(len(stored.post.text), EXCERPT_WORDS * 6),
            stored.id,
        )

    def _is_labelled(self, stored: StoredPost) -> bool:
        return any(value >= self.rules.thresholds[label] for label, value in probabilities(stored).items())

    def _story(self, stored: Sequence[StoredPost], pick: Pick) -> StoryItem:
        said: dict[str, list[StoredPost]] = {}
        for post in stored:
            said.setdefault(self.voice(post), []).append(post)
        unknown = [self.voice(post) for post in stored if post.post.account is None]
        # Ranking took each post without an author for one more person; several of one feed are one source.
        people = pick.people - len(unknown) + len(set(unknown))
        platforms = tuple(sorted({post.post.platform for post in stored}))
        others = [posts for voice, posts in said.items() if voice != self.voice(stored[0])]
        why = self._why(stored[0], pick, people, len(platforms))
        item = self._item(stored[0], pick.story, why)
        speakers = tuple(map(self._speaker, others))[:VOICES_NAMED]
        return self._summed(StoryItem(item, people, platforms, speakers), stored)

    def _summed(self, story: StoryItem, stored: Sequence[StoredPost]) -> StoryItem:
        """Add the sentence that tells it best, where the shown post has none as good; and who disagrees."""
        if len(stored) < 2 or self._summed_up >= SUMMED:
            return story
        self._summed_up += 1
        voices = {post.id: self.voice(post) for post in stored}
        sentence = summaries.best(stored, story.post.title, voices)
        own = sentence is not None and sentence.post_id == story.post.post_id
        return replace(
            story,
            post=replace(story.post, text=excerpt(sentence.text, SUMMARY_WORDS)) if sentence and own else story.post,
            summary=None if sentence is None or own or _says(story.post, sentence) else self._quote(sentence),
            opposing=self._opposing(stored, voices),
        )

    def _opposing(self, stored: Sequence[StoredPost], voices: Mapping[int, str]) -> tuple[Quote, Quote] | None:
        found = summaries.opposing(stored, voices)
        return None if found is None else (self._quote(found[0]), self._quote(found[1]))

    def _quote(self, sentence: summaries.Sentence) -> Quote:
        stored = self.posts[sentence.post_id]
        return Quote(stored.id, self.name(stored), excerpt(sentence.text, SUMMARY_WORDS), stored.post.url)

    def _speaker(self, posts: Sequence[StoredPost]) -> Speaker:
        first = posts[0]
        where = ", ".join(dict.fromkeys(post.post.platform for post in posts))
        return Speaker(first.id, self.name(first), where, first.post.url)

    def voice(self, stored: StoredPost) -> str:
        """Name who speaks, so that a person's accounts are one; without an author, the feed."""
        account = stored.post.account
        if account is None:
            return f"feed {stored.feeds[0]}" if stored.feeds else f"post {stored.id}"
        person = self.people.person(self.choice.accounts.get(stored.id))
        return f"{account.platform}/{account.native_id}" if person is None else f"person {person.id}"

    def name(self, stored: StoredPost) -> str:
        """Name the author as the user does, else as they do themselves; without one, the feed."""
        person = self.people.person(self.choice.accounts.get(stored.id))
        if person is not None and not person.is_me:
            return person.name
        return author_of(stored) or self._titles(stored)[0]

    def _why(self, stored: StoredPost, pick: Pick, people: int, platforms: int) -> str:
        parts = [self._who(stored, pick, people)] if people > 1 or pick.known else []
        if platforms > 1:
            parts.append(f"{platforms} platforms")
        if pick.newest < self.rules.since:
            parts.append("there was no time for it before")
        if pick.joined:
            parts.append(f"{pick.joined} new voices since {self._since(pick)}")
        for label, value in probabilities(stored).items():
            if value >= self.rules.thresholds[label]:
                parts.append(f"{label} by your word" if label in stored.thumbs else f"{label} {value:.2f}")
        if stored.id in self.states:
            parts.append(self.states[stored.id])
        if stored.post.answered:
            parts.append("answered already")
        found = probabilities(stored).get("lead", 0.0) >= self.rules.thresholds["lead"]
        if self.serves is not None and (stored.id in self.serves or found):
            parts.append(serves(self.serves.get(stored.id)))
        return ", ".join([*parts, ago(stored.sort_at, self.now)])

    def _who(self, stored: StoredPost, pick: Pick, people: int) -> str:
        circles = ", ".join(
            f"{circle} {count}" if people > 1 else circle
            for circle, count in sorted(pick.circles.items(), key=lambda pair: (-pair[1], pair[0]))
        )
        if people < 2:
            return f"in your circle {circles}" if circles else "you know them"
        who = f"{people} {'people' if stored.post.account is not None else 'sources'}"
        if not pick.known:
            return who
        return f"{who}, {pick.known} of yours" + (f" ({circles})" if circles else "")

    def _since(self, pick: Pick) -> str:
        days = 0 if pick.told_at is None else (self.now.date() - pick.told_at.date()).days
        return "yesterday" if days == 1 else "this morning" if days == 0 else f"{days} days ago"

    def _titles(self, stored: StoredPost) -> tuple[str, ...]:
        return tuple(self.feeds.get(feed, f"feed {feed}") for feed in stored.feeds[:2]) or (stored.post.platform,)

    def _item(self, stored: StoredPost, story: int, why: str) -> PostItem:
        post = stored.post
        text = post.text
        if post.title and text.startswith(post.title):
            text = text[len(post.title) :].lstrip(" .:–—-\n")
        known = self.people.person(self.choice.accounts.get(stored.id))
        return PostItem(
            post_id=stored.id,
            story=story,
            platform=post.platform,
            title=excerpt(post.title, TITLE_WORDS) if post.title else None,
            text=excerpt(text, self.excerpt_words),
            url=post.url,
            links=post.links[:LINKS],
            author=author_of(stored) if known is None or known.is_me else known.name,
            author_url=post.account.url if post.account is not None else None,
            feeds=self._titles(stored),
            at=stored.sort_at,
            labels=probabilities(stored),
            why=why,
            licence=post.licence,
            serves=(self.serves or {}).get(stored.id),
        )

    # circles and people

    def _circle(self, circle: str, picks: Sequence[Pick]) -> Iterable[Made]:
        topics = [topic for pick in picks if (topic := self._topic(circle, pick)) is not None]
        if len(topics) < TOPICS_LEAST and self.rules.circle is None:
            return
        item = CircleItem(circle, tuple(topics), self._disagreement(circle, picks))
        words, tags = words_of(item), frozenset({"circles", f"circle {circle}"})
        cost_s = ITEM_S + len(topics) * LINE_S + words * 60 / self.rules.words_per_minute
        yield Made("circles", item, Offer(CIRCLE_WORTH * len(topics), cost_s, f"circle {circle}", tags), words)

    def _disagreement(self, circle: str, picks: Sequence[Pick]) -> tuple[Quote, Quote] | None:
        """Find what the circle's own people disagree on: the first topic in which two of them do."""
        for pick in picks:
            stored = [self.posts[post] for post in pick.posts if post in self.posts]
            own = [post for post in stored if circle in self.people.circles(self.choice.accounts.get(post.id))]
            found = self._opposing(own, {post.id: self.voice(post) for post in own}) if len(own) > 1 else None
            if found is not None:
                return found
        return None

    def _topic(self, circle: str, pick: Pick) -> Topic | None:
        stored = sorted((self.posts[post] for post in pick.posts if post in self.posts), key=self._telling)
        if not stored:
            return None
        post = stored[0].post
        headline = excerpt(post.title or post.text or self.name(stored[0]), TOPIC_WORDS)
        return Topic(stored[0].id, headline, pick.circles[circle], tuple(sorted(pick.circles.keys() - {circle})))

    def _person(self, heard: Heard) -> Iterable[Made]:
        stored = self.posts.get(heard.post)
        if stored is None or stored.id in self._made:
            return
        account = self.choice.accounts.get(stored.id)
        latest = Quote(
            stored.id, self.name(stored), excerpt(stored.post.title or stored.post.text, LATEST_WORDS), stored.post.url
        )
        item = PersonItem(
            latest.author, tuple(sorted(self.people.circles(account))), heard.posts, latest, stored.post.platform
        )
        words = words_of(item)
        cost_s = LINE_S + words * 60 / self.rules.words_per_minute
        worth = PERSON_WORTH * self.people.closeness(account) / 3
        yield Made("people", item, Offer(worth, cost_s, f"heard {heard.voice}", frozenset({"people"})), words)


def serves(found: Served | None) -> str:
    """Say which goal a post serves and why."""
    if found is None:
        return "serves no goal"
    if found.by_thumb:
        return f"serves: {found.goal} by your word"
    because = ", ".join(f"`{word}`" for word in found.because)
    return f"serves: {found.goal} {found.relevance:.1f}" + (f" because {because}" if because else "")


def words_of(item: Item) -> int:
    """Count the words that a reader of an item meets."""
    if isinstance(item, StoryItem):
        quotes = [quote for quote in (item.summary, *(item.opposing or ())) if quote is not None]
        return words_of(item.post) + count_words(*(voice.author for voice in item.voices), *map(_quoted, quotes))
    if isinstance(item, PostItem):
        return count_words(item.title, item.text, item.why, item.author, item.licence, *item.feeds)
    if isinstance(item, CircleItem):
        lines = [f"{topic.headline} {' '.join(topic.also_in)} {topic.people}" for topic in item.topics]
        return count_words(item.circle, *lines, *map(_quoted, item.opposing or ()))
    return count_words(item.name, *item.circles, item.latest.text, item.platform)


def _says(post: PostItem, sentence: summaries.Sentence) -> bool:
    """Tell a sentence that says nothing beside what is shown already."""
    said = summaries.terms(sentence.text)
    shown = summaries.terms(f"{post.title or ''} {post.text}")
    return len(said & shown) >= REPEATED * len(said)


def _quoted(quote: Quote) -> str:
    return f"{quote.text} {quote.author}"


def _media_s(media: Sequence[Media]) -> float:
    """Say how long a look at what belongs to a post takes."""
    return sum(PICTURE_S if one.duration_s is None else min(one.duration_s, WATCHED_S) for one in media[:3])

"""A briefing's minutes being filled: what is shown, how long reading it takes, and what had to be left out."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from listener.briefing import (
    ITEM_S,
    SECTIONS,
    Briefing,
    BriefingRules,
    Choice,
    LeftOut,
    Pick,
    PostItem,
    Section,
    Served,
    StoryItem,
    Voice,
)
from listener.types import LABELS, Label, StoredPost

FRAME_S: Final = 12.0
"""Seconds for the heading and the end."""
EXCERPT_WORDS: Final = 45
PER_PERSON: Final = 2
"""Most items of one person or source in a section."""
TITLE_WORDS: Final = 30
LINKS: Final = 3
VOICES_NAMED: Final = 5

Reason = Literal["time", "person"]
REASONS: Final[tuple[Reason, ...]] = ("time", "person")

_SENTENCE: Final = re.compile(r"[.!?…。！？]['\"”’)]?(?= |$)")


def compose(
    choice: Choice,
    posts: Mapping[int, StoredPost],
    now: datetime,
    rules: BriefingRules,
    *,
    feeds: Mapping[int, str],
    failing: Sequence[str] = (),
    serves: Mapping[int, Served] | None = None,
) -> Briefing:
    """Fill the minutes from `posts`, one item of each section in turn, so that no section starves.

    `feeds`: number to title; `serves`: post to the goal it serves, None where there are no goals.
    No story and no post appears twice; posts that are gone are passed over.
    """
    box = TimeBox(posts, now, rules, feeds, serves)
    queues = {section: list(reversed(choice.picks[section])) for section in SECTIONS}
    while any(queues.values()):
        for section in SECTIONS:
            if queues[section]:
                box.offer(section, queues[section].pop())
    return Briefing(
        now=now,
        since=rules.since,
        minutes=rules.minutes,
        stories=tuple(box.taken["stories"]),
        leads=tuple(item.post for item in box.taken["leads"]),
        questions=tuple(item.post for item in box.taken["questions"]),
        left_out=_left_out(box, choice),
        seen=choice.seen,
        words=box.words,
        seconds=box.seconds,
        sources_failing=tuple(failing),
    )


def _left_out(box: "TimeBox", choice: Choice) -> tuple[LeftOut, ...]:
    left = box.left + Counter({(section, "time"): choice.left[section] for section in SECTIONS})
    found = [LeftOut(section, reason, left[section, reason]) for section in SECTIONS for reason in REASONS]
    return tuple(item for item in (*found, LeftOut("other posts", "chatter", choice.chatter)) if item.count)


class TimeBox:
    """So many minutes, and what is in them so far."""

    def __init__(
        self,
        posts: Mapping[int, StoredPost],
        now: datetime,
        rules: BriefingRules,
        feeds: Mapping[int, str],
        serves: Mapping[int, Served] | None = None,
    ) -> None:
        self.posts, self.now, self.rules, self.feeds, self.serves = posts, now, rules, feeds, serves
        self.taken: dict[Section, list[StoryItem]] = {section: [] for section in SECTIONS}
        self.left: Counter[tuple[Section, Reason]] = Counter()
        self.words = 0
        self.seconds = FRAME_S
        # A short box holds shorter items rather than one of one section only.
        self.excerpt_words = int(min(EXCERPT_WORDS, max(15.0, rules.minutes * 15)))
        self._told: set[int] = set()
        self._by_person: Counter[tuple[Section, str]] = Counter()

    def offer(self, section: Section, pick: Pick) -> None:
        """Take a pick in if it is not told yet, its person has room, and it fits the time."""
        stored = sorted((self.posts[post] for post in pick.posts if post in self.posts), key=self._telling)
        if not stored or pick.story in self._told:
            return
        person = _person(stored[0])
        item = self._story(stored, pick)
        if section == "stories" and item.people < 2 and not self._is_labelled(stored[0]):
            return  # one source repeating itself
        if self._by_person[section, person] >= PER_PERSON:
            self.left[section, "person"] += 1
        elif not self._fits(item):
            self.left[section, "time"] += 1
        else:
            self.taken[section].append(item)
            self._told.add(pick.story)
            self._by_person[section, person] += 1

    def _fits(self, item: StoryItem) -> bool:
        post = item.post
        names = [voice.author for voice in item.voices]
        words = count_words(post.title, post.text, post.why, post.author, post.licence, *post.feeds, *names)
        seconds = self.seconds + ITEM_S + words * 60 / self.rules.words_per_minute
        if seconds > self.rules.minutes * 60:
            return False
        self.words, self.seconds = self.words + words, seconds
        return True

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
        told_by = {_person(post): post for post in reversed(stored)}
        unknown = [_person(post) for post in stored if post.post.account is None]
        # Ranking took each post without an author for one more person; several of one feed are one source.
        people = max(len(told_by), pick.people - len(unknown) + len(set(unknown)))
        platforms = tuple(sorted({post.post.platform for post in stored}))
        told_by.pop(_person(stored[0]))
        voices = tuple(
            Voice(post.id, author_of(post) or self._titles(post)[0], post.post.platform, post.post.url)
            for post in reversed(told_by.values())
        )
        why = self._why(stored[0], people, len(platforms))
        return StoryItem(self._item(stored[0], pick.story, why), people, platforms, voices[:VOICES_NAMED])

    def _why(self, stored: StoredPost, people: int, platforms: int) -> str:
        parts = []
        if people > 1:
            parts.append(f"{people} {'people' if stored.post.account is not None else 'sources'}")
        if platforms > 1:
            parts.append(f"{platforms} platforms")
        for label, value in probabilities(stored).items():
            if value >= self.rules.thresholds[label]:
                parts.append(f"{label} by your word" if label in stored.thumbs else f"{label} {value:.2f}")
        found = probabilities(stored).get("lead", 0.0) >= self.rules.thresholds["lead"]
        if self.serves is not None and (stored.id in self.serves or found):
            parts.append(serves(self.serves.get(stored.id)))
        return ", ".join([*parts, ago(stored.sort_at, self.now)])

    def _titles(self, stored: StoredPost) -> tuple[str, ...]:
        return tuple(self.feeds.get(feed, f"feed {feed}") for feed in stored.feeds[:2]) or (stored.post.platform,)

    def _item(self, stored: StoredPost, story: int, why: str) -> PostItem:
        post = stored.post
        text = post.text
        if post.title and text.startswith(post.title):
            text = text[len(post.title) :].lstrip(" .:–—-\n")
        return PostItem(
            post_id=stored.id,
            story=story,
            platform=post.platform,
            title=excerpt(post.title, TITLE_WORDS) if post.title else None,
            text=excerpt(text, self.excerpt_words),
            url=post.url,
            links=post.links[:LINKS],
            author=author_of(stored),
            author_url=post.account.url if post.account is not None else None,
            feeds=self._titles(stored),
            at=stored.sort_at,
            labels=probabilities(stored),
            why=why,
            licence=post.licence,
            serves=(self.serves or {}).get(stored.id),
        )


def serves(found: Served | None) -> str:
    """Say which goal a post serves and why."""
    if found is None:
        return "serves no goal"
    if found.by_thumb:
        return f"serves: {found.goal} by your word"
    because = ", ".join(f"`{word}`" for word in found.because)
    return f"serves: {found.goal} {found.relevance:.1f}" + (f" because {because}" if because else "")


def ago(at: datetime, now: datetime) -> str:
    """Say how long ago in the largest whole unit: `now`, `5 min ago`, `2 h ago`, `3 d ago`, then the date."""
    minutes = int((now - at).total_seconds() // 60)
    if minutes < 1:
        return "now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{minutes // 1440} d ago" if minutes < 60 * 1440 else at.date().isoformat()


def excerpt(text: str, words: int) -> str:
    """Give the beginning of a text as one line: at most `words` words, up to a sentence's end if one is near."""
    characters = words * 9  # scripts without spaces are bounded too
    parts = text[: characters * 4].split(maxsplit=words)
    whole = len(parts) <= words and len(text) <= characters * 4
    head = " ".join(parts[:words])
    if whole and len(head) <= characters:
        return head
    head = head[:characters]
    ends = [match.end() for match in _SENTENCE.finditer(head)]
    if ends and ends[-1] >= len(head) // 2:
        return head[: ends[-1]]
    return head.rstrip(" ,;:–—-") + " …"


def count_words(*texts: str | None) -> int:
    """Count words as a reader meets them; eight characters without a space are one, too."""
    return sum(max(len(text.split()), len(text) // 8) for text in texts if text)


def probabilities(stored: StoredPost) -> dict[Label, float]:
    """Give a post's labels as the user sees them: their own word is 1 or 0, and outranks the score."""
    found: dict[Label, float] = {label: stored.scores[label] for label in LABELS if label in stored.scores}
    return found | {label: float(value) for label, value in stored.thumbs.items()}


def author_of(stored: StoredPost) -> str | None:
    """Name the author as people know them; None: nobody says."""
    account = stored.post.account
    return None if account is None else account.name or account.handle or account.native_id


def _person(stored: StoredPost) -> str:
    account = stored.post.account
    if account is not None:
        return f"{account.platform}/{account.native_id}"
    return f"feed {stored.feeds[0]}" if stored.feeds else f"post {stored.id}"

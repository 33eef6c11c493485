"""The words all renderings share: lines that are harmless to show, the heading, the reasons, the end.

Every text is hostile: controls, bidirectional overrides and invisible characters go, addresses must be `urls.safe`.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from listener import urls
from listener.briefing import (
    Briefing,
    CircleItem,
    LeftOut,
    PersonItem,
    PostItem,
    Quote,
    Section,
    Speaker,
    StoryItem,
    Topic,
)

_LINE_ENDS: Final = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Controls, bidirectional marks and overrides, invisible fillers and tags, lone surrogates.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff\ud800-\udfff]"
)


MEASURED: Final = ("en", "es", "de", "fr", "pt", "nl")
"""Languages in which the classifier was measured."""


def is_weak(lang: str | None) -> bool:
    """Tell a language in which nobody measured the classifier: its scores are weak there."""
    return lang is not None and lang.lower().replace("_", "-").split("-")[0] not in MEASURED


def plain(text: str) -> str:
    """Make a text one harmless line."""
    return " ".join(lines(text).split())


def lines(text: str) -> str:
    """Make a text harmless, keeping its line breaks and tabs."""
    return _UNSEEN.sub("", _LINE_ENDS.sub("\n", text))


def heading(briefing: Briefing) -> str:
    """Name the day, and how long reading takes."""
    day = f"{briefing.now:%A}, {briefing.now.day} {briefing.now:%B %Y}"
    name = f"Your {plain(briefing.circle)} briefing" if briefing.circle else "Your briefing"
    return f"{name} · {day} · {_minutes(briefing) if sections(briefing) else 'nothing to read'}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line, where it leads, and the number of the post that it is about."""

    text: str
    url: str | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One item as every form shows it. Its texts are as they came: each form makes them harmless."""

    head: Line
    about: str = ""
    text: str = ""
    lines: tuple[Line, ...] = ()
    links: tuple[str, ...] = ()
    is_titled: bool = True
    """False: the head is only who said it."""
    also: tuple[Line, ...] = ()
    """Who else talks about it."""


TITLES: Final[Mapping[Section, str]] = {
    "stories": "What people talk about",
    "circles": "Water coolers",
    "leads": "Leads",
    "questions": "Questions you can answer",
    "people": "Also heard from your people",
}


def sections(briefing: Briefing) -> list[tuple[str, list[Entry]]]:
    """List what a briefing holds in its order, without empty sections."""
    entries: dict[Section, list[Entry]] = {
        "stories": [_story(item) for item in briefing.stories],
        "circles": [_circle(item) for item in briefing.circles],
        "leads": [_post(item) for item in briefing.leads],
        "questions": [_post(item) for item in briefing.questions],
        "people": [_person(item) for item in briefing.people],
    }
    return [(TITLES[name], entries[name]) for name in briefing.sections if entries.get(name)]


def _post(post: PostItem) -> Entry:
    head = Line(headline(post), post.url, post.post_id)
    return Entry(head, about(post), post.text, links=links(*post.links), is_titled=bool(post.title))


def _story(item: StoryItem) -> Entry:
    lines = [] if item.summary is None else [_quoted(item.summary)]
    lines += _disagreement(item.opposing)
    also = tuple(Line(voice(one), one.url, one.post_id) for one in item.voices)
    return replace(_post(item.post), lines=tuple(lines), also=also)


def _circle(item: CircleItem) -> Entry:
    topics = [Line(_topic(topic), None, topic.post_id) for topic in item.topics]
    return Entry(Line(item.circle), lines=(*topics, *_disagreement(item.opposing)))


def _topic(topic: Topic) -> str:
    where = f", also in {', '.join(topic.also_in)}" if topic.also_in else ""
    return f"{plain(topic.headline)} · {topic.people} of them{plain(where)}"


def _person(item: PersonItem) -> Entry:
    facts = (", ".join(item.circles), counted(item.posts, "post"), item.platform)
    about = " · ".join(plain(fact) for fact in facts if fact)
    return Entry(Line(plain(item.name), item.latest.url, item.latest.post_id), about, item.latest.text, is_titled=False)


def _quoted(quote: Quote, before: str = "") -> Line:
    return Line(f"{before}“{plain(quote.text)}” {plain(quote.author)}", quote.url, quote.post_id)


def _disagreement(opposing: tuple[Quote, Quote] | None) -> list[Line]:
    return [] if opposing is None else [_quoted(opposing[0], "they disagree: "), _quoted(opposing[1], "against: ")]


def ending(briefing: Briefing) -> list[str]:
    """Say that this is all, what was left out and why, who could not be heard; or what to do when nothing came."""
    out = []
    if not briefing.seen:
        out += ["Nothing came in.", "Ask your feeds: listener poll", "Add one: listener feeds add ADDRESS"]
    elif not sections(briefing):
        out.append(f"{counted(briefing.seen, 'post')} came in; no story, lead or question among them is left for you.")
        out.append("See them all: listener posts")
    else:
        out.append(f"You are done: {counted(briefing.words, 'word')} from {counted(briefing.seen, 'post')}.")
        if briefing.left_out:
            out.append("Left out: " + "; ".join(_left(left) for left in briefing.left_out) + ".")
    if briefing.sources_failing:
        out.append("Not heard: " + "; ".join(plain(source) for source in briefing.sources_failing) + ".")
    return out


def _left(left: LeftOut) -> str:
    if left.reason == "chatter":
        return f"{counted(left.count, 'post')} that {'is' if left.count == 1 else 'are'} none of these"
    what = {"stories": "story", "leads": "lead", "questions": "question"}[left.what]
    why = {"time": "no time", "person": "by somebody shown twice already", "short": "kept short"}[left.reason]
    return f"{counted(left.count, what)} ({why})"


def counted(number: int, noun: str) -> str:
    """Say how many: `1 post`, `2 posts`, `0 stories`, `3 days`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1] + 'ies' if re.search('[^aeiou]y$', noun) else noun + 's'}"


def _minutes(briefing: Briefing) -> str:
    taken = max(math.ceil(briefing.seconds / 60), 1)
    return f"{taken} of {counted(round(briefing.minutes), 'minute')}"


def headline(post: PostItem) -> str:
    """Say what or who stands over an item: its title, or the author of a post without one."""
    return plain(post.title or "") or plain(post.author or "") or post.platform


def about(post: PostItem) -> str:
    """Say in one line why a post is here, whose it is, and where it was heard."""
    feeds = [feed for feed in post.feeds if feed != post.author]
    author = post.author if post.title else None  # else it is the headline
    parts = (post.why, author, f"in {', '.join(feeds)}" if feeds else None, post.licence)
    return " · ".join(plain(part) for part in parts if part)


def voice(voice: Speaker) -> str:
    """Name one who talks about the same."""
    return plain(f"{voice.author} ({voice.platform})")


def links(*candidates: str | None) -> tuple[str, ...]:
    """Keep the addresses that may be shown, each once."""
    return tuple(dict.fromkeys(url for candidate in candidates if (url := urls.safe(candidate)) is not None))

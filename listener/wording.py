"""The words all renderings share: lines that are harmless to show, the heading, the reasons, the end.

Every text is hostile: controls, bidirectional overrides and invisible characters go, addresses must be `urls.safe`.
"""

import math
import re
from collections.abc import Sequence
from typing import Final

from listener import urls
from listener.briefing import Briefing, LeftOut, PostItem, Speaker, StoryItem

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
    return f"Your briefing · {day} · {_minutes(briefing) if _items(briefing) else 'nothing to read'}"


def sections(briefing: Briefing) -> list[tuple[str, Sequence[StoryItem] | Sequence[PostItem]]]:
    """List what a briefing holds, without empty sections."""
    found: list[tuple[str, Sequence[StoryItem] | Sequence[PostItem]]] = [
        ("What people talk about", briefing.stories),
        ("Leads", briefing.leads),
        ("Questions", briefing.questions),
    ]
    return [(title, items) for title, items in found if items]


def _items(briefing: Briefing) -> int:
    return len(briefing.stories) + len(briefing.leads) + len(briefing.questions)


def ending(briefing: Briefing) -> list[str]:
    """Say that this is all, what was left out and why, who could not be heard; or what to do when nothing came."""
    out = []
    if not briefing.seen:
        out += ["Nothing came in.", "Ask your feeds: listener poll", "Add one: listener feeds add ADDRESS"]
    elif not _items(briefing):
        out.append(f"{counted(briefing.seen, 'post')} came in, none of them a story, a lead or a question.")
        out.append("See them all: listener posts")
    else:
        out.append(f"That is all: {counted(briefing.words, 'word')} from {counted(briefing.seen, 'post')}.")
        if briefing.left_out:
            out.append("Left out: " + "; ".join(_left(left) for left in briefing.left_out) + ".")
    if briefing.sources_failing:
        out.append("Not heard: " + "; ".join(plain(source) for source in briefing.sources_failing) + ".")
    return out


def _left(left: LeftOut) -> str:
    if left.reason == "chatter":
        return f"{counted(left.count, 'post')} that {'is' if left.count == 1 else 'are'} none of these"
    what = {"stories": "story", "leads": "lead", "questions": "question"}[left.what]
    why = "no time" if left.reason == "time" else "by somebody shown twice already"
    return f"{counted(left.count, what)} ({why})"


def counted(number: int, noun: str) -> str:
    """Say how many: `1 post`, `2 posts`, `0 stories`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1] + 'ies' if noun.endswith('y') else noun + 's'}"


def _minutes(briefing: Briefing) -> str:
    taken = max(math.ceil(briefing.seconds / 60), 1)
    return f"{taken} of {counted(round(briefing.minutes), 'minute')}"


def headline(post: PostItem) -> str:
    """Say what or who stands over an item: its title, or the author of a post without one."""
    return plain(post.title or "") or plain(post.author or "") or post.platform


def post_and_voices(item: StoryItem | PostItem) -> tuple[PostItem, tuple[Speaker, ...]]:
    """Take a story apart; a lead or a question has no voices."""
    return (item.post, item.voices) if isinstance(item, StoryItem) else (item, ())


def about(post: PostItem) -> str:
    """Say in one line why a post is here, whose it is, and where it was heard."""
    feeds = [feed for feed in post.feeds if feed != post.author]
    author = post.author if post.title else None  # else it is the headline
    parts = (post.why, author, f"in {', '.join(feeds)}" if feeds else None, post.licence)
    return " · ".join(plain(part) for part in parts if part)


def voice(voice: Speaker) -> str:
    """Name one who talks about the same."""
    return plain(f"{voice.author} ({voice.platform})")


def also(voices: Sequence[Speaker]) -> str:
    """Name the others who talk about the same."""
    return "also: " + ", ".join(voice(one) for one in voices)


def links(*candidates: str | None) -> tuple[str, ...]:
    """Keep the addresses that may be shown, each once."""
    return tuple(dict.fromkeys(url for candidate in candidates if (url := urls.safe(candidate)) is not None))

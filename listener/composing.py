"""The minutes being filled with items, and what had to be left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from listener.briefing import (
    RANKED,
    Briefing,
    BriefingRules,
    Choice,
    CircleItem,
    LeftOut,
    PersonItem,
    PostItem,
    Quote,
    Section,
    Served,
    StoryItem,
    Topical,
)
from listener.excerpts import count_words, excerpt
from listener.items import LINE_S, SUMMARY_WORDS, Item, Made, Maker, words_of
from listener.people import People
from listener.timebox import PER_VOICE, fill
from listener.types import StoredPost

FRAME_S: Final = 12.0
"""Seconds for the heading and the end."""
CHART_S: Final = 3.0
"""A look at the numbers of one thing."""
FAILING: Final = 5
"""Most feeds that are said to be unheard."""
ROUNDING_S: Final = 1e-6


def compose(
    choice: Choice,
    posts: Mapping[int, StoredPost],
    now: datetime,
    rules: BriefingRules,
    *,
    feeds: Mapping[int, str],
    failing: Sequence[str] = (),
    serves: Mapping[int, Served] | None = None,
    people: People | None = None,
    numbers: Sequence[Topical] = (),
    states: Mapping[int, str] | None = None,
) -> Briefing:
    """Fill the minutes from `posts`; no story and no post appears twice, posts that are gone are passed over.

    `feeds`: number to title; `serves`: post to the goal it serves, None where there are no goals; `states`: post to
    what is done about it.
    """
    maker = Maker(choice, posts, now, rules, feeds, serves, people or People(), states or {})
    made = [one for section in rules.sections for one in maker.section(section)]
    failing = _shortened(failing) if "sources" in rules.sections else ()
    words = count_words(*failing)
    numbers = numbers if "numbers" in rules.sections else ()
    frame = FRAME_S + len(failing) * LINE_S + words * 60 / rules.words_per_minute + len(numbers) * CHART_S
    taken = _taken(made, rules.minutes * 60 - frame - ROUNDING_S)
    shown = [made[place] for place in taken]
    of: dict[Section, list[Item]] = {section: [] for section in rules.sections}
    for one in shown:
        of[one.section].append(one.item)
    return Briefing(
        now=now,
        since=rules.since,
        minutes=rules.minutes,
        stories=tuple(item for item in of.get("stories", ()) if isinstance(item, StoryItem)),
        leads=tuple(item for item in of.get("leads", ()) if isinstance(item, PostItem)),
        questions=tuple(item for item in of.get("questions", ()) if isinstance(item, PostItem)),
        left_out=_left_out(made, taken, maker, choice),
        seen=choice.seen,
        words=words + sum(one.words for one in shown),
        seconds=frame + sum(one.offer.cost_s for one in shown),
        sources_failing=tuple(failing),
        circles=tuple(item for item in of.get("circles", ()) if isinstance(item, CircleItem)),
        people=tuple(item for item in of.get("people", ()) if isinstance(item, PersonItem)),
        sections=rules.sections,
        circle=rules.circle,
        numbers=tuple(numbers),
    )


def _shortened(failing: Sequence[str]) -> Sequence[str]:
    more = len(failing) - FAILING
    return failing if more <= 0 else [*failing[:FAILING], f"{more} more: listener feeds"]


def _taken(made: Sequence[Made], seconds: float) -> list[int]:
    """Choose; a lead inside a story that found no place may come on its own, and nobody is named who is shown."""
    told = {one.story for one in made if one.section == "stories"}
    first = [place for place, one in enumerate(made) if one.section == "stories" or one.story not in told]
    offers = [made[place].offer for place in first]
    taken = [first[place] for place in fill(offers, seconds)]
    left = seconds - sum(made[place].offer.cost_s for place in taken)
    voices = Counter(made[place].offer.voice for place in taken)
    shown = {made[place].story for place in taken}
    for place, one in enumerate(made):
        if place in first or one.story in shown:
            continue
        if one.offer.cost_s <= left and voices[one.offer.voice] < PER_VOICE:
            taken.append(place)
            left -= one.offer.cost_s
            voices[one.offer.voice] += 1
            shown.add(one.story)
    return sorted(taken)


def _left_out(made: Sequence[Made], taken: Sequence[int], maker: "Maker", choice: Choice) -> tuple[LeftOut, ...]:
    voices = Counter(made[place].offer.voice for place in taken)
    shown = {made[place].story for place in taken}
    left: Counter[tuple[Section, str]] = Counter(maker.short)
    for place, one in enumerate(made):
        if place not in taken and one.section in RANKED and one.story not in shown:
            left[one.section, "person" if voices[one.offer.voice] >= PER_VOICE else "time"] += 1
    for section in RANKED:
        left[section, "time"] += choice.left.get(section, 0) if section in maker.rules.sections else 0
    found = [
        LeftOut(section, reason, left[section, reason])
        for section in RANKED
        for reason in ("time", "person", "short")
        if left[section, reason]
    ]
    return (*found, *([LeftOut("other posts", "chatter", choice.chatter)] if choice.chatter else ()))


def resummed(briefing: Briefing, place: int, text: str, author: str, words_per_minute: float) -> Briefing:
    """Give a story another summary, written by `author`; the briefing stays as it is where the minutes have no room."""
    item = briefing.stories[place]
    told = replace(item, summary=Quote(item.post.post_id, author, excerpt(text, SUMMARY_WORDS), item.post.url))
    more = words_of(told) - words_of(item)
    seconds = briefing.seconds + more * 60 / words_per_minute
    if seconds > briefing.minutes * 60:
        return briefing
    stories = (*briefing.stories[:place], told, *briefing.stories[place + 1 :])
    return replace(briefing, stories=stories, words=briefing.words + more, seconds=seconds)

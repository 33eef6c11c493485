"""The same voice: one person's cross-posts on several platforms, which are one item and count once.

Only accounts of one person are compared, and what somebody says of another's words never merges.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from difflib import SequenceMatcher
from typing import Final

from listener import telling
from listener.people import People
from listener.types import StoredPost

WITHIN: Final = timedelta(hours=48)
ALIKE: Final = 0.75
"""Least share of their words, in order, that two posts of one person have in common to be the same."""
SHORT: Final = 4
"""Posts with fewer words are the same only word for word."""


def same(posts: Iterable[StoredPost], accounts: Mapping[int, int | None], people: People) -> dict[int, int]:
    """Give each story that is only a cross-post of an older one: its number to the older one's.

    `accounts`: post to the store's number of its author.
    """
    spoken: dict[int, list[StoredPost]] = {}
    for stored in posts:
        person = people.person(accounts.get(stored.id))
        if person is not None and stored.post.kind != "repost":
            spoken.setdefault(person.id, []).append(stored)
    found: dict[int, int] = {}
    for said in spoken.values():
        for later, earlier in _repeats(said):
            old, young = sorted((_end(found, _story(earlier)), _end(found, _story(later))))
            if old != young:
                found[young] = old
    return {young: _end(found, young) for young in found}


def _repeats(said: list[StoredPost]) -> Iterable[tuple[StoredPost, StoredPost]]:
    words = {stored.id: telling.read(stored.post).words for stored in said}
    said.sort(key=lambda stored: (stored.sort_at, stored.id))
    for place, earlier in enumerate(said):
        for later in said[place + 1 :]:
            if later.sort_at - earlier.sort_at > WITHIN:
                break
            if later.post.platform != earlier.post.platform and _alike(words[earlier.id], words[later.id]):
                yield later, earlier


def _alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if not one or not other:
        return False
    if min(len(one), len(other)) < SHORT:
        return one == other
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.real_quick_ratio() >= ALIKE and matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE


def _story(stored: StoredPost) -> int:
    return stored.id if stored.story is None else stored.story


def _end(found: Mapping[int, int], story: int) -> int:
    while story in found:
        story = found[story]
    return story

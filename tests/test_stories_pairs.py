"""Pairs of posts that are one story and that are not: how many come out right, each half in a store of its own."""

from collections import Counter
from pathlib import Path

import pytest

from bench.stories import HALVES, pairs, world

PRECISION = 0.98
RECALL = 0.90


@pytest.mark.parametrize("half", HALVES)
def test_alike_pairs_are_joined_and_unlike_ones_are_not(half: str, tmp_path: Path) -> None:
    alike, unlike = pairs("alike", half), pairs("unlike", half)
    found = world((post for _, *both in (*alike, *unlike) for post in both), tmp_path)

    def joined(kind_and_pair):
        _, one, other = kind_and_pair
        return found[one.platform, one.native_id][0] == found[other.platform, other.native_id][0]

    right, wrong = sum(map(joined, alike)), sum(map(joined, unlike))
    assert right / (right + wrong) >= PRECISION
    assert right / len(alike) >= RECALL


def test_there_are_enough_pairs_of_every_kind():
    alike = [pair for half in HALVES for pair in pairs("alike", half)]
    unlike = [pair for half in HALVES for pair in pairs("unlike", half)]
    assert len(alike) >= 500
    assert len(unlike) >= 2_000
    kinds = Counter(kind for kind, *_ in unlike)
    hard = {"follow-up", "headline series", "joke again", "quoted in a reply", "job advert", "release notes"}
    assert all(kinds[kind] >= 50 for kind in hard | {"weather bot", "greeting", "other place", "same topic"})


@pytest.mark.parametrize("half", HALVES)
def test_no_post_is_in_both_lists_twice_over(half: str) -> None:
    def names(name: str) -> set[frozenset[str]]:
        return {frozenset((a.native_id, b.native_id)) for _, a, b in pairs(name, half)}

    assert not names("alike") & names("unlike")

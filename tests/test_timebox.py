"""The box of minutes: never over its time, at most two of a voice, nothing missing that fits, worth the most."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from listener.timebox import PER_VOICE, Offer, fill


def random_offers(dice: random.Random, count: int) -> list[Offer]:
    return [
        Offer(
            dice.random() ** dice.choice([1, 3]),
            dice.uniform(5, 60),
            dice.choice("abcdefgh"),
            frozenset(tag for tag in ("stories", "leads", "circle a", "circle b") if dice.random() < 0.25),
        )
        for _ in range(count)
    ]


def worth(offers: Sequence[Offer], taken: Sequence[int]) -> tuple[int, float]:
    """What a choice covers, then what it is worth."""
    return len({tag for n in taken for tag in offers[n].tags}), sum(offers[n].value for n in taken)


def is_allowed(offers: Sequence[Offer], taken: Sequence[int], seconds: float) -> bool:
    voices = Counter(offers[n].voice for n in taken)
    return sum(offers[n].cost_s for n in taken) <= seconds and all(count <= PER_VOICE for count in voices.values())


def best(offers: Sequence[Offer], seconds: float) -> tuple[int, float]:
    """Try every choice there is."""
    ways = ([n for n in range(len(offers)) if mask >> n & 1] for mask in range(1 << len(offers)))
    return max(worth(offers, way) for way in ways if is_allowed(offers, way, seconds))


def test_small_boxes_are_within_five_percent_of_the_best_there_is():
    missed = 0
    for seed in range(120):
        dice = random.Random(seed)
        offers, seconds = random_offers(dice, dice.randrange(1, 10)), dice.uniform(20, 220)
        covered, value = worth(offers, fill(offers, seconds))
        covers, most = best(offers, seconds)
        missed += covered < covers
        assert covered < covers or value >= 0.95 * most
    assert missed <= 1


@pytest.mark.parametrize("count", [11, 40, 150])
def test_no_box_is_overfilled_and_nobody_has_a_third_place(count):
    for seed in range(10):
        dice = random.Random(seed)
        offers, seconds = random_offers(dice, count), dice.uniform(20, 900)
        taken = fill(offers, seconds)
        assert is_allowed(offers, taken, seconds)
        assert taken == sorted(set(taken))


def test_every_tag_has_its_place_where_all_fit():
    offers = [Offer(9.0, 10, f"v{n}", frozenset({"stories"})) for n in range(20)]
    offers += [Offer(0.001, 25, "x", frozenset({"circle"})), Offer(0.001, 30, "y", frozenset({"leads"}))]
    assert {20, 21} <= set(fill(offers, 60))


def test_an_empty_box_and_no_offers_give_nothing():
    assert fill([], 60) == []
    assert fill([Offer(1, 10, "a")], 0) == []
    assert fill([Offer(1, 10, "a")], 9.99) == []
    assert fill([Offer(1, 10, "a")], 10) == [0]

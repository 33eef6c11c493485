import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import stories

TEXT = (
    "The harbour town has opened its tide tables for everyone: forty years of readings, one file for each gauge, "
    "under a free licence, with a short note on how the oldest pages were typed in by hand last winter"
)
INT64 = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    "copy",
    [
        TEXT.upper(),
        TEXT.replace(",", " –").replace(":", "!"),
        f"RT @somebody: {TEXT}",
        f"{TEXT} https://example.test/a?b=c",
        f"https://example.test/ {TEXT} #tides #opendata",
        TEXT.replace(" ", "\n  "),
        f"{TEXT} and then it goes on for many more words that a shorter platform had no room for",
    ],
)
def test_copies_of_a_text_are_near(copy):
    assert stories.near(stories.simhash(TEXT), stories.simhash(copy))


def test_different_texts_about_one_thing_are_not_near():
    other = "Our harbour has published forty years of tides under a free licence, and the old pages were typed by hand"
    assert not stories.near(stories.simhash(TEXT), stories.simhash(other))


def test_random_texts_are_never_near():
    dice = random.Random(3)
    words = [f"word{n}" for n in range(3_000)]
    prints = [stories.simhash(" ".join(dice.choices(words, k=30))) for _ in range(300)]
    assert not any(stories.near(a, b) for n, a in enumerate(prints) for b in prints[:n])


@pytest.mark.parametrize(
    "text", ["", "good morning", "one two three four five six seven", "@a @b " * 9, "https://x.test/a " * 9]
)
def test_texts_that_say_too_little_are_not_compared(text):
    assert stories.simhash(text) is None


def test_scripts_without_spaces_are_compared_too():
    text = "港町は四十年分の潮位表を公開しました。古い記録は手で入力されました。"
    assert stories.near(stories.simhash(text), stories.simhash(text + " #潮"))
    assert stories.simhash("短い文") is None


def test_a_print_is_the_same_in_every_process_and_fits_64_bits():
    # A changed value means that stored prints no longer compare: it needs a migration.
    assert stories.simhash(TEXT) == GOLDEN
    assert all(stories.simhash(f"{TEXT} {n}"[n:]) in range(-(2**63), 2**63) for n in range(50))


GOLDEN = -5520315711185879966


@given(st.text(max_size=400))
def test_any_text_has_a_print_or_none(text):
    found = stories.simhash(text * 3)
    assert found is None or -(2**63) <= found < 2**63


@given(INT64, st.sets(st.integers(0, 63), max_size=6))
def test_near_prints_share_a_band(left, flipped):
    right = left
    for bit in flipped:
        right ^= -(2**63) if bit == 63 else 1 << bit
    assert stories.near(left, right) == (len(flipped) <= 3)
    shared = set(stories.bands(left)) & set(stories.bands(right))
    assert shared or len(flipped) > 3


@given(INT64)
def test_bands_say_which_they_are(value):
    keys = stories.bands(value)
    assert [key >> 16 for key in keys] == [0, 1, 2, 3]
    assert sum((key & 0xFFFF) << (16 * band) for band, key in enumerate(keys)) == value % 2**64


@pytest.mark.parametrize("pattern", ["a", "a ", "@a ", "#a ", "RT ", "港", "https://", "é\u0301", " ", "_"])
def test_printing_takes_linear_time(pattern):
    def seconds(length):
        text, taken = "start of words " + pattern * (length // len(pattern)), []
        for _ in range(5):
            start = time.process_time()
            stories.simhash(text)
            taken.append(time.process_time() - start)
        return min(taken)

    assert seconds(100_000) < 3 * max(seconds(50_000), 0.002)

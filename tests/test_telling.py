"""What a post tells: names, numbers, languages, forms, and what speaks against two posts being one story."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import telling
from listener.types import Post

HOUR = 3_600_000
HEADLINE = "Fenwick Bank fined 34 million for late money-laundering checks"
REWORDED = "34 million penalty: regulator fines Fenwick Bank over money laundering"


def read(text: str, title: str | None = None, **rest: object) -> telling.Telling:
    return telling.read(Post("p", "1", text=text, title=title, **rest))  # type: ignore[arg-type]


def like(one: str, other: str, hours: float = 1, *, same_voice: bool = False) -> str | None:
    return telling.likeness(read(one), read(other), round(hours * HOUR), same_voice=same_voice)


def test_names_are_what_has_a_capital_inside_a_sentence():
    found = read("The barge hit the Karlow bridge. Nobody from NATO was hurt")
    assert found.names == {"karlow", "nato"}


def test_capitals_say_little_where_every_word_has_one():
    assert telling.read(Post("p", "1", title="Barge Hits Karlow Bridge This Morning")).terms["karlow"] < 2


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,200 people", "1200"), ("v2.4.1 is out", "2.4.1"), ("14th of May", "14"), ("three boats", "3"), ("4,5", "4.5")],
)
def test_numbers_are_read_however_they_are_written(text, number):
    assert read(text).numbers == {number}


@pytest.mark.parametrize(
    ("text", "told", "lang"),
    [
        ("Der Rat hat nicht für die Brücke gestimmt", "en", "de"),
        ("The council did not vote for the bridge", "de", "en"),
        ("Karlow 2027", "pt-br", "pt"),
        ("Karlow 2027", None, None),
    ],
)
def test_small_words_tell_the_language_before_the_platform_does(text, told, lang):
    assert read(text, lang=told).lang == lang


def test_what_a_post_quotes_is_not_told_by_it():
    words = "the Karlow bridge is shut because a barge ran into one of its pillars"
    own = "We live next to it and heard nothing at all last night"
    for text in (f"> {words}\n{own}", f'"{words}" {own}', f"„{words}“ {own}"):
        assert "karlow" not in read(text).words
    assert "karlow" in read(f"“{words}”").words, "a post that only quotes is a copy"


def test_the_same_names_within_hours_tell_the_same():
    assert like(HEADLINE, REWORDED) == "same names and words"
    assert like(HEADLINE, REWORDED, hours=11) is None


def test_a_post_cut_short_is_a_copy_for_days():
    whole = "We wrote to Pellbury council because the buses of line 12 were late on 41 of 60 mornings"
    assert like(whole, whole[:88], hours=50) == "same words"
    assert like(whole, whole[:88], hours=80) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Corvid 4.0 brings offline maps and bicycles", "Corvid 4.1 brings offline maps and boats"),
        ("Nurse wanted in Karlow: permanent contract", "Nurse wanted in Arlen: permanent contract"),
        ("Council of Karlow meets on Monday about the bridge", "Council of Karlow meets on Tuesday about the bridge"),
        ("Fenwick Bank fined 34 million over money checks", "Fenwick Bank fined 12 million over money checks"),
        ("Fire destroys rope works at Corby Haven on Ardle", "Fire destroys rope works at Stanmoor Quay on Orla"),
    ],
)  # fmt: skip
def test_a_form_filled_in_anew_tells_something_else(one, other):
    assert like(one, other) is None


def test_two_articles_of_one_site_are_two_stories():
    pages = [Post("p", str(n), f"https://paper.example/{n}", title=text) for n, text in enumerate((HEADLINE, REWORDED))]
    one, other = map(telling.read, pages)
    assert telling.likeness(one, other, HOUR, same_voice=False) is None
    alert = telling.read(
        Post("p", "3", "https://alerts.example/url?url=https%3A%2F%2Fother.example%2F3&sa=t", title=REWORDED)
    )
    assert alert.hosts == {"other.example"}
    assert telling.likeness(one, alert, HOUR, same_voice=False) == "same names and words"


def test_a_text_with_too_little_to_say_is_found_by_nothing():
    for text in ("", "Good morning everyone, have a great day!", "Karlow", "👋 hi"):
        assert read(text).asked == ()


def test_marks_lie_above_the_bands_of_prints_and_fit_three_bytes():
    marks = read(HEADLINE).asked
    assert len(marks) >= telling.SHARED_TERMS
    assert all(4 << 16 <= mark < 1 << 23 for mark in marks)
    assert read(HEADLINE).marks == marks[: telling.MARKS]


TEXTS = st.text(alphabet="abcdeKLM 1234.,!?“”\">@#\n'é港", max_size=160)


@given(TEXTS, TEXTS, st.integers(0, 90))
def test_likeness_does_not_depend_on_which_post_came_first(one, other, hours):
    there, back = like(one, other, hours), like(other, one, hours)
    assert there == back


@given(TEXTS)
def test_any_text_can_be_read(text):
    found = read(text, title=text[::-1] or None)
    assert len(found.words) <= telling.READ
    assert found.names <= found.terms.keys()


@pytest.mark.parametrize("pattern", ["a", "a ", '"', "“a", "> ", "@a ", "#a ", "1,1", "港", "http://"])
def test_reading_takes_bounded_time(pattern):
    start = time.process_time()
    read(pattern * (100_000 // len(pattern)), links=(pattern * 2_000,))
    assert time.process_time() - start < 0.1

"""What the classifier sees of a post."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import limits
from listener.types import Post
from models import features
from models.features import COMMUNITY, HEAD_TOKENS, LINK, MONEY, NUMBER, PERSON, START


def segments_of(text):
    words = features.tokens(text)
    hashes = np.array([features.word_hash(word) for word in (*words, START)], np.uint32)
    return features.word_segments(hashes, [len(words)], [features.head_length(words)])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Any Plumber?", ["any", "plumber", "?"]),
        ("see https://example.org/a?b=c now", ["see", LINK, "now"]),
        ("at www.example.org", ["at", LINK]),
        ("@ann.b and u/carl agree", [PERSON, "and", PERSON, "agree"]),
        ("over in r/bakery", ["over", "in", COMMUNITY]),
        ("pay $1,200.50 or £3k", ["pay", MONEY, "or", MONEY]),
        ("by 2030 at 7:30", ["by", NUMBER, "at", NUMBER]),
        ("don't, it’s", ["don't", ",", "it’s"]),
        ("one\n two", ["one", "\n", "two"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_a_text_becomes_words_signs_and_placeholders(text, words):
    assert features.tokens(text) == [START, *words]


@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from(("İ", "ß", "Σ", " ", "@", "u/", "http://", "$", "1", "a", "'", "\n"))).map("".join)
)
def test_tokens_with_their_places_are_the_same_tokens(text):
    found = features.token_spans(text)
    assert [token for token, _, _ in found] == features.tokens(text)
    for places in zip(*((start, end) for _, start, end in found), strict=True):
        assert list(places) == sorted(places)


def test_a_token_tells_which_part_of_the_text_it_stands_for():
    text = "  Ask @Ann about https://example.org/1, it costs $1,200 "
    parts = [text[start:end] for _, start, end in features.token_spans(text)[1:]]
    assert parts == ["Ask", "@Ann", "about", "https://example.org/1,", "it", "costs", "$1,200"]


def test_which_link_person_or_amount_it_is_makes_no_difference():
    one = "ask @ann about https://example.org/1, $5 for 3"
    other = "ask @bob about http://example.com/2, $600 for 12"
    assert features.tokens(one) == features.tokens(other)


def test_a_word_of_any_length_is_cut_in_pieces():
    assert [len(word) for word in features.tokens("a" * 60)[1:]] == [24, 24, 12]


def test_the_title_is_the_first_line():
    assert features.text_of(Post("", "1", title="Plumber?", text="In Leeds")) == "Plumber?\nIn Leeds"
    assert features.text_of(Post("", "1", text="In Leeds")) == "In Leeds"


@pytest.mark.parametrize("letter", ["a", "é", "語", "\N{GRINNING FACE}"])
def test_no_more_of_a_text_is_read_than_the_limit(letter):
    text = features.text_of(Post("", "1", text=letter * limits.CLASSIFIED_BYTES))
    assert len(text.encode()) <= limits.CLASSIFIED_BYTES
    assert set(text) == {letter}
    assert len(text.encode()) > limits.CLASSIFIED_BYTES - 4


def test_the_head_is_the_first_line_and_never_long():
    assert features.head_length(features.tokens("two words\nand more")) == 3
    assert features.head_length(features.tokens("two words")) == 3
    assert features.head_length(features.tokens("word " * 100)) == HEAD_TOKENS
    assert features.head_length(features.tokens("word " * 100 + "\n more")) == HEAD_TOKENS


def test_words_hash_alike_on_every_machine():
    assert features.word_hash("123456789") == 0xCBF43926  # CRC-32's own check value
    assert features.word_hash("\ud800") == features.word_hash("?")


def test_signs_numbers_and_placeholders_have_no_characters():
    assert [features.char_rows(word) for word in ("?", "\n", NUMBER, START, "_")] == [[]] * 5


def test_the_characters_of_a_word_are_its_distinct_pieces_with_its_borders():
    assert len(features.char_rows("cat")) == len({" ca", "cat", "at ", " cat", "cat ", " cat "})
    assert len(features.char_rows("a")) == 1
    assert set(features.char_rows("plumber")) & set(features.char_rows("plumbers"))


def test_a_repeated_word_counts_once():
    once, often = segments_of("good\ngood"), segments_of("good\ngood good good")
    # The second text has one pair more (good good); its words are the same.
    assert often.counts[0] == once.counts[0] + 1
    assert often.counts[1] == once.counts[1]


@given(st.lists(st.text(max_size=60), min_size=1, max_size=6))
def test_the_features_of_a_post_do_not_depend_on_its_neighbours(texts):
    split = [features.tokens(text) for text in texts]
    line = [features.word_hash(word) for words in split for word in words] + [features.word_hash(START)]
    lengths, heads = [len(words) for words in split], [features.head_length(words) for words in split]
    together = features.word_segments(np.array(line, np.uint32), lengths, heads)
    assert len(together.starts) == 2 * len(texts)
    for number, text in enumerate(texts):
        alone = segments_of(text)
        for part in (0, 1):
            start, count = together.starts[2 * number + part], together.counts[2 * number + part]
            first = alone.starts[part]
            assert together.rows[start : start + count].tolist() == alone.rows[first : first + count].tolist()


@given(st.text(max_size=300))
def test_every_row_lies_in_the_block_it_belongs_to(text):
    found = segments_of(text)
    words, head = np.split(found.rows, found.starts[1:])
    assert (found.counts > 0).all()
    assert words.min() >= 0
    assert words.max() < features.HEAD_START <= head.min()
    assert head.max() < features.CHAR_START
    for word in features.tokens(text):
        assert all(features.CHAR_START <= row < features.ROWS for row in features.char_rows(word))


@given(st.text(max_size=300))
def test_the_rows_of_one_post_are_those_it_has_among_others(text):
    words = features.tokens(text)
    line = np.array([features.word_hash(word) for word in (*words, START)], np.uint32)
    rows, cut = features.rows_of_one(line, features.head_length(words))
    found = segments_of(text)
    assert rows.tolist() == found.rows.tolist()
    assert [cut, len(rows) - cut] == found.counts.tolist()

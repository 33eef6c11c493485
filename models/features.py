"""What the classifier sees of a post: hashed words, word pairs and character n-grams, no text kept.

Every feature is a row of one weight table: first the words and pairs of the whole text, then those of its head (the
first line: a title says most), then the character n-grams of single words. The numbers here are part of the model's
file format: whoever changes one raises `FORMAT` in `artefact.py` and trains again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from listener import limits
from listener.types import Post

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint32]

TEXT_BITS: Final = 18
HEAD_BITS: Final = 17
CHAR_BITS: Final = 17
HEAD_START: Final = 1 << TEXT_BITS
CHAR_START: Final = HEAD_START + (1 << HEAD_BITS)
ROWS: Final = CHAR_START + (1 << CHAR_BITS)
HEAD_TOKENS: Final = 41
NGRAMS: Final = (3, 4, 5)
BLOCKS: Final = ("text", "head", "chars")

# Private characters stand for what must not be learnt by heart: which link, who, where, how much.
START, LINK, PERSON, COMMUNITY, MONEY, NUMBER, END = (chr(0xE000 + n) for n in range(7))
NAMES: Final = {
    START: "<start>",
    LINK: "<link>",
    PERSON: "<person>",
    COMMUNITY: "<community>",
    MONEY: "<money>",
    NUMBER: "<number>",
    END: "<end>",
    "\n": "<line>",
}
_LINK: Final = re.compile(r"https?://\S+|www\.\S+")
_PERSON: Final = re.compile(r"@[\w.\-]+|\bu/\w+")
_COMMUNITY: Final = re.compile(r"\br/\w+")
_MONEY: Final = re.compile(r"[$€£]\s?\d[\d.,]*[km]?")
_NUMBER: Final = re.compile(r"\d[\d.,:]*")
# In this order. A letter of the first is in every text that the pattern finds; "" is in all.
_REPLACED: Final = (
    (("http", "www."), _LINK, LINK),
    (("@", "u/"), _PERSON, PERSON),
    (("r/",), _COMMUNITY, COMMUNITY),
    (("$", "€", "£"), _MONEY, MONEY),
    (("",), _NUMBER, NUMBER),
)
# Digits are gone by then. Longer runs are cut in pieces, so that one word costs no more than another.
_TOKEN: Final = re.compile(r"\w{1,24}(?:['’]\w{1,8})?|[^\w \t\r]")

_FIRST: Final = np.array([True])
_WORD, _PAIR, _NEXT, _HEAD = (np.uint32(n) for n in (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F))


def text_of(post: Post) -> str:
    """Join title and text, cut to `limits.CLASSIFIED_BYTES`."""
    text = f"{post.title}\n{post.text}" if post.title else post.text
    if len(text) * 4 > limits.CLASSIFIED_BYTES:
        text = text.encode("utf-8", "replace")[: limits.CLASSIFIED_BYTES].decode("utf-8", "ignore")
    return text


def tokens(text: str) -> list[str]:
    """Split into lower-case words, signs and placeholders, led by `START`."""
    return [START, *_TOKEN.findall(_neutral(text.strip().lower()))]


def _neutral(text: str) -> str:
    # Looking for a letter first costs a twentieth of what a search for the pattern does.
    for signs, pattern, name in _REPLACED:
        if any(sign in text for sign in signs):
            text = pattern.sub(name, text)
    return text


def token_spans(text: str) -> list[tuple[str, int, int]]:
    """Give the same tokens with the part of the text that each stands for, from its first place to past its last."""
    lowered, places = _lowered(text)
    for _, pattern, name in _REPLACED:
        lowered, places = _replaced(lowered, places, pattern, name)
    found = _TOKEN.finditer(lowered)
    return [(START, 0, 0), *((match[0], places[match.start()][0], places[match.end() - 1][1]) for match in found)]


def _lowered(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Lower and strip a text; for each letter its place before (one letter may become two)."""
    places = [(place, place + 1) for place, letter in enumerate(text) for _ in letter.lower()]
    start = len(text) - len(text.lstrip())  # spaces stay one letter each
    kept = text.strip().lower()
    return kept, places[start : start + len(kept)]


def _replaced(
    text: str, places: list[tuple[int, int]], pattern: re.Pattern[str], name: str
) -> tuple[str, list[tuple[int, int]]]:
    letters: list[str] = []
    kept: list[tuple[int, int]] = []
    end = 0
    for match in pattern.finditer(text):
        letters += [text[end : match.start()], name]
        kept += [*places[end : match.start()], (places[match.start()][0], places[match.end() - 1][1])]
        end = match.end()
    return "".join(letters) + text[end:], kept + places[end:]


def head_length(words: Sequence[str]) -> int:
    """Count the tokens of the first line, `START` included, at most `HEAD_TOKENS`."""
    try:
        return words.index("\n", 0, HEAD_TOKENS)
    except ValueError:
        return min(len(words), HEAD_TOKENS)


def word_hash(word: str) -> int:
    """Hash a token to 32 bits, the same on every machine."""
    return crc32(word.encode("utf-8", "replace"))


def char_rows(word: str) -> list[int]:
    """List the rows of a word's distinct character n-grams, its borders included; signs have none."""
    if not word[0].isalpha() or word[0] in NAMES:
        return []
    padded = f" {word} "
    grams = {padded[i : i + n] for n in NGRAMS for i in range(len(padded) - n + 1)}
    # Salted, so that a short word and an equal n-gram do not share all their hash bits.
    return sorted(CHAR_START + (crc32(gram.encode("utf-8", "replace"), 77) >> (32 - CHAR_BITS)) for gram in grams)


def mixed(hashes: Hashes) -> Hashes:
    """Give each token but the last, and below it the pair it opens with the next one: (2, n - 1)."""
    first, second = hashes[:-1], hashes[1:]
    return np.concatenate((first, first * _PAIR + second * _NEXT)).reshape(2, -1)


def text_rows(mixed: Hashes) -> Hashes:
    """Give the rows of words and of pairs, each where it stands in `mixed`."""
    return mixed * _WORD >> np.uint32(32 - TEXT_BITS)


def head_rows(mixed: Hashes) -> Hashes:
    """Give the rows of the same words and pairs where they stand in the head."""
    return ((mixed ^ _HEAD) * _WORD >> np.uint32(32 - HEAD_BITS)) + np.uint32(HEAD_START)


@dataclass(frozen=True, slots=True)
class Segments:
    """Rows of the table that belong to segments 0, 1, 2 …, sorted and distinct; no segment is empty.

    rows: (n_entries,) · starts, counts: (n_segments,)
    """

    rows: Ints
    starts: Ints
    counts: Ints


def segments(keys: Ints) -> Segments:
    """Sort (segment << 32 | row) in place and keep each once."""
    keys.sort()
    keep = np.empty(len(keys), dtype=bool)
    keep[0] = True
    np.not_equal(keys[1:], keys[:-1], out=keep[1:])
    keys = keys[keep]
    counts = np.bincount(keys >> 32)
    return Segments(keys & 0xFFFFFFFF, counts.cumsum() - counts, counts)


def rows_of_one(hashes: Hashes, head: int) -> tuple[Hashes, int]:
    """Give the distinct rows of one post's words and pairs, and how many of them are its text's; its head's follow.

    hashes: its tokens, and one more `START`. The same rows as `word_segments` gives, in half the time.
    """
    both = mixed(hashes)
    rows = np.concatenate((text_rows(both).ravel(), head_rows(both[:, :head]).ravel()))
    rows.sort()  # rows of the text come before those of the head: that is how the table is laid out
    rows = rows[np.concatenate((_FIRST, rows[1:] != rows[:-1]))]
    return rows, int(rows.searchsorted(HEAD_START))


def word_segments(hashes: Hashes, lengths: Sequence[int], heads: Sequence[int]) -> Segments:
    """Give the rows of the words and pairs of many posts: segment 2 i is post i's text, 2 i + 1 its head.

    hashes: tokens of all posts in one line, and one more `START` · lengths, heads: tokens of each post, of each head
    """
    # Each post starts with START, so the pair of a last token with the next post's START means "ends with".
    both = mixed(hashes)
    post: Ints | np.int64 = np.int64(0)
    in_head: npt.NDArray[np.bool_] | slice = slice(heads[0])
    head_post: Ints | np.int64 = np.int64(1 << 32)
    if len(lengths) > 1:
        sizes = np.array(lengths)
        post = np.repeat(np.arange(len(sizes)) << 33, sizes)
        place = np.arange(len(hashes) - 1) - np.repeat(sizes.cumsum() - sizes, sizes)
        in_head = place < np.repeat(heads, sizes)
        head_post = post[in_head] + head_post
    words, pairs = text_rows(both)
    head_words, head_pairs = head_rows(both[:, in_head])
    n, m = len(words), len(head_words)
    keys = np.empty(2 * (n + m), np.int64)
    keys[:n] = words + post
    keys[n : 2 * n] = pairs + post
    keys[2 * n : -m] = head_words + head_post
    keys[-m:] = head_pairs + head_post
    return segments(keys)

"""Near-duplicate texts: a 64-bit print whose bits differ little where the words differ little (SimHash).

The print of a text is the sign, bit by bit, of the sum of the hashes of its words and word pairs.
Source: Charikar, "Similarity estimation techniques from rounding algorithms" (2002); Manku, Jain, Das Sarma,
"Detecting near-duplicates for web crawling" (2007) for the distance of 3 and the four bands.
"""

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from listener import speech, telling

DISTANCE: Final = 3
"""Prints that differ in at most so many bits are of the same text."""
WORDS: Final = 8
"""Texts with fewer words say too little to be compared."""
MEANT: Final = 4
"""Fewest words that say something: greetings are alike, and no story."""
WORDS_READ: Final = 40
"""Words of a text that are compared: a shortened copy begins like the whole. Tried on 5,600 real posts: with 40, the
only near pairs were true copies; with more, texts that share a form to fill in came near."""
CHARACTERS_READ: Final = 2_000

# Scripts that put no spaces between words: each character is taken for a word.
_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
_PAIR: Final = 0x9E3779B97F4A7C15
_BITS: Final = 2**64


def simhash(text: str) -> int | None:
    """Print a text as a signed 64-bit integer; None: fewer than `WORDS` words, or next to none that say anything.

    Case, punctuation, web addresses, @names and #tags at the end do not count: they differ between copies. Nor do
    passages that it quotes (`telling.own_words`).
    """
    words = _words(text)
    if len(words) < WORDS or len(set(words) - speech.MEANINGLESS) < MEANT:
        return None
    import numpy as np  # 0.15 s that opening a store need not pay

    single = np.array([_hash(word) for word in words], dtype=np.uint64)
    pairs = (single[:-1] * np.uint64(_PAIR)) ^ single[1:]
    hashes = np.concatenate((single, pairs))
    bits = np.unpackbits(hashes.view(np.uint8).reshape(-1, 8), axis=1)
    majority = bits.sum(axis=0, dtype=np.uint32) * 2 > len(hashes)
    return int.from_bytes(np.packbits(majority).tobytes(), "big", signed=True)


def near(left: int, right: int) -> bool:
    """Say whether two prints are of nearly the same text."""
    return ((left ^ right) % _BITS).bit_count() <= DISTANCE


def bands(fingerprint: int) -> tuple[int, int, int, int]:
    """Cut a print into four keys; two prints that are `near` have at least one key in common.

    Key k (0 to 3, from the lowest bits) is `k * 65536 + bits 16k to 16k+15`.
    """
    low, second, third, high = (k << 16 | (fingerprint >> 16 * k) & 0xFFFF for k in range(4))
    return low, second, third, high


def _words(text: str) -> list[str]:
    parts = [part for part in telling.own_words(text[:CHARACTERS_READ]).split() if part[0] != "@" and "://" not in part]
    while parts and parts[-1][0] == "#":
        parts.pop()
    if parts and parts[0] == "RT":
        del parts[0]
    return _WORD.findall(" ".join(parts).casefold())[:WORDS_READ]


@lru_cache(maxsize=16_384)
def _hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "big")

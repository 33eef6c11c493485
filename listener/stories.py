"""What makes two posts one story, told from the posts alone: nearly the same words, or the same names and words.

Near-duplicates have prints whose bits differ little where the words differ little (SimHash): the print of a text is the
sign, bit by bit, of the sum of the hashes of its words and word pairs.
Source: Charikar, "Similarity estimation techniques from rounding algorithms" (2002); Manku, Jain, Das Sarma,
"Detecting near-duplicates for web crawling" (2007) for the distance of 3 and the four bands.
"""

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import numpy as np

from listener.telling import MEANING, QUOTED

DISTANCE: Final = 3
"""Prints that differ in at most so many bits are of the same text."""
WORDS: Final = 8
"""Texts with fewer words say too little to be compared."""
WORDS_READ: Final = 40
"""Words of a text that are compared: a shortened copy begins like the whole. Tried on 5,600 real posts: with 40, the
only near pairs were true copies; with more, texts that share a form to fill in came near."""
CHARACTERS_READ: Final = 2_000

# Scripts that put no spaces between words: each character is taken for a word.
_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
_PAIR: Final = np.uint64(0x9E3779B97F4A7C15)
_BITS: Final = 2**64

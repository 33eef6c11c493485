"""What a post is about: the mean of its words' vectors, looked up in a table distilled from a sentence model.

A word's vector is the sum of its pieces' (the longest that the vocabulary knows, from the left). Everything is whole
numbers until the last step, so a post's vector is the same alone and among others. `models/distil.py` makes the table.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models import features

DIMENSIONS: Final = 256
UNIT: Final = 2048
"""Fixed point of a word's vector."""
LIMIT: Final = 32_767
_PART: Final = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Table:
    """Vectors of word pieces; one that does not start a word is written with ## before it.

    vectors: (len(pieces), DIMENSIONS), int8 · scales: (len(pieces),), float32: what 1 in a piece's vector is
    """

    pieces: tuple[str, ...] = field(repr=False)
    vectors: npt.NDArray[np.int8] = field(repr=False)
    scales: npt.NDArray[np.float32] = field(repr=False)


class Vectors:
    """Looks words up in a table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._numbers = {piece: number for number, piece in enumerate(table.pieces)}

    def of(self, word: str) -> npt.NDArray[np.float64]:
        """Give a word's vector in whole 1 / UNIT, at most `LIMIT` of them; zeros for a placeholder."""
        pieces = self.pieces(word)
        scaled = self._table.vectors[pieces] * self._table.scales[pieces, None].astype(np.float64)
        found: npt.NDArray[np.float64] = np.clip(np.rint(scaled * UNIT).sum(axis=0), -LIMIT, LIMIT)
        return found

    def pieces(self, word: str) -> list[int]:
        """Cut a word into pieces; letters that no piece knows are left out."""
        if word in features.NAMES:
            return []
        found: list[int] = []
        for part in _PART.findall(_plain(word)):
            found += self._cut(part)
        return found

    def _cut(self, part: str) -> list[int]:
        found, start = [], 0
        while start < len(part):
            lead = "##" if start else ""
            for end in range(len(part), start, -1):
                number = self._numbers.get(lead + part[start:end])
                if number is not None:
                    found.append(number)
                    break
            else:
                end = start + 1
            start = end
        return found


def sums(vectors: npt.NDArray[np.int16], starts: Sequence[int]) -> npt.NDArray[np.int32]:
    """Sum the rows from each start to the next, or to the end: a quarter of what `np.add.reduceat` costs here."""
    whole = vectors.astype(np.int32)
    ends = [*starts[1:], len(whole)]
    return np.array([np.add.reduce(whole[start:end], axis=0) for start, end in zip(starts, ends, strict=True)])


def directions(sums: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
    """Bring vectors, one a row, to length 1; a row of zeros stays."""
    values = sums.astype(np.float64)
    lengths = np.sqrt((values * values).sum(axis=1, keepdims=True))
    found: npt.NDArray[np.float64] = values / np.maximum(lengths, 1)
    return found


def _plain(word: str) -> str:
    if word.isascii():
        return word
    return "".join(letter for letter in unicodedata.normalize("NFD", word) if not unicodedata.combining(letter))

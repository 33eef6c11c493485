"""A post as word pieces for the second look: the longest pieces that the vocabulary knows, from the left."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

UNKNOWN, START, END = "[UNK]", "[CLS]", "[SEP]"
LENGTH: Final = 128
"""Pieces read of a post."""
LAST: Final = 32
"""So many of them from its end, where a long story often says what is wanted."""
_LINK: Final = re.compile(r"https?://\S+|www\.\S+")
_PERSON: Final = re.compile(r"@[\w.\-]+")
_PART: Final = re.compile(r"[^\W_]+|[^\w\s]|_")


class Pieces:
    """Cuts posts by a vocabulary; a piece that starts no word is written with ## before it."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        self._unknown = self._numbers[UNKNOWN]

    def numbers(self, text: str) -> list[int]:
        """Give the numbers of a text's pieces, a start before and an end behind."""
        plain = _PERSON.sub("@", _LINK.sub("http", text.lower()))
        if not plain.isascii():
            plain = "".join(sign for sign in unicodedata.normalize("NFD", plain) if not unicodedata.combining(sign))
        found = [number for part in _PART.findall(plain) for number in self._cut(part)]
        room = LENGTH - 2
        if len(found) > room:
            found = found[: room - LAST] + found[-LAST:]
        return [self._numbers[START], *found, self._numbers[END]]

    def _cut(self, part: str) -> list[int]:
        found, start = [], 0
        while start < len(part):
            lead = "##" if start else ""
            ends = range(min(len(part), start + 24), start, -1)
            end = next((end for end in ends if lead + part[start:end] in self._numbers), 0)
            if not end:
                return [self._unknown]  # letters of another script: the whole word says nothing
            found.append(self._numbers[lead + part[start:end]])
            start = end
        return found

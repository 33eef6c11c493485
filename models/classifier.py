"""Prediction: how likely a post is a lead, a question or news; numpy only, scikit-learn is never imported.

A model is a sum over a post's words, so what a word adds is worked out once and remembered. All sums are of whole
numbers: a post scores the same alone and among a thousand others, in any order.
"""

import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from listener.types import LABELS, Label, Post, Scores
from models import artefact, embedding, features

SHIPPED: Final = Path(__file__).with_name("shipped.npz")
CHUNK_POSTS: Final = 256
CHUNK_CHARS: Final = 60_000
WORDS: Final = 60_000
"""Words remembered before a chunk starts anew; one chunk adds at most `CHUNK_CHARS` and one post."""
VECTORS: Final = 20_000
"""Words whose vectors are remembered, likewise; they are larger."""
UNIT: Final = 256
"""Fixed point of the character sums: an n-gram of a word of k n-grams counts 1 / √k."""


class Evidence(NamedTuple):
    """Something in a post that moved a label. `weight` is in logits: above 0 it spoke for the label."""

    label: Label
    text: str
    weight: float


class Words(dict[str, int]):
    """The words met so far, numbered; each with its hash and the sum of its character weights.

    hashes: uint32, by number · chars: (n, len(LABELS) + 1), int32, in 1 / UNIT; the last column is 1, for signs 0
    """

    def __init__(self, weights: npt.NDArray[np.int8]) -> None:
        super().__init__()
        self._weights = weights
        room = WORDS + CHUNK_CHARS + 25_000
        self.hashes = np.zeros(room, np.uint32)
        self.chars = np.zeros((room, len(LABELS) + 1), np.int32)

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        self.hashes[number] = features.word_hash(word)
        rows = features.char_rows(word)
        self.chars[number] = 0
        if rows:
            total = self._weights[rows].sum(axis=0, dtype=np.int64)
            self.chars[number, :-1] = np.rint(total * (UNIT / math.sqrt(len(rows))))
            self.chars[number, -1] = 1
        return number


class Classifier:
    """A loaded model. Threads may share one."""

    def __init__(self, model: artefact.Model) -> None:
        self.version = model.version
        self.thresholds: Mapping[Label, float] = dict(model.thresholds)
        self.about = model.about
        self._model = model
        self._words = Words(model.weights)
        self._vectors = embedding.Vectors(model.table, VECTORS + CHUNK_CHARS + 25_000)
        self._lock = threading.Lock()
        slope, offset = (np.array([model.calibration[label][i] for label in LABELS]) for i in (0, 1))
        self._scales = model.scales * slope
        offsets = np.array([model.bias[label] for label in LABELS]) * slope + offset
        # The calibrated logit of a label in one step: Σ block sums × scales + offset.
        self._lines = list(zip(LABELS, self._scales.T.tolist(), offsets.tolist(), strict=True))

    def score(self, posts: Sequence[Post]) -> list[Scores]:
        """Give each post's calibrated probabilities; reads at most `limits.CLASSIFIED_BYTES` of each."""
        scores: list[Scores] = []
        for chunk in _chunks(posts):
            with self._lock:
                sums = self._sums(chunk)
            scores += map(self._scores, *sums)
        return scores

    def explain(self, post: Post, most: int = 5) -> list[Evidence]:
        """Give the words and pairs of words that moved each label most, at most `most` a label, strongest first."""
        words = features.tokens(features.text_of(post))
        found = self._contributions(words)
        evidence: list[Evidence] = []
        for column, label in enumerate(LABELS):
            ranked = sorted(found.items(), key=lambda item: -abs(item[1][column]))[:most]
            evidence += [Evidence(label, text, float(weights[column])) for text, weights in ranked if weights[column]]
        return evidence

    def embed(self, posts: Sequence[Post]) -> npt.NDArray[np.float32]:
        """Give each post's meaning as a direction: (n_posts, embedding.DIMENSIONS), float32, each of length 1.

        A post without a known word is all zeros. Near in meaning is near in direction: their product is the cosine.
        """
        found = [np.zeros((0, embedding.DIMENSIONS), np.float32)]
        for chunk in _chunks(posts):
            with self._lock:
                if len(self._vectors) > VECTORS:
                    self._vectors.clear()
                sums = self._vectors.sums([features.tokens(text) for text in chunk])
            found.append(embedding.directions(sums))
        return np.concatenate(found)

    def _sums(self, texts: Sequence[str]) -> tuple[list[list[int]], ...]:
        """Sum the weights of each text, its head and its characters, for each label; then count their features."""
        if len(self._words) > WORDS:
            self._words.clear()
        split = [features.tokens(text) for text in texts]
        lengths = [len(words) for words in split]
        heads = [features.head_length(words) for words in split]
        found = features.word_segments(self._words.hashes[self._numbers([*split, (features.START,)])], lengths, heads)
        sums = np.add.reduceat(self._model.weights[found.rows], found.starts, dtype=np.int64)
        distinct = [set(words) for words in split]
        starts = [0, *accumulate(map(len, distinct[:-1]))]
        chars = np.add.reduceat(self._words.chars[self._numbers(distinct)], starts, dtype=np.int64)
        return sums[0::2].tolist(), sums[1::2].tolist(), chars.tolist(), found.counts.reshape(-1, 2).tolist()

    def _scores(self, text: list[int], head: list[int], chars: list[int], counts: list[int]) -> Scores:
        # Three labels are too few for numpy.
        units = (1 / math.sqrt(counts[0]), 1 / math.sqrt(counts[1]), 1 / (UNIT * math.sqrt(chars[-1] or 1)))
        scores: dict[Label, float] = {}
        for column, (label, scale, offset) in enumerate(self._lines):
            logit = text[column] * scale[0] * units[0] + head[column] * scale[1] * units[1]
            logit += chars[column] * scale[2] * units[2] + offset
            scores[label] = 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
        return scores

    def _numbers(self, split: Iterable[Iterable[str]]) -> npt.NDArray[np.int64]:
        return np.fromiter(map(self._words.__getitem__, chain.from_iterable(split)), np.int64)

    def _contributions(self, words: Sequence[str]) -> dict[str, npt.NDArray[np.float64]]:
        """Share out a post's logits over its words and pairs; what two of them hash to is counted for both."""
        with self._lock:
            if len(self._words) > WORDS:
                self._words.clear()
            numbers = np.array([self._words[word] for word in (*words, features.START)])
            hashes, chars = self._words.hashes[numbers], self._words.chars[numbers]
        head = features.head_length(words)
        found = features.word_segments(hashes, [len(words)], [head])
        spelt = len(set(numbers[chars[:, -1] > 0].tolist()))
        units = self._scales / np.sqrt([*found.counts, max(spelt, 1)])[:, None]
        table = self._model.weights
        rows = [features.text_rows(hashes[:-1], hashes[1:]), features.head_rows(hashes[:-1], hashes[1:])]
        moved: dict[str, npt.NDArray[np.float64]] = {}
        # Backwards, so that of a repeated word the first mention counts, which may stand in the head.
        for place, word in reversed(list(enumerate(words))):
            after = words[place + 1] if place + 1 < len(words) else features.END
            names = (_name(word), f"{_name(word)} {_name(after)}")
            for kind, name in enumerate(names):
                weight = sum((table[rows[b][kind][place]] * units[b] for b in range(1 + (place < head))), np.zeros(3))
                moved[name] = weight + (chars[place, :-1] / UNIT * units[2] if kind == 0 else 0)
        del moved[_name(features.START)]
        return moved


def load(path: Path | None = None) -> Classifier:
    """Load a model's file, the shipped one unless told otherwise; ModelError if it is missing or damaged."""
    return Classifier(artefact.read(path or SHIPPED))


def _chunks(posts: Iterable[Post]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for post in posts:
        chunk.append(features.text_of(post))
        size += len(chunk[-1])
        if len(chunk) == CHUNK_POSTS or size >= CHUNK_CHARS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _name(token: str) -> str:
    return features.NAMES.get(token, token)

"""Prediction: how likely a post is a lead, a question or news; numpy only, scikit-learn is never imported.

A model is a sum over a post's words, so what a word adds is worked out once and remembered. All sums are of whole
numbers: a post scores the same alone and among a thousand others, in any order.
"""

import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from itertools import accumulate, chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from listener.types import LABELS, Label, Post, Scores
from models import artefact, embedding, features

if TYPE_CHECKING:
    from models.second import Second

SHIPPED: Final = Path(__file__).with_name("shipped.npz")
CHUNK_POSTS: Final = 256
CHUNK_CHARS: Final = 60_000
WORDS: Final = 40_000
"""Words remembered before a chunk starts anew; one chunk adds at most `CHUNK_CHARS` and one post."""
UNIT: Final = 256
"""Fixed point of the character sums: an n-gram of a word of k n-grams counts 1 / √k."""
STEP: Final = 4_096
"""Fixed point of a direction: products of whole numbers are exact in any order."""


class Span(NamedTuple):
    """Where something stands in a post: from `start` to before `end` in its title or its text."""

    field: Literal["title", "text"]
    start: int
    end: int


class Evidence(NamedTuple):
    """Something in a post that moved a label. `weight` is in logits: above 0 it spoke for the label."""

    label: Label
    text: str
    weight: float
    spans: tuple[Span, ...]
    """Where it stands; what stands nowhere ("<start> <end>" of an empty post) has none."""


class Words(dict[str, int]):
    """The words met so far, numbered; each with its hash, the sum of its character weights and its vector.

    hashes: uint32, by number · chars: (n, len(LABELS) + 1), int32, in 1 / UNIT; the last column is 1, for signs 0 ·
    vectors: (n, embedding.DIMENSIONS), int16, in 1 / embedding.UNIT
    """

    def __init__(self, model: artefact.Model) -> None:
        super().__init__()
        self._weights = model.weights
        self._vectors = embedding.Vectors(model.table)
        room = WORDS + CHUNK_CHARS + 25_000
        self.hashes = np.zeros(room, np.uint32)
        self.chars = np.zeros((room, len(LABELS) + 1), np.int32)
        self.vectors = np.zeros((room, embedding.DIMENSIONS), np.int16)

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        self.hashes[number] = features.word_hash(word)
        self.vectors[number] = self._vectors.of(word)
        rows = features.char_rows(word)
        self.chars[number] = 0
        if rows:
            total = self._weights[rows].sum(axis=0, dtype=np.int64)
            self.chars[number, :-1] = np.rint(total * (UNIT / math.sqrt(len(rows))))
            self.chars[number, -1] = 1
        return number


@dataclass(frozen=True, slots=True)
class Sums:
    """What the words of a chunk of posts add up to; a row a post.

    text, head, chars: sums of weights, (n, len(LABELS)); chars has the number of spelt words behind ·
    counts: distinct features of text and head, (n, 2) · meaning: (n, len(LABELS)), in 1 / STEP
    """

    text: list[list[int]]
    head: list[list[int]]
    chars: list[list[int]]
    counts: list[list[int]]
    meaning: list[list[float]]


class Classifier:
    """A loaded model. Threads may share one."""

    def __init__(self, model: artefact.Model, again: "Second | None" = None) -> None:
        """`again`: looks once more at posts that the model is unsure about."""
        self.version = f"{model.version}.{again.version}" if again else model.version
        self.thresholds: Mapping[Label, float] = dict(again.thresholds if again else model.thresholds)
        self.again = again
        self.about = model.about
        self._model = model
        self._words = Words(model)
        self._meaning = model.meaning.astype(np.float64)
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
                sums = self._sums(chunk) if len(chunk) > 1 else self._sums_of_one(chunk[0])
            found = map(self._scores, sums.text, sums.head, sums.chars, sums.counts, sums.meaning)
            scores += found if self.again is None else map(self._looked, chunk, found)
        return scores

    @cached_property
    def first(self) -> "Classifier":
        """Give the model without the second look."""
        return Classifier(self._model) if self.again else self

    def _looked(self, text: str, scores: Scores) -> Scores:
        again = self.again
        return again.look(text, scores) if again and again.wants(scores) else scores

    def embed(self, posts: Sequence[Post]) -> npt.NDArray[np.float32]:
        """Give each post's meaning as a direction: (n_posts, embedding.DIMENSIONS), float32, each of length 1.

        A post without a known word is all zeros. Near in meaning is near in direction: their product is the cosine.
        """
        found = [np.zeros((0, embedding.DIMENSIONS), np.float32)]
        for chunk in _chunks(posts):
            split = [features.tokens(text) for text in chunk]
            starts = [0, *accumulate(map(len, split[:-1]))]
            with self._lock:
                self._forget()
                vectors = self._words.vectors[self._numbers(split)]
            found.append(embedding.directions(embedding.sums(vectors, starts)).astype(np.float32))
        return np.concatenate(found)

    def explain(self, post: Post, most: int = 5) -> list[Evidence]:
        """Give the words and pairs of words that moved each label most, at most `most` a label, strongest first."""
        found = features.token_spans(features.text_of(post))
        moved, places = self._contributions([token for token, _, _ in found])
        evidence: list[Evidence] = []
        for column, label in enumerate(LABELS):
            for text in sorted(moved, key=lambda text: -abs(moved[text][column]))[:most]:
                if weight := float(moved[text][column]):
                    spans = [(found[first][1], found[last][2]) for first, last in places[text]]
                    evidence.append(Evidence(label, text, weight, _spans(post, spans)))
        return evidence

    def _forget(self) -> None:
        if len(self._words) > WORDS:
            self._words.clear()

    def _sums(self, texts: Sequence[str]) -> Sums:
        self._forget()
        split = [features.tokens(text) for text in texts]
        lengths = [len(words) for words in split]
        heads = [features.head_length(words) for words in split]
        numbers = self._numbers([*split, (features.START,)])
        found = features.word_segments(self._words.hashes[numbers], lengths, heads)
        sums = np.add.reduceat(self._model.weights[found.rows], found.starts, dtype=np.int64)
        distinct = [set(words) for words in split]
        starts = [0, *accumulate(map(len, distinct[:-1]))]
        chars = np.add.reduceat(self._words.chars[self._numbers(distinct)], starts, dtype=np.int64)
        meaning = self._meanings(numbers, lengths, heads)
        return Sums(
            text=sums[0::2].tolist(),
            head=sums[1::2].tolist(),
            chars=chars.tolist(),
            counts=found.counts.reshape(-1, 2).tolist(),
            meaning=meaning.tolist(),
        )

    def _sums_of_one(self, text: str) -> Sums:
        """Give the same as `_sums` of one text; what keeps posts apart is left out, which is half the work."""
        self._forget()
        words = features.tokens(text)
        head = features.head_length(words)
        known = [self._words[word] for word in words]
        numbers = np.array([*known, known[0]])  # a text starts with `START`, and is read as if the next one did too
        rows, cut = features.rows_of_one(self._words.hashes[numbers], head)
        sums = np.add.reduceat(self._model.weights.take(rows, axis=0), (0, cut), dtype=np.int64).tolist()
        chars = np.add.reduce(self._words.chars.take(list(set(known)), axis=0), axis=0, dtype=np.int64)
        vectors = self._words.vectors.take(numbers[:-1], axis=0)
        first = np.add.reduce(vectors[:head], axis=0, dtype=np.int32)
        whole = first + np.add.reduce(vectors[head:], axis=0, dtype=np.int32)
        meaning = self._meant_by(embedding.directions(np.array((whole, first))).reshape(1, -1))
        return Sums(sums[:1], sums[1:], [chars.tolist()], [[cut, len(rows) - cut]], meaning.tolist())

    def _directions(
        self, numbers: npt.NDArray[np.int64], lengths: Sequence[int], heads: Sequence[int]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
        """Sum the vectors of each text and its head, (2 × n, DIMENSIONS), then give both directions side by side."""
        starts = np.array([0, *accumulate(lengths[:-1])])
        cuts = np.stack([starts, starts + heads], axis=1).ravel()
        sums = embedding.sums(self._words.vectors[numbers], cuts.tolist())
        sums[0::2] += sums[1::2]
        sums[1::2] = sums[0::2] - sums[1::2]
        return sums, embedding.directions(sums).reshape(len(lengths), -1)

    def _meanings(
        self, numbers: npt.NDArray[np.int64], lengths: Sequence[int], heads: Sequence[int]
    ) -> npt.NDArray[np.float64]:
        return self._meant_by(self._directions(numbers, lengths, heads)[1])

    def _meant_by(self, directions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(np.rint(directions * STEP) @ self._meaning)

    def _scores(
        self, text: list[int], head: list[int], chars: list[int], counts: list[int], meaning: list[float]
    ) -> Scores:
        # Three labels are too few for numpy.
        units = (1 / math.sqrt(counts[0]), 1 / math.sqrt(counts[1]), 1 / (UNIT * math.sqrt(chars[-1] or 1)), 1 / STEP)
        scores: dict[Label, float] = {}
        for column, (label, scale, offset) in enumerate(self._lines):
            logit = text[column] * scale[0] * units[0] + head[column] * scale[1] * units[1]
            logit += chars[column] * scale[2] * units[2] + meaning[column] * scale[3] * units[3] + offset
            scores[label] = 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
        return scores

    def _numbers(self, split: Iterable[Iterable[str]]) -> npt.NDArray[np.int64]:
        return np.fromiter(map(self._words.__getitem__, chain.from_iterable(split)), np.int64)

    def _contributions(
        self, words: Sequence[str]
    ) -> tuple[dict[str, npt.NDArray[np.float64]], dict[str, list[tuple[int, int]]]]:
        """Share out a post's logits over its words and pairs; what two of them hash to is counted for both.

        Gives the weights of each, (len(LABELS),), and at which tokens it stands.
        """
        head = features.head_length(words)
        with self._lock:
            self._forget()
            numbers = self._numbers([words, (features.START,)])
            hashes, chars = self._words.hashes[numbers], self._words.chars[numbers]
            meant = self._meant(numbers, len(words), head)
        found = features.word_segments(hashes, [len(words)], [head])
        spelt = len(set(numbers[chars[:, -1] > 0].tolist()))
        units = self._scales[:3] / np.sqrt([*found.counts, max(spelt, 1)])[:, None]
        table = self._model.weights
        both = features.mixed(hashes)
        rows = [features.text_rows(both), features.head_rows(both)]
        moved: dict[str, npt.NDArray[np.float64]] = {}
        places: dict[str, list[tuple[int, int]]] = {}
        for place, word in enumerate(words):
            last = min(place + 1, len(words) - 1)
            after = words[last] if last > place else features.END
            for kind, name in enumerate((_name(word), f"{_name(word)} {_name(after)}")):
                # Of a repeated word the first mention counts, which may stand in the head.
                if name not in moved:
                    weight = sum(
                        (table[rows[b][kind][place]] * units[b] for b in range(1 + (place < head))), np.zeros(3)
                    )
                    moved[name] = weight + (chars[place, :-1] / UNIT * units[2] if kind == 0 else 0)
                moved[name] = moved[name] + (meant[place] if kind == 0 else 0)
                places.setdefault(name, []).append((place, last if kind else place))
        del moved[_name(features.START)]
        return moved, places

    def _meant(self, numbers: npt.NDArray[np.int64], length: int, head: int) -> npt.NDArray[np.float64]:
        """Share out what the directions of text and head added over the tokens: (length, len(LABELS))."""
        sums, _ = self._directions(numbers, [length], [head])
        sizes = np.maximum(np.linalg.norm(sums.astype(np.float64), axis=1), 1)
        vectors = self._words.vectors[numbers[:length]].astype(np.float64)
        text, first = np.split(self._meaning * self._scales[3], 2)
        shared: npt.NDArray[np.float64] = vectors @ text / sizes[0]
        shared[:head] += vectors[:head] @ first / sizes[1]
        return shared


def load(path: Path | None = None) -> Classifier:
    """Load a model's file; ModelError if it is missing or damaged.

    Without a path: the shipped one, with the second look where that is installed.
    """
    model = artefact.read(path or SHIPPED)
    return Classifier(model, None if path else _second_look(model.version))


def _second_look(base: str) -> "Second | None":
    if find_spec("onnxruntime") is None:
        return None
    from models import second

    return second.load(base)


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


def _spans(post: Post, places: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
    """Tell places of the joined text apart as those of title and text; a pair over both gives two spans."""
    cut = len(post.title) + 1 if post.title else 0
    found: list[Span] = []
    for start, end in places:
        if start < min(end, cut - 1):
            found.append(Span("title", start, min(end, cut - 1)))
        if max(start, cut) < end:
            found.append(Span("text", max(start, cut) - cut, end - cut))
    return tuple(found)

"""The user's own head: a small correction of the shipped model, learnt from their thumbs on their machine; numpy only.

A label's logit becomes the shipped one plus a weighted sum over the post's meaning and its hashed words, with weights
held towards zero: without thumbs nothing changes, and a few move only what is like them. It is trained anew from all
thumbs each time, and taken only where the fixed holdout does not fall (S23).
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from listener.errors import ModelError
from listener.types import LABELS, Label, Post, Scores
from models import holdout
from models.classifier import Evidence
from models.reading import WORDS, Counts, Floats, Reading, Shipped, Views, counts_of, logit, logits_of

Thumbs = Mapping[Label, bool]

FORMAT: Final = "listener-head-1"
MEANING_PRIOR: Final = 1.0
WORDS_PRIOR: Final = 1.0
LEVEL_PRIOR: Final = 0.05
"""Variances of the logits that a head may add: along the meaning, by words, to all posts alike."""
STEPS: Final = 6
INNER_STEPS: Final = 6
HALVINGS: Final = 8
FALL_MAX: Final = 0.02
"""Most that a figure of the holdout may fall."""
SHARES: Final = (1.0, 0.5, 0.25)
"""A label whose correction makes the holdout fall is corrected by less, and at last not at all."""
BODY_BYTES: Final = 4_000_000
DIMENSIONS_MAX: Final = 4_096


@dataclass(frozen=True, slots=True)
class Frame:
    """How posts become features: what all posts share is taken out, and what is rare counts more.

    mean: (d,), float32 · rarity: (WORDS,), float32
    """

    mean: Floats
    rarity: Floats

    def features(self, posts: Sequence[Post], vectors: Floats) -> Floats:
        """Give (n, d + WORDS + 1): meaning, words, and one for all; each scaled by the square root of its prior."""
        return self.rows(vectors, counts_of(posts))

    def rows(self, vectors: Floats, counts: Counts) -> Floats:
        """Give the same of posts whose words are counted already."""
        meaning = _units(np.asarray(vectors, np.float32) - self.mean) * np.float32(math.sqrt(MEANING_PRIOR))
        words = _units(_damped(counts) * self.rarity) * np.float32(math.sqrt(WORDS_PRIOR))
        level = np.full((len(counts), 1), math.sqrt(LEVEL_PRIOR), np.float32)
        return np.hstack([meaning, words, level])


@dataclass(frozen=True, slots=True)
class Head:
    """A trained correction.

    weights: (d + WORDS + 1, len(LABELS)), float32
    """

    base: str
    """Version of the shipped model that it corrects; it fits no other."""
    frame: Frame = field(repr=False)
    weights: Floats = field(repr=False)
    thumbs: int

    @property
    def version(self) -> str:
        """Name what turns the shipped scores into the user's."""
        content = self.weights.tobytes() + self.frame.mean.tobytes() + self.frame.rarity.tobytes()
        return f"{self.base}+{hashlib.sha256(content).hexdigest()[:6]}"


@dataclass(frozen=True, slots=True)
class Figures:
    """How well a label does on the holdout."""

    average_precision: float
    f1: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the holdout says of one label of a head."""

    before: Figures
    after: Figures
    """Of what is taken; as before where nothing is."""
    share: float
    """How much of the correction is taken; 0: none."""
    refused: str | None
    """What the whole correction would have done, where it was not taken whole."""


def frame(held: Views) -> Frame:
    """Measure on the holdout what posts share."""
    rarity = np.log((len(held.counts) + 1) / ((held.counts > 0).sum(axis=0) + 0.5))
    return Frame(held.vectors.mean(axis=0).astype(np.float32), rarity.astype(np.float32))


def train(reading: Reading, posts: Sequence[Post], thumbs: Sequence[Thumbs]) -> Head:
    """Learn from all thumbs; `thumbs[n]` is what the user said of `posts[n]`, at least one label."""
    around, seen = frame(reading.held()), reading.views(posts)
    said = np.array([[float(thumb.get(label, math.nan)) for label in LABELS] for thumb in thumbs], np.float32)
    rows = around.rows(seen.vectors, seen.counts)
    weights = _fit(rows, seen.logits, np.nan_to_num(said), np.isfinite(said).astype(np.float32))
    return Head(reading.model.version, around, weights, len(posts))


def check(reading: Reading, head: Head) -> tuple[Head | None, dict[Label, Verdict]]:
    """Hold a head against the holdout; give what of it may be taken (None: nothing), and why.

    A label of which no figure falls by more than `FALL_MAX` is taken whole, another by a smaller share or not at all.
    """
    held = reading.held()
    added = head.frame.rows(held.vectors, held.counts) @ head.weights
    verdicts = {}
    for column, label in enumerate(LABELS):
        truth = np.array([label in labels for _, labels in holdout.rows()])
        cut, before = logit(reading.model.thresholds[label]), held.logits[:, column]
        tried = {share: _figures(before + share * added[:, column], truth, cut) for share in (0.0, *SHARES)}
        verdicts[label] = _verdict(tried)
    shares = np.array([verdicts[label].share for label in LABELS], np.float32)
    taken = Head(head.base, head.frame, head.weights * shares, head.thumbs) if shares.any() else None
    return taken, verdicts


def _verdict(tried: Mapping[float, Figures]) -> Verdict:
    before, falls = tried[0.0], {share: _fall(tried[0.0], figures) for share, figures in tried.items()}
    share = next((share for share in SHARES if falls[share] is None), 0.0)
    return Verdict(before, tried[share], share, falls[1.0])


def _fall(before: Figures, after: Figures) -> str | None:
    for name in ("average_precision", "f1"):
        was, now = getattr(before, name), getattr(after, name)
        if was - now > FALL_MAX:
            return f"{name.replace('_', ' ')} on the holdout would fall from {was:.2f} to {now:.2f}"
    return None


class Corrected:
    """The shipped model with the user's head on it: the same door as `models.classifier.Classifier`."""

    def __init__(self, model: Shipped, head: Head) -> None:
        if head.base != model.version or head.frame.mean.shape != model.embed([Post("", "", text="a")]).shape[1:]:
            raise ModelError("the head was trained on another model; `listener model train` makes it anew")
        self._model, self._head = model, head
        self.version = head.version
        self.thresholds = model.thresholds

    def score(self, posts: Sequence[Post]) -> list[Scores]:
        """Give each post's probabilities."""
        if not posts:
            return []
        logits = logits_of(self._model.score(posts))
        logits += self._head.frame.features(posts, self._model.embed(posts)) @ self._head.weights
        likely = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -30, 30)))
        return [dict(zip(LABELS, row, strict=True)) for row in likely.tolist()]

    def embed(self, posts: Sequence[Post]) -> Floats:
        """Give each post's meaning."""
        return self._model.embed(posts)

    def explain(self, post: Post, most: int = 5) -> list[Evidence]:
        """Give what moved each label in the shipped model."""
        return self._model.explain(post, most)

    def moved(self, post: Post) -> Mapping[Label, float]:
        """Say by how many logits the user's thumbs moved each label of a post."""
        added = self._head.frame.features([post], self._model.embed([post])) @ self._head.weights
        return dict(zip(LABELS, added[0].tolist(), strict=True))


# bytes


def dump(head: Head) -> bytes:
    """Write a head: a line of JSON, the numbers, and a SHA-256 of both."""
    about = {
        "format": FORMAT,
        "base": head.base,
        "dimensions": len(head.frame.mean),
        "words": WORDS,
        "thumbs": head.thumbs,
    }
    numbers = np.concatenate([head.frame.mean, head.frame.rarity, head.weights.ravel()]).astype("<f4")
    body = json.dumps(about).encode() + b"\n" + numbers.tobytes()
    return body + hashlib.sha256(body).digest()


def load(data: bytes) -> Head:
    """Read what `dump` wrote; ModelError for anything else. Nothing in it can run, or allocate more than it is."""
    try:
        return _load(data)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"the head is damaged ({error}); `listener model train` makes it anew") from error


def _load(data: bytes) -> Head:
    if len(data) > BODY_BYTES:
        raise ValueError("it is too large")
    body, seal = data[:-32], data[-32:]
    if hashlib.sha256(body).digest() != seal:
        raise ValueError("its checksum is wrong")
    line, _, numbers = body.partition(b"\n")
    about: dict[str, Any] = json.loads(line)  # Any: JSON; each value is checked below
    dimensions, base, thumbs = about["dimensions"], about["base"], about["thumbs"]
    if about["format"] != FORMAT or about["words"] != WORDS or not isinstance(base, str) or type(thumbs) is not int:
        raise ValueError("it is of another format")
    if type(dimensions) is not int or not 0 < dimensions <= DIMENSIONS_MAX:
        raise ValueError("its header is wrong")
    rows = dimensions + WORDS + 1
    if len(numbers) != 4 * (dimensions + WORDS + rows * len(LABELS)):
        raise ValueError("it does not hold as many numbers as it says")
    values = np.frombuffer(numbers, "<f4").astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("it holds numbers that are none")
    mean, rarity, weights = np.split(values, [dimensions, dimensions + WORDS])
    return Head(base, Frame(mean, rarity), weights.reshape(rows, len(LABELS)), thumbs)


# numbers


def _fit(rows: Floats, offsets: Floats, said: Floats, known: Floats) -> Floats:
    """Find the most probable weights, (features, labels): Newton's method, each step solved by conjugate gradients.

    A label whose whole step would make it less probable takes a part of the step.
    """
    weights = np.zeros((rows.shape[1], said.shape[1]), np.float32)
    added = np.zeros_like(offsets)
    cost = _cost(offsets, weights, said, known)
    for _ in range(STEPS):
        likely = 1 / (1 + np.exp(-np.clip(offsets + added, -30, 30)))
        slope = rows.T @ ((likely - said) * known) + weights
        step = _solve(rows, likely * (1 - likely) * known, slope)
        moved = rows @ step
        share, before = np.ones(said.shape[1], np.float32), cost
        for _ in range(HALVINGS):
            cost = _cost(offsets + added - share * moved, weights - share * step, said, known)
            if (cost <= before).all():
                break
            share = np.where(cost <= before, share, share / 2)
        share = np.where(cost <= before, share, 0)
        weights, added = weights - share * step, added - share * moved
        cost = np.minimum(cost, before)
        if (before - cost <= 1e-3 * before).all():
            break
    return weights.astype(np.float32)


def _cost(logits: Floats, weights: Floats, said: Floats, known: Floats) -> Floats:
    """Give each label's negative log probability, (labels,)."""
    missed = np.logaddexp(0, np.where(said > 0.5, -logits, logits)) * known
    return np.asarray(missed.sum(axis=0) + 0.5 * (weights * weights).sum(axis=0))


def _solve(rows: Floats, curve: Floats, slope: Floats) -> Floats:
    """Solve (rowsᵀ · curve · rows + 1) step = slope, each label by itself."""
    step, rest = np.zeros_like(slope), slope.copy()
    direction, size = rest.copy(), (rest * rest).sum(axis=0)
    enough = size * 1e-4
    for _ in range(INNER_STEPS):
        bent = rows.T @ (curve * (rows @ direction)) + direction
        along = size / np.maximum((direction * bent).sum(axis=0), 1e-12)
        step += along * direction
        rest -= along * bent
        before, size = size, (rest * rest).sum(axis=0)
        if (size <= enough).all():
            break
        direction = rest + size / np.maximum(before, 1e-12) * direction
    return step


def _damped(counts: Counts) -> Floats:
    return np.sqrt(counts, dtype=np.float32)


def _units(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), np.float32)


def _figures(logits: Floats, truth: npt.NDArray[np.bool_], threshold: float) -> Figures:
    order = np.argsort(-logits, kind="stable")
    hits = truth[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    over = logits >= threshold
    f1 = 2 * (over & truth).sum() / max(over.sum() + truth.sum(), 1)
    return Figures(float(precision[hits].mean()) if hits.any() else 0.0, float(f1))

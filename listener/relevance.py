"""How far a post serves one of the user's goals: a small model for each goal, pure.

It stands on the goal's own words at first: how near a post is to them in meaning and in words, set against a background
of posts in general, so that 0.5 means "nearer than all but one in fifty". Each thumb then moves it (a Gaussian process
with two linear kernels, meaning and words, whose prior is that first model): some milliseconds for hundreds of thumbs.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from listener import limits
from listener.types import Goal

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]

FLOOR: Final = 0.05
"""Less relevance than this is not kept: the post serves no goal."""
SERVES: Final = limits.SERVES
"""From here on a post is said to serve a goal."""
RARE: Final = 0.98
"""This share of the background lies below 0.5."""
USUAL_LOGIT: Final = -3.9
"""Where the middle of the background lies: 0.02."""
WORDS_SHARE: Final = 0.5
"""What shared words count beside nearness in meaning, both in deviations of the background."""
SPOKEN: Final = 1.5
"""Logits that a word of the user's own speaks for a post, or twice as many against it; at most two count."""
FIRST_MOST: Final = 4.0
"""The goal's own words alone never say more than so many logits either way, so that thumbs can overrule them."""
MEANING_PRIOR: Final = 60.0
WORDS_PRIOR: Final = 30.0
LEVEL_PRIOR: Final = 0.5
"""Variances of what thumbs may add: along the meaning, by words, to all posts alike."""
ROUNDS: Final = 25
CLAUSE_WORDS: Final = 9

_WORD: Final = re.compile(r"[^\W\d_]{2,24}")
_CLAUSE: Final = re.compile(r"[^.!?;:,\n()]+")


@dataclass(frozen=True, slots=True)
class Seen:
    """A post, or a goal's sentence, as the models see it."""

    text: str
    """Case and accents gone."""
    words: tuple[str, ...]
    """Distinct ones."""
    vector: Vectors
    """(d,): its meaning; any length, also zero."""


@dataclass(frozen=True, slots=True)
class Background:
    """What posts are like in general."""

    mean: Floats
    """(d,): what all of them share, which says nothing about any."""
    weights: Mapping[str, float]
    """Word to its weight: the rarer, the more."""
    unknown: float
    """The weight of a word that the background does not hold."""
    posts: tuple[Seen, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Thumb:
    """The user's word on one post."""

    post: Seen
    serves: bool


@dataclass(frozen=True, slots=True)
class GoalModel:
    """One goal's model."""

    goal: Goal
    background: Background = field(repr=False)
    targets: Floats = field(repr=False)
    """(n, d): the goal's texts."""
    asked: Mapping[str, float] = field(repr=False)
    """Word of the goal to its weight; the squares sum to 1."""
    line: tuple[float, float, float, float, float] = (0.0, 1.0, 1.0, 1.0, 0.0)
    """Calibration: mean and deviation of nearness, deviation of shared words, slope, offset."""
    moved: Floats = field(default_factory=lambda: np.zeros(0), repr=False)
    """(d,): what thumbs add along the meaning."""
    learnt: Mapping[str, float] = field(default_factory=dict, repr=False)
    """Word to the logits that thumbs add for it."""
    level: float = 0.0
    thumbs: int = 0

    def score(self, posts: Sequence[Seen]) -> list[float]:
        """Give each post's relevance, 0 to 1."""
        if not posts:
            return []
        units = _units([post.vector for post in posts], self.background)
        logits = self._prior(posts, units) + self._added(posts, units)
        return [float(value) for value in 1 / (1 + np.exp(-np.clip(logits, -30, 30)))]

    def because(self, post: Seen) -> tuple[str, ...]:
        """Give the words of a post that speak for the goal, the strongest first; at most three."""
        spoken = [word for word in self.goal.words if _says(post.text, word)]
        own = {
            word: weight * self.asked[word]
            for word, weight in _bag(post, self.background).items()
            if word in self.asked
        }
        for word, weight in _bag(post, self.background).items():
            if self.learnt.get(word, 0.0) > 0:
                own[word] = own.get(word, 0.0) + weight * self.learnt[word]
        plain = " ".join(_plain(word) for word in spoken)
        ranked = sorted((word for word in own if own[word] > 0.05 and word not in plain), key=lambda word: -own[word])
        return tuple([*spoken, *ranked][:3])

    def nearest(self, clauses: Sequence[Vectors]) -> int:
        """Say which of a post's clauses is nearest to the goal, by their vectors."""
        units = _units(list(clauses), self.background)
        return int(np.argmax(_nearness(units, self.targets) + (units @ self.moved if self.moved.size else 0)))

    def _prior(self, posts: Sequence[Seen], units: Floats) -> Floats:
        mean, spread, words_spread, slope, offset = self.line
        near = (_nearness(units, self.targets) - mean) / spread
        shared = np.array([_shared(post, self.asked, self.background) for post in posts]) / words_spread
        said = np.array([_said(post, self.goal) for post in posts])
        logits = (near + WORDS_SHARE * shared) * slope + offset + said
        return np.asarray(FIRST_MOST * np.tanh(logits / FIRST_MOST))

    def _added(self, posts: Sequence[Seen], units: Floats) -> Floats:
        if not self.thumbs:
            return np.zeros(len(posts))
        words = [sum(w * self.learnt.get(word, 0.0) for word, w in _bag(p, self.background).items()) for p in posts]
        return np.asarray(units @ self.moved + np.array(words) + self.level)


def see(text: str, vector: Vectors) -> Seen:
    """Read a text for the models."""
    plain = _plain(text)
    return Seen(plain, tuple(dict.fromkeys(_WORD.findall(plain))), vector)


def background(posts: Sequence[Seen]) -> Background:
    """Learn what posts are like in general; some hundred are enough."""
    found = Counter(word for post in posts for word in post.words)
    count = len(posts)
    weights = {word: math.log((count + 1) / (times + 0.5)) for word, times in found.items()}
    units = np.array([_unit(post.vector) for post in posts])
    return Background(units.mean(axis=0), weights, math.log((count + 1) / 0.5), tuple(posts))


def texts_of(goal: Goal) -> tuple[str, ...]:
    """List the texts that say what a goal is; its name where it has no other."""
    spoken = " ".join((goal.sentence, *goal.offers)).strip()
    return tuple(text for text in (spoken, *goal.examples) if text) or (goal.name,)


def learn(goal: Goal, texts: Sequence[Seen], around: Background, thumbs: Sequence[Thumb] = ()) -> GoalModel:
    """Build a goal's model from its texts (`texts_of`, seen) and the thumbs given so far."""
    targets = _units([text.vector for text in texts], around)
    asked = Counter(dict.fromkeys((word for text in texts for word in text.words), 1.0))
    asked |= Counter(dict.fromkeys((word for phrase in goal.words for word in _WORD.findall(_plain(phrase))), 1.0))
    weights = {word: around.weights.get(word, around.unknown) for word in asked}
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    model = GoalModel(goal, around, targets, {word: weight / length for word, weight in weights.items()})
    model = _calibrated(model)
    return taught(model, thumbs) if thumbs else model


def clauses(text: str) -> list[str]:
    """Cut a text into pieces short enough to be quoted."""
    found = []
    for piece in _CLAUSE.findall(text):
        words = piece.split()
        found += [" ".join(words[n : n + CLAUSE_WORDS]) for n in range(0, len(words), CLAUSE_WORDS)]
    return [piece for piece in found if len(piece) > 3]


def _calibrated(model: GoalModel) -> GoalModel:
    """Set slope and offset by the background: its middle means 0.02, and one in fifty is over 0.5."""
    posts, around = model.background.posts, model.background
    near = _nearness(_units([post.vector for post in posts], around), model.targets)
    shared = np.array([_shared(post, model.asked, around) for post in posts])
    mean, spread, words_spread = float(near.mean()), float(near.std()) or 1.0, float(shared.std()) or 1.0
    raw = (near - mean) / spread + WORDS_SHARE * shared / words_spread
    cut, middle = (float(np.quantile(raw, share)) for share in (RARE, 0.5))
    slope = -USUAL_LOGIT / max(cut - middle, 0.5)
    return replace(model, line=(mean, spread, words_spread, slope, -cut * slope))


def taught(model: GoalModel, thumbs: Sequence[Thumb]) -> GoalModel:
    """Find the most probable model after the thumbs (Newton's method in as many numbers as there are thumbs)."""
    around, posts = model.background, [thumb.post for thumb in thumbs]
    units = _units([post.vector for post in posts], around)
    vocabulary = {word: n for n, word in enumerate(dict.fromkeys(word for post in posts for word in post.words))}
    bags = np.zeros((len(posts), max(len(vocabulary), 1)))
    for row, post in enumerate(posts):
        for word, weight in _bag(post, around).items():
            bags[row, vocabulary[word]] = weight
    kernel = MEANING_PRIOR * units @ units.T + WORDS_PRIOR * bags @ bags.T + LEVEL_PRIOR
    alpha = _most_probable(kernel, model._prior(posts, units), np.array([float(thumb.serves) for thumb in thumbs]))
    learnt = WORDS_PRIOR * alpha @ bags
    return replace(
        model,
        moved=MEANING_PRIOR * alpha @ units,
        learnt={word: float(learnt[n]) for word, n in vocabulary.items()},
        level=float(LEVEL_PRIOR * alpha.sum()),
        thumbs=len(thumbs),
    )


def _most_probable(kernel: Floats, prior: Floats, said: Floats) -> Floats:
    """Solve for alpha, where the logits are prior + kernel @ alpha. Rasmussen & Williams 2006, algorithm 3.1."""
    signs, alpha = 2 * said - 1, np.zeros(len(said))
    added, best = np.zeros(len(said)), -np.logaddexp(0, -signs * prior).sum()
    for _ in range(ROUNDS):
        likely = 1 / (1 + np.exp(-np.clip(prior + added, -30, 30)))
        curve = likely * (1 - likely)
        root = np.sqrt(curve)
        wanted = curve * added + said - likely
        inner = np.eye(len(said)) + root[:, None] * kernel * root
        step = wanted - root * np.linalg.solve(inner, root * (kernel @ wanted)) - alpha
        before, share = best, 1.0
        while share > 1e-3:  # a whole step may go too far
            tried = alpha + share * step
            best = -0.5 * tried @ kernel @ tried - np.logaddexp(0, -signs * (prior + kernel @ tried)).sum()
            if best >= before:
                break
            share /= 2
        if best < before + 1e-6:
            break
        alpha, added = tried, kernel @ tried
    return alpha


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _unit(vector: Vectors) -> Floats:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector, np.float64) / (length or 1.0)


def _units(vectors: Sequence[Vectors], around: Background) -> Floats:
    """Give directions away from what all posts share: (n, d), each of length 1, or 0 where there is no meaning."""
    found = np.array([_unit(vector) for vector in vectors])
    known = np.abs(found).sum(axis=1, keepdims=True) > 0
    found = np.where(known, found - around.mean, 0.0)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(lengths > 0, lengths, 1.0))


def _nearness(units: Floats, targets: Floats) -> Floats:
    cosines = units @ targets.T
    return np.asarray((cosines.max(axis=1) + cosines.mean(axis=1)) / 2)


def _bag(post: Seen, around: Background) -> dict[str, float]:
    """Give a post's words with their weights; the squares sum to 1."""
    weights = {word: around.weights.get(word, around.unknown) for word in post.words}
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {word: weight / length for word, weight in weights.items()}


def _shared(post: Seen, asked: Mapping[str, float], around: Background) -> float:
    return sum(weight * asked[word] for word, weight in _bag(post, around).items() if word in asked)


def _said(post: Seen, goal: Goal) -> float:
    """Give the logits of the words that the user wrote down for and against."""
    speaks_for = sum(_says(post.text, word) for word in goal.words)
    against = sum(_says(post.text, word) for word in goal.avoid)
    return SPOKEN * (min(speaks_for, 2) - 2 * min(against, 2))


def _says(text: str, phrase: str) -> bool:
    """Find a phrase as whole words, its last one with a common ending too."""
    plain = _plain(phrase).strip()
    return bool(plain) and re.search(rf"(?<!\w){re.escape(plain)}(?:s|es|n|en|e)?(?!\w)", text) is not None

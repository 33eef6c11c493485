"""Posts as a user's head sees them, each read once.

Reading five thousand thumbed posts costs seconds, learning from them a tenth of one. So what was read is kept, by
what the post says: a post that was edited is read anew, and nothing that is kept is ever wrong.
"""

import hashlib
import json
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol
from zlib import crc32

import numpy as np
import numpy.typing as npt

from listener.types import LABELS, Post, Scores
from models import features, holdout
from models.classifier import Evidence

Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.uint8]

FORMAT: Final = "listener-reading-1"
WORDS: Final = 512
"""Rows that words are hashed to."""
KEY_BYTES: Final = 16


class Shipped(Protocol):
    """What a head needs of the model it corrects; `models.classifier.Classifier` is one."""

    version: str
    thresholds: Mapping[Any, float]

    def score(self, posts: Sequence[Post]) -> list[Scores]:
        """Give calibrated probabilities."""

    def embed(self, posts: Sequence[Post]) -> Floats:
        """Give each post's meaning, (n, d)."""

    def explain(self, post: Post, most: int = 5) -> list[Evidence]:
        """Give what moved each label."""


class Views(NamedTuple):
    """Posts as numbers, a row each: their meaning, how often a word hashes to each of `WORDS` rows, shipped logits."""

    vectors: Floats
    counts: Counts
    logits: Floats

    def of(self, rows: Sequence[int]) -> "Views":
        """Give some of the rows."""
        chosen = np.array(rows, np.int64)
        return Views(self.vectors[chosen], self.counts[chosen], self.logits[chosen])

    def and_of(self, others: "Views") -> "Views":
        """Put others below."""
        return Views(
            np.concatenate((self.vectors, others.vectors)),
            np.concatenate((self.counts, others.counts)),
            np.concatenate((self.logits, others.logits)),
        )


class Reading:
    """Reads posts by a model and remembers them. Threads may share one."""

    def __init__(self, model: Shipped, kept: bytes | None = None) -> None:
        """`kept`: what `dump` gave, of any model; where it is of another one, or damaged, posts are read anew."""
        self.model = model
        self.new = 0
        """Posts read since `kept` was made."""
        self._lock = threading.Lock()
        keys, self._views = _loaded(kept, model.version) or ([], _read(model, []))
        self._rows = {key: row for row, key in enumerate(keys)}

    def views(self, posts: Sequence[Post]) -> Views:
        """Give posts as numbers."""
        with self._lock:
            keys = [_key(post) for post in posts]
            fresh = {key: post for key, post in zip(keys, posts, strict=True) if key not in self._rows}
            if fresh:
                self._views = self._views.and_of(_read(self.model, list(fresh.values())))
                self._rows |= {key: row for row, key in enumerate(fresh, len(self._rows))}
                self.new += len(fresh)
            return self._views.of([self._rows[key] for key in keys])

    def held(self) -> Views:
        """Give the posts of the fixed holdout."""
        return self.views([post for post, _ in holdout.rows()])

    def outgrown(self, posts: Iterable[Post]) -> bool:
        """Tell whether other posts are remembered than these and the holdout: their thumbs, or they, are gone."""
        with self._lock:
            return not self._rows.keys() <= set(_keys(posts))

    def dump(self, posts: Iterable[Post]) -> bytes:
        """Write what was read of these posts and of the holdout, for a later process; forget all others."""
        with self._lock:
            keys = [key for key in _keys(posts) if key in self._rows]
            views = self._views = self._views.of([self._rows[key] for key in keys])
            self._rows = {key: row for row, key in enumerate(keys)}
            self.new = 0
        about = {
            "format": FORMAT,
            "base": self.model.version,
            "rows": len(keys),
            "dimensions": views.vectors.shape[1],
        }
        numbers = [views.vectors.astype("<f4").tobytes(), views.counts.tobytes(), views.logits.astype("<f4").tobytes()]
        body = json.dumps(about).encode() + b"\n" + b"".join([*keys, *numbers])
        return body + hashlib.sha256(body).digest()


def logits_of(scores: Sequence[Scores]) -> Floats:
    """Turn probabilities back into logits: (n, len(LABELS))."""
    return np.array([[logit(found[label]) for label in LABELS] for found in scores], np.float32).reshape(
        -1, len(LABELS)
    )


def logit(probability: float) -> float:
    """Turn a probability into a logit, a finite one."""
    bounded = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(bounded / (1 - bounded))


def counts_of(posts: Sequence[Post]) -> Counts:
    """Count the different words of each post by the row they hash to: (n, WORDS)."""
    counts = np.zeros((len(posts), WORDS), np.uint8)
    for row, post in enumerate(posts):
        words = set(features.tokens(features.text_of(post)))
        places = [crc32(word.encode("utf-8", "replace"), 11) % WORDS for word in words]
        counts[row] = np.minimum(np.bincount(places, minlength=WORDS), 255)
    return counts


def _read(model: Shipped, posts: Sequence[Post]) -> Views:
    return Views(model.embed(posts), counts_of(posts), logits_of(model.score(posts)))


def _keys(posts: Iterable[Post]) -> list[bytes]:
    """Name posts and the holdout, each once."""
    return list(dict.fromkeys(map(_key, (*posts, *(post for post, _ in holdout.rows())))))


def _key(post: Post) -> bytes:
    text = features.text_of(post).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=KEY_BYTES).digest()


def _loaded(data: bytes | None, base: str) -> tuple[list[bytes], Views] | None:
    """Read what `dump` wrote; None for anything else, and for another model's."""
    body, seal = (data or b"")[:-32], (data or b"")[-32:]
    if not body or hashlib.sha256(body).digest() != seal:
        return None
    line, _, numbers = body.partition(b"\n")
    try:
        about: dict[str, Any] = json.loads(line)  # Any: JSON; each value is checked below
        rows, width, known = about["rows"], about["dimensions"], (about["format"], about["base"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if known != (FORMAT, base) or type(rows) is not int or type(width) is not int or min(rows, width) < 0:
        return None
    sizes = [rows * KEY_BYTES, 4 * rows * width, rows * WORDS, 4 * rows * len(LABELS)]
    if len(numbers) != sum(sizes):
        return None
    keys, vectors, counts, logits = (numbers[sum(sizes[:part]) : sum(sizes[: part + 1])] for part in range(len(sizes)))
    views = Views(
        np.frombuffer(vectors, "<f4").reshape(rows, width),
        np.frombuffer(counts, np.uint8).reshape(rows, WORDS),
        np.frombuffer(logits, "<f4").reshape(rows, len(LABELS)),
    )
    return [keys[start : start + KEY_BYTES] for start in range(0, len(keys), KEY_BYTES)], views

"""What there is to learn from: `models/corpus`, written for it, and the posts that `--data` leads to, if any."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import sparse

from listener.errors import ModelError
from models import embedding, features
from models.evaluate import CORPUS, Row, rows_from

# Groups of the weak corpus that break the guideline: job adverts, revenue shares, a market's coded titles.
DROPPED: Final = ("tag [Hiring]", "artist/programmer", "has money", "has an item")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Posts to learn from. The types of numpy masks and scipy matrices are not worth stating, hence Any."""

    rows: list[Row]
    kinds: Any = field(repr=False)
    """Array of str: natural (gold in the mix in which it came), sample (other gold), own (models/corpus), weak."""
    X: Any = field(repr=False)
    """(n_rows, features.ROWS), CSR, float32, every block of a row of length about 1."""
    D: Any = field(repr=False)
    """(n_rows, 2 × embedding.DIMENSIONS), float32: directions of text and head; zeros for weak rows."""

    @property
    def sources(self) -> Any:
        """Where each row comes from: array of str."""
        return np.array([row.source for row in self.rows])

    @property
    def judged(self) -> Any:
        """Tell which rows figures and calibration come from: the natural ones; if there are none, our own."""
        return self.kinds == ("natural" if (self.kinds == "natural").any() else "own")

    @property
    def groups(self) -> Any:
        """What is left out together: the source; of our own posts, which have none, the platform."""
        return np.array([row.source if kind != "own" else row.platform for row, kind in self._pairs()])

    def part(self, kept: Any) -> "Corpus":
        """Give the rows where `kept`, a mask, is true."""
        rows = [row for row, keep in zip(self.rows, kept.tolist(), strict=True) if keep]
        return Corpus(rows, self.kinds[kept], self.X[kept], self.D[kept])

    def _pairs(self) -> list[tuple[Row, str]]:
        return list(zip(self.rows, self.kinds.tolist(), strict=True))


def read_corpus(folder: Path, words: embedding.Table, own: Path = CORPUS) -> Corpus:
    """Read our own posts, but those kept for tests (held-*), and a data folder if it is there."""
    recent = set((folder / "gold").glob("recent*.jsonl"))
    found = {
        "natural": rows_of(sorted(recent)),
        "sample": rows_of(sorted(set((folder / "gold").glob("*.jsonl")) - recent)),
        "own": rows_of(sorted(path for path in own.glob("*.jsonl") if not path.name.startswith("held-"))),
    }
    known = {row.text for row in chain(*found.values())}
    weak = rows_of(sorted((folder / "posts").glob("*.jsonl.gz")))
    found["weak"] = [
        row for row in weak if row.text not in known and not any(group in row.context for group in DROPPED)
    ]
    if not known:
        raise ModelError(f"{own}: no posts to learn from")
    return corpus_of(found, words)


def corpus_of(found: dict[str, list[Row]], words: embedding.Table) -> Corpus:
    """Put rows together, by kind."""
    kinds = np.array([kind for kind, rows in found.items() for _ in rows])
    rows = list(chain(*found.values()))
    texts = [row.text for row in rows]
    meant = np.zeros((len(rows), 2 * embedding.DIMENSIONS), np.float32)
    strong = np.flatnonzero(kinds != "weak")
    meant[strong] = directions([texts[number] for number in strong], words)
    return Corpus(rows, kinds, matrix(texts), meant)


def rows_of(paths: Sequence[Path]) -> list[Row]:
    """Read files of JSON lines, .gz ones too."""
    rows: list[Row] = []
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            rows += rows_from(lines, path.name)
    return rows


def directions(texts: Sequence[str], words: embedding.Table) -> Any:
    """Give the directions of text and head side by side: (n_texts, 2 × DIMENSIONS)."""
    vectors = embedding.Vectors(words)
    known: dict[str, Any] = {}
    sums = np.zeros((2 * len(texts), embedding.DIMENSIONS), np.int64)
    for number, text in enumerate(texts):
        split = features.tokens(text)
        for word in set(split) - known.keys():
            known[word] = vectors.of(word)
        found = np.array([known[word] for word in split])
        sums[2 * number], sums[2 * number + 1] = found.sum(axis=0), found[: features.head_length(split)].sum(axis=0)
    return embedding.directions(sums).reshape(len(texts), -1)


def matrix(texts: Sequence[str]) -> Any:
    """Turn texts into features: (n_texts, features.ROWS), CSR, float32."""
    grams: dict[str, list[int]] = {}
    rows = [np.zeros(0, np.int64)]
    columns, values = list(rows), [np.zeros(0, np.float32)]
    for number, text in enumerate(texts):
        words = features.tokens(text)
        hashes = np.array([features.word_hash(word) for word in (*words, features.START)], np.uint32)
        found = features.word_segments(hashes, [len(words)], [features.head_length(words)])
        for word in set(words) - grams.keys():
            grams[word] = features.char_rows(word)
        spelt = [grams[word] for word in sorted(set(words)) if grams[word]]
        columns += [found.rows, np.array([row for word in spelt for row in word], np.int64)]
        sizes = np.array([len(word) for word in spelt], np.int64)
        values += [
            np.repeat(found.counts**-0.5, found.counts),
            np.repeat(np.maximum(sizes * len(spelt), 1) ** -0.5, sizes),
        ]
        rows.append(np.full(len(columns[-1]) + len(columns[-2]), number))
    entries = np.concatenate(values).astype(np.float32)
    place = (np.concatenate(rows), np.concatenate(columns))
    return sparse.coo_matrix((entries, place), shape=(len(texts), features.ROWS)).tocsr()

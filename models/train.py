"""Train the shipped model: `python -m models.train [--data ../shared/data] [--out models/shipped.npz]`.

`gold/*.jsonl` under the data folder was read post by post and is the truth; `posts/*.jsonl.gz` is large, old and
labelled by rules, and gives breadth. Whole sources are left out in turn: calibration, thresholds and every figure come
from posts of sources that the model which scored them had not seen. Then one model is trained on all. Seeded: the same
data makes the same file on the same kind of processor; another one rounds differently (BLAS), and where the solver
stops then moves weights a little.
"""

import argparse
import gzip
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve
from sklearn.model_selection import GroupKFold

from listener.errors import ModelError
from listener.types import LABELS, Label
from models import artefact, features
from models.classifier import SHIPPED
from models.distil import saved
from models.embedding import Table
from models.evaluate import Figures, Floats, Row, Truth, figures, rows_from, table, truth_of

DATA: Final = Path(__file__).parents[2] / "shared" / "data"
FOLDS: Final = 10
BLOCK_ROWS: Final = np.diff([0, features.HEAD_START, features.CHAR_START, features.ROWS])
# Groups of the weak corpus that break the guideline: job adverts, revenue shares, a market's coded titles.
DROPPED: Final = ("tag [Hiring]", "artist/programmer", "has money", "has an item")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a label is trained with, found on left-out sources."""

    gold_weight: float
    """How many weak rows a gold row counts as."""
    c: float
    """Inverse strength of the L2 penalty."""
    head: float = 0.7
    chars: float = 0.3
    """Scale of a block's features; the text's words are 1. A smaller one is penalised more."""


RECIPES: Final[dict[Label, Recipe]] = {
    "lead": Recipe(gold_weight=100, c=0.3),
    "question": Recipe(gold_weight=30, c=1),
    "news": Recipe(gold_weight=30, c=1, chars=1.2),
}
# The precision we want at the threshold where the recall there is worth having; else the best F1.
PRECISION: Final[dict[Label, float]] = {"lead": 0.7, "question": 0.8, "news": 0.75}
LEAST_RECALL: Final = 0.2


@dataclass(frozen=True, slots=True)
class Corpus:
    """Posts to learn from. X: (n_rows, features.ROWS), CSR, float32, every block of a row of length about 1."""

    rows: list[Row]
    gold: Any = field(repr=False)
    """Bool array, (n_rows,): read post by post. (numpy masks and scipy matrices have no types worth stating: Any.)"""
    natural: Any = field(repr=False)
    """Bool array: gold in its natural mix, which calibration and figures follow."""
    X: Any = field(repr=False)

    @property
    def sources(self) -> Any:
        """Where each row comes from: array of str."""
        return np.array([row.source for row in self.rows])


def read_corpus(folder: Path) -> Corpus:
    """Read a data folder; ModelError says what is missing."""
    natural = _rows_of(sorted((folder / "gold").glob("recent*.jsonl")))
    sample = _rows_of(sorted(set((folder / "gold").glob("*.jsonl")) - set((folder / "gold").glob("recent*.jsonl"))))
    if not natural:
        raise ModelError(f"{folder}: no gold/recent*.jsonl to learn from; name the folder with --data")
    known = {row.text for row in chain(natural, sample)}
    weak = _rows_of(sorted((folder / "posts").glob("*.jsonl.gz")))
    weak = [row for row in weak if row.text not in known and not any(group in row.context for group in DROPPED)]
    return corpus_of(natural, sample, weak)


def corpus_of(natural: list[Row], sample: Sequence[Row] = (), weak: Sequence[Row] = ()) -> Corpus:
    """Put rows together: gold in its natural mix, other gold, weak."""
    rows = [*natural, *sample, *weak]
    place = np.arange(len(rows))
    return Corpus(rows, place < len(natural) + len(sample), place < len(natural), matrix([row.text for row in rows]))


def _rows_of(paths: Sequence[Path]) -> list[Row]:
    rows: list[Row] = []
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            rows += rows_from(lines, path.name)
    return rows


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


@dataclass(frozen=True, slots=True)
class Linear:
    """Trained weights: (features.ROWS, len(LABELS)), float64; bias: (len(LABELS),)."""

    weights: Floats
    bias: Floats


def fit(corpus: Corpus, chosen: Any) -> Linear:
    """Train one logistic regression a label on the chosen rows (bool array)."""
    truth = truth_of(corpus.rows)[chosen]
    weights, bias = np.zeros((features.ROWS, len(LABELS))), np.zeros(len(LABELS))
    for column, label in enumerate(LABELS):
        recipe, y = RECIPES[label], truth[:, column]
        if not 0 < y.sum() < len(y):
            raise ModelError(f"{label}: the rows to learn from need posts with and without this label")
        scale = _block_scale(recipe)
        counts = np.where(corpus.gold[chosen], recipe.gold_weight, 1.0)
        regression = LogisticRegression(C=recipe.c, solver="liblinear", tol=1e-2, random_state=0)
        regression.fit(corpus.X[chosen] @ sparse.diags(scale), y, sample_weight=counts)
        weights[:, column] = regression.coef_[0] * scale
        bias[column] = regression.intercept_[0]
    return Linear(weights, bias)


def _block_scale(recipe: Recipe) -> Floats:
    return np.repeat([1.0, recipe.head, recipe.chars], BLOCK_ROWS).astype(np.float32)


def quantise(linear: Linear) -> tuple[Any, Floats]:
    """Round weights to int8: (weights, scales), a scale for each block and label."""
    edges = (features.HEAD_START, features.CHAR_START)
    scales = np.array([np.abs(block).max(axis=0) / 127 for block in np.split(linear.weights, edges)])
    scales = np.maximum(scales, 1e-9)
    whole = linear.weights / np.repeat(scales, BLOCK_ROWS, axis=0)
    return np.rint(whole).astype(np.int8), scales


def logits(linear: Linear, inputs: Any) -> Floats:
    """Score rows of `Corpus.X` with the weights as they will be shipped: (n_rows, len(LABELS))."""
    weights, scales = quantise(linear)
    found = inputs @ (weights * np.repeat(scales, BLOCK_ROWS, axis=0)) + linear.bias
    return np.asarray(found, dtype=np.float64)


def left_out(corpus: Corpus, folds: int) -> tuple[Floats, Any]:
    """Score each gold row by a model that has seen no row of its source: (logits, fold of each row; -1 is weak)."""
    scores, fold = np.zeros((len(corpus.rows), len(LABELS))), np.full(len(corpus.rows), -1)
    gold, sources = np.flatnonzero(corpus.gold), corpus.sources
    for number, (_, test) in enumerate(GroupKFold(folds).split(gold, groups=sources[gold])):
        rows = gold[test]
        scores[rows] = logits(fit(corpus, ~np.isin(sources, sources[rows])), corpus.X[rows])
        fold[rows] = number
        print(f"left out {number + 1} of {folds}: {', '.join(sorted(set(sources[rows])))}", file=sys.stderr)
    return scores, fold


def calibrate(scores: Floats, truth: Truth) -> Floats:
    """Fit slope and offset for each label (Platt): (len(LABELS), 2)."""
    pairs = []
    for column in range(len(LABELS)):
        platt = LogisticRegression(C=1e3).fit(scores[:, [column]], truth[:, column])
        pairs.append((max(float(platt.coef_[0, 0]), 1e-3), float(platt.intercept_[0])))
    return np.array(pairs)


def chances_of(scores: Floats, pairs: Floats) -> Floats:
    """Turn logits into calibrated probabilities."""
    return np.asarray(1 / (1 + np.exp(-np.clip(scores * pairs[:, 0] + pairs[:, 1], -30, 30))))


def cross_calibrated(scores: Floats, truth: Truth, fold: Any) -> Floats:
    """Calibrate each fold by what was learnt on the others, so that figures do not grade their own homework."""
    chances = np.zeros_like(scores)
    for number in np.unique(fold):
        held = fold == number
        chances[held] = chances_of(scores[held], calibrate(scores[~held], truth[~held]))
    return chances


def threshold_of(truth: Any, chances: Any, precision: float) -> float:
    """Take the lowest threshold from which precision holds, if enough is found there; else the one of the best F1."""
    precisions, recalls, cuts = precision_recall_curve(truth, chances)
    good = np.flatnonzero((precisions[:-1] >= precision) & (recalls[:-1] >= LEAST_RECALL))
    f1 = 2 * precisions[:-1] * recalls[:-1] / np.maximum(precisions[:-1] + recalls[:-1], 1e-9)
    return round(float(cuts[good[0] if len(good) else int(f1.argmax())]), 3)


def train(corpus: Corpus, table_of_words: Table, folds: int = FOLDS) -> artefact.Model:
    """Measure on left-out sources, then train on everything."""
    scores, fold = left_out(corpus, folds)
    truth = truth_of(corpus.rows)
    natural = corpus.natural
    chances = cross_calibrated(scores[natural], truth[natural], fold[natural])
    thresholds = {
        label: threshold_of(truth[natural][:, i], chances[:, i], PRECISION[label]) for i, label in enumerate(LABELS)
    }
    measured = figures(truth[natural], chances, thresholds)
    pairs = calibrate(scores[natural], truth[natural])
    linear = fit(corpus, np.ones(len(corpus.rows), dtype=bool))
    weights, scales = quantise(linear)
    return artefact.Model(
        weights=weights,
        scales=scales,
        bias={label: float(linear.bias[i]) for i, label in enumerate(LABELS)},
        calibration={label: (float(pairs[i, 0]), float(pairs[i, 1])) for i, label in enumerate(LABELS)},
        thresholds=thresholds,
        version="",
        table=table_of_words,
        about=_about(corpus, measured, folds),
    )


def _about(corpus: Corpus, measured: dict[str, Figures], folds: int) -> dict[str, Any]:
    count = {
        "gold, natural mix": int(corpus.natural.sum()),
        "gold, sample of the weak corpus": int((corpus.gold & ~corpus.natural).sum()),
        "weak": int((~corpus.gold).sum()),
    }
    return {
        "rows": count,
        "sources": sorted(set(corpus.sources.tolist())),
        "recipes": {
            label: {"gold_weight": r.gold_weight, "c": r.c, "head": r.head, "chars": r.chars}
            for label, r in RECIPES.items()
        },
        "figures": {
            "rows": count["gold, natural mix"],
            "left out": f"whole sources, {folds} groups in turn",
            "labels": measured,
        },
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 1 failed."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder with gold/ and posts/")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="where the model goes")
    parser.add_argument("--table", type=Path, help="word vectors of `models.distil`; else those of the shipped file")
    parser.add_argument("--folds", type=int, default=FOLDS, help="groups of sources, each left out once")
    chosen = parser.parse_args(arguments)
    try:
        words = saved(chosen.table) if chosen.table else artefact.read(SHIPPED).table
        model = train(read_corpus(chosen.data), words, chosen.folds)
        artefact.write(model, chosen.out)
        shipped = artefact.read(chosen.out)
    except (ModelError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    print(f"{chosen.out}: model {shipped.version}\n\n{table(shipped.about['figures']['labels'])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

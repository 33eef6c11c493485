"""Train the shipped model: `python -m models.train [--data ../shared/data] [--out models/shipped.npz]`.

Anybody can: `models/corpus` was written for it and comes with the code. Where the data folder is there too,
`gold/*.jsonl` in it (read post by post) is learnt from as truth, and `posts/*.jsonl.gz` (large, old, labelled by rules)
gives breadth. Linear models read a post: its n-grams, its meaning, and, for leads, its n-grams as the
weak posts alone teach them. All is one sum in the end, so the file holds one table. Whole sources are left
out in turn: calibration, thresholds and every figure come from posts of sources that the model which scored them had
not seen. Seeded: the same data makes the same file on the same kind of processor; another one rounds differently
(BLAS), and where the solver stops then moves weights a little.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve
from sklearn.model_selection import GroupKFold

from listener.errors import ModelError
from listener.types import LABELS, Label
from models import artefact, features
from models.baselines import tfidf
from models.classifier import SHIPPED
from models.distil import saved
from models.embedding import DIMENSIONS, Table
from models.evaluate import Figures, Floats, Truth, average_precision, figures, table, truth_of
from models.rows import Corpus, read_corpus

DATA: Final = Path(__file__).parents[2] / "shared" / "data"
FOLDS: Final = 10
BLOCK_ROWS: Final = np.diff([0, features.HEAD_START, features.CHAR_START, features.ROWS])
BLOCK_SCALE: Final = np.repeat([1.0, 0.7, 0.3], BLOCK_ROWS)
"""Scale of a block's features, text, head, chars: a smaller one is penalised more."""
WEIGHT: Final = {"natural": 1.0, "sample": 0.5, "own": 0.5}
"""What a row of each kind counts."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a label is trained with, found on left-out sources."""

    c: float
    """Inverse strength of the L2 penalty of the n-gram model."""
    weak: float
    """What a weak row counts in it; 0 leaves them out."""
    meaning: float
    """How much the logit of the meaning model adds."""
    apart: float
    """How much the logit of a model of the weak rows alone adds."""


RECIPES: Final[dict[Label, Recipe]] = {
    "lead": Recipe(c=3, weak=0, meaning=0.18, apart=0.34),
    "question": Recipe(c=20, weak=0.033, meaning=0.1, apart=0),
    "news": Recipe(c=20, weak=0.033, meaning=0.3, apart=0),
}
MEANING_C, APART_C = 16.0, 0.3
QUESTION_IN_LEAD: Final = 0.2
"""How much the question's n-gram logit adds to lead: who needs something mostly asks."""
ALONE: Final = 100
"""A platform of so many judged rows is left out by itself; smaller ones together."""
SAME: Final = {"twitter": "x"}
USUAL: Final = 20
"""An n-gram in so many rows keeps its scale; a rarer one, which says more, gains (inverse document frequency)."""
# The precision we want at the threshold where the recall there is worth having; else the best F1.
PRECISION: Final[dict[Label, float]] = {"lead": 0.8, "question": 0.8, "news": 0.75}
LEAST_RECALL: Final = 0.3


@dataclass(frozen=True, slots=True)
class Linear:
    """Weights over n-grams, (features.ROWS, len(LABELS)), over meaning, (2 × DIMENSIONS, len(LABELS)), and a bias."""

    grams: Floats
    meaning: Floats
    bias: Floats

    def scores(self, inputs: Any, meant: Any) -> Floats:
        """Give the logits of rows of `Corpus.X` and `Corpus.D`: (n_rows, len(LABELS))."""
        return np.asarray(inputs @ self.grams + meant @ self.meaning + self.bias, dtype=np.float64)


def fit(corpus: Corpus, chosen: Any) -> tuple[Linear, Linear]:
    """Train on the chosen rows, none weak, and as far as a label's recipe says on all weak ones: n-grams, meaning."""
    scale = _rarity(corpus.X[chosen]) * BLOCK_SCALE
    weak = corpus.kinds == "weak"
    with_weak = _scaled(corpus.X[chosen | weak], scale)
    strong = with_weak[~weak[chosen | weak]]
    grams, meaning = _nothing(), _nothing()
    for column, label in enumerate(LABELS):
        recipe = RECIPES[label]
        rows = chosen | weak if recipe.weak else chosen
        solver = LogisticRegression(C=recipe.c, solver="liblinear", dual=True, tol=0.1, random_state=0)
        learnt = _fit(solver, with_weak if recipe.weak else strong, corpus, rows, label)
        grams.grams[:, column], grams.bias[column] = learnt.coef_[0] * scale, learnt.intercept_[0]
        solver = LogisticRegression(C=MEANING_C, tol=1e-3, max_iter=1_000)
        learnt = _fit(solver, corpus.D[chosen], corpus, chosen, label)
        meaning.meaning[:, column], meaning.bias[column] = learnt.coef_[0], learnt.intercept_[0]
    return grams, meaning


def fit_apart(corpus: Corpus) -> Linear:
    """Train n-grams on the weak rows alone, for labels that want it; weights of nothing where those cannot tell."""
    found, weak = _nothing(), corpus.kinds == "weak"
    truth = truth_of(corpus.rows)[weak]
    for column, label in enumerate(LABELS):
        if RECIPES[label].apart and 0 < truth[:, column].sum() < len(truth):
            solver = LogisticRegression(C=APART_C, solver="liblinear", dual=True, tol=0.1, random_state=0)
            learnt = _fit(solver, _scaled(corpus.X[weak], BLOCK_SCALE), corpus, weak, label)
            found.grams[:, column], found.bias[column] = learnt.coef_[0] * BLOCK_SCALE, learnt.intercept_[0]
    return found


def _nothing() -> Linear:
    size = len(LABELS)
    return Linear(np.zeros((features.ROWS, size)), np.zeros((2 * DIMENSIONS, size)), np.zeros(size))


def _fit(solver: Any, inputs: Any, corpus: Corpus, rows: Any, label: Label) -> Any:
    truth = truth_of(corpus.rows)[rows, LABELS.index(label)]
    if not 0 < truth.sum() < len(truth):
        raise ModelError(f"{label}: the rows to learn from need posts with and without this label")
    weight = {**WEIGHT, "weak": RECIPES[label].weak or 1.0}
    return solver.fit(inputs, truth, np.array([weight[kind] for kind in corpus.kinds[rows]]))


def _rarity(inputs: Any) -> Floats:
    seen = np.bincount(inputs.indices, minlength=features.ROWS)
    rows = inputs.shape[0] + 1
    return np.asarray((np.log(rows / (seen + 1)) + 1) / (np.log(rows / USUAL) + 1))


def _scaled(inputs: Any, scale: Floats) -> Any:
    scaled = inputs.copy()
    scaled.data = scaled.data * scale[scaled.indices]
    return scaled


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What models said that had not seen a row's group. fold: by row, -1 where a row was not asked about.

    scores: (n_rows, len(LABELS)), logits · baseline: the same shape, chances, TF-IDF trained on the same rows
    """

    scores: Floats
    baseline: Floats
    fold: Any


def left_out(corpus: Corpus, folds: int, apart: Linear) -> LeftOut:
    """Score each judged row by models that have seen no row of its group."""
    judged, groups, size = np.flatnonzero(corpus.judged), corpus.groups, len(corpus.rows)
    scores, baseline = np.zeros((size, len(LABELS))), np.zeros((size, len(LABELS)))
    fold = np.full(size, -1)
    for number, (_, test) in enumerate(GroupKFold(folds).split(judged, groups=groups[judged])):
        held = judged[test]
        kept = (corpus.kinds != "weak") & ~np.isin(groups, groups[held])
        scores[held] = combined(*fit(corpus, kept), apart).scores(corpus.X[held], corpus.D[held])
        learnt = [row for row, keep in zip(corpus.rows, kept, strict=True) if keep]
        baseline[held] = tfidf(learnt)([corpus.rows[row].text for row in held])
        fold[held] = number
        print(f"left out {number + 1} of {folds}: {', '.join(sorted(set(groups[held])))}", file=sys.stderr)
    return LeftOut(scores, baseline, fold)


def platforms_left_out(corpus: Corpus) -> Floats:
    """Score each judged row by models that have seen no row of its platform, weak ones and ours included."""
    platforms = np.array([SAME.get(row.platform, row.platform) for row in corpus.rows])
    judged, scores = corpus.judged, np.zeros((len(corpus.rows), len(LABELS)))
    names, counts = np.unique(platforms[judged], return_counts=True)
    large = [[name] for name in names[counts >= ALONE]]
    for group in [*large, names[counts < ALONE].tolist()]:
        away = np.isin(platforms, group)
        held = away & judged
        if held.any() and not away.all():
            rest = corpus.part(~away)
            model = combined(*fit(rest, rest.kinds != "weak"), fit_apart(rest))
            scores[held] = model.scores(corpus.X[held], corpus.D[held])
            print(f"left out the platform {', '.join(group)}", file=sys.stderr)
    return scores


def combined(grams: Linear, meaning: Linear, apart: Linear) -> Linear:
    """Make one model of three, as the recipes say."""
    share = np.eye(len(LABELS))
    share[LABELS.index("question"), LABELS.index("lead")] = QUESTION_IN_LEAD
    by_meaning, by_apart = (
        np.array([getattr(RECIPES[label], name) for label in LABELS]) for name in ("meaning", "apart")
    )
    return Linear(
        grams.grams @ share + apart.grams * by_apart,
        meaning.meaning * by_meaning,
        grams.bias @ share + meaning.bias * by_meaning + apart.bias * by_apart,
    )


def quantise(linear: Linear) -> tuple[Any, Any, Floats]:
    """Round weights to int16: (n-grams, meaning, scales), a scale for each block and label."""
    blocks = [*np.split(linear.grams, (features.HEAD_START, features.CHAR_START)), linear.meaning]
    scales = np.maximum(np.array([np.abs(block).max(axis=0) / 32_767 for block in blocks]), 1e-12)
    whole = [np.rint(block / scale).astype(np.int16) for block, scale in zip(blocks, scales, strict=True)]
    return np.concatenate(whole[:-1]), whole[-1], scales


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


def train(corpus: Corpus, words: Table, folds: int = FOLDS) -> artefact.Model:
    """Measure on left-out groups, then train on everything."""
    apart, judged = fit_apart(corpus), corpus.judged
    held, truth = left_out(corpus, folds, apart), truth_of(corpus.rows)[judged]
    scores = held.scores[judged]
    pairs = calibrate(scores, truth)
    chances, crossed = chances_of(scores, pairs), cross_calibrated(scores, truth, held.fold[judged])
    thresholds = {label: threshold_of(truth[:, i], chances[:, i], PRECISION[label]) for i, label in enumerate(LABELS)}
    linear = combined(*fit(corpus, corpus.kinds != "weak"), apart)
    weights, meaning, scales = quantise(linear)
    return artefact.Model(
        weights=weights,
        meaning=meaning,
        scales=scales,
        bias={label: float(linear.bias[i]) for i, label in enumerate(LABELS)},
        calibration={label: (float(pairs[i, 0]), float(pairs[i, 1])) for i, label in enumerate(LABELS)},
        thresholds=thresholds,
        version="",
        table=words,
        about=_about(corpus, _figures(corpus, (chances, crossed), thresholds, held) | _apart(corpus), folds),
    )


def _figures(
    corpus: Corpus, both: tuple[Floats, Floats], thresholds: dict[Label, float], held: LeftOut
) -> dict[str, Any]:
    """Measure by the calibration that is shipped; its error by those of the other groups, as it learnt from all."""
    chances, crossed = both
    judged = corpus.judged
    rows = [row for row, keep in zip(corpus.rows, judged, strict=True) if keep]
    truth, halves = truth_of(rows), dict.fromkeys(LABELS, 0.5)
    labels, honest = figures(truth, chances, thresholds), figures(truth, crossed, thresholds)
    for label in LABELS:
        labels[label] |= {name: value for name, value in honest[label].items() if name.startswith("calibration")}
    found: dict[str, Any] = {
        "labels": labels,
        "baselines": {"TF-IDF": figures(truth, held.baseline[judged], halves)},
    }
    for by in ("source", "platform"):
        names = np.array([getattr(row, by) for row in rows])
        found[by] = {
            name: brief(figures(truth[names == name], chances[names == name], thresholds))
            for name in sorted(set(names.tolist()))
        }
    return found


def _apart(corpus: Corpus) -> dict[str, Any]:
    """Measure on platforms left out whole; our own posts alone are left out by platform anyway."""
    if not (corpus.kinds == "natural").any():
        return {}
    judged = corpus.judged
    scores, truth = platforms_left_out(corpus)[judged], truth_of(corpus.rows)[judged]
    ranks = {"all": average_precisions(truth, scores)}
    names = np.array([row.platform for row in corpus.rows])[judged]
    for name in sorted(set(names.tolist())):
        ranks[name] = average_precisions(truth[names == name], scores[names == name])
    return {"platform left out": ranks}


def average_precisions(truth: Truth, scores: Floats) -> list[float | None]:
    """Give it for each label; None without positives."""
    found = [average_precision(truth[:, column], scores[:, column]) for column in range(len(LABELS))]
    return [None if value is None else round(value, 3) for value in found]


def brief(measured: dict[str, Figures]) -> dict[str, list[Any]]:
    """Give positives, rows, average precision and calibration error of each label: the header is small."""
    names = ("positives", "rows", "average_precision", "calibration_error")
    return {label: [found[name] for name in names] for label, found in measured.items()}


def _about(corpus: Corpus, measured: dict[str, Any], folds: int) -> dict[str, Any]:
    kinds = {
        "natural": "gold, natural mix",
        "sample": "gold, sample of the weak corpus",
        "own": "our own",
        "weak": "weak",
    }
    left = "whole sources" if (corpus.kinds == "natural").any() else "whole platforms"
    return {
        "rows": {name: int((corpus.kinds == kind).sum()) for kind, name in kinds.items()},
        "sources": sorted({*corpus.sources.tolist()} - {""}),
        "recipe": {label: [r.c, r.weak, r.meaning, r.apart] for label, r in RECIPES.items()},
        "figures": {
            "rows": int(corpus.judged.sum()),
            "left out": f"{left}, {folds} groups in turn",
            **measured,
        },
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 1 failed."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder with gold/ and posts/")
    parser.add_argument("--table", type=Path, help="word vectors of `models.distil`; else those of the shipped file")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="where the model goes")
    parser.add_argument("--folds", type=int, default=FOLDS, help="groups of sources, each left out once")
    chosen = parser.parse_args(arguments)
    if not chosen.data.is_dir():
        print(f"{chosen.data} is not there: learning from models/corpus alone", file=sys.stderr)
    try:
        words = saved(chosen.table) if chosen.table else artefact.read(SHIPPED).table
        model = train(read_corpus(chosen.data, words), words, chosen.folds)
        artefact.write(model, chosen.out)
        shipped = artefact.read(chosen.out)
    except (ModelError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    print(f"{chosen.out}: model {shipped.version}\n\n{table(shipped.about['figures']['labels'])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

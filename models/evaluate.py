"""Measure the classifier: `python -m models.evaluate [DATA.jsonl] [--by source|platform|lang] [--json]`.

DATA holds a JSON object a line with `text` and `labels`; `-` reads standard input. Three baselines are measured on
the same rows: keyword rules, a question mark, TF-IDF with logistic regression trained on `models/corpus`. Without DATA
it prints the figures that the model's file carries: those come from sources left out of training in turn
(`python -m models.train`).
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from listener.errors import ModelError
from listener.types import LABELS, Label, Post, Scores
from models import second
from models.classifier import Classifier, load

CORPUS: Final = Path(__file__).with_name("corpus")
ROUNDS: Final = 1_000
BINS: Final = 10
Floats = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]
Figures = dict[str, Any]
"""JSON values, hence Any."""


@dataclass(frozen=True, slots=True)
class Row:
    """A post with its known labels."""

    text: str
    labels: frozenset[str]
    source: str = ""
    platform: str = ""
    lang: str = ""
    context: str = ""


def rows_from(lines: Iterable[str], name: str) -> list[Row]:
    """Read JSON lines; ModelError names the line that is none. A `title` is put before the text."""
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            text = f"{found['title']}\n{found['text']}" if found.get("title") else found["text"]
            labels = frozenset(found["labels"])
            if not isinstance(text, str) or not labels <= {*LABELS, "none"}:
                raise ValueError(f"labels must be among {', '.join(LABELS)}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{name}, line {number}: needs an object with text and labels ({error!r})") from error
        rest = {key: str(found.get(key) or "") for key in ("source", "platform", "lang", "context")}
        rows.append(Row(text, labels - {"none"}, **rest))
    return rows


def truth_of(rows: Sequence[Row]) -> Truth:
    """Give the known labels: (n_rows, len(LABELS))."""
    return np.array([[label in row.labels for label in LABELS] for row in rows], dtype=bool).reshape(-1, len(LABELS))


def as_array(scores: Sequence[Scores]) -> Floats:
    """Give the probabilities: (n_posts, len(LABELS))."""
    return np.array([[score[label] for label in LABELS] for score in scores]).reshape(-1, len(LABELS))


def figures(truth: Truth, chances: Floats, thresholds: Mapping[Label, float]) -> dict[str, Figures]:
    """Measure each label; a figure that the rows cannot carry (no positive, nothing over the threshold) is None."""
    return {label: _label(truth[:, i], chances[:, i], thresholds[label]) for i, label in enumerate(LABELS)}


def _label(truth: Truth, chances: Floats, threshold: float) -> Figures:
    rounds = ROUNDS if len(truth) else 0
    samples = np.random.default_rng(0).integers(0, max(len(truth), 1), (rounds, len(truth)))
    drawn: dict[str, list[float]] = {}
    for sample in samples:
        for name, value in _measures(truth[sample], chances[sample], threshold).items():
            if value is not None:
                drawn.setdefault(name, []).append(value)
    found: Figures = {"rows": len(truth), "positives": int(truth.sum()), "threshold": round(threshold, 3)}
    for name, value in _measures(truth, chances, threshold).items():
        found[name] = None if value is None else round(value, 3)
        if value is not None:
            found[f"{name}_interval"] = [round(float(end), 3) for end in np.percentile(drawn[name], (2.5, 97.5))]
    return found


def _measures(truth: Truth, chances: Floats, threshold: float) -> dict[str, float | None]:
    said = chances >= threshold
    hits, positives, shown = int((said & truth).sum()), int(truth.sum()), int(said.sum())
    return {
        "average_precision": average_precision(truth, chances),
        "precision": hits / shown if shown else None,
        "recall": hits / positives if positives else None,
        "f1": 2 * hits / (positives + shown) if positives else None,
        "calibration_error": calibration_error(truth, chances) if len(truth) else None,
    }


def average_precision(truth: Truth, chances: Floats) -> float | None:
    """Average precision as scikit-learn defines it, equal scores taken together; None without positives."""
    if not truth.any():
        return None
    order = np.argsort(-chances, kind="stable")
    last = np.append(np.flatnonzero(np.diff(chances[order])), len(order) - 1)
    hits = np.cumsum(truth[order])[last]
    return float((np.diff(hits, prepend=0) / hits[-1] * hits / (last + 1)).sum())


def calibration_error(truth: Truth, chances: Floats) -> float:
    """Give the expected calibration error over ten bins of equal width."""
    bins = np.minimum((chances * BINS).astype(int), BINS - 1)
    off = np.bincount(bins, chances, BINS) - np.bincount(bins, truth, BINS)
    return float(np.abs(off).sum() / len(truth))


def evaluate(classifier: Classifier, rows: Sequence[Row], by: str | None = None) -> Figures:
    """Score rows and measure; with `by` (source, platform or lang) once more for each group."""
    posts = [Post("", str(n), text=row.text) for n, row in enumerate(rows)]
    chances = as_array(classifier.score(posts))
    truth = truth_of(rows)
    found: Figures = {
        "model": classifier.version,
        "rows": len(rows),
        "labels": figures(truth, chances, classifier.thresholds),
        "trained_on": sorted({row.source for row in rows} & set(classifier.about.get("sources", ()))),
    }
    if classifier.again:
        first = classifier.first
        alone = as_array(first.score(posts))
        found["first_look"] = figures(truth, alone, first.thresholds)
        found["looked_at_again"] = round(sum(map(classifier.again.wants, first.score(posts))) / max(len(posts), 1), 3)
    if by:
        groups = np.array([getattr(row, by) for row in rows])
        found["by"] = {
            name: figures(truth[groups == name], chances[groups == name], classifier.thresholds)
            for name in sorted(set(groups.tolist()))
        }
    return found


def beside(rows: Sequence[Row]) -> dict[str, dict[str, Figures]]:
    """Measure the three baselines on the same rows, each at a threshold of one half."""
    from models.baselines import all_of  # which imports scikit-learn to train one

    texts, truth = [row.text for row in rows], truth_of(rows)
    return {name: figures(truth, baseline(texts), dict.fromkeys(LABELS, 0.5)) for name, baseline in all_of().items()}


def table(labels: Mapping[str, Figures]) -> str:
    """Write figures as a Markdown table, the 95 % interval behind each."""
    names = ("average_precision", "precision", "recall", "f1", "calibration_error")
    lines = ["| label | positives of rows | threshold | " + " | ".join(names).replace("_", " ") + " |"]
    lines.append("|---|---|---|" + "---|" * len(names))
    for label, found in labels.items():
        cells = [_cell(found, name) for name in names]
        lines.append(
            f"| {label} | {found['positives']} of {found['rows']} | {found['threshold']:.3f} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def _cell(found: Figures, name: str) -> str:
    if found[name] is None:
        return "–"
    low, high = found[f"{name}_interval"]
    return f"{found[name]:.2f} ({low:.2f}–{high:.2f})"


def _print(found: Figures) -> None:
    print(f"model {found['model']}, {found['rows']} rows\n\n{table(found['labels'])}")
    if "first_look" in found:
        print(f"\nthe first look alone ({found['looked_at_again']:.0%} of posts were looked at again)\n")
        print(table(found["first_look"]))
    if "second_look" in found:
        print(f"\nwith the second look (the extra `second`)\n\n{table(found['second_look'])}")
    for name, labels in found.get("baselines", {}).items():
        print(f"\nbeside it, {name}\n\n{table(labels)}")
    for name, labels in found.get("by", {}).items():
        print(f"\n{name or '(none)'}\n\n{table(labels)}")
    if found.get("trained_on"):
        print(f"\nThe model was trained on {', '.join(found['trained_on'])}: these figures flatter it.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 1 failed."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", nargs="?", help="JSON lines with text and labels, - for standard input")
    parser.add_argument("--model", type=Path, help="another model's file than the shipped one")
    parser.add_argument("--by", choices=("source", "platform", "lang"), help="measure each group too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    try:
        classifier = load(chosen.model)
        if chosen.data is None:
            found = _measured(classifier)
        else:
            rows = _read(chosen.data)
            found = evaluate(classifier, rows, chosen.by) | {"baselines": beside(rows)}
    except (ModelError, OSError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 1
    if chosen.json:
        print(json.dumps(found))
    else:
        _print(found)
    return 0


def _measured(classifier: Classifier) -> Figures:
    """Give the figures that the files carry, those of the second look too, whether it is installed or not."""
    held = classifier.about.get("figures", {})
    found = {"model": classifier.first.version} | {name: held.get(name, {}) for name in ("rows", "labels", "baselines")}
    again = second.measured(classifier.first.version)
    return found | {"second_look": again["labels"]} if again else found


def _read(name: str) -> list[Row]:
    if name == "-":
        return rows_from(sys.stdin, "standard input")
    try:
        with Path(name).open(encoding="utf-8") as lines:
            return rows_from(lines, name)
    except UnicodeDecodeError as error:
        raise ModelError(f"{name}: is not UTF-8 ({error})") from error


if __name__ == "__main__":
    sys.exit(main())

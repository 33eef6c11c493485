"""The classifier beside scikit-learn's own pipelines: `python -m bench.classify [--posts N]`.

Goals C1 to C3. All sides score the same invented posts in the same run, one at a time and together, in turns; CPU
seconds of this process, the best of three rounds. The bare limit is splitting the text into words, which every
classifier must do.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union

from bench.synthetic import Writer
from listener.types import LABELS, Post
from models.classifier import load
from models.features import text_of, tokens

ROUNDS = 3
SINGLE = 300
COLD = "from models.classifier import load; from listener.types import Post; load().first.score([Post('', '1', text='Any plumber?')])"
ROOT = Path(__file__).parents[1]


def pipelines(texts: Sequence[str]) -> dict[str, Any]:
    """Train scikit-learn's pipelines on some of the texts; the labels mean nothing, the cost of scoring is the same."""
    answers = [[(len(text) >> label) & 1 for label in range(len(LABELS))] for text in texts]
    words = TfidfVectorizer(ngram_range=(1, 2))
    both = make_union(HashingVectorizer(ngram_range=(1, 2)), HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5)))
    found = {}
    for name, vectors in (("scikit-learn, TF-IDF words", words), ("scikit-learn, our n-grams", both)):
        model = OneVsRestClassifier(LogisticRegression(solver="liblinear", tol=0.1))
        found[name] = make_pipeline(vectors, model)
        found[name].fit(texts, np.array(answers))
    return found


def rate(work: Callable[[], object], posts: int) -> float:
    """Give posts per CPU second."""
    start = time.process_time()
    work()
    return posts / (time.process_time() - start)


def compare(posts: Sequence[Post]) -> dict[str, tuple[float, float]]:
    """Give posts per CPU second, one at a time and together, for each side."""
    classifier = load().first
    texts = [text_of(post) for post in posts]
    sides: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "bare limit: split into words": (
            lambda: [tokens(text) for text in texts[:SINGLE]],
            lambda: [tokens(text) for text in texts],
        ),
        "listener": (
            lambda: [classifier.score([post]) for post in posts[:SINGLE]],
            lambda: classifier.score(posts),
        ),
    }
    sides["listener, embedding alone"] = (
        lambda: [classifier.embed([post]) for post in posts[:SINGLE]],
        lambda: classifier.embed(posts),
    )
    for name, pipeline in pipelines(texts[:500]).items():
        sides[name] = (
            lambda p=pipeline: [p.predict_proba([text]) for text in texts[:SINGLE]],
            lambda p=pipeline: p.predict_proba(texts),
        )
    best = dict.fromkeys(sides, (0.0, 0.0))
    for _ in range(ROUNDS):
        for name, (single, together) in sides.items():
            fast = rate(single, min(SINGLE, len(posts))), rate(together, len(posts))
            best[name] = max(best[name][0], fast[0]), max(best[name][1], fast[1])
    return best


def cold_s(code: str) -> float:
    """Give the CPU seconds of a new Python process that runs `code`, the median of five."""
    costs = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(costs)


MANY = (
    "from bench.synthetic import Writer; from models.classifier import load; one = load().first;"
    "[(one.score(posts), one.embed(posts)) for batch in Writer(20_000).batches(1_000, 50)"
    " for posts in [[draft.post for draft in batch.drafts]]]"
)


def memory_mb(code: str) -> float:
    """Give the peak memory of a process that runs `code`."""
    # Not ru_maxrss: a child starts with its parent's.
    code = f"{code}; print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    return int(done.stdout) / 1024


def verdict(goal: str, value: float, bound: float, at_least: bool) -> str:
    met = value >= bound if at_least else value <= bound
    return f"{goal}: {value:.2f} x ({'at least' if at_least else 'at most'} {bound} x): {'met' if met else 'MISSED'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--posts", type=int, default=5_000)
    count = parser.parse_args().posts
    posts = [draft.post for batch in Writer(count).batches(1_000, 50) for draft in batch.drafts]
    found = compare(posts)
    print(f"{len(posts)} posts, posts per CPU second\n{'':34}one at a time      together")
    for name, (single, together) in found.items():
        print(f"  {name:<30} {single:15,.0f} {together:13,.0f}")
    peers = [single for name, (single, _) in found.items() if name.startswith("scikit")]
    print(verdict("C1 one at a time against scikit-learn's fastest", found["listener"][0] / max(peers), 10, True))
    ours, theirs = cold_s(COLD), cold_s("import sklearn")
    print(f"cold start, load, one post: {ours:.2f} s, {memory_mb(COLD):.0f} MB; import sklearn alone: {theirs:.2f} s")
    together, memory = found["listener"][1], memory_mb(MANY)
    print(
        f"C3 batches with the embedding: {together:,.0f} posts/s (at least 5,000), {memory:.0f} MB (at most 180): "
        f"{'met' if together >= 5_000 and memory <= 180 else 'MISSED'}"
    )
    print(f"one post: {1_000 / found['listener'][0]:.2f} ms (under 2)")
    print(verdict("C2 cold process against import sklearn", ours / theirs, 0.25, False))


if __name__ == "__main__":
    main()
